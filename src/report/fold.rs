//! Object names in what is listed use by use: as semantics rule 14 leaves them, whoever used them.

use crate::cloud;
use crate::model::usage::{Level, Row};
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;

/// Names under one first-level prefix that are still listed one by one.
const FEW: usize = 20;

/// Principal, action, bucket with prefix.
type Place<'u> = (&'u str, &'u str, &'u str);

/// Where there are too many names to list them.
#[derive(Debug, Default)]
pub(super) struct Fold<'u>(FxHashSet<Place<'u>>);

impl<'u> Fold<'u> {
    /// Counts names.
    pub(super) fn new(rows: impl Iterator<Item = &'u Row>) -> Self {
        let mut all: FxHashMap<Place<'u>, Vec<&str>> = FxHashMap::default();
        for row in rows {
            let Some(place) = place(row) else { continue };
            let names = all.entry(place).or_default();
            if names.len() <= FEW && !names.contains(&row.target.text.as_ref()) {
                names.push(&row.target.text);
            }
        }
        Self(all.into_iter().filter(|(_, names)| names.len() > FEW).map(|(place, _)| place).collect())
    }

    /// What is shown of the resource.
    pub(super) fn shown(&self, row: &'u Row) -> Cow<'u, str> {
        match place(row).filter(|place| self.0.contains(place)) {
            Some((_, _, head)) => Cow::Owned(format!("{head}*")),
            None => Cow::Borrowed(&*row.target.text),
        }
    }
}

/// An example `ACTION on NAME` without the object's own name, below its first-level prefix.
pub(super) fn example(cloud: &str, text: &str) -> String {
    let cut = || {
        let (action, name) = text.split_once(" on ")?;
        let at = cloud::by_id(cloud)?.object(name)?;
        Some(format!("{action} on {}*", head(name, at)?))
    };
    cut().unwrap_or_else(|| text.to_owned())
}

/// Bucket and first-level prefix.
fn head(name: &str, at: usize) -> Option<&str> {
    let prefix = name.get(at..)?.find('/').map_or(0, |slash| slash + 1);
    name.get(..at + prefix)
}

fn place(row: &Row) -> Option<Place<'_>> {
    let text = (row.target.level == Level::Named).then_some(&*row.target.text)?;
    let at = cloud::by_id(row.cloud)?.object(text)?;
    Some((&row.principal, &row.action, head(text, at)?))
}
