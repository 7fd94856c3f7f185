//! What a principal is to be given, and why: before it is packed into documents.

use super::pattern::Pattern;
use super::usage::{Level, Seen};
use std::collections::{BTreeMap, BTreeSet};

/// What a grant covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// The action has no resource level.
    Service,
    /// The names that match.
    Resource(Pattern),
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
    pub pass: &'static str,
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
}
