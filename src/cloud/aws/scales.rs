//! The weight of what packing would write, asked again and again with some grants on other patterns: groups of services whose
//! grants stay as they are, are put into statements once.

use super::meaning::Kinds;
use super::package::{ByGroup, POLICY_LIMIT, cut, filled, group_of, length, quoted};
use super::statement::{Ask, Reads, apart, joined, prefix, rank, resource, service_group, statements};
use crate::cloud::Scales;
use crate::model::document::Statement;
use crate::model::grant::{Grant, On};
use rustc_hash::FxHashSet;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Weighs what packing would write anew, wherever it is attached.
pub(super) fn scales(grants: &[Grant]) -> Scales<'_> {
    let written: Vec<String> = grants.iter().map(resource).collect();
    let mut groups: BTreeMap<&str, Part> = BTreeMap::new();
    for (at, grant) in grants.iter().enumerate() {
        groups.entry(group(grant)).or_default().grants.push(at);
    }
    let all: Vec<Ask<'_>> =
        grants.iter().zip(&written).map(|(grant, text)| Ask::of(grant, text.into())).collect();
    let closed = at_least(all.iter());
    drop(all);
    let mut kinds = Kinds::default();
    Box::new(move |opened| {
        let text = |at: usize| match opened.get(&at) {
            Some(pattern) => Cow::Owned(pattern.to_string()),
            None => Cow::Borrowed(written.get(at).map_or("", String::as_str)),
        };
        // No more can fall away than what is opened.
        let gone: BTreeSet<&str> =
            opened.keys().filter_map(|at| written.get(*at)).map(String::as_str).collect();
        if closed.saturating_sub(gone.into_iter().map(quoted).sum()) <= POLICY_LIMIT {
            let all: Vec<Ask<'_>> = groups.values().flat_map(|part| part.asks(grants, &text)).collect();
            if at_least(all.iter()) <= POLICY_LIMIT {
                let together = length(&statements(&all, Reads::Together, &BTreeSet::new(), &mut kinds));
                if together <= POLICY_LIMIT {
                    return together;
                }
            }
        }
        let mut fresh: Vec<Weighed> = Vec::new();
        for part in groups.values_mut() {
            let is_open = part.grants.iter().any(|at| opened.contains_key(at));
            if is_open || part.closed.is_none() {
                let made = joined(&part.asks(grants, &text), Reads::ByGroup, &mut kinds);
                let made = made.into_iter().map(Weighed::of);
                if is_open { fresh.extend(made) } else { part.closed = Some(made.collect()) }
            }
            part.is_open = is_open;
        }
        let closed = groups.values().filter(|part| !part.is_open).filter_map(|part| part.closed.as_ref());
        weight(closed.flatten().chain(&fresh).collect())
    })
}

/// A statement with what documents ask of it.
struct Weighed {
    statement: Statement,
    rank: (bool, bool),
    group: String,
    /// Of the parts it is cut into.
    sizes: Vec<usize>,
}

impl Weighed {
    fn of(statement: Statement) -> Self {
        let (rank, group) = (rank(&statement), group_of(&statement));
        Self { rank, group, sizes: sizes(&statement), statement }
    }
}

fn sizes(statement: &Statement) -> Vec<usize> {
    cut(statement.clone()).into_iter().map(|(_, size)| size).collect()
}

/// Characters of the documents that these statements fill.
fn weight(all: Vec<&Weighed>) -> usize {
    let names = apart(&all.iter().map(|one| &one.statement).collect::<Vec<_>>(), &BTreeSet::new());
    let mut order: Vec<(usize, &Weighed)> = all.into_iter().enumerate().collect();
    let name = |(at, one): &(usize, &'_ Weighed)| names.get(at).unwrap_or(&one.statement.id).clone();
    order.sort_by_cached_key(|one| (one.1.rank, name(one)));
    let mut groups: ByGroup<()> = ByGroup::new();
    for (at, one) in order {
        let renamed = names.get(&at).map(|id| sizes(&Statement { id: id.clone(), ..one.statement.clone() }));
        let sizes = renamed.as_ref().unwrap_or(&one.sizes);
        groups.entry(one.group.clone()).or_default().extend(sizes.iter().map(|size| ((), *size)));
    }
    let filled = filled(groups);
    let sizes = || filled.iter().map(|document| document.size);
    if sizes().any(|size| size > POLICY_LIMIT) { usize::MAX } else { sizes().sum() }
}

/// What no statement of another group is joined with: a group of services, a service in none, actions without resources.
fn group(grant: &Grant) -> &str {
    if grant.on == On::Service {
        return "";
    }
    match service_group(prefix(&grant.action)) {
        "other" => prefix(&grant.action),
        group => group,
    }
}

/// The grants of one group.
#[derive(Default)]
struct Part {
    grants: Vec<usize>,
    /// Their statements while none of them is opened.
    closed: Option<Vec<Weighed>>,
    /// Whether one of them is.
    is_open: bool,
}

impl Part {
    /// What they ask for; those that have become one are one.
    fn asks<'t>(&self, grants: &'t [Grant], text: &dyn Fn(usize) -> Cow<'t, str>) -> Vec<Ask<'t>> {
        let mut first = FxHashSet::default();
        let of = |at: &usize| Some((grants.get(*at)?, text(*at)));
        let fresh = |(grant, written): &(&'t Grant, Cow<'t, str>)| {
            let alone = grant.on == On::Service;
            first.insert((&*grant.action, &*grant.scope, alone, written.clone()))
        };
        let all = self.grants.iter().filter_map(of).filter(fresh);
        all.map(|(grant, written)| Ask::of(grant, written)).collect()
    }
}

/// Characters that no document for this can do without: each action and each resource stands in it once.
pub(super) fn at_least<'a, 'g: 'a>(asks: impl Iterator<Item = &'a Ask<'g>> + Clone) -> usize {
    let actions: FxHashSet<&str> = asks.clone().map(|ask| ask.action).collect();
    let resources: FxHashSet<&str> = asks.map(|ask| ask.resource.as_ref()).collect();
    [actions, resources].into_iter().map(|texts| texts.into_iter().map(quoted).sum::<usize>()).sum()
}
