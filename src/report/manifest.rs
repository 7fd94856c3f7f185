//! `manifest.json`: everything that a run decided.

use super::fold::{self, Fold};
use super::intent;
use crate::aggregate::Usage;
use crate::cloud;
use crate::model::document::DocumentKind;
use crate::model::grant::Grant;
use crate::model::note::Note;
use crate::model::tally::Tally;
use crate::model::usage::{Row, Seen};
use crate::pipeline::{Bounded, Fate, Plan, Planning};
use crate::previous::{self, Kept};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// One file of the output folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_with: Vec<String>,
    /// SHA-256 of what was written.
    #[serde(default)]
    pub sha256: String,
}

/// What a former run wrote.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Former {
    /// Its files.
    #[serde(default)]
    pub artifacts: Vec<ArtifactEntry>,
    /// Files of runs before it that must go.
    #[serde(default)]
    pub stale: Vec<ArtifactEntry>,
    /// Files of runs before it that it said nothing of: of targets not asked for, or of a log read in part.
    #[serde(default)]
    pub standing: Vec<ArtifactEntry>,
}

/// The files that a manifest lists; none where it is none.
#[must_use]
pub fn former(manifest: &str) -> Former {
    serde_json::from_str(manifest).unwrap_or_default()
}

/// SHA-256 of a file's text, in hexadecimal digits.
#[must_use]
pub fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
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
        Fate::Written(verified) => {
            verified.documents().iter().flat_map(|d| &d.notes).chain(&plan.regrouped).collect()
        }
        _ => Vec::new(),
    };
    let replayed = if let Fate::Written(verified) = &plan.fate { verified.replayed() } else { 0 };
    let who = &plan.who;
    let width = &plan.width;
    let examples: BTreeSet<String> =
        width.examples.iter().map(|text| fold::example(who.cloud, text)).collect();
    let ageing: Vec<Value> = plan.ageing().into_iter().map(unused).collect();
    let shared: &[String] = if let Fate::Written(verified) = &plan.fate { verified.shared() } else { &[] };
    let loosenings: Vec<Value> = plan
        .loosenings
        .iter()
        .map(|l| json!({ "step": l.step, "saves": l.saves, "breadth": l.breadth }))
        .collect();
    let mut value = json!({ "principal": who.id, "cloud": who.cloud, "kind": who.kind.as_str(),
            "disposition": plan.disposition.as_str(), "status": status(plan), "reasons": plan.reasons,
            "withheld": plan.withheld(), "account": who.home, "documents": outcome, "why": why, "notes": notes,
            "replayed": replayed, "review": plan.waits(), "events": who.events, "sessions": who.sessions(),
            "days": who.days(), "first": who.span.0.to_string(), "last": who.span.1.to_string(), "shared": shared,
            "width": { "probes": width.probes, "allowed": width.allowed, "examples": examples },
            "ageing": ageing, "loosenings": loosenings });
    if let (Some(alternative), Some(map)) = (alternative(plan), value.as_object_mut()) {
        map.insert("alternative".to_owned(), alternative);
    }
    value
}

/// Ready-made roles that could stand in place of its documents, with what they give beside; none where none were looked for.
fn alternative(plan: &Plan<'_>) -> Option<Value> {
    if let Some(why) = &plan.no_alternative {
        return Some(json!({ "why": why }));
    }
    let Fate::Written(verified) = &plan.fate else { return None };
    let all = verified.documents().iter().filter(|d| d.kind == DocumentKind::Alternative);
    let (mut roles, mut held, mut used) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for document in all {
        let text: Value = serde_json::from_str(&document.text).unwrap_or_default();
        let permissions =
            text.pointer("/role/includedPermissions").and_then(Value::as_array).into_iter().flatten();
        held.extend(permissions.filter_map(Value::as_str).map(str::to_owned));
        roles.extend(text.pointer("/role/name").and_then(Value::as_str).map(str::to_owned));
        used.extend(document.statements.iter().flat_map(|s| &s.actions).cloned());
    }
    let excess = held.difference(&used).count();
    (!roles.is_empty()).then(|| json!({ "roles": roles, "excess": excess, "excess_of_custom_roles": 0 }))
}

fn unused(grant: &Grant) -> Value {
    json!({ "action": grant.action, "resource": grant.on.to_string(), "last": grant.evidence.seen.last })
}

/// Principals whose memory one thread writes down before what was written is taken: few enough to be held together.
const AT_ONCE: usize = 2;

/// What a later run needs to know of each principal: grants, where they stand, days. Written as it is asked for.
pub fn memory<'m>(
    usage: &'m Usage,
    plans: &'m [Plan<'_>],
    planning: &'m Planning,
) -> impl Iterator<Item = String> + use<'m> {
    let one = |plan: &Plan<'_>| remembered(plan, usage, planning);
    let some = move |plans: &[Plan<'_>]| -> Vec<String> {
        plans.par_iter().with_max_len(1).filter_map(one).collect()
    };
    plans.chunks(AT_ONCE * rayon::current_num_threads()).flat_map(some)
}

fn remembered(plan: &Plan<'_>, usage: &Usage, planning: &Planning) -> Option<String> {
    let partial = !usage.tally.unreadable.is_empty();
    let before = planning.memory.of(plan.who.cloud, &plan.who.id);
    let refused = matches!(plan.fate, Fate::Refused(_));
    // What cannot be written this time still stands as it was; and so does what a partial log would narrow.
    let stands = before.filter(|_| refused || partial && plan.dropped > 0);
    let mut grants: Vec<&Grant> = plan.grants.iter().collect();
    for old in stands.filter(|_| !refused).iter().flat_map(|old| &old.grants) {
        if !grants.iter().any(|grant| grant.covers(old)) {
            grants.push(old);
        }
    }
    let layout = stands.map_or_else(|| plan.layout(), |old| old.layout.clone());
    let sensitive = planning.memory.sensitive(plan.who.cloud, &plan.who.id, &usage.sensitive);
    let review: Vec<&Grant> = plan.held.iter().chain(&plan.waiting).collect();
    if grants.is_empty() && sensitive.is_empty() && review.is_empty() {
        return None;
    }
    let (who, slug, doubted) = (&plan.who, &plan.slug, plan.doubted);
    Some(previous::text(Kept { who, slug, sensitive, grants, review, layout, doubted }))
}

/// Every entry of the intent file, and what it did.
fn decisions(usage: &Usage, plans: &[Plan<'_>], planning: &Planning) -> Vec<Value> {
    intent::applied(usage, plans, planning)
        .into_iter()
        .map(|entry| json!({ "entry": entry.name, "kind": entry.kind, "matched": entry.matched, "state": entry.state }))
        .collect()
}

/// Uses that somebody should look at, whatever is granted.
fn findings(plans: &[Plan<'_>]) -> Vec<Value> {
    let told = ["break-glass", "never", "root"];
    let rows = || {
        let all = plans.iter().flat_map(|plan| plan.rows.iter().copied());
        all.filter(|row| row.outcome.grants() && row.exempt.is_some_and(|why| told.contains(&why)))
    };
    let fold = Fold::new(rows());
    let mut all: Vec<(&Row, Cow<'_, str>, Seen)> = Vec::new();
    for row in rows() {
        let shown = fold.shown(row);
        let same = |(other, name, _): &&mut (&Row, Cow<'_, str>, Seen)| {
            // What stands as it is has a line of its own.
            let folded = **name != *row.target.text && *name == shown;
            folded
                && (&row.principal, &row.action, row.exempt)
                    == (&other.principal, &other.action, other.exempt)
        };
        match all.iter_mut().find(same) {
            Some((.., seen)) => seen.merge(&row.seen),
            None => all.push((row, shown, row.seen.clone())),
        }
    }
    let value = |(row, shown, seen): (&Row, Cow<'_, str>, Seen)| {
        json!({ "finding": row.exempt, "principal": row.principal, "action": row.action, "resource": shown,
                "count": seen.count, "first": seen.first, "last": seen.last, "event": seen.sample.1 })
    };
    all.into_iter().map(value).collect()
}

/// Which catalogs decided, for those who compare two runs.
fn catalogs(usage: &Usage) -> Value {
    let seen: BTreeSet<&str> = usage.rows.iter().map(|row| row.cloud).collect();
    let all = seen.into_iter().filter_map(|id| Some((id, cloud::by_id(id)?.catalog())));
    let all = all.map(|(id, used)| {
        let date = if used.date.is_empty() { Value::Null } else { json!(used.date) };
        let table = if used.from.is_some() { "imported" } else { "embedded" };
        (id.to_owned(), json!({ "table": table, "date": date, "sha256": used.sha256 }))
    });
    Value::Object(all.collect())
}

/// The field that lists what others must allow.
const BEYOND: &str = "cross_account";

/// The whole manifest but its [`memory`] and what [`pieces`] is given beside it. The files of former runs that this one did not write: those that must go, and others.
#[must_use]
pub fn manifest(
    usage: &Usage,
    (plans, sets): (&[Plan<'_>], &[Bounded<'_>]),
    artifacts: &[ArtifactEntry],
    (stale, standing): (&[ArtifactEntry], &[ArtifactEntry]),
    planning: &Planning,
    crowd: &[Note],
) -> Value {
    let notes = usage.notes.iter().chain(crowd);
    let notes: Vec<Value> = notes.map(|n| json!({ "code": n.code.as_str(), "text": n.text })).collect();
    let mut manifest = json!({
        "version": 1,
        "tally": tally(&usage.tally),
        "principals": null,
        "artifacts": artifacts,
        "stale": stale,
        "standing": standing,
        "coverage": null,
        "catalog": catalogs(usage),
        BEYOND: null,
        "unmapped": usage.unmapped,
        "intent": decisions(usage, plans, planning),
        "findings": findings(plans),
        "notes": notes,
    });
    // `json!` copies the values it is given: the long ones are moved into their places.
    let long = [
        ("principals", Value::Array(plans.iter().map(principal).collect())),
        ("coverage", super::coverage::coverage(usage)),
    ];
    for (key, value) in long {
        if let Some(place) = manifest.get_mut(key) {
            *place = value;
        }
    }
    if let Some(map) = manifest.as_object_mut().filter(|_| !sets.is_empty()) {
        map.insert("access_boundaries".to_owned(), super::access_boundary::all(sets));
    }
    manifest
}

/// The manifest as it is written, in pieces: for people, but for the memory, which stands on one line. `beyond` are its uses of
/// what other accounts own; both are made as they are asked for.
pub fn pieces(
    manifest: Value,
    beyond: impl Iterator<Item = Value>,
    memory: Option<impl Iterator<Item = String>>,
) -> impl Iterator<Item = Cow<'static, str>> {
    let fields = if let Value::Object(fields) = manifest { fields } else { Map::new() };
    let mut beyond = Some(beyond);
    let fields = fields.into_iter().enumerate().flat_map(move |(at, (key, value))| {
        let comma = if at > 0 { "," } else { "" };
        let list = if key == BEYOND { beyond.take() } else { None };
        let text = if list.is_some() { String::new() } else { indented(&value, 1) };
        std::iter::once(Cow::Owned(format!("{comma}\n  \"{key}\": {text}")))
            .chain(list.into_iter().flat_map(listed))
    });
    let (head, tail) = previous::frame();
    let head = memory.is_some().then(|| format!(",\n  \"memory\": {head}"));
    let end = format!("{}\n}}\n", if memory.is_some() { tail } else { "" });
    let comma =
        |(at, text): (usize, String)| [Cow::Borrowed(if at > 0 { "," } else { "" }), Cow::Owned(text)];
    let memory = memory.into_iter().flatten().enumerate().flat_map(comma);
    let start = std::iter::once(Cow::Borrowed("{")).chain(fields).chain(head.map(Cow::Owned));
    start.chain(memory).chain(std::iter::once(Cow::Owned(end)))
}

/// A value as it stands so deep in others.
fn indented(value: &Value, depth: usize) -> String {
    format!("{value:#}").replace('\n', &format!("\n{}", "  ".repeat(depth)))
}

/// A list that is a field, one by one.
fn listed(all: impl Iterator<Item = Value>) -> impl Iterator<Item = Cow<'static, str>> {
    let mut all = all.peekable();
    let end = if all.peek().is_none() { "]" } else { "\n  ]" };
    let one = |(at, value): (usize, Value)| {
        Cow::Owned(format!("{}\n    {}", if at > 0 { "," } else { "" }, indented(&value, 2)))
    };
    let [start, end] = ["[", end].map(|text| std::iter::once(Cow::Borrowed(text)));
    start.chain(all.enumerate().map(one)).chain(end)
}

/// The review file of one principal: what the log shows but no document should hold unseen.
#[must_use]
pub fn review(plan: &Plan<'_>) -> Value {
    let held = plan.review().into_iter().map(|row| {
        json!({ "action": row.action, "resource": row.target.text, "count": row.seen.count,
                "first": row.seen.first.to_string(), "last": row.seen.last.to_string(),
                "event": row.seen.sample.1,
                "why": super::evidence::held_back(row) })
    });
    let waiting = plan.waiting.iter().map(|grant| {
        let seen = &grant.evidence.seen;
        json!({ "action": grant.action, "resource": grant.on.to_string(),
                "first": seen.first.to_string(), "last": seen.last.to_string(), "event": seen.sample.1,
                "why": "held back in a former run, and nobody has decided on it since" })
    });
    let held: Vec<Value> = held.chain(waiting).collect();
    json!({ "about": "Not to be applied as it is: decide on each of these, and add what is right by hand.",
            "principal": plan.who.id, "held": held })
}
