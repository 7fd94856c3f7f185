//! All inputs as one feed of objects, which any number of threads pull from.

use super::local::{self, File};
use super::object::{Arrival, Body, Object};
use super::{Asked, SourceError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How far reading is; counted while it goes on, looked at by whoever shows it.
#[derive(Debug, Default)]
pub struct Meter {
    /// Objects that are to be read, as far as they are listed.
    pub listed: AtomicU64,
    /// Their bytes as stored.
    pub listed_bytes: AtomicU64,
    /// Objects that were read.
    pub done: AtomicU64,
    /// Their bytes as stored.
    pub done_bytes: AtomicU64,
    /// Objects that were not wanted: known from a former run.
    pub known: AtomicU64,
}

impl Meter {
    fn list(&self, object: &Object) {
        self.listed.fetch_add(1, Ordering::Relaxed);
        self.listed_bytes.fetch_add(object.size, Ordering::Relaxed);
    }

    /// An object of so many bytes was read.
    pub fn finish(&self, bytes: u64) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.done_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Objects in the order in which they can be had.
pub struct Feed {
    files: Vec<(Object, File)>,
    next: AtomicUsize,
    asked: Asked,
}

impl Feed {
    /// The next object that is wanted; waits for one that is on its way. None when there is no more, or when reading was
    /// told to stop.
    pub fn next(&self) -> Option<Arrival> {
        if self.stopped() {
            return None;
        }
        let (object, file) = self.files.get(self.next.fetch_add(1, Ordering::Relaxed))?;
        Some(Arrival { object: object.clone(), body: Body::Local(file.clone()) })
    }

    /// Whether reading was told to stop.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.asked.stop.load(Ordering::Relaxed)
    }

    /// How many threads can be kept busy; none when that is not known yet.
    #[must_use]
    pub fn parts(&self) -> Option<usize> {
        Some(self.files.len())
    }
}

/// Opens inputs: what is on this machine is listed at once, live sources are asked for their first page. An object is
/// asked for once, however many inputs lead to it.
///
/// # Errors
/// When an input does not exist or cannot be listed.
pub fn open(inputs: &[String], asked: Asked, meter: &Arc<Meter>) -> Result<Feed, SourceError> {
    let mut files = Vec::new();
    for input in inputs {
        if ["s3://", "gs://", "cloudtrail://", "logging://"].iter().any(|scheme| input.starts_with(scheme)) {
            return Err(SourceError::Remote(input.clone()));
        }
        local::list(input, &mut files)?;
    }
    files.sort();
    files.dedup();
    let mut files: Vec<(Object, File)> = files.into_iter().map(|file| (file.object(), file)).collect();
    let all = files.len();
    files.retain(|(object, _)| asked.wants(object));
    meter.known.fetch_add((all - files.len()) as u64, Ordering::Relaxed);
    // The largest first, so that no thread is left alone with one at the end.
    files.sort_by(|a, b| b.0.size.cmp(&a.0.size).then_with(|| a.1.cmp(&b.1)));
    files.iter().for_each(|(object, _)| meter.list(object));
    Ok(Feed { files, next: AtomicUsize::new(0), asked })
}
