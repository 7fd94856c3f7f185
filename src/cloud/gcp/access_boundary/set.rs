//! Sets of principals that access boundaries are bound to, and what they are exempt from.

use super::super::condition::quoted;
use super::super::settle::home;
use super::whereabouts::Whereabouts;

const MANAGER: &str = "//cloudresourcemanager.googleapis.com/";
const POOLS: &str = "//iam.googleapis.com/";

/// A set of principals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Set {
    /// Its full name.
    pub(super) name: String,
    /// What it is: `organization`, `folder`, `project`, `workspace`, `workforce` or `workload`.
    pub(super) kind: &'static str,
    /// What its bindings belong to: `organizations`, `folders` or `projects`, and the id; empty: the policy's organization.
    pub(super) parent: (&'static str, String),
}

impl Set {
    /// Reads a set as people write it.
    ///
    /// # Errors
    /// Why nothing can be bound to it, and what can.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (kind, _) = text.split_once(':').unwrap_or(("", ""));
        match kind {
            "group" => {
                return Err(format!(
                    "`{text}` is a group: Google binds access boundaries to no groups. Bind what holds its members \
                     (organizations/N, workspace/ID or a workforce pool), and exempt the others"
                ));
            }
            "user" | "serviceAccount" | "principal" | "domain" => {
                return Err(format!(
                    "`{text}` is no set that access boundaries can be bound to: bind its project, organization or pool, \
                     and exempt the others"
                ));
            }
            _ => {}
        }
        let named = text.strip_prefix(MANAGER).or(text.strip_prefix(POOLS)).unwrap_or(text);
        let parts: Vec<&str> = named.split('/').collect();
        let plain =
            |id: &str| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || "-.:_".contains(c));
        let digits = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
        let set = |kind, name: String, of: &'static str, id: &str| {
            Ok(Self { name, kind, parent: (of, id.to_owned()) })
        };
        match parts.as_slice() {
            ["organizations", id] if digits(id) => {
                set("organization", format!("{MANAGER}{named}"), "organizations", id)
            }
            ["folders", id] if digits(id) => set("folder", format!("{MANAGER}{named}"), "folders", id),
            ["projects", id] if plain(id) => set("project", format!("{MANAGER}{named}"), "projects", id),
            [.., "workspace", id] if plain(id) => {
                set("workspace", format!("{POOLS}locations/global/workspace/{id}"), "organizations", "")
            }
            [.., "workforcePools", id] if plain(id) => {
                set("workforce", format!("{POOLS}locations/global/workforcePools/{id}"), "organizations", "")
            }
            ["projects", number, .., "workloadIdentityPools", id] if digits(number) && plain(id) => {
                let name = format!("{POOLS}projects/{number}/locations/global/workloadIdentityPools/{id}");
                set("workload", name, "projects", number)
            }
            _ => Err(format!(
                "`{text}` is no set of principals: write organizations/N, folders/N, projects/ID, workspace/ID, \
                 workforcePools/ID or projects/N/workloadIdentityPools/ID"
            )),
        }
    }

    /// Whether it has the principal; where nothing says otherwise, it has.
    pub(super) fn has(&self, principal: &str, places: &Whereabouts<'_>) -> bool {
        let home = home(principal);
        let home = home.as_deref();
        let lies_in = |home: &str| {
            let chain = places.chain(&format!("projects/{home}"));
            chain.is_empty() || chain.contains(&self.place())
        };
        let of_people = || principal.starts_with("user:") || principal.contains("/workforcePools/");
        match self.kind {
            "organization" => match home {
                Some(home) => lies_in(home),
                None => of_people() || !principal.is_empty(),
            },
            "folder" => home.is_some_and(lies_in),
            "project" => home.is_some_and(|home| {
                let number = |id: &str| id.bytes().all(|b| b.is_ascii_digit());
                home == self.parent.1 || number(home) != number(&self.parent.1)
            }),
            "workspace" => principal.starts_with("user:"),
            _ => principal
                .strip_prefix("principal:")
                .and_then(|rest| rest.strip_prefix(&*self.name))
                .is_some_and(|rest| rest.starts_with("/subject/")),
        }
    }

    /// `folders/N`
    fn place(&self) -> String {
        format!("{}/{}", self.parent.0, self.parent.1)
    }
}

/// Logical operators and characters that the condition of a binding may have.
const OPERATORS: usize = 10;
const LENGTH: usize = 250;
const TYPES: [&str; 4] =
    ["WorkspaceIdentity", "WorkforcePoolIdentity", "WorkloadPoolIdentity", "ServiceAccount"];

/// The type of a principal as conditions write it.
fn kind(principal: &str) -> Option<&'static str> {
    let at = match principal.split_once(':')? {
        ("user", _) => 0,
        ("principal", rest) if rest.contains("/workforcePools/") => 1,
        ("principal", rest) if rest.contains("/workloadIdentityPools/") => 2,
        ("serviceAccount", _) => 3,
        _ => return None,
    };
    TYPES.get(at).copied()
}

/// Whether the binding leaves the principal alone.
pub(super) fn exempt(principal: &str, all: &[String]) -> bool {
    all.iter().any(|one| {
        one.eq_ignore_ascii_case(principal)
            || kind(principal).is_some_and(|kind| one.trim_start_matches("iam.googleapis.com/") == kind)
    })
}

/// The condition under which the binding holds: for everybody but these.
///
/// # Errors
/// What cannot be exempted.
pub(super) fn condition(all: &[String]) -> Result<Option<String>, String> {
    let (mut types, mut subjects) = (Vec::new(), Vec::new());
    for one in all {
        let plain = one.trim_start_matches("iam.googleapis.com/");
        if TYPES.contains(&plain) {
            types.push(format!("iam.googleapis.com/{plain}"));
        } else if kind(one).is_some() {
            let subject = one.strip_prefix("user:").or(one.strip_prefix("serviceAccount:")).unwrap_or(one);
            subjects.push(subject.to_owned());
        } else {
            return Err(format!(
                "`exempt` has `{one}`: write a principal (user:…, serviceAccount:…, principal://…) or one of the types {}",
                TYPES.join(", ")
            ));
        }
    }
    let clause = |attribute: &str, all: &[String]| match all {
        [] => None,
        [one] => Some(format!("principal.{attribute} != {}", quoted(one))),
        many => {
            let list: Vec<String> = many.iter().map(|one| quoted(one)).collect();
            Some(format!("!(principal.{attribute} in [{}])", list.join(", ")))
        }
    };
    let clauses: Vec<String> =
        [clause("type", &types), clause("subject", &subjects)].into_iter().flatten().collect();
    let text = clauses.join(" && ");
    let operators = clauses.len() * 2;
    if text.chars().count() > LENGTH || operators > OPERATORS {
        return Err(format!(
            "`exempt` comes to a condition of {} characters; Google takes {LENGTH}: bind a smaller set instead",
            text.chars().count()
        ));
    }
    Ok((!text.is_empty()).then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_and_what_is_none_is_refused_with_the_reason() {
        let full = |text: &str| Set::parse(text).unwrap().name;
        assert_eq!(full("organizations/7"), "//cloudresourcemanager.googleapis.com/organizations/7");
        assert_eq!(full(&full("projects/p-1")), "//cloudresourcemanager.googleapis.com/projects/p-1");
        assert_eq!(full("workspace/C01abc"), "//iam.googleapis.com/locations/global/workspace/C01abc");
        let pool = "//iam.googleapis.com/projects/12/locations/global/workloadIdentityPools/ci";
        assert_eq!(full("projects/12/workloadIdentityPools/ci"), pool);
        assert_eq!(Set::parse(pool).unwrap().parent, ("projects", "12".to_owned()));
        assert!(Set::parse("group:all@example.com").unwrap_err().contains("no groups"));
        assert!(Set::parse("user:a@example.com").unwrap_err().contains("bind its project"));
        for wrong in
            ["organizations/x", "projects/", "folders", "everybody", "projects/p/workloadIdentityPools/x"]
        {
            assert!(Set::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn exempt_principals_become_a_condition_of_the_binding() {
        let of = |all: &[&str]| condition(&all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["user:a@example.com"]).unwrap().unwrap(), "principal.subject != \"a@example.com\"");
        assert_eq!(
            of(&["user:a@example.com", "serviceAccount:b@p.iam.gserviceaccount.com", "WorkspaceIdentity"])
                .unwrap()
                .unwrap(),
            "principal.type != \"iam.googleapis.com/WorkspaceIdentity\" && \
             !(principal.subject in [\"a@example.com\", \"b@p.iam.gserviceaccount.com\"])"
        );
        assert!(of(&["group:a@example.com"]).is_err());
        let many: Vec<String> = (0..20).map(|n| format!("user:somebody-{n}@example.com")).collect();
        assert!(condition(&many).unwrap_err().contains("250"));
    }
}
