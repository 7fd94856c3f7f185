//! The rows of a store, cut to the window and joined over its days.

use super::super::Key;
use super::super::intern::fixed;
use super::super::line::Line;
use super::load::{Loader, beside, foreign, seen};
use super::table::{Cells, DAY, Lines, NUMBER, ROW_TEXTS, measures};
use super::{StoreError, text};
use crate::config::Filter;
use crate::model::time::Day;
use crate::model::usage::{Level, Seen};
use polars::prelude::*;

impl Loader<'_> {
    /// Takes rows, after all facts. Those of a window's days are joined whatever their day, so that a year of nights costs
    /// what its different uses cost; with `lines`, each day also stays a line.
    pub(super) fn rows(&mut self, all: DataFrame, lines: bool) -> Result<(), StoreError> {
        let newest = self.shard.tally.newest().max(self.waits).unwrap_or_default();
        let filter = self.shard.rules.filter.clone();
        let placed = !(filter.accounts.is_empty() && filter.regions.is_empty());
        let wanted = |key: &&str| placed || !["account", "region"].contains(key);
        let texts: Vec<&str> = ROW_TEXTS.into_iter().filter(wanted).collect();
        let mut by: Vec<Expr> = texts.iter().map(|key| col(*key)).collect();
        let mut kept = measures().to_vec();
        kept.push(col(NUMBER).max());
        if lines {
            by.push(col(DAY));
        } else {
            kept.push(col(DAY).min());
            by.push(inside(&filter, newest).alias("inside"));
        }
        let all = all.lazy().group_by(by).agg(kept).collect()?;
        let cells = Lines::of(&all, &texts)?;
        for cells in cells.iter() {
            if let Some((key, seen)) = self.row(&cells, &filter)? {
                if let Some(lines) = &mut self.shard.lines {
                    lines.push(Line::of_day(&key, &self.shard.texts, &seen));
                }
                self.rows.put(key, seen);
            }
        }
        Ok(())
    }

    /// Names every row, now that its family knows all its names.
    pub(super) fn settle(self) {
        let shard = self.shard;
        self.rows.into_iter().for_each(|(key, seen)| {
            let key = shard.collapsed(key);
            shard.rows.put(key, seen);
        });
    }

    /// One row, whose name its family knows now; none for what the filter leaves out.
    fn row(&mut self, cells: &Cells<'_>, filter: &Filter) -> Result<Option<(Key, Seen)>, StoreError> {
        let text = |at: usize| cells.text(at).to_owned();
        let word = |at: usize, what| foreign(what, cells.text(at));
        let cloud = text::cloud(cells.text(0)).ok_or_else(|| word(0, "cloud"))?;
        let key = text::KeyText {
            action: text(2),
            level: text::level(cells.text(3)).ok_or_else(|| word(3, "level"))?,
            target: text(4),
            family: text(5),
            scope: text(6),
            context: text(7),
            outcome: text::outcome(cells.text(8)).ok_or_else(|| word(8, "outcome"))?,
            basis: text::basis(cells.text(9)).ok_or_else(|| word(9, "basis"))?,
            via: text(10),
            rule: text(11),
            exempt: Some(cells.text(12)).filter(|why| !why.is_empty()).map(fixed),
        };
        let principal = cells.text(1);
        if !filter.takes(cloud, principal, cells.text(13), cells.text(14)) {
            if key.level == Level::Named {
                let name = [key.family.as_str(), &key.target];
                beside(&mut self.shard.bystanders, cloud, principal, name, key.outcome.grants());
            }
            return Ok(None);
        }
        let who = self.shard.texts.sym(principal);
        // Without a window, all days are one.
        let apart = filter.has_window() || self.shard.lines.is_some();
        let day = if apart { text::day(cells.day()) } else { Day::UNKNOWN };
        let row = self.key(cloud, who, &key, day);
        if key.level == Level::Named
            && let Some(name) = key.target.strip_prefix(&key.family).filter(|_| !key.family.is_empty())
        {
            self.shard.families.entry(row.of()).or_default().add(name);
        }
        Ok(Some((row, seen(cells))))
    }
}

/// Whether a line is of a day in the window; what has no day is in every window.
fn inside(filter: &Filter, newest: Day) -> Expr {
    let mut inside = lit(true);
    if let Some(first) = filter.since {
        inside = inside.and(col(DAY).gt_eq(lit(first.day(newest).0)));
    }
    if let Some(last) = filter.until {
        inside = inside.and(col(DAY).lt_eq(lit(last.day(newest).0)));
    }
    col(DAY).is_null().or(inside)
}
