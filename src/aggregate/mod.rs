//! Readings into the usage table. Shards merge in any order to the same table.
//!
//! Duplicates are told by a set that all shards share; everything else a shard keeps for itself until [`Shard::merge`].

mod bystanders;
mod careful;
pub mod collapse;
pub mod dedup;
mod denials;
pub mod holdings;
pub mod intern;
pub mod line;
mod memo;
mod pending;
mod observe;
mod outlines;
mod rows;
pub mod store;
mod table;
mod worker;

pub use careful::Sensitive;
pub use table::Usage;
pub use worker::Worker;

use crate::config::Filter;
use crate::intent::Intent;
use crate::model::identity::{Actor, Kind, Vouched};
use crate::model::tally::Tally;
use crate::model::time::{Day, Timestamp};
use crate::model::usage::{Basis, COLLAPSED, Level, Outcome, Reading, Seen, Use};
use bystanders::Bystanders;
use careful::Careful;
use collapse::Family;
use dedup::Dedup;
use denials::Denials;
use holdings::Holdings;
use intern::{Interner, Sym, translate};
use line::Line;
use memo::Memo;
use observe::Observer;
use outlines::Outlines;
use pending::Pending;
use rows::Rows;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// What decides how records are taken.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Which records count.
    pub filter: Filter,
    /// What people decided.
    pub intent: Intent,
    /// Whether sensitive actions seen in one session only are taken like all others.
    pub accept_review: bool,
}

/// What makes two uses one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    cloud: Sym,
    principal: Sym,
    action: Sym,
    level: Level,
    target: Sym,
    /// The family's own name, for object-like targets; the empty text otherwise.
    family: Sym,
    scope: Sym,
    context: Sym,
    outcome: Outcome,
    basis: Basis,
    via: Sym,
    rule: Sym,
    /// Why no document carries it; empty where one does.
    exempt: Sym,
    /// Where there is a window; otherwise days are not told apart.
    day: Day,
}

/// Whose names are kept apart or joined together: names that are refused or not to be learned never widen what is granted.
type Of = (Sym, Sym, Sym, Class);

/// What an outcome means for names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Class {
    Granted,
    Withheld,
    Other,
}

impl Key {
    fn of(&self) -> Of {
        let class = match self.outcome {
            Outcome::Withheld => Class::Withheld,
            outcome if outcome.grants() => Class::Granted,
            _ => Class::Other,
        };
        (self.principal, self.action, self.family, class)
    }
}

/// What is known of a principal beside its uses.
#[derive(Clone, Debug)]
struct Known {
    cloud: &'static str,
    kind: Kind,
    home: Sym,
    vouched: Vouched,
}

/// What one worker has read.
#[derive(Debug)]
pub struct Shard {
    rules: Arc<Rules>,
    dedup: Arc<Dedup>,
    cloud: &'static str,
    texts: Interner,
    rows: Rows,
    families: FxHashMap<Of, Family>,
    /// Patterns in place of names that are no longer kept apart, by family, what the names begin with, and rule; with the rule
    /// that says so.
    coarse: FxHashMap<(Sym, Sym, Sym), (Sym, Sym)>,
    principals: FxHashMap<Sym, Known>,
    days: FxHashMap<(Sym, Day), u64>,
    sessions: FxHashMap<(Sym, u64), (Timestamp, Timestamp)>,
    links: FxHashMap<Sym, Vouched>,
    leading: FxHashSet<u64>,
    pending: Vec<Pending>,
    denials: Denials,
    unmapped: FxHashMap<Sym, u64>,
    /// Records that each `[[exclude]]` entry kept from being learned.
    withheld: Vec<u64>,
    careful: Careful,
    lines: Option<Vec<Line>>,
    observer: Observer,
    bystanders: Bystanders,
    holdings: Holdings,
    memo: Memo,
    outlines: Outlines,
    /// Where every record went.
    pub tally: Tally,
}

impl Shard {
    /// An empty shard; with `lines`, it also keeps every use on its own.
    #[must_use]
    pub fn new(rules: Arc<Rules>, dedup: Arc<Dedup>, lines: bool) -> Self {
        Self {
            withheld: vec![0; rules.intent.exclude.len()],
            careful: Careful::default(),
            rules,
            dedup,
            cloud: "",
            texts: Interner::default(),
            rows: Rows::default(),
            families: FxHashMap::default(),
            coarse: FxHashMap::default(),
            principals: FxHashMap::default(),
            days: FxHashMap::default(),
            sessions: FxHashMap::default(),
            links: FxHashMap::default(),
            leading: FxHashSet::default(),
            pending: Vec::new(),
            denials: Denials::default(),
            unmapped: FxHashMap::default(),
            lines: lines.then(Vec::new),
            observer: Observer::default(),
            bystanders: Bystanders::default(),
            holdings: Holdings::default(),
            memo: Memo::default(),
            outlines: Outlines::default(),
            tally: Tally::default(),
        }
    }

    fn key(&mut self, reading: &Reading<'_>, principal: Sym, used: &Use<'_>) -> Key {
        let context = line::context_text(&used.context);
        let family = used.family.and_then(|at| used.target.text.get(..at)).unwrap_or("");
        Key {
            cloud: self.texts.sym(self.cloud),
            principal,
            action: self.texts.sym(&used.action),
            level: used.target.level,
            target: self.texts.sym(&used.target.text),
            family: self.texts.sym(family),
            scope: self.texts.sym(&used.scope),
            context: self.texts.sym(&context),
            outcome: used.outcome,
            basis: used.basis,
            via: self.texts.sym(reading.via.as_deref().unwrap_or("")),
            rule: self.texts.sym(&used.rule),
            exempt: self.texts.sym(line::exempt(reading, used).unwrap_or("")),
            day: if self.rules.filter.has_window() { reading.at.day() } else { Day::UNKNOWN },
        }
    }

    fn count(&mut self, key: Key, at: Timestamp, event: &str) {
        // A row that stands says that its name is known to its family, and still kept apart.
        if let Some(seen) = self.rows.get_mut(&key) {
            return seen.add(at, event);
        }
        let key = self.in_family(key);
        self.row(key, at, event);
    }

    /// Counts a use of an object of that name, whatever the target of `key`.
    fn count_object(&mut self, mut key: Key, name: &str, (at, event): (Timestamp, &str)) {
        let of = key.of();
        let coarse = self.families.get_mut(&of).filter(|names| !matches!(names, Family::Exact(_)));
        let before = coarse.as_deref().map(std::mem::discriminant);
        let part = coarse.and_then(|names| {
            names.add(name);
            names.part(name)
        });
        if before.is_some_and(|before| self.families.get(&of).map(std::mem::discriminant) != Some(before)) {
            self.collapse(of);
        }
        match part {
            Some(part) => {
                let coarse = self.coarse(key, part);
                self.row(coarse, at, event);
            }
            None => {
                let target = format!("{}{name}", self.texts.text(key.family));
                key.target = self.texts.sym(&target);
                self.count(key, at, event);
            }
        }
    }

    fn row(&mut self, key: Key, at: Timestamp, event: &str) {
        match self.rows.get_mut(&key) {
            Some(seen) => seen.add(at, event),
            None => self.rows.put(key, Seen::once(at, event)),
        }
    }

    /// The key, with its target replaced where the family's names are no longer kept apart.
    fn in_family(&mut self, key: Key) -> Key {
        let family = self.texts.text(key.family);
        if family.is_empty() || key.level != Level::Named {
            return key;
        }
        let name = self.texts.text(key.target).get(family.len()..).unwrap_or("").to_owned();
        let of = key.of();
        let names = self.families.entry(of).or_default();
        let before = std::mem::discriminant(names);
        names.add(&name);
        if std::mem::discriminant(names) != before {
            self.collapse(of);
        }
        self.collapsed(key)
    }

    fn collapsed(&mut self, key: Key) -> Key {
        let family = self.texts.text(key.family);
        let Some(names) = self.families.get(&key.of()) else { return key };
        let target = self.texts.text(key.target);
        let name = match key.level {
            Level::Named => target.get(family.len()..).unwrap_or("").to_owned(),
            // A prefix pattern of a family that is now taken whole.
            _ if *names == Family::Whole => String::new(),
            _ => return key,
        };
        let Some(part) = names.part(&name) else { return key };
        self.coarse(key, part)
    }

    /// The key with its target replaced by the pattern of the family's names that begin with `part`.
    fn coarse(&mut self, key: Key, part: &str) -> Key {
        let part = self.texts.sym(part);
        let of = (key.family, part, key.rule);
        let (target, rule) = match self.coarse.get(&of) {
            Some(known) => *known,
            None => {
                let text = [key.family, part].map(|sym| crate::model::pattern::escape(self.texts.text(sym)));
                let rule = self.texts.text(key.rule);
                let joined = if rule.ends_with(COLLAPSED) { "" } else { COLLAPSED };
                let rule = format!("{rule}{joined}");
                let made = (self.texts.sym(&format!("{}*", text.concat())), self.texts.sym(&rule));
                self.coarse.insert(of, made);
                made
            }
        };
        Key { level: Level::Partial, target, rule, ..key }
    }

    /// Rewrites the rows of a family that has just become coarser.
    fn collapse(&mut self, of: Of) {
        for (key, seen) in self.rows.take(|key| key.of() == of) {
            let key = self.collapsed(key);
            self.rows.put(key, seen);
        }
    }

    fn principal(&mut self, actor: &Actor<'_>) -> Sym {
        let principal = self.texts.sym(&actor.principal);
        let home = self.texts.sym(&actor.home);
        let fresh = Known { cloud: self.cloud, kind: actor.kind, home, vouched: actor.vouched };
        self.learn(principal, fresh);
        principal
    }

    fn learn(&mut self, principal: Sym, fresh: Known) {
        let texts = &self.texts;
        self.principals
            .entry(principal)
            .and_modify(|known| {
                known.vouched = known.vouched.or(fresh.vouched);
                // Deterministic whatever came first: nobody's records may be of both clouds, and a home is the smaller one
                // in text order.
                known.cloud = known.cloud.min(fresh.cloud);
                known.kind = known.kind.min(fresh.kind);
                if texts.text(fresh.home) < texts.text(known.home) {
                    known.home = fresh.home;
                }
            })
            .or_insert(fresh);
    }

    fn session(&mut self, principal: Sym, session: u64, at: Timestamp) {
        *self.days.entry((principal, at.day())).or_default() += 1;
        let span = self.sessions.entry((principal, session)).or_insert((at, at));
        *span = (span.0.min(at), span.1.later(at));
    }

    /// Joins another shard.
    pub fn merge(&mut self, other: Self) {
        let map = self.texts.adopt(&other.texts);
        let t = |sym: Sym| translate(&map, sym);
        let re_key = |key: Key| Key {
            cloud: t(key.cloud),
            principal: t(key.principal),
            action: t(key.action),
            target: t(key.target),
            family: t(key.family),
            scope: t(key.scope),
            context: t(key.context),
            via: t(key.via),
            rule: t(key.rule),
            exempt: t(key.exempt),
            ..key
        };
        other.families.into_iter().for_each(|((p, a, f, class), names)| {
            let of = (t(p), t(a), t(f), class);
            let mine = self.families.entry(of).or_default();
            let before = std::mem::discriminant(mine);
            mine.merge(names);
            if std::mem::discriminant(mine) != before {
                self.collapse(of);
            }
        });
        other.rows.into_iter().for_each(|(key, seen)| {
            let key = self.collapsed(re_key(key));
            self.rows.put(key, seen);
        });
        other.principals.into_iter().for_each(|(sym, known)| {
            self.learn(t(sym), Known { home: t(known.home), ..known });
        });
        other.days.into_iter().for_each(|((sym, day), n)| *self.days.entry((t(sym), day)).or_default() += n);
        other.sessions.into_iter().for_each(|((sym, session), (first, last))| {
            let span = self.sessions.entry((t(sym), session)).or_insert((first, last));
            *span = (span.0.min(first), span.1.later(last));
        });
        other.links.into_iter().for_each(|(sym, vouched)| {
            let known = self.links.entry(t(sym)).or_default();
            *known = known.or(vouched);
        });
        self.leading.extend(other.leading);
        self.denials.merge(other.denials);
        self.holdings.merge(other.holdings);
        self.pending.extend(other.pending.into_iter().map(|mut one| {
            one.principal = t(one.principal);
            one.rows = one.rows.into_iter().map(|(key, event)| (re_key(key), event)).collect();
            one
        }));
        other.unmapped.into_iter().for_each(|(sym, n)| *self.unmapped.entry(t(sym)).or_default() += n);
        self.careful.merge(other.careful, &t);
        self.withheld.iter_mut().zip(other.withheld).for_each(|(mine, theirs)| *mine += theirs);
        if let (Some(mine), Some(theirs)) = (&mut self.lines, other.lines) {
            mine.extend(theirs);
        }
        self.observer.merge(other.observer);
        self.bystanders.merge(other.bystanders);
        self.tally.merge(other.tally);
    }
}

/// Whether an action waits for a person when it was seen in one session only.
fn sensitive(cloud: &str, action: &str) -> bool {
    crate::cloud::by_id(cloud).is_some_and(|cloud| cloud.sensitive(action))
}
