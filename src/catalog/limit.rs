//! What Google's conditions, deny policies and access boundaries can name.

use super::platform::glob;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

const DENY: &str = include_str!("data/gcp/deny.tsv");
const BOUNDARY: &str = include_str!("data/gcp/boundary.tsv");
const CONDITION: &str = include_str!("data/gcp/condition.toml");
const LIMIT: &str = include_str!("data/gcp/limit.toml");

/// The hand-written files, by name.
pub(super) const HAND_WRITTEN: [(&str, &str); 2] = [("condition.toml", CONDITION), ("limit.toml", LIMIT)];

/// A type of resource that conditions can name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedType {
    /// What its permissions begin with.
    pub service: String,
    /// Its name in conditions.
    #[serde(rename = "type")]
    pub kind: String,
    /// How its resources are called.
    pub name: String,
    /// Permissions that are checked on it by name, `*` allowed.
    pub permissions: Vec<String>,
    /// Those of them that are checked on what holds it.
    #[serde(default)]
    pub except: Vec<String>,
    /// Whether the name has the project's number.
    #[serde(default)]
    pub number: bool,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

impl NamedType {
    /// Whether the relative name is one of its resources, or of what they lie in.
    #[must_use]
    pub fn lies_in(&self, name: &str) -> bool {
        let mut wanted = self.name.split('/');
        name.split('/').all(|part| match wanted.next() {
            // A project of any spelling, also in names that leave it open.
            Some("{}" | "_") => !part.is_empty(),
            wanted => wanted == Some(part),
        }) || self.fits(name)
    }

    /// Whether the relative name is one of its resources.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        let mut parts = name.split('/');
        for wanted in self.name.split('/') {
            let Some(part) = parts.next() else { return false };
            match wanted {
                "{**}" => return !part.is_empty() || parts.next().is_some(),
                "{}" if part.is_empty() => return false,
                "{}" => {}
                _ if wanted != part => return false,
                _ => {}
            }
        }
        parts.next().is_none()
    }

    fn checks(&self, permission: &str) -> bool {
        self.permissions.iter().any(|known| glob(known, permission))
            && !self.except.iter().any(|known| glob(known, permission))
    }
}

/// A service that is spelled otherwise in deny policies.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spelling {
    /// Permissions of it, `*` allowed.
    pub permissions: String,
    /// The service.
    pub service: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Permissions that Google's page of access boundaries lists under another name than IAM gives them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renamed {
    /// Permissions, `*` allowed.
    pub permissions: String,
    /// The version whose list has them under IAM's name; none: no list has.
    pub listed: Option<u32>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// A role that whoever binds access boundaries needs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// The kinds of sets it is needed for.
    pub sets: Vec<String>,
    /// The role.
    pub role: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionFile {
    resource: Vec<NamedType>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitFile {
    spelling: Vec<Spelling>,
    operator: Vec<Operator>,
    renamed: Vec<Renamed>,
    crowd: Vec<Crowd>,
}

/// How many custom roles a place holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crowd {
    /// `projects` or `organizations`.
    pub parent: String,
    /// So many, the deleted ones of the last days among them.
    pub most: usize,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Patterns of permissions that one enforcement version adds, and what it leaves out of them.
#[derive(Debug)]
struct Blocks {
    version: u32,
    patterns: Vec<&'static str>,
    except: Vec<&'static str>,
}

/// What limits can name.
#[derive(Debug)]
pub struct Limits {
    resources: Vec<NamedType>,
    spellings: Vec<Spelling>,
    operators: Vec<Operator>,
    renamed: Vec<Renamed>,
    crowd: Vec<Crowd>,
    deny: BTreeMap<&'static str, &'static str>,
    blocks: Vec<Blocks>,
}

impl Limits {
    /// The data that ships with the program.
    #[must_use]
    pub fn embedded() -> Self {
        let rows = |text: &'static str| text.lines().filter(|line| !line.starts_with('#'));
        let list = |text: Option<&'static str>| -> Vec<&'static str> {
            text.into_iter().flat_map(|text| text.split(',')).filter(|one| !one.is_empty()).collect()
        };
        let blocks = rows(BOUNDARY).filter_map(|line| {
            let mut columns = line.split('\t');
            let version = columns.next()?.parse().ok()?;
            Some(Blocks { version, patterns: list(columns.next()), except: list(columns.next()) })
        });
        let LimitFile { spelling: spellings, operator: operators, renamed, crowd } =
            toml::from_str(LIMIT).unwrap_or_default();
        Self {
            resources: toml::from_str::<ConditionFile>(CONDITION).unwrap_or_default().resource,
            spellings,
            operators,
            renamed,
            crowd,
            deny: rows(DENY).filter_map(|line| line.split_once('\t')).collect(),
            blocks: blocks.collect(),
        }
    }

    /// The same without one of the types, for the test that each is needed.
    #[must_use]
    pub fn without(mut self, kind: &str) -> Self {
        self.resources.retain(|row| row.kind != kind);
        self
    }

    /// The types.
    #[must_use]
    pub fn types(&self) -> &[NamedType] {
        &self.resources
    }

    /// The type of a resource, by its relative name and a permission on it.
    #[must_use]
    pub fn kind(&self, permission: &str, name: &str) -> Option<&NamedType> {
        let service = permission.split('.').next().unwrap_or("");
        self.resources.iter().find(|row| row.service == service && row.fits(name))
    }

    /// The same, where the permission is checked on the resource by that name.
    #[must_use]
    pub fn checked(&self, permission: &str, name: &str) -> Option<&NamedType> {
        self.kind(permission, name).filter(|row| row.checks(permission))
    }

    /// Whether the relative name is of nothing that the permission is checked on, nor of what such a resource lies in, as far
    /// as types are known.
    #[must_use]
    pub fn is_elsewhere(&self, permission: &str, name: &str) -> bool {
        let mut types = self.resources.iter().filter(|row| row.checks(permission)).peekable();
        let above = name.starts_with("folders/") || name.starts_with("organizations/");
        types.peek().is_some() && !above && !types.any(|row| row.lies_in(name))
    }

    /// A permission as deny policies and access boundaries write it: `service/resource.verb`.
    #[must_use]
    pub fn full(&self, permission: &str) -> String {
        if permission.contains('/') {
            return permission.to_owned();
        }
        let (service, rest) = permission.split_once('.').unwrap_or((permission, ""));
        let other = self.spellings.iter().find(|row| glob(&row.permissions, permission));
        let service = other.map_or_else(|| format!("{service}.googleapis.com"), |row| row.service.clone());
        format!("{service}/{rest}")
    }

    /// Roles that are needed to bind an access boundary to a set of that kind.
    pub fn operators<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = &'s Operator> + 's {
        self.operators.iter().filter(move |row| row.sets.iter().any(|set| set == kind))
    }

    /// How many custom roles a project or an organization holds; none where that is not known.
    #[must_use]
    pub fn most_roles(&self, place: &str) -> Option<usize> {
        let kind = place.split('/').next().unwrap_or("");
        self.crowd.iter().find(|row| row.parent == kind).map(|row| row.most)
    }

    /// Whether a deny policy may name the permission.
    #[must_use]
    pub fn deniable(&self, permission: &str) -> bool {
        let full = self.full(permission);
        let Some((group, verb)) = full.rsplit_once('.') else { return false };
        self.deny.get(group).is_some_and(|verbs| verbs.split(',').any(|known| known == verb))
    }

    /// The first enforcement version of access boundaries that blocks the permission.
    #[must_use]
    pub fn blocked_since(&self, permission: &str) -> Option<u32> {
        let full = self.full(permission);
        let any = |patterns: &[&str]| patterns.iter().any(|pattern| whole(pattern, &full));
        let blocking = self.blocks.iter().filter(|b| any(&b.patterns) && !any(&b.except));
        blocking.map(|b| b.version).min()
    }

    /// The same as the page lists it, by the names that IAM gives.
    #[must_use]
    pub fn listed_since(&self, permission: &str) -> Option<u32> {
        let other = self.renamed.iter().find(|row| glob(&row.permissions, permission));
        other.map_or_else(|| self.blocked_since(permission), |row| row.listed)
    }

    /// The enforcement versions, first to last.
    #[must_use]
    pub fn versions(&self) -> BTreeSet<u32> {
        self.blocks.iter().map(|b| b.version).collect()
    }
}

/// `service/resource.verb`, where `*` stands for all resources or verbs.
fn whole(pattern: &str, full: &str) -> bool {
    let (Some((of, pattern)), Some((service, rest))) = (pattern.split_once('/'), full.split_once('/')) else {
        return false;
    };
    let (Some((resources, verbs)), Some((resource, verb))) =
        (pattern.rsplit_once('.'), rest.rsplit_once('.'))
    else {
        return false;
    };
    of == service && (resources == "*" || resources == resource) && (verbs == "*" || verbs == verb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_spelled_as_limits_do() {
        let limits = Limits::embedded();
        assert_eq!(limits.full("storage.objects.get"), "storage.googleapis.com/objects.get");
        assert_eq!(
            limits.full("resourcemanager.projects.setIamPolicy"),
            "cloudresourcemanager.googleapis.com/projects.setIamPolicy"
        );
        assert_eq!(limits.full("a.googleapis.com/b.get"), "a.googleapis.com/b.get");
        assert!(limits.deniable("resourcemanager.projects.setIamPolicy"));
        assert!(
            limits.deniable("bigquery.connections.use") && limits.deniable("bigquery.dataPolicies.create")
        );
        assert!(!limits.deniable("compute.instances.nothing"));
    }

    #[test]
    fn versions_list_as_many_permissions_as_the_page() {
        let limits = Limits::embedded();
        let since: Vec<u32> =
            crate::catalog::gcp().all().filter_map(|one| limits.listed_since(&one)).collect();
        let count = |version: u32| since.iter().filter(|since| **since <= version).count();
        assert_eq!([1, 2, 3, 4].map(count), [695, 1912, 3617, 5799]);
    }

    #[test]
    fn boundaries_block_more_with_each_version() {
        let limits = Limits::embedded();
        assert_eq!(limits.blocked_since("storage.objects.get"), Some(1));
        assert_eq!(limits.blocked_since("bigquery.tables.getData"), Some(2));
        assert_eq!(limits.blocked_since("iam.roles.create"), Some(3));
        assert_eq!(limits.blocked_since("secretmanager.versions.access"), Some(4));
        assert_eq!(limits.blocked_since("bigtable.tables.readRows"), Some(3));
        assert_eq!(limits.blocked_since("compute.instances.get"), None);
        assert_eq!(limits.versions().into_iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
    }
}
