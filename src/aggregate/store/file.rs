//! Files of a store: written whole or not at all, for their owner only, and known again by size and digest.

#![expect(clippy::disallowed_methods, reason = "this is where the files of a store are read and written")]

use super::{Damage, StoreError};
use polars::prelude::*;
use polars_io::SerReader;
use polars_io::parquet::read::ParquetReader;
use polars_io::parquet::write::{ParquetCompression, ParquetWriter};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, File};
use std::io::{Cursor, Write};
use std::path::Path;

/// A file as the index knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Path below the store.
    pub(super) path: String,
    /// Its size.
    pub(super) bytes: u64,
    /// Its lines.
    pub(super) lines: u64,
    /// SHA-256 of its content, in hex.
    pub(super) sha256: String,
}

fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Makes a folder, for its owner only.
pub(super) fn folder(path: &Path) -> Result<(), StoreError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|why| StoreError::io(path, "cannot be made", &why))
}

/// Writes a file so that after any crash it stands whole or not at all.
pub(super) fn put(root: &Path, relative: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let path = root.join(relative);
    let fail = |why: &std::io::Error| StoreError::io(&path, "cannot be written", why);
    let parent = path.parent().unwrap_or(root);
    let mut file = tempfile::Builder::new().prefix(PENDING).tempfile_in(parent).map_err(|why| fail(&why))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(|why| fail(&why))?;
    file.persist(&path).map_err(|why| fail(&why.error))?;
    // The name must be on disk before the index speaks of it.
    #[cfg(unix)]
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(|why| fail(&why))?;
    Ok(())
}

/// How the names of files begin that are not whole yet.
pub(super) const PENDING: &str = ".pending-";

/// Writes a table.
pub(super) fn write(root: &Path, relative: &str, frame: &mut DataFrame) -> Result<Entry, StoreError> {
    let mut bytes = Vec::new();
    frame.rechunk_mut();
    ParquetWriter::new(&mut bytes).with_compression(ParquetCompression::Zstd(None)).finish(frame)?;
    put(root, relative, &bytes)?;
    Ok(Entry {
        path: relative.to_owned(),
        bytes: bytes.len() as u64,
        lines: frame.height() as u64,
        sha256: digest(&bytes),
    })
}

/// What is wrong with a file as far as its size tells; its content is looked at when it is read.
pub(super) fn check(root: &Path, entry: &Entry) -> Result<(), Damage> {
    let path = root.join(&entry.path);
    let damage = |why: String| Damage { path: path.display().to_string(), why };
    match std::fs::metadata(&path) {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Err(damage("is missing".to_owned())),
        Err(why) => Err(damage(format!("cannot be read: {why}"))),
        Ok(known) if known.len() != entry.bytes => Err(damage(format!(
            "has {} bytes where {} were written: it was cut or replaced",
            known.len(),
            entry.bytes
        ))),
        Ok(_) => Ok(()),
    }
}

/// The bytes of a file, which are those that were written.
fn bytes(root: &Path, entry: &Entry) -> Result<Vec<u8>, Damage> {
    check(root, entry)?;
    let path = root.join(&entry.path);
    let damage = |why: String| Damage { path: path.display().to_string(), why };
    let bytes = std::fs::read(&path).map_err(|why| damage(format!("cannot be read: {why}")))?;
    if digest(&bytes) != entry.sha256 {
        return Err(damage("is not what was written: it was changed or replaced".to_owned()));
    }
    Ok(bytes)
}

/// What is wrong with a file, whatever its size.
pub(super) fn whole(root: &Path, entry: &Entry) -> Result<(), Damage> {
    bytes(root, entry).map(drop)
}

/// Reads a table; with `columns`, only those.
pub(super) fn read(root: &Path, entry: &Entry, columns: Option<&[&str]>) -> Result<DataFrame, Damage> {
    let bytes = bytes(root, entry)?;
    let path = root.join(&entry.path);
    let damage = |why: String| Damage { path: path.display().to_string(), why };
    let columns = columns.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let reader = ParquetReader::new(Cursor::new(bytes)).with_columns(columns);
    reader.finish().map_err(|why| damage(format!("is no Parquet file of this store: {why}")))
}

/// The text of a file; none where there is none.
pub(super) fn text(path: &Path) -> Result<Option<String>, StoreError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(StoreError::io(path, "cannot be read", &why)),
    }
}

/// Takes away every file of a folder that is not to be kept.
pub(super) fn sweep(folder: &Path, keep: impl Fn(&str) -> bool) -> Result<(), StoreError> {
    let listed = match std::fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(StoreError::io(folder, "cannot be listed", &why)),
    };
    for entry in listed.flatten() {
        if !keep(&entry.file_name().to_string_lossy()) {
            // One that cannot be taken away is in nobody's way.
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// A lock that only one process holds; it goes when the process does.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; `waiting` is told where another process holds it.
    pub(super) fn take(path: &Path, waiting: &dyn Fn()) -> Result<Self, StoreError> {
        let fail = |why: &std::io::Error| StoreError::io(path, "cannot be locked", why);
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|why| fail(&why))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(|why| fail(&why))?;
            }
            Err(std::fs::TryLockError::Error(why)) => return Err(fail(&why)),
        }
        Ok(Self { _file: file })
    }
}
