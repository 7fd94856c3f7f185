//! Grants into statements that read: by purpose, reads apart from writes, each with a name for what it does.
//!
//! Statements are joined only where that allows nothing new: an action means something only on the resource types that IAM
//! knows for it, so actions of different types may share a statement with the resources of all of them.

use super::meaning::{Asked, Kinds};
use crate::catalog;
use crate::model::document::{Conditions, Statement};
use crate::model::grant::{Grant, On};
use crate::wire::fingerprint;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Condition key → values.
type When = BTreeMap<String, BTreeSet<String>>;

/// What keeps two actions in separate statements.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group<'g> {
    /// Service prefix; empty for actions without resource types, which share statements.
    service: &'g str,
    reads: bool,
    conditions: &'g When,
    resources: BTreeSet<usize>,
}

/// A statement before it has a name; actions and resources are places in [`Names`].
#[derive(Clone, Debug)]
struct Purpose<'g> {
    /// Services that may share it.
    family: &'g str,
    services: BTreeSet<&'g str>,
    reads: bool,
    conditions: &'g When,
    actions: BTreeSet<usize>,
    resources: BTreeSet<usize>,
}

/// The texts of some grants, sorted, so that places compare as texts do.
pub(super) struct Names<'g> {
    pub(super) actions: Vec<&'g str>,
    pub(super) resources: Vec<&'g str>,
}

/// What of a grant its statement is made from.
#[derive(Clone, Debug)]
pub(super) struct Ask<'g> {
    pub(super) action: &'g str,
    when: &'g When,
    pub(super) resource: Cow<'g, str>,
    /// The action has no resource level.
    alone: bool,
}

impl<'g> Ask<'g> {
    /// A grant whose resource is `written` so.
    pub(super) fn of(grant: &'g Grant, written: Cow<'g, str>) -> Self {
        let alone = grant.on == On::Service;
        Self { action: &grant.action, when: &grant.when, resource: written, alone }
    }
}

/// What each of some grants asks for.
pub(super) fn asks<'g>(grants: impl IntoIterator<Item = &'g Grant>) -> Vec<Ask<'g>> {
    grants.into_iter().map(|grant| Ask::of(grant, resource(grant).into())).collect()
}

impl<'g> Names<'g> {
    fn of(asks: &'g [Ask<'_>]) -> Self {
        let mut actions: Vec<&str> = asks.iter().map(|ask| ask.action).collect();
        let mut resources: Vec<&str> = asks.iter().map(|ask| ask.resource.as_ref()).collect();
        actions.sort_unstable();
        actions.dedup();
        resources.sort_unstable();
        resources.dedup();
        Self { actions, resources }
    }

    pub(super) fn action(&self, at: usize) -> &'g str {
        self.actions.get(at).copied().unwrap_or("")
    }

    pub(super) fn resource(&self, at: usize) -> &'g str {
        self.resources.get(at).copied().unwrap_or("")
    }
}

/// A grant's resource as a statement writes it.
pub(super) fn resource(grant: &Grant) -> String {
    match &grant.on {
        On::Service => "*".to_owned(),
        On::Resource(pattern) => pattern.to_string(),
    }
}

/// How far reads of different services may stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// In one statement for all.
    Together,
    /// In one for each group of services.
    ByGroup,
}

/// Statements for what is asked, named apart from those `taken`, in reading order.
pub(super) fn statements(
    asks: &[Ask<'_>],
    reads: Reads,
    taken: &BTreeSet<String>,
    kinds: &mut Kinds,
) -> Vec<Statement> {
    ordered(joined(asks, reads, kinds), taken)
}

/// Statements of any number of services in reading order, named apart from those `taken` and from each other.
pub(super) fn ordered(mut all: Vec<Statement>, taken: &BTreeSet<String>) -> Vec<Statement> {
    let names = apart(&all.iter().collect::<Vec<_>>(), taken);
    for (at, name) in names {
        if let Some(statement) = all.get_mut(at) {
            statement.id = name;
        }
    }
    sort(&mut all);
    all
}

/// Statements for what is asked, of which several may have one name. What is asked of one group of services has no part in
/// the statements of another.
pub(super) fn joined(asks: &[Ask<'_>], reads: Reads, kinds: &mut Kinds) -> Vec<Statement> {
    let names = Names::of(asks);
    let mut joined: Vec<Purpose<'_>> = Vec::new();
    let mut asked = Asked::new(&names, kinds);
    for purpose in purposes(asks, &names, reads) {
        match joined.iter_mut().find(|known| known.admits(&purpose, &mut asked)) {
            Some(known) => known.take(purpose),
            None => joined.push(purpose),
        }
    }
    joined.into_iter().map(|purpose| purpose.statement(&names)).collect()
}

/// Groups of actions with the very same resources and conditions.
fn purposes<'g>(asks: &'g [Ask<'_>], names: &Names<'g>, reads: Reads) -> Vec<Purpose<'g>> {
    let read: Vec<bool> = names.actions.iter().map(|action| is_read(action)).collect();
    let mut by_action: BTreeMap<(&'g str, bool, &'g When, usize), BTreeSet<usize>> = BTreeMap::new();
    for ask in asks {
        let service = if ask.alone { "" } else { prefix(ask.action) };
        let action = names.actions.binary_search(&ask.action).unwrap_or_default();
        let resource = names.resources.binary_search(&ask.resource.as_ref()).unwrap_or_default();
        let key = (service, read.get(action) == Some(&true), ask.when, action);
        by_action.entry(key).or_default().insert(resource);
    }
    let mut groups: BTreeMap<Group<'g>, BTreeSet<usize>> = BTreeMap::new();
    for ((service, reads, conditions, action), resources) in by_action {
        let group = Group { service, reads, conditions, resources };
        groups.entry(group).or_default().insert(action);
    }
    let mut all: Vec<Purpose<'g>> = groups
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

fn family<'g>(group: &Group<'g>, reads: Reads) -> &'g str {
    if !group.conditions.is_empty() || group.service.is_empty() {
        return group.service;
    }
    match service_group(group.service) {
        _ if group.reads && reads == Reads::Together => "read",
        "other" => group.service,
        known => known,
    }
}

/// The group of services a service belongs to.
pub(super) fn service_group(service: &str) -> &'static str {
    let group = catalog::aws().groups.iter().find(|g| g.services.iter().any(|s| s == service));
    group.map_or("other", |g| g.name.as_str())
}

impl Purpose<'_> {
    /// Whether the two can stand together and still mean what each of them means.
    fn admits(&self, other: &Self, asked: &mut Asked<'_, '_>) -> bool {
        let alone = |purpose: &Self| purpose.services.contains("");
        self.family == other.family
            && self.reads == other.reads
            && self.conditions == other.conditions
            && !alone(self)
            && !alone(other)
            && asked.apart(&self.actions, &other.resources, &self.resources)
            && asked.apart(&other.actions, &self.resources, &other.resources)
    }

    fn take(&mut self, other: Self) {
        self.services.extend(other.services);
        self.actions.extend(other.actions);
        self.resources.extend(other.resources);
    }

    fn statement(self, names: &Names<'_>) -> Statement {
        Statement {
            id: self.name(names),
            effect: "Allow",
            conditions: conditions(self.conditions),
            actions: self.actions.into_iter().map(|at| names.action(at).to_owned()).collect(),
            resources: self.resources.into_iter().map(|at| names.resource(at).to_owned()).collect(),
            except: Vec::new(),
        }
    }

    /// What the statement is for, as a `Sid`: service, access, type.
    fn name(&self, names: &Names<'_>) -> String {
        let access = if self.reads { "Read" } else { "Write" };
        let mut actions = self.actions.iter();
        if let (Some(action), None) = (actions.next(), actions.next()) {
            let action = names.action(*action);
            let (service, name) = action.split_once(':').unwrap_or(("", action));
            return camel(service) + &alphanumeric(name);
        }
        let mut services = self.services.iter();
        let (Some(service), None) = (services.next(), services.next()) else {
            return if self.family == "read" { access.to_owned() } else { camel(self.family) + access };
        };
        if service.is_empty() {
            return format!("{access}WithoutResourceTypes");
        }
        let known = catalog::aws().table.service(service);
        let types: BTreeSet<&str> = self
            .resources
            .iter()
            .filter_map(|at| known.and_then(|s| s.types.get(s.type_of(names.resource(*at))?)).map(|t| t.name))
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
    all.sort_by_cached_key(|statement| (rank(statement), statement.id.clone()));
}

/// What comes before the name in reading order.
pub(super) fn rank(statement: &Statement) -> (bool, bool) {
    let everything = statement.resources.iter().any(|r| r == "*");
    (everything, !statement.actions.iter().all(|action| is_read(action)))
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

/// Other names for statements of the same purpose, by place: the largest keeps the name, the others are called after their
/// first action; never by their order.
pub(super) fn apart(all: &[&Statement], taken: &BTreeSet<String>) -> BTreeMap<usize, String> {
    let mut taken: BTreeSet<Cow<'_, str>> = taken.iter().map(|name| Cow::Borrowed(name.as_str())).collect();
    let mut largest: Vec<(usize, &Statement)> = all.iter().copied().enumerate().collect();
    largest.sort_by(|(_, a), (_, b)| {
        let texts = || (&a.actions, &a.resources).cmp(&(&b.actions, &b.resources));
        b.actions.len().cmp(&a.actions.len()).then_with(texts)
    });
    let mut names = BTreeMap::new();
    for (at, statement) in largest {
        if taken.insert(Cow::Borrowed(&statement.id)) {
            continue;
        }
        let (service, name) = statement.actions.first().and_then(|a| a.split_once(':')).unwrap_or(("", ""));
        let more = if statement.actions.len() > 1 { "AndMore" } else { "" };
        let id = format!("{}{}{more}", camel(service), alphanumeric(name));
        let id =
            if taken.contains(id.as_str()) { format!("{}{}", statement.id, digest(statement)) } else { id };
        taken.insert(Cow::Owned(id.clone()));
        names.insert(at, id);
    }
    names
}

/// Eight characters that stand for the statement's content.
pub(super) fn digest(statement: &Statement) -> String {
    let content = format!("{:?}{:?}{:?}", statement.actions, statement.resources, statement.conditions);
    format!("{:08x}", fingerprint::hash(&content) >> 32)
}
