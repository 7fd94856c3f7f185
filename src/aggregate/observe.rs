//! What the log holds at all, counted by class of calls: few counters, whatever the number of records.

use super::intern::{Interner, Sym, translate};
use crate::config::Filter;
use crate::model::coverage::{Access, Class, Declaration, Observations, Place, Plane, Sighting};
use crate::model::time::{Day, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;

/// A service in one account and region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct At {
    cloud: &'static str,
    account: Sym,
    region: Sym,
    service: Sym,
}

/// Where the record at hand stands.
#[derive(Clone, Copy, Debug)]
struct Here {
    at: At,
    expected: Option<At>,
    day: Day,
}

/// How many records are odd in a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Odd {
    Aggregated,
    Truncated,
}

/// Counters of one shard, with texts of their own.
#[derive(Debug, Default)]
pub(super) struct Observer {
    texts: Interner,
    here: Option<Here>,
    classes: FxHashMap<(At, Plane, Access, Day), u64>,
    days: FxHashSet<(&'static str, Sym, Day)>,
    uses: FxHashSet<(Sym, At, Day)>,
    expected: FxHashMap<(At, Day), u64>,
    odd: FxHashMap<(Odd, Day), u64>,
    /// Whether any record of the account, and any of a full log, was seen.
    full: FxHashMap<(&'static str, Sym), bool>,
    declared: BTreeSet<Declaration>,
}

impl Observer {
    fn at(&mut self, cloud: &'static str, seen: &Sighting<'_>, service: &str) -> At {
        // Records of one file mostly share account and region.
        if let Some(Here { at, .. }) = self.here
            && at.cloud == cloud
            && self.texts.text(at.account) == seen.account
            && self.texts.text(at.region) == seen.region
        {
            let same = self.texts.text(at.service) == service;
            return if same { at } else { At { service: self.texts.sym(service), ..at } };
        }
        At {
            cloud,
            account: self.texts.sym(seen.account),
            region: self.texts.sym(seen.region),
            service: self.texts.sym(service),
        }
    }

    /// Counts a record, unless the filter leaves its account or region out.
    pub(super) fn see(&mut self, filter: &Filter, cloud: &'static str, seen: &Sighting<'_>) {
        if !filter.takes_place(cloud, seen.account, seen.region) {
            self.here = None;
            return;
        }
        let day = seen.at.unwrap_or(Timestamp::UNKNOWN).day();
        let at = self.at(cloud, seen, seen.service);
        let expected = seen.expects.map(|service| self.at(cloud, seen, service));
        self.here = Some(Here { at, expected, day });
        for (plane, access) in seen.kinds {
            *self.classes.entry((at, *plane, *access, day)).or_default() += 1;
        }
        self.days.insert((cloud, at.account, day));
        if let Some(expected) = expected {
            *self.expected.entry((expected, day)).or_default() += 1;
        }
        for (odd, is) in [(Odd::Aggregated, seen.aggregated), (Odd::Truncated, seen.truncated)] {
            if is {
                *self.odd.entry((odd, day)).or_default() += 1;
            }
        }
        *self.full.entry((cloud, at.account)).or_default() |= !seen.history;
    }

    /// Says who used what the record at hand is about.
    pub(super) fn used_by(&mut self, principal: &str) {
        let Some(here) = self.here else { return };
        let principal = self.texts.sym(principal);
        self.uses.insert((principal, here.at, here.day));
        if let Some(expected) = here.expected {
            self.uses.insert((principal, expected, here.day));
        }
    }

    /// Takes a declaration.
    pub(super) fn declare(&mut self, declaration: Declaration) {
        self.declared.insert(declaration);
    }

    /// Joins another's counters; order does not matter.
    pub(super) fn merge(&mut self, other: Self) {
        let map = self.texts.adopt(&other.texts);
        let t = |sym: Sym| translate(&map, sym);
        let place =
            |at: At| At { account: t(at.account), region: t(at.region), service: t(at.service), ..at };
        other.classes.into_iter().for_each(|((at, plane, access, day), n)| {
            *self.classes.entry((place(at), plane, access, day)).or_default() += n;
        });
        self.days.extend(other.days.into_iter().map(|(cloud, account, day)| (cloud, t(account), day)));
        self.uses.extend(other.uses.into_iter().map(|(who, at, day)| (t(who), place(at), day)));
        other.expected.into_iter().for_each(|((at, day), n)| {
            *self.expected.entry((place(at), day)).or_default() += n;
        });
        other.odd.into_iter().for_each(|(key, n)| *self.odd.entry(key).or_default() += n);
        other.full.into_iter().for_each(|((cloud, account), full)| {
            *self.full.entry((cloud, t(account))).or_default() |= full;
        });
        self.declared.extend(other.declared);
    }

    /// What is inside the window, by text.
    pub(super) fn finish(self, keeps: impl Fn(Day) -> bool) -> Observations {
        let text = |sym: Sym| self.texts.text(sym).to_owned();
        let place = |at: &At| Place {
            cloud: at.cloud,
            account: text(at.account),
            region: text(at.region),
            service: text(at.service),
        };
        let mut all = Observations { declared: self.declared, ..Observations::default() };
        self.classes.iter().filter(|((.., day), _)| keeps(*day)).for_each(|((at, plane, access, _), n)| {
            let class = Class { place: place(at), plane: *plane, access: *access };
            *all.classes.entry(class).or_default() += n;
        });
        self.days.iter().filter(|(.., day)| keeps(*day)).for_each(|(cloud, account, day)| {
            let days = all.days.entry((*cloud, text(*account))).or_default();
            days.extend(day.known());
        });
        self.uses.iter().filter(|(.., day)| keeps(*day)).for_each(|(who, at, _)| {
            all.uses.entry(text(*who)).or_default().insert(place(at));
        });
        self.expected.iter().filter(|((_, day), _)| keeps(*day)).for_each(|((at, _), n)| {
            *all.expected.entry(place(at)).or_default() += n;
        });
        self.odd.iter().filter(|((_, day), _)| keeps(*day)).for_each(|((odd, _), n)| match odd {
            Odd::Aggregated => all.aggregated += n,
            Odd::Truncated => all.truncated += n,
        });
        self.full.iter().filter(|(_, full)| !**full).for_each(|((cloud, account), _)| {
            all.history.insert((*cloud, text(*account)));
        });
        all
    }
}
