//! Uses of what other accounts own: a grant in the principal's own account is only half of what such a use needs.

use super::fold::Fold;
use crate::aggregate::Usage;
use crate::cloud;
use crate::model::usage::Row;
use crate::render::escape::terminal;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What the other side must allow: who, what, on which resource, whose, and where.
#[must_use]
pub fn cross_account(usage: &Usage) -> Vec<Value> {
    let wanted = |row: &&Row| row.outcome.grants() && matches!(row.exempt, None | Some("review"));
    let fold = Fold::new(usage.rows.iter().filter(wanted));
    let ours = usage.rows.iter().filter(wanted).filter_map(|row| foreign(row, usage, &fold));
    let granting = usage.rows.iter().filter(|row| row.outcome.grants());
    let theirs = granting.filter_map(|row| {
        let (owner, place) = cloud::by_id(row.cloud)?.owner(row)?;
        let (principal, action) = (row.principal.clone(), row.action.clone());
        Some([principal, action, row.target.text.to_string(), owner.to_owned(), place.to_owned()])
    });
    let rows: BTreeSet<[String; 5]> = ours.chain(theirs).collect();
    let entry = |[principal, action, resource, owner, place]: [String; 5]| {
        json!({ "principal": principal, "action": action, "resource": resource, "owner": owner,
                "allow_in": place })
    };
    rows.into_iter().map(entry).collect()
}

/// That there are such uses, and where they stand.
#[must_use]
pub fn line(usage: &Usage, out: &str) -> Option<String> {
    let all = cross_account(usage);
    let shared = all
        .iter()
        .filter(|entry| entry["allow_in"].as_str().is_some_and(|says| says.starts_with("nothing")))
        .count();
    let (first, count) = (all.first()?, all.len());
    let public = if shared > 0 {
        format!(", {shared} of them on what is shared with everybody")
    } else {
        String::new()
    };
    let owner = terminal(first["owner"].as_str().unwrap_or_default());
    Some(format!(
        "{count} uses of what others own{public} (the first: {owner}): `cross_account` of {out}/manifest.json says who must \
         allow them"
    ))
}

fn foreign<'u>(row: &'u Row, usage: &'u Usage, fold: &Fold<'u>) -> Option<[String; 5]> {
    let told = |place: &str| usage.holdings.of(place, "").and_then(|mut owners| owners.pop_first());
    let (owner, place) =
        cloud::by_id(row.cloud)?.foreign(&row.action, &row.scope, &row.target.text, &told)?;
    let (principal, action) = (row.principal.clone(), row.action.clone());
    Some([principal, action, fold.shown(row).into_owned(), owner.to_owned(), place.to_owned()])
}
