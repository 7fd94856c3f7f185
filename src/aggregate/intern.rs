//! Texts as small numbers within one shard; shards are joined by text.

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A text of one interner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sym(u32);

impl Sym {
    /// Its place among the [ranks](Interner::ranks).
    #[must_use]
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// Texts of one shard.
#[derive(Debug, Default)]
pub struct Interner {
    known: FxHashMap<Arc<str>, Sym>,
    texts: Vec<Arc<str>>,
}

impl Interner {
    /// The symbol of `text`.
    pub fn sym(&mut self, text: &str) -> Sym {
        if let Some(sym) = self.known.get(text) {
            return *sym;
        }
        let sym = Sym(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        let shared: Arc<str> = Arc::from(text);
        self.texts.push(Arc::clone(&shared));
        self.known.insert(shared, sym);
        sym
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

    /// By symbol, what compares as the texts do.
    #[must_use]
    pub fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..u32::try_from(self.texts.len()).unwrap_or(u32::MAX)).collect();
        order.par_sort_unstable_by_key(|sym| self.text(Sym(*sym)));
        let mut ranks = vec![0; order.len()];
        for (rank, sym) in (0..).zip(order) {
            if let Some(place) = ranks.get_mut(sym as usize) {
                *place = rank;
            }
        }
        ranks
    }

    /// This interner's symbols for all texts of `other`, by `other`'s symbols.
    pub fn adopt(&mut self, other: &Self) -> Vec<Sym> {
        other.texts.iter().map(|text| self.sym(text)).collect()
    }
}

/// Translates a symbol by what [`Interner::adopt`] returned.
#[must_use]
pub fn translate(map: &[Sym], sym: Sym) -> Sym {
    map.get(sym.0 as usize).copied().unwrap_or(sym)
}
