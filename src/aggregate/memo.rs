//! What records came to, so that their like need not be read again.
//!
//! A record with the same call as one before, whoever made it, comes to the same uses; only its time, its id and its actor
//! are its own. What cannot be repeated so (refusals, copies that wait, declarations, whatever a filter leaves out) is
//! never remembered.

use super::intern::Sym;
use super::line::TRUST;
use super::observe::Sighted;
use super::outlines::{Outlines, Tell};
use super::{Key, Shard};
use crate::cloud::{Known, Like, Stranger, Wide};
use crate::model::identity::Kind;
use crate::model::tally::Skip;
use crate::model::time::{Day, Timestamp};
use crate::model::usage::{Basis, Level, Reading};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::cell::RefCell;
use std::sync::Arc;

/// Actors that are remembered; then all are forgotten.
const ACTORS: usize = 1 << 14;
/// Calls that are remembered, at some two hundred bytes each; then those are forgotten that did not come again among as
/// many.
const CALLS: usize = 1 << 15;

/// Who acts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who {
    /// Nobody to tighten.
    Idle(Skip),
    /// Somebody who was not seen to use anything.
    Named,
    /// A principal.
    User(User),
}

/// What a record came to that was not read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Again {
    /// Its like is not known.
    Unknown,
    /// To nothing.
    Skipped(Skip, Option<Sym>),
    /// To uses of a principal in a session.
    Used(Sym, u64),
}

/// A principal as its readings have it.
#[derive(Clone, Copy, Debug)]
pub(super) struct User {
    principal: Sym,
    /// The same among the texts of the observer.
    observed: Sym,
    session: u64,
    via: Sym,
    /// Why no document carries what it uses, whatever that is.
    exempt: Sym,
}

/// Rows, mostly one.
pub(super) type Keys = SmallVec<[Key; 1]>;

/// What a record has of its own: what joins it to copies that stand back, and the name of its object.
pub(super) type Own<'a> = (Option<u64>, Option<&'a str>);

/// What a call comes to.
#[derive(Clone, Debug)]
pub(super) enum Comes {
    /// It was only seen made by those who are nobody to tighten.
    Unread,
    /// To nothing.
    Skip(Skip, Option<Sym>),
    /// To these uses.
    Uses(Keys),
}

/// A call that was read.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) cloud: &'static str,
    pub(super) sighted: Sighted,
    pub(super) comes: Comes,
    /// Whether any of its uses asks for a grant.
    pub(super) grants: bool,
    /// What its first record told beside that; nothing where it was not read itself.
    pub(super) tells: Box<[Tell]>,
    /// Whether a record of it was read; it was written after another otherwise.
    pub(super) read: bool,
}

/// What is told of one record.
#[derive(Debug, Default)]
pub(super) struct Watch {
    sighted: Option<(&'static str, Sighted)>,
    comes: Option<Comes>,
    user: Option<User>,
    tells: Vec<Tell>,
    /// The name of the object, in which its like may differ.
    name: Option<Box<str>>,
    /// It cannot be repeated.
    void: bool,
}

/// All that one shard remembers.
#[derive(Debug, Default)]
pub(super) struct Memo {
    actors: FxHashMap<Wide, Who>,
    /// What decides calls, by what is common to those that look alike.
    asked: FxHashMap<Wide, u64>,
    calls: FxHashMap<Wide, Arc<Call>>,
    /// Calls that were remembered before those.
    older: FxHashMap<Wide, Arc<Call>>,
    /// What was last said to be known, for its use.
    found: RefCell<Option<Found>>,
    watch: Option<Box<Watch>>,
}

/// A call and who made it.
#[derive(Debug)]
struct Found {
    like: Like,
    call: Arc<Call>,
    who: Who,
    /// It was remembered long ago.
    old: bool,
}

impl Memo {
    pub(super) fn watch(&mut self) {
        self.watch = Some(Box::default());
    }

    pub(super) fn watch_named(&mut self, name: &str) {
        self.watch = Some(Box::new(Watch { name: Some(name.into()), ..Watch::default() }));
    }

    /// Says that the record at hand cannot be repeated.
    pub(super) fn void(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.void = true;
        }
    }

    pub(super) fn tell(&mut self, tell: impl FnOnce() -> Tell) {
        if let Some(watch) = &mut self.watch {
            watch.tells.push(tell());
        }
    }

    pub(super) fn sighted(&mut self, cloud: &'static str, sighted: Option<Sighted>) {
        if let Some(watch) = &mut self.watch {
            watch.void |= sighted.is_none();
            watch.sighted = sighted.map(|sighted| (cloud, sighted));
        }
    }

    pub(super) fn skipped(&mut self, why: Skip, what: Option<Sym>) {
        if let Some(watch) = &mut self.watch {
            watch.void |= watch.comes.is_some();
            watch.comes = Some(Comes::Skip(why, what));
        }
    }

    pub(super) fn ask(&mut self, call: Wide, parts: u64) {
        if self.asked.len() >= CALLS {
            self.asked.clear();
        }
        self.asked.insert(call, parts);
    }

    /// Forgets what decides calls.
    pub(super) fn ask_anew(&mut self) {
        self.asked.clear();
    }

    pub(super) fn put(&mut self, key: Wide, call: Arc<Call>) {
        if self.calls.len() >= CALLS {
            self.older = std::mem::take(&mut self.calls);
        }
        self.calls.insert(key, call);
    }

    pub(super) fn entry(&self, call: &Wide) -> Option<&Arc<Call>> {
        self.calls.get(call).or_else(|| self.older.get(call))
    }

    fn find(&self, like: &Like) -> (Known, Option<Found>) {
        let new = self.calls.get(&like.call);
        let Some(call) = new.or_else(|| self.older.get(&like.call)) else { return (Known::No, None) };
        let Some(who) = self.actors.get(&like.actor) else { return (Known::Call, None) };
        match (who, &call.comes) {
            (Who::Idle(_), _)
            | (Who::Named | Who::User(_), Comes::Skip(..))
            | (Who::User(_), Comes::Uses(_)) => {
                let (call, who) = (Arc::clone(call), *who);
                (Known::All, Some(Found { like: *like, call, who, old: new.is_none() }))
            }
            (Who::Named, Comes::Uses(_)) => (Known::Call, None),
            _ => (Known::No, None),
        }
    }

    /// A call of which all is known, with who makes it; what was remembered long ago stays for its use.
    fn taken(&mut self, like: &Like) -> Option<(Arc<Call>, Who)> {
        let found = self.found.take().filter(|found| found.like == *like);
        let found = found.or_else(|| self.find(like).1)?;
        if found.old {
            self.older.remove(&like.call);
            self.put(like.call, Arc::clone(&found.call));
        }
        Some((found.call, found.who))
    }

    pub(super) fn known(&self, like: &Like) -> Known {
        if let Some(parts) = self.asked.get(&like.call) {
            return Known::Ask(*parts);
        }
        let (known, found) = self.find(like);
        self.found.replace(found);
        known
    }

    pub(super) fn learn(&mut self, actor: Wide, key: Wide, idle: bool) {
        let Some(watch) = self.watch.take().filter(|watch| !watch.void) else { return };
        let (Some((cloud, sighted)), Some(comes)) = (watch.sighted, watch.comes) else { return };
        let who = match (&comes, watch.user) {
            (Comes::Skip(why, _), _) if idle => Who::Idle(*why),
            (_, Some(user)) => Who::User(user),
            _ => Who::Named,
        };
        self.met(actor, who);
        let comes = if idle { Comes::Unread } else { comes };
        let grants = matches!(&comes, Comes::Uses(uses) if uses.iter().any(|used| used.outcome.grants()));
        let call = Arc::new(Call { cloud, sighted, comes, grants, tells: watch.tells.into(), read: true });
        let unread = matches!(call.comes, Comes::Unread);
        if !unread || self.entry(&key).is_none() {
            self.put(key, call);
        }
    }

    fn met(&mut self, actor: Wide, who: Who) {
        if self.actors.len() >= ACTORS {
            self.actors.clear();
        }
        let known = self.actors.entry(actor).or_insert(who);
        if matches!(known, Who::Named) {
            *known = who;
        }
    }
}

impl Shard {
    /// Whether records may be remembered: not where each is looked at for itself.
    pub(super) fn remembers(&self) -> bool {
        self.lines.is_none() && self.rules.intent.exclude.is_empty()
    }

    /// Forgets what only serves reading: there is nothing more to read.
    pub fn forget_likes(&mut self) {
        self.memo = Memo::default();
        self.outlines = Outlines::default();
    }

    /// Remembers what a reading comes to.
    pub(super) fn remember(&mut self, reading: &Reading<'_>, principal: Sym, keys: &[Key]) {
        if self.memo.watch.is_none() {
            return;
        }
        let via = self.texts.sym(reading.via.as_deref().unwrap_or(""));
        let observed = self.observer.principal(&reading.actor.principal);
        let texts = &mut self.texts;
        let mut plain = |(key, used): (&Key, &crate::model::usage::Use<'_>)| Key {
            exempt: texts.sym(used.exempt.unwrap_or("")),
            ..*key
        };
        let mut uses: Keys = keys.iter().zip(&reading.uses).map(&mut plain).collect();
        let (session, exempt) = (reading.actor.session, texts.sym(reading.actor.exempt.unwrap_or("")));
        let Some(watch) = &mut self.memo.watch else { return };
        if let Some(name) = watch.name.as_deref() {
            for used in &mut uses {
                let (target, family) = (self.texts.text(used.target), self.texts.text(used.family));
                let of = used.level == Level::Named && !family.is_empty();
                match of && target.strip_prefix(family) == Some(name) {
                    true => used.target = Sym::EMPTY,
                    false => watch.void |= target.ends_with(name),
                }
            }
        }
        watch.void |= !reading.refused.is_empty() || reading.join.is_some_and(|join| join.follows.is_some());
        // Copies of its calls may stand back.
        watch.void |= reading.actor.kind == Kind::Account;
        watch.user = Some(User { principal, observed, session, via, exempt });
        watch.comes = Some(Comes::Uses(uses));
    }

    /// Learns who acts in a record whose call is remembered, unless the record must be read for that.
    pub(super) fn meet(&mut self, cloud: &'static str, like: &Like, who: &Stranger<'_>) {
        let Some(call) = self.memo.entry(&like.call) else { return };
        let uses = match call.comes {
            Comes::Unread if who.actor.is_ok() => return,
            Comes::Uses(_) => true,
            _ => false,
        };
        let who = match who.actor {
            Err(why) => Who::Idle(*why),
            Ok(_) if !uses => Who::Named,
            // Copies of its calls may stand back.
            Ok(actor) if actor.kind == Kind::Account => return,
            Ok(actor) if !self.rules.filter.takes(cloud, &actor.principal, who.account, who.region) => return,
            Ok(actor) => {
                self.cloud = cloud;
                let principal = self.principal(actor);
                let via = self.texts.sym(who.via.unwrap_or(""));
                let observed = self.observer.principal(&actor.principal);
                let (session, exempt) = (actor.session, self.texts.sym(actor.exempt.unwrap_or("")));
                Who::User(User { principal, observed, session, via, exempt })
            }
        };
        self.memo.met(like.actor, who);
    }

    /// Takes a record like one that is remembered.
    pub(super) fn repeat(&mut self, like: &Like, at: Option<Timestamp>, event: Option<&str>, own: Own<'_>) {
        let at = at.unwrap_or(Timestamp::UNKNOWN);
        if let Again::Skipped(why, what) = self.again(like, at, event, own) {
            self.skipped(at, why, what);
        }
    }

    /// Counts a skipped record.
    pub(super) fn skipped(&mut self, at: Timestamp, why: Skip, what: Option<Sym>) {
        self.tally.skip(Some(at.day()), why, 1);
        if let Some(what) = what {
            *self.unmapped.entry(what).or_default() += 1;
        }
    }

    /// Takes the uses of a record like one that is remembered; says what else it came to.
    pub(super) fn again(
        &mut self,
        like: &Like,
        at: Timestamp,
        event: Option<&str>,
        (leads, name): Own<'_>,
    ) -> Again {
        let Some((call, who)) = self.memo.taken(like) else { return Again::Unknown };
        let day = at.day();
        self.cloud = call.cloud;
        self.observer.again(call.sighted, day);
        match (who, &call.comes) {
            (Who::Idle(why), _) => Again::Skipped(why, None),
            (_, Comes::Skip(why, what)) => Again::Skipped(*why, *what),
            (Who::User(user), Comes::Uses(uses)) => {
                if call.grants {
                    self.observer.used_by_known(user.observed);
                }
                self.leading.extend(leads);
                self.tally.used(Some(day));
                self.session(user.principal, user.session, at);
                self.repeat_uses(&user, uses, (at, event.unwrap_or("")), name);
                Again::Used(user.principal, user.session)
            }
            _ => Again::Unknown,
        }
    }

    fn repeat_uses(&mut self, user: &User, uses: &[Key], (at, event): (Timestamp, &str), name: Option<&str>) {
        let day = if self.rules.filter.has_window() { at.day() } else { Day::UNKNOWN };
        for used in uses {
            let exempt = match used.basis {
                Basis::Trust => self.texts.sym(TRUST),
                _ if user.exempt.is_empty() => used.exempt,
                _ => user.exempt,
            };
            let key = Key { principal: user.principal, via: user.via, exempt, day, ..*used };
            self.careful.see(&key, user.session, &self.texts);
            match name.filter(|_| key.target.is_empty()) {
                Some(name) => self.count_object(key, name, (at, event)),
                None => self.count(key, at, event),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(actor: &str, call: &str) -> Like {
        Like { actor: Wide::of(actor.as_bytes()), call: Wide::of(call.as_bytes()) }
    }

    fn learn(memo: &mut Memo, like: &Like, comes: Comes, user: Option<User>, idle: bool) {
        memo.watch();
        memo.sighted("aws", Some(0));
        if let Some(watch) = &mut memo.watch {
            (watch.comes, watch.user) = (Some(comes), user);
        }
        memo.learn(like.actor, like.call, idle);
    }

    #[test]
    fn calls_are_known_only_for_those_of_whom_all_is_known() {
        let mut memo = Memo::default();
        let none = Sym::EMPTY;
        let user = User { principal: none, observed: none, session: 1, via: none, exempt: none };
        learn(&mut memo, &like("service", "get"), Comes::Skip(Skip::Service, None), None, true);
        assert_eq!(memo.known(&like("service", "get")), Known::All);
        learn(&mut memo, &like("ana", "unknown"), Comes::Skip(Skip::Unmapped, Some(none)), None, false);
        assert_eq!(memo.known(&like("ana", "get")), Known::No, "the call was never read");
        assert_eq!(memo.known(&like("ana", "unknown")), Known::All);
        learn(&mut memo, &like("bob", "get"), Comes::Uses(Keys::default()), Some(user), false);
        assert_eq!(memo.known(&like("service", "get")), Known::All);
        assert_eq!(memo.known(&like("ana", "get")), Known::Call, "she was not seen to use anything");
        assert_eq!(memo.known(&like("eve", "get")), Known::Call, "nobody saw her");
        learn(&mut memo, &like("ana", "put"), Comes::Uses(Keys::default()), Some(user), false);
        assert_eq!(memo.known(&like("ana", "get")), Known::All);
        learn(&mut memo, &like("service", "put"), Comes::Skip(Skip::Service, None), None, true);
        assert_eq!(memo.known(&like("ana", "put")), Known::All, "what was read stays");
        memo.watch();
        memo.sighted("aws", Some(0));
        memo.skipped(Skip::Unmapped, None);
        memo.void();
        memo.learn(like("eve", "odd").actor, like("eve", "odd").call, false);
        assert_eq!(memo.known(&like("eve", "odd")), Known::No);
        memo.ask(like("", "more").call, 5);
        assert_eq!(memo.known(&like("eve", "more")), Known::Ask(5));
    }
}
