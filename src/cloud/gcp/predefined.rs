//! Predefined roles: what custom roles cannot hold, and what could stand in their place.

use super::condition::{self, Part};
use super::package::{bindings, definable};
use super::settle::container;
use crate::catalog;
use crate::catalog::gcp::Support;
use crate::catalog::roles::Role;
use crate::cloud::Subject;
use crate::model::document::{Conditions, Document, DocumentKind, DoesNotFit, Statement};
use crate::model::grant::Grant;
use crate::wire::fingerprint;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Excess permissions that a note names.
const NAMED: usize = 5;

/// Whether only a predefined role can give the permission there.
pub(super) fn only(permission: &str, scope: &str) -> bool {
    let known = catalog::gcp().support(permission);
    matches!(known, Some(Support::NotSupported | Support::Unlisted)) || !definable(scope)
}

/// Whether one that was imported does: it can be bound there, and has an effect there.
pub(super) fn gives(permission: &str, scope: &str) -> bool {
    let project = scope.starts_with("projects/");
    bindable(scope)
        && !(project && catalog::gcp().organization_only(permission))
        && catalog::predefined().is_some_and(|roles| roles.hold(permission))
}

/// Why nothing gives the permission there; empty where something does.
pub(super) fn ungivable(permission: &str, scope: &str) -> &'static str {
    let project = scope.starts_with("projects/");
    if catalog::gcp().support(permission).is_none() {
        "Google names the permission, but nothing that is known here says which role can hold it"
    } else if super::map::review(permission, scope).is_none() {
        ""
    } else if !bindable(scope) {
        "the log names no project, folder or organization where a role could be bound"
    } else if project && catalog::gcp().organization_only(permission) {
        "only a role bound at the organization has the permission: bind one there"
    } else if scope.starts_with("folders/")
        && !matches!(catalog::gcp().support(permission), Some(Support::NotSupported))
    {
        "a role for a folder is its organization's, and nothing says which that is: give what `gcloud projects \
         get-ancestors-iam-policy` prints as INPUT, or import the predefined roles with `leastgrant catalog update --from`"
    } else if catalog::predefined().is_none() {
        "no custom role can hold the permission there: import the predefined roles with `leastgrant catalog update --from`"
    } else {
        "neither a custom role nor any predefined role that was imported can hold the permission: nothing can give it"
    }
}

/// Whether a role can be bound there: folders have bindings, though no roles of their own.
fn bindable(scope: &str) -> bool {
    let folder = scope.strip_prefix("folders/");
    definable(scope) || folder.is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
}

/// Documents of the smallest roles that hold these permissions.
///
/// # Errors
/// When none hold them.
pub(super) fn documents(
    who: &Subject<'_>,
    scope: &str,
    part: &Part<'_>,
    kind: DocumentKind,
) -> Result<Vec<Document>, DoesNotFit> {
    let listed = || part.permissions.iter().copied().collect::<Vec<&str>>().join(", ");
    if !bindable(scope) {
        let why = if scope.is_empty() {
            format!(
                "{}: nothing says what project the resource lies in; bind a role that holds it there, or on the resource itself \
                 where that takes bindings",
                listed()
            )
        } else {
            format!("{} was used on {scope}, where no role can be bound", listed())
        };
        return Err(DoesNotFit::new(why));
    }
    let Some(roles) = catalog::predefined() else {
        let why = if definable(scope) {
            "custom roles cannot hold"
        } else {
            "no custom role can be defined there for"
        };
        return Err(DoesNotFit::new(format!(
            "{scope}: {why} {}: only a predefined role can, and none were imported (`leastgrant catalog update --from`)",
            listed()
        )));
    };
    let cover = roles.cover(&part.permissions);
    if !cover.missing.is_empty() {
        let more = cover.missing.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let missing: Vec<String> = cover.missing.into_iter().take(NAMED).collect();
        let why = if kind == DocumentKind::Alternative { "" } else { ": nothing can give it" };
        return Err(DoesNotFit::new(format!("no predefined role holds {}{more}{why}", missing.join(", "))));
    }
    let excess: Vec<&str> = cover.excess.iter().copied().collect();
    let all =
        cover.roles.into_iter().map(|(role, of)| document(who, scope, part, kind, (role, &of), &excess));
    Ok(all.collect())
}

fn document(
    who: &Subject<'_>,
    scope: &str,
    part: &Part<'_>,
    kind: DocumentKind,
    (role, of): (&Role, &BTreeSet<&str>),
    excess: &[&str],
) -> Document {
    let held = catalog::predefined().and_then(|roles| roles.permissions(&role.name)).unwrap_or_default();
    let short: String =
        role.name.trim_start_matches("roles/").chars().map(|c| if c == '.' { '_' } else { c }).collect();
    let place = [who.principal, scope, &role.name, part.kind()].map(fingerprint::hash);
    let first = of.first().map_or(0, |first| fingerprint::hash(first));
    let digest = fingerprint::join(place.into_iter().fold(5, fingerprint::join), first);
    let head: String = short.chars().take(54).collect();
    let name = format!("{head}_{:08x}", digest >> 32);
    let value = json!({
        "role": { "name": role.name, "title": role.title, "predefined": true, "includedPermissions": held },
        "bindings": bindings(who, scope, &role.name, part),
    });
    let own: Vec<&&str> = excess.iter().filter(|one| held.contains(one)).collect();
    let sensitive = own.iter().filter(|one| catalog::gcp().sensitive(one)).count();
    let named: Vec<&str> = own.iter().take(NAMED).map(|one| **one).collect();
    let some = if named.is_empty() {
        String::new()
    } else {
        format!(" ({}{})", named.join(", "), if own.len() > NAMED { ", …" } else { "" })
    };
    let mut notes = vec![format!(
        "{} gives {} permissions beside those that were used{some}, {sensitive} of them sensitive; a custom role gives none",
        role.name,
        own.len()
    )];
    notes.extend(part.notes.iter().cloned());
    let text = format!("{value:#}\n");
    Document {
        kind,
        name: name.clone(),
        scope: scope.to_owned(),
        principal: who.principal.to_owned(),
        statements: vec![Statement {
            id: name,
            effect: "Allow",
            actions: of.iter().map(|one| (*one).to_owned()).collect(),
            resources: part.resources(scope),
            except: Vec::new(),
            conditions: Conditions::new(),
        }],
        size: (text.len(), usize::MAX),
        text,
        inline: false,
        notes,
    }
}

/// What could stand in place of all custom roles of a principal.
///
/// # Errors
/// When no predefined roles give all of it.
pub(super) fn alternatives(who: &Subject<'_>, grants: &[Grant]) -> Result<Vec<Document>, DoesNotFit> {
    if catalog::predefined().is_none() {
        let why = "no predefined roles were imported (`leastgrant catalog update --from`)";
        return Err(DoesNotFit::new(why.to_owned()));
    }
    let mut scopes: BTreeMap<&str, Vec<&Grant>> = BTreeMap::new();
    for grant in grants {
        scopes.entry(&grant.scope).or_default().push(grant);
    }
    let mut all = Vec::new();
    for (scope, grants) in scopes {
        if container(scope).is_empty() {
            continue;
        }
        for part in condition::parts(&grants, 1) {
            all.extend(documents(who, scope, &part, DocumentKind::Alternative)?);
        }
    }
    Ok(all)
}
