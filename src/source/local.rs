//! Files, folders, globs and standard input.

#![expect(clippy::disallowed_methods, reason = "this is where files are read")]

use super::SourceError;
use super::object::Object;
use crate::config::STORE_MARKER;
use crate::model::time::Timestamp;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Something on this machine to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum File {
    /// A file.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

impl File {
    /// What it is.
    pub(super) fn object(&self) -> Object {
        let Self::Path(path) = self else {
            return Object { uri: "-".to_owned(), size: 0, version: None, modified: Timestamp::UNKNOWN };
        };
        let metadata = path.metadata().ok();
        let changed = metadata.as_ref().and_then(|m| m.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        Object {
            uri: path.display().to_string(),
            size: metadata.map_or(0, |m| m.len()),
            version: changed.map(|changed| changed.as_nanos().to_string()),
            modified: changed
                .and_then(|changed| i64::try_from(changed.as_micros()).ok())
                .map_or(Timestamp::UNKNOWN, Timestamp),
        }
    }

    /// Its bytes, one after another.
    pub(super) fn open(&self) -> Result<Box<dyn Read + Send>, String> {
        match self {
            Self::Path(path) => {
                Ok(Box::new(std::fs::File::open(path).map_err(|e| format!("cannot be opened: {e}"))?))
            }
            Self::Stdin => Ok(Box::new(std::io::stdin())),
        }
    }

    /// Its bytes.
    pub(super) fn read(&self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        match self {
            Self::Path(path) => {
                let mut file = std::fs::File::open(path).map_err(|e| format!("cannot be opened: {e}"))?;
                file.read_to_end(&mut bytes).map_err(|e| format!("cannot be read: {e}"))?;
            }
            Self::Stdin => {
                std::io::stdin()
                    .lock()
                    .read_to_end(&mut bytes)
                    .map_err(|e| format!("cannot be read: {e}"))?;
            }
        }
        Ok(bytes)
    }
}

/// All files behind one input.
///
/// # Errors
/// When there is nothing.
pub(super) fn list(input: &str, all: &mut Vec<File>) -> Result<(), SourceError> {
    if input == "-" {
        all.push(File::Stdin);
        return Ok(());
    }
    let path = Path::new(input);
    if path.is_dir() {
        return walk(path, all);
    }
    if path.exists() {
        all.push(File::Path(path.to_owned()));
        return Ok(());
    }
    if !input.contains(['*', '?', '[']) {
        return Err(SourceError::Missing(input.to_owned()));
    }
    let matches = glob::glob(input).map_err(|_| SourceError::NoMatch(input.to_owned()))?;
    let mut found = false;
    for path in matches.flatten() {
        found = true;
        if path.is_dir() {
            walk(&path, all)?;
        } else {
            all.push(File::Path(path));
        }
    }
    if found { Ok(()) } else { Err(SourceError::NoMatch(input.to_owned())) }
}

/// All files below a directory but hidden ones and stores, which hold no logs.
fn walk(root: &Path, all: &mut Vec<File>) -> Result<(), SourceError> {
    let hidden =
        |entry: &walkdir::DirEntry| entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.');
    let store =
        |entry: &walkdir::DirEntry| entry.file_type().is_dir() && entry.path().join(STORE_MARKER).is_file();
    let entries = walkdir::WalkDir::new(root)
        .follow_links(true)
        .into_iter()
        .filter_entry(|entry| !hidden(entry) && !store(entry));
    for entry in entries {
        let entry = entry
            .map_err(|e| SourceError::Unlistable { path: root.display().to_string(), why: e.to_string() })?;
        if entry.file_type().is_file() {
            all.push(File::Path(entry.into_path()));
        }
    }
    Ok(())
}
