//! What a principal is to be given, and why: before it is packed into documents.

use super::few::Few;
use super::pattern::Pattern;
use super::usage::{Level, Row, Seen};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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

    /// Whether it takes in all of the other.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Service, Self::Service) => true,
            (Self::Resource(mine), Self::Resource(theirs)) => mine.covers(theirs),
            _ => false,
        }
    }

    /// Whether something belongs to both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Service, Self::Service) => true,
            (Self::Resource(mine), Self::Resource(theirs)) => mine.overlaps(theirs),
            _ => false,
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
    pub rules: Few<Arc<str>>,
    /// How the uses were proved.
    pub bases: Few<&'static str>,
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
    pub action: Arc<str>,
    /// On what.
    pub on: On,
    /// Where it is granted.
    pub scope: Arc<str>,
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
            && self.on.covers(&other.on)
    }

    /// Whether only a person's word stands behind it.
    #[must_use]
    pub fn only_kept(&self) -> bool {
        self.evidence.rules.iter().all(|rule| **rule == *Self::KEPT)
    }

    /// Takes over the evidence of a grant that this one covers.
    pub fn absorb(&mut self, other: &Self) {
        if self.evidence.seen.count == 0 {
            self.evidence.seen = other.evidence.seen.clone();
        } else if other.evidence.seen.count > 0 {
            self.evidence.seen.merge(&other.evidence.seen);
        }
        self.evidence.rules.join(&other.evidence.rules);
        self.evidence.bases.join(&other.evidence.bases);
        for widening in &other.widened {
            if !self.widened.contains(widening) {
                self.widened.push(widening.clone());
            }
        }
        self.intent.extend(other.intent.iter().cloned());
    }
}

/// Where grants stand in a list of them, by what they can cover: who has thousands asks each of them for few others.
#[derive(Clone, Debug, Default)]
pub struct Places<'g> {
    /// Those for one name, or without one, by action, scope and name.
    exact: FxHashMap<(&'g str, &'g str, Option<&'g str>), Vec<usize>>,
    /// The others, by action and scope.
    wide: FxHashMap<(&'g str, &'g str), Vec<usize>>,
}

impl<'g> Places<'g> {
    /// Where they stand.
    pub fn of(grants: impl IntoIterator<Item = &'g Grant>) -> Self {
        let mut places = Self::default();
        for (at, grant) in grants.into_iter().enumerate() {
            let (action, scope) = (&*grant.action, &*grant.scope);
            match &grant.on {
                On::Resource(pattern) if !pattern.is_exact() => {
                    places.wide.entry((action, scope)).or_default().push(at);
                }
                on => {
                    places.exact.entry((action, scope, on.pattern().map(Pattern::head))).or_default().push(at)
                }
            }
        }
        places
    }

    /// Those of them that can cover what is asked for, narrow ones first.
    pub fn near<'s>(
        &'s self,
        action: &'s str,
        scope: &'s str,
        on: &'s On,
    ) -> impl Iterator<Item = usize> + use<'s, 'g> {
        let pattern = on.pattern();
        let exact = pattern.is_none_or(Pattern::is_exact);
        let exact = exact.then(|| self.exact.get(&(action, scope, pattern.map(Pattern::head)))).flatten();
        let wide = pattern.and_then(|_| self.wide.get(&(action, scope)));
        exact.into_iter().chain(wide).flatten().copied()
    }
}

/// Grants to be asked whether one of them covers another.
#[derive(Clone, Debug, Default)]
pub struct Granted<'g> {
    all: &'g [Grant],
    places: Places<'g>,
}

impl<'g> Granted<'g> {
    /// Those grants.
    #[must_use]
    pub fn of(all: &'g [Grant]) -> Self {
        Self { all, places: Places::of(all) }
    }

    /// Whether one of them allows all that `other` allows.
    #[must_use]
    pub fn cover(&self, other: &Grant) -> bool {
        let mut near = self.places.near(&other.action, &other.scope, &other.on);
        near.any(|at| self.all.get(at).is_some_and(|grant| grant.covers(other)))
    }

    /// Whether one of them is for all of the row's use.
    #[must_use]
    pub fn cover_use(&self, row: &Row) -> bool {
        let on = On::of(row);
        let mut near = self.places.near(&row.action, &row.scope, &on);
        near.any(|at| self.all.get(at).is_some_and(|grant| grant.on.covers(&on)))
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
