//! Why each statement stands: its grants, the rules and records behind them, and what was not granted.

use crate::model::document::{DocumentKind, Statement};
use crate::model::grant::{Grant, On};
use crate::model::usage::{Level, Row};
use crate::pipeline::{Fate, Plan};
use crate::synthesize::asks;
use serde_json::{Value, json};

/// Evidence of one principal as rows; `action` limits it to one action, whatever its case.
#[must_use]
pub fn evidence(plan: &Plan<'_>, action: Option<&str>) -> Vec<Value> {
    let wanted = |name: &str| action.is_none_or(|a| a.eq_ignore_ascii_case(name));
    let mut all = Vec::new();
    if let Fate::Written(verified) = &plan.fate {
        for document in verified.documents().iter().filter(|d| d.kind == DocumentKind::Policy) {
            for statement in &document.statements {
                let behind = plan
                    .grants
                    .iter()
                    .filter(|g| wanted(&g.action) && stands_in(g, statement, &document.scope));
                all.extend(behind.map(|grant| granted(plan, &document.name, statement, grant)));
            }
        }
    }
    all.extend(
        plan.rows.iter().filter(|row| wanted(&row.action) && !asks(row)).map(|row| withheld(plan, row)),
    );
    all
}

fn resource(grant: &Grant) -> String {
    match &grant.on {
        On::Service => "*".to_owned(),
        On::Resource(pattern) => pattern.to_string(),
    }
}

/// Whether a grant is one of those a statement was made from.
fn stands_in(grant: &Grant, statement: &Statement, scope: &str) -> bool {
    let on = if scope.is_empty() { resource(grant) } else { grant.scope.clone() };
    let keys: Vec<&String> = statement.conditions.values().flat_map(|keys| keys.keys()).collect();
    statement.actions.contains(&grant.action)
        && statement.resources.contains(&on)
        && grant.when.keys().all(|key| keys.contains(&key))
        && grant.when.len() == keys.len()
}

fn granted(plan: &Plan<'_>, document: &str, statement: &Statement, grant: &Grant) -> Value {
    let evidence = &grant.evidence;
    let widened: Vec<Value> =
        grant.widened.iter().map(|w| json!({ "pass": w.pass, "reason": w.reason })).collect();
    json!({ "principal": plan.who.id, "granted": true, "document": document, "statement": statement.id,
            "action": grant.action, "resource": resource(grant), "level": evidence.level.as_str(),
            "rules": evidence.rules, "basis": evidence.bases, "count": evidence.seen.count,
            "first": evidence.seen.first.to_string(), "last": evidence.seen.last.to_string(),
            "sample": evidence.seen.sample.1, "when": grant.when, "widened": widened })
}

fn withheld(plan: &Plan<'_>, row: &Row) -> Value {
    let named = row.target.level == Level::Named;
    json!({ "principal": plan.who.id, "granted": false, "action": row.action,
            "resource": if named { json!(row.target.text) } else { Value::Null },
            "level": row.target.level.as_str(), "outcome": row.outcome.as_str(), "exempt": row.exempt,
            "why": why_not(row), "rules": [row.rule], "count": row.seen.count,
            "first": row.seen.first.to_string(), "last": row.seen.last.to_string(), "sample": row.seen.sample.1 })
}

/// Why a use was not granted.
#[must_use]
pub fn why_not(row: &Row) -> &'static str {
    match (row.exempt, row.outcome.as_str()) {
        (_, "denied") => "it was denied: an attempt is no need",
        (_, "unproven") => "it failed for a reason that may come before authorisation, so it proves nothing",
        (Some("trust"), _) => "a trust policy decides it, not an identity policy",
        (Some("review"), _) => {
            "it takes something away and the log does not name on what: see the review file"
        }
        (Some("aws-managed-key"), _) => {
            "the key is AWS's own: its key policy admits the account through the service"
        }
        (Some("root"), _) => "root has no policies",
        (Some("external"), _) => "the principal belongs to another account",
        (Some("infrastructure"), _) => "the role belongs to the platform",
        (Some("report-only"), _) => "nothing is written for this kind of principal",
        (Some("unattributable"), _) => "the record does not say who acted",
        _ => "it is not to be learned",
    }
}

/// The same evidence for a person to read.
#[must_use]
pub fn text(rows: &[Value]) -> String {
    let mut out = String::new();
    let mut heading = String::new();
    let get = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    for row in rows {
        let granted = row.get("granted").and_then(Value::as_bool) == Some(true);
        let head = if granted {
            format!("{}: {} / {}", get(row, "principal"), get(row, "document"), get(row, "statement"))
        } else {
            format!("{}: not granted", get(row, "principal"))
        };
        if head != heading {
            out += &format!("\n{head}\n");
            heading = head;
        }
        let on = get(row, "resource");
        let on = if on.is_empty() { format!("({})", get(row, "level")) } else { on };
        out += &format!("  {} on {on}\n", get(row, "action"));
        let count = row.get("count").and_then(Value::as_u64).unwrap_or(0);
        let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
        out += &format!(
            "    seen {times}, {} to {}, for example event {}\n",
            get(row, "first"),
            get(row, "last"),
            get(row, "sample")
        );
        let rules: Vec<&str> = row
            .get("rules")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        out += &format!("    by rule {}\n", rules.join(", "));
        for widened in row.get("widened").and_then(Value::as_array).into_iter().flatten() {
            out += &format!("    widened by {}: {}\n", get(widened, "pass"), get(widened, "reason"));
        }
        if !granted {
            out += &format!("    {}\n", get(row, "why"));
        }
    }
    out.lines().map(crate::render::escape::terminal).map(|line| line + "\n").collect()
}
