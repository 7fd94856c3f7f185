//! What templates see: the contract `view = 1`. Values are added within a version, never renamed or removed.
//!
//! `view`, `principal {id, name, slug, kind, cloud, account, disposition, set, path}`, `documents [document]`, and for
//! files per document or boundary `document {kind, name, scope, scope_kind, scope_id, is_project, service_account, notes, policy, role,
//! statements [{id, effect, allow, actions, resources, conditions [{operator, key, values}], operators [{operator,
//! keys [{key, values}]}]}]}`.

use super::target::VIEW;
use crate::model::document::{Document, DocumentKind};
use crate::verify::Verified;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Whom the documents are for.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// Principal id.
    pub id: &'a str,
    /// Its own name, as its cloud's API takes it.
    pub name: &'a str,
    /// Name in file names.
    pub slug: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// Its cloud.
    pub cloud: &'a str,
    /// Account or project.
    pub account: &'a str,
    /// What becomes of it.
    pub disposition: &'a str,
}

/// All that one principal's templates may use.
#[derive(Debug)]
pub struct View<'a> {
    who: Who<'a>,
    verified: &'a Verified,
}

impl<'a> View<'a> {
    /// Only verified documents can be seen.
    #[must_use]
    pub fn new(who: Who<'a>, verified: &'a Verified) -> Self {
        Self { who, verified }
    }

    fn base(&self) -> Map<String, Value> {
        let who = self.who;
        let mut map = Map::new();
        map.insert("view".to_owned(), json!(VIEW));
        map.insert(
            "principal".to_owned(),
            json!({ "id": who.id, "name": who.name, "slug": who.slug, "kind": who.kind, "cloud": who.cloud,
                    "account": who.account, "disposition": who.disposition,
                    "is_role": who.kind == "role", "is_user": who.kind == "user",
                    "is_set": who.kind == "permission-set" }),
        );
        map
    }

    fn of_kind(&self, kind: DocumentKind) -> impl Iterator<Item = Value> + '_ {
        self.verified.documents().iter().filter(move |d| d.kind == kind).map(document)
    }

    fn with(&self, document: Value) -> Value {
        let mut map = self.base();
        map.insert("document".to_owned(), document);
        Value::Object(map)
    }

    /// For files per principal; none when it has no documents.
    #[must_use]
    pub fn principal(&self) -> Option<Value> {
        let documents: Vec<Value> = self.of_kind(DocumentKind::Policy).collect();
        if documents.is_empty() {
            return None;
        }
        let mut map = self.base();
        map.insert("documents".to_owned(), Value::Array(documents));
        Some(Value::Object(map))
    }

    /// For files per document.
    #[must_use]
    pub fn documents(&self) -> Vec<Value> {
        self.of_kind(DocumentKind::Policy).map(|document| self.with(document)).collect()
    }

    /// For the boundary, if there is one.
    #[must_use]
    pub fn boundary(&self) -> Option<Value> {
        self.of_kind(DocumentKind::Boundary).next().map(|document| self.with(document))
    }
}

fn document(document: &Document) -> Value {
    let (parent, account) = document.scope.split_once("/serviceAccounts/").unwrap_or((&document.scope, ""));
    let (scope_kind, scope_id) = parent.split_once('/').unwrap_or(("", ""));
    let parsed: Value = serde_json::from_str(&document.text).unwrap_or_default();
    let statements: Vec<Value> = document
        .statements
        .iter()
        .map(|s| {
            let conditions: Vec<Value> = s
                .conditions
                .iter()
                .flat_map(|(operator, keys)| {
                    keys.iter().map(
                        move |(key, values)| json!({ "operator": operator, "key": key, "values": values }),
                    )
                })
                .collect();
            let keys = |keys: &BTreeMap<String, Vec<String>>| -> Vec<Value> {
                keys.iter().map(|(key, values)| json!({ "key": key, "values": values })).collect()
            };
            let all = s.conditions.iter();
            let operators: Vec<Value> =
                all.map(|(op, by)| json!({ "operator": op, "keys": keys(by) })).collect();
            json!({ "id": s.id, "effect": s.effect, "allow": s.effect == "Allow", "actions": s.actions,
                    "resources": s.resources, "conditions": conditions, "operators": operators })
        })
        .collect();
    json!({ "kind": document.kind.as_str(), "name": document.name, "scope": document.scope, "scope_kind": scope_kind,
            "scope_id": scope_id, "is_project": scope_kind == "projects", "service_account": account, "notes": document.notes,
            "policy": parsed, "role": parsed.get("role"), "binding": parsed.get("binding"), "statements": statements })
}
