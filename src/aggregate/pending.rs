//! Copies of one call that wait for the copy that counts.

use super::denials::Waiting;
use super::intern::Sym;
use super::line::Line;
use super::{Key, Shard, sensitive};
use crate::model::tally::Skip;
use crate::model::time::Timestamp;
use crate::model::usage::{Outcome, Reading};

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
        }
    }
}

impl Shard {
    /// Lets readings count whose leading copy never came; skips the others.
    pub(super) fn settle(&mut self) {
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
            if one.rows.iter().any(|(key, _)| key.outcome != Outcome::Withheld) {
                self.session(one.principal, one.session, one.at);
            }
            self.denials.add(one.refused, one.at, &one.event);
            for (key, event) in one.rows {
                let cloud = key.cloud;
                self.careful.see(&key, one.session, |action| sensitive(cloud, action), &self.texts);
                self.count(key, one.at, &event);
            }
            if let Some(lines) = &mut self.lines {
                lines.extend(one.lines);
            }
        }
    }
}
