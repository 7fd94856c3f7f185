//! Whether a principal of the log is one that a policy names. Groups and attributes are not in logs: they name nobody.

use super::Places;

/// A principal in the form that deny policies take, where allow policies have another.
const SUBJECT: &str = "principal://goog/subject/";
const ACCOUNT: &str = "principal://iam.googleapis.com/projects/-/serviceAccounts/";

/// Whether a member of a binding, or a principal of a deny rule, is or holds this principal.
pub(super) fn holds(member: &str, principal: &str) -> bool {
    if same(member, principal)
        || matches!(member, "allUsers" | "allAuthenticatedUsers" | "principalSet://goog/public:all")
    {
        return true;
    }
    if let Some(domain) = member.strip_prefix("domain:") {
        let mail = principal.strip_prefix("user:").and_then(|mail| mail.rsplit_once('@'));
        return mail.is_some_and(|(_, of)| of.eq_ignore_ascii_case(domain));
    }
    let pool = member.strip_prefix("principalSet://").and_then(|set| set.strip_suffix("/*"));
    pool.is_some_and(|pool| in_pool(pool, principal))
}

/// Whether a set may hold the principal whose members no log tells: a group, an attribute, what Google counts itself.
pub(super) fn may_hold(member: &str, principal: &str) -> bool {
    let account = principal.starts_with("serviceAccount:");
    let person = principal.starts_with("user:");
    if member.starts_with("group:") || member.starts_with("principalSet://goog/group/") {
        return account || person;
    }
    let Some(set) = member.strip_prefix("principalSet://") else { return false };
    if set.starts_with("goog/") || set.ends_with("/*") {
        return false;
    }
    if set.starts_with("cloudresourcemanager.googleapis.com/") {
        return !set.ends_with("/type/ServiceAccount") || account;
    }
    // Of a pool: those with an attribute, or of a group.
    let pool = set.split_once("/attribute.").or_else(|| set.split_once("/group/")).map(|(pool, _)| pool);
    pool.is_some_and(|pool| in_pool(pool, principal))
}

/// Addresses know no letter case; subjects of pools do.
fn same(member: &str, principal: &str) -> bool {
    let address = |text: &str| -> Option<(&'static str, String)> {
        let forms =
            [("user:", "user"), (SUBJECT, "user"), ("serviceAccount:", "account"), (ACCOUNT, "account")];
        let found = forms.iter().find_map(|(form, kind)| Some((*kind, text.strip_prefix(form)?)));
        found.map(|(kind, mail)| (kind, mail.to_ascii_lowercase()))
    };
    member == principal || address(member).is_some_and(|one| address(principal) == Some(one))
}

fn in_pool(pool: &str, principal: &str) -> bool {
    let rest = principal.strip_prefix("principal://").and_then(|rest| rest.strip_prefix(pool));
    rest.is_some_and(|rest| rest.starts_with("/subject/"))
}

/// Whether a set that access boundaries are bound to has this principal. Where nothing says what the principal's project
/// lies in, or its number is not known to be another project's than the id, it has.
pub(super) fn in_set(set: &str, principal: &str, places: &Places) -> bool {
    if let Some(container) = set.strip_prefix("//cloudresourcemanager.googleapis.com/") {
        let home = home(principal);
        let home = home.as_deref();
        if let Some(project) = container.strip_prefix("projects/") {
            let numeric = |id: &str| id.bytes().all(|b| b.is_ascii_digit());
            return home.is_some_and(|home| home == project || numeric(home) != numeric(project));
        }
        let chain = home.and_then(|home| places.above(home));
        let people = container.starts_with("organizations/");
        return match (home, chain) {
            (Some(_), Some(chain)) => chain.iter().any(|one| one == container),
            (Some(_), None) => true,
            (None, _) => people,
        };
    }
    let name = set.trim_start_matches('/');
    in_pool(name, principal) || (name.contains("/workspace/") && principal.starts_with("user:"))
}

/// The project that a service account or an identity of a workload pool is of, by id or by number.
fn home(principal: &str) -> Option<String> {
    if let Some(rest) = principal.strip_prefix("principal://iam.googleapis.com/projects/") {
        return rest.split_once('/').map(|(number, _)| number.to_owned());
    }
    let (name, host) = principal.strip_prefix("serviceAccount:")?.split_once('@')?;
    match host {
        "appspot.gserviceaccount.com" => Some(name.to_owned()),
        "developer.gserviceaccount.com" => name.strip_suffix("-compute").map(str::to_owned),
        _ => {
            let own = host.strip_suffix(".iam.gserviceaccount.com")?;
            // A project of a domain stands in addresses with its id first: `app.example.com` is `example.com:app`.
            Some(own.split_once('.').map_or_else(|| own.to_owned(), |(id, domain)| format!("{domain}:{id}")))
        }
    }
}

/// Its kind, as conditions of policy bindings write it.
pub(super) fn kind(principal: &str) -> Option<&'static str> {
    Some(match principal.split_once(':')? {
        ("user", _) => "iam.googleapis.com/WorkspaceIdentity",
        ("serviceAccount", _) => "iam.googleapis.com/ServiceAccount",
        ("principal", rest) if rest.contains("/workforcePools/") => {
            "iam.googleapis.com/WorkforcePoolIdentity"
        }
        ("principal", rest) if rest.contains("/workloadIdentityPools/") => {
            "iam.googleapis.com/WorkloadPoolIdentity"
        }
        _ => return None,
    })
}

/// Its name, as the same conditions write it.
pub(super) fn subject(principal: &str) -> &str {
    let address = ["user:", "serviceAccount:"].iter().find_map(|form| principal.strip_prefix(form));
    address.unwrap_or(principal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: &str = "iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/ci";

    #[test]
    fn members_are_told_by_address_domain_and_pool() {
        let (user, account) =
            ("user:ana@example.com", "serviceAccount:ci@example-dev.iam.gserviceaccount.com");
        let subject = format!("principal://{POOL}/subject/repo:a");
        assert!(holds("user:Ana@Example.com", user) && holds("domain:example.com", user));
        assert!(!holds("domain:ample.com", user) && !holds("group:all@example.com", user));
        assert!(!holds("deleted:user:ana@example.com?uid=1", user));
        assert!(holds("principal://goog/subject/ana@example.com", user));
        assert!(!holds("user:ci@example-dev.iam.gserviceaccount.com", account));
        assert!(holds(&format!("principalSet://{POOL}/*"), &subject));
        assert!(!holds(&format!("principalSet://{POOL}2/*"), &subject));
        assert!(!holds(&subject.to_uppercase(), &subject));
        assert!(may_hold("group:all@example.com", user) && may_hold("group:all@example.com", account));
        assert!(!may_hold("group:all@example.com", &subject) && !may_hold("user:b@example.com", user));
        assert!(may_hold(&format!("principalSet://{POOL}/attribute.repository/a"), &subject));
        assert!(!may_hold(&format!("principalSet://{POOL}2/attribute.repository/a"), &subject));
        let accounts = "principalSet://cloudresourcemanager.googleapis.com/projects/1/type/ServiceAccount";
        assert!(may_hold(accounts, account) && !may_hold(accounts, user));
    }

    #[test]
    fn sets_have_the_identities_of_their_place() {
        let account = "serviceAccount:ci@example-dev.iam.gserviceaccount.com";
        let subject = format!("principal://{POOL}/subject/repo:a");
        let manager = "//cloudresourcemanager.googleapis.com/";
        let none = Places::default();
        let has = |set: &str, principal: &str| in_set(&format!("{manager}{set}"), principal, &none);
        assert!(has("projects/example-dev", account) && !has("projects/example", account));
        assert!(!has("projects/example-dev", "user:ana@example.com"));
        assert!(has("projects/123456789012", &subject) && !has("projects/223456789012", &subject));
        assert!(has("projects/123456789012", account), "nothing says that the number is another project's");
        assert!(has("organizations/1", account) && has("organizations/1", "user:ana@example.com"));
        assert!(has("folders/1", account) && !has("folders/1", "user:ana@example.com"));
        let known = Places::from([("example-dev", &["folders/1", "organizations/2"][..])]);
        let has = |set: &str, principal: &str| in_set(&format!("{manager}{set}"), principal, &known);
        assert!(has("folders/1", account) && has("organizations/2", account));
        assert!(!has("organizations/1", account) && has("organizations/1", "user:ana@example.com"));
        assert!(
            in_set(&format!("//{POOL}"), &subject, &none) && !in_set(&format!("//{POOL}"), account, &none)
        );
        let workspace = "//iam.googleapis.com/locations/global/workspace/C01";
        assert!(in_set(workspace, "user:ana@example.com", &none));
    }
}
