//! The user's intent on the finished table: what is never granted, what is for emergencies, what need not wait.

use crate::aggregate::Usage;
use crate::intent::Intent;
use crate::model::usage::Row;

/// Marks rows and single uses; returns the entries that still hold on the newest day of the log.
pub(super) fn decide(usage: &mut Usage, intent: Intent) -> Intent {
    let (intent, expired) = intent.on(usage.tally.newest().unwrap_or_default());
    usage.expired = expired;
    if intent.never.is_empty() && intent.keep.is_empty() && intent.break_glass.is_empty() {
        return intent;
    }
    for row in &mut usage.rows {
        row.exempt = exempt(&intent, row);
    }
    // Several lines are of one row's kind: what holds for a row holds for its lines.
    for line in &mut usage.lines {
        line.decide(|row| exempt(&intent, row));
    }
    intent
}

fn exempt(intent: &Intent, row: &Row) -> Option<&'static str> {
    if intent.is_break_glass(&row.principal) {
        return Some("break-glass");
    }
    if !row.outcome.grants() || !matches!(row.exempt, None | Some("review")) {
        return row.exempt;
    }
    if intent.never.iter().any(|entry| entry.matches(row)) {
        return Some("never");
    }
    if row.exempt.is_some() && intent.keeps(row) {
        return None;
    }
    row.exempt
}
