//! What access boundaries leave open, what they would really block, and of what they are not sure.

use super::table::table;
use crate::model::access_boundary::{Outside, Version};
use crate::model::document::bound_at;
use crate::model::usage::Row;
use crate::pipeline::{Bounded, Limited};
use crate::render::escape::terminal;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Uses outside of it that one screen names.
const LISTED: usize = 5;

/// For the manifest.
#[must_use]
pub fn all(sets: &[Bounded<'_>]) -> Value {
    sets.iter().map(one).collect()
}

fn one(set: &Bounded<'_>) -> Value {
    let limited = match &set.fate {
        Ok(limited) => limited,
        Err(why) => {
            return json!({ "entry": set.entry, "bind": set.wanted.bind, "documents": "refused", "why": why });
        }
    };
    let boundary = &limited.boundary;
    let total = total(&boundary.outside);
    let versions: Vec<Value> = boundary.versions.iter().map(|one| version(one, total)).collect();
    let resources: Vec<&String> = boundary.document.statements.iter().flat_map(|s| &s.resources).collect();
    let roles: Vec<Value> =
        boundary.roles.iter().map(|(role, why)| json!({ "role": role, "because": why })).collect();
    let row = |row: &Row| {
        json!({ "principal": row.principal, "action": row.action, "resource": row.target.text,
                "scope": row.scope, "count": row.seen.count })
    };
    let outside: Vec<Value> = boundary
        .outside
        .iter()
        .map(|one| {
            let mut value = row(one.row);
            if let Some(map) = value.as_object_mut() {
                map.insert("organization".to_owned(), json!(one.organization));
                map.insert("blocked_since".to_owned(), json!(one.since));
            }
            value
        })
        .collect();
    let rows = |all: &[&Row]| -> Vec<Value> { all.iter().map(|one| row(one)).collect() };
    json!({ "entry": set.entry, "organization": boundary.organization, "bind": boundary.document.principal,
            "documents": "written", "applies": limited.doubts.is_empty(), "why": limited.doubts,
            "version": boundary.version, "resources": resources, "holds_for": boundary.holds_for,
            "exempt": set.wanted.exempt, "replayed": limited.verified.replayed(), "outside": outside,
            "versions": versions, "lost": rows(&limited.lost), "given_by_others": rows(&limited.given),
            "operator_roles": roles, "notes": boundary.document.notes })
}

fn version(one: &Version, total: u64) -> Value {
    json!({ "version": one.version, "known": one.known, "uses": one.uses, "share": share(one.uses, total),
            "newly_blocked": one.newly })
}

fn total(outside: &[Outside<'_>]) -> u64 {
    outside.iter().map(|one| one.row.seen.count).sum()
}

/// Per cent, with one digit behind the point; null where there is nothing.
fn share(part: u64, whole: u64) -> Value {
    if whole == 0 {
        return Value::Null;
    }
    let tenths = (u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole);
    json!(format!("{}.{}", tenths / 10, tenths % 10))
}

/// For the last screen of a run.
#[must_use]
pub fn lines(sets: &[Bounded<'_>]) -> Vec<String> {
    sets.iter().flat_map(screen).collect()
}

fn screen(set: &Bounded<'_>) -> Vec<String> {
    let limited = match &set.fate {
        Ok(limited) => limited,
        Err(why) => return vec![format!("No access boundary: {}", terminal(why))],
    };
    let boundary = &limited.boundary;
    let state = if limited.doubts.is_empty() { "" } else { ", not to be applied as it is" };
    let mut lines = vec![format!(
        "Access boundary for {} (enforcement version {}){state}:",
        terminal(&boundary.document.principal),
        boundary.version
    )];
    lines.extend(
        limited.doubts.iter().chain(&boundary.document.notes).map(|text| format!("  {}", terminal(text))),
    );
    lines.extend(outside(limited));
    let roles: Vec<&str> = boundary.roles.iter().map(|(role, _)| role.as_str()).collect();
    lines.push(format!("  whoever applies it needs {}", roles.join(" and ")));
    lines
}

/// What was used outside, and what share of it each version blocks.
fn outside(limited: &Limited<'_>) -> Vec<String> {
    let boundary = &limited.boundary;
    let total = total(&boundary.outside);
    if total == 0 {
        return vec!["  nothing that the log shows lies outside".to_owned()];
    }
    let places: BTreeSet<String> = boundary
        .outside
        .iter()
        .map(|one| match (bound_at(&one.row.scope), &one.organization) {
            ("", _) => "what the log names without its project".to_owned(),
            (place, Some(other)) => format!("{place} ({other}, a foreign organization)"),
            (place, None) => format!("{place} (nothing says where it lies)"),
        })
        .collect();
    let mut lines = vec![format!("  uses outside: {total}, on")];
    lines.extend(places.iter().take(LISTED).map(|place| format!("    {}", terminal(place))));
    if places.len() > LISTED {
        lines.push(format!("    and {} more, see the manifest", places.len() - LISTED));
    }
    let rows: Vec<Vec<String>> = boundary
        .versions
        .iter()
        .map(|one| {
            let share = share(one.uses, total).as_str().unwrap_or("").to_owned();
            vec![one.version.to_string(), one.known.to_string(), format!("{share} %"), one.newly.join(", ")]
        })
        .collect();
    let heads = ["enforcement version", "permissions blocked", "of this use", "newly blocked of it"];
    lines.extend(table(&heads, &rows).lines().map(|line| format!("  {}", terminal(line))));
    lines
}
