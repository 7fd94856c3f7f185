//! Why each statement stands: its grants, the rules and records behind them, and what was not granted.

use crate::cloud;
use crate::intent::Intent;
use crate::model::document::{DocumentKind, Statement};
use crate::model::grant::{Breadth, Grant, On};
use crate::model::pattern::Pattern;
use crate::model::usage::{Level, Row};
use crate::pipeline::{Fate, Plan};
use crate::synthesize::{self, asks};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Evidence of one principal as rows; `action` limits it to one action, whatever its case.
#[must_use]
pub fn evidence(plan: &Plan<'_>, action: Option<&str>, intent: &Intent, excluded: &[u64]) -> Vec<Value> {
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
    all.extend(plan.rows.iter().filter(|row| wanted(&row.action) && !asks(row)).map(|row| {
        let mut value = withheld(plan, row);
        let decided = intent.decided(row, excluded);
        if let Some(map) = value.as_object_mut().filter(|_| !decided.is_empty()) {
            map.insert("intent".to_owned(), json!(decided));
        }
        value
    }));
    all
}

/// Whether a grant is one of those a statement was made from, or one that it covers.
fn stands_in(grant: &Grant, statement: &Statement, scope: &str) -> bool {
    let keys: Vec<&String> = statement.conditions.values().flat_map(|keys| keys.keys()).collect();
    let on = match &grant.on {
        _ if !scope.is_empty() => statement.resources.iter().any(|one| **one == *grant.scope),
        On::Service => statement.resources.iter().any(|r| r == "*"),
        On::Resource(pattern) => {
            let text = pattern.to_string();
            statement.resources.iter().any(|r| *r == text || Pattern::parse(r).covers(pattern))
        }
    };
    on && statement.actions.iter().any(|one| **one == *grant.action)
        && grant.when.keys().all(|key| keys.contains(&key))
        && grant.when.len() == keys.len()
}

fn granted(plan: &Plan<'_>, document: &str, statement: &Statement, grant: &Grant) -> Value {
    let evidence = &grant.evidence;
    let widened: Vec<Value> =
        grant.widened.iter().map(|w| json!({ "pass": w.pass, "reason": w.reason })).collect();
    json!({ "principal": plan.who.id, "granted": true, "document": document, "statement": statement.id,
            "action": grant.action, "resource": grant.on.to_string(), "level": evidence.level.as_str(),
            "rules": evidence.rules, "basis": evidence.bases, "count": evidence.seen.count,
            "first": evidence.seen.first.to_string(), "last": evidence.seen.last.to_string(),
            "sample": evidence.seen.sample.1, "when": grant.when, "breadth": breadth(plan, grant),
            "intent": grant.intent, "widened": widened })
}

fn withheld(plan: &Plan<'_>, row: &Row) -> Value {
    let named = row.target.level == Level::Named;
    json!({ "principal": plan.who.id, "granted": false, "action": row.action,
            "resource": if named { json!(row.target.text) } else { Value::Null },
            "pattern": if named || row.target.text.is_empty() { Value::Null } else { json!(row.target.text) },
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
        (Some("review"), _) => held_back(row),
        (Some("aws-managed-key"), _) => {
            "the key is AWS's own: its key policy admits the account through the service"
        }
        (Some("root"), _) => "root has no policies",
        (Some("public"), _) => "it is shared with everybody: no role is needed, and none can be bound there",
        (Some("foreign"), _) => "it lies in another organization, whose administrators must allow it",
        (Some("external"), _) => "the principal belongs to another account",
        (Some("infrastructure"), _) => "the role belongs to the platform",
        (Some("report-only"), _) => "nothing is written for this kind of principal",
        (Some("unattributable"), _) => "the record does not say who acted",
        (Some("never"), _) => "an entry of the intent file forbids it",
        (Some("break-glass"), _) => "the principal is for emergencies: each use is a finding",
        (Some("withheld"), _) => "an entry of the intent file keeps it from being learned",
        _ => "it is not to be learned",
    }
}

/// Why a use waits for a person.
#[must_use]
pub fn held_back(row: &Row) -> &'static str {
    let impossible = cloud::by_id(row.cloud).map_or("", |cloud| cloud.ungivable(&row.action, &row.scope));
    if !impossible.is_empty() {
        impossible
    } else if cloud::by_id(row.cloud).is_some_and(|cloud| cloud.sensitive(&row.action)) {
        "it hands out power, issues credentials or hides what was done, and was seen in one session only"
    } else if row.target.as_hole().is_some() {
        "the log tells no name: it is what the resource in angle brackets holds; read the log that tells it, too"
    } else if row.rule.ends_with("unfit-arn") {
        "the request names the resource in a form that does not tell what IAM checks"
    } else {
        "the log does not name the resource, and a whole type is too much for this action"
    }
}

fn breadth(plan: &Plan<'_>, grant: &Grant) -> &'static str {
    cloud::by_id(plan.who.cloud).map_or("", |cloud| synthesize::breadth(grant, cloud).as_str())
}

/// For each principal with grants: how many there are, and how wide.
#[must_use]
pub fn summary(plans: &[Plan<'_>]) -> Vec<Value> {
    let granted = plans.iter().filter(|plan| !plan.grants.is_empty());
    let one = |plan: &Plan<'_>| {
        let mut by: BTreeMap<&str, usize> =
            [Breadth::Exact, Breadth::Token, Breadth::Prefix, Breadth::Type].map(|b| (b.as_str(), 0)).into();
        for grant in &plan.grants {
            *by.entry(breadth(plan, grant)).or_default() += 1;
        }
        let count = |what: Breadth| by.get(what.as_str()).copied().unwrap_or(0);
        json!({ "principal": plan.who.id, "grants": plan.grants.len(), "exact": count(Breadth::Exact),
                "token": count(Breadth::Token), "prefix": count(Breadth::Prefix), "type": count(Breadth::Type),
                "probes": plan.width.probes, "allowed_without_evidence": plan.width.allowed })
    };
    granted.map(one).collect()
}

/// The shares of [`summary`] as a table, with all principals together last.
#[must_use]
pub fn summary_text(rows: &[Value]) -> String {
    let columns = ["grants", "exact", "token", "prefix", "type", "probes", "allowed_without_evidence"];
    let number = |row: &Value, key: &str| row.get(key).and_then(Value::as_u64).unwrap_or(0);
    let mut total = [0_u64; 7];
    let mut cells: Vec<Vec<String>> = Vec::new();
    for row in rows {
        let numbers = columns.map(|key| number(row, key));
        total.iter_mut().zip(numbers).for_each(|(sum, n)| *sum += n);
        let mut line = vec![word(row, "principal")];
        line.extend(numbers.map(|n| n.to_string()));
        cells.push(line);
    }
    let all = total.first().copied().unwrap_or(0).max(1);
    let tenths = |at: usize| (total.get(at).copied().unwrap_or(0) * 1000 + all / 2) / all;
    let share = |at: usize| format!("{}.{} %", tenths(at) / 10, tenths(at) % 10);
    let last = |at: usize| total.get(at).copied().unwrap_or(0).to_string();
    cells.push(vec!["all".to_owned(), last(0), share(1), share(2), share(3), share(4), last(5), last(6)]);
    let headings = ["principal", "grants", "exact", "token", "prefix", "type", "probes", "allowed"];
    super::table::table(&headings, &cells) + "\n"
}

/// The same evidence for a person to read.
#[must_use]
pub fn text(rows: &[Value]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut heading = String::new();
    for row in rows {
        let granted = row.get("granted").and_then(Value::as_bool) == Some(true);
        let head = if granted {
            format!("{}: {} / {}", word(row, "principal"), word(row, "document"), word(row, "statement"))
        } else {
            format!("{}: not granted", word(row, "principal"))
        };
        if head != heading {
            lines.push(String::new());
            lines.push(head.clone());
            heading = head;
        }
        one(row, granted, &mut lines);
    }
    lines.iter().map(|line| crate::render::escape::terminal(line) + "\n").collect()
}

fn word(row: &Value, key: &str) -> String {
    row.get(key).and_then(Value::as_str).unwrap_or("").to_owned()
}

fn one(row: &Value, granted: bool, lines: &mut Vec<String>) {
    let on = word(row, "resource");
    let (pattern, level) = (word(row, "pattern"), word(row, "level"));
    let on = match (on.is_empty(), pattern.is_empty()) {
        (false, _) => on,
        (true, true) => format!("({level})"),
        (true, false) => format!("{pattern} ({level})"),
    };
    lines.push(format!("  {} on {on}", word(row, "action")));
    let count = row.get("count").and_then(Value::as_u64).unwrap_or(0);
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let (first, last) = (word(row, "first"), word(row, "last"));
    let unseen = granted && count == 0;
    lines.push(if unseen {
        "    not seen in these logs".to_owned()
    } else {
        format!("    seen {times}, {first} to {last}, for example event {}", word(row, "sample"))
    });
    let list = |key: &str| row.get(key).and_then(Value::as_array).into_iter().flatten();
    let rules: Vec<&str> = list("rules").filter_map(Value::as_str).collect();
    lines.push(format!("    by rule {}", rules.join(", ")));
    let intent: Vec<&str> = list("intent").filter_map(Value::as_str).collect();
    if !intent.is_empty() {
        lines.push(format!("    decided by {}", intent.join(" and ")));
    }
    for widened in list("widened") {
        lines.push(format!("    widened by {}: {}", word(widened, "pass"), word(widened, "reason")));
    }
    if !granted {
        lines.push(format!("    {}", word(row, "why")));
    }
}
