//! Grants into custom roles with their bindings: one role for each project or organization.

use crate::catalog;
use crate::catalog::gcp::Support;
use crate::cloud::Subject;
use crate::model::document::{Conditions, Document, DocumentKind, DoesNotFit, Statement};
use crate::model::grant::Grant;
use crate::wire::fingerprint;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Permissions of a custom role, and bytes of its title, description and permission names (IAM quotas).
const PERMISSION_LIMIT: usize = 3_000;
const SIZE_LIMIT: usize = 64 * 1024;

/// Packs grants into roles.
pub(super) fn package(who: &Subject<'_>, grants: &[Grant]) -> Result<Vec<Document>, DoesNotFit> {
    let mut scopes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for grant in grants {
        scopes.entry(&grant.scope).or_default().insert(&grant.action);
    }
    scopes.into_iter().map(|(scope, permissions)| role(who, scope, &permissions)).collect()
}

fn role(who: &Subject<'_>, scope: &str, permissions: &BTreeSet<&str>) -> Result<Document, DoesNotFit> {
    if !definable(scope) {
        let used: Vec<&str> = permissions.iter().copied().collect();
        let at = if scope.is_empty() { "a container the log does not name" } else { scope };
        return Err(DoesNotFit::new(format!(
            "{} was used on {at}, where no custom role can be defined",
            used.join(", ")
        )));
    }
    let support = |p: &&&str| catalog::gcp().support(p);
    let refused: Vec<&str> =
        permissions.iter().filter(|p| support(p) == Some(Support::NotSupported)).copied().collect();
    if !refused.is_empty() {
        let text = format!("custom roles cannot hold {}: only a predefined role can", refused.join(", "));
        return Err(DoesNotFit::new(text));
    }
    // A service account has no roles of its own: the role is its project's, the binding is on the account.
    let (parent, account) =
        scope.split_once("/serviceAccounts/").map_or((scope, None), |(p, a)| (p, Some(a)));
    let purpose = account.map_or_else(
        || who.slug.to_owned(),
        |a| format!("{}_as_{}", who.slug, a.split('@').next().unwrap_or(a)),
    );
    let id = role_id(&purpose, who.principal, scope);
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
    let value = json!({
        "role": { "name": name, "title": title, "description": description, "stage": "GA",
                  "includedPermissions": permissions },
        "binding": { "resource": scope, "role": name, "members": [who.principal] },
    });
    let mut notes = Vec::new();
    if account.is_none() {
        notes.push(format!("holds on all of {scope}, not only on the resources that were used"));
    }
    let testing: Vec<&str> =
        permissions.iter().filter(|p| support(p) == Some(Support::Testing)).copied().collect();
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
            resources: vec![scope.to_owned()],
            except: Vec::new(),
            conditions: Conditions::new(),
        }],
        text: format!("{value:#}\n"),
        inline: false,
        size: (size, SIZE_LIMIT),
        notes,
    })
}

/// Whether roles can be defined there: a project or organization whose id is one, not just any text of a log.
pub(super) fn definable(scope: &str) -> bool {
    let (parent, account) =
        scope.split_once("/serviceAccounts/").map_or((scope, None), |(p, a)| (p, Some(a)));
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
    named && account.is_none_or(|account| account.len() <= 254 && account.split('@').all(plain_domain))
}

fn plain_domain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
}

/// A role id: letters, digits, `_` and `.`, at most 64. It ends in a digest of member and scope, as two projects may have
/// accounts of the same name.
fn role_id(purpose: &str, member: &str, scope: &str) -> String {
    let safe = purpose.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    let head: String = "leastgrant_".chars().chain(safe).take(55).collect();
    let digest = fingerprint::join(fingerprint::hash(member), fingerprint::hash(scope));
    format!("{head}_{:08x}", digest >> 32)
}
