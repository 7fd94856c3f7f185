//! Names in records that a filter leaves out: they prove no use, and speak against patterns all the same (semantics
//! rule 13).
//!
//! Object names are joined as in the table. They are kept by text: a filter leaves out most of a log, and its principals,
//! actions and scopes need not be known.

use super::collapse::Family;
use crate::model::pattern::Pattern;
use crate::model::usage::{Bystander, COLLAPSED, Level, Outcome, Reading};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;

/// All names so far. Merging is commutative and associative.
#[derive(Debug, Default)]
pub(super) struct Bystanders {
    pub(super) names: FxHashSet<Bystander>,
    /// Object names by what holds them, which stands in place of the name.
    pub(super) families: FxHashMap<Bystander, Family>,
}

impl Bystanders {
    /// Takes the names of a record; one whose uses are not to be learned uses nothing.
    pub(super) fn take(&mut self, cloud: &'static str, reading: &Reading<'_>, learned: bool) {
        for used in reading.uses.iter().filter(|used| used.target.level == Level::Named) {
            let name = used.target.text.as_ref();
            let of = |name: &str| Bystander {
                cloud,
                name: name.to_owned(),
                principal: reading.actor.principal.to_string(),
                used: learned && used.outcome.grants(),
            };
            let at = used.family.filter(|at| *at > 0);
            match at.and_then(|at| name.split_at_checked(at)) {
                Some((family, object)) => self.families.entry(of(family)).or_default().add(object),
                None => drop(self.names.insert(of(name))),
            }
        }
    }

    /// Takes a name that nobody is known to use.
    pub(super) fn stands(&mut self, cloud: &'static str, name: &str) {
        let (name, principal) = (name.to_owned(), String::new());
        self.names.insert(Bystander { cloud, name, principal, used: false });
    }

    /// Names that nobody is known to use, with their clouds.
    pub(super) fn standing(&self) -> BTreeSet<(&'static str, &str)> {
        let unused = self.names.iter().filter(|one| one.principal.is_empty());
        unused.map(|one| (one.cloud, one.name.as_str())).collect()
    }

    /// Takes the name of a row outside the window; joined names stand for what they begin with.
    pub(super) fn cut(&mut self, row: Cut<'_>) {
        let joined = row.level == Level::Partial && row.rule.ends_with(COLLAPSED);
        let name = match row.level {
            Level::Named => row.target.to_owned(),
            _ if joined => Pattern::parse(row.target).head().to_owned(),
            _ => return,
        };
        let principal = row.principal.to_owned();
        self.names.insert(Bystander { cloud: row.cloud, name, principal, used: row.outcome.grants() });
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.names.extend(other.names);
        other.families.into_iter().for_each(|(of, names)| self.families.entry(of).or_default().merge(names));
    }

    /// All of them, sorted.
    pub(super) fn finish(self) -> Vec<Bystander> {
        let mut all: BTreeSet<Bystander> = self.names.into_iter().collect();
        self.families.into_iter().for_each(|(of, names)| {
            let full = |object: String| Bystander { name: format!("{}{object}", of.name), ..of.clone() };
            all.extend(names.beginnings().into_iter().map(full));
        });
        all.into_iter().collect()
    }
}

/// What counts of a row outside the window.
pub(super) struct Cut<'a> {
    pub(super) cloud: &'static str,
    pub(super) principal: &'a str,
    pub(super) level: Level,
    pub(super) target: &'a str,
    pub(super) rule: &'a str,
    pub(super) outcome: Outcome,
}
