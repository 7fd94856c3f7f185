//! Uses one by one, as `leastgrant uses` prints them.

use crate::model::time::Timestamp;
use crate::model::usage::{Basis, Context, Level, Reading, Use};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// One printed line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// When; lines without a time come first.
    at: Option<Timestamp>,
    event: Option<String>,
    action: String,
    resource: String,
    /// The line as JSON.
    text: String,
    principal: String,
    /// Whether the record gave no use.
    pub skipped: bool,
}

/// The contract's fields, in its order.
#[derive(Serialize)]
struct Fields<'a> {
    event: Option<&'a str>,
    at: Option<String>,
    cloud: &'a str,
    principal: Option<&'a str>,
    actor: Option<&'a str>,
    exempt: Option<&'a str>,
    action: &'a str,
    resource: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<&'a str>,
    level: &'a str,
    outcome: &'a str,
    basis: &'a str,
    via: Option<&'a str>,
    context: Value,
    rule: &'a str,
    account: &'a str,
}

/// Why no applied document carries a use, if so.
pub(super) fn exempt(reading: &Reading<'_>, used: &Use<'_>) -> Option<&'static str> {
    if used.basis == Basis::Trust { Some("trust") } else { reading.actor.exempt.or(used.exempt) }
}

/// Condition keys as one text, sorted; empty when there are none.
pub(super) fn context_text(context: &Context<'_>) -> String {
    if context.is_empty() {
        return String::new();
    }
    let all: BTreeMap<&str, &str> = context.iter().map(|(key, value)| (*key, value.as_ref())).collect();
    serde_json::to_string(&all).unwrap_or_default()
}

fn context_json(context: &Context<'_>) -> Value {
    let value = |text: &str| {
        let all: Vec<&str> = text.split('\u{1f}').collect();
        if let [one] = all.as_slice() { json!(one) } else { json!(all) }
    };
    let mut map: Vec<(String, Value)> = context.iter().map(|(key, text)| ((*key).to_owned(), value(text))).collect();
    map.sort_by(|a, b| a.0.cmp(&b.0));
    Value::Object(map.into_iter().collect::<Map<String, Value>>())
}

impl Line {
    /// The lines of one reading.
    pub(super) fn of(cloud: &str, reading: &Reading<'_>) -> Vec<Self> {
        reading.uses.iter().map(|used| Self::one(cloud, reading, used)).collect()
    }

    fn one(cloud: &str, reading: &Reading<'_>, used: &Use<'_>) -> Self {
        let named = used.target.level == Level::Named;
        let text = used.target.text.as_ref();
        let principal = reading.actor.principal.as_ref();
        let fields = Fields {
            event: reading.event.as_deref(),
            at: reading.at.is_known().then(|| reading.at.to_string()),
            cloud,
            principal: Some(principal).filter(|p| !p.is_empty()),
            actor: reading.actor.says.as_deref(),
            exempt: exempt(reading, used),
            action: &used.action,
            resource: named.then_some(text),
            pattern: (!named && !text.is_empty()).then_some(text),
            level: used.target.level.as_str(),
            outcome: used.outcome.as_str(),
            basis: used.basis.as_str(),
            via: reading.via.as_deref(),
            context: context_json(&used.context),
            rule: &used.rule,
            account: &used.scope,
        };
        Self {
            at: Some(reading.at),
            event: reading.event.as_deref().map(str::to_owned),
            action: used.action.to_string(),
            resource: text.to_owned(),
            text: serde_json::to_string(&fields).unwrap_or_default(),
            principal: principal.to_owned(),
            skipped: false,
        }
    }

    /// The line of a record that gave no use.
    pub(super) fn skipped(at: Option<Timestamp>, event: Option<&str>, why: &str) -> Self {
        let event = event.filter(|event| !event.is_empty());
        Self {
            at,
            event: event.map(str::to_owned),
            action: String::new(),
            resource: String::new(),
            text: json!({ "event": event, "skipped": why }).to_string(),
            principal: String::new(),
            skipped: true,
        }
    }

    /// The line as JSON.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// When the record was written.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        self.at
    }
}
