//! What a source holds: objects with an identity, and lazily their bytes.

use super::inflate::{self, Inflated};
use super::{Content, local::File};
use crate::model::time::Timestamp;
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

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

impl Object {
    /// Whether it may be too long to be held: also what comes through a pipe, and has no size before its end.
    pub(super) fn is_long(&self) -> bool {
        self.size == 0 || self.size > inflate::AT_ONCE as u64
    }
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
    /// Fetched, with what its place in memory is counted by.
    #[cfg(feature = "live")]
    Fetched(super::live::Fetched),
    /// On their way.
    #[cfg(feature = "live")]
    Flowing(super::flow::Flow),
}

/// What an object turns out to be.
pub enum Opened {
    /// A text.
    Text(Content),
    /// A text that is too long to be held.
    Long(Stream),
}

/// A long text, inflated while it is read. It may begin with a byte order mark, and hold what is no UTF-8.
pub struct Stream {
    reader: Box<dyn Read + Send>,
    /// Why it could not be fetched to its end.
    failure: Failure,
}

/// Told to the one who reads where what is read is not to blame.
pub(super) type Failure = Arc<Mutex<Option<String>>>;

impl Stream {
    /// Of a text that is held.
    #[must_use]
    pub fn of(text: String) -> Self {
        Self { reader: Box::new(Cursor::new(text.into_bytes())), failure: Failure::default() }
    }

    /// Why it could not be fetched to its end, if that is why it ended.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Read for Stream {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        self.reader.read(to)
    }
}

impl Body {
    /// Where it is told why it ended early.
    fn failure(&self) -> Failure {
        match self {
            #[cfg(feature = "live")]
            Self::Flowing(flow) => flow.failure(),
            _ => Failure::default(),
        }
    }
}

impl Arrival {
    /// The text, inflated by the thread that asks.
    ///
    /// # Errors
    /// Why there is none, and what to do.
    pub fn open(self) -> Result<Opened, String> {
        #[cfg(feature = "live")]
        let _share;
        let failure = self.body.failure();
        let long = self.object.is_long();
        let inflated = match self.body {
            Body::Local(file) if long => inflate::open(file.open()?),
            Body::Local(file) => inflate::inflate(file.read()?),
            #[cfg(feature = "live")]
            Body::Fetched(fetched) => {
                let (result, share) = fetched.take();
                _share = share;
                inflate::inflate(result?)
            }
            #[cfg(feature = "live")]
            Body::Flowing(flow) => inflate::open(Box::new(flow)),
        };
        if let Some(why) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(why);
        }
        let (bytes, problem) = match inflated {
            Inflated::Whole(bytes, problem) => (bytes, problem),
            Inflated::Long(reader) => return Ok(Opened::Long(Stream { reader, failure })),
        };
        if bytes.is_empty() && problem.is_none() {
            return Err("is empty: an empty log proves nothing, check the delivery".to_owned());
        }
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err("is UTF-16 text: convert it to UTF-8 first".to_owned());
        }
        Ok(Opened::Text(Content { text: to_text(bytes), problem }))
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
