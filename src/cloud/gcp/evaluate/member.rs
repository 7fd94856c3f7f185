//! Whether a principal of the log is one that a policy names. Groups and attributes are not in logs: they name nobody.

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

/// Whether a set that access boundaries are bound to has this principal. A log does not say which organization a
/// principal is of, so organizations and folders have all of them.
pub(super) fn in_set(set: &str, principal: &str) -> bool {
    if let Some(container) = set.strip_prefix("//cloudresourcemanager.googleapis.com/") {
        let Some(project) = container.strip_prefix("projects/") else { return true };
        let account = principal.strip_prefix("serviceAccount:").and_then(|mail| mail.split_once('@'));
        let pool = principal.strip_prefix("principal://iam.googleapis.com/projects/");
        return account.is_some_and(|(name, host)| {
            host.strip_suffix(".iam.gserviceaccount.com") == Some(project)
                || (host == "appspot.gserviceaccount.com" && name == project)
                || (host == "developer.gserviceaccount.com" && name.strip_suffix("-compute") == Some(project))
        }) || pool.and_then(|rest| rest.split_once('/')).is_some_and(|(number, _)| number == project);
    }
    let name = set.trim_start_matches('/');
    in_pool(name, principal) || (name.contains("/workspace/") && principal.starts_with("user:"))
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
    }

    #[test]
    fn sets_have_the_identities_of_their_place() {
        let account = "serviceAccount:ci@example-dev.iam.gserviceaccount.com";
        let subject = format!("principal://{POOL}/subject/repo:a");
        let project = "//cloudresourcemanager.googleapis.com/projects/";
        assert!(in_set(&format!("{project}example-dev"), account));
        assert!(!in_set(&format!("{project}example"), account));
        assert!(!in_set(&format!("{project}example-dev"), "user:ana@example.com"));
        assert!(in_set(&format!("{project}123456789012"), &subject));
        assert!(in_set(&format!("//{POOL}"), &subject) && !in_set(&format!("//{POOL}"), account));
        assert!(in_set("//cloudresourcemanager.googleapis.com/organizations/1", account));
        assert!(in_set("//iam.googleapis.com/locations/global/workspace/C01", "user:ana@example.com"));
    }
}
