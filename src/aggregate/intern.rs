//! Texts as small numbers within one shard; shards are joined by text.

use hashbrown::HashTable;
use rayon::prelude::*;
use rustc_hash::FxBuildHasher;
use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

/// A text of one interner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sym(u32);

impl Sym {
    /// The empty text, which every interner has.
    pub const EMPTY: Self = Self(0);

    /// Whether it is the empty text.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    /// Its place among the [ranks](Interner::ranks).
    #[must_use]
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// Texts of one shard.
#[derive(Debug)]
pub struct Interner {
    /// Symbols by the texts they stand for.
    known: HashTable<u32>,
    texts: Vec<Arc<str>>,
}

fn hash(text: &str) -> u64 {
    FxBuildHasher.hash_one(text)
}

impl Default for Interner {
    fn default() -> Self {
        let mut texts = Self { known: HashTable::new(), texts: Vec::new() };
        texts.sym("");
        texts
    }
}

impl Interner {
    /// The symbol of `text`.
    pub fn sym(&mut self, text: &str) -> Sym {
        let texts = &mut self.texts;
        let is = |sym: &u32| texts.get(*sym as usize).is_some_and(|known| **known == *text);
        if let Some(sym) = self.known.find(hash(text), is) {
            return Sym(*sym);
        }
        let sym = u32::try_from(texts.len()).unwrap_or(u32::MAX);
        texts.push(Arc::from(text));
        let hashed = |sym: &u32| texts.get(*sym as usize).map_or(0, |text| hash(text));
        self.known.insert_unique(hash(text), sym, hashed);
        Sym(sym)
    }

    /// The text of a symbol of this interner.
    #[must_use]
    pub fn text(&self, sym: Sym) -> &str {
        self.texts.get(sym.0 as usize).map_or("", |text| text)
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared(&self, sym: Sym) -> Arc<str> {
        self.texts.get(sym.0 as usize).map_or_else(|| Arc::from(""), Arc::clone)
    }

    /// By symbol, what compares as the texts do. The texts are copied in that order: those that are asked for together stand
    /// together then, and nothing holds the memory that was used between them.
    #[must_use]
    pub fn ranks(&mut self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..u32::try_from(self.texts.len()).unwrap_or(u32::MAX)).collect();
        order.par_sort_unstable_by_key(|sym| self.text(Sym(*sym)));
        let mut ranks = vec![0; order.len()];
        for (rank, sym) in (0..).zip(order) {
            if let (Some(place), Some(text)) = (ranks.get_mut(sym as usize), self.texts.get_mut(sym as usize))
            {
                (*place, *text) = (rank, Arc::from(&**text));
            }
        }
        ranks
    }

    /// This interner's symbols for all texts of `other`, by `other`'s symbols.
    pub fn adopt(&mut self, other: &Self) -> Vec<Sym> {
        other.texts.iter().map(|text| self.sym(text)).collect()
    }
}

/// A word of a small vocabulary: clouds, reasons and kinds of policies, of which there are a few dozen.
#[must_use]
pub fn fixed(text: &str) -> &'static str {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(word) = known.get(text) {
        return word;
    }
    let word: &'static str = Box::leak(text.to_owned().into_boxed_str());
    known.insert(word);
    word
}

/// Translates a symbol by what [`Interner::adopt`] returned.
#[must_use]
pub fn translate(map: &[Sym], sym: Sym) -> Sym {
    map.get(sym.0 as usize).copied().unwrap_or(sym)
}
