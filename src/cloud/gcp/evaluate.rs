//! Google's reading of allow policies, deny policies and principal access boundaries, written from its documentation
//! and from nothing else in this program.

mod cel;
mod limit;
mod member;
mod parse;

use crate::cloud::Evaluator;
use crate::model::time::Timestamp;
use crate::model::usage::{Level, Row};
use cel::{Expression, Value};
use limit::{Boundary, Deny};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What Google says of its permissions and resources: looked up, not decided here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// A resource's type in conditions, by a permission on it and its relative name.
    pub(super) kind: fn(&str, &str) -> Option<&'static str>,
    /// Whether conditions see the project's number, never its id, in the names of that type; told the same way.
    pub(super) numbered: fn(&str, &str) -> bool,
    /// A permission as deny policies write it.
    pub(super) full: fn(&str) -> String,
    /// The first enforcement version of access boundaries that blocks a permission.
    pub(super) blocked_since: fn(&str) -> Option<u32>,
}

/// One role bound somewhere.
#[derive(Debug)]
struct Bound {
    place: String,
    role: String,
    members: BTreeSet<String>,
    /// None where nobody said what the role holds.
    permissions: Option<BTreeSet<String>>,
    /// None: it holds always. What cannot be read is kept: it may be about somebody else.
    condition: Option<Result<Expression, String>>,
}

/// Which projects lie in which folders and organizations.
#[derive(Debug, Default)]
struct Places(BTreeMap<String, Vec<String>>);

impl Places {
    /// What a project lies in, where that is known.
    fn above(&self, project: &str) -> Option<&[String]> {
        self.0.get(&format!("projects/{project}")).map(Vec::as_slice)
    }

    /// Whether what holds at a place holds for the use; a place that is not known holds everywhere.
    fn within(&self, row: &Row, place: &str) -> bool {
        if place.starts_with("//") {
            return below(&row.target.text, place);
        }
        if place.is_empty() || below(&row.scope, place) {
            return true;
        }
        // A folder's scope may name its organization before it.
        let folder = row.scope.find("/folders/").and_then(|at| row.scope.get(at + 1..));
        if folder == Some(place) {
            return true;
        }
        let own = || row.scope.split("/serviceAccounts/").next().unwrap_or("");
        let above = (!self.0.is_empty()).then(|| self.0.get(folder.unwrap_or_else(own))).flatten();
        above.is_some_and(|above| above.iter().any(|one| one == place))
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &[&str]); N]> for Places {
    fn from(all: [(&str, &[&str]); N]) -> Self {
        let texts = |above: &[&str]| above.iter().map(|one| (*one).to_owned()).collect();
        Self(all.into_iter().map(|(project, above)| (format!("projects/{project}"), texts(above))).collect())
    }
}

fn below(name: &str, place: &str) -> bool {
    name.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Policies that hold together.
#[derive(Debug)]
pub(super) struct Policies {
    facts: Facts,
    allow: Vec<Bound>,
    deny: Vec<Deny>,
    boundaries: Vec<Boundary>,
    /// Whether anything was given that takes access away.
    limits: bool,
    places: Places,
}

impl Evaluator for Policies {
    fn allows(&self, row: &Row) -> bool {
        // Where only what takes away was given, only that is asked.
        ((self.limits && self.allow.is_empty()) || self.granted(row))
            && !self.denied(row)
            && !self.bounded(row)
    }

    fn doubts(&self, row: &Row) -> Vec<String> {
        let refused = self.deny.iter().any(|rule| rule.refuses(row, self.facts, &self.places) == Some(true));
        let doubt = self.bounded(row).then(|| limit::doubt(&self.boundaries, row, &self.places));
        if self.allows(row) || refused || doubt == Some(None) {
            return Vec::new();
        }
        let mut all: BTreeSet<String> = BTreeSet::new();
        let only_limits = self.limits && self.allow.is_empty();
        if !(only_limits || self.granted(row)) {
            all.extend(self.held(row).filter_map(|bound| self.doubt(bound, row)));
            all.extend(self.allow.iter().filter_map(|bound| self.membership(bound, row)));
            // What nothing can allow is refused, whatever the rest is.
            if all.is_empty() {
                return Vec::new();
            }
        }
        all.extend(doubt.flatten());
        if self.denied(row) {
            all.insert(
                "no log tells whether a deny policy's principals, condition or project by number hold"
                    .to_owned(),
            );
        }
        all.into_iter().collect()
    }

    fn refuser(&self, row: &Row) -> &'static str {
        match (self.denied(row), self.bounded(row)) {
            (true, _) => "deny",
            (false, true) => "pab",
            _ => "policy",
        }
    }
}

impl Policies {
    /// Reads roles with their bindings, deny policies, and access boundaries with their bindings.
    ///
    /// # Errors
    /// What is none of them.
    pub(super) fn parse(documents: &[String], facts: Facts) -> Result<Self, String> {
        let (allow, deny, boundaries) = (Vec::new(), Vec::new(), Vec::new());
        let mut all = Self { facts, allow, deny, boundaries, limits: false, places: Places::default() };
        for text in documents {
            let value: Json =
                serde_json::from_str(text).map_err(|e| format!("not a role with its binding: {e}"))?;
            all.limits |= value.get("details").is_some() || value.get("rules").is_some();
            if value.get("details").is_some() {
                all.boundaries.extend(limit::boundary(&value)?);
            } else if value.get("rules").is_some() {
                all.deny.extend(limit::deny(&value)?);
            } else if let Some(above @ Json::Object(projects)) = value.get("ancestors") {
                let each = projects.keys().map(|project| Ok((project.clone(), list(above, project)?)));
                all.places.0.extend(each.collect::<Result<Vec<_>, String>>()?);
            } else {
                all.allow.extend(bound(&value)?);
            }
        }
        Ok(all)
    }

    /// What is bound to the principal where the use was.
    fn held<'p>(&'p self, row: &'p Row) -> impl Iterator<Item = &'p Bound> + 'p {
        self.allow.iter().filter(|bound| self.reaches(bound, row))
    }

    fn reaches(&self, bound: &Bound, row: &Row) -> bool {
        self.places.within(row, &bound.place)
            && bound.members.iter().any(|one| member::holds(one, &row.principal))
    }

    fn granted(&self, row: &Row) -> bool {
        let has = |bound: &&Bound| bound.permissions.as_ref().is_some_and(|all| all.contains(&*row.action));
        let held: Vec<&Bound> =
            self.allow.iter().filter(has).filter(|bound| self.reaches(bound, row)).collect();
        // A condition that cannot be told grants nothing. Each time of use may be granted by another binding.
        let always = held.iter().any(|bound| bound.condition.is_none());
        let holds = |at: Timestamp| held.iter().any(|bound| self.holds(bound, row, at) == Some(true));
        always || times(row).into_iter().all(holds)
    }

    /// Whether the binding's condition holds; none where that cannot be told.
    fn holds(&self, bound: &Bound, row: &Row, at: Timestamp) -> Option<bool> {
        match &bound.condition {
            None => Some(true),
            Some(Ok(condition)) => condition.holds(&|path: &str| self.attribute(row, at, path)),
            Some(Err(_)) => None,
        }
    }

    /// Why the binding may grant what it is not known to grant.
    fn doubt(&self, bound: &Bound, row: &Row) -> Option<String> {
        let Some(permissions) = &bound.permissions else {
            return Some(format!("what {} holds is not known", bound.role));
        };
        if !permissions.contains(&*row.action) {
            return None;
        }
        match &bound.condition {
            Some(Err(why)) => Some(format!("the condition of {} cannot be read: {why}", bound.role)),
            _ if times(row).into_iter().any(|at| self.holds(bound, row, at).is_none()) => {
                Some(format!("no log tells whether the condition of {} holds", bound.role))
            }
            _ => None,
        }
    }

    /// Why the binding may hold for the principal all the same: who is in a group or has an attribute, no log tells.
    fn membership(&self, bound: &Bound, row: &Row) -> Option<String> {
        let holds = |one: &String| member::holds(one, &row.principal);
        let may = bound.members.iter().find(|one| member::may_hold(one, &row.principal));
        let has = bound.permissions.as_ref().is_none_or(|all| all.contains(&*row.action));
        let here = has && self.places.within(row, &bound.place) && !bound.members.iter().any(holds);
        let member = may.filter(|_| here)?;
        let at = times(row);
        let never = at.into_iter().any(|at| self.holds(bound, row, at) == Some(false));
        (!never).then(|| format!("no log tells who is in {member}, to whom {} is bound", bound.role))
    }

    /// Whether a deny policy refuses it, or may.
    fn denied(&self, row: &Row) -> bool {
        self.deny.iter().any(|rule| rule.refuses(row, self.facts, &self.places) != Some(false))
    }

    fn bounded(&self, row: &Row) -> bool {
        limit::bounded(&self.boundaries, row, self.facts, &self.places)
    }

    /// What a request for the use has there. The log does not tell the rest.
    fn attribute(&self, row: &Row, at: Timestamp, path: &str) -> Option<Value> {
        if path == "request.time" {
            return at.is_known().then_some(Value::Time(at));
        }
        let (service, relative) = row.target.text.strip_prefix("//")?.split_once('/')?;
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        let named = row.target.level == Level::Named;
        match path {
            "resource.service" => {
                let kind = (self.facts.kind)(&row.action, relative);
                text(kind.and_then(|kind| Some(kind.split_once('/')?.0)).unwrap_or(service))
            }
            "resource.type" => text((self.facts.kind)(&row.action, relative)?),
            "resource.name" => {
                let numbered = (self.facts.numbered)(&row.action, relative);
                Some(match numbered.then(|| without_id(relative)).flatten() {
                    Some(rest) if named => Value::Numbered(rest.to_owned()),
                    Some(rest) => like(&format!("projects/*{rest}")),
                    None if named => Value::Text(relative.to_owned()),
                    None => like(relative),
                })
            }
            _ => None,
        }
    }
}

/// What follows the id of a name's project; none where the project stands there by its number.
fn without_id(relative: &str) -> Option<&str> {
    let own = relative.strip_prefix("projects/")?;
    let (id, _) = own.split_once('/')?;
    if id.bytes().all(|b| b.is_ascii_digit()) { None } else { own.get(id.len()..) }
}

/// A pattern: the characters before its first wildcard and behind its last.
fn like(pattern: &str) -> Value {
    let mut runs = vec![String::new()];
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let literal = rest.strip_prefix("${").and_then(|inner| {
            let mut inner = inner.chars();
            let c = inner.next()?;
            Some((c, inner.as_str().strip_prefix('}')?))
        });
        let (c, after) = literal.unwrap_or((c, rest.get(c.len_utf8()..).unwrap_or("")));
        match runs.last_mut() {
            Some(run) if literal.is_some() || !matches!(c, '*' | '?') => run.push(c),
            _ => runs.push(String::new()),
        }
        rest = after;
    }
    let (head, tail) = (runs.first().cloned().unwrap_or_default(), runs.last().cloned().unwrap_or_default());
    if runs.len() == 1 { Value::Text(head) } else { Value::Like(head, tail) }
}

/// When the use was seen first and last.
fn times(row: &Row) -> BTreeSet<Timestamp> {
    BTreeSet::from([row.seen.first, row.seen.last])
}

/// The texts of a list; none where it is missing.
fn list(value: &Json, key: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("`{key}` must be a list of texts");
    let Some(list) = value.get(key).filter(|list| !list.is_null()) else { return Ok(Vec::new()) };
    let texts = list.as_array().ok_or_else(wrong)?.iter().map(|v| v.as_str().map(str::to_owned));
    texts.collect::<Option<Vec<String>>>().ok_or_else(wrong)
}

/// A role with the bindings that give it.
fn bound(value: &Json) -> Result<Vec<Bound>, String> {
    let missing = |what: &str| format!("not a role with its binding: `{what}` is missing");
    let role = value.pointer("/role/name").and_then(Json::as_str).ok_or_else(|| missing("role.name"))?;
    let known = value.pointer("/role/includedPermissions").is_some();
    let held = || list(value.get("role").unwrap_or(value), "includedPermissions");
    let permissions: Option<BTreeSet<String>> =
        known.then(held).transpose()?.map(|all| all.into_iter().collect());
    let several = value.get("bindings").and_then(Json::as_array).map(Vec::as_slice);
    let bindings = several.or_else(|| value.get("binding").map(std::slice::from_ref));
    let one = |binding: &Json| {
        let at = |key: &str| binding.get(key).ok_or_else(|| missing(&format!("binding.{key}")));
        let bound_role = at("role")?.as_str().unwrap_or("");
        if role != bound_role {
            return Err(format!("the binding is for {bound_role}, the role is {role}"));
        }
        at("members")?;
        let condition = binding.get("condition").filter(|condition| !condition.is_null());
        let expression = condition.map(|condition| {
            let text = condition.get("expression").and_then(Json::as_str).ok_or("it has no `expression`")?;
            Expression::parse(text)
        });
        Ok(Bound {
            place: at("resource")?.as_str().unwrap_or("").to_owned(),
            role: role.to_owned(),
            members: list(binding, "members")?.into_iter().collect(),
            permissions: permissions.clone(),
            condition: expression,
        })
    };
    bindings.ok_or_else(|| missing("binding"))?.iter().map(one).collect()
}
