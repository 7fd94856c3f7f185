//! Copies of one call that wait for the copy that counts.

use super::denials::Waiting;
use super::intern::Sym;
use super::line::Line;
use super::{Key, Shard};
use crate::model::tally::Skip;
use crate::model::time::Timestamp;
use crate::model::usage::{Outcome, Reading};
use crate::wire::fingerprint;

/// A reading that waits for its leading copy.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) key: u64,
    pub(super) why: Skip,
    pub(super) principal: Sym,
    pub(super) session: u64,
    pub(super) at: Timestamp,
    pub(super) rows: Vec<(Key, String)>,
    pub(super) lines: Vec<Line>,
    pub(super) event: String,
    pub(super) refused: Waiting,
    /// With this key, uses stand back that the leading copy has as well.
    pub(super) uses: Option<u64>,
}

/// Keys that a reading leads with; each use of a copy that counts may lead for itself.
pub(super) fn leads<'r>(reading: &'r Reading<'_>) -> impl Iterator<Item = u64> + 'r {
    let join = reading.join.unwrap_or_default();
    let each = join.uses.filter(|_| join.follows.is_none());
    let uses = each
        .into_iter()
        .flat_map(|key| reading.uses.iter().map(move |used| of_use(key, &used.action, &used.target.text)));
    join.leads.into_iter().flatten().chain(uses)
}

fn of_use(key: u64, action: &str, target: &str) -> u64 {
    [action, target].into_iter().map(fingerprint::hash).fold(key, fingerprint::join)
}

impl Pending {
    pub(super) fn new(
        (key, why): (u64, Skip),
        cloud: &'static str,
        principal: Sym,
        reading: &Reading<'_>,
        rows: Vec<(Key, String)>,
        lines: Vec<Line>,
    ) -> Self {
        Self {
            key,
            why,
            principal,
            session: reading.actor.session,
            at: reading.at,
            rows,
            lines,
            event: reading.event.as_deref().unwrap_or("").to_owned(),
            refused: Waiting::of(cloud, reading),
            uses: reading.join.and_then(|join| join.uses),
        }
    }
}

impl Shard {
    /// Lets readings count whose leading copy never came; skips the others.
    pub(super) fn settle(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_by(|a, b| (a.key, a.at, &a.event).cmp(&(b.key, b.at, &b.event)));
        for mut one in pending {
            let day = Some(one.at.day());
            let led = |key: &Key| {
                let (action, target) = (self.texts.text(key.action), self.texts.text(key.target));
                one.uses.is_some_and(|base| self.leading.contains(&of_use(base, action, target)))
            };
            let stays: Vec<bool> = one.rows.iter().map(|(key, _)| !led(key)).collect();
            if one.lines.len() == stays.len() {
                let mut stays = stays.iter();
                one.lines.retain(|_| stays.next().is_none_or(|stays| *stays));
            }
            let all = !stays.is_empty() && !stays.contains(&true);
            let mut stays = stays.into_iter();
            one.rows.retain(|_| stays.next().unwrap_or(true));
            if all || self.leading.contains(&one.key) {
                self.tally.skip(day, one.why, 1);
                if let Some(lines) = &mut self.lines {
                    lines.push(Line::skipped(Some(one.at), Some(&one.event), one.why.as_str()));
                }
                continue;
            }
            self.tally.used(day);
            if one.rows.iter().any(|(key, _)| key.outcome != Outcome::Withheld) {
                self.session(one.principal, one.session, one.at);
            }
            self.denials.add(one.refused, one.at, &one.event);
            for (key, event) in one.rows {
                self.careful.see(&key, one.session, &self.texts);
                self.count(key, one.at, &event);
            }
            if let Some(lines) = &mut self.lines {
                lines.extend(one.lines);
            }
        }
    }
}
