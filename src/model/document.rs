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
    /// Account, project, folder or organization it belongs to; empty when it fits any.
    pub scope: String,
    /// Whom it is for.
    pub principal: String,
    /// Its statements.
    pub statements: Vec<Statement>,
    /// The document as its cloud reads it.
    pub text: String,
    /// Characters that count against the limit, and the limit.
    pub size: (usize, usize),
    /// Things a reader must know before applying it.
    pub notes: Vec<String>,
}

/// Why a principal's grants cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DoesNotFit(pub String);
