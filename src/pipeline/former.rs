//! What a former run granted, against the log of this one.

use crate::cloud::Cloud;
use crate::model::grant::{Grant, Granted, On};
use crate::model::time::Day;
use crate::model::usage::{Level, Outcome, Row};
use crate::synthesize::{self, Ctx};
use rustc_hash::FxHashMap;

/// Grants of a former run that still hold, and those that go, with the reason: not forbidden since, not learned from what is now excluded, not pruned.
/// Pruning also takes those that are wider than anybody declares by now: what is in use is granted anew.
pub(super) fn still(
    old: &[Grant],
    rows: &[&Row],
    ctx: &Ctx<'_>,
    prune: Option<i32>,
    newest: Day,
) -> (Vec<Grant>, Vec<(Grant, String)>) {
    let rows = if old.is_empty() { &[] } else { rows };
    let withheld = Uses::of(rows.iter().copied().filter(|row| row.outcome == Outcome::Withheld));
    let rows = if withheld.0.is_empty() && prune.is_none() { &[] } else { rows };
    let asked = Uses::of(rows.iter().copied().filter(|row| synthesize::asks(row)));
    let why = |grant: &Grant| {
        if prune.is_some() && synthesize::undeclared(grant, ctx) {
            return Some(
                "wider than any [[prefix]] or [[loosen]] entry says by now, or `--exact` asks".to_owned(),
            );
        }
        if let Some(never) = ctx.intent.forbids(ctx.who, &grant.action, grant.on.pattern()) {
            return Some(format!("forbidden by {}", never.meta.name("never")));
        }
        // What was seen before or after the withheld uses was not learned from them.
        let seen = &grant.evidence.seen;
        let within =
            |row: &Row| !seen.first.is_known() || seen.first >= row.seen.first && seen.last <= row.seen.last;
        let withheld = withheld.near(grant).any(|(row, on)| grant.on.overlaps(on) && within(row));
        if withheld && !asked.near(grant).any(|(_, on)| grant.on.covers(on)) {
            return Some("learned from what an [[exclude]] entry withholds".to_owned());
        }
        let last = grant.evidence.seen.last.day();
        let stale =
            prune.is_some_and(|days| last.known().is_some() && last.0 < newest.0.saturating_sub(days));
        let stale = stale && !asked.near(grant).any(|(_, on)| grant.on.covers(on));
        stale.then(|| "not used for longer than --prune keeps".to_owned())
    };
    let (mut holds, mut gone) = (Vec::new(), Vec::new());
    for grant in old {
        match why(grant) {
            None => holds.push(grant.clone()),
            Some(why) => gone.push((grant.clone(), why)),
        }
    }
    (holds, gone)
}

/// What a former run held back: what has been let go since, by a flag or by another session of the same action, and what
/// still waits. What the log names no resource for, or what nothing can give, waits for a person whatever comes.
pub(super) fn freed(
    held: Vec<Grant>,
    rows: &[&Row],
    cloud: &dyn Cloud,
    accepted: bool,
) -> (Vec<Grant>, Vec<Grant>) {
    held.into_iter().partition(|held| {
        let sensitive = cloud.sensitive(&held.action)
            && held.evidence.level != Level::Unseen
            && cloud.ungivable(&held.action, &held.scope).is_empty();
        let again = |row: &&Row| row.action == held.action && synthesize::asks(row);
        let givable = cloud.ungivable(&held.action, &held.scope).is_empty();
        sensitive && givable && (accepted || rows.iter().any(again))
    })
}

/// Rows by what they ask for, what they were on read once.
struct Uses<'r>(FxHashMap<(&'r str, &'r str), Vec<(&'r Row, On)>>);

impl<'r> Uses<'r> {
    fn of(rows: impl Iterator<Item = &'r Row>) -> Self {
        let mut all: FxHashMap<_, Vec<_>> = FxHashMap::default();
        for row in rows {
            all.entry((&*row.action, &*row.scope)).or_default().push((row, On::of(row)));
        }
        Self(all)
    }

    /// Those of the grant's action, where it is granted.
    fn near<'s>(&'s self, grant: &'s Grant) -> impl Iterator<Item = &'s (&'r Row, On)> + use<'s, 'r> {
        self.0.get(&(&*grant.action, &*grant.scope)).into_iter().flatten()
    }
}

/// Grants that a former run did not make: what the principal needs more.
pub(super) fn fresh(grants: &[Grant], old: &[Grant]) -> Vec<usize> {
    let old = Granted::of(old);
    grants.iter().enumerate().filter(|(_, grant)| !old.cover(grant)).map(|(at, _)| at).collect()
}

/// Whether a former run proved it, and this one does not.
pub(super) fn unused(grant: &Grant) -> bool {
    grant.evidence.seen.count == 0 && !grant.only_kept()
}
