//! Uses one by one, as `leastgrant uses` prints them.

use super::Key;
use super::intern::{Interner, fixed};
use crate::model::time::{Day, Timestamp};
use crate::model::usage::{Basis, Context, Level, Outcome, Reading, Row, Seen, Target, Use};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One printed line; ordered as printed: by time, event, action, resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When; lines without a time come first.
    at: Option<Timestamp>,
    event: Option<String>,
    /// Canonical action; empty for a record that gave no use.
    pub action: String,
    /// On what.
    pub target: Target<'static>,
    /// Whose it is.
    pub principal: String,
    cloud: &'static str,
    actor: Option<String>,
    /// Why no applied document carries it.
    pub exempt: Option<&'static str>,
    outcome: &'static str,
    basis: &'static str,
    via: Option<String>,
    context: String,
    /// Which rule named action and resource.
    pub rule: String,
    account: String,
    /// Why the record gave no use.
    pub skipped: Option<&'static str>,
    /// Whether it is the first line of its record.
    first: bool,
    /// How many records it stands for, where a store keeps no more than that of a day.
    count: Option<u64>,
}

impl Ord for Line {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let resource = |line: &Self| line.resource().unwrap_or("").to_owned();
        (self.at, &self.event, &self.action, resource(self))
            .cmp(&(other.at, &other.event, &other.action, resource(other)))
            .then_with(|| self.text().cmp(&other.text()))
    }
}

impl PartialOrd for Line {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

/// Why no document carries the use of a role by those whom its trust policy names.
pub(super) const TRUST: &str = "trust";

/// Why no applied document carries a use, if so.
pub(super) fn exempt(reading: &Reading<'_>, used: &Use<'_>) -> Option<&'static str> {
    if used.basis == Basis::Trust { Some(TRUST) } else { reading.actor.exempt.or(used.exempt) }
}

/// Condition keys as one text, sorted; empty when there are none.
pub(super) fn context_text(context: &Context<'_>) -> String {
    if context.is_empty() {
        return String::new();
    }
    let all: BTreeMap<&str, &str> = context.iter().map(|(key, value)| (*key, value.as_ref())).collect();
    serde_json::to_string(&all).unwrap_or_default()
}

fn context_json(text: &str) -> Value {
    let all: BTreeMap<String, String> = serde_json::from_str(text).unwrap_or_default();
    let value = |text: &str| {
        let all: Vec<&str> = text.split('\u{1f}').collect();
        if let [one] = all.as_slice() { json!(one) } else { json!(all) }
    };
    Value::Object(all.into_iter().map(|(key, text)| (key, value(&text))).collect::<Map<String, Value>>())
}

impl Line {
    /// The lines of one reading.
    pub(super) fn of(cloud: &'static str, reading: &Reading<'_>) -> Vec<Self> {
        let uses = reading.uses.iter().enumerate();
        uses.map(|(at, used)| Self { first: at == 0, ..Self::one(cloud, reading, used) }).collect()
    }

    fn one(cloud: &'static str, reading: &Reading<'_>, used: &Use<'_>) -> Self {
        let owned = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
        Self {
            at: reading.at.is_known().then_some(reading.at),
            event: owned(&reading.event),
            action: used.action.to_string(),
            target: used.target.owned(),
            principal: reading.actor.principal.to_string(),
            cloud,
            actor: owned(&reading.actor.says),
            exempt: exempt(reading, used),
            outcome: used.outcome.as_str(),
            basis: used.basis.as_str(),
            via: owned(&reading.via),
            context: context_text(&used.context),
            rule: used.rule.to_string(),
            account: used.scope.to_string(),
            skipped: None,
            first: true,
            count: None,
        }
    }

    /// The line of a record that gave no use.
    pub(super) fn skipped(at: Option<Timestamp>, event: Option<&str>, why: &'static str) -> Self {
        Self {
            at: at.filter(|at| at.is_known()),
            event: event.filter(|event| !event.is_empty()).map(str::to_owned),
            action: String::new(),
            target: Target::service(),
            principal: String::new(),
            cloud: "",
            actor: None,
            exempt: None,
            outcome: "",
            basis: "",
            via: None,
            context: String::new(),
            rule: String::new(),
            account: String::new(),
            skipped: Some(why),
            first: true,
            count: None,
        }
    }

    /// The uses of one kind on one day: of a record, a store keeps no more than one sample's id.
    pub(super) fn of_day(key: &Key, texts: &Interner, seen: &Seen) -> Self {
        let text = |sym| texts.text(sym).to_owned();
        Self {
            at: seen.first.is_known().then_some(seen.first),
            event: Some(seen.sample.1.to_string()).filter(|event| !event.is_empty()),
            action: text(key.action),
            target: Target { level: key.level, text: texts.shared(key.target).into() },
            principal: text(key.principal),
            cloud: fixed(texts.text(key.cloud)),
            actor: None,
            exempt: Some(key.exempt).filter(|why| !why.is_empty()).map(|why| fixed(texts.text(why))),
            outcome: key.outcome.as_str(),
            basis: key.basis.as_str(),
            via: Some(text(key.via)).filter(|via| !via.is_empty()),
            context: text(key.context),
            rule: text(key.rule),
            account: text(key.scope),
            skipped: None,
            first: false,
            count: Some(seen.count),
        }
    }

    /// The records of one day that gave no use for the same reason.
    pub(super) fn skips(day: Day, why: &'static str, count: u64) -> Self {
        Self { count: Some(count), first: false, ..Self::skipped(Some(day.start()), None, why) }
    }

    /// Marks a use that waits for a person, where `held` says so of its principal and action.
    pub(super) fn hold(&mut self, held: impl Fn(&str, &str) -> bool) {
        let grants = matches!(self.outcome, "allowed" | "failed");
        if grants && self.exempt.is_none() && held(&self.principal, &self.action) {
            self.exempt = Some("review");
        }
    }

    /// Decides anew why no applied document carries the use, as for a row of its kind.
    pub fn decide(&mut self, exempt: impl Fn(&Row) -> Option<&'static str>) {
        let grants = matches!(self.outcome, "allowed" | "failed");
        if self.skipped.is_some() {
            return;
        }
        let row = Row {
            cloud: self.cloud,
            principal: self.principal.as_str().into(),
            action: self.action.as_str().into(),
            target: self.target.clone(),
            scope: self.account.as_str().into(),
            context: Arc::default(),
            outcome: if grants { Outcome::Allowed } else { Outcome::Denied },
            basis: Basis::Event,
            via: None,
            rule: "".into(),
            exempt: self.exempt,
            seen: Seen::once(Timestamp::UNKNOWN, ""),
        };
        self.exempt = exempt(&row);
    }

    /// What is left of the line when its record is outside the window: one line for each record.
    pub(super) fn cut(self) -> Option<Self> {
        self.first.then(|| Self::skipped(self.at, self.event.as_deref(), "filtered"))
    }

    /// The line as JSON.
    #[must_use]
    pub fn text(&self) -> String {
        if let (Some(why), Some(count)) = (self.skipped, self.count) {
            return json!({ "event": self.event, "skipped": why, "count": count }).to_string();
        }
        if let Some(why) = self.skipped {
            return json!({ "event": self.event, "skipped": why }).to_string();
        }
        let text = self.target.text.as_ref();
        let resource = self.resource();
        let fields = Fields {
            event: self.event.as_deref(),
            at: self.at.map(|at| at.to_string()),
            cloud: self.cloud,
            principal: Some(self.principal.as_str()).filter(|p| !p.is_empty()),
            actor: self.actor.as_deref(),
            exempt: self.exempt,
            action: &self.action,
            resource,
            pattern: (resource.is_none() && !text.is_empty()).then_some(text),
            level: self.target.level.as_str(),
            outcome: self.outcome,
            basis: self.basis,
            via: self.via.as_deref(),
            context: context_json(&self.context),
            rule: &self.rule,
            account: &self.account,
            count: self.count,
        };
        serde_json::to_string(&fields).unwrap_or_default()
    }

    /// The resource, where the log names one.
    fn resource(&self) -> Option<&str> {
        (self.target.level == Level::Named).then_some(&*self.target.text)
    }

    /// When the record was written.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        self.at
    }
}
