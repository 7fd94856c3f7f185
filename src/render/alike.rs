//! Files that need all principals: one for those of several accounts that are the same, and one for each account.

use super::target::{Per, Target};
use super::view::View;
use super::{Artifact, RenderError, artifact};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Principals that share files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Folder of the files, below the output folder.
    pub folder: String,
    /// Which views they are, in order; never empty.
    pub members: Vec<usize>,
}

/// Groups all principals: those of several accounts that have the same name, kind and documents once each refers to its
/// own place share `modules/<slug>`; any other keeps its own folder.
#[must_use]
pub fn groups(views: &[View<'_>]) -> Vec<Group> {
    let mut same: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, view) in views.iter().enumerate() {
        same.entry(likeness(view)).or_default().push(at);
    }
    let mut taken: BTreeSet<String> = views.iter().map(|view| account(view)).collect();
    let mut modules = BTreeMap::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut all: Vec<Vec<usize>> = same.into_values().collect();
    all.sort();
    for members in all {
        let Some(first) = members.first().and_then(|at| views.get(*at)) else { continue };
        let who = first.who();
        let folder = if members.len() == 1 {
            format!("{}/{}", account(first), who.slug)
        } else {
            let root = modules
                .entry(who.cloud)
                .or_insert_with(|| free(&format!("{}/modules", who.cloud), &mut taken));
            free(&format!("{root}/{}", who.slug), &mut taken)
        };
        groups.push(Group { folder, members });
    }
    groups
}

/// What two principals must have in common; of a principal without an account of its own, nothing is.
fn likeness(view: &View<'_>) -> String {
    let who = view.who();
    let alone = if view.place().account().is_some() { "" } else { who.id };
    json!([who.cloud, alone, who.kind, who.name, who.slug, who.disposition, view.shape()]).to_string()
}

/// The folder of a principal's account.
fn account(view: &View<'_>) -> String {
    format!("{}/{}", view.who().cloud, view.who().account)
}

/// The name, or with a number behind it where it is taken.
fn free(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2_u64..).map(|number| format!("{wanted}-{number}"));
    let name = std::iter::once(wanted.to_owned()).chain(numbered).find(|name| !taken.contains(name));
    let name = name.unwrap_or_default();
    taken.insert(name.clone());
    name
}

/// Renders what a target has for principals together: each artifact with its group.
///
/// # Errors
/// When a template does not fit the view.
pub fn render(
    target: &Target,
    views: &[View<'_>],
    groups: &[Group],
) -> Result<Vec<(Group, Artifact)>, RenderError> {
    let mut all = Vec::new();
    let ours = |group: &&Group| {
        group
            .members
            .first()
            .and_then(|at| views.get(*at))
            .is_some_and(|view| view.who().cloud == target.cloud)
    };
    for rule in target.files.iter().filter(|rule| rule.per.together()) {
        let values: Vec<(Group, Value)> = if rule.per == Per::Alike {
            let groups = groups.iter().filter(ours);
            groups.filter_map(|group| Some((group.clone(), shared(views, group)?))).collect()
        } else {
            accounts(target, views, groups)
        };
        for (group, value) in values {
            all.extend(artifact(target, rule, value)?.map(|artifact| (group, artifact)));
        }
    }
    Ok(all)
}

/// What files per `alike` see; nothing where there are no documents.
fn shared(views: &[View<'_>], group: &Group) -> Option<Value> {
    let members: Vec<&View<'_>> = group.members.iter().filter_map(|at| views.get(*at)).collect();
    let mut value = members.first()?.principal()?;
    let map = value.as_object_mut()?;
    let accounts: BTreeSet<&str> = members.iter().filter_map(|view| view.place().account()).collect();
    let regions: BTreeSet<&str> = members.iter().filter_map(|view| view.place().region()).collect();
    map.insert("principals".to_owned(), members.iter().map(|view| view.whom()).collect());
    map.insert("accounts".to_owned(), json!(accounts));
    map.insert("regions".to_owned(), json!(regions));
    Some(value)
}

/// What files per `account` see, for each account that has a principal.
fn accounts(target: &Target, views: &[View<'_>], groups: &[Group]) -> Vec<(Group, Value)> {
    let sources: BTreeMap<usize, &str> =
        groups.iter().flat_map(|group| group.members.iter().map(|at| (*at, group.folder.as_str()))).collect();
    let mut folders: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, view) in views.iter().enumerate().filter(|(_, view)| view.who().cloud == target.cloud) {
        folders.entry(account(view)).or_default().push(at);
    }
    let value = |folder: &str, members: &[usize]| {
        let first = members.first().and_then(|at| views.get(*at))?;
        let principals = members.iter().filter_map(|at| {
            let mut whom = views.get(*at)?.whom();
            let source = sources.get(at)?;
            let near = source.strip_prefix(folder).map(|rest| format!(".{rest}"));
            let far = source.strip_prefix(&format!("{}/", target.cloud)).map(|rest| format!("../{rest}"));
            whom.as_object_mut()?.insert("source".to_owned(), json!(near.or(far)?));
            Some(whom)
        });
        let mut map = Map::new();
        map.insert("view".to_owned(), json!(super::target::VIEW));
        map.insert("cloud".to_owned(), json!(target.cloud));
        map.insert("account".to_owned(), json!(first.who().account));
        map.insert("place".to_owned(), first.place().value());
        let kinds: BTreeSet<&str> =
            members.iter().filter_map(|at| Some(views.get(*at)?.who().kind)).collect();
        map.insert("kinds".to_owned(), json!(kinds));
        map.insert("principals".to_owned(), principals.collect());
        Some(Value::Object(map))
    };
    folders
        .into_iter()
        .filter_map(|(folder, members)| {
            let value = value(&folder, &members)?;
            Some((Group { folder, members }, value))
        })
        .collect()
}
