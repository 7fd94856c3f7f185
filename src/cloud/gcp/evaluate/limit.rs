//! What takes access away: deny policies and principal access boundaries.

use super::cel::{Expression, Value};
use super::{Facts, Places, list, member};
use crate::model::usage::Row;
use serde_json::Value as Json;

/// One rule of a deny policy.
#[derive(Debug)]
pub(super) struct Deny {
    place: String,
    principals: Vec<String>,
    except: Vec<String>,
    permissions: Vec<String>,
    exempt: Vec<String>,
    /// None: it denies always; what cannot be read is never told.
    condition: Option<Option<Expression>>,
}

/// The rules of a deny policy as IAM takes it.
///
/// # Errors
/// What it lacks.
pub(super) fn deny(policy: &Json) -> Result<Vec<Deny>, String> {
    // The policy's name says where it is attached, percent-encoded.
    let name = policy.get("name").and_then(Json::as_str).unwrap_or("");
    let place =
        name.strip_prefix("policies/").and_then(|rest| rest.split_once("/denypolicies")).map(|(at, _)| at);
    let place = place.unwrap_or("").replace("%2F", "/").replace("%2f", "/");
    let place = place.trim_start_matches("cloudresourcemanager.googleapis.com/").to_owned();
    let rules = policy.get("rules").and_then(Json::as_array).ok_or("a deny policy has no `rules`")?;
    let each = rules.iter().map(|rule| {
        let rule = rule.get("denyRule").ok_or("a rule of a deny policy has no `denyRule`")?;
        let condition = rule.pointer("/denialCondition/expression").and_then(Json::as_str);
        Ok(Deny {
            place: place.clone(),
            principals: list(rule, "deniedPrincipals")?,
            except: list(rule, "exceptionPrincipals")?,
            permissions: list(rule, "deniedPermissions")?,
            exempt: list(rule, "exceptionPermissions")?,
            condition: condition.map(|text| Expression::parse(text).ok()),
        })
    });
    each.collect()
}

impl Deny {
    /// Whether it refuses the use; none where a condition or the members of a set decide that no log tells.
    pub(super) fn refuses(&self, row: &Row, facts: Facts, places: &Places) -> Option<bool> {
        let permission = (facts.full)(&row.action);
        let names = |all: &[String]| all.iter().any(|one| permits(one, &permission));
        let has = |all: &[String]| all.iter().any(|one| member::holds(one, &row.principal));
        let may = |all: &[String]| all.iter().any(|one| member::may_hold(one, &row.principal));
        let (here, may_be) = (places.within(row, &self.place), may_be_numbered(&self.place, row));
        let about = (here || may_be) && names(&self.permissions) && !names(&self.exempt);
        if !about || has(&self.except) || !(has(&self.principals) || may(&self.principals)) {
            return Some(false);
        }
        // Only tags can be asked for, which no log tells.
        let condition = self.condition.as_ref().map_or(Some(true), |condition| {
            condition.as_ref().and_then(|condition| condition.holds(&|_| None))
        });
        match condition {
            Some(true) if here && has(&self.principals) && !may(&self.except) => Some(true),
            Some(false) => Some(false),
            _ => None,
        }
    }
}

/// Whether the place is a project by its number, which may be the one that the use names by its id.
fn may_be_numbered(place: &str, row: &Row) -> bool {
    let digits = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    let own = row.scope.strip_prefix("projects/").and_then(|rest| rest.split('/').next());
    place.strip_prefix("projects/").is_some_and(digits) && own.is_some_and(|id| !digits(id))
}

/// `service/resource.verb`, with `*` for all resources or verbs.
fn permits(pattern: &str, permission: &str) -> bool {
    let (Some(of), Some(is)) = (parts(pattern), parts(permission)) else { return pattern == permission };
    let fits = |pattern: &str, text: &str| pattern == "*" || pattern == text;
    of.0 == is.0 && fits(of.1, is.1) && fits(of.2, is.2)
}

/// Service, resource and verb.
fn parts(permission: &str) -> Option<(&str, &str, &str)> {
    let (service, rest) = permission.split_once('/')?;
    let (resource, verb) = rest.rsplit_once('.')?;
    Some((service, resource, verb))
}

/// A principal access boundary policy with one of its bindings.
#[derive(Debug)]
pub(super) struct Boundary {
    resources: Vec<String>,
    version: u32,
    set: Option<String>,
    condition: Option<Expression>,
    /// Nothing says whom it is bound to.
    unbound: bool,
}

/// A policy with its bindings; without any, it is asked as if it were bound to everybody.
///
/// # Errors
/// What it lacks.
pub(super) fn boundary(policy: &Json) -> Result<Vec<Boundary>, String> {
    let rules = policy.pointer("/details/rules").and_then(Json::as_array);
    let rules = rules.ok_or("an access boundary has no `details.rules`")?;
    let mut resources = Vec::new();
    for rule in rules {
        if rule.get("effect").and_then(Json::as_str) != Some("ALLOW") {
            return Err("a rule of an access boundary has another `effect` than ALLOW".to_owned());
        }
        resources.extend(list(rule, "resources")?);
    }
    // A version that is not stated, or the latest, blocks all that is known to be blocked.
    let stated = policy.pointer("/details/enforcementVersion").and_then(Json::as_str).unwrap_or("latest");
    let version = if stated == "latest" {
        u32::MAX
    } else {
        stated.parse().map_err(|_| format!("`enforcementVersion` is `{stated}`, which is no number"))?
    };
    let one = |binding: Option<&Json>| -> Result<Boundary, String> {
        let at = |path: &str| binding.and_then(|b| b.pointer(path)).and_then(Json::as_str);
        let condition = at("/condition/expression").map(Expression::parse).transpose();
        Ok(Boundary {
            resources: resources.clone(),
            version,
            set: at("/target/principalSet").map(str::to_owned),
            condition: condition.map_err(|why| format!("the condition of a policy binding: {why}"))?,
            unbound: binding.is_none(),
        })
    };
    match policy.get("bindings").and_then(Json::as_array) {
        None => Ok(vec![one(None)?]),
        Some(all) => all.iter().map(|binding| one(Some(binding))).collect(),
    }
}

impl Boundary {
    /// Whether it holds for the principal, and whether that is sure.
    fn binds(&self, row: &Row, places: &Places) -> Option<bool> {
        if !self.set.as_ref().is_none_or(|set| member::in_set(set, &row.principal, places)) {
            return None;
        }
        let of = |path: &str| {
            let text = match path {
                "principal.type" => member::kind(&row.principal)?,
                "principal.subject" => member::subject(&row.principal),
                _ => return None,
            };
            Some(Value::Text(text.to_owned()))
        };
        match self.condition.as_ref().map(|condition| condition.holds(&of)) {
            Some(Some(false)) => None,
            Some(None) => Some(false),
            _ => Some(true),
        }
    }

    /// Whether it leaves the use alone: the resource is within, or the version does not block the permission.
    fn leaves(&self, row: &Row, facts: Facts, places: &Places) -> bool {
        let blocked = (facts.blocked_since)(&row.action).is_some_and(|since| since <= self.version);
        let within = |name: &String| {
            places.within(row, name.trim_start_matches("//cloudresourcemanager.googleapis.com/"))
        };
        !blocked || self.resources.iter().any(within)
    }
}

/// Whether the boundaries that are bound to the principal refuse the use. One that leaves it alone is enough; one whose
/// condition cannot be told leaves nothing that its version blocks.
pub(super) fn bounded(all: &[Boundary], row: &Row, facts: Facts, places: &Places) -> bool {
    let bound: Vec<(&Boundary, bool)> =
        all.iter().filter_map(|one| Some((one, one.binds(row, places)?))).collect();
    let leaves = |(one, sure): &(&Boundary, bool)| {
        let version = one.version;
        let none = Boundary { resources: Vec::new(), set: None, condition: None, version, unbound: false };
        if *sure { one.leaves(row, facts, places) } else { none.leaves(row, facts, places) }
    };
    !bound.is_empty() && !bound.iter().any(leaves)
}

/// Why a use that the boundaries refuse may be left open all the same: nothing says whom they are bound to; or one is open
/// for a folder or an organization, and nothing says what the use's project lies in.
pub(super) fn doubt(all: &[Boundary], row: &Row, places: &Places) -> Option<String> {
    let project = row.scope.strip_prefix("projects/").and_then(|rest| rest.split('/').next()).unwrap_or("");
    let above = |name: &String| {
        let name = name.trim_start_matches("//cloudresourcemanager.googleapis.com/");
        name.starts_with("folders/") || name.starts_with("organizations/")
    };
    let wide = |one: &Boundary| one.binds(row, places).is_some() && one.resources.iter().any(above);
    let bound = |one: &&Boundary| one.binds(row, places).is_some();
    if all.iter().filter(bound).all(|one| one.unbound) {
        return Some(
            "nothing says whom the access boundary is bound to: give its policy bindings too".to_owned(),
        );
    }
    (!project.is_empty() && places.above(project).is_none() && all.iter().any(wide)).then(|| {
        format!(
            "nothing says what projects/{project} lies in: give what `gcloud projects get-ancestors-iam-policy` prints"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::permits;

    #[test]
    fn wildcards_stand_for_whole_parts() {
        let asked = "storage.googleapis.com/objects.get";
        for pattern in [
            asked,
            "storage.googleapis.com/*.*",
            "storage.googleapis.com/objects.*",
            "storage.googleapis.com/*.get",
        ] {
            assert!(permits(pattern, asked), "{pattern}");
        }
        for pattern in [
            "storage.googleapis.com/obj*.get",
            "run.googleapis.com/*.*",
            "*",
            "storage.googleapis.com/buckets.*",
        ] {
            assert!(!permits(pattern, asked), "{pattern}");
        }
    }
}
