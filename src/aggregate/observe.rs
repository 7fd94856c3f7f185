//! What the log holds at all, counted by class of calls: few counters, whatever the number of records.

use super::intern::{Interner, Sym, translate};
use crate::config::Filter;
use crate::model::coverage::{Access, Class, Declaration, Observations, Place, Plane, Sighting};
use crate::model::time::{Day, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// A service in one account and region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct At {
    pub(super) cloud: &'static str,
    pub(super) account: Sym,
    pub(super) region: Sym,
    pub(super) service: Sym,
}

/// All that a record says of the log but its day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sight {
    pub(super) at: At,
    pub(super) kinds: SmallVec<[(Plane, Access); 2]>,
    pub(super) expected: Option<At>,
    pub(super) aggregated: bool,
    pub(super) truncated: bool,
    pub(super) history: bool,
}

/// A [`Sight`] as a number.
pub(super) type Sighted = u32;

/// Counters of one shard, with texts of their own.
#[derive(Debug, Default)]
pub(super) struct Observer {
    pub(super) texts: Interner,
    /// What the record at hand says.
    here: Option<(Sighted, Day)>,
    known: FxHashMap<Sight, Sighted>,
    pub(super) sights: Vec<Sight>,
    /// Records.
    pub(super) counts: FxHashMap<(Sighted, Day), u64>,
    /// Who used what records are about.
    pub(super) uses: FxHashSet<(Sym, Sighted, Day)>,
    pub(super) declared: BTreeSet<Declaration>,
}

impl Observer {
    fn at(&mut self, cloud: &'static str, seen: &Sighting<'_>, service: &str) -> At {
        // Records of one file mostly share account and region.
        if let Some(Sight { at, .. }) = self.here.and_then(|(last, _)| self.sights.get(last as usize))
            && at.cloud == cloud
            && self.texts.text(at.account) == seen.account
            && self.texts.text(at.region) == seen.region
        {
            let at = *at;
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
    pub(super) fn see(
        &mut self,
        filter: &Filter,
        cloud: &'static str,
        seen: &Sighting<'_>,
    ) -> Option<Sighted> {
        if !filter.takes_place(cloud, seen.account, seen.region) {
            self.here = None;
            return None;
        }
        let at = self.at(cloud, seen, seen.service);
        let expected = seen.expects.map(|service| self.at(cloud, seen, service));
        let sight = Sight {
            at,
            expected,
            kinds: seen.kinds.iter().copied().collect(),
            aggregated: seen.aggregated,
            truncated: seen.truncated,
            history: seen.history,
        };
        let sighted = self.number(sight);
        self.again(sighted, seen.at.unwrap_or(Timestamp::UNKNOWN).day());
        Some(sighted)
    }

    /// The number of what a record says.
    pub(super) fn number(&mut self, sight: Sight) -> Sighted {
        if let Some(known) = self.known.get(&sight) {
            return *known;
        }
        let next = Sighted::try_from(self.sights.len()).unwrap_or(Sighted::MAX);
        self.sights.push(sight.clone());
        self.known.insert(sight, next);
        next
    }

    /// Account and region of what a record says.
    pub(super) fn place(&self, sighted: Sighted) -> [&str; 2] {
        let at = self.sights.get(sighted as usize).map(|sight| sight.at);
        at.map_or([""; 2], |at| [self.texts.text(at.account), self.texts.text(at.region)])
    }

    /// What a record says that says the same in another place.
    pub(super) fn moved(&mut self, sighted: Sighted, [account, region]: [&str; 2]) -> Sighted {
        let Some(sight) = self.sights.get(sighted as usize) else { return sighted };
        let sight = sight.clone();
        let (account, region) = (self.texts.sym(account), self.texts.sym(region));
        let there = |at: At| At { account, region, ..at };
        self.number(Sight { at: there(sight.at), expected: sight.expected.map(there), ..sight })
    }

    /// Whether two records say the same, but for the place.
    pub(super) fn alike(&self, one: Sighted, other: Sighted) -> bool {
        let (Some(one), Some(other)) = (self.sights.get(one as usize), self.sights.get(other as usize))
        else {
            return false;
        };
        let there = |at: At| At { account: other.at.account, region: other.at.region, ..at };
        Sight { at: there(one.at), expected: one.expected.map(there), ..one.clone() } == *other
    }

    /// Counts a record that says what one before it said.
    pub(super) fn again(&mut self, sighted: Sighted, day: Day) {
        self.here = Some((sighted, day));
        *self.counts.entry((sighted, day)).or_default() += 1;
    }

    /// Says who used what the record at hand is about.
    pub(super) fn used_by(&mut self, principal: &str) {
        let principal = self.texts.sym(principal);
        self.used_by_known(principal);
    }

    /// The same for a principal that was named before.
    pub(super) fn used_by_known(&mut self, principal: Sym) {
        if let Some((sighted, day)) = self.here {
            self.uses.insert((principal, sighted, day));
        }
    }

    /// The symbol of a principal here.
    pub(super) fn principal(&mut self, principal: &str) -> Sym {
        self.texts.sym(principal)
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
        let theirs = other.sights.into_iter().map(|sight| {
            let expected = sight.expected.map(place);
            self.number(Sight { at: place(sight.at), expected, ..sight })
        });
        let numbers: Vec<Sighted> = theirs.collect();
        let number = |sighted: Sighted| numbers.get(sighted as usize).copied().unwrap_or(Sighted::MAX);
        other.counts.into_iter().for_each(|((sighted, day), n)| {
            *self.counts.entry((number(sighted), day)).or_default() += n;
        });
        self.uses.extend(other.uses.into_iter().map(|(who, sighted, day)| (t(who), number(sighted), day)));
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
        // Whether any record of the account, and any of a full log, was seen.
        let mut full: BTreeMap<(&'static str, String), bool> = BTreeMap::new();
        for ((sighted, day), n) in self.counts.iter().map(|(key, n)| (*key, *n)).collect::<BTreeMap<_, _>>() {
            let Some(sight) = self.sights.get(sighted as usize) else { continue };
            let account = (sight.at.cloud, text(sight.at.account));
            *full.entry(account.clone()).or_default() |= !sight.history;
            if !keeps(day) {
                continue;
            }
            for (plane, access) in &sight.kinds {
                let class = Class { place: place(&sight.at), plane: *plane, access: *access };
                *all.classes.entry(class).or_default() += n;
            }
            all.days.entry(account).or_default().extend(day.known());
            if let Some(expected) = &sight.expected {
                *all.expected.entry(place(expected)).or_default() += n;
            }
            all.aggregated += if sight.aggregated { n } else { 0 };
            all.truncated += if sight.truncated { n } else { 0 };
        }
        self.uses.iter().filter(|(.., day)| keeps(*day)).for_each(|(who, sighted, _)| {
            let Some(sight) = self.sights.get(*sighted as usize) else { return };
            let places = all.uses.entry(text(*who)).or_default();
            places.insert(place(&sight.at));
            places.extend(sight.expected.as_ref().map(place));
        });
        all.history = full.into_iter().filter(|(_, full)| !full).map(|(account, _)| account).collect();
        all
    }
}
