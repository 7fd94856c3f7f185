//! Schemas of the hand-written files about principals and packaging: who belongs to a platform, what goes together, what
//! a boundary refuses. Unknown fields are errors.

use super::overlay::list_file;
use serde::Deserialize;

/// A role that belongs to the platform.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformRole {
    /// Role name, `*` allowed.
    pub name: String,
    /// Which platform, in words.
    pub kind: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// A CI system's web identity provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CiProvider {
    /// Host (and path) of the provider, `*` allowed.
    pub provider: String,
    /// The system's name.
    #[serde(default)]
    pub name: String,
    /// Why.
    #[serde(default)]
    pub because: String,
    /// Where that is documented.
    #[serde(default)]
    pub link: String,
}

/// `infrastructure.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InfrastructureFile {
    /// Platform roles.
    #[serde(default)]
    pub role: Vec<PlatformRole>,
    /// CI systems.
    #[serde(default)]
    pub ci: Vec<CiProvider>,
}

/// Services that go into one document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceGroup {
    /// Name of the document.
    pub name: String,
    /// IAM prefixes.
    pub services: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Actions that a boundary refuses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenyRule {
    /// `Sid` of the statement.
    pub id: String,
    /// `prefix:Name`.
    pub actions: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// A Google identity known by its address.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownEmail {
    /// Address, `*` allowed.
    pub email: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// `gcp/identity.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoogleIdentities {
    /// Identities of Google itself.
    #[serde(default)]
    pub agent: Vec<KnownEmail>,
    /// Default accounts that many workloads share.
    #[serde(default)]
    pub shared: Vec<KnownEmail>,
}

/// Whether `text` fits a pattern of these files, in which `*` is the only wildcard.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            let starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            starts.into_iter().any(|at| glob(tail, rest.get(at..).unwrap_or("")))
        }),
    }
}

list_file!(
    /// `groups.toml`.
    GroupFile, group, ServiceGroup
);
list_file!(
    /// `boundary.toml`.
    BoundaryFile, deny, DenyRule
);
