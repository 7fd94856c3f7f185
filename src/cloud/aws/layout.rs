//! What stood in a document before keeps its place (semantics rule 16): the same statement under the same name, with at most
//! a resource more. Only what is new is laid out.

use super::statement::{applies, conditions};
use crate::model::document::{Conditions, Layout, Statement};
use crate::model::grant::{Grant, On};
use std::collections::{BTreeMap, BTreeSet};

/// The grants that have no statement yet.
pub(super) struct Pool<'g> {
    grants: BTreeMap<Key, &'g Grant>,
    placed: BTreeSet<Key>,
}

/// Action, resource, conditions.
type Key = (String, String, String);

fn words(conditions: &Conditions) -> String {
    format!("{conditions:?}")
}

impl<'g> Pool<'g> {
    pub(super) fn new(grants: &'g [Grant]) -> Self {
        let key = |grant: &Grant| {
            let on = match &grant.on {
                On::Service => "*".to_owned(),
                On::Resource(pattern) => pattern.to_string(),
            };
            (grant.action.clone(), on, words(&conditions(&grant.when)))
        };
        Self { grants: grants.iter().map(|grant| (key(grant), grant)).collect(), placed: BTreeSet::new() }
    }

    /// What is left.
    pub(super) fn rest(&self) -> Vec<&'g Grant> {
        self.grants.iter().filter(|(key, _)| !self.placed.contains(*key)).map(|(_, grant)| *grant).collect()
    }

    fn has(&self, action: &str, resource: &str, when: &str) -> bool {
        self.grants.contains_key(&(action.to_owned(), resource.to_owned(), when.to_owned()))
    }

    /// Whether each of the actions is granted on the resource, or means nothing there; and at least one is.
    fn takes(&self, actions: &[String], resource: &str, when: &str) -> bool {
        let granted = |action: &String| self.has(action, resource, when);
        actions.iter().any(granted) && actions.iter().all(|a| granted(a) || !applies(a, resource))
    }

    /// The statement as it stood, without actions that were taken away; none where it no longer holds.
    fn keep(&self, old: &Statement) -> Option<Statement> {
        self.whole(old).or_else(|| {
            let when = words(&old.conditions);
            let granted = |action: &&String| old.resources.iter().any(|r| self.has(action, r, &when));
            let actions: Vec<String> = old.actions.iter().filter(granted).cloned().collect();
            let fewer = !actions.is_empty() && actions.len() < old.actions.len();
            fewer.then(|| self.whole(&Statement { actions, ..old.clone() })).flatten()
        })
    }

    /// The statement with resources that all its actions have got since; none where one of them has nothing in it.
    fn whole(&self, old: &Statement) -> Option<Statement> {
        let when = words(&old.conditions);
        let mut statement = old.clone();
        statement.resources.retain(|resource| self.takes(&old.actions, resource, &when));
        let gone = statement.resources.len() < old.resources.len();
        let fresh = self.grants.keys().filter(|key| !self.placed.contains(*key));
        let fresh = fresh
            .filter(|(action, _, other)| *other == when && old.actions.iter().any(|known| known == action));
        let fresh: BTreeSet<&String> = fresh.map(|(_, resource, _)| resource).collect();
        let fresh =
            fresh.into_iter().filter(|r| !old.resources.contains(r) && self.takes(&old.actions, r, &when));
        let fresh: Vec<String> = fresh.cloned().collect();
        // What went without anything in its place was taken away on purpose.
        if gone && fresh.is_empty() && statement.resources.is_empty() {
            return None;
        }
        statement.resources.extend(fresh);
        statement.resources.sort();
        let used = |action: &String| statement.resources.iter().any(|r| self.has(action, r, &when));
        old.actions.iter().all(used).then_some(statement)
    }

    fn place(&mut self, statement: &Statement) {
        let when = words(&statement.conditions);
        for action in &statement.actions {
            for resource in &statement.resources {
                let key = (action.clone(), resource.clone(), when.clone());
                if self.grants.contains_key(&key) {
                    self.placed.insert(key);
                }
            }
        }
    }

    /// Former documents with the statements that still hold.
    pub(super) fn standing(&mut self, layout: &[Layout]) -> Vec<Layout> {
        let mut all = Vec::new();
        for document in layout {
            let mut kept = Vec::new();
            for old in &document.statements {
                if let Some(statement) = self.keep(old) {
                    self.place(&statement);
                    kept.push(statement);
                }
            }
            if !kept.is_empty() {
                all.push(Layout { name: document.name.clone(), statements: kept });
            }
        }
        all
    }
}
