//! The rows of a shard: found by key, kept in pieces, so that more of them never ask for a second copy of those before.

use super::Key;
use crate::model::usage::Seen;
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;

/// Rows in a piece.
const PIECE: usize = 1 << 10;

/// Rows by key.
#[derive(Debug, Default)]
pub(super) struct Rows {
    places: HashTable<u32>,
    /// All but the last are full.
    pieces: Vec<Vec<(Key, Seen)>>,
}

fn hash(key: &Key) -> u64 {
    FxBuildHasher.hash_one(key)
}

fn at(pieces: &[Vec<(Key, Seen)>], place: u32) -> Option<&(Key, Seen)> {
    let place = place as usize;
    pieces.get(place / PIECE)?.get(place % PIECE)
}

impl Rows {
    fn find(&self, key: &Key) -> Option<u32> {
        let is = |place: &u32| at(&self.pieces, *place).is_some_and(|(known, _)| known == key);
        self.places.find(hash(key), is).copied()
    }

    /// What is known of a row.
    pub(super) fn get_mut(&mut self, key: &Key) -> Option<&mut Seen> {
        let place = self.find(key)? as usize;
        self.pieces.get_mut(place / PIECE)?.get_mut(place % PIECE).map(|(_, seen)| seen)
    }

    /// Adds a row, to what is known of it.
    pub(super) fn put(&mut self, key: Key, seen: Seen) {
        match self.get_mut(&key) {
            Some(known) => known.merge(&seen),
            None => self.push(key, seen),
        }
    }

    /// Adds a row that is not there.
    fn push(&mut self, key: Key, seen: Seen) {
        let full = self.pieces.last().is_none_or(|piece| piece.len() == PIECE);
        if full {
            // The first piece grows as it must: most logs are short.
            self.pieces.push(if self.pieces.is_empty() { Vec::new() } else { Vec::with_capacity(PIECE) });
        }
        let place = self.len();
        let Some(piece) = self.pieces.last_mut() else { return };
        piece.push((key, seen));
        let pieces = &self.pieces;
        let hashed = |place: &u32| at(pieces, *place).map_or(0, |(key, _)| hash(key));
        self.places.insert_unique(hash(&key), u32::try_from(place).unwrap_or(u32::MAX), hashed);
    }

    pub(super) fn len(&self) -> usize {
        let before = self.pieces.len().saturating_sub(1) * PIECE;
        before + self.pieces.last().map_or(0, Vec::len)
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(Key, Seen)> {
        self.pieces.iter().flatten()
    }

    /// One of them.
    pub(super) fn at(&self, place: u32) -> Option<&(Key, Seen)> {
        at(&self.pieces, place)
    }

    /// All keys, in no order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.iter().map(|(key, _)| key)
    }

    /// Takes out the rows that are wanted.
    pub(super) fn take(&mut self, wanted: impl Fn(&Key) -> bool) -> Vec<(Key, Seen)> {
        let keys: Vec<Key> = self.keys().filter(|key| wanted(key)).copied().collect();
        keys.iter().filter_map(|key| self.remove(key)).collect()
    }

    /// Takes out a row; the last one comes to its place.
    fn remove(&mut self, key: &Key) -> Option<(Key, Seen)> {
        let place = self.find(key)?;
        let moved = u32::try_from(self.len().checked_sub(1)?).ok()?;
        self.places.find_entry(hash(key), |known| *known == place).ok()?.remove();
        let last = self.pieces.last_mut()?.pop()?;
        if self.pieces.last().is_some_and(Vec::is_empty) {
            self.pieces.pop();
        }
        if place == moved {
            return Some(last);
        }
        if let Some(known) = self.places.find_mut(hash(&last.0), |known| *known == moved) {
            *known = place;
        }
        let (piece, row) = (place as usize / PIECE, place as usize % PIECE);
        self.pieces.get_mut(piece)?.get_mut(row).map(|row| std::mem::replace(row, last))
    }
}

impl IntoIterator for Rows {
    type Item = (Key, Seen);
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<(Key, Seen)>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.pieces.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Interner;
    use super::*;
    use crate::model::time::{Day, Timestamp};
    use crate::model::usage::{Basis, Level, Outcome};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn key(texts: &mut Interner, n: u32) -> Key {
        let sym = texts.sym(&n.to_string());
        Key {
            cloud: sym,
            principal: sym,
            action: sym,
            level: Level::Named,
            target: sym,
            family: sym,
            scope: sym,
            context: sym,
            outcome: Outcome::Allowed,
            basis: Basis::Event,
            via: sym,
            rule: sym,
            exempt: sym,
            day: Day::UNKNOWN,
        }
    }

    proptest! {
        #[test]
        fn rows_are_kept_as_a_map_keeps_them(
            steps in prop::collection::vec((0..3 * u32::try_from(PIECE).unwrap(), 0..200u32), 1..40)
        ) {
            let (mut texts, mut rows, mut known) = (Interner::default(), Rows::default(), BTreeMap::new());
            for (from, step) in steps {
                if step % 4 == 0 {
                    let gone = |n: u32| n >= from && n % 7 < 3;
                    let wanted = |key: &Key| texts.text(key.target).parse().is_ok_and(gone);
                    let taken = rows.take(wanted).len();
                    let before = known.len();
                    known.retain(|n, _| !gone(*n));
                    prop_assert_eq!(taken, before - known.len());
                } else {
                    for n in (from..from + step * 20).step_by(2) {
                        rows.put(key(&mut texts, n), Seen::once(Timestamp(1), "id"));
                        *known.entry(n).or_insert(0u64) += 1;
                    }
                }
                prop_assert_eq!(rows.len(), known.len());
                for n in 0..from + 10 {
                    let count = rows.get_mut(&key(&mut texts, n)).map(|seen| seen.count);
                    prop_assert_eq!(count, known.get(&n).copied());
                }
            }
            prop_assert_eq!(rows.into_iter().count(), known.len());
        }
    }
}
