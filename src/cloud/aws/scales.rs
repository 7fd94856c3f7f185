//! The weight of what packing would write, asked again and again with some grants on other patterns: groups of services whose
//! grants stay as they are, are put into statements once.

use super::meaning::Kinds;
use super::package::{POLICY_LIMIT, filled, length, quoted};
use super::statement::{Ask, Reads, joined, ordered, prefix, resource, service_group, statements};
use crate::cloud::Scales;
use crate::model::document::Statement;
use crate::model::grant::{Grant, On};
use crate::model::pattern::Pattern;
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
    let mut kinds = Kinds::default();
    Box::new(move |opened| {
        let text = |at: usize| match opened.get(&at) {
            Some(pattern) => Cow::Owned(pattern.to_string()),
            None => Cow::Borrowed(written.get(at).map_or("", String::as_str)),
        };
        let parts = groups.values().map(|part| part.asks(grants, &text));
        let asks: Vec<Vec<Ask<'_>>> = parts.collect();
        if at_least(asks.iter().flatten()) <= POLICY_LIMIT {
            let all: Vec<Ask<'_>> = asks.iter().flatten().cloned().collect();
            let together = length(&statements(&all, Reads::Together, &BTreeSet::new(), &mut kinds));
            if together <= POLICY_LIMIT {
                return together;
            }
        }
        let mut all = Vec::new();
        for (part, asks) in groups.values_mut().zip(&asks) {
            all.extend(part.statements(asks, opened, &mut kinds));
        }
        let filled = filled(ordered(all, &BTreeSet::new()));
        let sizes = || filled.iter().map(|document| document.size);
        if sizes().any(|size| size > POLICY_LIMIT) { usize::MAX } else { sizes().sum() }
    })
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
    closed: Option<Vec<Statement>>,
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

    fn statements(
        &mut self,
        asks: &[Ask<'_>],
        opened: &BTreeMap<usize, Pattern>,
        kinds: &mut Kinds,
    ) -> Vec<Statement> {
        if self.grants.iter().any(|at| opened.contains_key(at)) {
            return joined(asks, Reads::ByGroup, kinds);
        }
        self.closed.get_or_insert_with(|| joined(asks, Reads::ByGroup, kinds)).clone()
    }
}

/// Characters that no document for this can do without: each action and each resource stands in it once.
pub(super) fn at_least<'a, 'g: 'a>(asks: impl Iterator<Item = &'a Ask<'g>> + Clone) -> usize {
    let actions: FxHashSet<&str> = asks.clone().map(|ask| ask.action).collect();
    let resources: FxHashSet<&str> = asks.map(|ask| ask.resource.as_ref()).collect();
    [actions, resources].into_iter().map(|texts| texts.into_iter().map(quoted).sum::<usize>()).sum()
}
