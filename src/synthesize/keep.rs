//! What a person keeps, without or despite missing use.

use super::{Ctx, Draft};
use crate::model::few::Few;
use crate::model::grant::{Evidence, Grant, On};
use crate::model::time::Timestamp;
use crate::model::usage::{Level, Seen};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn keep(draft: &mut Draft<'_>, ctx: &Ctx<'_>) {
    for entry in ctx.intent.keep.iter().filter(|entry| entry.is_for(ctx.who)) {
        for action in &entry.actions {
            let Some(action) = ctx.cloud.canonical(action) else { continue };
            if ctx.intent.forbids(ctx.who, &action, entry.resource.as_ref()).is_some() {
                continue;
            }
            let on = entry.resource.clone().map_or(On::Service, On::Resource);
            let Some(scope) = ctx.cloud.keeps(ctx.who, &on) else { continue };
            let kept = Grant {
                action: action.into(),
                on,
                scope: scope.into(),
                when: BTreeMap::new(),
                evidence: unseen(),
                widened: Vec::new(),
                intent: BTreeSet::from([entry.meta.name("keep")]),
            };
            let on = if let On::Resource(pattern) = &kept.on { Some(pattern) } else { None };
            // What is never granted is not kept either: the entry matches nothing, and that is told.
            if ctx.intent.forbids(ctx.who, &kept.action, on).is_some() {
                continue;
            }
            // What it covers stays beside it: the uses are still proved when the entry has expired.
            draft.grants.push(kept);
        }
    }
    draft.join();
}

/// No use, but a person's word.
fn unseen() -> Evidence {
    Evidence {
        seen: Seen {
            count: 0,
            first: Timestamp::UNKNOWN,
            last: Timestamp::UNKNOWN,
            sample: (Timestamp::UNKNOWN, "".into()),
        },
        rules: Few::one(Grant::KEPT.into()),
        bases: Few::one("intent"),
        level: Level::Named,
    }
}
