//! A worker of an ingest: takes records like [`Worker`], but apart by account and region and by principal, so that every
//! filter can be applied to the store as to the log.

use super::super::intern::Sym;
use super::super::memo::Again;
use super::super::pending;
use super::super::{Rules, Shard, Worker, dedup};
use super::known::Known;
use super::objects::Span;
use crate::cloud::{self, Like, Sink, Wide};
use crate::model::coverage::{Declaration, Sighting};
use crate::model::identity::Vouched;
use crate::model::tally::{Skip, Unreadable};
use crate::model::time::{Day, Timestamp};
use crate::model::usage::Reading;
use crate::wire::outline::Outline;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// Calls whose place is remembered; then all are forgotten.
const CALLS: usize = 1 << 17;

/// Where calls are remembered.
#[derive(Clone, Copy, Debug)]
enum Where {
    /// More of the record decides.
    Ask(u64),
    /// In that part.
    Part(usize),
}

/// The record that is to be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    /// None.
    No,
    /// One whose place is not known yet.
    Placeless,
    /// One of that part.
    Part(usize),
}

/// What is learned of one account and region.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) cloud: &'static str,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) shard: Shard,
    /// Records that gave uses.
    pub(super) used: FxHashMap<(Sym, Day), u64>,
    /// First and last record of each session and day.
    pub(super) sessions: FxHashMap<(Sym, u64, Day), (Timestamp, Timestamp)>,
    /// Keys that lead copies.
    pub(super) leads: FxHashSet<(Sym, Day, u64)>,
    /// Records that each `[[exclude]]` entry kept from being learned.
    pub(super) withheld: FxHashMap<(Sym, usize, Day), u64>,
}

/// One worker of an ingest.
#[derive(Debug)]
pub struct Recorder {
    pub(super) rules: Arc<Rules>,
    known: Arc<Known>,
    /// What belongs to no account.
    pub(super) whole: Shard,
    pub(super) parts: Vec<Part>,
    by_place: FxHashMap<String, usize>,
    last: usize,
    name: String,
    calls: FxHashMap<Wide, Where>,
    watched: Watched,
    /// Day, id and content of the records that are new.
    pub(super) events: Vec<(Day, u64, u64)>,
    ready: Option<Day>,
    span: Span,
    counts_copies: bool,
}

impl Recorder {
    /// A worker that has read nothing.
    #[must_use]
    pub fn new(rules: Arc<Rules>, known: Arc<Known>) -> Self {
        let whole = Shard::new(Arc::clone(&rules), Arc::default(), false);
        Self {
            rules,
            known,
            whole,
            parts: Vec::new(),
            by_place: FxHashMap::default(),
            last: 0,
            name: String::new(),
            calls: FxHashMap::default(),
            watched: Watched::No,
            events: Vec::new(),
            ready: None,
            span: Span::default(),
            counts_copies: true,
        }
    }

    /// Begins an object. Copies of known records are told of only where the object itself can be known again: the pages of
    /// an API overlap from run to run.
    pub fn begin(&mut self, counts_copies: bool, bytes: u64) {
        self.span = Span::default();
        self.counts_copies = counts_copies;
        self.whole.tally.files += 1;
        self.whole.tally.bytes += bytes;
    }

    /// Goes on with an object that is too long to be held.
    pub fn go_on(&mut self, counts_copies: bool, bytes: u64) {
        self.counts_copies = counts_copies;
        self.whole.tally.bytes += bytes;
    }

    /// Forgets what only serves reading: there is nothing more to read.
    pub fn forget_likes(&mut self) {
        self.calls = FxHashMap::default();
        self.whole.forget_likes();
        self.parts.iter_mut().for_each(|part| part.shard.forget_likes());
    }

    /// Ends an object, and says of which days its records are.
    pub fn end(&mut self) -> Span {
        std::mem::take(&mut self.span)
    }

    /// Notes that an object, or the rest of it, could not be understood.
    pub fn fault(&mut self, path: String, why: String) {
        self.whole.tally.unreadable.push(Unreadable { path, why });
    }

    /// What could not be understood.
    #[must_use]
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.whole.tally.unreadable
    }

    /// Records that are new.
    #[must_use]
    pub fn records(&self) -> usize {
        self.events.len()
    }

    /// Where records of the place go; it is made where there is none.
    fn part(&mut self, cloud: &'static str, account: &str, region: &str) -> Option<&mut Part> {
        let same = |part: &Part| part.cloud == cloud && part.account == account && part.region == region;
        if !self.parts.get(self.last).is_some_and(same) {
            self.name.clear();
            for text in [cloud, "\0", account, "\0", region] {
                self.name.push_str(text);
            }
            self.last = match self.by_place.get(&self.name) {
                Some(at) => *at,
                None => {
                    self.by_place.insert(self.name.clone(), self.parts.len());
                    self.parts.push(Part {
                        cloud,
                        account: account.to_owned(),
                        region: region.to_owned(),
                        shard: Shard::new(Arc::clone(&self.rules), Arc::default(), false),
                        used: FxHashMap::default(),
                        sessions: FxHashMap::default(),
                        leads: FxHashSet::default(),
                        withheld: FxHashMap::default(),
                    });
                    self.parts.len() - 1
                }
            };
        }
        self.parts.get_mut(self.last)
    }

    /// Says that the record at hand cannot be repeated.
    fn void(&mut self) {
        if let Watched::Part(at) = self.watched
            && let Some(part) = self.parts.get_mut(at)
        {
            part.shard.memo.void();
        }
        self.watched = Watched::No;
    }

    /// Makes sure that the record at hand is all of one part, if it is to be remembered.
    fn at_part(&mut self) {
        match self.watched {
            Watched::Part(at) if at != self.last => self.void(),
            _ => {}
        }
    }

    fn prepare(&mut self, day: Day) {
        if self.ready != Some(day) {
            self.known.prepare(day);
            self.ready = Some(day);
        }
    }
}

impl Sink for Recorder {
    fn known(&self, like: &Like) -> cloud::Known {
        match self.calls.get(&like.call) {
            Some(Where::Ask(parts)) => cloud::Known::Ask(*parts),
            Some(Where::Part(at)) => {
                self.parts.get(*at).map_or(cloud::Known::No, |part| part.shard.memo.known(like))
            }
            None => cloud::Known::No,
        }
    }

    fn repeat(&mut self, like: &Like, at: Option<Timestamp>, event: Option<&str>, leads: Option<u64>) {
        let Some(Where::Part(of)) = self.calls.get(&like.call) else { return };
        let Some(part) = self.parts.get_mut(*of) else { return };
        let at = at.unwrap_or(Timestamp::UNKNOWN);
        let day = at.day();
        match part.shard.again(like, at, event, (leads, None)) {
            Again::Unknown => {}
            Again::Skipped(why, what) => self.whole.skipped(at, why, what),
            Again::Used(who, session) => {
                part.leads.extend(leads.map(|key| (who, day, key)));
                *part.used.entry((who, day)).or_default() += 1;
                part.session(who, session, at);
            }
        }
    }

    fn watch(&mut self) {
        self.watched = if self.whole.remembers() { Watched::Placeless } else { Watched::No };
    }

    fn learn(&mut self, actor: Wide, call: Wide, idle: bool) {
        let Watched::Part(at) = std::mem::replace(&mut self.watched, Watched::No) else { return };
        if self.calls.len() >= CALLS {
            self.calls.clear();
        }
        if let Some(part) = self.parts.get_mut(at) {
            part.shard.memo.learn(actor, call, idle);
            self.calls.insert(call, Where::Part(at));
        }
    }

    /// What is recorded is told record by record.
    fn outlines(&mut self) -> bool {
        false
    }

    fn outlined(&mut self, _: Wide, _: &Outline<'_>) -> bool {
        false
    }

    fn learn_outline(&mut self, _: Wide, _: &Outline<'_>) {}

    fn ask(&mut self, call: Wide, parts: u64) {
        self.calls.insert(call, Where::Ask(parts));
    }

    fn is_new(
        &mut self,
        id: Option<u64>,
        content: &dyn Fn() -> u64,
        at: Option<Timestamp>,
        _event: Option<&str>,
    ) -> bool {
        let day = at.unwrap_or(Timestamp::UNKNOWN).day();
        self.span.add(day);
        let Some(id) = id else { return true };
        self.prepare(day);
        let content = content();
        if self.known.dedup.add(id, content) == dedup::Found::Copy {
            self.whole.tally.duplicate += u64::from(self.counts_copies);
            return false;
        }
        self.events.push((day, id, content));
        true
    }

    fn sighting(&mut self, cloud: &'static str, seen: &Sighting<'_>) {
        let watched = self.watched == Watched::Placeless;
        let Some(part) = self.part(cloud, seen.account, seen.region) else { return };
        if watched {
            part.shard.memo.watch();
        }
        Worker(&mut part.shard).sighting(cloud, seen);
        if watched {
            self.watched = Watched::Part(self.last);
        }
    }

    fn declare(&mut self, declaration: Declaration) {
        self.void();
        Worker(&mut self.whole).declare(declaration);
    }

    fn reading(&mut self, cloud: &'static str, reading: &Reading<'_>) {
        let day = reading.at.day();
        if self.part(cloud, &reading.account, &reading.region).is_none() {
            return;
        }
        self.at_part();
        let Some(part) = self.parts.get_mut(self.last) else { return };
        let before = part.shard.withheld.clone();
        Worker(&mut part.shard).reading(cloud, reading);
        let who = part.shard.texts.sym(&reading.actor.principal);
        let learned = !part.withheld(who, day, &before);
        let join = reading.join.unwrap_or_default();
        part.leads.extend(pending::leads(reading).map(|key| (who, day, key)));
        if join.follows.is_none() {
            *part.used.entry((who, day)).or_default() += 1;
            if learned {
                part.session(who, reading.actor.session, reading.at);
            }
        }
    }

    fn beside(&mut self, cloud: &'static str, reading: &Reading<'_>) {
        self.void();
        let Some(part) = self.part(cloud, &reading.account, &reading.region) else { return };
        let before = part.shard.withheld.clone();
        Worker(&mut part.shard).beside(cloud, reading);
        let who = part.shard.texts.sym(&reading.actor.principal);
        if !part.withheld(who, reading.at.day(), &before) {
            part.session(who, reading.actor.session, reading.at);
        }
    }

    fn refused(&mut self, cloud: &'static str, reading: &Reading<'_>) {
        self.void();
        if let Some(part) = self.part(cloud, &reading.account, &reading.region) {
            Worker(&mut part.shard).refused(cloud, reading);
        }
    }

    fn skip(&mut self, at: Option<Timestamp>, event: Option<&str>, why: Skip, detail: &str) {
        Worker(&mut self.whole).skip(at, event, why, detail);
        if let Watched::Part(of) = self.watched
            && let Some(part) = self.parts.get_mut(of)
        {
            let what = (why == Skip::Unmapped).then(|| self.whole.texts.sym(detail));
            part.shard.memo.skipped(why, what);
        }
    }

    fn unknown(&mut self, what: &str) {
        self.void();
        Worker(&mut self.whole).unknown(what);
    }

    fn stranger(&mut self, event: Option<&str>) {
        Worker(&mut self.whole).stranger(event);
    }

    fn malformed(&mut self, event: Option<&str>) {
        self.void();
        Worker(&mut self.whole).malformed(event);
    }

    fn conditions(&self) -> &[String] {
        &self.rules.filter.conditions
    }

    fn link(&mut self, principal: &str, vouched: Vouched) {
        Worker(&mut self.whole).link(principal, vouched);
    }

    fn holds(&mut self, key: &str, values: &[String], sure: bool) {
        Worker(&mut self.whole).holds(key, values, sure);
    }

    fn stands(&mut self, cloud: &'static str, name: &str) {
        Worker(&mut self.whole).stands(cloud, name);
    }
}

impl Part {
    /// Counts a record for its session.
    fn session(&mut self, who: Sym, session: u64, at: Timestamp) {
        let span = self.sessions.entry((who, session, at.day())).or_insert((at, at));
        *span = (span.0.min(at), span.1.later(at));
    }

    /// Notes of whom the entries of `[[exclude]]` that took the record took it, if any did.
    fn withheld(&mut self, who: Sym, day: Day, before: &[u64]) -> bool {
        let mut any = false;
        for (entry, (now, before)) in self.shard.withheld.iter().zip(before).enumerate() {
            if now != before {
                *self.withheld.entry((who, entry, day)).or_default() += now - before;
                any = true;
            }
        }
        any
    }
}
