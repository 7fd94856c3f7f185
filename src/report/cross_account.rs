//! Uses of what other accounts own: a grant in the principal's own account is only half of what such a use needs.

use super::fold::Fold;
use crate::aggregate::Usage;
use crate::cloud;
use crate::model::usage::Row;
use crate::render::escape::terminal;
use serde_json::{Value, json};
use std::borrow::Cow;

/// One of them: who, what, on which resource, whose, and where it is to be allowed.
pub type Entry<'u> = [Cow<'u, str>; 5];

/// What the other side must allow: who, what, on which resource, whose, and where.
#[must_use]
pub fn told([principal, action, resource, owner, place]: &Entry<'_>) -> Value {
    json!({ "principal": principal, "action": action, "resource": resource, "owner": owner, "allow_in": place })
}

/// All of them, sorted.
#[must_use]
pub fn entries(usage: &Usage) -> Vec<Entry<'_>> {
    let wanted = |row: &&Row| row.outcome.grants() && matches!(row.exempt, None | Some("review"));
    let fold = Fold::new(usage.rows.iter().filter(wanted));
    let ours = usage.rows.iter().filter(wanted).filter_map(|row| foreign(row, usage, &fold));
    let granting = usage.rows.iter().filter(|row| row.outcome.grants());
    let theirs = granting.filter_map(|row| {
        let (owner, place) = cloud::by_id(row.cloud)?.owner(row)?;
        let told = [&*row.principal, &*row.action, &*row.target.text].map(Cow::Borrowed);
        let [principal, action, resource] = told;
        Some([principal, action, resource, Cow::Borrowed(owner), Cow::Borrowed(place)])
    });
    let mut all: Vec<Entry<'_>> = Vec::new();
    for entry in ours.chain(theirs) {
        // Rows that are shown alike stand together: few are held twice.
        if all.last() != Some(&entry) {
            all.push(entry);
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// That there are such uses, and where they stand.
#[must_use]
pub fn line(all: &[Entry<'_>], out: &str) -> Option<String> {
    let shared = all.iter().filter(|[.., place]| place.starts_with("nothing")).count();
    let ([_, _, _, owner, _], count) = (all.first()?, all.len());
    let public = if shared > 0 {
        format!(", {shared} of them on what is shared with everybody")
    } else {
        String::new()
    };
    let owner = terminal(owner);
    Some(format!(
        "{count} uses of what others own{public} (the first: {owner}): `cross_account` of {out}/manifest.json says who must \
         allow them"
    ))
}

fn foreign<'u>(row: &'u Row, usage: &'u Usage, fold: &Fold<'u>) -> Option<Entry<'u>> {
    let told = |place: &str| usage.holdings.of(place, "").and_then(|mut owners| owners.pop_first());
    let (owner, place) =
        cloud::by_id(row.cloud)?.foreign(&row.action, &row.scope, &row.target.text, &told)?;
    let [principal, action] = [&*row.principal, &*row.action].map(Cow::Borrowed);
    Some([principal, action, fold.shown(row), Cow::Borrowed(owner), Cow::Borrowed(place)])
}
