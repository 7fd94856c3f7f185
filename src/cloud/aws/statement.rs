//! Grants into statements that read: by purpose, reads apart from writes, each with a name for what it does.
//!
//! Statements are joined only where that allows nothing new: an action means something only on the resource types that IAM
//! knows for it, so actions of different types may share a statement with the resources of all of them.

use super::shape;
use crate::catalog;
use crate::catalog::table::ResourceType;
use crate::model::document::{Conditions, Statement};
use crate::model::grant::{Grant, On};
use crate::model::pattern::Pattern;
use crate::wire::fingerprint;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// Condition key → values.
type When = BTreeMap<String, BTreeSet<String>>;

/// What keeps two actions in separate statements.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    /// Service prefix; empty for actions without resource types, which share statements.
    service: String,
    reads: bool,
    conditions: When,
    resources: BTreeSet<String>,
}

/// A statement before it has a name.
#[derive(Clone, Debug)]
struct Purpose {
    /// Services that may share it.
    family: String,
    services: BTreeSet<String>,
    reads: bool,
    conditions: When,
    actions: BTreeSet<String>,
    resources: BTreeSet<String>,
}

/// How far reads of different services may stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// In one statement for all.
    Together,
    /// In one for each group of services.
    ByGroup,
}

/// Statements for the grants, named apart from those `taken`, in reading order.
pub(super) fn statements(grants: &[&Grant], reads: Reads, taken: &BTreeSet<String>) -> Vec<Statement> {
    let mut joined: Vec<Purpose> = Vec::new();
    let mut asked = Asked::default();
    for purpose in purposes(grants, reads) {
        match joined.iter_mut().find(|known| known.admits(&purpose, &mut asked)) {
            Some(known) => known.take(purpose),
            None => joined.push(purpose),
        }
    }
    let mut all: Vec<Statement> = joined.into_iter().map(Purpose::statement).collect();
    name_apart(&mut all, taken);
    sort(&mut all);
    all
}

/// Groups of actions with the very same resources and conditions.
fn purposes(grants: &[&Grant], reads: Reads) -> Vec<Purpose> {
    let mut by_action: BTreeMap<(String, bool, &When, &str), BTreeSet<String>> = BTreeMap::new();
    for grant in grants {
        let (service, resource) = match &grant.on {
            On::Service => (String::new(), "*".to_owned()),
            On::Resource(pattern) => (prefix(&grant.action).to_owned(), pattern.to_string()),
        };
        let key = (service, is_read(&grant.action), &grant.when, grant.action.as_str());
        by_action.entry(key).or_default().insert(resource);
    }
    let mut groups: BTreeMap<Group, BTreeSet<String>> = BTreeMap::new();
    for ((service, reads, conditions, action), resources) in by_action {
        let group = Group { service, reads, conditions: conditions.clone(), resources };
        groups.entry(group).or_default().insert(action.to_owned());
    }
    let mut all: Vec<Purpose> = groups
        .into_iter()
        .map(|(group, actions)| Purpose {
            family: family(&group, reads),
            services: BTreeSet::from([group.service]),
            reads: group.reads,
            conditions: group.conditions,
            actions,
            resources: group.resources,
        })
        .collect();
    // The largest first: it gives the statement its character, the others join it.
    all.sort_by_key(|purpose| std::cmp::Reverse(purpose.actions.len()));
    all
}

fn family(group: &Group, reads: Reads) -> String {
    if !group.conditions.is_empty() || group.service.is_empty() {
        return group.service.clone();
    }
    match service_group(&group.service) {
        _ if group.reads && reads == Reads::Together => "read".to_owned(),
        "other" => group.service.clone(),
        known => known.to_owned(),
    }
}

/// The group of services a service belongs to.
pub(super) fn service_group(service: &str) -> &'static str {
    let group = catalog::aws().groups.iter().find(|g| g.services.iter().any(|s| s == service));
    group.map_or("other", |g| g.name.as_str())
}

impl Purpose {
    /// Whether the two can stand together and still mean what each of them means.
    fn admits(&self, other: &Self, asked: &mut Asked) -> bool {
        let alone = |purpose: &Self| purpose.services.contains("");
        self.family == other.family
            && self.reads == other.reads
            && self.conditions == other.conditions
            && !alone(self)
            && !alone(other)
            && apart(&self.actions, &other.resources, &self.resources, asked)
            && apart(&other.actions, &self.resources, &other.resources, asked)
    }

    fn take(&mut self, other: Self) {
        self.services.extend(other.services);
        self.actions.extend(other.actions);
        self.resources.extend(other.resources);
    }

    fn statement(self) -> Statement {
        Statement {
            id: self.name(),
            effect: "Allow",
            conditions: conditions(&self.conditions),
            actions: self.actions.into_iter().collect(),
            resources: self.resources.into_iter().collect(),
            except: Vec::new(),
        }
    }

    /// What the statement is for, as a `Sid`: service, access, type.
    fn name(&self) -> String {
        let access = if self.reads { "Read" } else { "Write" };
        let mut actions = self.actions.iter();
        if let (Some(action), None) = (actions.next(), actions.next()) {
            let (service, name) = action.split_once(':').unwrap_or(("", action));
            return camel(service) + &alphanumeric(name);
        }
        let mut services = self.services.iter();
        let (Some(service), None) = (services.next(), services.next()) else {
            return if self.family == "read" { access.to_owned() } else { camel(&self.family) + access };
        };
        if service.is_empty() {
            return format!("{access}WithoutResourceTypes");
        }
        let known = catalog::aws().table.service(service);
        let types: BTreeSet<&str> = self
            .resources
            .iter()
            .filter_map(|r| known.and_then(|s| s.types.get(s.type_of(r)?)).map(|t| t.name))
            .collect();
        let what = match types.iter().collect::<Vec<_>>().as_slice() {
            [one] => camel(one),
            _ => String::new(),
        };
        let service = camel(service);
        let what = if what == service { String::new() } else { what };
        format!("{service}{access}{what}")
    }
}

/// Whether none of the actions means anything on those resources, beside the ones they share.
fn apart(
    actions: &BTreeSet<String>,
    resources: &BTreeSet<String>,
    shared: &BTreeSet<String>,
    asked: &mut Asked,
) -> bool {
    let foreign: Vec<&String> = resources.difference(shared).collect();
    actions.iter().all(|action| {
        let known = asked.entry(action.clone()).or_default();
        foreign.iter().all(|resource| match known.get(resource.as_str()) {
            Some(applies) => !applies,
            None => {
                let applies = applies(action, resource);
                known.insert((*resource).clone(), applies);
                !applies
            }
        })
    })
}

/// Action → resource → whether it means anything there: asked once for each pair.
type Asked = FxHashMap<String, FxHashMap<String, bool>>;

/// Whether IAM asks for the action on anything that the resource text stands for. What the catalog does not know may.
pub(super) fn applies(action: &str, resource: &str) -> bool {
    let Some((service, known)) = catalog::aws().table.action(action) else { return true };
    if resource == "*" {
        return true;
    }
    let field = resource.split(':').nth(2);
    if service.prefix == "apigateway" {
        return field == Some("apigateway") && shape::path_takes(known.name, resource);
    }
    if known.types.is_empty() {
        return true;
    }
    let more = catalog::aws().types.iter().filter(|row| row.actions.iter().any(|a| a == action));
    let more: BTreeSet<&str> = more.flat_map(|row| &row.types).map(String::as_str).collect();
    let listed = |at: usize| known.types.iter().any(|(known, _)| *known == at);
    let types = service.types.iter().enumerate().filter(|(at, kind)| listed(*at) || more.contains(kind.name));
    // No wildcard reaches into the service field: most pairs are told apart by it alone.
    let near =
        |kind: &ResourceType| kind.templates.iter().any(|t| t.service().is_none() || t.service() == field);
    types.filter(|(_, kind)| near(kind)).any(|(at, kind)| {
        if kind.fits(resource) {
            // Whatever the text stands for is of the most specific type that fits.
            return service.is_type(at, resource);
        }
        kind.templates.iter().map(shape::anywhere).any(|all| meets(&all.to_string(), resource))
    })
}

/// Whether a name of the type may be one of those the resource text stands for. Partition, service, region and account are
/// fields of their own: no wildcard of a policy's own part reaches into them, and where a type has none, its names have none.
fn meets(kind: &str, resource: &str) -> bool {
    let (mut known, mut asked) = (kind.splitn(6, ':'), resource.splitn(6, ':'));
    let fields = known.by_ref().take(5).zip(asked.by_ref().take(5));
    let one = |(known, asked): (&str, &str)| {
        let empty = known.is_empty() && !asked.contains('*');
        if empty || asked.is_empty() {
            known == asked
        } else {
            Pattern::parse(known).overlaps(&Pattern::parse(asked))
        }
    };
    let same: Vec<bool> = fields.map(one).collect();
    same.iter().all(|same| *same)
        && match (known.next(), asked.next()) {
            (Some(known), Some(asked)) => Pattern::parse(known).overlaps(&Pattern::parse(asked)),
            // A wildcard that stands for several fields.
            _ => true,
        }
}

/// Whether the action may mean something there: also where the catalog does not know what the resource is.
pub(super) fn may_apply(action: &str, resource: &str) -> bool {
    applies(action, resource)
        || (resource.split(':').nth(2) == Some(prefix(action)) && shape::type_of(resource).is_none())
}

/// Conditions as a document writes them.
pub(super) fn conditions(when: &When) -> Conditions {
    let mut conditions = Conditions::new();
    for (key, values) in when {
        // Not ArnEquals, in which `*` is a wildcard; a `$` could start a policy variable.
        let keys = conditions.entry(operator(key).to_owned()).or_default();
        keys.insert(key.clone(), values.iter().map(|value| value.replace('$', "${$}")).collect());
    }
    conditions
}

/// Of a key that a request has several values of, one must be among those listed.
fn operator(key: &str) -> &'static str {
    let known = &catalog::aws().conditions.condition;
    let several = known.iter().any(|row| row.key == key && row.several);
    if several { "ForAnyValue:StringEquals" } else { "StringEquals" }
}

fn is_read(action: &str) -> bool {
    catalog::aws().table.action(action).is_some_and(|(_, known)| known.level.reads())
}

/// Reading order: what is read, what is written, what takes no resource; by name.
pub(super) fn sort(all: &mut [Statement]) {
    let rank = |statement: &Statement| {
        let everything = statement.resources.iter().any(|r| r == "*");
        (everything, !statement.actions.iter().all(|action| is_read(action)))
    };
    all.sort_by(|a, b| (rank(a), &a.id).cmp(&(rank(b), &b.id)));
}

/// The IAM prefix of an action.
pub(super) fn prefix(action: &str) -> &str {
    action.split(':').next().unwrap_or(action)
}

pub(super) fn alphanumeric(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

pub(super) fn camel(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    words.map(|w| w.get(..1).unwrap_or("").to_ascii_uppercase() + w.get(1..).unwrap_or("")).collect()
}

/// Tells statements of the same purpose apart: the largest keeps the name, the others are called after their first
/// action; never by their order.
fn name_apart(all: &mut [Statement], taken: &BTreeSet<String>) {
    let mut taken = taken.clone();
    let mut largest: Vec<&mut Statement> = all.iter_mut().collect();
    largest.sort_by_key(|statement| {
        (std::cmp::Reverse(statement.actions.len()), statement.actions.clone(), statement.resources.clone())
    });
    for statement in largest {
        if taken.insert(statement.id.clone()) {
            continue;
        }
        let (service, name) = statement.actions.first().and_then(|a| a.split_once(':')).unwrap_or(("", ""));
        let more = if statement.actions.len() > 1 { "AndMore" } else { "" };
        let id = format!("{}{}{more}", camel(service), alphanumeric(name));
        let id = if taken.contains(&id) { format!("{}{}", statement.id, digest(statement)) } else { id };
        taken.insert(id.clone());
        statement.id = id;
    }
}

/// Eight characters that stand for the statement's content.
pub(super) fn digest(statement: &Statement) -> String {
    let content = format!("{:?}{:?}{:?}", statement.actions, statement.resources, statement.conditions);
    format!("{:08x}", fingerprint::hash(&content) >> 32)
}

#[cfg(test)]
mod tests {
    use super::applies;

    #[test]
    fn actions_mean_something_only_on_their_types() {
        let bucket = "arn:aws:s3:::orders";
        assert!(applies("s3:ListBucket", bucket) && !applies("s3:GetObject", bucket));
        assert!(!applies("s3:ListBucket", "arn:aws:sqs:eu-central-1:111122223333:orders"));
        assert!(applies("s3:GetObject", "arn:aws:s3:::orders*"), "a star takes in the keys of such a bucket");
        assert!(applies("s3:GetObject", "*"));
        assert!(
            !applies("s3:ListBucket", "arn:aws:s3:::orders/incoming/*"),
            "below a bucket there are objects"
        );
    }
}
