//! What a source holds: objects with an identity, and lazily their bytes.

use super::{Content, inflate, local::File};
use crate::model::time::Timestamp;

/// One thing that can be read: a file, an object of a bucket, a page of an API's answer.
///
/// `uri`, `size` and `version` together are its identity: while they stay the same, so do the bytes. Only what has a
/// version can be known again; everything else is read each time, and its records are known by their ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// The path of a file as given, `s3://bucket/key`, `gs://bucket/name`; the address of an API, for each of its pages.
    pub uri: String,
    /// Bytes as stored, mostly compressed; zero when unknown.
    pub size: u64,
    /// ETag, generation, or the time of a file's last change in nanoseconds; none where nothing tells one content from
    /// another: standard input and the pages of APIs.
    pub version: Option<String>,
    /// When it was last written; unknown where the source does not say.
    pub modified: Timestamp,
}

/// An object that is wanted, on its way to whoever decodes it.
#[derive(Debug)]
pub struct Arrival {
    /// What it is. Where the bytes turn out to be newer than the listing, the identity is that of the bytes.
    pub object: Object,
    pub(super) body: Body,
}

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum Body {
    /// On disk, not opened yet.
    Local(File),
}

impl Arrival {
    /// The text, inflated by the thread that asks.
    ///
    /// # Errors
    /// Why there is none, and what to do.
    pub fn read(self) -> Result<Content, String> {
        let bytes = match self.body {
            Body::Local(file) => file.read()?,
        };
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
