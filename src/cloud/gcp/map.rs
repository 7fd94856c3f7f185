//! From an audit entry to the permissions it used: `authorizationInfo` is the truth; without it, the documented
//! method; otherwise the entry is unmapped. Nothing is guessed.

use super::record::{Authorization, Entry, Payload};
use crate::catalog;
use crate::catalog::gcp::Support;
use crate::model::tally::Skip;
use crate::model::usage::{Basis, Level, Outcome, Target, Use};
use std::borrow::Cow;

const DENIED: &str = "7";

/// The permissions of an entry, or why it has none.
pub(super) fn map<'a>(entry: &'a Entry<'a>) -> Result<Vec<Use<'a>>, Skip> {
    let payload = &entry.proto_payload.0;
    let rows: Vec<&Authorization<'_>> =
        payload.authorization_info.0.iter().filter(|row| row.permission.filled().is_some()).collect();
    if rows.is_empty() {
        return by_method(entry);
    }
    let kubernetes = |row: &&Authorization<'_>| row.permission.or_empty().starts_with("io.k8s.");
    if rows.iter().all(kubernetes) {
        return Err(Skip::Kubernetes);
    }
    let iam = rows.iter().filter(|row| !kubernetes(row));
    let uses: Vec<Use<'a>> = iam.filter_map(|row| by_row(entry, row)).collect();
    if uses.is_empty() { Err(Skip::Unmapped) } else { Ok(uses) }
}

/// Granted permissions of an entry that the catalog does not know; they cannot be granted, but must be told.
pub(super) fn unknown<'a>(entry: &'a Entry<'a>) -> impl Iterator<Item = &'a str> {
    let rows = entry.proto_payload.0.authorization_info.0.iter().filter(|row| row.granted.is_true());
    let named = rows.filter_map(|row| row.permission.filled());
    named.filter(|permission| {
        !permission.starts_with("io.k8s.") && catalog::gcp().support(permission).is_none()
    })
}

/// One row. In a call that succeeded, a row that was not granted is an alternative, not a denial.
fn by_row<'a>(entry: &'a Entry<'a>, row: &'a Authorization<'a>) -> Option<Use<'a>> {
    let permission = row.permission.filled()?;
    catalog::gcp().support(permission)?;
    let code = status(&entry.proto_payload.0);
    let outcome = match (row.granted.is_true(), code) {
        (true, "") => Outcome::Allowed,
        (true, _) => Outcome::Failed,
        (false, DENIED) => Outcome::Denied,
        (false, "") => return None,
        (false, _) => Outcome::Unproven,
    };
    let named = row.resource.filled().or(row.resource_attributes.0.name.filled());
    let name = named.or(entry.proto_payload.0.resource_name.filled());
    let stated = row.resource_attributes.0.service.filled().filter(|service| service.contains('.'));
    // Service accounts are IAM's, whichever API mints the credentials.
    let service = stated.or(permission.starts_with("iam.").then_some("iam.googleapis.com"));
    Some(make(entry, permission, name, service, outcome, "authorization-info"))
}

/// A status code, empty for success.
fn status<'a>(payload: &'a Payload<'_>) -> &'a str {
    payload.status.0.code.filled().filter(|code| *code != "0").unwrap_or("")
}

/// A documented method with one permission; several may be alternatives, so they are not taken.
fn by_method<'a>(entry: &'a Entry<'a>) -> Result<Vec<Use<'a>>, Skip> {
    let payload = &entry.proto_payload.0;
    let method = payload.method_name.or_empty();
    let known = catalog::gcp();
    let documented = known.method(method).map(|m| m.permissions.as_slice());
    let [(permission, kind)] = documented.unwrap_or(&[]) else { return Err(Skip::Unmapped) };
    if known.support(permission).is_none() || !same_service(permission, payload.service_name.or_empty()) {
        return Err(Skip::Unmapped);
    }
    let outcome = match status(payload) {
        "" => Outcome::Allowed,
        code => known.outcomes.get(code, "").unwrap_or(if kind.ends_with('R') {
            Outcome::Failed
        } else {
            Outcome::Unproven
        }),
    };
    Ok(vec![make(entry, permission, payload.resource_name.filled(), None, outcome, "documented-method")])
}

/// A generic method name (`SetIamPolicy`) says nothing about another service's permission.
fn same_service(permission: &str, service: &str) -> bool {
    let (of_permission, of_service) = (permission.split('.').next(), service.split('.').next());
    let alias = |name: &str| match name {
        "iamcredentials" | "sts" => "iam".to_owned(),
        "cloudresourcemanager" => "resourcemanager".to_owned(),
        other => other.to_owned(),
    };
    of_permission == of_service || of_permission.map(str::to_owned) == of_service.map(alias)
}

/// A use of a permission, or of a method, on a resource as the entry names it.
pub(super) fn make<'a>(
    entry: &'a Entry<'a>,
    permission: &'a str,
    name: Option<&'a str>,
    service: Option<&'a str>,
    outcome: Outcome,
    rule: &'static str,
) -> Use<'a> {
    let named = name.map(|name| by_id(entry, name));
    let full = named
        .as_deref()
        .map(|name| full_name(name, service.or(entry.proto_payload.0.service_name.filled()).unwrap_or("")));
    let scope = scope(entry, permission, named.as_deref().unwrap_or(""));
    let target = match full {
        Some(full) => Target::named(full),
        None => Target::pattern(Level::Unseen, format!("//cloudresourcemanager.googleapis.com/{scope}*")),
    };
    Use {
        action: Cow::Borrowed(permission),
        family: target
            .text
            .find("/objects/")
            .filter(|_| target.level == Level::Named)
            .map(|at| at + "/objects/".len()),
        target,
        exempt: review(permission, &scope),
        scope: scope.into(),
        outcome,
        basis: Basis::Event,
        context: Vec::new(),
        rule: Cow::Borrowed(rule),
    }
}

/// The name with project and service account by id where the entry says them beside their numbers.
fn by_id(entry: &Entry<'_>, name: &str) -> String {
    let (head, relative) = match name.strip_prefix("//").and_then(|rest| rest.split_once('/')) {
        Some((service, relative)) => (format!("//{service}/"), relative),
        None => (String::new(), name),
    };
    let relative = relative
        .strip_prefix("projectnumbers/")
        .map_or_else(|| relative.to_owned(), |rest| format!("projects/{rest}"));
    let mut parts: Vec<String> = relative.split('/').map(str::to_owned).collect();
    let project = entry.project().filter(|project| !numeric(project));
    let email = entry.resource.0.labels.0.email_id.filled();
    if parts.first().is_some_and(|kind| kind == "projects") {
        let account = parts.get(2).is_some_and(|kind| kind == "serviceAccounts");
        let owner =
            parts.get(3).and_then(|email| email.split_once('@')?.1.strip_suffix(".iam.gserviceaccount.com"));
        let owner = owner.filter(|_| account).map(str::to_owned);
        if let Some(id) = parts.get_mut(1) {
            match (owner, project) {
                // An account's address says whose it is.
                (Some(owner), _) if id == "-" => *id = owner,
                (_, Some(project)) if numeric(id) || (account && id == "-") => project.clone_into(id),
                _ => {}
            }
        }
        if let (true, Some(id), Some(email)) = (account, parts.get_mut(3), email)
            && numeric(id)
        {
            email.clone_into(id);
        }
    }
    head + &parts.join("/")
}

/// A full resource name: `//service/relative`.
fn full_name(name: &str, service: &str) -> String {
    let container = ["projects/", "folders/", "organizations/"]
        .iter()
        .any(|kind| name.strip_prefix(kind).is_some_and(|id| !id.contains('/')));
    if name.starts_with("//") {
        name.to_owned()
    } else if container {
        format!("//cloudresourcemanager.googleapis.com/{name}")
    } else {
        format!("//{service}/{name}")
    }
}

/// Where the permission can be granted: the container the resource names. What lets its holder act as a service
/// account is granted on that account alone, never on all accounts of a project.
pub(super) fn scope(entry: &Entry<'_>, permission: &str, name: &str) -> String {
    let relative =
        name.strip_prefix("//").and_then(|rest| rest.split_once('/')).map_or(name, |(_, relative)| relative);
    let parts: Vec<&str> = relative.split('/').collect();
    match parts.as_slice() {
        ["projects", _, "serviceAccounts", account, ..] if acts_as(permission) && !account.is_empty() => {
            parts.get(..4).unwrap_or(&parts).join("/")
        }
        [kind @ ("organizations" | "folders"), id, ..] if !id.is_empty() => format!("{kind}/{id}"),
        ["projects", id, ..] if !matches!(*id, "" | "_" | "-") => format!("projects/{id}"),
        _ => entry
            .project()
            .map_or_else(|| entry.container().to_owned(), |project| format!("projects/{project}")),
    }
}

/// Permissions on a service account that let their holder become it, now or by a key or a binding of its own.
fn acts_as(permission: &str) -> bool {
    let on_account = permission.strip_prefix("iam.serviceAccounts.");
    permission.starts_with("iam.serviceAccountKeys.")
        || on_account.is_some_and(|verb| !matches!(verb, "create" | "list"))
}

/// Why no custom role can hold the permission there: a person must decide what gives it instead.
pub(super) fn review(permission: &str, scope: &str) -> Option<&'static str> {
    let known = catalog::gcp();
    let project = scope.starts_with("projects/");
    let held = known.support(permission) == Some(Support::NotSupported)
        || (project && known.organization_only(permission))
        || !super::package::definable(scope);
    held.then_some("review")
}

fn numeric(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(payload: &str) -> Result<Vec<(String, String, String, Outcome)>, Skip> {
        let text = format!(
            r#"{{"logName":"projects/example-data-dev/logs/cloudaudit.googleapis.com%2Factivity","protoPayload":{payload}}}"#
        );
        let entry: Entry<'_> = serde_json::from_str(&text).unwrap();
        let all = map(&entry)?;
        Ok(all
            .into_iter()
            .map(|u| (u.action.into_owned(), u.target.text.into_owned(), u.scope.into_owned(), u.outcome))
            .collect())
    }

    #[test]
    fn granted_rows_are_uses_and_alternatives_are_not() {
        let got = uses(
            r#"{"serviceName":"serviceusage.googleapis.com","status":{},"authorizationInfo":[
            {"permission":"servicemanagement.services.bind","resource":"services/ids.googleapis.com","granted":true},
            {"permission":"servicemanagement.services.bindAll","resource":"services/ids.googleapis.com"}]}"#,
        )
        .unwrap();
        assert_eq!(got.len(), 1);
        assert_eq!(
            (got[0].0.as_str(), got[0].2.as_str()),
            ("servicemanagement.services.bind", "projects/example-data-dev")
        );
    }

    #[test]
    fn unknown_permissions_are_told() {
        let text = r#"{"protoPayload":{"authorizationInfo":[{"permission":"storage.objects.get","granted":true},
            {"permission":"storage.objects.frobnicate","granted":true},{"permission":"io.k8s.x","granted":true},
            {"permission":"storage.objects.never"}]}}"#;
        let entry: Entry<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(unknown(&entry).collect::<Vec<_>>(), ["storage.objects.frobnicate"]);
    }

    #[test]
    fn what_makes_its_holder_the_account_is_granted_on_the_account() {
        let got = uses(
            r#"{"serviceName":"iam.googleapis.com","authorizationInfo":[{"granted":true,
            "permission":"iam.serviceAccountKeys.create","resource":"projects/-/serviceAccounts/a@other.iam.gserviceaccount.com"}]}"#,
        )
        .unwrap();
        assert_eq!(got[0].2, "projects/other/serviceAccounts/a@other.iam.gserviceaccount.com");
    }

    #[test]
    fn denied_and_named_by_attributes() {
        let got = uses(
            r#"{"serviceName":"compute.googleapis.com","status":{"code":7},"authorizationInfo":[{"permission":
            "compute.instances.delete","resourceAttributes":{"service":"compute","name":"projects/p/zones/z/instances/i"}}]}"#,
        )
        .unwrap();
        let want = (
            "compute.instances.delete",
            "//compute.googleapis.com/projects/p/zones/z/instances/i",
            "projects/p",
        );
        assert_eq!((got[0].0.as_str(), got[0].1.as_str(), got[0].2.as_str()), want);
        assert_eq!(got[0].3, Outcome::Denied);
    }

    #[test]
    fn kubernetes_verbs_and_unknown_methods_are_no_permissions() {
        let rows =
            r#"{"authorizationInfo":[{"permission":"io.k8s.core.v1.pods.exec.create","granted":true}]}"#;
        assert_eq!(uses(rows), Err(Skip::Kubernetes));
        assert_eq!(uses(r#"{"methodName":"no.such.Method"}"#), Err(Skip::Unmapped));
    }
}
