//! A deny policy for what would let a principal take more than it was given, and which it never used.

use super::settle::container;
use crate::catalog;
use crate::cloud::Subject;
use crate::model::document::{Conditions, Document, DocumentKind, Statement};
use crate::wire::fingerprint;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// The policy, where Google can name the principal and the documents say where it is at home.
pub(super) fn policy(who: &Subject<'_>, documents: &[Document], used: &[&str]) -> Option<Document> {
    let denied = principal(who.principal)?;
    let known = catalog::gcp();
    let granted = documents.iter().flat_map(|d| &d.statements).flat_map(|s| &s.actions).map(String::as_str);
    // One permission may have two spellings; most are used again and again.
    let kept: BTreeSet<&str> = granted.chain(used.iter().copied()).collect();
    let kept: BTreeSet<String> = kept.into_iter().map(|one| known.limits.full(one)).collect();
    let open = |(full, _): &(&String, &String)| !kept.contains(*full);
    let refused: BTreeMap<&String, &String> = known.refusable().iter().filter(open).collect();
    let place = |d: &Document| container(&d.scope).to_owned();
    let places: BTreeSet<String> = documents.iter().map(place).filter(|place| !place.is_empty()).collect();
    if refused.is_empty() || places.is_empty() {
        return None;
    }
    let full: Vec<&String> = refused.keys().copied().collect();
    let description = "Would let it take more than it was given; never seen in the audit log";
    let value = json!({
        "displayName": "What leads to more access",
        "rules": [{ "description": description,
                    "denyRule": { "deniedPrincipals": [denied], "deniedPermissions": full } }],
    });
    let text = format!("{value:#}\n");
    let head: String = format!("leastgrant-{}", who.slug).chars().take(54).collect();
    let name = format!("{}-{:08x}", head.trim_end_matches('-'), fingerprint::hash(who.principal) >> 32);
    let notes = vec![
        "a deny policy stands over all roles, also those that others give".to_owned(),
        "whoever applies it needs roles/iam.denyAdmin at the organization".to_owned(),
    ];
    Some(Document {
        kind: DocumentKind::Boundary,
        name,
        scope: documents.first()?.scope.clone(),
        principal: who.principal.to_owned(),
        statements: vec![Statement {
            id: "Refused".to_owned(),
            effect: "Deny",
            actions: refused.into_values().cloned().collect::<BTreeSet<String>>().into_iter().collect(),
            resources: places.into_iter().collect(),
            except: Vec::new(),
            conditions: Conditions::new(),
        }],
        // No size of a policy is documented, only the number of its rules.
        size: (text.len(), usize::MAX),
        text,
        inline: false,
        notes,
    })
}

/// The principal as deny policies write it.
fn principal(member: &str) -> Option<String> {
    let account = |mail: &str| {
        let plain = mail.contains('@') && !mail.contains('[');
        plain.then(|| format!("principal://iam.googleapis.com/projects/-/serviceAccounts/{mail}"))
    };
    if let Some(mail) = member.strip_prefix("serviceAccount:") {
        return account(mail);
    }
    if let Some(mail) = member.strip_prefix("user:") {
        return Some(format!("principal://goog/subject/{mail}"));
    }
    member.starts_with("principal://").then(|| member.to_owned())
}

#[cfg(test)]
mod tests {
    use super::principal;

    #[test]
    fn principals_are_named_as_deny_policies_do() {
        assert_eq!(principal("user:a@example.com").unwrap(), "principal://goog/subject/a@example.com");
        let account = principal("serviceAccount:a@p.iam.gserviceaccount.com").unwrap();
        assert_eq!(
            account,
            "principal://iam.googleapis.com/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com"
        );
        assert_eq!(principal("serviceAccount:p.svc.id.goog[ns/ksa]"), None);
        assert_eq!(principal("group:a@example.com"), None);
    }
}
