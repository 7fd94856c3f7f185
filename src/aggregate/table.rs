//! The finished usage table: owned, sorted by text, cut to the window.

use super::bystanders::Cut;
use super::careful::Sensitive;
use super::holdings::Holdings;
use super::intern::{Sym, fixed};
use super::line::Line;
use super::memo::Memo;
use super::{Key, Shard};
use crate::model::coverage::Observations;
use crate::model::denial::Denial;
use crate::model::identity::{Kind, PrincipalUse};
use crate::model::note::{Code, Note};
use crate::model::tally::Tally;
use crate::model::time::{Day, Timestamp};
use crate::model::usage::{Bystander, COLLAPSED, Row, Seen, Target};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Why a use waits for a person.
const REVIEW: &str = "review";

/// All that was learned.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Rows, sorted.
    pub rows: Vec<Row>,
    /// Names in records that a filter left out, sorted.
    pub bystanders: Vec<Bystander>,
    /// Principals, sorted by cloud and id.
    pub principals: Vec<PrincipalUse>,
    /// Where every record went.
    pub tally: Tally,
    /// Events that no rule maps, with counts.
    pub unmapped: BTreeMap<String, u64>,
    /// Single uses, sorted, where they were asked for.
    pub lines: Vec<Line>,
    /// Records that each `[[exclude]]` entry kept from being learned, in the order of the file.
    pub withheld: Vec<u64>,
    /// Two of the sessions of each sensitive action, by principal.
    pub sensitive: Sensitive,
    /// Entries of the intent file that have expired, by name.
    pub expired: Vec<String>,
    /// What was refused, sorted.
    pub denials: Vec<Denial>,
    /// What things hold that uses refer to.
    pub holdings: Holdings,
    /// Things to tell.
    pub notes: Vec<Note>,
    /// What the log holds at all.
    pub observed: Observations,
}

impl Shard {
    /// Settles what waits, cuts the window, sorts.
    #[must_use]
    pub fn finish(mut self) -> Usage {
        self.settle();
        // What only reading asks for.
        self.memo = Memo::default();
        self.outlines = super::outlines::Outlines::default();
        self.dedup = Arc::default();
        let observer = std::mem::take(&mut self.observer);
        let newest = self.tally.newest().unwrap_or_default();
        let rules = Arc::clone(&self.rules);
        let keeps = |day: Day| rules.filter.in_window(day, newest);
        self.tally.cut(keeps);
        let denials = std::mem::take(&mut self.denials).finish(keeps);
        let bystanders = self.cut(keeps);
        self.days.retain(|(_, day), _| keeps(*day));
        self.sessions.retain(|_, (first, last)| keeps(first.day()) || keeps(last.day()));
        let sensitive =
            self.careful.two(&self.texts, |who, session| self.sessions.contains_key(&(who, session)));
        self.hold_for_review();
        let lines = self.lines.take().unwrap_or_default().into_iter();
        let inside =
            |line: &Line| line.at().is_none_or(|at| keeps(at.day())) || line.skipped == Some("duplicate");
        let mut lines: Vec<Line> =
            lines.filter_map(|line| if inside(&line) { Some(line) } else { line.cut() }).collect();
        lines.sort();
        self.families = FxHashMap::default();
        let rows = self.sorted_rows();
        let principals = self.principal_uses(&rows);
        let mut unmapped: BTreeMap<String, u64> = BTreeMap::new();
        self.unmapped.iter().for_each(|(sym, count)| {
            unmapped.insert(self.texts.text(*sym).to_owned(), *count);
        });
        let notes = notes(&self.tally, &principals, &rows, &unmapped);
        Usage {
            rows,
            bystanders,
            principals,
            tally: self.tally,
            unmapped,
            lines,
            withheld: self.withheld,
            denials,
            observed: observer.finish(keeps),
            sensitive,
            expired: Vec::new(),
            holdings: self.holdings,
            notes,
        }
    }

    /// Cuts the rows to the window; their names, and those of records that were filtered, are told.
    fn cut(&mut self, keeps: impl Fn(Day) -> bool) -> Vec<Bystander> {
        let mut bystanders = std::mem::take(&mut self.bystanders);
        let texts = &self.texts;
        for (key, _) in self.rows.take(|key| !keeps(key.day)) {
            bystanders.cut(Cut {
                cloud: fixed(texts.text(key.cloud)),
                principal: texts.text(key.principal),
                level: key.level,
                target: texts.text(key.target),
                rule: texts.text(key.rule),
                outcome: key.outcome,
            });
        }
        bystanders.finish()
    }

    /// Marks the uses of sensitive actions that were seen in one session only, rows and lines alike.
    fn hold_for_review(&mut self) {
        if self.rules.accept_review {
            return;
        }
        let held: FxHashSet<(Sym, Sym)> = self
            .rows
            .keys()
            .filter(|key| key.exempt.is_empty() && key.outcome.grants())
            .map(|key| (key.principal, key.action))
            .filter(|(who, action)| {
                self.careful.once(*who, *action, |session| self.sessions.contains_key(&(*who, session)))
            })
            .collect();
        if held.is_empty() {
            return;
        }
        let holds = |key: &Key| {
            key.exempt.is_empty() && key.outcome.grants() && held.contains(&(key.principal, key.action))
        };
        let exempt = self.texts.sym(REVIEW);
        for (key, seen) in self.rows.take(holds) {
            self.rows.put(Key { exempt, ..key }, seen);
        }
        let text = |sym| self.texts.text(sym);
        let held: FxHashSet<(&str, &str)> =
            held.iter().map(|(who, action)| (text(*who), text(*action))).collect();
        for line in self.lines.iter_mut().flatten() {
            line.hold(|who, action| held.contains(&(who, action)));
        }
    }

    /// Rows by text; what differs only in its day is one row.
    fn sorted_rows(&mut self) -> Vec<Row> {
        let ranks = self.texts.ranks();
        let texts = &self.texts;
        let rank = |sym: Sym| ranks.get(sym.place()).copied().unwrap_or(u32::MAX);
        let head = |key: &Key| {
            let (principal, action) = (rank(key.principal), rank(key.action));
            (rank(key.cloud), principal, action, key.level, rank(key.target), rank(key.scope))
        };
        let tail = |key: &Key| (key.outcome, key.basis, rank(key.via), rank(key.rule), rank(key.exempt));
        let parsed = |sym: Sym| (sym, Arc::new(serde_json::from_str(texts.text(sym)).unwrap_or_default()));
        let contexts: FxHashSet<Sym> = self.rows.keys().map(|key| key.context).collect();
        let contexts: FxHashMap<Sym, Arc<BTreeMap<String, String>>> =
            contexts.into_iter().map(parsed).collect();
        let by_context = |a: Sym, b: Sym| {
            if a == b { Ordering::Equal } else { contexts.get(&a).cmp(&contexts.get(&b)) }
        };
        let words: FxHashSet<Sym> = self.rows.keys().flat_map(|key| [key.cloud, key.exempt]).collect();
        let words: FxHashMap<Sym, &'static str> =
            words.into_iter().map(|sym| (sym, fixed(texts.text(sym)))).collect();
        let word = |sym: Sym| words.get(&sym).copied().unwrap_or("");
        let rows = &self.rows;
        let mut all: Vec<u32> = (0..u32::try_from(rows.len()).unwrap_or(u32::MAX)).collect();
        all.par_sort_unstable_by(|a, b| {
            let (Some((a, _)), Some((b, _))) = (rows.at(*a), rows.at(*b)) else { return Ordering::Equal };
            let heads = head(a).cmp(&head(b)).then_with(|| by_context(a.context, b.context));
            heads.then_with(|| tail(a).cmp(&tail(b)))
        });
        let same = |a: &u32, b: &u32| match (rows.at(*a), rows.at(*b)) {
            (Some((a, _)), Some((b, _))) => {
                head(a) == head(b) && tail(a) == tail(b) && a.context == b.context
            }
            _ => false,
        };
        let text = |sym| texts.shared(sym);
        let owned = |key: &Key, seen: Seen| Row {
            cloud: word(key.cloud),
            principal: text(key.principal),
            action: text(key.action),
            target: Target { level: key.level, text: text(key.target).into() },
            scope: text(key.scope),
            context: contexts.get(&key.context).map_or_else(Arc::default, Arc::clone),
            outcome: key.outcome,
            basis: key.basis,
            via: Some(text(key.via)).filter(|via| !via.is_empty()),
            rule: text(key.rule),
            exempt: Some(word(key.exempt)).filter(|why| !why.is_empty()),
            seen,
        };
        let row = |group: &[u32]| {
            let mut group = group.iter().filter_map(|place| rows.at(*place));
            let (key, seen) = group.next()?;
            let mut seen = seen.clone();
            group.for_each(|(_, more)| seen.merge(more));
            Some(owned(key, seen))
        };
        // Nothing is held twice: this is when most is held.
        let mut made = Vec::with_capacity(all.chunk_by(same).count());
        made.extend(all.chunk_by(same).filter_map(row));
        made
    }

    fn principal_uses(&self, rows: &[Row]) -> Vec<PrincipalUse> {
        let mut actions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut spans: BTreeMap<&str, (Timestamp, Timestamp)> = BTreeMap::new();
        for row in rows {
            actions.entry(&row.principal).or_default().insert(&row.action);
            let span = spans.entry(&row.principal).or_insert((row.seen.first, row.seen.last));
            *span = (span.0.min(row.seen.first), span.1.later(row.seen.last));
        }
        let mut seen: FxHashMap<Sym, (BTreeMap<Day, usize>, u64)> = FxHashMap::default();
        self.days.iter().for_each(|((who, day), records)| {
            let known = seen.entry(*who).or_default();
            known.0.entry(*day).or_default();
            known.1 += records;
        });
        self.sessions.iter().for_each(|((who, _), (first, _))| {
            *seen.entry(*who).or_default().0.entry(first.day()).or_default() += 1;
        });
        let mut all: Vec<PrincipalUse> = Vec::new();
        self.principals.iter().for_each(|(sym, known)| {
            let id = self.texts.text(*sym);
            let Some(span) = spans.get(id) else { return };
            let (calendar, events) = seen.remove(sym).unwrap_or_default();
            let linked = self.links.get(sym).copied().unwrap_or_default();
            all.push(PrincipalUse {
                id: id.to_owned(),
                cloud: known.cloud,
                kind: known.kind,
                home: self.texts.text(known.home).to_owned(),
                vouched: known.vouched.or(linked),
                events,
                actions: actions.get(id).map_or(0, BTreeSet::len),
                calendar,
                span: *span,
            });
        });
        all.sort_by(|a, b| (a.cloud, &a.id).cmp(&(b.cloud, &b.id)));
        all
    }
}

fn notes(
    tally: &Tally,
    principals: &[PrincipalUse],
    rows: &[Row],
    unmapped: &BTreeMap<String, u64>,
) -> Vec<Note> {
    let mut all = Vec::new();
    if tally.id_reused > 0 {
        let text = format!(
            "records that share an id with another but not its content: {}; all were counted",
            tally.id_reused
        );
        all.push(Note { code: Code::IdReused, text });
    }
    for root in principals.iter().filter(|p| p.kind == Kind::Root) {
        let text = format!("{} was used, last on {}; records: {}", root.id, root.span.1.day(), root.events);
        all.push(Note { code: Code::RootUsed, text });
    }
    let joined = rows.iter().filter(|row| row.rule.ends_with(COLLAPSED));
    let joined: BTreeSet<(&str, &str)> =
        joined.map(|row| (&*row.principal, row.target.text.as_ref())).collect();
    if !joined.is_empty() {
        let text = format!(
            "{} prefixes stand for more than {} object names each principal used: the names were joined",
            joined.len(),
            super::collapse::CAP
        );
        all.push(Note { code: Code::Collapsed, text });
    }
    if !unmapped.is_empty() {
        let records: u64 = unmapped.values().sum();
        let text = format!(
            "{} event names or permissions are known to no rule and granted nothing; seen {records} times",
            unmapped.len()
        );
        all.push(Note { code: Code::Unmapped, text });
    }
    if tally.full > 0 {
        let text = format!(
            "{} files hold just as many records as a download can: the rest may be missing; export the log, or download it in \
             parts",
            tally.full
        );
        all.push(Note { code: Code::Full, text });
    }
    all
}
