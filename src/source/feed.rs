//! All inputs as one feed of objects, which any number of threads pull from.

use super::address::Address;
use super::live::Live;
use super::local::{self, File};
use super::object::{Arrival, Body, Object};
use super::{Asked, SourceError};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
    /// Objects that are no audit logs, by what they are.
    left_alone: Mutex<BTreeMap<String, u64>>,
    /// What whoever started the run should know.
    notes: Mutex<Vec<String>>,
}

impl Meter {
    pub(super) fn list(&self, object: &Object) {
        self.listed.fetch_add(1, Ordering::Relaxed);
        self.listed_bytes.fetch_add(object.size, Ordering::Relaxed);
    }

    /// Something was left alone.
    #[cfg(feature = "live")]
    pub(super) fn pass_over(&self, what: &str) {
        let mut left = self.left_alone.lock().unwrap_or_else(PoisonError::into_inner);
        *left.entry(what.to_owned()).or_default() += 1;
    }

    /// Something is to be said.
    #[cfg(feature = "live")]
    pub(super) fn say(&self, note: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    /// What whoever started the run should know, each once.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let left = self.left_alone.lock().unwrap_or_else(PoisonError::into_inner);
        if !left.is_empty() {
            let counts: Vec<String> = left.iter().map(|(what, count)| format!("{count} {what}")).collect();
            notes.push(format!("left alone, as they hold no calls: {}", counts.join(", ")));
        }
        notes.sort();
        notes.dedup();
        notes
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
    live: Live,
    asked: Asked,
}

impl Feed {
    /// The next object that is wanted; waits for one that is on its way. None when there is no more, or when reading was
    /// told to stop.
    pub fn next(&self) -> Option<Arrival> {
        if self.stopped() {
            return None;
        }
        if let Some(arrival) = self.live.ready() {
            return Some(arrival);
        }
        match self.files.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            Some((object, file)) => Some(Arrival { object: object.clone(), body: Body::Local(file.clone()) }),
            None => self.live.wait(),
        }
    }

    /// Whether reading was told to stop.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.asked.stop.load(Ordering::Relaxed)
    }

    /// How many threads can be kept busy; none when that is not known yet.
    #[must_use]
    pub fn parts(&self) -> Option<usize> {
        let long = self.files.first().is_some_and(|(object, _)| object.is_long())
            || self.files.last().is_some_and(|(object, _)| object.is_long());
        (self.live.is_none() && !long).then_some(self.files.len())
    }

    /// What could not be listed or fetched beside the objects that were handed over: address and reason. To be asked for
    /// when there is no more.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        self.live.problems()
    }
}

/// Opens inputs: what is on this machine is listed at once, live sources are asked for their first page. An object is
/// asked for once, however many inputs lead to it.
///
/// # Errors
/// When an input does not exist, cannot be listed or holds nothing.
pub fn open(inputs: &[String], asked: Asked, meter: &Arc<Meter>) -> Result<Feed, SourceError> {
    let mut files = Vec::new();
    let mut addresses = Vec::new();
    for input in inputs {
        match Address::parse(input)? {
            Some(address) => addresses.push((address, input.clone())),
            None => local::list(input, &mut files)?,
        }
    }
    files.sort();
    files.dedup();
    let mut files: Vec<(Object, File)> = files.into_iter().map(|file| (file.object(), file)).collect();
    let all = files.len();
    files.retain(|(object, _)| asked.wants(object));
    meter.known.fetch_add((all - files.len()) as u64, Ordering::Relaxed);
    // The largest first, so that no thread is left alone with one at the end.
    files.sort_by(|a, b| b.0.size.cmp(&a.0.size).then_with(|| a.1.cmp(&b.1)));
    let live = Live::open(apart(addresses), &asked, meter)?;
    files.iter().for_each(|(object, _)| meter.list(object));
    Ok(Feed { files, next: AtomicUsize::new(0), live, asked })
}

/// Each place once: what lies inside another one is left out.
fn apart(mut all: Vec<(Address, String)>) -> Vec<(Address, String)> {
    all.sort();
    all.dedup_by(|a, b| a.0 == b.0);
    let addresses: Vec<Address> = all.iter().map(|(address, _)| address.clone()).collect();
    all.retain(|(address, _)| !addresses.iter().any(|other| other != address && other.holds(address)));
    all
}
