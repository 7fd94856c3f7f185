//! Inputs into bytes: lists objects, fetches those that are wanted, inflates one at a time.
//!
//! A new kind of source is a file here and a line in [`feed::open`]. Nothing in this room knows what a record is.

mod address;
#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "live")]
mod bucket;
mod feed;
#[cfg(feature = "live")]
mod flow;
#[cfg(feature = "gcp")]
mod gcs;
#[cfg(feature = "gcp")]
mod google;
mod inflate;
#[cfg(feature = "live")]
mod layout;
#[cfg(feature = "live")]
mod live;
#[cfg(not(feature = "live"))]
#[path = "offline.rs"]
mod live;
mod local;
#[cfg(feature = "gcp")]
mod logging;
#[cfg(feature = "aws")]
mod lookup;
mod object;
#[cfg(feature = "aws")]
mod s3;
#[cfg(feature = "live")]
mod walk;

pub use address::Address;
pub use feed::{Feed, Meter, open};
pub use object::{Arrival, Object, Opened, Stream};

use crate::config::Filter;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Says of a listed object whether its bytes are wanted.
pub type Wanted = Arc<dyn Fn(&Object) -> bool + Send + Sync>;

/// What is asked of the sources.
#[derive(Clone, Default)]
pub struct Asked {
    /// What a source may leave out unread; it may also hand over more than this asks for.
    pub filter: Filter,
    /// Asked of each listed object, before any of its bytes are; none: all are wanted.
    pub wanted: Option<Wanted>,
    /// Set from outside to stop: what is being read is finished, nothing more is begun.
    pub stop: Arc<AtomicBool>,
    /// Whether reading is paid for where the owner of a bucket asks for that.
    pub requester_pays: bool,
}

impl Asked {
    fn wants(&self, object: &Object) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted(object))
    }
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
    /// An address that is not whole.
    #[error("`{input}`: {why}")]
    Address {
        /// The input.
        input: String,
        /// What is missing.
        why: String,
    },
    /// A live source of a build that reads files only.
    #[error(
        "`{0}`: live sources are left out of this build: build it with the features `aws` and `gcp`, or copy the logs to disk"
    )]
    NotBuilt(String),
    /// A live source that cannot be read.
    #[error("`{input}`: {why}")]
    Live {
        /// The input.
        input: String,
        /// What went wrong, and what to do.
        why: String,
    },
}

/// The text of an input, and what was wrong with the rest.
#[derive(Debug)]
pub struct Content {
    /// What could be read.
    pub text: String,
    /// Why it ends early.
    pub problem: Option<String>,
}

/// Takes a text back that is no longer needed: its memory serves the next file of this thread.
pub fn recycle(text: String) {
    inflate::recycle(text.into_bytes());
}
