//! Grants into IAM policy documents: statements that read, say what they are for, and fit.

use crate::catalog;
use crate::catalog::table::AccessLevel;
use crate::cloud::Subject;
use crate::model::document::{Conditions, Document, DocumentKind, DoesNotFit, Statement};
use crate::model::grant::{Grant, On};
use crate::model::pattern::Pattern;
use crate::wire::fingerprint;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Characters of a customer managed policy, white space not counted (IAM quotas).
const POLICY_LIMIT: usize = 6_144;
/// Managed policies a role takes by default is ten (IAM quotas); five stay free for what people attach by hand.
const DOCUMENT_LIMIT: usize = 5;

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

/// Packs grants into documents.
pub(super) fn package(who: &Subject<'_>, grants: &[Grant]) -> Result<Vec<Document>, DoesNotFit> {
    let statements = statements(grants);
    let whole = document(who, DocumentKind::Policy, who.slug.to_owned(), statements.clone());
    if whole.size.0 <= POLICY_LIMIT {
        return Ok(vec![whole]);
    }
    split(who, statements)
}

/// A document of the given statements.
pub(super) fn document(
    who: &Subject<'_>,
    kind: DocumentKind,
    name: String,
    statements: Vec<Statement>,
) -> Document {
    let value = policy_json(&statements);
    Document {
        kind,
        name,
        scope: String::new(),
        principal: who.principal.to_owned(),
        text: format!("{value:#}\n"),
        size: (length(&value), POLICY_LIMIT),
        statements,
        notes: Vec::new(),
    }
}

/// Characters as IAM counts them: without white space between tokens.
fn length(value: &Value) -> usize {
    value.to_string().chars().count()
}

/// The document as IAM reads it.
fn policy_json(statements: &[Statement]) -> Value {
    let all: Vec<Value> = statements.iter().map(statement_json).collect();
    json!({ "Version": "2012-10-17", "Statement": all })
}

fn statement_json(statement: &Statement) -> Value {
    let mut map = Map::new();
    map.insert("Sid".to_owned(), json!(statement.id));
    map.insert("Effect".to_owned(), json!(statement.effect));
    map.insert("Action".to_owned(), one_or_many(&statement.actions));
    if statement.resources.is_empty() {
        map.insert("NotResource".to_owned(), one_or_many(&statement.except));
    } else {
        map.insert("Resource".to_owned(), one_or_many(&statement.resources));
    }
    if !statement.conditions.is_empty() {
        let operators = statement.conditions.iter().map(|(op, keys)| {
            let keys: Map<String, Value> = keys.iter().map(|(k, v)| (k.clone(), one_or_many(v))).collect();
            (op.clone(), Value::Object(keys))
        });
        map.insert("Condition".to_owned(), Value::Object(operators.collect()));
    }
    Value::Object(map)
}

fn one_or_many(values: &[String]) -> Value {
    match values {
        [one] => json!(one),
        many => json!(many),
    }
}

/// Joins grants whose union allows nothing new: actions of one service and access with the very same resources and
/// conditions. Actions without resource types stand on `*` in statements of their own.
fn statements(grants: &[Grant]) -> Vec<Statement> {
    let mut by_action: BTreeMap<(String, bool, &When, &str), BTreeSet<String>> = BTreeMap::new();
    for grant in grants {
        let known = catalog::aws().table.action(&grant.action);
        let reads = known.is_some_and(|(_, action)| action.level.reads());
        let (service, resource) = match &grant.on {
            On::Service => (String::new(), "*".to_owned()),
            On::Resource(pattern) => (prefix(&grant.action).to_owned(), pattern.to_string()),
        };
        by_action.entry((service, reads, &grant.when, &grant.action)).or_default().insert(resource);
    }
    let mut groups: BTreeMap<Group, Vec<String>> = BTreeMap::new();
    for ((service, reads, conditions, action), resources) in by_action {
        let group = Group { service, reads, conditions: conditions.clone(), resources };
        groups.entry(group).or_default().push(action.to_owned());
    }
    let mut all: Vec<Statement> =
        groups.into_iter().map(|(group, actions)| statement(group, actions)).collect();
    name_apart(&mut all);
    all.sort_by(|a, b| order(a).cmp(&order(b)));
    all
}

/// Named resources before `*`, then by id.
fn order(statement: &Statement) -> (bool, &str) {
    (statement.resources.iter().any(|r| r == "*"), &statement.id)
}

fn statement(group: Group, mut actions: Vec<String>) -> Statement {
    actions.sort();
    let mut conditions = Conditions::new();
    for (key, values) in &group.conditions {
        // Not ArnEquals, in which `*` is a wildcard; a `$` could start a policy variable.
        let keys = conditions.entry("StringEquals".to_owned()).or_default();
        keys.insert(key.clone(), values.iter().map(|value| value.replace('$', "${$}")).collect());
    }
    let id = purpose(&group, &actions);
    let resources = group.resources.into_iter().collect();
    Statement { id, effect: "Allow", actions, resources, except: Vec::new(), conditions }
}

pub(super) fn prefix(action: &str) -> &str {
    action.split(':').next().unwrap_or(action)
}

/// What a statement is for, as a `Sid`: service, access, type.
fn purpose(group: &Group, actions: &[String]) -> String {
    let access = if group.reads { "Read" } else { "Write" };
    if let [action] = actions {
        let (service, name) = action.split_once(':').unwrap_or(("", action));
        return camel(service) + &alphanumeric(name);
    }
    if group.service.is_empty() {
        return format!("{access}WithoutResourceTypes");
    }
    let service = catalog::aws().table.service(&group.service);
    let types: BTreeSet<&str> = group
        .resources
        .iter()
        .filter_map(|r| service.and_then(|s| s.types.get(s.type_of(r)?)).map(|t| t.name))
        .collect();
    let what = match types.iter().collect::<Vec<_>>().as_slice() {
        [one] => camel(one),
        _ => String::new(),
    };
    let service = camel(&group.service);
    let what = if what == service { String::new() } else { what };
    format!("{service}{access}{what}")
}

pub(super) fn alphanumeric(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

pub(super) fn camel(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    words.map(|w| w.get(..1).unwrap_or("").to_ascii_uppercase() + w.get(1..).unwrap_or("")).collect()
}

/// Tells statements of the same purpose apart by their first action; never by their order.
fn name_apart(all: &mut [Statement]) {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for statement in all.iter() {
        *count.entry(statement.id.clone()).or_default() += 1;
    }
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for statement in all.iter_mut() {
        if count.get(&statement.id).is_some_and(|count| *count == 1) {
            continue;
        }
        let (service, name) = statement.actions.first().and_then(|a| a.split_once(':')).unwrap_or(("", ""));
        let more = if statement.actions.len() > 1 { "AndMore" } else { "" };
        let id = format!("{}{}{more}", camel(service), alphanumeric(name));
        let fresh = !count.contains_key(&id) && taken.insert(id.clone());
        statement.id = if fresh { id } else { format!("{}{}", statement.id, digest(statement)) };
    }
}

fn digest(statement: &Statement) -> String {
    let content = statement_json(statement).to_string();
    format!("{:08x}", fingerprint::hash(&content) >> 32)
}

/// Fills documents with whole service groups; a group that is too large alone is cut by statements.
fn split(who: &Subject<'_>, statements: Vec<Statement>) -> Result<Vec<Document>, DoesNotFit> {
    let mut groups: BTreeMap<String, Vec<Statement>> = BTreeMap::new();
    for statement in statements {
        groups.entry(group_of(&statement)).or_default().extend(cut(statement));
    }
    let mut filled: Vec<(Vec<String>, Vec<Statement>)> = Vec::new();
    for (group, statements) in groups {
        let joined = filled.last().map(|(_, last)| [last.as_slice(), &statements].concat());
        if let (Some(joined), Some(last)) = (joined.filter(|all| fits(all)), filled.last_mut()) {
            *last = ([last.0.as_slice(), &[group]].concat(), joined);
        } else {
            filled.extend(halves(statements).into_iter().map(|part| (vec![group.clone()], part)));
        }
    }
    let total: usize = filled.iter().map(|(_, s)| length(&policy_json(s))).sum();
    if filled.len() > DOCUMENT_LIMIT || filled.iter().any(|(_, s)| !fits(s)) {
        return Err(DoesNotFit(format!(
            "the exact grants need {total} characters in {} documents; {DOCUMENT_LIMIT} documents of {POLICY_LIMIT} \
             characters can be attached while {DOCUMENT_LIMIT} attachments stay free",
            filled.len()
        )));
    }
    let mut names = BTreeSet::new();
    let documents = filled.into_iter().map(|(groups, statements)| {
        let mut name = format!("{}-{}", who.slug, groups.join("-"));
        if !names.insert(name.clone()) {
            let first = statements.first().map_or(String::new(), digest);
            name = format!("{name}-{first}");
        }
        document(who, DocumentKind::Policy, name, statements)
    });
    Ok(documents.collect())
}

fn fits(statements: &[Statement]) -> bool {
    length(&policy_json(statements)) <= POLICY_LIMIT
}

/// Statements in as few documents as their order allows.
fn halves(statements: Vec<Statement>) -> Vec<Vec<Statement>> {
    let mut filled: Vec<Vec<Statement>> = Vec::new();
    for statement in statements {
        if let Some(last) = filled.last_mut() {
            last.push(statement.clone());
            if fits(last) {
                continue;
            }
            last.pop();
        }
        filled.push(vec![statement]);
    }
    filled
}

/// The group of services a statement belongs to, for the name of its document.
fn group_of(statement: &Statement) -> String {
    let service = statement.actions.first().map_or("", |a| prefix(a));
    let known = &catalog::aws().groups;
    let all = statement.resources.iter().any(|r| r == "*")
        && statement.actions.iter().any(|a| prefix(a) != service);
    let group = known.iter().find(|g| !all && g.services.iter().any(|s| s == service));
    group.map_or_else(|| "other".to_owned(), |g| g.name.clone())
}

/// Cuts a statement that is too long for any document into halves by resource, then by action.
fn cut(statement: Statement) -> Vec<Statement> {
    if fits(std::slice::from_ref(&statement)) {
        return vec![statement];
    }
    let by_resource = statement.resources.len() > 1;
    let list = if by_resource { &statement.resources } else { &statement.actions };
    if list.len() < 2 {
        return vec![statement];
    }
    let (head, tail) = list.split_at(list.len() / 2);
    let half = |part: &[String]| {
        let mut half = statement.clone();
        *(if by_resource { &mut half.resources } else { &mut half.actions }) = part.to_vec();
        half.id = format!("{}{}", statement.id, digest(&half));
        half
    };
    [half(head), half(tail)].into_iter().flat_map(cut).collect()
}

/// The type of what was made, in the place where it was made: the ARN with its last part open.
pub(super) fn created(action: &str, made: &Pattern) -> Option<Pattern> {
    let (_, known) = catalog::aws().table.action(action)?;
    let makes = catalog::aws().infer.review.iter().flat_map(|row| &row.makes);
    let creates = known.level == AccessLevel::Tagging
        || makes.into_iter().any(|verb| known.name.starts_with(verb.as_str()));
    let text = made.to_string();
    let at = text.rfind(['/', ':']).filter(|_| creates && made.is_exact())?;
    let head = text.get(..=at).filter(|head| head.split(':').count() > 5)?;
    Some(Pattern::parse(&format!("{head}*")))
}

/// Another form of the same resource that IAM checks the action under: `qualifier.toml`.
pub(super) fn qualify(action: &str, pattern: &Pattern) -> Option<(Pattern, &'static str)> {
    let (service, _) = catalog::aws().table.action(action)?;
    let text = pattern.to_string();
    let kind = service.types.get(service.type_of(&text)?)?;
    let wanted = format!("{}:{}", service.prefix, kind.name);
    let row = catalog::aws().qualifiers.iter().find(|row| row.resource == wanted)?;
    let fits =
        !text.ends_with(&row.suffix) && !text.ends_with('*') && !row.except.iter().any(|a| a == action);
    fits.then(|| (Pattern::parse(&format!("{text}{}", row.suffix)), row.because.as_str()))
}
