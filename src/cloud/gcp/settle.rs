//! Whose the places are: roles for a folder are defined by its organization, and what lies in somebody else's is not ours to
//! grant.

use super::map;
use crate::catalog;
use crate::model::coverage::Within;
use crate::model::denial::Denial;
use crate::model::document::bound_at;
use crate::model::usage::Row;

/// Why no document carries what is open to everybody, and what belongs to another organization.
pub(super) const PUBLIC: &str = "public";
const FOREIGN: &str = "foreign";

/// The project, folder or organization of a scope, as it is bound.
pub(super) fn container(scope: &str) -> &str {
    let scope = bound_at(scope);
    scope.split("/serviceAccounts/").next().unwrap_or(scope)
}

/// The project that a principal is of.
pub(super) fn home(principal: &str) -> Option<String> {
    if let Some(mail) = principal.strip_prefix("serviceAccount:") {
        let (name, host) = mail.split_once('@')?;
        let own = match host {
            "appspot.gserviceaccount.com" => Some(name.to_owned()),
            "developer.gserviceaccount.com" => name.strip_suffix("-compute").map(str::to_owned),
            _ => host.strip_suffix(".iam.gserviceaccount.com").map(project),
        };
        return own;
    }
    let rest = principal.strip_prefix("principal://iam.googleapis.com/projects/")?;
    rest.split('/').next().map(str::to_owned)
}

/// The id of a project as it stands in the address of its accounts: `legacy-app.example.com` is `example.com:legacy-app`.
pub(super) fn project(host: &str) -> String {
    host.split_once('.').map_or_else(|| host.to_owned(), |(id, domain)| format!("{domain}:{id}"))
}

/// The organization that a place lies in, as far as it is said.
fn organization<'w>(place: &str, within: &'w Within) -> Option<&'w str> {
    let top = |chain: &'w Vec<String>| chain.iter().find(|one| one.starts_with("organizations/"));
    let own = within.get(place);
    let stated = own.and_then(top);
    let through = |folder: &str| {
        let holds = |chain: &&Vec<String>| chain.iter().any(|one| one == folder);
        within.values().filter(holds).find_map(top)
    };
    let folders = || own.into_iter().flatten().find_map(|one| through(one));
    stated.or_else(folders).or_else(|| through(place)).map(String::as_str)
}

/// Where it can be granted and why no document carries it; none where nothing is said that changes it.
pub(super) fn settle(
    principal: &str,
    permission: &str,
    scope: &str,
    exempt: Option<&'static str>,
    within: &Within,
) -> Option<(String, Option<&'static str>)> {
    let ours = matches!(exempt, None | Some("review"));
    let place = container(scope);
    let top = organization(place, within).filter(|_| ours)?;
    let own = home(principal);
    let own = own.as_deref().and_then(|own| organization(&format!("projects/{own}"), within));
    if own.is_some_and(|own| own != top) {
        return Some((scope.to_owned(), Some(FOREIGN)));
    }
    if !scope.starts_with("folders/") {
        return None;
    }
    let known = format!("{top}/{scope}");
    let review = map::review(permission, scope);
    // What waits for another reason than the folder goes on waiting.
    let exempt = if exempt == review { map::review(permission, &known) } else { exempt };
    Some((known, exempt))
}

/// The same for what was refused.
pub(super) fn denial(denial: &mut Denial, within: &Within) {
    let refused = &mut denial.refused;
    let settled = settle(&denial.principal, &refused.action, &refused.scope, refused.exempt, within);
    if let Some((scope, exempt)) = settled {
        (refused.scope, refused.exempt) = (scope, exempt);
    }
}

/// Whose the resource of a row is, where it is not ours, and who must allow it.
pub(super) fn owner(row: &Row) -> Option<(&str, &'static str)> {
    let allows = match row.exempt {
        Some(PUBLIC) => "nothing: it is shared with everybody",
        Some(FOREIGN) => "IAM policy of that organization's resource",
        _ => return None,
    };
    Some((container(&row.scope), allows))
}

/// Whether the place is one that Google shares with everybody.
pub(super) fn public(scope: &str) -> bool {
    scope.strip_prefix("projects/").is_some_and(|project| catalog::gcp().public(project))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_get_their_organization_and_others_projects_are_foreign() {
        let all = [
            ("projects/a", vec!["folders/1", "organizations/7"]),
            ("projects/b", vec!["organizations/8"]),
            ("projects/c", vec!["folders/1"]),
        ];
        let within: Within = all
            .into_iter()
            .map(|(name, chain)| (name.to_owned(), chain.into_iter().map(str::to_owned).collect()))
            .collect();
        let of = |principal: &str, permission: &str, scope: &str| {
            let account = format!("serviceAccount:x@{principal}.iam.gserviceaccount.com");
            settle(&account, permission, scope, map::review(permission, scope), &within)
        };
        let get = "resourcemanager.folders.get";
        assert_eq!(of("a", get, "folders/1"), Some(("organizations/7/folders/1".to_owned(), None)));
        assert_eq!(of("a", get, "folders/2"), None);
        assert_eq!(of("a", "storage.objects.get", "projects/c"), None);
        let foreign = |scope: &str| Some((scope.to_owned(), Some(FOREIGN)));
        assert_eq!(of("a", "storage.objects.get", "projects/b"), foreign("projects/b"));
        assert_eq!(of("b", get, "folders/1"), foreign("folders/1"));
        assert_eq!(of("d", "storage.objects.get", "projects/b"), None, "nothing says where d lies");
        assert_eq!(container("organizations/7/folders/1"), "folders/1");
        assert_eq!(container("projects/p/serviceAccounts/a@b"), "projects/p");
    }

    #[test]
    fn homes_of_principals() {
        let of = |principal: &str| home(principal).unwrap_or_default();
        assert_eq!(of("serviceAccount:a@p.iam.gserviceaccount.com"), "p");
        assert_eq!(of("serviceAccount:a@legacy.example.com.iam.gserviceaccount.com"), "example.com:legacy");
        assert_eq!(of("serviceAccount:p@appspot.gserviceaccount.com"), "p");
        assert_eq!(of("serviceAccount:12-compute@developer.gserviceaccount.com"), "12");
        assert_eq!(of("user:a@example.com"), "");
    }
}
