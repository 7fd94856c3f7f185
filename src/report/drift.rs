//! What would change: grants that the log needs more, and grants that it no longer shows in use.

use crate::aggregate::Usage;
use crate::cloud::CLOUDS;
use crate::model::grant::{Grant, On};
use crate::pipeline::{Fate, Plan};
use crate::synthesize::World;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The names of a log, by cloud.
pub type Worlds<'u> = BTreeMap<&'static str, World<'u>>;

/// What one principal needs more, could lose, or lost.
#[must_use]
pub fn rows(plan: &Plan<'_>, usage: &Usage, worlds: &Worlds<'_>) -> Vec<Value> {
    let mut all = Vec::new();
    let resource = |grant: &Grant| grant.on.to_string();
    for grant in plan.fresh.iter().filter_map(|at| plan.grants.get(*at)) {
        all.push(json!({ "principal": plan.who.id, "drift": "needs-more", "action": grant.action,
                         "resource": resource(grant), "when": grant.when, "first": grant.evidence.seen.first,
                         "last": grant.evidence.seen.last, "event": grant.evidence.seen.sample.1 }));
    }
    // No data is never no use: of an account without a record nothing can be said.
    let logged = |(cloud, account): (&'static str, &String)| {
        cloud == plan.who.cloud && (plan.who.home.is_empty() || *account == plan.who.home)
    };
    let seen = usage.observed.days.keys().any(|(cloud, account)| logged((cloud, account)));
    for grant in plan.ageing().into_iter().filter(|_| seen) {
        all.push(json!({ "principal": plan.who.id, "drift": "could-lose", "action": grant.action,
                         "resource": resource(grant), "last": grant.evidence.seen.last,
                         "why": "no use in these logs" }));
    }
    for (grant, why) in &plan.gone {
        all.push(json!({ "principal": plan.who.id, "drift": "could-lose", "action": grant.action,
                         "resource": resource(grant), "last": grant.evidence.seen.last, "why": why }));
    }
    for grant in plan.undeclared.iter().filter_map(|at| plan.grants.get(*at)) {
        all.push(json!({ "principal": plan.who.id, "drift": "could-lose", "action": grant.action,
                         "resource": resource(grant), "last": grant.evidence.seen.last,
                         "why": "wider than any [[prefix]] or [[loosen]] entry says by now, or `--exact` asks: --prune takes it back" }));
    }
    for (grant, stranger) in strangers(plan, worlds) {
        all.push(json!({ "principal": plan.who.id, "drift": "could-lose", "action": grant.action,
                         "resource": resource(grant), "last": grant.evidence.seen.last,
                         "why": format!("the pattern now fits {stranger}, which this principal does not use") }));
    }
    if let Fate::Refused(why) = &plan.fate {
        all.push(json!({ "principal": plan.who.id, "drift": "refused", "why": why }));
    }
    all
}

/// All names of a log, by cloud.
#[must_use]
pub fn worlds(usage: &Usage) -> Worlds<'_> {
    let rows = |id| usage.rows.iter().filter(move |row| row.cloud == id);
    CLOUDS.iter().map(|cloud| (cloud.id(), World::new(rows(cloud.id()), *cloud))).collect()
}

/// Patterns that fit a name which somebody else uses by now.
fn strangers<'p, 'u>(plan: &'p Plan<'_>, worlds: &Worlds<'u>) -> Vec<(&'p Grant, &'u str)> {
    let Some(world) = worlds.get(plan.who.cloud) else { return Vec::new() };
    let by = |grant: &&Grant| grant.widened.iter().any(|w| w.pass == "tokens");
    let own: BTreeSet<&str> =
        plan.rows.iter().filter(|row| row.outcome.grants()).map(|row| row.target.text.as_ref()).collect();
    let first = |grant: &'p Grant| {
        let On::Resource(pattern) = &grant.on else { return None };
        let name = world.strangers(pattern, &own).next()?;
        Some((grant, name))
    };
    plan.grants.iter().filter(by).filter_map(first).collect()
}

/// The same for a person to read.
#[must_use]
pub fn text(rows: &[Value]) -> String {
    let word = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    let mut lines = Vec::new();
    let mut heading = String::new();
    for row in rows {
        let kind = match word(row, "drift").as_str() {
            "needs-more" => "needs more",
            "could-lose" => "could lose",
            "changed-by-hand" => "changed by hand",
            "missing" => "missing",
            "held-back" => "held back by a partial run",
            "would-change" => "would change",
            "stale" => "no longer written",
            _ => "cannot be written",
        };
        let head = format!("{}: {kind}", word(row, "principal"));
        if head != heading {
            lines.push(head.clone());
            heading = head;
        }
        let action = word(row, "action");
        let on = if action.is_empty() {
            word(row, "path")
        } else {
            format!("{action} on {}; ", word(row, "resource"))
        };
        let last = word(row, "last");
        let seen = if last.is_empty() { String::new() } else { format!("last seen {last}") };
        let why = word(row, "why");
        let why = if why.is_empty() { String::new() } else { format!("; {why}") };
        lines.push(format!("  {on}{seen}{why}"));
    }
    lines.iter().map(|line| crate::render::escape::terminal(line) + "\n").collect()
}
