//! Google's predefined roles, where a user imported them: which hold what, and the smallest that hold all of something.

mod import;
mod purpose;

pub use import::{Snapshot, is_roles, snapshot};

use super::gcp;
use super::platform::glob;
use super::user::Imported;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

const RULES: &str = include_str!("../data/gcp/role.toml");
/// The hand-written file.
pub(super) const HAND_WRITTEN: (&str, &str) = ("role.toml", RULES);

/// The first line of an imported table of roles.
pub const FORM: &str = "# leastgrant roles 1";

/// What a permission beside those that are needed counts for: one that looks, one that uses what there is, one that changes
/// something, one that leads to more access.
const LOOKS: usize = 1;
const USES: usize = 5;
const CHANGES: usize = 50;
const SENSITIVE: usize = 1000;
/// What each role counts for; each that is not finished, and each that is made for what is not needed: that as much as one
/// permission that leads to more access.
const ROLE: usize = 2;
const UNFINISHED: usize = 100;
const ODD: usize = 1000;

/// Combinations of roles that are tried before it is enough to take one after the other.
const TRIED: usize = 20_000;

/// Roles that are never proposed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Banned {
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    titles: Vec<String>,
    #[serde(default)]
    stages: Vec<String>,
    #[serde(rename = "because")]
    _because: String,
    #[serde(rename = "link")]
    _link: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    banned: Vec<Banned>,
}

/// One role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// `roles/service.name`
    pub name: String,
    /// Its title.
    pub title: String,
    /// Launch stage.
    pub stage: String,
    /// The service it is of: what its name begins with, or, where that names none, the one all its permissions are of.
    service: String,
    /// Its permissions, as places in the list of all.
    held: BTreeSet<u32>,
    /// What its name says it is made for; empty where it says nothing.
    made_for: String,
    /// Whether it is one to give to somebody.
    proposed: bool,
}

impl Role {
    /// What is preferred of two that hold the same: what is finished, then the shorter name.
    fn rank(&self) -> (usize, usize, &str) {
        let stage = ["GA", "BETA", "ALPHA"].iter().position(|stage| *stage == self.stage).unwrap_or(3);
        (stage, self.name.len(), &self.name)
    }
}

/// All roles that were imported.
#[derive(Debug)]
pub struct Roles {
    names: Vec<String>,
    weights: Vec<usize>,
    roles: Vec<Role>,
    holders: BTreeMap<u32, Vec<usize>>,
}

/// Roles that together hold what is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover<'r> {
    /// The roles, each with the permissions it is there for.
    pub roles: Vec<(&'r Role, BTreeSet<&'r str>)>,
    /// What they hold beside that.
    pub excess: BTreeSet<&'r str>,
    /// What no role holds.
    pub missing: BTreeSet<String>,
}

impl Roles {
    /// Reads an imported table.
    #[must_use]
    pub fn new(imported: &Imported) -> Self {
        let banned = toml::from_str::<RulesFile>(RULES).unwrap_or_default().banned;
        let (mut names, mut roles) = (Vec::new(), Vec::new());
        for line in imported.services.lines() {
            let mut columns = line.split('\t');
            match (columns.next(), columns.next()) {
                (Some("P"), Some(name)) => names.push(name.to_owned()),
                (Some("R"), Some(name)) => {
                    let mut next = || columns.next().unwrap_or("").to_owned();
                    let (stage, title, held) = (next(), next(), next());
                    let (name, held, service) = (name.to_owned(), ranges(&held), String::new());
                    let made_for = String::new();
                    let mut role = Role { name, title, stage, service, held, made_for, proposed: true };
                    role.service = of_service(&role, &names).to_owned();
                    role.made_for = purpose::of(&role, &names).unwrap_or_default();
                    role.proposed = !role.held.is_empty() && !banned.iter().any(|rule| forbids(rule, &role));
                    roles.push(role);
                }
                _ => {}
            }
        }
        roles.sort_by(|a, b| a.rank().cmp(&b.rank()));
        let mut holders: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (at, role) in roles.iter().enumerate().filter(|(_, role)| role.proposed) {
            for permission in &role.held {
                holders.entry(*permission).or_default().push(at);
            }
        }
        let gcp = super::gcp();
        let weight = |name: &String| match name {
            name if gcp.sensitive(name) => SENSITIVE,
            name if gcp::reads(name) || purpose::asks(name) => LOOKS,
            name if purpose::uses(name) => USES,
            _ => CHANGES,
        };
        Self { weights: names.iter().map(weight).collect(), names, roles, holders }
    }

    /// How many roles can be proposed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.roles.iter().filter(|role| role.proposed).count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn id(&self, permission: &str) -> Option<u32> {
        let at = self.names.binary_search_by(|name| name.as_str().cmp(permission)).ok()?;
        u32::try_from(at).ok()
    }

    fn name(&self, id: u32) -> &str {
        usize::try_from(id).ok().and_then(|at| self.names.get(at)).map_or("", String::as_str)
    }

    /// Whether a role that can be proposed holds the permission.
    #[must_use]
    pub fn hold(&self, permission: &str) -> bool {
        self.id(permission).is_some_and(|id| self.holders.contains_key(&id))
    }

    /// The permissions of a role, by its name, whether it can be proposed or not.
    #[must_use]
    pub fn permissions(&self, role: &str) -> Option<Vec<&str>> {
        let role = self.roles.iter().find(|one| one.name == role)?;
        Some(role.held.iter().map(|id| self.name(*id)).collect())
    }

    /// The roles that hold all of it with the least beside, of the permissions' own services where those have any.
    #[must_use]
    pub fn cover(&self, permissions: &BTreeSet<&str>) -> Cover<'_> {
        let mut groups: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        let mut missing = BTreeSet::new();
        for permission in permissions {
            match self.id(permission).filter(|id| self.holders.contains_key(id)) {
                Some(id) => {
                    let own = self.roles_of(id, Some(service(permission))).next().is_some();
                    groups.entry(if own { service(permission) } else { "" }).or_default().insert(id);
                }
                None => {
                    missing.insert((*permission).to_owned());
                }
            }
        }
        let needed: BTreeSet<u32> = groups.values().flatten().copied().collect();
        let mut chosen: BTreeSet<usize> = BTreeSet::new();
        for (service, of) in &groups {
            // What a role of another group holds already needs none of its own.
            let rest: BTreeSet<u32> =
                of.iter().filter(|id| !chosen.iter().any(|at| self.holds(*at, **id))).copied().collect();
            if !rest.is_empty() {
                chosen.extend(self.least(&rest, &needed, (!service.is_empty()).then_some(service)));
            }
        }
        self.pruned(&mut chosen, &needed);
        let mut cover = Cover { missing, ..Cover::default() };
        for at in chosen {
            let Some(role) = self.roles.get(at) else { continue };
            let of = role.held.intersection(&needed).map(|id| self.name(*id)).collect();
            cover.excess.extend(role.held.difference(&needed).map(|id| self.name(*id)));
            cover.roles.push((role, of));
        }
        cover.roles.sort_by(|a, b| a.0.name.cmp(&b.0.name));
        cover
    }

    fn holds(&self, at: usize, id: u32) -> bool {
        self.roles.get(at).is_some_and(|role| role.held.contains(&id))
    }

    /// Roles that hold a permission, of one service or of any.
    fn roles_of<'s>(&'s self, id: u32, service: Option<&'s str>) -> impl Iterator<Item = usize> + 's {
        let all = self.holders.get(&id).into_iter().flatten().copied();
        all.filter(move |at| {
            service.is_none_or(|service| self.roles.get(*at).is_some_and(|role| role.service == service))
        })
    }

    /// The roles of one group with the least beside what is needed. Those that are finished, where they hold it all and do
    /// not lead to more access than the others.
    fn least(&self, of: &BTreeSet<u32>, needed: &BTreeSet<u32>, service: Option<&str>) -> BTreeSet<usize> {
        let candidates: BTreeSet<usize> = of.iter().flat_map(|id| self.roles_of(*id, service)).collect();
        let candidates: Vec<usize> = candidates.into_iter().collect();
        let any = self.least_of(of, needed, &candidates);
        let ready = |at: &usize| self.roles.get(*at).is_some_and(|role| role.stage == "GA");
        let ready: Vec<usize> = candidates.into_iter().filter(ready).collect();
        if any.iter().all(|at| ready.contains(at))
            || !of.iter().all(|id| ready.iter().any(|at| self.holds(*at, *id)))
        {
            return any;
        }
        let ready = self.least_of(of, needed, &ready);
        if self.leads(&ready, needed) > self.leads(&any, needed) { any } else { ready }
    }

    /// How many permissions beside lead to more access.
    fn leads(&self, roles: &BTreeSet<usize>, needed: &BTreeSet<u32>) -> usize {
        let held = roles.iter().filter_map(|at| self.roles.get(*at)).flat_map(|role| &role.held);
        let held: BTreeSet<u32> = held.copied().collect();
        held.difference(needed).filter(|id| self.weight(std::iter::once(*id)) >= SENSITIVE).count()
    }

    fn least_of(&self, of: &BTreeSet<u32>, needed: &BTreeSet<u32>, candidates: &[usize]) -> BTreeSet<usize> {
        let mut best = self.one_by_one(of, needed, candidates);
        let mut cost = self.cost(&best, needed);
        for size in 1..=3_usize {
            if combinations(candidates.len(), size) > TRIED {
                break;
            }
            each(candidates, size, &mut |roles| {
                let set: BTreeSet<usize> = roles.iter().copied().collect();
                if of.iter().all(|id| set.iter().any(|at| self.holds(*at, *id))) {
                    let new = self.cost(&set, needed);
                    if new < cost {
                        (best, cost) = (set, new);
                    }
                }
            });
        }
        best
    }

    fn weight<'i>(&self, ids: impl Iterator<Item = &'i u32>) -> usize {
        let of = |id: &u32| usize::try_from(*id).ok().and_then(|at| self.weights.get(at)).copied();
        ids.filter_map(of).sum()
    }

    /// What is beside what is needed, and what the roles count for themselves.
    fn cost(&self, roles: &BTreeSet<usize>, needed: &BTreeSet<u32>) -> usize {
        let all = || roles.iter().filter_map(|at| self.roles.get(*at));
        let held: BTreeSet<u32> = all().flat_map(|role| &role.held).copied().collect();
        let own: usize = all().map(|role| self.own(role, needed)).sum();
        self.weight(held.difference(needed)) + own
    }

    /// What a role counts for itself.
    fn own(&self, role: &Role, needed: &BTreeSet<u32>) -> usize {
        let meant = |id: &u32| role.held.contains(id) && purpose::is_for(&role.made_for, self.name(*id));
        let odd = !role.made_for.is_empty() && !needed.iter().any(meant);
        let unfinished = if role.stage == "GA" { 0 } else { UNFINISHED };
        ROLE + unfinished + if odd { ODD } else { 0 }
    }

    /// Each time the role with the least excess for each permission that is still needed.
    fn one_by_one(
        &self,
        of: &BTreeSet<u32>,
        needed: &BTreeSet<u32>,
        candidates: &[usize],
    ) -> BTreeSet<usize> {
        let (mut left, mut chosen) = (of.clone(), BTreeSet::new());
        let mut held: BTreeSet<u32> = needed.clone();
        while !left.is_empty() {
            let worth = |at: &usize| {
                let role = self.roles.get(*at)?;
                let new = role.held.intersection(&left).count();
                let beside = self.weight(role.held.difference(&held)) + self.own(role, needed);
                // Excess for each permission, in thousandths: a role that holds more is worth more.
                Some(((beside * 1000).checked_div(new)?, usize::MAX - new, *at))
            };
            let Some((.., at)) = candidates.iter().filter_map(worth).min() else { break };
            if let Some(role) = self.roles.get(at) {
                left.retain(|id| !role.held.contains(id));
                held.extend(&role.held);
            }
            chosen.insert(at);
        }
        self.pruned(&mut chosen, of);
        chosen
    }

    /// Leaves out roles that the others make needless, the widest first.
    fn pruned(&self, chosen: &mut BTreeSet<usize>, needed: &BTreeSet<u32>) {
        let size = |at: &usize| self.roles.get(*at).map_or(0, |role| role.held.len());
        let mut widest: Vec<usize> = chosen.iter().copied().collect();
        widest.sort_by_key(|at| std::cmp::Reverse(size(at)));
        for at in widest {
            let others = |id: &u32| chosen.iter().any(|other| *other != at && self.holds(*other, *id));
            if needed.iter().filter(|id| self.holds(at, **id)).all(others) {
                chosen.remove(&at);
            }
        }
    }
}

fn of_service<'r>(role: &'r Role, names: &'r [String]) -> &'r str {
    let name = role.name.strip_prefix("roles/").unwrap_or(&role.name);
    if let Some((service, _)) = name.split_once('.') {
        return service;
    }
    let names = role.held.iter().filter_map(|id| names.get(usize::try_from(*id).ok()?));
    let services: BTreeSet<&str> = names.map(|name| service(name)).collect();
    services.first().filter(|_| services.len() == 1).copied().unwrap_or(name)
}

fn service(permission: &str) -> &str {
    permission.split('.').next().unwrap_or(permission)
}

fn forbids(rule: &Banned, role: &Role) -> bool {
    rule.names.iter().any(|known| glob(known, &role.name))
        || rule.titles.iter().any(|known| glob(known, &role.title))
        || rule.stages.contains(&role.stage)
}

/// How many ways there are to choose some of many; as good as all where it is too much to count.
fn combinations(many: usize, some: usize) -> usize {
    (0..some).fold(1_usize, |all, at| all.saturating_mul(many.saturating_sub(at)) / (at + 1))
}

/// Every choice of so many, in order.
fn each(all: &[usize], size: usize, take: &mut impl FnMut(&[usize])) {
    fn go(all: &[usize], size: usize, chosen: &mut Vec<usize>, take: &mut impl FnMut(&[usize])) {
        if size == 0 {
            return take(chosen);
        }
        for (at, one) in all.iter().enumerate() {
            chosen.push(*one);
            go(all.get(at + 1..).unwrap_or(&[]), size - 1, chosen, take);
            chosen.pop();
        }
    }
    go(all, size, &mut Vec::new(), take);
}

/// `1-3,7`
fn ranges(text: &str) -> BTreeSet<u32> {
    let one = |part: &str| -> Option<std::ops::RangeInclusive<u32>> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    text.split(',').filter_map(one).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str, title: &str, stage: &str, held: &[&str]) -> String {
        serde_json::json!({ "name": name, "title": title, "stage": stage, "includedPermissions": held })
            .to_string()
    }

    fn roles() -> Roles {
        let all = [
            role("roles/owner", "Owner", "GA", &["a.x.get", "a.x.list", "b.y.get"]),
            role("roles/a.serviceAgent", "A Service Agent", "GA", &["a.x.get"]),
            role("roles/a.old", "Old", "DEPRECATED", &["a.x.get"]),
            role(
                "roles/a.admin",
                "Admin",
                "GA",
                &["a.x.get", "a.x.list", "a.x.delete", "a.x.create", "a.x.update"],
            ),
            role("roles/a.viewer", "Viewer", "GA", &["a.x.get", "a.x.list"]),
            role("roles/a.lister", "Lister", "BETA", &["a.x.list", "a.z.list"]),
            role("roles/c.writer", "C", "GA", &["c.x.list", "c.x.delete"]),
            role("roles/c.viewer", "C", "GA", &["c.x.list", "c.x.get", "c.y.get"]),
            role("roles/d.newViewer", "New", "BETA", &["d.x.get"]),
            role("roles/d.viewer", "D", "GA", &["d.x.get", "d.x.list", "d.y.get", "d.y.export"]),
            role("roles/d.admin", "D", "GA", &["d.x.get", "d.x.setIamPolicy", "d.z.get"]),
            role("roles/d.zViewer", "Z", "BETA", &["d.z.get", "d.z.list"]),
            role("roles/e.policyViewer", "E", "GA", &["e.policies.get", "e.x.get"]),
            role("roles/e.viewer", "E", "GA", &["e.policies.get", "e.x.get", "e.x.list", "e.y.list"]),
            role("roles/other.tiny", "Tiny", "GA", &["a.x.get"]),
            role("roles/other.b", "B", "GA", &["b.y.get", "b.y.list"]),
            role("roles/other.more", "More", "GA", &["b.y.get", "b.y.list", "b.y.delete"]),
        ];
        let files: Vec<(String, String)> = all.into_iter().map(|text| ("f".to_owned(), text)).collect();
        let text = snapshot(&files).unwrap().text;
        Roles::new(&Imported { provenance: super::super::user::Provenance::default(), services: text })
    }

    fn cover(permissions: &[&str]) -> (Vec<String>, usize, usize) {
        let roles = roles();
        let cover = roles.cover(&permissions.iter().copied().collect());
        let names = cover.roles.iter().map(|(role, _)| role.name.clone()).collect();
        (names, cover.excess.len(), cover.missing.len())
    }

    #[test]
    fn the_least_that_holds_it_is_taken_of_the_same_service_first() {
        // Another service's role has less beside, and is not sensible.
        assert_eq!(cover(&["a.x.get"]), (vec!["roles/a.viewer".to_owned()], 1, 0));
        assert_eq!(cover(&["a.x.get", "a.x.list"]), (vec!["roles/a.viewer".to_owned()], 0, 0));
        assert_eq!(cover(&["a.x.delete"]), (vec!["roles/a.admin".to_owned()], 4, 0));
        // No role of its own service has it.
        assert_eq!(cover(&["b.y.get"]), (vec!["roles/other.b".to_owned()], 1, 0));
        assert_eq!(cover(&["a.z.list", "a.x.get"]).0, ["roles/a.lister", "roles/a.viewer"]);
        // What only looks is better than what changes, though there be more of it.
        assert_eq!(cover(&["c.x.list"]).0, ["roles/c.viewer"]);
        assert_eq!(cover(&["no.such.permission", "a.x.list"]), (vec!["roles/a.viewer".to_owned()], 1, 1));
    }

    #[test]
    fn what_is_finished_and_what_is_made_for_it_is_preferred() {
        let first = |permissions: &[&str]| cover(permissions).0;
        assert_eq!(first(&["d.x.get"]), ["roles/d.viewer"], "the finished one, though wider");
        assert_eq!(first(&["d.z.get"]), ["roles/d.zViewer"], "but for one that leads to more access");
        assert_eq!(first(&["e.x.get"]), ["roles/e.viewer"], "the other is for policies");
        assert_eq!(first(&["e.policies.get"]), ["roles/e.policyViewer"]);
    }

    #[test]
    fn roles_that_are_never_proposed_cover_nothing() {
        let roles = roles();
        assert_eq!(roles.len(), 14);
        assert_eq!(
            roles.permissions("roles/owner").unwrap(),
            ["a.x.get", "a.x.list", "b.y.get"],
            "but can be held"
        );
        assert_eq!(roles.permissions("roles/none"), None);
        assert_eq!(roles.permissions("roles/a.lister").unwrap(), ["a.x.list", "a.z.list"]);
        assert!(roles.hold("a.z.list") && !roles.hold("a.z.get"));
    }

    #[test]
    fn files_without_permissions_are_refused_with_what_to_do() {
        let bare = r#"[{"name":"roles/a.viewer","title":"x"}]"#.to_owned();
        assert!(is_roles(&bare) && !is_roles("[]") && !is_roles(r#"{"Name":"s3"}"#));
        assert!(snapshot(&[("f".to_owned(), bare)]).unwrap_err().contains("roles describe"));
    }
}
