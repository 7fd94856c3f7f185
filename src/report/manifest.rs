//! `manifest.json`: everything that a run decided.

use crate::aggregate::Usage;
use crate::cloud;
use crate::model::tally::Tally;
use crate::model::time::Timestamp;
use crate::pipeline::{Fate, Plan};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// One file of the output folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ArtifactEntry {
    /// Whose it is.
    pub principal: String,
    /// Its cloud.
    pub cloud: String,
    /// Target that made it, or `review`.
    pub target: String,
    /// Path relative to the output folder.
    pub path: String,
    /// Whether it is meant to be applied as it is.
    pub applies: bool,
    /// Whose else it is, where principals share a file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared_with: Vec<String>,
}

/// The word for a principal's state.
#[must_use]
pub fn status(plan: &Plan<'_>) -> &'static str {
    if plan.reasons.is_empty() { "ready" } else { "provisional" }
}

/// Where every record went, as the contract writes it.
#[must_use]
pub fn tally(tally: &Tally) -> Value {
    let skipped: Map<String, Value> = tally
        .total_skipped()
        .into_iter()
        .map(|(why, count)| (why.as_str().to_owned(), json!(count)))
        .collect();
    let unreadable: Vec<Value> =
        tally.unreadable.iter().map(|u| json!({ "path": u.path, "why": u.why })).collect();
    json!({ "records": tally.records(), "used": tally.total_used(), "duplicate": tally.duplicate, "skipped": skipped,
            "malformed": tally.malformed, "unreadable": unreadable })
}

fn principal(plan: &Plan<'_>) -> Value {
    let (outcome, why) = match &plan.fate {
        Fate::Written(_) => ("written", Value::Null),
        Fate::Nothing(why) => ("nothing", json!(why)),
        Fate::Refused(why) => ("refused", json!(why)),
    };
    let notes: Vec<&String> = match &plan.fate {
        Fate::Written(verified) => verified.documents().iter().flat_map(|d| &d.notes).collect(),
        _ => Vec::new(),
    };
    let replayed = if let Fate::Written(verified) = &plan.fate { verified.replayed() } else { 0 };
    let who = plan.who;
    json!({ "principal": who.id, "cloud": who.cloud, "kind": who.kind.as_str(),
            "disposition": plan.disposition.as_str(), "status": status(plan), "reasons": plan.reasons,
            "withheld": plan.withheld(), "account": who.home, "documents": outcome, "why": why, "notes": notes,
            "replayed": replayed, "review": plan.review().len(), "events": who.events, "sessions": who.sessions,
            "days": who.days, "first": who.span.0.to_string(), "last": who.span.1.to_string() })
}

/// Which services were seen reading and writing; what was not seen is unknown, not unused.
fn coverage(usage: &Usage) -> Value {
    let mut seen: BTreeMap<String, BTreeMap<&str, &str>> = BTreeMap::new();
    for row in &usage.rows {
        let service = row.action.split([':', '.']).next().unwrap_or("");
        let level = cloud::by_id(row.cloud).map_or("", |cloud| cloud.level(&row.action));
        let class = if matches!(level, "read" | "list") { "read" } else { "write" };
        let of = seen.entry(format!("{}:{service}", row.cloud));
        of.or_insert_with(|| BTreeMap::from([("read", "unknown"), ("write", "unknown")]))
            .insert(class, "seen");
    }
    let first =
        usage.rows.iter().map(|row| row.seen.first).filter(|at| at.is_known()).min().map(|at| at.to_string());
    let known = |at: &Timestamp| at.is_known();
    let last = usage.rows.iter().map(|row| row.seen.last).filter(known).max().map(|at| at.to_string());
    json!({ "first": first, "last": last, "services": seen })
}

/// The whole manifest.
#[must_use]
pub fn manifest(usage: &Usage, plans: &[Plan<'_>], artifacts: &[ArtifactEntry]) -> Value {
    let notes: Vec<Value> =
        usage.notes.iter().map(|n| json!({ "code": n.code.as_str(), "text": n.text })).collect();
    json!({
        "version": 1,
        "tally": tally(&usage.tally),
        "principals": plans.iter().map(principal).collect::<Vec<Value>>(),
        "artifacts": artifacts,
        "coverage": coverage(usage),
        "unmapped": usage.unmapped,
        "notes": notes,
    })
}

/// The review file of one principal: what the log shows but no document should hold unseen.
#[must_use]
pub fn review(plan: &Plan<'_>) -> Value {
    let held: Vec<Value> = plan
        .review()
        .into_iter()
        .map(|row| {
            json!({ "action": row.action, "resource": row.target.text, "count": row.seen.count,
                    "first": row.seen.first.to_string(), "last": row.seen.last.to_string(),
                    "event": row.seen.sample.1,
                    "why": super::evidence::held_back(row) })
        })
        .collect();
    json!({ "about": "Not to be applied as it is: decide on each of these, and add what is right by hand.",
            "principal": plan.who.id, "held": held })
}
