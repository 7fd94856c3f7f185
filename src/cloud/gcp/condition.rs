//! Names of resources into IAM Conditions, where the type of resource can be named and the permission is checked on it.

use crate::catalog;
use crate::model::grant::{Grant, On};
use crate::model::pattern::Pattern;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Logical operators of one condition, and characters of its expression that stay readable.
const OPERATORS: usize = 12;
const LENGTH: usize = 2_000;
/// Bindings of one role for one principal that differ in their condition.
pub(super) const BINDINGS: usize = 20;
/// Roles of the same permissions that one principal gets at most, for more names than one role can be bound on.
pub(super) const ROLES: usize = 5;

/// A name or a pattern of names, as a condition asks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Clause {
    Is(String),
    Like(String, String),
    /// At or below a path that is not at the beginning.
    At(String, String),
    Below(String, String),
}

impl Clause {
    /// The expression and the logical operators in it.
    fn text(&self) -> (String, usize) {
        let starts = |head: &str| format!("resource.name.startsWith({})", quoted(head));
        let ends = |tail: &str| format!("resource.name.endsWith({})", quoted(tail));
        match self {
            Self::Is(name) => (format!("resource.name == {}", quoted(name)), 0),
            Self::Like(head, tail) if tail.is_empty() => (starts(head), 0),
            Self::Like(head, tail) if head.is_empty() => (ends(tail), 0),
            Self::Like(head, tail) => (format!("({} && {})", starts(head), ends(tail)), 1),
            Self::At(path, name) => {
                let below = format!("resource.name.extract({})", quoted(&format!("{path}{{name}}")));
                (format!("{below} == {}", quoted(name)), 0)
            }
            Self::Below(path, tail) => {
                // What is extracted is empty where the path is not in the name.
                let below = format!("resource.name.extract({}) != \"\"", quoted(&format!("{path}{{name}}")));
                if tail.is_empty() { (below, 0) } else { (format!("({below} && {})", ends(tail)), 1) }
            }
        }
    }
}

/// A string as conditions write it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Control characters all have four digits.
            c if c.is_control() => out.extend("\\u".chars().chain(format!("{:04x}", u32::from(c)).chars())),
            c => out.push(c),
        }
    }
    out + "\""
}

/// Permissions that are granted together, under a condition or without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part<'g> {
    /// The permissions.
    pub(super) permissions: BTreeSet<&'g str>,
    /// On what: each is a binding of its own. None: on all of the place.
    pub(super) conditions: Vec<Condition>,
    /// What is wider than what was used.
    pub(super) notes: Vec<String>,
}

impl Part<'_> {
    /// The names it is limited to, else the scope.
    pub(super) fn resources(&self, scope: &str) -> Vec<String> {
        if self.conditions.is_empty() {
            return vec![scope.to_owned()];
        }
        let names = self.conditions.iter().flat_map(|condition| condition.names.iter().cloned());
        names.collect::<BTreeSet<String>>().into_iter().collect()
    }

    /// The type that it is limited to, in one word; empty where it is not.
    pub(super) fn kind(&self) -> &str {
        self.conditions.first().map_or("", |condition| condition.kind.as_str())
    }
}

/// A condition on names of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// The type, in one word: `Object`.
    pub(super) kind: String,
    /// The expression.
    pub(super) expression: String,
    /// The full names, as patterns.
    pub(super) names: BTreeSet<String>,
}

/// Cuts the grants of one scope into what can be limited to names and what cannot; each part is for so many roles.
pub(super) fn parts<'g>(grants: &[&'g Grant], roles: usize) -> Vec<Part<'g>> {
    let mut named: BTreeMap<&str, Option<Names>> = BTreeMap::new();
    for grant in grants {
        let here = names(grant);
        match named.get_mut(&*grant.action) {
            None => {
                named.insert(&grant.action, here);
            }
            Some(slot) => {
                // A permission that is needed on what no condition can name is needed without one.
                *slot =
                    slot.take().zip(here).filter(|(all, one)| all.kind == one.kind).map(|(mut all, one)| {
                        all.patterns.extend(one.patterns);
                        all
                    });
            }
        }
    }
    let mut open: BTreeSet<&str> = BTreeSet::new();
    let mut bound: BTreeMap<Names, BTreeSet<&str>> = BTreeMap::new();
    for (action, names) in named {
        match names {
            Some(names) => bound.entry(names).or_default().insert(action),
            None => open.insert(action),
        };
    }
    let (mut parts, mut notes) = (Vec::new(), Vec::new());
    for (names, permissions) in bound {
        let (conditions, note) = conditions(&names, roles);
        if conditions.is_empty() {
            open.extend(permissions);
            notes.extend(note);
        } else {
            parts.push(Part { permissions, conditions, notes: note.into_iter().collect() });
        }
    }
    if !open.is_empty() {
        parts.insert(0, Part { permissions: open, conditions: Vec::new(), notes });
    }
    parts
}

/// Patterns of names of one type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Names {
    kind: &'static str,
    number: bool,
    patterns: BTreeSet<String>,
}

/// The name that a grant can be limited to. A resource that only the name of a method tells may not be the one checked.
fn names(grant: &Grant) -> Option<Names> {
    let On::Resource(pattern) = &grant.on else { return None };
    let checked = |rule: &Arc<str>| {
        matches!(&**rule, "authorization-info" | "denied" | Grant::KEPT)
            || rule.starts_with("authorization-info+")
    };
    if grant.evidence.rules.is_empty() || !grant.evidence.rules.iter().all(checked) {
        return None;
    }
    let text = pattern.to_string();
    let row = text.strip_prefix("//").and_then(|rest| rest.split_once('/'));
    let row = row.and_then(|(_, relative)| catalog::gcp().limits.checked(&grant.action, relative))?;
    Some(Names { kind: &row.kind, number: row.number, patterns: BTreeSet::from([text]) })
}

/// Conditions for all the names, or for what they have in common where they are too many; and what is wider for it.
fn conditions(names: &Names, roles: usize) -> (Vec<Condition>, Option<String>) {
    let relative = |full: &str| Some(full.strip_prefix("//")?.split_once('/')?.1.to_owned());
    let one = |full: &String| Some((clause(&relative(full)?, names.number)?, full.clone()));
    let Some(all) = names.patterns.iter().map(one).collect::<Option<Vec<(Clause, String)>>>() else {
        return (Vec::new(), None);
    };
    let mut clauses: BTreeMap<Clause, BTreeSet<String>> = BTreeMap::new();
    for (clause, full) in all {
        clauses.entry(clause).or_default().insert(full);
    }
    if clauses.is_empty()
        || clauses.keys().any(|c| matches!(c, Clause::Like(h, t) if h.is_empty() && t.is_empty()))
    {
        return (Vec::new(), None);
    }
    let most = BINDINGS * roles;
    let fits = |all: &Vec<Condition>| all.len() <= most;
    if let Some(exact) = chunked(&clauses, names.kind).filter(fits) {
        return (exact, None);
    }
    let count = clauses.len();
    let kind = names.kind.rsplit('/').next().unwrap_or("");
    match families(&clauses).and_then(|families| chunked(&families, names.kind)).filter(fits) {
        Some(all) => {
            let note = format!(
                "{count} names are more than {most} conditions hold: they take what the names begin with"
            );
            (all, Some(note))
        }
        None => {
            let note = format!(
                "{count} names of type {kind} are more than {most} conditions hold, and begin with nothing in common: the \
                 permissions hold on all of them, also on names that were not used"
            );
            (Vec::new(), Some(note))
        }
    }
}

/// Conditions that each hold as many clauses as they may, in order; none where one clause alone is too long.
fn chunked(clauses: &BTreeMap<Clause, BTreeSet<String>>, of: &str) -> Option<Vec<Condition>> {
    let kind = of.rsplit('/').next().unwrap_or("").to_owned();
    let (mut all, mut texts, mut names, mut inside): (Vec<Condition>, Vec<String>, BTreeSet<String>, usize) =
        Default::default();
    let build = |texts: &[String], names: &BTreeSet<String>| {
        let any = texts.join(" || ");
        let any = if texts.len() == 1 { any } else { format!("({any})") };
        let expression = format!("resource.type == {} && {any}", quoted(of));
        Condition { kind: kind.clone(), expression, names: names.clone() }
    };
    for (clause, of) in clauses {
        let (text, operators) = clause.text();
        let one = build(std::slice::from_ref(&text), of);
        if one.expression.len() > LENGTH || operators + 1 > OPERATORS {
            return None;
        }
        let length = texts.iter().map(|text| text.len() + 4).sum::<usize>() + one.expression.len() + 2;
        // One `&&` with the type, and a `||` between two names.
        if !texts.is_empty() && (texts.len() + 1 + inside + operators > OPERATORS || length > LENGTH) {
            all.push(build(&texts, &names));
            (texts, names, inside) = (Vec::new(), BTreeSet::new(), 0);
        }
        texts.push(text);
        names.extend(of.iter().cloned());
        inside += operators;
    }
    if !texts.is_empty() {
        all.push(build(&texts, &names));
    }
    Some(all)
}

/// What a pattern asks for. A number in place of the project's id is passed over: the binding is on that project.
fn clause(pattern: &str, number: bool) -> Option<Clause> {
    let own = if number {
        pattern.splitn(3, '/').nth(2).map(|rest| format!("*/{rest}"))?
    } else {
        pattern.to_owned()
    };
    let parsed = Pattern::parse(&own);
    if let Some(name) = parsed.name() {
        return Some(Clause::Is(name.to_owned()));
    }
    // A literal `*` stands in braces.
    let mut wild =
        own.match_indices(['*', '?']).filter(|(at, _)| !own.get(..*at).is_some_and(|b| b.ends_with("${")));
    let number = number.then(|| own.strip_prefix('*')).flatten().map(Pattern::parse);
    // Exact but for the number: what follows the name of the collection.
    if let Some(rest) = number.as_ref().and_then(Pattern::name).filter(|rest| !rest.contains(['{', '}'])) {
        let (kind, name) = rest.strip_prefix('/')?.split_once('/')?;
        return Some(Clause::At(format!("/{kind}/"), name.to_owned()));
    }
    let tail = wild.next_back().and_then(|(at, _)| own.get(at + 1..)).map(Pattern::parse).unwrap_or_default();
    let tail = tail.name().unwrap_or("").to_owned();
    if let Some(path) = number.filter(|rest| !rest.is_exact()) {
        // A template's own braces cannot be written.
        let path = path.head().to_owned();
        let says = path.len() > 1 && !path.contains(['{', '}']);
        return says.then_some(Clause::Below(path, tail));
    }
    Some(Clause::Like(parsed.head().to_owned(), tail))
}

/// Names shortened by one part after the other until they are few enough, with what each stands for; none where nothing of
/// their own is left.
fn families(clauses: &BTreeMap<Clause, BTreeSet<String>>) -> Option<BTreeMap<Clause, BTreeSet<String>>> {
    let head = |clause: &'_ Clause| match clause {
        Clause::Is(name) | Clause::Like(name, _) => Some(name.clone()),
        Clause::At(..) | Clause::Below(..) => None,
    };
    let heads: Vec<(String, &BTreeSet<String>)> =
        clauses.iter().map(|(clause, of)| Some((head(clause)?, of))).collect::<Option<_>>()?;
    // `projects/P/kind/` alone says nothing that the type and the binding do not.
    let parts = |head: &str| head.matches('/').count();
    let longest = heads.iter().map(|(head, _)| parts(head)).max();
    let longest = longest.filter(|_| heads.iter().all(|(head, _)| parts(head) >= 4))?;
    (4..=longest).rev().find_map(|count| {
        let cut = |head: &str| -> Clause {
            let end = head.match_indices('/').nth(count - 1).map(|(at, _)| at + 1);
            let short = end.and_then(|end| head.get(..end)).unwrap_or(head);
            Clause::Like(short.to_owned(), String::new())
        };
        let mut short: BTreeMap<Clause, BTreeSet<String>> = BTreeMap::new();
        for (head, of) in &heads {
            short.entry(cut(head)).or_default().extend(of.iter().cloned());
        }
        (short.len() <= OPERATORS * BINDINGS).then_some(short)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(patterns: &[&str], number: bool) -> (Vec<Condition>, Option<String>) {
        let patterns = patterns.iter().map(|p| format!("//storage.googleapis.com/{p}")).collect();
        conditions(&Names { kind: "storage.googleapis.com/Object", number, patterns }, 1)
    }

    fn of(patterns: &[&str], number: bool) -> Option<Condition> {
        all(patterns, number).0.pop()
    }

    #[test]
    fn names_and_patterns_become_an_expression() {
        let text = |patterns: &[&str]| of(patterns, false).unwrap().expression;
        let kind = "resource.type == \"storage.googleapis.com/Object\" && ";
        let own = "projects/_/buckets/b/objects/";
        assert_eq!(text(&[&format!("{own}a\"b")]), format!("{kind}resource.name == \"{own}a\\\"b\""));
        assert_eq!(text(&[&format!("{own}in/*")]), format!("{kind}resource.name.startsWith(\"{own}in/\")"));
        assert_eq!(
            text(&[&format!("{own}in/*.csv"), &format!("{own}a${{*}}")]),
            format!(
                "{kind}(resource.name == \"{own}a*\" || (resource.name.startsWith(\"{own}in/\") && \
                 resource.name.endsWith(\".csv\")))"
            )
        );
        let numbered = of(&["projects/example-dev/secrets/s"], true).unwrap().expression;
        assert!(numbered.ends_with("&& resource.name.extract(\"/secrets/{name}\") == \"s\""), "{numbered}");
        let versions = of(&["projects/example-dev/secrets/s/versions/*"], true).unwrap().expression;
        assert!(
            versions.ends_with("resource.name.extract(\"/secrets/s/versions/{name}\") != \"\""),
            "{versions}"
        );
    }

    #[test]
    fn more_names_than_a_condition_holds_are_several_bindings_of_just_these() {
        let names = |count: usize| -> Vec<String> {
            (0..count).map(|n| format!("projects/_/buckets/b/objects/in/{n:03}/x")).collect()
        };
        let of = |names: &[String]| all(&names.iter().map(String::as_str).collect::<Vec<_>>(), false);
        assert_eq!((of(&names(12)).0.len(), of(&names(12)).1), (1, None));
        let (conditions, note) = of(&names(13));
        assert_eq!((conditions.len(), note), (2, None));
        assert_eq!(conditions[0].names.len() + conditions[1].names.len(), 13);
        assert!(
            conditions[1].expression.ends_with("resource.name == \"projects/_/buckets/b/objects/in/012/x\"")
        );
        assert_eq!(of(&names(240)).0.len(), 20);
        // Then it is what they begin with.
        let (conditions, note) = of(&names(241));
        assert!(note.unwrap().contains("241 names"));
        assert!(
            conditions[0].expression.ends_with("startsWith(\"projects/_/buckets/b/objects/in/\")"),
            "{conditions:?}"
        );
        // Nothing in common: nothing can be written, and the note says so.
        let buckets: Vec<String> = (0..241).map(|n| format!("projects/_/buckets/b{n}")).collect();
        let (conditions, note) = of(&buckets);
        assert!(conditions.is_empty() && note.unwrap().contains("nothing in common"));
    }
}
