//! Paths into bytes: enumerates inputs in a stable order, reads and inflates one at a time.
//!
//! A new kind of source is a file here and a line in [`enumerate`]. Nothing in this room knows what a record is.

#![expect(clippy::disallowed_methods, reason = "this is where files are read")]

mod inflate;

use std::io::Read;
use std::path::{Path, PathBuf};

/// Something to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// Why an input cannot be taken at all.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It is not there.
    #[error("`{0}`: no such file or directory")]
    Missing(String),
    /// It cannot be listed.
    #[error("`{path}`: cannot be listed: {why}")]
    Unlistable {
        /// Path as given.
        path: String,
        /// What the system says.
        why: String,
    },
    /// A glob that nothing matches, or that is none.
    #[error("`{0}`: no file matches")]
    NoMatch(String),
    /// A live source.
    #[error("`{0}`: reading straight from a cloud is not built in; copy the logs to disk first")]
    Remote(String),
}

/// The text of an input, and what was wrong with the rest.
#[derive(Debug)]
pub struct Content {
    /// What could be read.
    pub text: String,
    /// Why it ends early.
    pub problem: Option<String>,
}

impl Input {
    /// The path as messages and the manifest write it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "-".to_owned(),
        }
    }

    /// Size on disk, zero when unknown.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::File(path) => path.metadata().map_or(0, |m| m.len()),
            Self::Stdin => 0,
        }
    }

    /// Reads and inflates.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(&self) -> Result<Content, String> {
        let mut bytes = Vec::new();
        match self {
            Self::File(path) => {
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
        if bytes.is_empty() {
            return Err("is empty: an empty log proves nothing, check the delivery".to_owned());
        }
        let (bytes, problem) = inflate::inflate(bytes);
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err("is UTF-16 text: convert it to UTF-8 first".to_owned());
        }
        Ok(Content { text: to_text(bytes), problem })
    }
}

/// Takes a text back that is no longer needed: its memory serves the next file of this thread.
pub fn recycle(text: String) {
    inflate::recycle(text.into_bytes());
}

/// UTF-8 without its byte order mark; what is no UTF-8 is replaced, so that one bad name loses nothing else.
fn to_text(bytes: Vec<u8>) -> String {
    let mut text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    text
}

/// All files behind the inputs, sorted, each once.
///
/// # Errors
/// When an input does not exist.
pub fn enumerate(inputs: &[String]) -> Result<Vec<Input>, SourceError> {
    let mut all = Vec::new();
    for input in inputs {
        if input == "-" {
            all.push(Input::Stdin);
        } else if ["s3://", "gs://", "cloudtrail://", "logging://"]
            .iter()
            .any(|scheme| input.starts_with(scheme))
        {
            return Err(SourceError::Remote(input.clone()));
        } else {
            local(input, &mut all)?;
        }
    }
    all.sort();
    all.dedup();
    Ok(all)
}

fn local(input: &str, all: &mut Vec<Input>) -> Result<(), SourceError> {
    let path = Path::new(input);
    if path.is_dir() {
        return walk(path, all);
    }
    if path.exists() {
        all.push(Input::File(path.to_owned()));
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
            all.push(Input::File(path));
        }
    }
    if found { Ok(()) } else { Err(SourceError::NoMatch(input.to_owned())) }
}

/// All files below a directory but hidden ones.
fn walk(root: &Path, all: &mut Vec<Input>) -> Result<(), SourceError> {
    let hidden =
        |entry: &walkdir::DirEntry| entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.');
    let entries =
        walkdir::WalkDir::new(root).follow_links(true).into_iter().filter_entry(|entry| !hidden(entry));
    for entry in entries {
        let entry = entry
            .map_err(|e| SourceError::Unlistable { path: root.display().to_string(), why: e.to_string() })?;
        if entry.file_type().is_file() {
            all.push(Input::File(entry.into_path()));
        }
    }
    Ok(())
}
