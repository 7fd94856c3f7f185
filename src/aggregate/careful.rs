//! In how many sessions a principal used each action that hands out or hides power (semantics rule 5).

use super::intern::{Interner, Sym};
use super::{Key, sensitive};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// So many sessions are kept, those with the smallest hashes: the question is whether there was more than one.
const ENOUGH: usize = 64;

/// Principal and action → sessions.
pub type Sensitive = BTreeMap<(String, String), BTreeSet<u64>>;

/// Sessions of sensitive actions. Merging is commutative and associative.
#[derive(Debug, Default)]
pub(super) struct Careful {
    /// Whether an action is sensitive, asked once for each.
    known: FxHashMap<Sym, bool>,
    pub(super) sessions: FxHashMap<(Sym, Sym), BTreeSet<u64>>,
}

impl Careful {
    /// Counts a session for a use that would be granted.
    pub(super) fn see(&mut self, key: &Key, session: u64, texts: &Interner) {
        let known = self.known.entry(key.action);
        let known = known.or_insert_with(|| sensitive(texts.text(key.cloud), texts.text(key.action)));
        if *known && key.outcome.grants() && key.exempt.is_empty() {
            self.add((key.principal, key.action), session);
        }
    }

    /// Adds a session of a principal and a sensitive action.
    pub(super) fn add(&mut self, of: (Sym, Sym), session: u64) {
        let sessions = self.sessions.entry(of).or_default();
        sessions.insert(session);
        if sessions.len() > ENOUGH {
            sessions.pop_last();
        }
    }

    pub(super) fn merge(&mut self, other: Self, translated: &impl Fn(Sym) -> Sym) {
        other.sessions.into_iter().for_each(|((principal, action), theirs)| {
            let of = (translated(principal), translated(action));
            theirs.into_iter().for_each(|session| self.add(of, session));
        });
    }

    /// Two of the sessions in which each sensitive action was used, by principal and action: as many as a later run needs to
    /// know.
    pub(super) fn two(&self, texts: &Interner, in_window: impl Fn(Sym, u64) -> bool) -> Sensitive {
        let mut all = Sensitive::new();
        self.sessions.iter().for_each(|((who, action), sessions)| {
            let mut seen: Vec<u64> = sessions.iter().copied().filter(|s| in_window(*who, *s)).collect();
            seen.sort_unstable();
            seen.truncate(2);
            let key = (texts.text(*who).to_owned(), texts.text(*action).to_owned());
            all.insert(key, seen.into_iter().collect());
        });
        all
    }

    /// Whether the action was used in one session only, of those in the window.
    pub(super) fn once(&self, principal: Sym, action: Sym, in_window: impl Fn(u64) -> bool) -> bool {
        let sessions = self.sessions.get(&(principal, action));
        sessions.is_some_and(|all| all.iter().filter(|session| in_window(**session)).count() <= 1)
    }
}
