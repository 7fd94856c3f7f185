//! Projects and organizations that would get more custom roles than they hold.

use crate::catalog;
use crate::model::document::{Document, DocumentKind};
use serde_json::Value;
use std::collections::BTreeMap;

/// What to tell of each, with the principal that takes most of its roles.
pub(super) fn crowded(documents: &[&Document]) -> Vec<String> {
    let mut places: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
    for document in documents.iter().filter(|one| one.kind == DocumentKind::Policy) {
        if let Some(place) = parent(document) {
            *places.entry(place).or_default().entry(&document.principal).or_default() += 1;
        }
    }
    let text = |(place, of): (String, BTreeMap<&str, usize>)| {
        let (count, most) = (of.values().sum::<usize>(), catalog::gcp().limits.most_roles(&place)?);
        let (who, own) = of.iter().max_by_key(|(_, own)| **own).filter(|_| count > most)?;
        Some(format!(
            "{place} would get {count} custom roles and holds {most}, those that stand there counted: take predefined roles for some \
             (`--target gcp-predefined`), or ask Google for more; most are for {who}: {own}"
        ))
    };
    places.into_iter().filter_map(text).collect()
}

/// Where the role of a document is defined; none for a role that is Google's.
fn parent(document: &Document) -> Option<String> {
    let text: Value = serde_json::from_str(&document.text).ok()?;
    let (place, _) = text.pointer("/role/name")?.as_str()?.split_once("/roles/")?;
    Some(place.to_owned())
}
