//! One resource under two names: where the log names it in full elsewhere, the full name stands in both places.

use crate::aggregate::Usage;
use crate::cloud::CLOUDS;
use crate::model::usage::{Level, Row, Target};
use std::collections::{BTreeMap, BTreeSet};

/// What is added to a rule whose name stands elsewhere.
pub(super) const ELSEWHERE: &str = "+seen-elsewhere";

pub(super) fn synonyms(usage: &mut Usage) {
    for cloud in CLOUDS {
        let rows = usage.rows.iter().filter(|row| row.cloud == cloud.id());
        let named = rows.filter(|row| row.target.level == Level::Named).map(|row| row.target.text.as_ref());
        let principals =
            usage.principals.iter().filter(|who| who.cloud == cloud.id()).map(|who| who.id.as_str());
        let known: BTreeSet<&str> = named.chain(principals).collect();
        let full = cloud.synonyms(&known);
        if !full.is_empty() {
            rename(usage, cloud.id(), &full);
        }
    }
}

fn rename(usage: &mut Usage, cloud: &str, full: &BTreeMap<String, String>) {
    let renamed = |target: &Target<'static>| {
        let name = full.get(target.text.as_ref()).filter(|_| target.level == Level::Named)?;
        Some(Target::named(name.clone()))
    };
    for row in usage.rows.iter_mut().filter(|row| row.cloud == cloud) {
        if let Some(target) = renamed(&row.target) {
            row.target = target;
            row.rule = format!("{}{ELSEWHERE}", row.rule).into();
        }
    }
    for line in &mut usage.lines {
        if let Some(target) = renamed(&line.target) {
            line.target = target;
            line.rule.push_str(ELSEWHERE);
        }
    }
    usage.lines.sort();
    for denial in usage.denials.iter_mut().filter(|denial| denial.cloud == cloud) {
        if let Some(target) = renamed(&denial.refused.target) {
            denial.refused.target = target;
        }
    }
    usage.denials.sort();
    join(&mut usage.rows);
}

/// Rows that have become the same are one.
pub(super) fn join(rows: &mut Vec<Row>) {
    rows.sort();
    rows.dedup_by(|next, kept| {
        let equal = next.is_like(kept);
        if equal {
            kept.seen.merge(&next.seen);
        }
        equal
    });
}
