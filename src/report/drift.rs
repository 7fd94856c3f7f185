//! What would change: grants that the log needs more, and grants that it no longer shows in use.

use crate::aggregate::Usage;
use crate::model::grant::{Grant, On};
use crate::pipeline::{Fate, Plan};
use serde_json::{Value, json};

/// What one principal needs more, could lose, or lost.
#[must_use]
pub fn rows(plan: &Plan<'_>, usage: &Usage) -> Vec<Value> {
    let mut all = Vec::new();
    let resource = |grant: &Grant| match &grant.on {
        On::Service => "*".to_owned(),
        On::Resource(pattern) => pattern.to_string(),
    };
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
    for (grant, stranger) in strangers(plan, usage) {
        all.push(json!({ "principal": plan.who.id, "drift": "could-lose", "action": grant.action,
                         "resource": resource(grant), "last": grant.evidence.seen.last,
                         "why": format!("the pattern now fits {stranger}, which this principal does not use") }));
    }
    if let Fate::Refused(why) = &plan.fate {
        all.push(json!({ "principal": plan.who.id, "drift": "refused", "why": why }));
    }
    all
}

/// Patterns that fit a name which somebody else uses by now.
fn strangers<'p>(plan: &'p Plan<'_>, usage: &'p Usage) -> Vec<(&'p Grant, String)> {
    use crate::model::usage::Level;
    let by = |grant: &Grant| grant.widened.iter().any(|w| w.pass == "tokens");
    let wide = plan.grants.iter().filter(|grant| by(grant));
    let mut all = Vec::new();
    for grant in wide {
        let On::Resource(pattern) = &grant.on else { continue };
        let named =
            usage.rows.iter().filter(|row| row.cloud == plan.who.cloud && row.target.level == Level::Named);
        let mut foreign = named.filter(|row| pattern.matches(&row.target.text)).filter(|row| {
            !plan.rows.iter().any(|own| own.outcome.grants() && own.target.text == row.target.text)
        });
        if let Some(row) = foreign.next() {
            all.push((grant, row.target.text.to_string()));
        }
    }
    all
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
            _ => "cannot be written",
        };
        let head = format!("{}: {kind}", word(row, "principal"));
        if head != heading {
            lines.push(head.clone());
            heading = head;
        }
        let action = word(row, "action");
        let on = if action.is_empty() {
            String::new()
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
