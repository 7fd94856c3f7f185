//! What a former run granted, against the log of this one.

use crate::cloud::Cloud;
use crate::model::grant::{Grant, On};
use crate::model::pattern::Pattern;
use crate::model::time::Day;
use crate::model::usage::{Level, Outcome, Row};
use crate::synthesize::{self, Ctx};

/// Grants of a former run that still hold, and those that go, with the reason: not forbidden since, not learned from what is now excluded, not pruned.
/// Pruning also takes those that are wider than anybody declares by now: what is in use is granted anew.
pub(super) fn still(
    old: &[Grant],
    rows: &[&Row],
    ctx: &Ctx<'_>,
    prune: Option<i32>,
    newest: Day,
) -> (Vec<Grant>, Vec<(Grant, String)>) {
    let why = |grant: &Grant| {
        if prune.is_some() && synthesize::undeclared(grant, ctx) {
            return Some(
                "wider than any [[prefix]] or [[loosen]] entry says by now, or `--exact` asks".to_owned(),
            );
        }
        if let Some(never) = ctx.intent.forbids(ctx.who, &grant.action, grant.on.pattern()) {
            return Some(format!("forbidden by {}", never.meta.name("never")));
        }
        let asked = rows.iter().any(|row| synthesize::asks(row) && covers(grant, row));
        // What was seen before or after the withheld uses was not learned from them.
        let seen = &grant.evidence.seen;
        let within =
            |row: &Row| !seen.first.is_known() || seen.first >= row.seen.first && seen.last <= row.seen.last;
        let withheld =
            rows.iter().any(|row| row.outcome == Outcome::Withheld && touches(grant, row) && within(row));
        let last = grant.evidence.seen.last.day();
        let stale =
            prune.is_some_and(|days| last.known().is_some() && last.0 < newest.0.saturating_sub(days));
        match (asked, withheld, stale) {
            (false, true, _) => Some("learned from what an [[exclude]] entry withholds".to_owned()),
            (false, _, true) => Some("not used for longer than --prune keeps".to_owned()),
            _ => None,
        }
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

/// Whether a grant is one for all of the row's use.
pub(super) fn covers(grant: &Grant, row: &Row) -> bool {
    of_both(grant, row, Pattern::covers)
}

/// Whether a grant is one for some of what the row stands for.
fn touches(grant: &Grant, row: &Row) -> bool {
    of_both(grant, row, Pattern::overlaps)
}

fn of_both(grant: &Grant, row: &Row, compare: fn(&Pattern, &Pattern) -> bool) -> bool {
    let on = match (grant.on.pattern(), On::of(row).pattern()) {
        (None, None) => true,
        (Some(mine), Some(theirs)) => compare(mine, theirs),
        _ => false,
    };
    on && grant.action == row.action && grant.scope == row.scope
}

/// Grants that a former run did not make: what the principal needs more.
pub(super) fn fresh(grants: &[Grant], old: &[Grant]) -> Vec<usize> {
    let known = |grant: &Grant| old.iter().any(|old| old.covers(grant));
    grants.iter().enumerate().filter(|(_, grant)| !known(grant)).map(|(at, _)| at).collect()
}

/// Whether a former run proved it, and this one does not.
pub(super) fn unused(grant: &Grant) -> bool {
    grant.evidence.seen.count == 0 && !grant.only_kept()
}
