//! Limits of reach that hold for whole sets of principals: what is wanted, what the log shows, what comes of it.

use super::document::Document;
use super::usage::Row;
use std::collections::{BTreeMap, BTreeSet};

/// What a person wants to be bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The organization whose policy it is; none: the one that the input names.
    pub organization: Option<String>,
    /// The set of principals; none: all of the organization.
    pub bind: Option<String>,
    /// Only what was used, and not all of the organization.
    pub tight: bool,
    /// What may be reached beside that.
    pub allow: Vec<String>,
    /// Principals, and types of them, that it does not hold for.
    pub exempt: Vec<String>,
    /// Enforcement version; none: the newest that is known.
    pub version: Option<u32>,
}

/// What the input shows.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a, 'r> {
    /// All rows of the cloud.
    pub rows: &'a [&'r Row],
    /// What each project lies in, as descriptions state it, the nearest first.
    pub within: &'a BTreeMap<String, Vec<String>>,
    /// Policies that are bound already, as the evaluator reads them.
    pub bound: &'a [String],
}

/// What one enforcement version blocks of what was used outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The version.
    pub version: u32,
    /// Permissions that its list has.
    pub known: usize,
    /// Uses of those that were seen outside.
    pub uses: u64,
    /// Permissions that were seen in use outside and that it blocks, but the version before does not.
    pub newly: Vec<String>,
}

/// A use outside the boundary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside<'a> {
    /// The use.
    pub row: &'a Row,
    /// The other organization; none: nothing says where it is.
    pub organization: Option<String>,
    /// The first version that blocks it.
    pub since: Option<u32>,
}

/// A boundary before it is verified.
#[derive(Clone, Debug)]
pub struct AccessBoundary<'a> {
    /// The policy with its binding.
    pub document: Document,
    /// The organization.
    pub organization: String,
    /// What else its evaluator must know: where projects lie.
    pub places: String,
    /// Enforcement version.
    pub version: u32,
    /// Principals of the log that it holds for.
    pub holds_for: BTreeSet<String>,
    /// What they used outside of it.
    pub outside: Vec<Outside<'a>>,
    /// What each version blocks of that.
    pub versions: Vec<Version>,
    /// Roles that whoever applies it needs, with the reason.
    pub roles: Vec<(String, String)>,
}
