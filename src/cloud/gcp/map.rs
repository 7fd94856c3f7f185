//! From an audit entry to the permissions it used: `authorizationInfo` is the truth; without it, the documented
//! method; then the words of its name; otherwise the entry is unmapped. Nothing is guessed.

use super::name;
use super::record::{Authorization, Entry, Payload};
use super::settle;
use crate::catalog;
use crate::catalog::gcp::Support;
use crate::cloud::Cloud;
use crate::model::tally::Skip;
use crate::model::usage::{Basis, Level, Outcome, Target, Use};
use std::borrow::Cow;

/// The permissions of an entry, or why it has none.
pub(super) fn map<'a>(entry: &'a Entry<'a>) -> Result<Vec<Use<'a>>, Skip> {
    let mut uses = stated(entry)?;
    uses.extend(delegated(entry, &uses));
    Ok(uses)
}

fn stated<'a>(entry: &'a Entry<'a>) -> Result<Vec<Use<'a>>, Skip> {
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
    // A call may succeed by something else than the permissions of its rows: JSON leaves `granted` out where it is false.
    match status(&entry.proto_payload.0) {
        _ if !uses.is_empty() => Ok(uses),
        "" => Err(Skip::NotGranted),
        _ => Err(Skip::Unmapped),
    }
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
    let known = catalog::gcp().support(permission).is_some();
    let stated = row.granted.is_true() && is_permission(permission);
    if !known && !stated {
        return None;
    }
    let code = status(&entry.proto_payload.0);
    let outcome = match (row.granted.is_true(), code) {
        (true, "") => Outcome::Allowed,
        // IAM's roles had no objection, but something beside them had: an attempt is no need.
        (true, _) if super::denial::elsewhere(&entry.proto_payload.0).is_some() => Outcome::Denied,
        (true, _) => Outcome::Failed,
        (false, "") => return None,
        (false, code) if denies(code) => Outcome::Denied,
        (false, _) => Outcome::Unproven,
    };
    // What conditions see is the name among the attributes; some services log only its end beside it.
    let whole = row.resource_attributes.0.name.filled();
    let completes = |whole: &&str| {
        let end = row.resource.filled().and_then(|short| whole.strip_suffix(short));
        end.is_some_and(|head| head.ends_with('/') && !head.starts_with("//"))
    };
    let named = whole.filter(completes).or(row.resource.filled()).or(whole);
    let named = named.or(entry.proto_payload.0.resource_name.filled());
    // One that begins below the project is of the entry's.
    let short = |name: &&str| !name.starts_with(['/', '_']) && !name.starts_with("projects/");
    let below = named.filter(short).and_then(|name| {
        let full = format!("projects/{}/{name}", entry.project()?);
        catalog::gcp().limits.checked(permission, &full).map(|_| full)
    });
    let name = below.map(Cow::Owned).or(named.map(Cow::Borrowed));
    let stated = row.resource_attributes.0.service.filled().filter(|service| service.contains('.'));
    // Service accounts are IAM's, whichever API mints the credentials.
    let service = stated.or(permission.starts_with("iam.").then_some("iam.googleapis.com"));
    let used = make(entry, permission, name, service, outcome, "authorization-info");
    // Google names it, but nothing here says that a role can hold it: a person must look.
    Some(if known { used } else { Use { exempt: used.exempt.or(Some("review")), ..used } })
}

/// Whether the text is built as names of permissions are.
fn is_permission(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let parts = text.split(['.', '/']);
    text.len() <= 128
        && parts.clone().count() >= 3
        && parts.clone().all(|part| !part.is_empty() && part.chars().all(plain))
}

/// Whether a row of the entry names a permission.
pub(super) fn has_rows(entry: &Entry<'_>) -> bool {
    entry.proto_payload.0.authorization_info.0.iter().any(|row| row.permission.filled().is_some())
}

/// A status code, empty for success. One that is written as the message, without a number, is none the less.
pub(super) fn status<'a>(payload: &'a Payload<'_>) -> &'a str {
    let status = &payload.status.0;
    let spelled = |text: &str| catalog::gcp().outcomes.spelled(text);
    match status.code.filled().filter(|code| *code != "0") {
        Some(code) => spelled(code).unwrap_or(code),
        None => status.message.filled().and_then(spelled).unwrap_or(""),
    }
}

/// Whether the code is IAM's own refusal.
pub(super) fn denies(code: &str) -> bool {
    !code.is_empty() && catalog::gcp().outcomes.get(code, "") == Some(Outcome::Denied)
}

/// The permission of a documented method: where several are documented, the one that its name or the resource points at,
/// as they may be alternatives. Otherwise what the words of its name lead to.
fn by_method<'a>(entry: &'a Entry<'a>) -> Result<Vec<Use<'a>>, Skip> {
    let payload = &entry.proto_payload.0;
    let (service, method) = (payload.service_name.or_empty(), payload.method_name.or_empty());
    let resource = payload.resource_name.filled();
    let known = catalog::gcp();
    let documented = known.method(method).map_or(&[][..], |m| m.permissions.as_slice());
    let holds = |permission: &str| !name::generic(method) || same_service(permission, service);
    let row = known.naming.known(method);
    let stated = row.map(|row| (row.permission.as_str(), "DW"));
    let one = match documented {
        [only] => Some(*only),
        [] => stated,
        several if stated.is_some() => stated.map(|(named, kind)| {
            several.iter().find(|(permission, _)| *permission == named).copied().unwrap_or((named, kind))
        }),
        several => name::among(several, service, method, resource.unwrap_or("")),
    };
    let (permission, reads, rule): (Cow<'a, str>, bool, _) =
        match one.filter(|(permission, _)| holds(permission)) {
            Some((permission, kind)) => (Cow::Borrowed(permission), kind.ends_with('R'), "documented-method"),
            None => {
                // Where the pages name several and none stands out, a name that points elsewhere is no answer.
                let guess = documented.is_empty() || name::generic(method);
                let named = name::by_name(service, method, resource.unwrap_or("")).filter(|_| guess);
                let named = named.ok_or(Skip::Unmapped)?;
                let reads = super::Gcp.level(&named) == "read";
                (Cow::Owned(named), reads, "method-name")
            }
        };
    let outcome = match status(payload) {
        "" => Outcome::Allowed,
        code => {
            known.outcomes.get(code, "").unwrap_or(if reads { Outcome::Failed } else { Outcome::Unproven })
        }
    };
    let of = permission.starts_with("iam.").then_some("iam.googleapis.com");
    let row = row.filter(|row| row.permission == permission);
    let trust = known.naming.trust.iter().any(|row| row.permissions.iter().any(|p| *p == permission));
    let used = make(entry, permission, resource, of, outcome, rule);
    let also = row.into_iter().flat_map(|row| &row.also);
    let also: Vec<Use<'a>> =
        also.map(|also| make(entry, also.as_str(), resource, of, outcome, rule)).collect();
    let used = if trust { Use { basis: Basis::Trust, ..used } } else { used };
    Ok([vec![used], also].concat().into_iter().map(on_another).collect())
}

/// A use on what the permission is never checked on: the resource it was checked on is not told, and one that holds any
/// would be a guess.
fn on_another(used: Use<'_>) -> Use<'_> {
    let name = used.target.text.strip_prefix("//").and_then(|rest| rest.split_once('/'));
    let elsewhere = name.is_some_and(|(_, name)| catalog::gcp().limits.is_elsewhere(&used.action, name));
    Use { exempt: used.exempt.or(elsewhere.then_some("review")), ..used }
}

/// Whether the permission is one of the service that the entry names.
fn same_service(permission: &str, service: &str) -> bool {
    let (of_permission, of_service) = (permission.split('.').next(), service.split('.').next());
    of_permission == of_service || of_permission == of_service.map(|api| catalog::gcp().naming.prefix(api))
}

/// A use of a permission, or of a method, on a resource as the entry names it.
pub(super) fn make<'a>(
    entry: &'a Entry<'a>,
    permission: impl Into<Cow<'a, str>>,
    name: Option<impl AsRef<str>>,
    service: Option<&'a str>,
    outcome: Outcome,
    rule: &'static str,
) -> Use<'a> {
    let permission = permission.into();
    let named = name.map(|name| by_id(entry, name.as_ref()));
    let stated = service.or(entry.proto_payload.0.service_name.filled());
    // An entry that leaves its service out names it by the permission.
    let own = || catalog::gcp().limits.full(&permission).split('/').next().unwrap_or("").to_owned();
    let service = stated.map_or_else(own, str::to_owned);
    let full = named.as_deref().map(|name| full_name(name, &service));
    let scope = scope(entry, &permission, named.as_deref().unwrap_or(""));
    let target = match full {
        Some(full) => Target::named(full),
        None => Target::pattern(Level::Unseen, format!("//cloudresourcemanager.googleapis.com/{scope}*")),
    };
    let exempt = if settle::public(&scope) { Some(settle::PUBLIC) } else { review(&permission, &scope) };
    Use {
        action: permission,
        family: target
            .text
            .find("/objects/")
            .filter(|_| target.level == Level::Named)
            .map(|at| at + "/objects/".len()),
        target,
        exempt,
        scope: scope.into(),
        outcome,
        basis: Basis::Event,
        context: Vec::new(),
        rule: Cow::Borrowed(rule),
    }
}

/// What mints a token of an account, and what passes one on to the account.
pub(super) const MINTS: &str = "iam.serviceAccounts.getAccessToken";
const PASSES: &str = "iam.serviceAccounts.implicitDelegation";

/// What a link of a delegation chain needed on the next one.
pub(super) fn impersonates<'a>(
    entry: &'a Entry<'a>,
    permission: impl Into<Cow<'a, str>>,
    account: &str,
) -> Use<'a> {
    let name = format!("projects/-/serviceAccounts/{account}");
    let service = Some("iam.googleapis.com");
    let used = make(entry, permission, Some(name), service, Outcome::Allowed, "delegation");
    Use { basis: Basis::Inferred, ..used }
}

/// The accounts that a call for credentials goes through, in order: each passes it on to the next, the caller to the first
/// (<https://docs.cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken>).
fn delegates(entry: &Entry<'_>) -> Vec<String> {
    let payload = &entry.proto_payload.0;
    let asks =
        payload.service_name.or_empty() == "iamcredentials.googleapis.com" && status(payload).is_empty();
    let request = payload.request.filter(|raw| asks && raw.get().contains("\"delegates\""));
    let request = request.and_then(|raw| serde_json::from_str::<serde_json::Value>(raw.get()).ok());
    let named = request.as_ref().and_then(|request| request.get("delegates")?.as_array());
    let names = named.into_iter().flatten().filter_map(|name| name.as_str()?.rsplit('/').next());
    names.filter(|account| account.contains('@')).map(str::to_owned).collect()
}

/// What the caller needed on the first of them.
fn delegated<'a>(entry: &'a Entry<'a>, uses: &[Use<'_>]) -> Option<Use<'a>> {
    let first = delegates(entry).into_iter().next()?;
    let stated = |used: &Use<'_>| used.action == PASSES && used.target.text.ends_with(&first);
    (!uses.iter().any(stated)).then(|| impersonates(entry, PASSES, &first))
}

/// What each of them needed on the next: the last one what the call asks for, on the account it asks it of.
pub(super) fn hops(entry: &Entry<'_>, uses: &[Use<'_>]) -> Vec<(String, String, String)> {
    let all = delegates(entry);
    let asked =
        uses.iter().filter(|used| used.action.starts_with("iam.serviceAccounts.") && used.action != PASSES);
    let asked = asked
        .filter_map(|used| Some((used.action.to_string(), used.target.text.rsplit('/').next()?.to_owned())));
    let Some(last) = all.last().cloned() else { return Vec::new() };
    let between = all.iter().zip(all.iter().skip(1));
    let between = between.map(|(from, to)| (from.clone(), PASSES.to_owned(), to.clone()));
    between.chain(asked.map(|(action, account)| (last.clone(), action, account))).collect()
}

/// The name with project and service account by id where the entry says them beside their numbers.
pub(super) fn by_id(entry: &Entry<'_>, name: &str) -> String {
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
        let owner = owner.filter(|_| account).map(settle::project);
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
    let project = scope.starts_with("projects/");
    let held = held_back(permission).is_some()
        || (project && catalog::gcp().organization_only(permission))
        || !super::package::definable(scope);
    (held && !super::predefined::gives(permission, scope)).then_some("review")
}

/// The same of any place.
pub(super) fn held_back(permission: &str) -> Option<&'static str> {
    let support = catalog::gcp().support(permission);
    matches!(support, Some(Support::NotSupported | Support::Unlisted)).then_some("review")
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
            .map(|u| (u.action.into_owned(), u.target.text.to_string(), u.scope.into_owned(), u.outcome))
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
