//! What templates see: the contract `view = 1`. Values are added within a version, never renamed or removed.
//!
//! `view`, `principal {id, name, slug, kind, is_role, is_user, is_set, cloud, account, disposition, reasons, place}`,
//! `place {partition, region, account}` (what the documents may refer to; null where they must name it), `documents
//! [document]`, and for files per document or boundary `document {kind, name, scope, scope_kind, scope_id, is_project, is_folder,
//! folder, service_account, notes, policy, role, bindings
//! [{role, members, resource, condition, suffix}], statements [{id, effect, allow, actions, resources, resource_parts [name],
//! conditions [{operator, key, values}], operators [{operator, keys [{key, values, value_parts [name]}]}]}]}`, where a
//! name in parts is `{text, own, parts [{text} or {own: "partition", "region" or "account"}]}`, for the helper `parts`.
//!
//! Files per `alike` also see `principals [principal]`, `accounts` and `regions`; files per `account` see `view`, `cloud`,
//! `account` (its folder), `place`, `kinds` and `principals [principal and source]`, `source` being the folder of its `alike` files.

use super::place::Place;
use super::target::VIEW;
use crate::model::document::{Document, DocumentKind, Statement};
use crate::model::identity::Held;
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
    /// Why its evidence is thin; empty when it is not.
    pub reasons: &'a [String],
    /// What it holds today.
    pub holds: &'a [Held],
}

/// All that one principal's templates may use.
#[derive(Debug)]
pub struct View<'a> {
    who: Who<'a>,
    verified: &'a Verified,
    place: Place,
}

impl<'a> View<'a> {
    /// Only verified documents can be seen.
    #[must_use]
    pub fn new(who: Who<'a>, verified: &'a Verified) -> Self {
        let place = Place::of(who.cloud, who.id, verified.documents());
        Self { who, verified, place }
    }

    /// Whom it is for.
    #[must_use]
    pub fn who(&self) -> Who<'a> {
        self.who
    }

    /// Where its documents are at home.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The principal, as templates see it.
    #[must_use]
    pub fn whom(&self) -> Value {
        let who = self.who;
        json!({ "id": who.id, "name": who.name, "slug": who.slug, "kind": who.kind, "cloud": who.cloud,
                "account": who.account, "disposition": who.disposition, "reasons": who.reasons, "place": self.place.value(),
                "is_role": who.kind == "role", "is_user": who.kind == "user",
                "is_set": who.kind == "permission-set" })
    }

    fn base(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("view".to_owned(), json!(VIEW));
        map.insert("principal".to_owned(), self.whom());
        map.insert("place".to_owned(), self.place.value());
        map
    }

    fn of_kind(&self, kind: DocumentKind) -> impl Iterator<Item = Value> + '_ {
        self.verified.documents().iter().filter(move |d| d.kind == kind).map(|d| document(d, &self.place))
    }

    fn with(&self, document: Value) -> Value {
        let mut map = self.base();
        map.insert("document".to_owned(), document);
        Value::Object(map)
    }

    /// The policies without what is only the place's: equal where two principals' documents are alike.
    #[must_use]
    pub fn shape(&self) -> Value {
        let parts = |texts: &[String]| {
            let mut parts: Vec<Value> = texts.iter().map(|text| self.place.shape(text)).collect();
            parts.sort_by_cached_key(Value::to_string);
            parts
        };
        let statement = |s: &Statement| {
            let conditions: Vec<Value> = s
                .conditions
                .iter()
                .flat_map(|(operator, keys)| keys.iter().map(move |(key, values)| (operator, key, values)))
                .map(|(operator, key, values)| json!([operator, key, parts(values)]))
                .collect();
            json!([s.id, s.effect, s.actions, parts(&s.resources), conditions])
        };
        let policies = self.verified.documents().iter().filter(|d| d.kind == DocumentKind::Policy);
        policies
            .map(|d| json!([d.name, d.scope, d.statements.iter().map(statement).collect::<Vec<_>>()]))
            .collect()
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

    /// For files about what could stand in place of the policies; none when there is nothing.
    #[must_use]
    pub fn alternative(&self) -> Option<Value> {
        let documents: Vec<Value> = self.of_kind(DocumentKind::Alternative).collect();
        (!documents.is_empty()).then(|| {
            let mut map = self.base();
            map.insert("documents".to_owned(), Value::Array(documents));
            Value::Object(map)
        })
    }

    /// For files per document of what could stand in place of the policies.
    #[must_use]
    pub fn instead(&self) -> Vec<Value> {
        self.of_kind(DocumentKind::Alternative).map(|document| self.with(document)).collect()
    }

    /// For files about what the principal holds today; none when nothing is known of that.
    #[must_use]
    pub fn standing(&self) -> Option<Value> {
        let texts = self.verified.documents().iter().filter(|d| d.kind == DocumentKind::Policy);
        let texts = texts.filter_map(|d| Some((d.place(), serde_json::from_str::<Value>(&d.text).ok()?)));
        let given: Vec<(&str, String)> = texts
            .filter_map(|(scope, text)| Some((scope, text.pointer("/role/name")?.as_str()?.to_owned())))
            .collect();
        // What it gets again stays.
        let old = self
            .who
            .holds
            .iter()
            .filter(|one| !given.iter().any(|(scope, role)| *scope == one.scope && *role == one.role));
        let holds: Vec<Value> = old.map(held).collect();
        (!holds.is_empty()).then(|| {
            let mut map = self.base();
            map.insert("holds".to_owned(), json!(holds));
            Value::Object(map)
        })
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

fn held(one: &Held) -> Value {
    let (kind, id) = one.scope.split_once('/').unwrap_or(("", ""));
    let command = match kind {
        "projects" => "projects",
        "folders" => "resource-manager folders",
        _ => "organizations",
    };
    json!({ "scope": one.scope, "scope_id": id, "role": one.role, "member": one.member, "conditional": one.conditional,
            "removable": kind == "projects" && !one.conditional, "command": command })
}

fn statement(s: &Statement, place: &Place) -> Value {
    let all = s.conditions.iter().flat_map(|(operator, keys)| keys.iter().map(move |one| (operator, one)));
    let conditions =
        all.map(|(op, (key, values))| json!({ "operator": op, "key": key, "values": values })).collect();
    let parts = |texts: &[String]| texts.iter().map(|text| place.parts(text)).collect::<Value>();
    let one = |(key, values): (&String, &Vec<String>)| {
        object([("key", json!(key)), ("values", json!(values)), ("value_parts", parts(values))])
    };
    let keys = |keys: &BTreeMap<String, Vec<String>>| keys.iter().map(one).collect::<Value>();
    let operators =
        s.conditions.iter().map(|(op, by)| object([("operator", json!(op)), ("keys", keys(by))])).collect();
    object([
        ("id", json!(s.id)),
        ("effect", json!(s.effect)),
        ("allow", json!(s.effect == "Allow")),
        ("actions", json!(s.actions)),
        ("resources", json!(s.resources)),
        ("resource_parts", parts(&s.resources)),
        ("conditions", conditions),
        ("operators", operators),
    ])
}

fn document(document: &Document, place: &Place) -> Value {
    let (parent, account) = document.scope.split_once("/serviceAccounts/").unwrap_or((&document.scope, ""));
    let (scope_kind, scope_id) = parent.split_once('/').unwrap_or(("", ""));
    let parsed: Value = serde_json::from_str(&document.text).unwrap_or_default();
    let role = json!(parsed.get("role"));
    let statements = document.statements.iter().map(|s| statement(s, place)).collect();
    // A second binding of a role differs in its condition; as a resource of Terraform it needs a name of its own.
    let numbered = |(at, binding): (usize, &Value)| {
        let mut binding = binding.clone();
        if let Some(map) = binding.as_object_mut() {
            map.insert(
                "suffix".to_owned(),
                json!(if at == 0 { String::new() } else { format!("_{}", at + 1) }),
            );
        }
        binding
    };
    let bindings = parsed.get("bindings").and_then(Value::as_array).into_iter().flatten();
    let bindings: Vec<Value> = bindings.enumerate().map(numbered).collect();
    object([
        ("kind", json!(document.kind.as_str())),
        ("name", json!(document.name)),
        ("inline", json!(document.inline)),
        ("scope", json!(document.scope)),
        ("scope_kind", json!(scope_kind)),
        ("scope_id", json!(scope_id.split('/').next())),
        ("is_project", json!(scope_kind == "projects")),
        ("is_folder", json!(document.place().starts_with("folders/"))),
        ("folder", json!(document.place())),
        ("service_account", json!(account)),
        ("notes", json!(document.notes)),
        ("policy", parsed),
        ("role", role),
        ("binding", json!(bindings.first())),
        ("bindings", Value::Array(bindings)),
        ("statements", Value::Array(statements)),
    ])
}

/// An object of values that are moved, where `json!` would copy them.
pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    fields.into_iter().collect()
}
