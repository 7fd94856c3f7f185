//! Statements into IAM policy documents that fit.

use super::layout::Pool;
use super::meaning::Kinds;
use super::scales::at_least;
use super::statement::{self, Reads, asks, digest, prefix, service_group, statements};
use crate::cloud::Subject;
use crate::model::document::{Document, DocumentKind, DoesNotFit, Layout, Packing, Statement};
use crate::model::grant::Grant;
use crate::model::identity::Kind;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Characters of a customer managed policy, white space not counted (IAM quotas).
pub(super) const POLICY_LIMIT: usize = 6_144;
/// Characters of all inline policies of a role or user together, white space not counted (IAM quotas).
const ROLE_INLINE_LIMIT: usize = 10_240;
const USER_INLINE_LIMIT: usize = 2_048;
/// Characters of a permission set's inline policy, white space not counted (Identity Center quotas).
const SET_INLINE_LIMIT: usize = 10_240;

/// Packs grants into documents, those that stood before first.
pub(super) fn package(
    who: &Subject<'_>,
    grants: &[Grant],
    layout: &[Layout],
    packing: &Packing,
) -> Result<Vec<Document>, DoesNotFit> {
    if layout.is_empty() {
        return fresh(who, grants, packing);
    }
    let mut pool = Pool::new(grants);
    let limit = if layout.len() < 2 { single_limit(who.kind, packing) } else { POLICY_LIMIT };
    let standing = pool.standing(layout, |statements| length(statements) <= limit);
    // One inline policy is all there is: it is laid out anew when it cannot hold what is new.
    let written = if packing.inline { 1 } else { usize::MAX };
    if standing.is_empty() || standing.len() > written {
        return fresh(who, grants, packing);
    }
    let taken = standing.iter().flat_map(|d| &d.statements).map(|s| s.id.clone()).collect();
    let new = statements(&asks(pool.rest()), Reads::ByGroup, &taken, &mut Kinds::default());
    match add(who, standing, new, packing) {
        Ok(documents) if documents.len() <= written => Ok(documents),
        Ok(_) => fresh(who, grants, packing),
        // What has grown step by step may need more room than it would laid out at once.
        Err(why) => fresh(who, grants, packing).map_err(|_| why),
    }
}

/// Documents without regard to former ones.
fn fresh(who: &Subject<'_>, grants: &[Grant], packing: &Packing) -> Result<Vec<Document>, DoesNotFit> {
    let (asks, mut kinds) = (asks(grants), Kinds::default());
    let single = single_limit(who.kind, packing);
    if packing.inline || at_least(asks.iter()) <= single {
        let together = statements(&asks, Reads::Together, &BTreeSet::new(), &mut kinds);
        let size = length(&together);
        if size <= single {
            return Ok(vec![limited(who, who.slug.to_owned(), together, single)]);
        }
        if packing.inline {
            return Err(DoesNotFit::new(format!(
                "the grants need {size} characters; an inline policy holds {single}: leave out --inline, or loosen"
            )));
        }
    }
    split(who, statements(&asks, Reads::ByGroup, &BTreeSet::new(), &mut kinds), packing)
}

/// Characters of a document that stands alone.
fn single_limit(kind: Kind, packing: &Packing) -> usize {
    match kind {
        _ if !packing.inline => POLICY_LIMIT,
        Kind::PermissionSet => SET_INLINE_LIMIT,
        Kind::User => USER_INLINE_LIMIT,
        _ => ROLE_INLINE_LIMIT,
    }
}

fn limited(who: &Subject<'_>, name: String, statements: Vec<Statement>, limit: usize) -> Document {
    let document = document(who, DocumentKind::Policy, name, statements);
    Document { inline: limit != POLICY_LIMIT, size: (document.size.0, limit), ..document }
}

/// Puts new statements beside the standing ones: where their services are, else where there is room.
fn add(
    who: &Subject<'_>,
    mut standing: Vec<Layout>,
    new: Vec<Statement>,
    packing: &Packing,
) -> Result<Vec<Document>, DoesNotFit> {
    let limit = if standing.len() == 1 { single_limit(who.kind, packing) } else { POLICY_LIMIT };
    for (statement, size) in new.into_iter().flat_map(cut) {
        let group = group_of(&statement);
        let near = |document: &Layout| document.statements.iter().any(|s| group_of(s) == group);
        let room = |document: &Layout| {
            let comma = usize::from(!document.statements.is_empty());
            length(&document.statements) + comma + size <= limit
        };
        let place =
            standing.iter().position(|d| near(d) && room(d)).or_else(|| standing.iter().position(room));
        match place.and_then(|at| standing.get_mut(at)) {
            Some(document) => {
                document.statements.push(statement);
                statement::sort(&mut document.statements);
            }
            None => {
                let name = format!("{}.{group}", who.slug);
                let taken = standing.iter().any(|d| d.name == name);
                let name = if taken { format!("{name}-{}", digest(&statement)) } else { name };
                standing.push(Layout { name, statements: vec![statement] });
            }
        }
    }
    let total: usize = standing.iter().map(|d| length(&d.statements)).sum();
    check(total, standing.iter().map(|d| d.statements.as_slice()), limit, packing)?;
    standing.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(standing.into_iter().map(|d| limited(who, d.name, d.statements, limit)).collect())
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
        inline: false,
        size: (length(&statements), POLICY_LIMIT),
        statements,
        notes: Vec::new(),
    }
}

/// Characters as IAM counts them: without white space between tokens. Not written, only counted: packing asks often.
pub(super) fn length(statements: &[Statement]) -> usize {
    let frame = r#"{"Version":"2012-10-17","Statement":[]}"#.len();
    let all: usize = statements.iter().map(statement_length).sum();
    frame + all + statements.len().saturating_sub(1)
}

/// Characters of [`statement_json`].
fn statement_length(statement: &Statement) -> usize {
    let (on, name) = match statement.resources.as_slice() {
        [] => (&statement.except, r#","NotResource":"#),
        _ => (&statement.resources, r#","Resource":"#),
    };
    let head = r#"{"Sid":,"Effect":,"Action":}"#.len() + name.len();
    let head = head + quoted(&statement.id) + quoted(statement.effect);
    let mut all = head + list_length(&statement.actions) + list_length(on);
    if !statement.conditions.is_empty() {
        all += r#","Condition":{}"#.len() + statement.conditions.len() - 1;
        for (operator, keys) in &statement.conditions {
            all += quoted(operator) + r":{}".len() + keys.len().saturating_sub(1);
            all += keys.iter().map(|(key, values)| quoted(key) + 1 + list_length(values)).sum::<usize>();
        }
    }
    all
}

/// Characters of [`one_or_many`].
fn list_length(values: &[String]) -> usize {
    let all: usize = values.iter().map(|value| quoted(value)).sum();
    if values.len() == 1 { all } else { all + 2 + values.len().saturating_sub(1) }
}

/// Characters of a text as a JSON string.
pub(super) fn quoted(text: &str) -> usize {
    if text.bytes().all(|b| (b' '..0x80).contains(&b) && b != b'"' && b != b'\\') {
        return 2 + text.len();
    }
    let of = |c: char| match c {
        '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
        '\0'..'\u{20}' => 6,
        _ => 1,
    };
    2 + text.chars().map(of).sum::<usize>()
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

/// A document as it is filled.
pub(super) struct Filled<S> {
    groups: Vec<String>,
    statements: Vec<S>,
    pub(super) size: usize,
}

/// Statements by group of services, each [cut](cut) to what a document can hold, with its size.
pub(super) type ByGroup<S> = BTreeMap<String, Vec<(S, usize)>>;

/// Fills documents with whole service groups; a group that is too large alone is cut by statements.
pub(super) fn filled<S>(groups: ByGroup<S>) -> Vec<Filled<S>> {
    let mut all: Vec<Filled<S>> = Vec::new();
    for (group, statements) in groups {
        let sizes: usize = statements.iter().map(|(_, size)| size).sum();
        let more = sizes + statements.len().saturating_sub(1);
        match all.last_mut().filter(|last| last.size + 1 + more <= POLICY_LIMIT) {
            Some(last) => {
                last.size += 1 + more;
                last.groups.push(group);
                last.statements.extend(statements.into_iter().map(|(statement, _)| statement));
            }
            None => all.extend(halves(statements).into_iter().map(|(statements, size)| Filled {
                groups: vec![group.clone()],
                statements,
                size,
            })),
        }
    }
    all
}

/// Documents for new statements.
fn split(
    who: &Subject<'_>,
    statements: Vec<Statement>,
    packing: &Packing,
) -> Result<Vec<Document>, DoesNotFit> {
    let mut groups = ByGroup::new();
    for statement in statements {
        groups.entry(group_of(&statement)).or_default().extend(cut(statement));
    }
    let filled = filled(groups);
    let total: usize = filled.iter().map(|document| document.size).sum();
    check(total, filled.iter().map(|document| document.statements.as_slice()), POLICY_LIMIT, packing)?;
    let mut names = BTreeSet::new();
    let documents = filled.into_iter().enumerate().map(|(at, Filled { groups, mut statements, .. })| {
        // By its first group alone, so that what joins or leaves a document renames none; no slug has a dot.
        let group = groups.first().filter(|_| at > 0);
        let mut name = group.map_or_else(|| who.slug.to_owned(), |group| format!("{}.{group}", who.slug));
        if !names.insert(name.clone()) {
            let first = statements.first().map_or(String::new(), digest);
            name = format!("{name}-{first}");
        }
        statement::sort(&mut statements);
        document(who, DocumentKind::Policy, name, statements)
    });
    Ok(documents.collect())
}

/// Whether the documents can be attached beside what else is.
fn check<'s>(
    total: usize,
    documents: impl Iterator<Item = &'s [Statement]>,
    limit: usize,
    packing: &Packing,
) -> Result<(), DoesNotFit> {
    let sizes: Vec<usize> = documents.map(length).collect();
    let most = packing.attachments.saturating_sub(packing.free).max(1);
    if sizes.len() <= most && sizes.iter().all(|size| *size <= limit) {
        return Ok(());
    }
    Err(DoesNotFit::new(format!(
        "the grants need {total} characters in {} documents; {most} documents of {limit} characters can be attached \
         while {} of {} attachments stay free",
        sizes.len(),
        packing.free,
        packing.attachments
    )))
}

/// Statements in as few documents as their order allows, with the size of each.
fn halves<S>(statements: Vec<(S, usize)>) -> Vec<(Vec<S>, usize)> {
    let mut filled: Vec<(Vec<S>, usize)> = Vec::new();
    for (statement, more) in statements {
        match filled.last_mut().filter(|(_, size)| size + 1 + more <= POLICY_LIMIT) {
            Some((last, size)) => {
                last.push(statement);
                *size += 1 + more;
            }
            None => filled.push((vec![statement], length(&[]) + more)),
        }
    }
    filled
}

/// The group of services a statement belongs to, for the name of its document.
pub(super) fn group_of(statement: &Statement) -> String {
    let groups: BTreeSet<&str> = statement.actions.iter().map(|a| service_group(prefix(a))).collect();
    let mut groups = groups.into_iter();
    match (groups.next(), groups.next()) {
        (Some(one), None) => one.to_owned(),
        _ => "other".to_owned(),
    }
}

/// Cuts a statement that is too long for any document into halves by resource, then by action; with the size of each.
pub(super) fn cut(statement: Statement) -> Vec<(Statement, usize)> {
    let size = statement_length(&statement);
    let by_resource = statement.resources.len() > 1;
    let list = if by_resource { &statement.resources } else { &statement.actions };
    if length(&[]) + size <= POLICY_LIMIT || list.len() < 2 {
        return vec![(statement, size)];
    }
    let (head, tail) = list.split_at(list.len() / 2);
    let half = |part: &[String]| {
        let mut half = with_lists(&statement, by_resource, part);
        half.id = format!("{}{}", statement.id, digest(&half));
        half
    };
    [half(head), half(tail)].into_iter().flat_map(cut).collect()
}

/// The statement with one of its lists replaced.
fn with_lists(statement: &Statement, by_resource: bool, part: &[String]) -> Statement {
    let (actions, resources) = if by_resource {
        (statement.actions.clone(), part.to_vec())
    } else {
        (part.to_vec(), statement.resources.clone())
    };
    Statement {
        id: String::new(),
        effect: statement.effect,
        conditions: statement.conditions.clone(),
        actions,
        resources,
        except: statement.except.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[\u{0}-\u{ff}\u{2028}😀\"\\\\]{0,6}", 0..4)
    }

    proptest! {
        #[test]
        fn what_is_counted_is_what_is_written(
            all in prop::collection::vec((texts(), texts(), texts(), prop::collection::btree_map("[a-z\"]{0,4}", texts(), 0..3)), 0..4)
        ) {
            let statements: Vec<Statement> = all.into_iter().map(|(actions, resources, except, keys)| Statement {
                id: actions.concat(),
                effect: "Allow",
                conditions: [("StringEquals".to_owned(), keys.clone()), ("Other".to_owned(), keys)].into_iter().take(except.len()).collect(),
                actions,
                resources,
                except,
            }).collect();
            prop_assert_eq!(length(&statements), policy_json(&statements).to_string().chars().count());
        }
    }
}
