//! A refusal: what was not allowed, to whom, and which kind of policy said so. Evidence of an attempt, never of a need.

use super::usage::{Seen, Target};
use std::collections::BTreeMap;

/// What one record, or one pasted message, says was refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Refused {
    /// Action or permission in canonical case; empty where nothing tells it.
    pub action: String,
    /// On what.
    pub target: Target<'static>,
    /// Where it could be granted.
    pub scope: String,
    /// Condition keys that the request attests.
    pub context: BTreeMap<String, String>,
    /// Length of the part of the name that holds a family of object-like names.
    pub family: Option<usize>,
    /// Kind of policy that refused, a word of the cloud's `denial.toml`.
    pub by: &'static str,
    /// Whether a deny statement matched; `None` where the answer does not say.
    pub explicit: Option<bool>,
    /// The policy that refused, where the answer names it.
    pub policy: Option<String>,
    /// Whether the answer holds an encoded message.
    pub encoded: Encoded,
    /// Whether the answer itself names the action; otherwise it is what the event is known to need.
    pub told: bool,
    /// Why no identity document carries it.
    pub exempt: Option<&'static str>,
}

/// An encoded authorization message.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoded {
    /// There is none.
    #[default]
    No,
    /// It can be decoded; its text where it was pasted, never out of a log.
    Whole(String),
    /// It was cut and cannot be decoded.
    Cut,
}

/// A refusal with whom it met, and when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denial {
    /// Cloud.
    pub cloud: &'static str,
    /// Principal id, empty when unknown.
    pub principal: String,
    /// What was refused.
    pub refused: Refused,
    /// How often and when; `None` for a pasted message.
    pub seen: Option<Seen>,
}

/// What can be done about a refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// Whether a grant to the principal can mend it.
    pub mends: bool,
    /// What to know and to do, one thing each.
    pub text: Vec<String>,
}
