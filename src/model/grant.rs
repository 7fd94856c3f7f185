//! What a principal is to be given, and why: before it is packed into documents.

use super::pattern::Pattern;
use super::usage::{Level, Row, Seen};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What a grant covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// The action has no resource level.
    Service,
    /// The names that match.
    Resource(Pattern),
}

impl On {
    /// What a row's use was on.
    #[must_use]
    pub fn of(row: &Row) -> Self {
        match row.target.level {
            Level::Service => Self::Service,
            Level::Named => Self::Resource(Pattern::literal(&row.target.text)),
            Level::All | Level::Partial | Level::Unseen => Self::Resource(Pattern::parse(&row.target.text)),
        }
    }

    /// The pattern, where the action has a resource level.
    #[must_use]
    pub fn pattern(&self) -> Option<&Pattern> {
        match self {
            Self::Service => None,
            Self::Resource(pattern) => Some(pattern),
        }
    }
}

/// As a policy's resource.
impl std::fmt::Display for On {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Service => f.write_str("*"),
            Self::Resource(pattern) => pattern.fmt(f),
        }
    }
}

/// The uses a grant stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// How often, first, last, one sample record.
    pub seen: Seen,
    /// Rules that named action and resource.
    pub rules: BTreeSet<String>,
    /// How the uses were proved.
    pub bases: BTreeSet<&'static str>,
    /// How much the log said of the resource.
    pub level: Level,
}

/// A step that made a grant wider than its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widening {
    /// The pass that took the step.
    pub pass: Cow<'static, str>,
    /// Why, in words.
    pub reason: String,
}

/// One action on one resource pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Canonical action.
    pub action: String,
    /// On what.
    pub on: On,
    /// Where it is granted.
    pub scope: String,
    /// Condition key → values, all of them observed.
    pub when: BTreeMap<String, BTreeSet<String>>,
    /// The uses behind it.
    pub evidence: Evidence,
    /// Steps that widened it.
    pub widened: Vec<Widening>,
    /// Entries of the intent file that made or widened it, by name.
    pub intent: BTreeSet<String>,
}

impl Grant {
    /// The rule of a grant that no use proves, but a person keeps.
    pub const KEPT: &'static str = "intent-keep";

    /// Whether it allows all that `other` allows.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.action == other.action
            && self.scope == other.scope
            && self.when.iter().all(|(key, values)| other.when.get(key).is_some_and(|v| v.is_subset(values)))
            && match (&self.on, &other.on) {
                (On::Service, On::Service) => true,
                (On::Resource(mine), On::Resource(theirs)) => mine.covers(theirs),
                _ => false,
            }
    }

    /// Whether only a person's word stands behind it.
    #[must_use]
    pub fn only_kept(&self) -> bool {
        self.evidence.rules.iter().all(|rule| rule == Self::KEPT)
    }

    /// Takes over the evidence of a grant that this one covers.
    pub fn absorb(&mut self, other: &Self) {
        if self.evidence.seen.count == 0 {
            self.evidence.seen = other.evidence.seen.clone();
        } else if other.evidence.seen.count > 0 {
            self.evidence.seen.merge(&other.evidence.seen);
        }
        self.evidence.rules.extend(other.evidence.rules.iter().cloned());
        self.evidence.bases.extend(other.evidence.bases.iter().copied());
        for widening in &other.widened {
            if !self.widened.contains(widening) {
                self.widened.push(widening.clone());
            }
        }
        self.intent.extend(other.intent.iter().cloned());
    }
}

/// How wide a grant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breadth {
    /// One name, or an action without resource types.
    Exact,
    /// Names that differ in a machine-made part.
    Token,
    /// Names that share a prefix.
    Prefix,
    /// Every name of a type in one account and region.
    Type,
}

impl Breadth {
    /// The word reports use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Token => "token",
            Self::Prefix => "prefix",
            Self::Type => "type",
        }
    }
}
