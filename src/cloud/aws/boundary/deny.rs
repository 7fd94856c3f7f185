//! What a boundary refuses whatever the policies say. What the policies allow of it stays free, on the resources that
//! they name and nowhere else: a boundary never takes what was granted.

use super::granted::{Granted, Home, written};
use super::{alphanumeric, prefix, some};
use crate::catalog;
use crate::catalog::platform::{DenyOn, DenyRule};
use crate::cloud::Subject;
use crate::model::document::{Conditions, Statement};
use crate::model::pattern::Pattern;
use std::collections::{BTreeMap, BTreeSet};

/// The condition key of a permissions boundary.
const BOUNDARY: &str = "iam:PermissionsBoundary";

/// What the refusals depend on.
pub(super) struct Refusals<'a> {
    pub(super) who: &'a Subject<'a>,
    pub(super) home: &'a Home,
    pub(super) granted: &'a [Granted<'a>],
    /// The wider pattern under which the boundary allows a resource.
    pub(super) widen: &'a dyn Fn(&Granted<'_>) -> String,
    /// Services that the boundary allows; none: refuse also what no statement allows.
    pub(super) only: Option<&'a BTreeSet<&'a str>>,
    /// Free what was granted by resource; else altogether.
    pub(super) exact: bool,
}

/// Statements, and what a reader must know of them.
#[derive(Debug, Default)]
pub(super) struct Refused {
    pub(super) statements: Vec<Statement>,
    pub(super) notes: Vec<String>,
}

impl Refusals<'_> {
    /// All refusals of the catalog.
    pub(super) fn all(&self) -> Refused {
        let mut refused = Refused::default();
        for row in &catalog::aws().boundary.deny {
            let wanted = row.actions.iter().map(String::as_str);
            let kept: Vec<&str> =
                wanted.filter(|a| self.only.is_none_or(|only| only.contains(prefix(a)))).collect();
            match (row.on, &row.key) {
                (Some(on), _) => self.on(row, on, &kept, &mut refused),
                (None, Some(key)) => self.by_value(row, key, &kept, &mut refused),
                (None, None) => self.but(row, &kept, &mut refused),
            }
        }
        refused
    }

    /// The ARN of the boundary.
    pub(super) fn own(&self) -> String {
        let Home { partition, account, .. } = self.home;
        format!("arn:{partition}:iam::{account}:policy/{}-boundary", self.who.slug)
    }

    fn of(&self, action: &str) -> impl Iterator<Item = &Granted<'_>> {
        self.granted.iter().filter(move |g| g.action == action)
    }

    /// Refuses the actions on everything but what the policies name.
    fn but(&self, row: &DenyRule, actions: &[&str], refused: &mut Refused) {
        let mut groups: BTreeMap<BTreeSet<String>, Vec<&str>> = BTreeMap::new();
        let mut bounds = BTreeSet::from([self.own()]);
        let mut open: Vec<&str> = Vec::new();
        for action in actions {
            let demanded = self.of(action).filter_map(|g| g.values(BOUNDARY)).flatten();
            bounds.extend(demanded.filter(|_| row.bounded).cloned());
            let free = self.of(action).filter(|g| !row.bounded || g.values(BOUNDARY).is_none());
            let mut free: BTreeSet<String> = free.map(|g| (self.widen)(g)).collect();
            super::reach::prune(&mut free);
            if free.contains("*") || (!free.is_empty() && !self.exact) {
                open.push(action);
            } else {
                groups.entry(free).or_default().push(action);
            }
        }
        let used = groups.keys().filter(|free| !free.is_empty()).count();
        for (except, actions) in groups {
            let first = actions.first().and_then(|a| a.split_once(':')).map_or("", |(_, name)| name);
            let tail = if except.is_empty() || used == 1 { "" } else { first };
            let both = if used == 1 && !except.is_empty() { "Elsewhere" } else { "" };
            let mut statement = deny(&format!("{}{both}{}", row.id, alphanumeric(tail)), &actions);
            if row.bounded {
                let operator = if self.home.account == "*" { "StringNotLike" } else { "StringNotEquals" };
                let values = bounds.iter().cloned().collect();
                statement.conditions = condition(operator, BOUNDARY, values);
            }
            if !except.is_empty() {
                refused.notes.push(self.freed(row, &actions, &except));
                statement.resources = Vec::new();
                statement.except = except.into_iter().collect();
            }
            refused.statements.push(statement);
        }
        if !open.is_empty() {
            let why = "the policies allow them on every resource, or on too many to list";
            refused.notes.push(format!("{} leaves out {}: {why}", row.id, open.join(", ")));
        }
    }

    fn freed(&self, row: &DenyRule, actions: &[&str], except: &BTreeSet<String>) -> String {
        let (actions, on) = (actions.join(", "), some(except.iter().map(String::as_str)));
        let advice = if row.bounded {
            format!(
                "; roles are made or changed there without a boundary: demand {} for them, and in the policies, to \
                 close this",
                self.own()
            )
        } else {
            String::new()
        };
        format!("{} does not hold for {actions} on {on}, which the policies allow{advice}", row.id)
    }

    /// Refuses the actions for other values of a condition key than those in the policies.
    fn by_value(&self, row: &DenyRule, key: &str, actions: &[&str], refused: &mut Refused) {
        let granted: Vec<&Granted<'_>> = actions.iter().flat_map(|a| self.of(a)).collect();
        let values: Option<Vec<&[String]>> = granted.iter().map(|g| g.values(key)).collect();
        match values {
            Some(values) if !values.is_empty() => {
                let values: BTreeSet<String> = values.into_iter().flatten().cloned().collect();
                let mut statement = deny(&row.id, actions);
                statement.conditions = condition("StringNotEquals", key, values.into_iter().collect());
                refused.statements.push(statement);
            }
            Some(_) => {}
            None => refused.notes.push(format!(
                "{} is left out: the policies allow {} whatever {key} is",
                row.id,
                actions.join(", ")
            )),
        }
    }

    /// Refuses the actions on one thing.
    fn on(&self, row: &DenyRule, on: DenyOn, actions: &[&str], refused: &mut Refused) {
        let target = match on {
            DenyOn::Boundary => self.own(),
            // The roles of a permission set are changed through Identity Center only.
            DenyOn::Principal
                if !self.who.principal.starts_with(&format!("arn:{}:iam::", self.home.partition)) =>
            {
                return;
            }
            DenyOn::Principal => written(self.who.principal),
        };
        let user = target.split(':').nth(5).is_some_and(|name| name.starts_with("user/"));
        let fits = |a: &&&str| {
            let (of_user, of_role) = (a.contains("User"), a.contains("Role"));
            on == DenyOn::Boundary || (of_user == user && of_role != user)
        };
        let pattern = Pattern::parse(&target);
        let allowed = |a: &&&str| self.of(a).any(|g| Pattern::parse(g.resource).overlaps(&pattern));
        let (open, closed): (Vec<&str>, Vec<&str>) = actions.iter().filter(fits).partition(|a| allowed(a));
        if !open.is_empty() {
            let why = format!("the policies allow them on {target}");
            refused.notes.push(format!("{} leaves out {}: {why}", row.id, open.join(", ")));
        }
        if !closed.is_empty() {
            let mut statement = deny(&row.id, &closed);
            statement.resources = vec![target];
            refused.statements.push(statement);
        }
    }
}

fn deny(id: &str, actions: &[&str]) -> Statement {
    Statement {
        id: id.to_owned(),
        effect: "Deny",
        actions: actions.iter().map(|a| (*a).to_owned()).collect(),
        resources: vec!["*".to_owned()],
        except: Vec::new(),
        conditions: Conditions::new(),
    }
}

/// One condition.
pub(super) fn condition(operator: &str, key: &str, values: Vec<String>) -> Conditions {
    BTreeMap::from([(operator.to_owned(), BTreeMap::from([(key.to_owned(), values)]))])
}
