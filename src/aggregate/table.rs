//! The finished usage table: owned, sorted by text, cut to the window.

use super::intern::Sym;
use super::{Shard, line::Line, owned};
use crate::model::coverage::Observations;
use crate::model::identity::{Kind, PrincipalUse};
use crate::model::note::{Code, Note};
use crate::model::tally::Tally;
use crate::model::time::{Day, Timestamp};
use crate::model::usage::{COLLAPSED, Row, Seen};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// All that was learned.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Rows, sorted.
    pub rows: Vec<Row>,
    /// Principals, sorted by cloud and id.
    pub principals: Vec<PrincipalUse>,
    /// Where every record went.
    pub tally: Tally,
    /// Events that no rule maps, with counts.
    pub unmapped: BTreeMap<String, u64>,
    /// Single uses, sorted, where they were asked for.
    pub lines: Vec<Line>,
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
        let observer = std::mem::take(&mut self.observer);
        let newest = self.tally.newest().unwrap_or_default();
        let filter = std::sync::Arc::clone(&self.filter);
        let keeps = |day: Day| filter.in_window(day, newest);
        self.tally.cut(keeps);
        self.rows.retain(|key, _| keeps(key.day));
        self.days.retain(|(_, day), _| keeps(*day));
        self.sessions.retain(|_, (first, last)| keeps(first.day()) || keeps(last.day()));
        let lines = self.lines.take().unwrap_or_default().into_iter();
        let inside =
            |line: &Line| line.at().is_none_or(|at| keeps(at.day())) || line.skipped == Some("duplicate");
        let mut lines: Vec<Line> =
            lines.filter_map(|line| if inside(&line) { Some(line) } else { line.cut() }).collect();
        lines.sort();
        let rows = self.sorted_rows();
        let principals = self.principal_uses(&rows);
        let mut unmapped: BTreeMap<String, u64> = BTreeMap::new();
        self.unmapped.iter().for_each(|(sym, count)| {
            unmapped.insert(self.texts.text(*sym).to_owned(), *count);
        });
        let notes = notes(&self.tally, &principals, &rows, &unmapped);
        let observed = observer.finish(keeps);
        Usage { rows, principals, tally: self.tally, unmapped, lines, notes, observed }
    }

    /// Lets readings count whose leading copy never came; skips the others.
    fn settle(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_by(|a, b| (a.key, a.at, &a.event).cmp(&(b.key, b.at, &b.event)));
        for one in pending {
            let day = Some(one.at.day());
            if self.leading.contains(&one.key) {
                self.tally.skip(day, one.why, 1);
                if let Some(lines) = &mut self.lines {
                    lines.push(Line::skipped(Some(one.at), Some(&one.event), one.why.as_str()));
                }
                continue;
            }
            self.tally.used(day);
            self.session(one.principal, one.session, one.at);
            for (key, event) in one.rows {
                self.count(key, one.at, &event);
            }
            if let Some(lines) = &mut self.lines {
                lines.extend(one.lines);
            }
        }
    }

    /// Rows by text; what differs only in its day or rule is one row.
    fn sorted_rows(&self) -> Vec<Row> {
        let mut all: BTreeMap<Row, Seen> = BTreeMap::new();
        self.rows.iter().for_each(|(key, seen)| {
            let text = |sym| self.texts.text(sym).to_owned();
            let row = Row {
                cloud: key.cloud,
                principal: text(key.principal),
                action: text(key.action),
                target: owned(key.level, self.texts.text(key.target)),
                scope: text(key.scope),
                context: serde_json::from_str(self.texts.text(key.context)).unwrap_or_default(),
                outcome: key.outcome,
                basis: key.basis,
                via: Some(text(key.via)).filter(|via| !via.is_empty()),
                rule: text(key.rule),
                exempt: key.exempt,
                seen: Seen {
                    count: 0,
                    first: Timestamp::UNKNOWN,
                    last: Timestamp::UNKNOWN,
                    sample: (Timestamp::UNKNOWN, String::new()),
                },
            };
            all.entry(row).and_modify(|known| known.merge(seen)).or_insert_with(|| seen.clone());
        });
        all.into_iter().map(|(row, seen)| Row { seen, ..row }).collect()
    }

    fn principal_uses(&self, rows: &[Row]) -> Vec<PrincipalUse> {
        let mut actions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut spans: BTreeMap<&str, (Timestamp, Timestamp)> = BTreeMap::new();
        for row in rows {
            actions.entry(&row.principal).or_default().insert(&row.action);
            let span = spans.entry(&row.principal).or_insert((row.seen.first, row.seen.last));
            *span = (span.0.min(row.seen.first), span.1.later(row.seen.last));
        }
        let mut days: FxHashMap<Sym, (usize, u64)> = FxHashMap::default();
        self.days.iter().for_each(|((who, _), records)| {
            let known = days.entry(*who).or_default();
            *known = (known.0 + 1, known.1 + records);
        });
        let mut sessions: FxHashMap<Sym, usize> = FxHashMap::default();
        self.sessions.keys().for_each(|(who, _)| *sessions.entry(*who).or_default() += 1);
        let mut all: Vec<PrincipalUse> = Vec::new();
        self.principals.iter().for_each(|(sym, known)| {
            let id = self.texts.text(*sym);
            let Some(span) = spans.get(id) else { return };
            let (days, events) = days.get(sym).copied().unwrap_or_default();
            let linked = self.links.get(sym).copied().unwrap_or_default();
            all.push(PrincipalUse {
                id: id.to_owned(),
                cloud: known.cloud,
                kind: known.kind,
                home: self.texts.text(known.home).to_owned(),
                vouched: known.vouched.or(linked),
                events,
                actions: actions.get(id).map_or(0, BTreeSet::len),
                days,
                sessions: sessions.get(sym).copied().unwrap_or_default(),
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
        joined.map(|row| (row.principal.as_str(), row.target.text.as_ref())).collect();
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
            "{} event names or permissions are known to no rule and granted nothing; records with them: {records}",
            unmapped.len()
        );
        all.push(Note { code: Code::Unmapped, text });
    }
    all
}
