//! Names of resources into IAM Conditions, where the type of resource can be named and the permission is checked on it.

use crate::catalog;
use crate::model::grant::{Grant, On};
use crate::model::pattern::Pattern;
use std::collections::{BTreeMap, BTreeSet};

/// Logical operators of one condition, and characters of its expression that stay readable.
const OPERATORS: usize = 12;
const LENGTH: usize = 2_000;

/// A name or a pattern of names, as a condition asks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Clause {
    Is(String),
    Like(String, String),
    /// Below a path that is not at the beginning.
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
    /// On what.
    pub(super) condition: Option<Condition>,
}

impl Part<'_> {
    /// The names it is limited to, else the scope.
    pub(super) fn resources(&self, scope: &str) -> Vec<String> {
        let names = self.condition.as_ref().map(|condition| condition.names.iter().cloned().collect());
        names.unwrap_or_else(|| vec![scope.to_owned()])
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
    /// What is wider than what was used.
    pub(super) note: Option<String>,
}

/// Cuts the grants of one scope into what can be limited to names and what cannot.
pub(super) fn parts<'g>(grants: &[&'g Grant]) -> Vec<Part<'g>> {
    let mut named: BTreeMap<&str, Option<Names>> = BTreeMap::new();
    for grant in grants {
        let here = names(grant);
        match named.get_mut(grant.action.as_str()) {
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
    let mut parts = Vec::new();
    for (names, permissions) in bound {
        match condition(&names) {
            Some(condition) => parts.push(Part { permissions, condition: Some(condition) }),
            None => open.extend(permissions),
        }
    }
    if !open.is_empty() {
        parts.insert(0, Part { permissions: open, condition: None });
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
    let checked = |rule: &String| {
        rule == "authorization-info" || rule == Grant::KEPT || rule.starts_with("authorization-info+")
    };
    if grant.evidence.rules.is_empty() || !grant.evidence.rules.iter().all(checked) {
        return None;
    }
    let text = pattern.to_string();
    let row = text.strip_prefix("//").and_then(|rest| rest.split_once('/'));
    let row = row.and_then(|(_, relative)| catalog::gcp().limits.checked(&grant.action, relative))?;
    Some(Names { kind: &row.kind, number: row.number, patterns: BTreeSet::from([text]) })
}

/// The condition for all the names, or for what they have in common where they are too many.
fn condition(names: &Names) -> Option<Condition> {
    let relative = |full: &str| Some(full.strip_prefix("//")?.split_once('/')?.1.to_owned());
    let all = names.patterns.iter().map(|full| clause(&relative(full)?, names.number));
    let clauses: BTreeSet<Clause> = all.collect::<Option<_>>()?;
    if clauses.is_empty()
        || clauses.iter().any(|c| matches!(c, Clause::Like(h, t) if h.is_empty() && t.is_empty()))
    {
        return None;
    }
    let kind = names.kind.rsplit('/').next().unwrap_or("").to_owned();
    let build = |clauses: &BTreeSet<Clause>, note: Option<String>| -> Option<Condition> {
        let texts: Vec<(String, usize)> = clauses.iter().map(Clause::text).collect();
        // One `&&` with the type, and a `||` between two names.
        let operators = texts.len() + texts.iter().map(|(_, inside)| inside).sum::<usize>();
        let any = texts.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>().join(" || ");
        let any = if texts.len() == 1 { any } else { format!("({any})") };
        let expression = format!("resource.type == {} && {any}", quoted(names.kind));
        let fits = operators <= OPERATORS && expression.len() <= LENGTH;
        fits.then(|| Condition { kind: kind.clone(), expression, names: names.patterns.clone(), note })
    };
    build(&clauses, None).or_else(|| {
        let families = families(&clauses)?;
        let note =
            format!("{} names are more than a condition holds: it takes what they begin with", clauses.len());
        build(&families, Some(note))
    })
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

/// Names shortened by one part after the other until they are few enough; none where nothing of their own is left.
fn families(clauses: &BTreeSet<Clause>) -> Option<BTreeSet<Clause>> {
    let head = |clause: &'_ Clause| match clause {
        Clause::Is(name) | Clause::Like(name, _) => Some(name.clone()),
        Clause::Below(..) => None,
    };
    let heads: Vec<String> = clauses.iter().map(head).collect::<Option<_>>()?;
    // `projects/P/kind/` alone says nothing that the type and the binding do not.
    let parts = |head: &str| head.matches('/').count();
    let longest =
        heads.iter().map(|head| parts(head)).max().filter(|_| heads.iter().all(|h| parts(h) >= 4))?;
    (4..=longest).rev().find_map(|count| {
        let cut = |head: &str| -> Clause {
            let end = head.match_indices('/').nth(count - 1).map(|(at, _)| at + 1);
            let short = end.and_then(|end| head.get(..end)).unwrap_or(head);
            Clause::Like(short.to_owned(), String::new())
        };
        let short: BTreeSet<Clause> = heads.iter().map(|head| cut(head)).collect();
        (short.len() <= OPERATORS).then_some(short)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(patterns: &[&str], number: bool) -> Option<Condition> {
        let patterns = patterns.iter().map(|p| format!("//storage.googleapis.com/{p}")).collect();
        condition(&Names { kind: "storage.googleapis.com/Object", number, patterns })
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
        assert!(numbered.ends_with("&& resource.name.endsWith(\"/secrets/s\")"), "{numbered}");
        let versions = of(&["projects/example-dev/secrets/s/versions/*"], true).unwrap().expression;
        assert!(
            versions.ends_with("resource.name.extract(\"/secrets/s/versions/{name}\") != \"\""),
            "{versions}"
        );
    }

    #[test]
    fn too_many_names_become_what_they_begin_with() {
        let many: Vec<String> = (0..13).map(|n| format!("projects/_/buckets/b/objects/in/{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let got = of(&many, false).unwrap();
        assert!(got.expression.ends_with("startsWith(\"projects/_/buckets/b/objects/in/\")"), "{got:?}");
        assert!(got.note.unwrap().contains("13 names"));
        assert_eq!(of(&many[..12], false).unwrap().note, None);
        let buckets: Vec<String> = (0..13).map(|n| format!("projects/_/buckets/b{n}/objects/x")).collect();
        assert_eq!(of(&buckets.iter().map(String::as_str).collect::<Vec<_>>(), false), None);
        let secrets: Vec<String> = (0..13).map(|n| format!("projects/p/secrets/s{n}")).collect();
        assert_eq!(of(&secrets.iter().map(String::as_str).collect::<Vec<_>>(), true), None);
    }
}
