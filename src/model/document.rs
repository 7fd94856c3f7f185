//! Cloud-neutral documents: what gets attached to whom.

use std::collections::BTreeMap;

/// Condition operator → key → values.
pub type Conditions = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// One statement of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Content-derived id.
    pub id: String,
    /// `Allow` or `Deny`.
    pub effect: &'static str,
    /// Actions or permissions, sorted.
    pub actions: Vec<String>,
    /// Resources or scopes, sorted.
    pub resources: Vec<String>,
    /// Where `resources` is empty: it holds on everything but these.
    pub except: Vec<String>,
    /// Conditions.
    pub conditions: Conditions,
}

/// What sort of document it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DocumentKind {
    /// Grants.
    Policy,
    /// Limits.
    Boundary,
    /// What could stand in place of the grants.
    Alternative,
    /// Held back for a person to decide; not to be applied as it is.
    Review,
}

impl DocumentKind {
    /// The word templates see.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Boundary => "boundary",
            Self::Alternative => "alternative",
            Self::Review => "review",
        }
    }
}

/// A document within its cloud's limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// Name, unique for the principal.
    pub name: String,
    /// Account, project, folder or organization it belongs to, as [`super::usage::Use::scope`]; empty when it fits any.
    pub scope: String,
    /// Whom it is for.
    pub principal: String,
    /// Its statements.
    pub statements: Vec<Statement>,
    /// The document as its cloud reads it.
    pub text: String,
    /// Whether it is written into its principal, not attached to it.
    pub inline: bool,
    /// Characters that count against the limit, and the limit.
    pub size: (usize, usize),
    /// Things a reader must know before applying it.
    pub notes: Vec<String>,
}

impl Document {
    /// Where it is bound: its scope without the organization that only defines its role.
    #[must_use]
    pub fn place(&self) -> &str {
        bound_at(&self.scope)
    }
}

/// Where something of that scope is bound: a folder is named behind the organization that defines its roles.
#[must_use]
pub fn bound_at(scope: &str) -> &str {
    let below = scope.strip_prefix("organizations/").and_then(|rest| Some(rest.split_once('/')?.1));
    below.filter(|rest| rest.starts_with("folders/")).unwrap_or(scope)
}

/// A document as it stood before: what a later run keeps in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Its name.
    pub name: String,
    /// Its statements.
    pub statements: Vec<Statement>,
}

/// How documents are attached.
#[derive(Clone, Copy, Debug)]
pub struct Packing {
    /// Documents that can be attached to one principal.
    pub attachments: usize,
    /// How many of them are left for other documents.
    pub free: usize,
    /// One inline policy instead of managed ones.
    pub inline: bool,
}

impl Default for Packing {
    fn default() -> Self {
        Self { attachments: 10, free: 5, inline: false }
    }
}

/// A way to make documents shorter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loosening {
    /// Characters that it saves.
    pub saves: usize,
    /// Its name, as `[[loosen]]` takes it.
    pub step: String,
    /// What it allows more.
    pub breadth: String,
}

/// Why a principal's grants cannot be written, and what would help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct DoesNotFit {
    /// Why.
    pub why: String,
    /// What would help, the most telling first.
    pub loosenings: Vec<Loosening>,
}

impl DoesNotFit {
    /// Without a way out so far.
    #[must_use]
    pub fn new(why: String) -> Self {
        Self { why, loosenings: Vec::new() }
    }
}
