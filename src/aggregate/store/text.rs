//! The words of the model as text and back, and what of it stands in one cell.

use super::super::denials::Waiting;
use super::super::intern::Interner;
use super::super::intern::fixed;
use super::super::{Class, Key};
use crate::cloud;
use crate::model::coverage::{Access, Plane};
use crate::model::denial::{Encoded, Refused};
use crate::model::event::EventId;
use crate::model::identity::Kind;
use crate::model::tally::Skip;
use crate::model::time::{Day, Timestamp};
use crate::model::usage::{Basis, Level, Outcome, Target};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const OUTCOMES: [Outcome; 5] =
    [Outcome::Allowed, Outcome::Failed, Outcome::Unproven, Outcome::Denied, Outcome::Withheld];
const BASES: [Basis; 4] = [Basis::Event, Basis::Inferred, Basis::Implied, Basis::Trust];
const LEVELS: [Level; 5] = [Level::Named, Level::Service, Level::All, Level::Partial, Level::Unseen];
const PLANES: [Plane; 2] = [Plane::Management, Plane::Data];
const ACCESSES: [Access; 2] = [Access::Read, Access::Write];

pub(super) fn outcome(text: &str) -> Option<Outcome> {
    OUTCOMES.into_iter().find(|one| one.as_str() == text)
}

pub(super) fn basis(text: &str) -> Option<Basis> {
    BASES.into_iter().find(|one| one.as_str() == text)
}

pub(super) fn level(text: &str) -> Option<Level> {
    LEVELS.into_iter().find(|one| one.as_str() == text)
}

pub(super) fn plane(text: &str) -> Option<Plane> {
    PLANES.into_iter().find(|one| one.as_str() == text)
}

pub(super) fn access(text: &str) -> Option<Access> {
    ACCESSES.into_iter().find(|one| one.as_str() == text)
}

pub(super) fn skip(text: &str) -> Option<Skip> {
    Skip::ALL.into_iter().find(|one| one.as_str() == text)
}

pub(super) fn kind(text: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|one| one.as_str() == text)
}

/// The cloud's own name for itself; empty for what belongs to none.
pub(super) fn cloud(text: &str) -> Option<&'static str> {
    if text.is_empty() { Some("") } else { cloud::by_id(text).map(cloud::Cloud::id) }
}

/// A day as a cell; none where it is unknown.
pub(super) fn day_cell(day: Day) -> Option<i32> {
    day.known().map(|day| day.0)
}

pub(super) fn day(cell: Option<i32>) -> Day {
    cell.map_or(Day::UNKNOWN, Day)
}

/// A time as a cell; none where it is unknown.
pub(super) fn time_cell(at: Timestamp) -> Option<i64> {
    at.is_known().then_some(at.0)
}

pub(super) fn time(cell: Option<i64>) -> Timestamp {
    cell.map_or(Timestamp::UNKNOWN, Timestamp)
}

/// A sample record as a text that sorts as samples do: by time, then by id.
pub(super) fn sample_cell((at, event): &(Timestamp, EventId)) -> String {
    format!("{:016x}{event}", at.0.cast_unsigned() ^ (1 << 63))
}

pub(super) fn sample(cell: &str) -> (Timestamp, EventId) {
    let (at, event) = cell.split_at_checked(16).unwrap_or((cell, ""));
    let at = u64::from_str_radix(at, 16).map(|at| (at ^ (1 << 63)).cast_signed());
    (at.map_or(Timestamp::UNKNOWN, Timestamp), event.into())
}

/// What an outcome means for names, as a number that stays.
pub(super) fn class_cell(class: Class) -> u64 {
    match class {
        Class::Granted => 0,
        Class::Withheld => 1,
        Class::Other => 2,
    }
}

pub(super) fn class(cell: u64) -> Class {
    match cell {
        0 => Class::Granted,
        1 => Class::Withheld,
        _ => Class::Other,
    }
}

/// A refusal in one cell.
#[derive(Serialize, Deserialize)]
struct RefusedCell {
    action: String,
    level: String,
    target: String,
    scope: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    context: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    family: Option<usize>,
    by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    explicit: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    /// Whether an encoded message was cut; none: there is none. Its text never comes out of a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cut: Option<bool>,
    told: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exempt: Option<String>,
}

impl RefusedCell {
    fn of(one: &Refused) -> Self {
        Self {
            action: one.action.clone(),
            level: one.target.level.as_str().to_owned(),
            target: one.target.text.to_string(),
            scope: one.scope.clone(),
            context: one.context.clone(),
            family: one.family,
            by: one.by.to_owned(),
            explicit: one.explicit,
            policy: one.policy.clone(),
            cut: match one.encoded {
                Encoded::No => None,
                Encoded::Whole(_) => Some(false),
                Encoded::Cut => Some(true),
            },
            told: one.told,
            exempt: one.exempt.map(str::to_owned),
        }
    }

    fn refused(self) -> Option<Refused> {
        Some(Refused {
            action: self.action,
            target: Target { level: level(&self.level)?, text: self.target.into() },
            scope: self.scope,
            context: self.context,
            family: self.family,
            by: fixed(&self.by),
            explicit: self.explicit,
            policy: self.policy,
            encoded: match self.cut {
                None => Encoded::No,
                Some(false) => Encoded::Whole(String::new()),
                Some(true) => Encoded::Cut,
            },
            told: self.told,
            exempt: self.exempt.as_deref().map(fixed),
        })
    }
}

pub(super) fn refused_cell(one: &Refused) -> String {
    serde_json::to_string(&RefusedCell::of(one)).unwrap_or_default()
}

pub(super) fn refused(cell: &str) -> Option<Refused> {
    serde_json::from_str::<RefusedCell>(cell).ok()?.refused()
}

/// A row's key by text.
#[derive(Serialize, Deserialize)]
struct KeyCell {
    action: String,
    level: String,
    target: String,
    family: String,
    scope: String,
    context: String,
    outcome: String,
    basis: String,
    via: String,
    rule: String,
    exempt: Option<String>,
}

/// A reading that waits for its leading copy, but for who it is of and when.
#[derive(Serialize, Deserialize)]
struct PendingCell {
    why: String,
    session: u64,
    at: Option<i64>,
    event: String,
    keys: Vec<KeyCell>,
    refused: Vec<RefusedCell>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uses: Option<u64>,
}

/// What of a waiting reading stands in a cell.
pub(super) struct Waits {
    pub(super) why: Skip,
    pub(super) session: u64,
    pub(super) at: Timestamp,
    pub(super) event: String,
    pub(super) keys: Vec<KeyText>,
    pub(super) refused: Vec<Refused>,
    pub(super) uses: Option<u64>,
}

/// A row's key, still by text.
pub(super) struct KeyText {
    pub(super) action: String,
    pub(super) level: Level,
    pub(super) target: String,
    pub(super) family: String,
    pub(super) scope: String,
    pub(super) context: String,
    pub(super) outcome: Outcome,
    pub(super) basis: Basis,
    pub(super) via: String,
    pub(super) rule: String,
    pub(super) exempt: Option<&'static str>,
}

pub(super) fn pending_cell(one: &super::super::Pending, texts: &Interner) -> String {
    let text = |sym| texts.text(sym).to_owned();
    let key = |key: &Key| KeyCell {
        action: text(key.action),
        level: key.level.as_str().to_owned(),
        target: text(key.target),
        family: text(key.family),
        scope: text(key.scope),
        context: text(key.context),
        outcome: key.outcome.as_str().to_owned(),
        basis: key.basis.as_str().to_owned(),
        via: text(key.via),
        rule: text(key.rule),
        exempt: Some(text(key.exempt)).filter(|why| !why.is_empty()),
    };
    let Waiting { refused, .. } = &one.refused;
    let cell = PendingCell {
        why: one.why.as_str().to_owned(),
        session: one.session,
        at: time_cell(one.at),
        event: one.event.clone(),
        keys: one.rows.iter().map(|(one, _)| key(one)).collect(),
        refused: refused.iter().map(RefusedCell::of).collect(),
        uses: one.uses,
    };
    serde_json::to_string(&cell).unwrap_or_default()
}

pub(super) fn pending(cell: &str) -> Option<Waits> {
    let cell: PendingCell = serde_json::from_str(cell).ok()?;
    let key = |cell: KeyCell| {
        Some(KeyText {
            level: level(&cell.level)?,
            outcome: outcome(&cell.outcome)?,
            basis: basis(&cell.basis)?,
            exempt: cell.exempt.as_deref().map(fixed),
            action: cell.action,
            target: cell.target,
            family: cell.family,
            scope: cell.scope,
            context: cell.context,
            via: cell.via,
            rule: cell.rule,
        })
    };
    Some(Waits {
        why: skip(&cell.why)?,
        session: cell.session,
        at: time(cell.at),
        event: cell.event,
        keys: cell.keys.into_iter().map(key).collect::<Option<_>>()?,
        refused: cell.refused.into_iter().map(RefusedCell::refused).collect::<Option<_>>()?,
        uses: cell.uses,
    })
}
