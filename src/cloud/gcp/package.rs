//! Grants into custom roles with their bindings: for each project or organization one role that holds on all of it, and
//! one for each set of resources that a condition can name.

use super::condition::{self, Condition, Part};
use super::predefined;
use crate::catalog;
use crate::catalog::gcp::Support;
use crate::cloud::Subject;
use crate::model::document::{Conditions, Document, DocumentKind, DoesNotFit, Statement, bound_at};
use crate::model::grant::Grant;
use crate::wire::fingerprint;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Permissions of a custom role, and bytes of its title, description and permission names (IAM quotas).
const PERMISSION_LIMIT: usize = 3_000;
const SIZE_LIMIT: usize = 64 * 1024;
/// Bytes of that which title and description may take.
const HEAD: usize = 400;

/// Packs grants into roles.
pub(super) fn package(who: &Subject<'_>, grants: &[Grant]) -> Result<Vec<Document>, DoesNotFit> {
    let mut scopes: BTreeMap<&str, Vec<&Grant>> = BTreeMap::new();
    for grant in grants {
        scopes.entry(&grant.scope).or_default().push(grant);
    }
    let mut documents = Vec::new();
    for (scope, grants) in scopes {
        let (beyond, own): (Vec<&Grant>, Vec<&Grant>) =
            grants.into_iter().partition(|grant| predefined::only(&grant.action, scope));
        for part in condition::parts(&own, condition::ROLES) {
            // The first piece keeps the name that the whole would have.
            for (at, piece) in pieces(&part).into_iter().enumerate() {
                let bound = piece
                    .conditions
                    .chunks(condition::BINDINGS)
                    .map(|some| Part { conditions: some.to_vec(), ..piece.clone() });
                let bound: Vec<Part<'_>> =
                    if piece.conditions.is_empty() { vec![piece.clone()] } else { bound.collect() };
                for (nth, part) in bound.iter().enumerate() {
                    documents.push(role(who, scope, part, at > 0, nth)?);
                }
            }
        }
        for part in condition::parts(&beyond, 1) {
            documents.extend(predefined::documents(who, scope, &part, DocumentKind::Policy)?);
        }
    }
    Ok(documents)
}

/// The bindings of one role, each under a condition of its own, as documents hold them.
pub(super) fn bindings(
    who: &Subject<'_>,
    scope: &str,
    role: &str,
    part: &Part<'_>,
) -> Vec<serde_json::Value> {
    let one = |condition: Option<&Condition>| {
        let mut binding = json!({ "resource": bound_at(scope), "role": role, "members": [who.principal] });
        if let (Some(condition), Some(map)) = (condition, binding.as_object_mut()) {
            let title = format!("{} as used", condition.kind);
            map.insert("condition".to_owned(), json!({ "title": title, "expression": condition.expression }));
        }
        binding
    };
    if part.conditions.is_empty() {
        return vec![one(None)];
    }
    part.conditions.iter().map(|condition| one(Some(condition))).collect()
}

/// The permissions that custom roles support so.
fn with<'p>(permissions: &BTreeSet<&'p str>, support: Support) -> Vec<&'p str> {
    permissions.iter().filter(|p| catalog::gcp().support(p) == Some(support)).copied().collect()
}

/// The part in as few roles as hold it, the permissions in order.
fn pieces<'g>(part: &Part<'g>) -> Vec<Part<'g>> {
    let mut all: Vec<Part<'g>> = Vec::new();
    let mut size = 0;
    for permission in &part.permissions {
        size += permission.len();
        match all.last_mut() {
            Some(last) if last.permissions.len() < PERMISSION_LIMIT && size <= SIZE_LIMIT - HEAD => {
                last.permissions.insert(permission);
            }
            _ => {
                all.push(Part { permissions: BTreeSet::from([*permission]), ..part.clone() });
                size = permission.len();
            }
        }
    }
    all
}

/// One role with its bindings: a piece of the permissions, and the `nth` twenty of the conditions.
fn role(
    who: &Subject<'_>,
    scope: &str,
    part: &Part<'_>,
    piece: bool,
    nth: usize,
) -> Result<Document, DoesNotFit> {
    let permissions = &part.permissions;
    // A service account has no roles of its own: the role is its project's, the binding is on the account.
    let (parent, account) =
        defined(scope).split_once("/serviceAccounts/").map_or((defined(scope), None), |(p, a)| (p, Some(a)));
    let purpose = account.map_or_else(
        || who.slug.to_owned(),
        |a| format!("{}_as_{}", who.slug, a.split('@').next().unwrap_or(a)),
    );
    let purpose = match part.kind() {
        "" => purpose,
        kind => format!("{purpose}_on_{kind}"),
    };
    // Of two roles on one type, or in two pieces, each has permissions that the other has not.
    let first = permissions.first().filter(|_| piece || !part.conditions.is_empty()).copied();
    // Roles of the same permissions on more names than one can be bound on are counted.
    let again = first.filter(|_| nth > 0).map(|first| format!("{first} {nth}"));
    let id = role_id(&purpose, who.principal, scope, again.as_deref().or(first));
    let title: String = format!("Used by {}", purpose.replace('_', " ")).chars().take(100).collect();
    let description = "Permissions that the audit log shows in use";
    let size = title.len() + description.len() + permissions.iter().map(|p| p.len()).sum::<usize>();
    if permissions.len() > PERMISSION_LIMIT || size > SIZE_LIMIT {
        return Err(DoesNotFit::new(format!(
            "{} permissions in {size} bytes; a custom role holds {PERMISSION_LIMIT} in {SIZE_LIMIT}",
            permissions.len()
        )));
    }
    let name = format!("{parent}/roles/{id}");
    let bindings = bindings(who, scope, &name, part);
    let value = json!({
        "role": { "name": name, "title": title, "description": description, "stage": "GA",
                  "includedPermissions": permissions },
        "bindings": bindings,
    });
    let mut notes = part.notes.clone();
    if part.conditions.is_empty() && account.is_none() {
        notes.push(format!("holds on all of {}, not only on the resources that were used", bound_at(scope)));
    }
    let testing = with(permissions, Support::Testing);
    if !testing.is_empty() {
        notes.push(format!("Google is still testing these in custom roles: {}", testing.join(", ")));
    }
    if super::identity::shared(who.principal) {
        notes.push("this is a default account that several workloads may share".to_owned());
    }
    Ok(Document {
        kind: DocumentKind::Policy,
        name: id.clone(),
        scope: scope.to_owned(),
        principal: who.principal.to_owned(),
        statements: vec![Statement {
            id,
            effect: "Allow",
            actions: permissions.iter().map(|p| (*p).to_owned()).collect(),
            resources: part.resources(scope),
            except: Vec::new(),
            conditions: Conditions::new(),
        }],
        text: format!("{value:#}\n"),
        inline: false,
        size: (size, SIZE_LIMIT),
        notes,
    })
}

/// Where roles for the scope are defined: a folder's by its organization.
fn defined(scope: &str) -> &str {
    let bound = bound_at(scope);
    if bound == scope { scope } else { scope.strip_suffix(bound).unwrap_or(scope).trim_end_matches('/') }
}

/// Whether roles can be defined there: a project or organization whose id is one, not just any text of a log.
pub(super) fn definable(scope: &str) -> bool {
    let (parent, account) =
        defined(scope).split_once("/serviceAccounts/").map_or((defined(scope), None), |(p, a)| (p, Some(a)));
    let folder = bound_at(scope).strip_prefix("folders/").filter(|_| bound_at(scope) != scope);
    let plain = |text: &str, more: &str| {
        !text.is_empty()
            && text.len() <= 63
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c))
    };
    let named = match parent.split_once('/') {
        Some(("projects", id)) => plain(id, "-.:"),
        Some(("organizations", id)) => plain(id, "") && id.bytes().all(|b| b.is_ascii_digit()),
        _ => false,
    };
    named
        && folder.is_none_or(|id| plain(id, "") && id.bytes().all(|b| b.is_ascii_digit()))
        && account.is_none_or(|account| account.len() <= 254 && account.split('@').all(plain_domain))
}

fn plain_domain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
}

/// A role id: letters, digits, `_` and `.`, at most 64. It ends in a digest of member and scope, as two projects may have
/// accounts of the same name, and of a permission where there are several roles.
fn role_id(purpose: &str, member: &str, scope: &str, first: Option<&str>) -> String {
    let safe = purpose.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    let head: String = "leastgrant_".chars().chain(safe).take(55).collect();
    let place = fingerprint::join(fingerprint::hash(member), fingerprint::hash(scope));
    let digest = first.map_or(place, |first| fingerprint::join(place, fingerprint::hash(first)));
    format!("{head}_{:08x}", digest >> 32)
}
