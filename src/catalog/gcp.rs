//! What is known of Google Cloud: permissions and documented methods.

use super::coverage::{AlwaysFile, AlwaysLogged};
use super::denial::DenialFile;
use super::limit::Limits;
use super::method::MethodFile;
use super::outcome::{OutcomeFile, Outcomes};
use super::platform::{
    GoogleIdentities, OrganizationFile, OrganizationOnly, PublicFile, PublicProjects, SensitiveFile,
    SensitiveRule, glob,
};
use super::token::Tokens;
use super::user::Provenance;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::OnceLock;

const PERMISSIONS: &str = include_str!("data/gcp/permissions.tsv");
const UNLISTED: &str = include_str!("data/gcp/unlisted.tsv");
const METHOD: &str = include_str!("data/gcp/method.toml");
const METHODS: &str = include_str!("data/gcp/methods.tsv");
/// What its digest is of.
#[cfg(test)]
pub(super) const TABLES: [&str; 3] = [PERMISSIONS, UNLISTED, METHODS];
const OUTCOME: &str = include_str!("data/gcp/outcome.toml");
const IDENTITY: &str = include_str!("data/gcp/identity.toml");
const ESCALATION: &str = include_str!("data/gcp/escalation.toml");

const TOKEN: &str = include_str!("data/gcp/token.toml");
const COVERAGE: &str = include_str!("data/gcp/coverage.toml");

const ORGANIZATION: &str = include_str!("data/gcp/organization.toml");
const PUBLIC: &str = include_str!("data/gcp/public.toml");
const DENIAL: &str = include_str!("data/gcp/denial.toml");

/// Whether a custom role may hold a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Yes.
    Supported,
    /// Yes, at one's own risk.
    Testing,
    /// No.
    NotSupported,
    /// Google has it, and says nothing of custom roles.
    Unlisted,
}

/// Permissions of a documented method.
#[derive(Clone, Debug)]
pub struct Method {
    /// Permission and type (`AR`, `AW`, `DR`, `DW`).
    pub permissions: Vec<(&'static str, &'static str)>,
}

/// Whether a permission only lets its holder look.
#[must_use]
pub fn reads(permission: &str) -> bool {
    let verb = permission.rsplit('.').next().unwrap_or("");
    ["get", "list", "search", "query", "read", "view"].iter().any(|known| verb.starts_with(known))
}

/// What is known of Google Cloud.
#[derive(Debug)]
pub struct Gcp {
    groups: BTreeMap<&'static str, &'static str>,
    unlisted: BTreeMap<&'static str, &'static str>,
    methods: BTreeMap<&'static str, Method>,
    documented: BTreeSet<&'static str>,
    /// How names of methods lead to permissions.
    pub naming: MethodFile,
    /// Status codes.
    pub outcomes: Outcomes,
    /// Identities of Google itself, and shared ones.
    pub identities: GoogleIdentities,
    organization: Vec<OrganizationOnly>,
    sensitive: Vec<SensitiveRule>,
    public: Vec<PublicProjects>,
    /// Who refuses, and what can be done.
    pub denials: DenialFile,
    /// Parts of names that machines make, and what stays exact.
    pub tokens: Tokens,
    /// Logs that are always written.
    pub always: Vec<AlwaysLogged>,
    /// What conditions, deny policies and access boundaries can name.
    pub limits: Limits,
    refusable: OnceLock<BTreeMap<String, String>>,
}

impl Gcp {
    /// What the tables are.
    #[must_use]
    pub fn provenance(&self) -> Provenance {
        super::embedded("gcp", "")
    }

    /// The data that ships with the program.
    #[must_use]
    pub fn embedded() -> Self {
        let rows = |text: &'static str| text.lines().filter(|l| !l.starts_with('#'));
        let groups = rows(PERMISSIONS).filter_map(|l| l.split_once('\t')).collect();
        let methods = rows(METHODS).filter_map(|line| {
            let mut columns = line.split('\t');
            let (name, permissions) = (columns.next()?, columns.next()?);
            let permissions = permissions.split(',').filter_map(|p| p.split_once(':')).collect();
            Some((name, Method { permissions }))
        });
        let methods: BTreeMap<&'static str, Method> = methods.collect();
        let documented = methods.values().flat_map(|m| &m.permissions).map(|(permission, _)| *permission);
        Self {
            groups,
            unlisted: rows(UNLISTED).filter_map(|l| l.split_once('\t')).collect(),
            documented: documented.collect(),
            methods,
            naming: toml::from_str(METHOD).unwrap_or_default(),
            outcomes: Outcomes::new(toml::from_str::<OutcomeFile>(OUTCOME).unwrap_or_default()),
            identities: toml::from_str(IDENTITY).unwrap_or_default(),
            organization: toml::from_str::<OrganizationFile>(ORGANIZATION).unwrap_or_default().organization,
            sensitive: toml::from_str::<SensitiveFile>(ESCALATION).unwrap_or_default().sensitive,
            public: toml::from_str::<PublicFile>(PUBLIC).unwrap_or_default().public,
            denials: toml::from_str(DENIAL).unwrap_or_default(),
            tokens: Tokens::new(toml::from_str(TOKEN).unwrap_or_default()),
            always: toml::from_str::<AlwaysFile>(COVERAGE).unwrap_or_default().always,
            limits: Limits::embedded(),
            refusable: OnceLock::new(),
        }
    }

    /// Whether Google has the permission, and whether a custom role may hold it: not where only a method is documented
    /// to check it.
    #[must_use]
    pub fn support(&self, permission: &str) -> Option<Support> {
        let documented = || self.documented.contains(permission).then_some(Support::NotSupported);
        self.listed(permission).or_else(|| self.unlisted(permission)).or_else(documented)
    }

    fn unlisted(&self, permission: &str) -> Option<Support> {
        let (group, verb) = permission.rsplit_once('.')?;
        let known = self.unlisted.get(group)?.split(',').any(|known| known == verb);
        known.then_some(Support::Unlisted)
    }

    fn listed(&self, permission: &str) -> Option<Support> {
        let (group, verb) = permission.rsplit_once('.')?;
        self.groups.get(group)?.split(',').find_map(|known| {
            let name = known.trim_end_matches(['~', '!']);
            (name == verb).then_some(match known.chars().last() {
                Some('~') => Support::Testing,
                Some('!') => Support::NotSupported,
                _ => Support::Supported,
            })
        })
    }

    /// The permission as Google writes it, whatever its letter case.
    #[must_use]
    pub fn spelled(&self, permission: &str) -> Option<String> {
        if self.support(permission).is_some() {
            return Some(permission.to_owned());
        }
        let (group, verb) = permission.rsplit_once('.').filter(|(group, _)| group.contains('.'))?;
        let fits = |(known, _): &(&&'static str, &&'static str)| known.eq_ignore_ascii_case(group);
        let found = self.groups.iter().chain(&self.unlisted).filter(fits).find_map(|(group, verbs)| {
            let mut verbs = verbs.split(',').map(|verb| verb.trim_end_matches(['~', '!']));
            Some((group, verbs.find(|known| known.eq_ignore_ascii_case(verb))?))
        });
        found.map(|(group, verb)| format!("{group}.{verb}"))
    }

    /// Whether only roles of an organization may hold the permission.
    #[must_use]
    pub fn organization_only(&self, permission: &str) -> bool {
        self.organization.iter().flat_map(|row| &row.permissions).any(|known| glob(known, permission))
    }

    /// Whether Google shares the project with everybody.
    #[must_use]
    pub fn public(&self, project: &str) -> bool {
        self.public.iter().flat_map(|row| &row.projects).any(|known| glob(known, project))
    }

    /// All permissions.
    pub fn all(&self) -> impl Iterator<Item = String> + '_ {
        self.groups.iter().chain(&self.unlisted).flat_map(|(group, verbs)| {
            verbs.split(',').map(move |verb| format!("{group}.{}", verb.trim_end_matches(['~', '!'])))
        })
    }

    /// Permissions on the same kind of resource.
    #[must_use]
    pub fn neighbours(&self, permission: &str) -> Vec<String> {
        let Some((group, _)) = permission.rsplit_once('.') else { return Vec::new() };
        let verbs = self.groups.get(group).map(|verbs| verbs.split(','));
        verbs
            .into_iter()
            .flatten()
            .map(|verb| format!("{group}.{}", verb.trim_end_matches(['~', '!'])))
            .collect()
    }

    /// Whether the permission leads to more access.
    #[must_use]
    pub fn sensitive(&self, permission: &str) -> bool {
        self.leads(permission).next().is_some()
    }

    /// Whether uses of the permission wait for a person when they were seen in one session only.
    #[must_use]
    pub fn waits(&self, permission: &str) -> bool {
        self.leads(permission).any(|row| row.beside.is_none())
    }

    fn leads<'s>(&'s self, permission: &'s str) -> impl Iterator<Item = &'s SensitiveRule> + 's {
        // Some permissions are spelled with the service's host.
        let hosted = permission.contains('/').then(|| permission.replacen(".googleapis.com/", ".", 1));
        let plain = hosted.map_or(Cow::Borrowed(permission), Cow::Owned);
        self.sensitive.iter().filter(move |row| row.actions.iter().any(|known| glob(known, &plain)))
    }

    /// Whether there is a service of that host: one with permissions.
    #[must_use]
    pub fn serves(&self, host: &str) -> bool {
        let Some(api) = host.strip_suffix(".googleapis.com").filter(|api| !api.is_empty()) else {
            return false;
        };
        let plain = api.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        plain && self.kinds(self.naming.prefix(api)).next().is_some()
    }

    /// Permissions that a deny policy takes from whoever never used them, by how deny policies write them.
    #[must_use]
    pub fn refusable(&self) -> &BTreeMap<String, String> {
        self.refusable.get_or_init(|| {
            let mut all = BTreeMap::new();
            for one in self.all().filter(|one| self.sensitive(one) && self.limits.deniable(one)) {
                all.entry(self.limits.full(&one)).or_insert(one);
            }
            all
        })
    }

    /// Kinds of resources whose permissions begin with `service`, with their verbs.
    pub fn kinds(
        &self,
        service: &str,
    ) -> impl Iterator<Item = (&'static str, impl Iterator<Item = &'static str>)> {
        let head = format!("{service}.");
        let end = format!("{service}/");
        // `/` follows `.`: the range holds what starts with the head.
        let groups =
            self.groups.range::<str, _>((Bound::Included(head.as_str()), Bound::Excluded(end.as_str())));
        let all: Vec<(&'static str, &'static str)> = groups.map(|(group, verbs)| (*group, *verbs)).collect();
        all.into_iter()
            .map(|(group, verbs)| (group, verbs.split(',').map(|verb| verb.trim_end_matches(['~', '!']))))
    }

    /// Permissions that Google's audit-logging pages give for a method.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<&Method> {
        self.methods.get(name)
    }

    /// Texts of the hand-written files, for the tests that keep them honest.
    #[must_use]
    pub fn hand_written() -> Vec<(String, &'static str)> {
        let mut all = vec![
            ("outcome.toml".to_owned(), OUTCOME),
            ("identity.toml".to_owned(), IDENTITY),
            ("escalation.toml".to_owned(), ESCALATION),
            ("organization.toml".to_owned(), ORGANIZATION),
            ("public.toml".to_owned(), PUBLIC),
            ("denial.toml".to_owned(), DENIAL),
            ("method.toml".to_owned(), METHOD),
            ("token.toml".to_owned(), TOKEN),
            ("coverage.toml".to_owned(), COVERAGE),
        ];
        all.push((super::roles::HAND_WRITTEN.0.to_owned(), super::roles::HAND_WRITTEN.1));
        all.extend(super::limit::HAND_WRITTEN.map(|(name, text)| (name.to_owned(), text)));
        all
    }

    /// How many permissions are known.
    #[must_use]
    pub fn permissions(&self) -> usize {
        self.groups.values().chain(self.unlisted.values()).map(|verbs| verbs.split(',').count()).sum()
    }

    /// How many methods are documented.
    #[must_use]
    pub fn methods(&self) -> usize {
        self.methods.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_permissions_and_methods() {
        let gcp = crate::catalog::gcp();
        assert_eq!(gcp.support("storage.objects.get"), Some(Support::Supported));
        assert_eq!(gcp.support("iam.denypolicies.create"), Some(Support::NotSupported));
        assert_eq!(gcp.support("io.k8s.core.v1.pods.get"), None);
        let method = gcp.method("GenerateAccessToken").unwrap();
        assert_eq!(method.permissions[0].0, "iam.serviceAccounts.getAccessToken");
    }
}
