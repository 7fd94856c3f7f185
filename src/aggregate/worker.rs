//! A shard at work: where decoded records go.

use super::outlines::Tell;
use super::pending::{self, Pending};
use super::{Key, Line, Shard, dedup};
use crate::cloud::{Known, Like, Sink, Stranger, Wide};
use crate::model::coverage::{Declaration, Sighting};
use crate::model::identity::Vouched;
use crate::model::tally::Skip;
use crate::model::time::Timestamp;
use crate::model::usage::{Outcome, Reading};
use crate::wire::outline::Outline;

/// One shard at work on the files of one cloud.
pub struct Worker<'s>(pub &'s mut Shard);

impl Sink for Worker<'_> {
    fn known(&self, like: &Like) -> Known {
        self.0.memo.known(like)
    }

    fn meet(&mut self, cloud: &'static str, like: &Like, who: &Stranger<'_>) {
        self.0.meet(cloud, like, who);
    }

    fn repeat(&mut self, like: &Like, at: Option<Timestamp>, event: Option<&str>, leads: Option<u64>) {
        self.0.repeat(like, at, event, (leads, None));
    }

    fn names(&self) -> bool {
        true
    }

    fn repeat_named(&mut self, like: &Like, at: Option<Timestamp>, event: Option<&str>, name: &str) {
        self.0.repeat(like, at, event, (None, Some(name)));
    }

    fn watch_named(&mut self, name: &str) {
        if self.0.remembers() {
            self.0.memo.watch_named(name);
        }
    }

    fn watch(&mut self) {
        if self.0.remembers() {
            self.0.memo.watch();
        }
    }

    fn learn(&mut self, actor: Wide, call: Wide, idle: bool) {
        self.0.memo.learn(actor, call, idle);
    }

    fn outlines(&mut self) -> bool {
        let filter = &self.0.rules.filter;
        // What is asked of places and conditions is no part of an outline.
        let anywhere =
            filter.accounts.is_empty() && filter.regions.is_empty() && filter.conditions.is_empty();
        if !anywhere || !self.0.remembers() {
            return false;
        }
        self.0.outlines.wanted().unwrap_or_else(|| {
            // Of calls that were read before, nobody knows whether they may be outlined.
            self.0.memo.ask_anew();
            true
        })
    }

    fn outlined(&mut self, call: Wide, outline: &Outline<'_>) -> bool {
        self.0.outlined(call, outline)
    }

    fn learn_outline(&mut self, call: Wide, outline: &Outline<'_>) {
        self.0.learn_outline(&call, outline);
    }

    fn ask(&mut self, call: Wide, parts: u64) {
        self.0.memo.ask(call, parts);
    }

    fn is_new(
        &mut self,
        id: Option<u64>,
        content: &dyn Fn() -> u64,
        at: Option<Timestamp>,
        event: Option<&str>,
    ) -> bool {
        let Some(id) = id else { return true };
        match self.0.dedup.add(id, content()) {
            dedup::Found::New => true,
            dedup::Found::Reused => {
                self.0.tally.id_reused += 1;
                true
            }
            dedup::Found::Copy => {
                self.0.tally.duplicate += 1;
                if let Some(lines) = &mut self.0.lines {
                    lines.push(Line::skipped(at, event, "duplicate"));
                }
                false
            }
        }
    }

    fn sighting(&mut self, cloud: &'static str, seen: &Sighting<'_>) {
        let sighted = self.0.observer.see(&self.0.rules.filter, cloud, seen);
        self.0.memo.sighted(cloud, sighted);
    }

    fn declare(&mut self, declaration: Declaration) {
        self.0.memo.void();
        self.0.observer.declare(declaration);
    }

    fn reading(&mut self, cloud: &'static str, reading: &Reading<'_>) {
        let shard = &mut *self.0;
        shard.cloud = cloud;
        let day = Some(reading.at.day());
        let event = reading.event.as_deref().unwrap_or("");
        if !shard.rules.filter.takes(cloud, &reading.actor.principal, &reading.account, &reading.region) {
            let learned = !shard.rules.intent.exclude.iter().any(|entry| entry.matches(reading));
            shard.bystanders.take(cloud, reading, learned);
            shard.memo.void();
            return self.skip(Some(reading.at), reading.event.as_deref(), Skip::Filtered, "");
        }
        let withheld = shard.withhold(reading);
        let reading = withheld.as_ref().unwrap_or(reading);
        if reading.uses.iter().any(|used| used.outcome.grants()) {
            shard.observer.used_by(&reading.actor.principal);
        }
        let principal = shard.principal(&reading.actor);
        let keys: Vec<Key> = reading.uses.iter().map(|used| shard.key(reading, principal, used)).collect();
        shard.remember(reading, principal, &keys);
        let lines = if shard.lines.is_some() { Line::of(cloud, reading) } else { Vec::new() };
        let join = reading.join.unwrap_or_default();
        shard.leading.extend(pending::leads(reading));
        if let Some((key, why)) = join.follows {
            let rows = keys.into_iter().map(|key| (key, event.to_owned())).collect();
            let waits = Pending::new((key, why), cloud, principal, reading, rows, lines);
            return shard.pending.push(waits);
        }
        shard.tally.used(day);
        if withheld.is_none() {
            shard.session(principal, reading.actor.session, reading.at);
        }
        shard.denials.take(cloud, reading);
        for key in keys {
            shard.careful.see(&key, reading.actor.session, &shard.texts);
            shard.count(key, reading.at, event);
        }
        if let Some(all) = &mut shard.lines {
            all.extend(lines);
        }
    }

    fn beside(&mut self, cloud: &'static str, reading: &Reading<'_>) {
        let shard = &mut *self.0;
        shard.memo.void();
        shard.cloud = cloud;
        if !shard.rules.filter.takes(cloud, &reading.actor.principal, &reading.account, &reading.region) {
            let learned = !shard.rules.intent.exclude.iter().any(|entry| entry.matches(reading));
            return shard.bystanders.take(cloud, reading, learned);
        }
        let withheld = shard.withhold(reading);
        shard.take_uses(cloud, withheld.as_ref().unwrap_or(reading), withheld.is_none());
    }

    fn refused(&mut self, cloud: &'static str, reading: &Reading<'_>) {
        self.0.memo.void();
        if self.0.rules.filter.takes(cloud, &reading.actor.principal, &reading.account, &reading.region) {
            self.0.denials.take(cloud, reading);
        }
    }

    fn skip(&mut self, at: Option<Timestamp>, event: Option<&str>, why: Skip, detail: &str) {
        let shard = &mut *self.0;
        shard.tally.skip(at.map(Timestamp::day), why, 1);
        let what = (why == Skip::Unmapped).then(|| shard.texts.sym(detail));
        if let Some(what) = what {
            *shard.unmapped.entry(what).or_default() += 1;
        }
        shard.memo.skipped(why, what);
        if let Some(lines) = &mut shard.lines {
            lines.push(Line::skipped(at, event, why.as_str()));
        }
    }

    fn unknown(&mut self, what: &str) {
        self.0.memo.void();
        let sym = self.0.texts.sym(what);
        *self.0.unmapped.entry(sym).or_default() += 1;
    }

    fn stranger(&mut self, event: Option<&str>) {
        self.skip(None, event, Skip::NotAnEvent, "");
    }

    fn malformed(&mut self, event: Option<&str>) {
        self.0.memo.void();
        self.0.tally.malformed += 1;
        if let Some(lines) = &mut self.0.lines {
            lines.push(Line::skipped(None, event, "malformed"));
        }
    }

    fn full(&mut self) {
        self.0.tally.full += 1;
    }

    fn conditions(&self) -> &[String] {
        &self.0.rules.filter.conditions
    }

    fn link(&mut self, principal: &str, vouched: Vouched) {
        self.0.memo.tell(|| Tell::Link(principal.to_owned(), vouched));
        self.0.linked(principal, vouched);
    }

    fn holds(&mut self, key: &str, values: &[String], sure: bool) {
        self.0.memo.tell(|| Tell::Holds(key.to_owned(), values.to_vec(), sure));
        self.0.holdings.add(key, values, sure);
    }

    fn stands(&mut self, cloud: &'static str, name: &str) {
        self.0.memo.tell(|| Tell::Stands(cloud, name.to_owned()));
        self.0.bystanders.stands(cloud, name);
    }
}

impl Shard {
    /// Learns how sessions of a principal come about.
    pub(super) fn linked(&mut self, principal: &str, vouched: Vouched) {
        let sym = self.texts.sym(principal);
        let known = self.links.entry(sym).or_default();
        *known = known.or(vouched);
    }

    /// Takes the uses of a reading.
    fn take_uses(&mut self, cloud: &'static str, reading: &Reading<'_>, fresh: bool) {
        if reading.uses.iter().any(|used| used.outcome.grants()) {
            self.observer.used_by(&reading.actor.principal);
        }
        let event = reading.event.as_deref().unwrap_or("");
        let principal = self.principal(&reading.actor);
        if fresh {
            self.session(principal, reading.actor.session, reading.at);
        }
        for used in &reading.uses {
            let key = self.key(reading, principal, used);
            self.careful.see(&key, reading.actor.session, &self.texts);
            self.count(key, reading.at, event);
        }
        if let Some(all) = &mut self.lines {
            all.extend(Line::of(cloud, reading));
        }
    }

    /// The reading as it counts where an `[[exclude]]` entry selects it: seen, but not to be learned.
    fn withhold<'r>(&mut self, reading: &Reading<'r>) -> Option<Reading<'r>> {
        let mut selected = false;
        for (entry, count) in self.rules.intent.exclude.iter().zip(&mut self.withheld) {
            if entry.matches(reading) {
                *count += 1;
                selected = true;
            }
        }
        if !selected {
            return None;
        }
        let mut reading = reading.clone();
        for used in reading.uses.iter_mut().filter(|used| used.outcome.grants()) {
            used.outcome = Outcome::Withheld;
            used.exempt = Some("withheld");
        }
        Some(reading)
    }
}
