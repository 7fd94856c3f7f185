//! Exact: one grant for each action and resource.

use super::{Ctx, Draft};
use crate::model::few::Few;
use crate::model::grant::{Evidence, Grant, On, Widening};
use crate::model::usage::{COLLAPSED, Level, Row};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) fn seed(draft: &mut Draft<'_>, _ctx: &Ctx<'_>) {
    let mut all: BTreeMap<(Arc<str>, Arc<str>, On), Grant> = BTreeMap::new();
    for row in &draft.rows {
        let on = On::of(row);
        match all.entry((row.scope.clone(), row.action.clone(), on.clone())) {
            Entry::Vacant(free) => {
                free.insert(grant(row, on));
            }
            Entry::Occupied(mut known) => add(known.get_mut(), row),
        }
    }
    draft.grants = all.into_values().collect();
}

fn grant(row: &Row, on: On) -> Grant {
    let reason = match row.target.level {
        Level::Unseen => {
            Some("the log does not name the resource: every one of its type in this account and region")
        }
        Level::Partial if row.rule.ends_with(COLLAPSED) => {
            Some("more object names than can be kept apart: joined by their first-level prefix")
        }
        Level::Partial => Some("the log names only a part of the resource"),
        Level::Named | Level::Service | Level::All => None,
    };
    Grant {
        action: row.action.clone(),
        on,
        scope: row.scope.clone(),
        when: BTreeMap::new(),
        evidence: Evidence {
            seen: row.seen.clone(),
            rules: Few::one(row.rule.clone()),
            bases: Few::one(row.basis.as_str()),
            level: row.target.level,
        },
        widened: reason
            .map(|reason| Widening { pass: "seed".into(), reason: reason.to_owned() })
            .into_iter()
            .collect(),
        intent: BTreeSet::new(),
    }
}

fn add(grant: &mut Grant, row: &Row) {
    grant.evidence.seen.merge(&row.seen);
    grant.evidence.rules.insert(row.rule.clone());
    grant.evidence.bases.insert(row.basis.as_str());
}
