//! What stood in a document before keeps its place (semantics rule 16): the same statement under the same name, with at most
//! a resource more. Only what is new is laid out.

use super::meaning::applies;
use super::statement::conditions;
use crate::model::document::{Conditions, Layout, Statement};
use crate::model::grant::Grant;
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
        let key =
            |grant: &Grant| (grant.action.to_string(), grant.on.to_string(), words(&conditions(&grant.when)));
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

    /// The statement with those of its resources that all its actions still have.
    fn keep(&self, old: &Statement) -> Statement {
        let when = words(&old.conditions);
        let mut statement = old.clone();
        // An action that was taken away leaves the others where they stand.
        let granted = |action: &String| old.resources.iter().any(|r| self.has(action, r, &when));
        if old.actions.iter().any(granted) {
            statement.actions.retain(granted);
        }
        let old = statement.clone();
        statement.resources.retain(|resource| self.takes(&old.actions, resource, &when));
        statement
    }

    /// The statement with resources that all its actions have got since, and that stand nowhere yet.
    fn extended(&self, statement: &Statement) -> Option<Statement> {
        let when = words(&statement.conditions);
        let fresh = self.grants.keys().filter(|key| !self.placed.contains(*key));
        let fresh = fresh.filter(|(action, _, other)| *other == when && statement.actions.contains(action));
        let fresh: BTreeSet<&String> = fresh.map(|(_, resource, _)| resource).collect();
        let new = |r: &&String| !statement.resources.contains(r) && self.takes(&statement.actions, r, &when);
        let fresh: Vec<String> = fresh.into_iter().filter(new).cloned().collect();
        let mut extended = statement.clone();
        extended.resources.extend(fresh);
        extended.resources.sort();
        (extended.resources.len() > statement.resources.len()).then_some(extended)
    }

    /// Whether each action has a resource left.
    fn holds(&self, statement: &Statement) -> bool {
        let when = words(&statement.conditions);
        let used = |action: &String| statement.resources.iter().any(|r| self.has(action, r, &when));
        statement.actions.iter().all(used)
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

    /// Former documents with the statements that still hold. `fits` says how much a document may take.
    pub(super) fn standing(&mut self, layout: &[Layout], fits: impl Fn(&[Statement]) -> bool) -> Vec<Layout> {
        let keep = |d: &Layout| Layout {
            name: d.name.clone(),
            statements: d.statements.iter().map(|old| self.keep(old)).collect(),
        };
        let mut all: Vec<Layout> = layout.iter().map(keep).collect();
        for statement in all.iter().flat_map(|d| &d.statements) {
            self.place(statement);
        }
        // Only what stands nowhere joins a statement, and only where there is room.
        for document in &mut all {
            for at in 0..document.statements.len() {
                let Some(extended) = document.statements.get(at).and_then(|s| self.extended(s)) else {
                    continue;
                };
                let mut longer = document.statements.clone();
                if let Some(statement) = longer.get_mut(at) {
                    statement.clone_from(&extended);
                }
                if fits(&longer) {
                    document.statements = longer;
                    self.place(&extended);
                }
            }
        }
        let gone: Vec<Statement> = all
            .iter_mut()
            .flat_map(|d| d.statements.extract_if(.., |s| !self.holds(s)).collect::<Vec<Statement>>())
            .collect();
        gone.iter().for_each(|statement| self.displace(statement));
        all.retain(|document| !document.statements.is_empty());
        all
    }

    /// The statement does not stand: what it would have held is to be placed.
    fn displace(&mut self, statement: &Statement) {
        let when = words(&statement.conditions);
        for action in &statement.actions {
            for resource in &statement.resources {
                self.placed.remove(&(action.clone(), resource.clone(), when.clone()));
            }
        }
    }
}
