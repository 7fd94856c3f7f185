//! Every resource name of the log, whoever used it: the evidence against a pattern (semantics rule 13).

use crate::cloud::Cloud;
use crate::model::pattern::Pattern;
use crate::model::usage::{Bystander, Level, Row};
use std::collections::{BTreeMap, BTreeSet};

/// Names of one cloud, sorted.
#[derive(Clone, Debug, Default)]
pub struct World<'u> {
    names: Vec<&'u str>,
    /// Names of which the log tells only how they begin, as patterns.
    begun: Vec<&'u str>,
    units: BTreeSet<&'u str>,
    /// Names that principals used in records left out by a filter.
    elsewhere: BTreeMap<&'u str, Vec<&'u str>>,
}

impl<'u> World<'u> {
    /// The names in those rows, whatever came of the calls.
    #[must_use]
    pub fn new(rows: impl Iterator<Item = &'u Row> + Clone, cloud: &dyn Cloud) -> Self {
        let units = rows.clone().filter_map(|row| cloud.unit(&row.target.text)).collect();
        let of = |level: Level| {
            let rows = rows.clone().filter(|row| row.target.level == level);
            rows.map(|row| row.target.text.as_ref()).collect::<BTreeSet<&str>>().into_iter().collect()
        };
        Self { names: of(Level::Named), begun: of(Level::Partial), units, elsewhere: BTreeMap::new() }
    }

    /// Units of deployment that the log knows.
    pub fn units(&self) -> impl Iterator<Item = &'u str> + '_ {
        self.units.iter().copied()
    }

    /// The names in records that a filter left out, too.
    #[must_use]
    pub fn beside(mut self, bystanders: impl Iterator<Item = &'u Bystander>) -> Self {
        for one in bystanders {
            self.names.push(&one.name);
            if one.used {
                self.elsewhere.entry(&one.principal).or_default().push(&one.name);
            }
        }
        self.names.sort_unstable();
        self.names.dedup();
        self
    }

    /// Names that a principal used in records left out by a filter.
    pub fn elsewhere(&self, who: &str) -> impl Iterator<Item = &'u str> + '_ {
        self.elsewhere.get(who).into_iter().flatten().copied()
    }

    /// Names that fit the pattern and are not among `own`.
    pub fn strangers<'w>(
        &'w self,
        pattern: &'w Pattern,
        own: &'w BTreeSet<&str>,
    ) -> impl Iterator<Item = &'u str> + 'w {
        near(&self.names, pattern).filter(|name| !own.contains(name) && pattern.matches(name))
    }

    /// Beginnings of names that fit the pattern, which is over such, and are not among `own`.
    pub fn strange_beginnings<'w>(
        &'w self,
        pattern: &'w Pattern,
        own: &'w BTreeSet<&str>,
    ) -> impl Iterator<Item = &'u str> + 'w {
        near(&self.begun, pattern).filter(|name| !own.contains(name) && pattern.matches(name))
    }
}

/// Names that begin as the pattern does.
fn near<'w, 'u>(names: &'w [&'u str], pattern: &'w Pattern) -> impl Iterator<Item = &'u str> + 'w {
    let head = pattern.head();
    let from = names.partition_point(|name| *name < head);
    names.iter().skip(from).take_while(move |name| name.starts_with(head)).copied()
}
