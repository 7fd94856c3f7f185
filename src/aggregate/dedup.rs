//! Which records were taken already, shared by all shards.

use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::{Mutex, PoisonError};

/// What a record is to the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Its id is new.
    New,
    /// Its id was taken, by other content.
    Reused,
    /// The very same record was taken.
    Copy,
}

#[derive(Debug, Default)]
struct Part {
    first: FxHashMap<u64, u64>,
    others: FxHashSet<(u64, u64)>,
}

/// The records taken so far.
#[derive(Debug)]
pub struct Dedup(Vec<Mutex<Part>>);

impl Default for Dedup {
    fn default() -> Self {
        Self((0..64).map(|_| Mutex::default()).collect())
    }
}

impl Dedup {
    /// Takes a record by the hashes of its id and content.
    pub fn add(&self, id: u64, content: u64) -> Found {
        let at = usize::try_from(id % 64).unwrap_or(0);
        let Some(part) = self.0.get(at) else { return Found::New };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = part.first.get(&id).copied() else {
            part.first.insert(id, content);
            return Found::New;
        };
        if known == content || !part.others.insert((id, content)) { Found::Copy } else { Found::Reused }
    }
}
