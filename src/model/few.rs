//! Small sets: most hold one thing, and there are very many of them.

use serde::{Deserialize, Serialize, Serializer};
use smallvec::{SmallVec, smallvec};

/// A set, sorted; one member needs no room beside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "Vec<T>", bound(deserialize = "T: Ord + Deserialize<'de>"))]
pub struct Few<T>(SmallVec<[T; 1]>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<T: Serialize> Serialize for Few<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl<T: Ord> Few<T> {
    /// The set of this alone.
    #[must_use]
    pub fn one(member: T) -> Self {
        Self(smallvec![member])
    }

    /// Adds one.
    pub fn insert(&mut self, member: T) {
        if let Err(at) = self.0.binary_search(&member) {
            self.0.insert(at, member);
        }
    }

    /// Adds those of another.
    pub fn join(&mut self, other: &Self)
    where
        T: Clone,
    {
        for member in &other.0 {
            if let Err(at) = self.0.binary_search(member) {
                self.0.insert(at, member.clone());
            }
        }
    }

    /// Whether it holds this.
    #[must_use]
    pub fn contains(&self, member: &T) -> bool {
        self.0.binary_search(member).is_ok()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All, sorted.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<T: Ord> From<Vec<T>> for Few<T> {
    fn from(mut all: Vec<T>) -> Self {
        all.sort_unstable();
        all.dedup();
        Self(all.into_iter().collect())
    }
}

impl<T: Ord> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        Self::from(all.into_iter().collect::<Vec<T>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set(mine in prop::collection::vec(0_u8..9, 0..9), theirs in prop::collection::vec(0_u8..9, 0..9)) {
            let mut joined: Few<u8> = mine.iter().copied().collect();
            joined.join(&Few::from(theirs.clone()));
            let all: BTreeSet<u8> = mine.iter().chain(&theirs).copied().collect();
            prop_assert!(joined.iter().eq(&all));
            prop_assert!((0..9).all(|member| joined.contains(&member) == all.contains(&member)));
            prop_assert_eq!(joined.is_empty(), all.is_empty());
            let mut one_by_one = Few::default();
            mine.iter().chain(&theirs).for_each(|member| one_by_one.insert(*member));
            prop_assert_eq!(one_by_one, joined);
        }
    }
}
