//! Refusals, beside the usage table: they are rare, prove no use, and say more than a row holds.
//!
//! Object names are joined as in the table, so that whoever tries a million keys does not make a million refusals.

use super::collapse::Family;
use crate::model::denial::{Denial, Refused};
use crate::model::pattern::escape;
use crate::model::time::{Day, Timestamp};
use crate::model::usage::{Level, Reading, Seen, Target};
use rustc_hash::FxHashMap;

/// What makes two refusals one, but for the window.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) cloud: &'static str,
    pub(super) principal: String,
    pub(super) refused: Refused,
    pub(super) day: Day,
}

/// The refusals of one record.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) cloud: &'static str,
    pub(super) principal: String,
    pub(super) refused: Vec<Refused>,
}

impl Waiting {
    pub(super) fn of(cloud: &'static str, reading: &Reading<'_>) -> Self {
        let exempt = |refused: &Refused| reading.actor.exempt.or(refused.exempt);
        let all = reading.refused.iter().map(|one| Refused { exempt: exempt(one), ..one.clone() });
        let refused: Vec<Refused> = all.collect();
        let principal = if refused.is_empty() { String::new() } else { reading.actor.principal.to_string() };
        Self { cloud, principal, refused }
    }
}

/// Principal, action and the family's own name.
pub(super) type Of = (String, String, String);

/// All refusals so far.
#[derive(Debug, Default)]
pub(super) struct Denials {
    pub(super) seen: FxHashMap<Key, Seen>,
    pub(super) families: FxHashMap<Of, Family>,
}

fn of(principal: &str, refused: &Refused) -> Option<Of> {
    // A name that a pattern would have to escape is not joined: its length would change.
    let family = refused.target.text.get(..refused.family?).filter(|family| escape(family) == **family)?;
    Some((principal.to_owned(), refused.action.clone(), family.to_owned()))
}

impl Denials {
    /// Takes the refusals of one record.
    pub(super) fn take(&mut self, cloud: &'static str, reading: &Reading<'_>) {
        self.add(Waiting::of(cloud, reading), reading.at, reading.event.as_deref().unwrap_or(""));
    }

    /// Takes a refusal that was seen so often.
    pub(super) fn restore(&mut self, key: Key, seen: &Seen) {
        if let Some(of) = of(&key.principal, &key.refused)
            && key.refused.target.level == Level::Named
        {
            let name = key.refused.target.text.get(of.2.len()..).unwrap_or("").to_owned();
            self.families.entry(of).or_default().add(&name);
        }
        let refused = self.joined(&key.principal, key.refused);
        self.put(Key { refused, ..key }, seen);
    }

    /// Takes refusals of a record whose leading copy never came.
    pub(super) fn add(&mut self, waiting: Waiting, at: Timestamp, event: &str) {
        let Waiting { cloud, principal, refused } = waiting;
        for refused in refused {
            let key = Key { cloud, principal: principal.clone(), refused, day: at.day() };
            self.restore(key, &Seen::once(at, event));
        }
    }

    /// The refusal, with its name replaced where the family's names are no longer kept apart.
    fn joined(&self, principal: &str, refused: Refused) -> Refused {
        let Some(of) = of(principal, &refused) else { return refused };
        let Some(family) = self.families.get(&of) else { return refused };
        let name = match refused.target.level {
            Level::Named => refused.target.text.get(of.2.len()..).unwrap_or("").to_owned(),
            _ if *family == Family::Whole => String::new(),
            _ => return refused,
        };
        let Some(pattern) = family.pattern(&name) else { return refused };
        Refused { target: Target::pattern(Level::Partial, of.2 + &pattern), ..refused }
    }

    /// Joins what another shard has.
    pub(super) fn merge(&mut self, other: Self) {
        other.families.into_iter().for_each(|(of, names)| self.families.entry(of).or_default().merge(names));
        other.seen.into_iter().for_each(|(key, seen)| self.put(key, &seen));
    }

    fn put(&mut self, key: Key, seen: &Seen) {
        self.seen.entry(key).and_modify(|known| known.merge(seen)).or_insert_with(|| seen.clone());
    }

    /// The refusals inside the window, sorted; what differs only in its day is one.
    pub(super) fn finish(mut self, keeps: impl Fn(Day) -> bool) -> Vec<Denial> {
        let unknown = Timestamp::UNKNOWN.day();
        std::mem::take(&mut self.seen).into_iter().filter(|(key, _)| keeps(key.day)).for_each(
            |(key, seen)| {
                let refused = self.joined(&key.principal, key.refused);
                self.put(Key { refused, day: unknown, ..key }, &seen);
            },
        );
        let all = self.seen.into_iter();
        let mut all: Vec<Denial> = all
            .map(|(key, seen)| Denial {
                cloud: key.cloud,
                principal: key.principal,
                refused: key.refused,
                seen: Some(seen),
            })
            .collect();
        all.sort();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::super::collapse::CAP;
    use super::*;
    use crate::model::denial::Encoded;

    fn refusal(key: &str) -> Refused {
        let name = format!("arn:aws:s3:::b/{key}");
        Refused {
            action: "s3:GetObject".to_owned(),
            target: Target::named(name),
            scope: String::new(),
            context: std::collections::BTreeMap::new(),
            family: Some("arn:aws:s3:::b/".len()),
            by: "unknown",
            explicit: None,
            policy: None,
            encoded: Encoded::No,
            told: false,
            exempt: None,
        }
    }

    fn of(names: &[String], split: usize) -> Vec<Denial> {
        let mut shards = [Denials::default(), Denials::default()];
        for (at, name) in names.iter().enumerate() {
            let shard = &mut shards[usize::from(at >= split)];
            let one = Waiting { cloud: "aws", principal: "p".to_owned(), refused: vec![refusal(name)] };
            shard.add(one, Timestamp(1_000_000_000), "e");
        }
        let [mut all, other] = shards;
        all.merge(other);
        all.finish(|_| true)
    }

    #[test]
    fn names_are_joined_whatever_the_order_and_split() {
        let few: Vec<String> = (0..3).map(|n| format!("k{n}")).collect();
        assert_eq!(of(&few, 1).len(), 3);
        let mut many: Vec<String> = (0..=CAP).map(|n| format!("logs/{n}")).collect();
        let whole = of(&many, 500);
        many.reverse();
        assert_eq!(of(&many, 7), whole);
        assert_eq!(whole.len(), 1);
        assert_eq!(whole[0].refused.target.text, "arn:aws:s3:::b/logs/*");
        assert_eq!(whole[0].seen.as_ref().unwrap().count, CAP as u64 + 1);
        let wide: Vec<String> = (0..=CAP).map(|n| format!("p{n}/x")).collect();
        assert_eq!(of(&wide, 999)[0].refused.target.text, "arn:aws:s3:::b/*");
    }
}
