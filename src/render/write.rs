//! Files onto disk: whole or not at all, readable by their owner only.

#![expect(clippy::disallowed_methods, reason = "this is where files are written")]

use std::io::{BufWriter, ErrorKind, Write};
use std::iter::once;
use std::path::Path;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It holds the new content.
    Whole,
    /// It stands as it was; the new content is beside it, under this path.
    Beside(String),
}

/// Makes a folder, for its owner only.
fn folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes `root/relative`, which can be made again: whoever reads it sees all of it or what stood before, but nobody waits
/// until it is on the disk. With `keep`, a file that stands with other content is left, and the new content
/// goes into `NAME.partial` beside it.
///
/// # Errors
/// What the system says.
pub fn file(root: &Path, relative: &str, text: &str, keep: bool) -> std::io::Result<Written> {
    let path = root.join(relative);
    let stands = std::fs::read_to_string(&path).ok();
    if stands.as_deref() == Some(text) {
        own(&path)?;
        return Ok(Written::Whole);
    }
    if keep && stands.is_some() {
        let beside = format!("{relative}.partial");
        atomically(&root.join(&beside), once(text), false)?;
        return Ok(Written::Beside(beside));
    }
    atomically(&path, once(text), false)?;
    Ok(Written::Whole)
}

/// Writes `root/relative` like [`file`], where nothing can stand.
///
/// # Errors
/// What the system says.
pub fn fresh(root: &Path, relative: &str, text: &str) -> std::io::Result<Written> {
    atomically(&root.join(relative), once(text), false)?;
    Ok(Written::Whole)
}

/// Whether nothing stands in a folder, or there is none.
#[must_use]
pub fn is_empty(folder: &Path) -> bool {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(why) => why.kind() == ErrorKind::NotFound,
    }
}

/// Writes `root/relative` from its pieces, which nothing else can give back: it is on the disk when this returns.
///
/// # Errors
/// What the system says.
pub fn lasting(
    root: &Path,
    relative: &str,
    pieces: impl IntoIterator<Item = impl AsRef<str>>,
) -> std::io::Result<()> {
    atomically(&root.join(relative), pieces, true)
}

/// Leaves a file that stands to its owner.
fn own(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let all = std::fs::metadata(path)?.permissions();
        if all.mode() & 0o077 != 0 {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(all.mode() & 0o700))?;
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Removes a file, where it stands.
///
/// # Errors
/// What the system says.
pub fn remove(root: &Path, relative: &str) -> std::io::Result<()> {
    match std::fs::remove_file(root.join(relative)) {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

fn atomically(
    path: &Path,
    pieces: impl IntoIterator<Item = impl AsRef<str>>,
    lasting: bool,
) -> std::io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = match tempfile::NamedTempFile::new_in(parent) {
        Err(why) if why.kind() == ErrorKind::NotFound => {
            folder(parent)?;
            tempfile::NamedTempFile::new_in(parent)?
        }
        made => made?,
    };
    let mut buffer = BufWriter::new(&file);
    for piece in pieces {
        buffer.write_all(piece.as_ref().as_bytes())?;
    }
    buffer.flush()?;
    drop(buffer);
    if lasting {
        file.as_file().sync_all()?;
    }
    file.persist(path).map(|_| ()).map_err(|e| e.error)
}
