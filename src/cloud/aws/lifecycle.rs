//! What was created in the log, and which actions its update, deletion and rollback may need that were never seen.

use crate::catalog;
use crate::catalog::handlers::Handled;
use crate::catalog::table::AccessLevel;
use crate::cloud::Lifecycle;
use crate::model::grant::Grant;
use crate::model::pattern::Pattern;
use crate::model::usage::{Basis, Level, Outcome, Row};
use crate::wire::leaves::normal;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// More types than this that one action could have made, and nothing tells them apart: then none is named.
const UNDECIDED: usize = 4;

/// Types (in words) and name of what was created → those types, and the actions that made it.
type Created<'a> = BTreeMap<(String, &'a str), (Vec<Handled>, BTreeSet<&'a str>)>;

/// One use, of this log or of a former one.
struct Used<'a> {
    action: &'a str,
    on: Cow<'a, str>,
    /// Whether `on` is one name.
    named: bool,
    /// Whether the call was made itself, and went through.
    done: bool,
}

impl<'a> Used<'a> {
    fn now(row: &'a Row) -> Self {
        let done = row.outcome == Outcome::Allowed && row.basis == Basis::Event;
        let named = row.target.level == Level::Named;
        Used { action: &row.action, on: Cow::Borrowed(&row.target.text), named, done }
    }

    fn once(grant: &'a Grant) -> Self {
        let done = grant.evidence.bases.contains(&Basis::Event.as_str());
        let on = grant.on.pattern().map(|on| on.name().map_or_else(|| on.to_string(), str::to_owned));
        let named = grant.on.pattern().is_some_and(Pattern::is_exact);
        Used { action: &grant.action, on: Cow::Owned(on.unwrap_or_default()), named, done }
    }
}

/// The lifecycle of all that a principal's rows, and the grants that only a former run knows of, show it created.
pub(super) fn lifecycle(rows: &[&Row], former: &[&Grant]) -> Vec<Lifecycle> {
    let now = rows.iter().filter(|row| row.outcome.grants() && row.exempt.is_none());
    let asked: Vec<Used<'_>> =
        now.map(|row| Used::now(row)).chain(former.iter().map(|grant| Used::once(grant))).collect();
    let mut by_action: BTreeMap<&str, Vec<&Used<'_>>> = BTreeMap::new();
    for used in &asked {
        by_action.entry(used.action).or_default().push(used);
    }
    let mut created = Created::new();
    for used in asked.iter().filter(|used| used.done && !used.on.is_empty()) {
        let made = types(used.action, &used.on);
        if !made.is_empty() {
            let kind = made.iter().map(|handled| handled.kind).collect::<Vec<_>>().join(" or ");
            let entry = created.entry((kind, &used.on)).or_insert((made, BTreeSet::new()));
            entry.1.insert(used.action);
        }
    }
    let mut joined: BTreeMap<Lifecycle, BTreeSet<String>> = BTreeMap::new();
    for ((kind, resource), (made, makers)) in created {
        let one = one(kind, resource, &made, &makers, &by_action);
        joined.entry(one).or_default().insert(resource.to_owned());
    }
    let all = joined.into_iter();
    all.map(|(one, resources)| Lifecycle { resources: resources.into_iter().collect(), ..one }).collect()
}

/// The types that the call may have made on the resource: those that are called like it. Where none of the action's
/// resources is called like a type, it makes something within them (a permission of a function): then all, if few.
fn types(action: &str, resource: &str) -> Vec<Handled> {
    let made = catalog::aws().handlers.made_by(action);
    if made.is_empty() {
        return Vec::new();
    }
    let Some((service, known)) = catalog::aws().table.action(action) else { return Vec::new() };
    let called = |at: usize| {
        let kind = service.types.get(at).map_or("", |kind| kind.kind.as_str());
        move |handled: &&Handled| {
            let name = normal(handled.name());
            kind == name || kind.strip_suffix('s') == Some(&name)
        }
    };
    let same = |at: usize| made.iter().filter(called(at)).copied().collect::<Vec<Handled>>();
    let within = known.types.iter().all(|(at, _)| same(*at).is_empty());
    match service.type_of(resource) {
        _ if within && made.len() <= UNDECIDED => made.to_vec(),
        Some(at) => same(at),
        None => Vec::new(),
    }
}

fn one(
    kind: String,
    resource: &str,
    made: &[Handled],
    makers: &BTreeSet<&str>,
    by_action: &BTreeMap<&str, Vec<&Used<'_>>>,
) -> Lifecycle {
    // An imported catalog may no longer know an action.
    let known = |action: &String| catalog::aws().table.action(action).is_some();
    let update: BTreeSet<String> = made.iter().flat_map(Handled::update).filter(known).collect();
    let delete: BTreeSet<String> = made.iter().flat_map(Handled::delete).filter(known).collect();
    let was_seen = |action: &&String| {
        let uses = by_action.get(action.as_str());
        uses.is_some_and(|uses| uses.iter().any(|used| on_it(used, resource)))
    };
    let mut seen: BTreeSet<String> = update.union(&delete).filter(was_seen).cloned().collect();
    seen.extend(makers.iter().map(|maker| (*maker).to_owned()));
    let never = |all: &BTreeSet<String>| all.difference(&seen).cloned().collect::<Vec<String>>();
    let (update, delete) = (never(&update), never(&delete));
    let cautious: BTreeSet<&String> =
        update.iter().chain(&delete).filter(|action| cautious(action)).collect();
    let cautious = cautious.into_iter().cloned().collect();
    Lifecycle { kind, resources: Vec::new(), seen: seen.into_iter().collect(), update, delete, cautious }
}

/// Whether a use is about the resource: its name, a name within it, a pattern, or an action on other types.
fn on_it(used: &Used<'_>, resource: &str) -> bool {
    let Some((service, action)) = catalog::aws().table.action(used.action) else { return false };
    let own = service.type_of(resource);
    if !used.named || !action.types.iter().any(|(at, _)| Some(*at) == own) {
        return true;
    }
    let rest = used.on.strip_prefix(resource);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':']))
}

/// Whether an action changes who may do what.
fn cautious(action: &str) -> bool {
    let known = catalog::aws().table.action(action);
    known.is_some_and(|(_, action)| action.level == AccessLevel::Permissions)
}
