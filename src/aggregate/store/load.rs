//! A store as the shard that reading its logs would have left, before anything is settled: what comes after cannot tell one
//! from the other.

use super::super::bystanders::Bystanders;
use super::super::collapse::Family;
use super::super::denials;
use super::super::intern::Sym;
use super::super::line::Line;
use super::super::observe::{At, Sight, Sighted};
use super::super::pending::Pending;
use super::super::rows::Rows;
use super::super::{Key, Known, Shard};
use super::facts::{WHOLE, counter, kind};
use super::table::{Cells, FACT_TEXTS, Lines, joined, keys};
use super::{StoreError, declared, index, text};
use crate::model::identity::Vouched;
use crate::model::tally::{Skip, Unreadable};
use crate::model::time::Day;
use crate::model::usage::{Bystander, Level, Seen};
use polars::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Takes the facts of a store, then its rows.
pub(super) struct Loader<'s> {
    pub(super) shard: &'s mut Shard,
    /// Condition keys that are not asked for now.
    unasked: Vec<String>,
    /// Of the entries of `[[exclude]]`, by what they select.
    excludes: BTreeMap<String, Vec<usize>>,
    /// The newest day of readings that wait.
    pub(super) waits: Option<Day>,
    /// Rows, before the families of their names are whole.
    pub(super) rows: Rows,
}

/// Columns of a fact, in the order of [`FACT_TEXTS`].
mod column {
    pub(super) const KIND: usize = 0;
    pub(super) const CLOUD: usize = 1;
    pub(super) const ACCOUNT: usize = 2;
    pub(super) const REGION: usize = 3;
    pub(super) const PRINCIPAL: usize = 4;
    pub(super) const A: usize = 5;
    pub(super) const B: usize = 6;
    pub(super) const C: usize = 7;
}

/// What cannot be understood.
pub(super) fn foreign(what: &str, cell: &str) -> StoreError {
    StoreError::Table(format!("`{cell}` is no {what} that this version knows"))
}

pub(super) fn seen(cells: &Cells<'_>) -> Seen {
    Seen {
        count: cells.count(),
        first: text::time(cells.first()),
        last: text::time(cells.last()),
        sample: text::sample(cells.sample()),
    }
}

impl<'s> Loader<'s> {
    pub(super) fn new(shard: &'s mut Shard, attested: &[String]) -> Self {
        let asked = &shard.rules.filter.conditions;
        let unasked = attested.iter().filter(|key| !asked.contains(key)).cloned().collect();
        let mut excludes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, entry) in shard.rules.intent.exclude.iter().enumerate() {
            excludes.entry(index::selects(entry)).or_default().push(at);
        }
        Self { shard, unasked, excludes, waits: None, rows: Rows::default() }
    }

    /// Takes all facts, of whatever segments.
    pub(super) fn facts(&mut self, all: DataFrame) -> Result<(), StoreError> {
        let all = joined(all.lazy(), &keys(&FACT_TEXTS)).collect()?;
        let lines = Lines::of(&all, &FACT_TEXTS)?;
        lines.iter().try_for_each(|cells| self.fact(&cells))
    }

    fn fact(&mut self, cells: &Cells<'_>) -> Result<(), StoreError> {
        let of = cells.text(column::KIND);
        if self.of_all(of, cells)? {
            return Ok(());
        }
        let cloud = cells.text(column::CLOUD);
        let cloud = text::cloud(cloud).ok_or_else(|| foreign("cloud", cloud))?;
        let (account, region) = (cells.text(column::ACCOUNT), cells.text(column::REGION));
        if self.of_place(of, cloud, cells)? {
            return Ok(());
        }
        let rules = std::sync::Arc::clone(&self.shard.rules);
        if rules.filter.takes(cloud, cells.text(column::PRINCIPAL), account, region) {
            self.of_principal(of, cloud, cells)
        } else {
            self.left_out(of, cloud, cells)
        }
    }

    /// Facts that no filter is about; false where it is none.
    fn of_all(&mut self, of: &str, cells: &Cells<'_>) -> Result<bool, StoreError> {
        let (a, b) = (cells.text(column::A), cells.text(column::B));
        let shard = &mut *self.shard;
        match of {
            kind::SKIPPED => {
                let why = text::skip(a).ok_or_else(|| foreign("reason", a))?;
                shard.tally.skip(Some(text::day(cells.day())), why, cells.count());
                if let Some(lines) = &mut shard.lines {
                    lines.push(Line::skips(text::day(cells.day()), why.as_str(), cells.count()));
                }
            }
            kind::TALLY => match a {
                counter::DUPLICATE => shard.tally.duplicate += cells.count(),
                counter::MALFORMED => shard.tally.malformed += cells.count(),
                counter::FILES => shard.tally.files += cells.count(),
                counter::BYTES => shard.tally.bytes += cells.count(),
                _ => return Err(foreign("counter", a)),
            },
            kind::UNREADABLE => {
                shard.tally.unreadable.push(Unreadable { path: a.to_owned(), why: b.to_owned() });
            }
            kind::UNMAPPED => {
                let what = shard.texts.sym(a);
                *shard.unmapped.entry(what).or_default() += cells.count();
            }
            kind::LINK => {
                let who = shard.texts.sym(cells.text(column::PRINCIPAL));
                let known = shard.links.entry(who).or_default();
                *known = known.or(vouched(cells));
            }
            kind::HOLDS => {
                let names: Vec<String> = serde_json::from_str(b).map_err(|_| foreign("list of names", b))?;
                shard.holdings.add(a, &names, cells.number() != 0);
            }
            kind::STANDS => {
                let cloud = text::cloud(a).ok_or_else(|| foreign("cloud", a))?;
                shard.bystanders.stands(cloud, b);
            }
            kind::DECLARED => {
                let cloud = text::cloud(a).ok_or_else(|| foreign("cloud", a))?;
                let declared = declared::of_cell(cloud, b).ok_or_else(|| foreign("declaration", b))?;
                shard.observer.declare(declared);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What records of an account and region say of the log, whoever acted; false where it is none of that.
    fn of_place(&mut self, of: &str, cloud: &'static str, cells: &Cells<'_>) -> Result<bool, StoreError> {
        if of != kind::SIGHTED {
            return Ok(false);
        }
        let (account, region) = (cells.text(column::ACCOUNT), cells.text(column::REGION));
        if self.shard.rules.filter.takes_place(cloud, account, region) {
            let sighted = self.sighted(cloud, cells)?;
            let counts = &mut self.shard.observer.counts;
            *counts.entry((sighted, text::day(cells.day()))).or_default() += cells.count();
        }
        Ok(true)
    }

    fn sighted(&mut self, cloud: &'static str, cells: &Cells<'_>) -> Result<Sighted, StoreError> {
        let kinds = cells.text(column::B);
        let kind = |text: &str| {
            let (plane, access) = text.split_once(' ')?;
            Some((text::plane(plane)?, text::access(access)?))
        };
        let kinds = kinds.split(',').filter(|text| !text.is_empty()).map(kind);
        let kinds =
            kinds.collect::<Option<_>>().ok_or_else(|| foreign("kind of calls", cells.text(column::B)))?;
        let seen = &mut self.shard.observer;
        let at = At {
            cloud,
            account: seen.texts.sym(cells.text(column::ACCOUNT)),
            region: seen.texts.sym(cells.text(column::REGION)),
            service: seen.texts.sym(cells.text(column::A)),
        };
        let expected = Some(cells.text(column::C)).filter(|service| !service.is_empty());
        let expected = expected.map(|service| At { service: seen.texts.sym(service), ..at });
        let odd = |bit: u64| cells.number() >> bit & 1 == 1;
        let (aggregated, truncated, history) = (odd(0), odd(1), odd(2));
        Ok(seen.number(Sight { at, kinds, expected, aggregated, truncated, history }))
    }

    /// Facts of a principal that the filter takes.
    fn of_principal(&mut self, of: &str, cloud: &'static str, cells: &Cells<'_>) -> Result<(), StoreError> {
        let (principal, a, b) = (cells.text(column::PRINCIPAL), cells.text(column::A), cells.text(column::B));
        let day = text::day(cells.day());
        let who = self.shard.texts.sym(principal);
        let shard = &mut *self.shard;
        match of {
            kind::USED => shard.tally.days.entry(day.known()).or_default().used += cells.count(),
            kind::SEEN => *shard.days.entry((who, day)).or_default() += cells.count(),
            kind::PRINCIPAL => {
                let kind = text::kind(a).ok_or_else(|| foreign("kind of principal", a))?;
                let home = shard.texts.sym(b);
                shard.learn(who, Known { cloud, kind, home, vouched: vouched(cells) });
            }
            kind::SESSION => {
                let (first, last) = (text::time(cells.first()), text::time(cells.last()));
                let span = shard.sessions.entry((who, cells.number())).or_insert((first, last));
                *span = (span.0.min(first), span.1.later(last));
            }
            kind::SENSITIVE => {
                let action = shard.texts.sym(a);
                shard.careful.add((who, action), cells.number());
            }
            kind::LEADS => drop(shard.leading.insert(cells.number())),
            kind::WITHHELD => {
                for entry in self.excludes.get(a).into_iter().flatten() {
                    if let Some(count) = shard.withheld.get_mut(*entry) {
                        *count += cells.count();
                    }
                }
            }
            kind::FAMILY => {
                let of = (who, shard.texts.sym(a), shard.texts.sym(b), text::class(cells.number() / 2));
                shard.families.entry(of).or_default().merge(family(cells));
            }
            kind::REFUSED_FAMILY => {
                let of = (principal.to_owned(), a.to_owned(), b.to_owned());
                shard.denials.families.entry(of).or_default().merge(family(cells));
            }
            kind::REFUSED => {
                let mut refused = text::refused(a).ok_or_else(|| foreign("refusal", a))?;
                refused.context.retain(|key, _| !self.unasked.contains(key));
                let key = denials::Key { cloud, principal: principal.to_owned(), refused, day };
                shard.denials.restore(key, &seen(cells));
            }
            kind::CALLED => {
                let sighted = self.sighted(cloud, cells)?;
                let seen = &mut self.shard.observer;
                let who = seen.texts.sym(principal);
                seen.uses.insert((who, sighted, day));
            }
            kind::WAITS => self.waits(cloud, cells)?,
            _ => return Err(foreign("kind of fact", of)),
        }
        Ok(())
    }

    fn waits(&mut self, cloud: &'static str, cells: &Cells<'_>) -> Result<(), StoreError> {
        let principal = cells.text(column::PRINCIPAL);
        for _ in 0..cells.count() {
            let cell = cells.text(column::A);
            let waits = text::pending(cell).ok_or_else(|| foreign("waiting record", cell))?;
            let mut refused = waits.refused;
            refused.iter_mut().for_each(|one| one.context.retain(|key, _| !self.unasked.contains(key)));
            let day = waits.at.day();
            self.waits = self.waits.max(day.known());
            let who = self.shard.texts.sym(principal);
            let keys: Vec<Key> = waits.keys.iter().map(|key| self.key(cloud, who, key, day)).collect();
            self.shard.pending.push(Pending {
                key: cells.number(),
                why: waits.why,
                principal: who,
                session: waits.session,
                at: waits.at,
                rows: keys.into_iter().map(|key| (key, waits.event.clone())).collect(),
                lines: Vec::new(),
                event: waits.event,
                refused: denials::Waiting {
                    cloud,
                    principal: if refused.is_empty() { String::new() } else { principal.to_owned() },
                    refused,
                },
                uses: waits.uses,
            });
        }
        Ok(())
    }

    pub(super) fn key(&mut self, cloud: &'static str, principal: Sym, key: &text::KeyText, day: Day) -> Key {
        let context = asked(&key.context, &self.unasked);
        let texts = &mut self.shard.texts;
        Key {
            cloud: texts.sym(cloud),
            principal,
            action: texts.sym(&key.action),
            level: key.level,
            target: texts.sym(&key.target),
            family: texts.sym(&key.family),
            scope: texts.sym(&key.scope),
            context: texts.sym(&context),
            outcome: key.outcome,
            basis: key.basis,
            via: texts.sym(&key.via),
            rule: texts.sym(&key.rule),
            exempt: texts.sym(key.exempt.unwrap_or("")),
            day,
        }
    }

    /// Facts of a principal that the filter leaves out: what a filtered record leaves of itself.
    fn left_out(&mut self, of: &str, cloud: &'static str, cells: &Cells<'_>) -> Result<(), StoreError> {
        let principal = cells.text(column::PRINCIPAL);
        let shard = &mut *self.shard;
        match of {
            kind::USED => {
                shard.tally.skip(Some(text::day(cells.day())), Skip::Filtered, cells.count());
            }
            kind::FAMILY => {
                let used = text::class(cells.number() / 2) == super::super::Class::Granted;
                let (name, principal) = (cells.text(column::B).to_owned(), principal.to_owned());
                let of = Bystander { cloud, name, principal, used };
                shard.bystanders.families.entry(of).or_default().merge(family(cells));
            }
            kind::WAITS => {
                let cell = cells.text(column::A);
                let waits = text::pending(cell).ok_or_else(|| foreign("waiting record", cell))?;
                shard.tally.skip(Some(waits.at.day()), Skip::Filtered, cells.count());
                for key in waits.keys.iter().filter(|key| key.level == Level::Named) {
                    let name = [key.family.as_str(), &key.target];
                    beside(&mut shard.bystanders, cloud, principal, name, key.outcome.grants());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn vouched(cells: &Cells<'_>) -> Vouched {
    Vouched(u8::try_from(cells.number()).unwrap_or_default())
}

fn family(cells: &Cells<'_>) -> Family {
    let name = cells.text(column::C);
    if cells.number() % 2 == 1 && name == WHOLE {
        return Family::Whole;
    }
    Family::Prefixes(BTreeSet::from([name.to_owned()]))
}

/// A name in a record that the filter leaves out.
pub(super) fn beside(
    to: &mut Bystanders,
    cloud: &'static str,
    principal: &str,
    [family, name]: [&str; 2],
    used: bool,
) {
    let of = |name: &str| Bystander { cloud, name: name.to_owned(), principal: principal.to_owned(), used };
    match name.strip_prefix(family).filter(|_| !family.is_empty()) {
        Some(object) => to.families.entry(of(family)).or_default().add(object),
        None => drop(to.names.insert(of(name))),
    }
}

/// A context without the keys that are not asked for.
fn asked(context: &str, unasked: &[String]) -> String {
    if unasked.is_empty() || context.is_empty() {
        return context.to_owned();
    }
    let all: BTreeMap<String, String> = serde_json::from_str(context).unwrap_or_default();
    let all: BTreeMap<String, String> = all.into_iter().filter(|(key, _)| !unasked.contains(key)).collect();
    if all.is_empty() { String::new() } else { serde_json::to_string(&all).unwrap_or_default() }
}
