//! Principal access boundaries: a policy with its binding for a set of principals, and what it would really block.

mod set;
mod whereabouts;

use super::settle::container;
use crate::catalog;
use crate::model::access_boundary::{AccessBoundary, Outside, Shown, Version, Wanted};
use crate::model::document::{Conditions, Document, DocumentKind, DoesNotFit, Statement};
use crate::model::usage::Row;
use serde_json::{Value, json};
use set::Set;
use std::collections::{BTreeMap, BTreeSet};
use whereabouts::{Where, Whereabouts};

const MANAGER: &str = "//cloudresourcemanager.googleapis.com/";
/// Resources of one policy.
const RESOURCES: usize = 500;

/// What is wrong with what is wanted, whatever the log shows.
pub(super) fn checked(wanted: &Wanted) -> Result<(), String> {
    if let Some(id) = wanted.organization.as_ref().filter(|id| !numeric(id)) {
        return Err(format!(
            "`organization` is `{id}`: write its number, as `gcloud organizations list` prints it"
        ));
    }
    if let Some(bind) = &wanted.bind {
        Set::parse(bind)?;
    }
    set::condition(&wanted.exempt)?;
    for place in &wanted.allow {
        resource(place)?;
    }
    version(wanted)?;
    Ok(())
}

fn numeric(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())
}

/// A place that a rule can name.
fn resource(place: &str) -> Result<String, String> {
    let name = place.strip_prefix(MANAGER).unwrap_or(place);
    let set = Set::parse(name).ok().filter(|set| matches!(set.kind, "organization" | "folder" | "project"));
    set.map(|_| name.to_owned())
        .ok_or_else(|| format!("`allow` has `{place}`: write projects/ID, folders/N or organizations/N"))
}

fn version(wanted: &Wanted) -> Result<u32, String> {
    let known = catalog::gcp().limits.versions();
    let newest = known.last().copied().unwrap_or(1);
    let version = wanted.version.unwrap_or(newest);
    known.contains(&version).then_some(version).ok_or_else(|| {
        format!("`version` is {version}: the enforcement versions that are known are 1 to {newest}")
    })
}

/// The organization that the input names, where it names one.
fn organization(wanted: &Wanted, shown: &Shown<'_, '_>) -> Result<String, DoesNotFit> {
    let stated = shown.within.values().flatten().map(String::as_str);
    let used = shown.rows.iter().map(|row| container(&row.scope));
    let bound = wanted.bind.as_deref().map(|bind| bind.trim_start_matches(MANAGER));
    let all: BTreeSet<&str> = stated
        .chain(used)
        .chain(bound)
        .filter(|name| name.strip_prefix("organizations/").is_some_and(numeric))
        .collect();
    let wanted = wanted.organization.as_ref().map(|id| format!("organizations/{id}"));
    let chosen = wanted.or_else(|| bound.filter(|name| all.contains(name)).map(str::to_owned));
    match (chosen, all.iter().next()) {
        (Some(name), _) => Ok(name),
        (None, Some(only)) if all.len() == 1 => Ok((*only).to_owned()),
        (None, None) => Err(DoesNotFit::new(
            "an access boundary belongs to an organization, and the input names none: give what `gcloud projects \
             get-ancestors-iam-policy` prints as INPUT, or `organization` under [[access_boundary]]"
                .to_owned(),
        )),
        (None, Some(_)) => Err(DoesNotFit::new(format!(
            "the input names the organizations {}: say which one's boundary it is, with `organization` under \
             [[access_boundary]]",
            all.into_iter().collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// The boundary that is wanted, and what the log shows outside of it.
pub(super) fn boundary<'r>(wanted: &Wanted, shown: &Shown<'_, 'r>) -> Result<AccessBoundary<'r>, DoesNotFit> {
    let fail = DoesNotFit::new;
    checked(wanted).map_err(fail)?;
    let organization = organization(wanted, shown)?;
    let set = Set::parse(wanted.bind.as_deref().unwrap_or(&organization)).map_err(fail)?;
    let places = Whereabouts::new(shown.within, &organization);
    let used = |row: &&&Row| {
        row.outcome.grants() && !matches!(row.exempt, Some("never")) && !row.principal.is_empty()
    };
    let held = |row: &&&Row| set.has(&row.principal, &places) && !set::exempt(&row.principal, &wanted.exempt);
    let rows: Vec<&'r Row> = shown.rows.iter().filter(used).filter(held).copied().collect();
    let mut resources: BTreeSet<String> =
        wanted.allow.iter().map(|place| resource(place)).collect::<Result<_, _>>().map_err(fail)?;
    let mut notes = Vec::new();
    if wanted.tight {
        let tight = covering(&rows, &places, &resources, &mut notes)?;
        resources.extend(tight);
    } else {
        resources.insert(organization.clone());
    }
    let version = version(wanted).map_err(fail)?;
    let outside = outside(&rows, &resources, &places);
    let writing = Writing { wanted, set: &set, organization: &organization, version };
    notes.extend(voided(shown.bound, &resources, &places));
    let document = document(&writing, &resources, notes)?;
    Ok(AccessBoundary {
        document,
        places: json!({ "ancestors": places.chains() }).to_string(),
        version,
        holds_for: rows.iter().map(|row| row.principal.to_string()).collect(),
        versions: versions(&outside),
        outside,
        roles: roles(set.kind),
        organization,
    })
}

/// Whether one of the resources is the place, or holds it.
fn covers(resources: &BTreeSet<String>, place: &str, places: &Whereabouts<'_>) -> bool {
    resources.contains(place) || places.chain(place).iter().any(|one| resources.contains(one))
}

/// Projects, and folders where those are too many, that hold what was used, whether or not a version blocks it today. What
/// nothing places in the organization stays out: it is listed as outside, and makes the boundary one not to apply.
fn covering(
    rows: &[&Row],
    places: &Whereabouts<'_>,
    allowed: &BTreeSet<String>,
    notes: &mut Vec<String>,
) -> Result<BTreeSet<String>, DoesNotFit> {
    let mut all: BTreeSet<String> = BTreeSet::new();
    let mut unplaced: BTreeSet<&str> = BTreeSet::new();
    for row in rows {
        let blockable = catalog::gcp().limits.blocked_since(&row.action).is_some();
        let place = container(&row.scope);
        let nameable = resource(place).is_ok() && !covers(allowed, place, places);
        if nameable && place.starts_with("organizations/") {
            if !blockable {
                continue;
            }
            notes.push(format!(
                "{} was used on {place} itself, which an access boundary leaves open only with all that lies in it: held \
                 out. `allow` the organization, which is all of it, or `exempt` who uses it",
                row.action
            ));
        } else if nameable && places.of(place) == Where::Unknown {
            unplaced.insert(place);
        } else if nameable && places.of(place) == Where::Inside {
            if place.starts_with("folders/") {
                notes.push(format!(
                    "{} was used on {place} itself: all that lies in it is left open",
                    row.action
                ));
            }
            all.insert(place.to_owned());
        }
    }
    notes.extend(unplaced.iter().map(|place| {
        format!(
            "{place} was used, and nothing says that it lies in the organization: left out. Give what `gcloud projects \
             get-ancestors-iam-policy` prints as INPUT, or `allow` it"
        )
    }));
    notes.sort();
    notes.dedup();
    // One that lies in another of them needs no line.
    let whole = all.clone();
    all.retain(|place| !places.chain(place).iter().skip(1).any(|one| whole.contains(one)));
    while all.len() + allowed.len() > RESOURCES {
        let mut folders: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for place in &all {
            let chain = places.chain(place);
            let folder = chain.into_iter().skip(1).find(|one| one.starts_with("folders/"));
            if let Some(folder) = folder {
                folders.entry(folder).or_default().push(place.clone());
            }
        }
        let largest = folders.into_iter().filter(|(_, of)| of.len() > 1).max_by_key(|(_, of)| of.len());
        let Some((folder, projects)) = largest else {
            return Err(DoesNotFit::new(format!(
                "{} projects were used; an access boundary holds {RESOURCES}, and nothing says in which folders they lie",
                all.len()
            )));
        };
        notes.push(format!("{folder} stands for {} projects that were used in it", projects.len()));
        all.retain(|place| !projects.contains(place));
        all.insert(folder);
    }
    if all.is_empty() && allowed.is_empty() {
        return Err(DoesNotFit::new(
            "no principal of the set used anything in a project that is known to lie in the organization: nothing tells \
             what to leave open. Give what `gcloud projects get-ancestors-iam-policy` prints as INPUT, or `allow` places"
                .to_owned(),
        ));
    }
    Ok(all)
}

fn outside<'a>(rows: &[&'a Row], resources: &BTreeSet<String>, places: &Whereabouts<'_>) -> Vec<Outside<'a>> {
    let far = rows.iter().filter(|row| !covers(resources, container(&row.scope), places));
    let all = far.map(|row| Outside {
        row,
        organization: match places.of(container(&row.scope)) {
            Where::Foreign(other) => Some(other),
            Where::Inside | Where::Unknown => None,
        },
        since: catalog::gcp().limits.blocked_since(&row.action),
    });
    all.collect()
}

/// What each version blocks of what was used outside.
fn versions(outside: &[Outside<'_>]) -> Vec<Version> {
    let limits = &catalog::gcp().limits;
    let since: Vec<u32> = catalog::gcp().all().filter_map(|one| limits.listed_since(&one)).collect();
    let one = |version: u32| {
        let newly = outside.iter().filter(|one| one.since == Some(version));
        let newly: BTreeSet<String> = newly.map(|one| one.row.action.to_string()).collect();
        let blocked = outside.iter().filter(|one| one.since.is_some_and(|since| since <= version));
        Version {
            version,
            known: since.iter().filter(|since| **since <= version).count(),
            uses: blocked.map(|one| one.row.seen.count).sum(),
            newly: newly.into_iter().collect(),
        }
    };
    limits.versions().into_iter().map(one).collect()
}

/// What other policies give beside: bound to the same principals, each of them makes a tighter one void there.
fn voided(bound: &[String], resources: &BTreeSet<String>, places: &Whereabouts<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for policy in bound.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok()) {
        let rules = policy.pointer("/details/rules").and_then(Value::as_array).into_iter().flatten();
        let named =
            rules.filter_map(|rule| rule.get("resources")?.as_array()).flatten().filter_map(Value::as_str);
        let wider: BTreeSet<&str> = named
            .map(|name| name.trim_start_matches(MANAGER))
            .filter(|name| !covers(resources, name, places))
            .collect();
        let name =
            policy.get("name").or(policy.get("displayName")).and_then(Value::as_str).unwrap_or("another");
        if !wider.is_empty() {
            let wider: Vec<&str> = wider.into_iter().collect();
            notes.push(format!(
                "the bound policy {name} also gives {}: boundaries add up, so it opens these to whoever both hold for",
                wider.join(", ")
            ));
        }
    }
    notes
}

/// Roles that whoever applies it needs.
fn roles(kind: &str) -> Vec<(String, String)> {
    let all = catalog::gcp().limits.operators(kind);
    all.map(|row| (row.role.clone(), row.because.clone())).collect()
}

/// What the document is made of.
struct Writing<'w> {
    wanted: &'w Wanted,
    set: &'w Set,
    organization: &'w str,
    version: u32,
}

fn document(
    writing: &Writing<'_>,
    resources: &BTreeSet<String>,
    notes: Vec<String>,
) -> Result<Document, DoesNotFit> {
    let Writing { wanted, set, organization, version } = *writing;
    let number = organization.trim_start_matches("organizations/");
    let (of, id) =
        if set.parent.1.is_empty() { ("organizations", number) } else { (set.parent.0, &*set.parent.1) };
    let last = set.name.rsplit('/').next().unwrap_or("");
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '-' };
    let purpose: String = format!("leastgrant-{}-{last}", set.kind).chars().map(plain).take(54).collect();
    let id_of =
        format!("{}-{:08x}", purpose.trim_end_matches('-'), crate::wire::fingerprint::hash(&set.name) >> 32);
    let name = format!("{organization}/locations/global/principalAccessBoundaryPolicies/{id_of}");
    let full: Vec<String> = resources.iter().map(|place| format!("{MANAGER}{place}")).collect();
    let what = if wanted.tight { "What the audit log shows in use" } else { "All of the organization" };
    let condition = set::condition(&wanted.exempt).map_err(DoesNotFit::new)?;
    let condition =
        condition.map(|expression| json!({ "title": "All but the exempt", "expression": expression }));
    let mut binding = json!({
        "displayName": "Where they may reach", "policyKind": "PRINCIPAL_ACCESS_BOUNDARY", "policy": name,
        "target": { "principalSet": set.name },
    });
    if let (Some(binding), Some(condition)) = (binding.as_object_mut(), condition) {
        binding.insert("condition".to_owned(), condition);
    }
    let value = json!({
        "name": name, "displayName": "Where they may reach",
        "details": {
            "rules": [{ "description": what, "resources": full, "effect": "ALLOW" }],
            "enforcementVersion": version.to_string(),
        },
        "bindings": [binding],
        "organization": number, "parent": { "kind": of.trim_end_matches('s'), "argument": format!("{:<17}", of.trim_end_matches('s')), "id": id },
    });
    let text = format!("{value:#}\n");
    Ok(Document {
        kind: DocumentKind::Boundary,
        name: id_of,
        scope: organization.to_owned(),
        principal: set.name.clone(),
        statements: vec![Statement {
            id: "Reach".to_owned(),
            effect: "Allow",
            actions: Vec::new(),
            resources: full.clone(),
            except: Vec::new(),
            conditions: Conditions::new(),
        }],
        size: (full.len(), RESOURCES),
        text,
        inline: false,
        notes,
    })
}
