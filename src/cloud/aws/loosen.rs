//! What could be opened when a principal's grants do not fit into its documents.

use super::shape;
use crate::catalog;
use crate::catalog::template::{ACCOUNT, PARTITION, REGION};
use crate::cloud::Step;
use crate::model::grant::{Grant, On};
use crate::model::pattern::{Part, Pattern};
use std::collections::{BTreeMap, BTreeSet};

/// Fewer resources than these are not worth a step.
const WORTH: usize = 3;

/// Steps with what each allows more, and which grants get which pattern by it.
pub(super) fn loosenings(grants: &[Grant]) -> Vec<Step> {
    let mut steps: BTreeMap<String, (BTreeSet<String>, Step)> = BTreeMap::new();
    for (at, grant) in grants.iter().enumerate() {
        let On::Resource(pattern) = &grant.on else { continue };
        let text = pattern.to_string();
        let Some((name, breadth, kind)) = step(&text) else { continue };
        let Some(pattern) = opened(&text, &name, kind) else { continue };
        let fresh = || (BTreeSet::new(), Step { name: name.clone(), breadth, opened: Vec::new() });
        let known = steps.entry(name.clone()).or_insert_with(fresh);
        known.0.insert(text);
        known.1.opened.push((at, pattern));
    }
    let worth = steps.into_values().filter(|(resources, _)| resources.len() >= WORTH);
    worth.map(|(_, step)| told(step, grants)).collect()
}

/// The step, with what it lets change on all that it opens.
fn told(mut step: Step, grants: &[Grant]) -> Step {
    let actions = step.opened.iter().filter_map(|(at, _)| grants.get(*at)).map(|grant| &*grant.action);
    let changes =
        |action: &&str| catalog::aws().table.action(action).is_some_and(|(_, known)| !known.level.reads());
    let changes: BTreeSet<&str> = actions.filter(changes).collect();
    if !changes.is_empty() {
        let changes = changes.into_iter().collect::<Vec<_>>().join(", ");
        step.breadth = format!("{}, to change with {changes}", step.breadth);
    }
    step
}

/// The grant's resource under a step; none where the step is about something else.
pub(super) fn loosened(grant: &Grant, wanted: &str) -> Option<Pattern> {
    let On::Resource(pattern) = &grant.on else { return None };
    let text = pattern.to_string();
    let (found, _, kind) = step(&text).filter(|(found, ..)| found == wanted)?;
    opened(&text, &found, kind)
}

/// Service and resource type, where the step is about a type.
type Type = Option<(&'static str, &'static str)>;

fn opened(text: &str, step: &str, kind: Type) -> Option<Pattern> {
    if let Some(bucket) = step.strip_prefix("objects ") {
        let (head, _) = text.split_once(":s3:::")?;
        return Some(Pattern::of([Part::Text(format!("{head}:s3:::{bucket}/")), Part::Any]));
    }
    whole(text, kind?)
}

/// The step that would open this resource, and what it allows. Roles, keys and secrets are never opened.
fn step(text: &str) -> Option<(String, String, Type)> {
    let found = shape::type_of(text);
    if found.is_some_and(shape::is_exact) {
        return None;
    }
    if let Some(at) = shape::object(text) {
        let bucket = text.get(..at)?.trim_end_matches('/').rsplit(':').next()?;
        return Some((format!("objects {bucket}"), format!("every object of {bucket}"), None));
    }
    let (service, kind) = found?;
    let place = text.splitn(6, ':').skip(3).take(2).filter(|field| !field.is_empty());
    let place: Vec<&str> = place.collect();
    let place = if place.is_empty() { String::new() } else { format!(" in {}", place.join(" ")) };
    Some((format!("type {service}:{kind}"), format!("every {kind} of {service}{place}"), found))
}

/// All of the resource's type in its account and region.
fn whole(text: &str, (prefix, kind): (&str, &str)) -> Option<Pattern> {
    let resource = catalog::aws().table.service(prefix)?.resource(kind)?;
    let mut fields = text.splitn(6, ':').skip(1);
    let partition = fields.next().unwrap_or("");
    let (region, account) = (fields.nth(1).unwrap_or(""), fields.next().unwrap_or(""));
    let template = resource.templates.iter().max_by_key(|t| t.matches(text))?;
    let filled = template.fill(|name| match name {
        PARTITION => Some(partition.into()),
        REGION => Some(region.into()),
        ACCOUNT => Some(account.into()),
        _ => Some("*".into()),
    })?;
    Some(Pattern::parse(&filled))
}
