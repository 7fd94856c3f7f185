//! Schemas of the hand-written files about principals and packaging: who belongs to a platform, what goes together, what
//! a boundary refuses. Unknown fields are errors.

use super::overlay::list_file;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Projects shared with everybody.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicProjects {
    /// Their ids, `*` allowed.
    pub projects: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

list_file!(
    /// `public.toml`.
    PublicFile, public, PublicProjects
);

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

/// How a record attests a condition key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attest {
    /// The service that acts for the caller.
    CallingService,
    /// The region that was called.
    Region,
    /// The account that owns the resource.
    Owner,
    /// The VPC endpoint that the request came through.
    Endpoint,
    /// The service that uses a key for the caller.
    KeyUser,
}

/// A condition key that a policy takes on request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The key.
    pub key: String,
    /// How a record attests it.
    pub attest: Attest,
    /// Whether a request has several values of it.
    #[serde(default)]
    pub several: bool,
    /// The services that set it; empty where it does not depend on one.
    #[serde(default)]
    pub services: Vec<String>,
    /// Actions that do not set it, `*` allowed.
    #[serde(default)]
    pub except: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Encryption contexts by which services that use a key are told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyUser {
    /// Key of the encryption context → service.
    pub context: BTreeMap<String, String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// `condition.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionFile {
    /// Keys, sorted.
    pub condition: Vec<Condition>,
    /// Who uses keys.
    pub user: Vec<KeyUser>,
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
    /// Only where the entity acted on does not have, or is not given, this boundary.
    #[serde(default)]
    pub bounded: bool,
    /// Only on this: the principal itself, or the boundary's own policy.
    pub on: Option<DenyOn>,
    /// Only for other values of this condition key than those that the policies name.
    pub key: Option<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Actions that wait for a person when they were seen in one session only.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensitiveRule {
    /// What they do, in words.
    pub kind: String,
    /// Actions or permissions, `*` allowed.
    pub actions: Vec<String>,
    /// What they take as well, which waits in their place.
    #[serde(default, rename = "with")]
    pub beside: Option<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DenyOn {
    /// Whoever the boundary limits.
    Principal,
    /// The boundary's policy.
    Boundary,
}

/// Placeholders that hold a chosen name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedRule {
    /// `prefix:type`; none: all, where the placeholder is the first.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Placeholders, `*` allowed.
    pub placeholders: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// What stands before a prefix in some names.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadRule {
    /// `prefix:type`.
    pub resource: String,
    /// IAM prefixes that must be in use.
    pub services: Vec<String>,
    /// Text before the prefix.
    pub head: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Resource types whose names differ from the prefix in a known way.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypesRule {
    /// `prefix:type`.
    pub resources: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Actions limited by a condition key, where no resource can limit them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopedRule {
    /// `Sid` of the statement.
    pub id: String,
    /// `prefix:Name`.
    pub actions: Vec<String>,
    /// Condition key that holds an ARN.
    pub key: String,
    /// `prefix:type` of that ARN.
    pub names: String,
    /// `prefix:type` that need not be allowed as a whole because of it.
    pub instead: Option<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// `boundary.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundaryFile {
    /// What is refused.
    #[serde(default)]
    pub deny: Vec<DenyRule>,
    /// Where chosen names stand.
    #[serde(default)]
    pub named: Vec<NamedRule>,
    /// What may stand before a prefix.
    #[serde(default)]
    pub head: Vec<HeadRule>,
    /// Types that have a resource called as the prefix is, without the separator at its end.
    #[serde(default)]
    pub bare: Vec<TypesRule>,
    /// Types whose names are in lower case.
    #[serde(default)]
    pub folded: Vec<TypesRule>,
    /// Actions limited by a condition key.
    #[serde(default)]
    pub scoped: Vec<ScopedRule>,
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

/// Permissions that only roles of an organization may hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationOnly {
    /// Permissions, `*` allowed.
    pub permissions: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

list_file!(
    /// `gcp/organization.toml`.
    OrganizationFile, organization, OrganizationOnly
);

/// Whether `text` fits a pattern of these files: `*` stands for anything, `#` for one digit or more.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    // Most differ in the first character.
    if pattern
        .bytes()
        .next()
        .is_some_and(|first| !b"*#".contains(&first) && text.bytes().next() != Some(first))
    {
        return false;
    }
    if let Some((head, tail)) = pattern.split_once('#') {
        let Some(rest) = text.strip_prefix(head) else { return false };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        return digits > 0 && glob(tail, rest.get(digits..).unwrap_or(""));
    }
    let mut pieces = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap_or("")) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or("");
    }
    rest.ends_with(last)
}

list_file!(
    /// `groups.toml`.
    GroupFile, group, ServiceGroup
);

list_file!(
    /// `escalation.toml`.
    SensitiveFile, sensitive, SensitiveRule
);

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, fits) in [
            ("service-*@*.iam.gserviceaccount.com", "service-1@gcp-sa-x.iam.gserviceaccount.com", true),
            ("service-*@*.iam.gserviceaccount.com", "deployer@p.iam.gserviceaccount.com", false),
            ("service-#@*.com", "service-12@x.com", true),
            ("service-#@*.com", "service-orders@x.com", false),
            ("a*b*b", "ab", false),
            ("a*b*b", "abb", true),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }
}
