//! Which records were taken already, shared by all shards: the only thing that is kept of each record, so every byte counts.

use rustc_hash::FxHashSet;
use std::sync::{Mutex, OnceLock, PoisonError};

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

/// Bits of an id that choose the part; the part is locked by one record at a time.
const PARTS: u32 = 9;
/// Bits of the content in a slot. The rest of it are bits of the id: with the part's, 55 of 64.
const CONTENT: u32 = 18;

/// Records of one part, open addressing: one word for each, the first at the place that its id says or behind it.
#[derive(Debug, Default)]
struct Part {
    slots: Vec<u64>,
    taken: usize,
}

impl Part {
    /// The content that stands for the id of `word`; where none does, `word` is taken.
    fn put(&mut self, word: u64) -> Option<u64> {
        if self.taken * 10 >= self.slots.len() * 9 {
            let slots = vec![0; (self.slots.len() + self.slots.len() / 4).max(16)];
            let before = std::mem::replace(&mut self.slots, slots);
            self.taken = 0;
            for word in before.into_iter().filter(|word| *word != 0) {
                self.place(word);
            }
        }
        self.place(word)
    }

    fn place(&mut self, word: u64) -> Option<u64> {
        let tag = word >> CONTENT;
        let spread = u128::from(tag) * self.slots.len() as u128;
        let mut at = usize::try_from(spread >> (64 - CONTENT)).unwrap_or(0);
        loop {
            match self.slots.get_mut(at) {
                Some(slot) if *slot == 0 => {
                    *slot = word;
                    self.taken += 1;
                    return None;
                }
                Some(slot) if *slot >> CONTENT == tag => return Some(*slot),
                Some(_) => at += 1,
                None => at = 0,
            }
        }
    }
}

/// The records taken so far.
#[derive(Debug, Default)]
pub struct Dedup {
    first: OnceLock<Vec<Mutex<Part>>>,
    others: Mutex<FxHashSet<(u64, u64)>>,
}

impl Dedup {
    /// Takes a record by the hashes of its id and content.
    pub fn add(&self, id: u64, content: u64) -> Found {
        let at = usize::try_from(id & ((1 << PARTS) - 1)).unwrap_or(0);
        let first = self.first.get_or_init(|| (0..1 << PARTS).map(|_| Mutex::default()).collect());
        let Some(part) = first.get(at) else { return Found::New };
        // No slot in use is empty.
        let word = ((id >> CONTENT << CONTENT) | (content >> (64 - CONTENT))).max(1);
        let known = part.lock().unwrap_or_else(PoisonError::into_inner).put(word);
        match known {
            None => Found::New,
            Some(known) if known == word => Found::Copy,
            Some(_) => {
                let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
                if others.insert((id, content)) { Found::Reused } else { Found::Copy }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fingerprint::hash;

    #[test]
    fn copies_are_told_from_new_records_and_reused_ids() {
        let dedup = Dedup::default();
        let id = |n: u32| hash(&format!("id-{n}"));
        let content = |n: u32| hash(&format!("content-{n}"));
        for n in 0..200_000 {
            assert_eq!(dedup.add(id(n), content(n)), Found::New, "{n}");
        }
        for n in (0..200_000).step_by(7) {
            assert_eq!(dedup.add(id(n), content(n)), Found::Copy, "{n}");
            assert_eq!(dedup.add(id(n), content(n + 1)), Found::Reused, "{n}");
            assert_eq!(dedup.add(id(n), content(n + 1)), Found::Copy, "{n}");
        }
        assert_eq!([dedup.add(0, 0), dedup.add(0, 0)], [Found::New, Found::Copy]);
    }

    #[test]
    fn a_record_takes_twelve_bytes() {
        let mut part = Part::default();
        for n in 0..100_000u32 {
            part.put(hash(&n.to_string()));
            let bytes = part.slots.len() * size_of::<u64>();
            assert!(n < 100 || bytes <= 12 * (n as usize + 1), "{bytes} bytes for {n} records");
        }
    }
}
