//! A bucket of either cloud: pages of keys, and the bytes of one. What stands in it is `layout`'s business.

use super::object::Object;
use crate::model::time::Timestamp;

/// One question to a bucket's list.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    /// What keys begin with.
    pub(super) prefix: String,
    /// Whether what lies in folders below is left out, and the folders are named instead.
    pub(super) shallow: bool,
    /// Only keys behind this one.
    pub(super) after: Option<String>,
    /// Only the first; none: as many as fit a page.
    pub(super) most: Option<u16>,
    /// Where the last page ended.
    pub(super) token: Option<String>,
}

/// An answer.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<Listed>,
    /// Folders below, each with its `/`.
    pub(super) folders: Vec<String>,
    /// Where the next page starts.
    pub(super) next: Option<String>,
}

/// An object as the list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) key: String,
    pub(super) size: u64,
    /// ETag or generation.
    pub(super) version: Option<String>,
    pub(super) modified: Timestamp,
}

/// The bytes of an object, and the version they are.
pub(super) struct Got {
    pub(super) bytes: Vec<u8>,
    pub(super) version: Option<String>,
}

/// The bytes of an object, as they come.
pub(super) struct Body {
    from: Answer,
    /// Bytes of the whole object, where the answer says so.
    pub(super) size: Option<u64>,
    pub(super) version: Option<String>,
    /// Bytes at the beginning that were not asked for.
    skip: u64,
}

/// Where they come from.
pub(super) enum Answer {
    #[cfg(feature = "aws")]
    S3(aws_sdk_s3::primitives::ByteStream),
    #[cfg(feature = "gcp")]
    Gcs(reqwest::Response),
}

impl Body {
    /// A body; `skip` of its bytes were not asked for.
    pub(super) fn new(from: Answer, size: Option<u64>, version: Option<String>, skip: u64) -> Self {
        Self { from, size, version, skip }
    }

    /// Goes on with the rest of the same bytes; size and version are those of the whole.
    pub(super) fn go_on(&mut self, rest: Self) {
        (self.from, self.skip) = (rest.from, rest.skip);
    }

    /// What comes next; none at the end.
    pub(super) async fn part(&mut self) -> Result<Option<Vec<u8>>, String> {
        loop {
            let part = match &mut self.from {
                #[cfg(feature = "aws")]
                Answer::S3(body) => match body.next().await {
                    None => None,
                    Some(part) => Some(part.map_err(|error| error.to_string())?),
                },
                #[cfg(feature = "gcp")]
                Answer::Gcs(body) => body.chunk().await.map_err(|error| error.without_url().to_string())?,
            };
            let Some(part) = part else { return Ok(None) };
            let over = usize::try_from(self.skip).unwrap_or(usize::MAX).min(part.len());
            self.skip -= over as u64;
            if over < part.len() {
                return Ok(Some(part.get(over..).unwrap_or_default().to_vec()));
            }
        }
    }
}

/// A bucket that can be listed.
pub(super) enum Bucket {
    /// Of Amazon S3, or what speaks like it.
    #[cfg(feature = "aws")]
    S3(super::s3::Bucket),
    /// Of Cloud Storage.
    #[cfg(feature = "gcp")]
    Gcs(super::gcs::Bucket),
}

impl Bucket {
    /// One page; errors say what to do.
    pub(super) async fn page(&self, query: &Query) -> Result<Page, String> {
        match self {
            #[cfg(feature = "aws")]
            Self::S3(bucket) => bucket.page(query).await,
            #[cfg(feature = "gcp")]
            Self::Gcs(bucket) => bucket.page(query).await,
        }
    }

    /// The bytes of an object; errors say what to do.
    pub(super) async fn get(&self, listed: &Listed) -> Result<Got, String> {
        match self {
            #[cfg(feature = "aws")]
            Self::S3(bucket) => bucket.get(listed).await,
            #[cfg(feature = "gcp")]
            Self::Gcs(bucket) => bucket.get(listed).await,
        }
    }

    /// The bytes of an object from one on, as they come; of that version, where one is given.
    pub(super) async fn begin(
        &self,
        listed: &Listed,
        from: u64,
        version: Option<&str>,
    ) -> Result<Body, String> {
        match self {
            #[cfg(feature = "aws")]
            Self::S3(bucket) => bucket.begin(listed, from, version).await,
            #[cfg(feature = "gcp")]
            Self::Gcs(bucket) => bucket.begin(listed, from).await,
        }
    }

    /// The address of a key.
    pub(super) fn uri(&self, key: &str) -> String {
        match self {
            #[cfg(feature = "aws")]
            Self::S3(bucket) => format!("s3://{}/{key}", bucket.name),
            #[cfg(feature = "gcp")]
            Self::Gcs(bucket) => format!("gs://{}/{key}", bucket.name),
        }
    }

    /// What an object is, for whoever asks whether it is wanted.
    pub(super) fn object(&self, listed: &Listed) -> Object {
        let Listed { key, size, version, modified } = listed;
        Object { uri: self.uri(key), size: *size, version: version.clone(), modified: *modified }
    }
}
