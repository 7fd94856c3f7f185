//! What a former run held back for a person, and what has been let go since, is granted as if it were seen now: the
//! passes that follow treat it like any other use.

use super::{Ctx, Draft};
use crate::model::grant::Grant;

pub(super) fn freed(draft: &mut Draft<'_>, ctx: &Ctx<'_>) {
    for held in ctx.freed {
        let alike = |grant: &&mut Grant| {
            (&grant.action, &grant.scope, &grant.on) == (&held.action, &held.scope, &held.on)
                && grant.when.keys().eq(held.when.keys())
        };
        match draft.grants.iter_mut().find(alike) {
            Some(known) => {
                for (values, more) in known.when.values_mut().zip(held.when.values()) {
                    values.extend(more.iter().cloned());
                }
                let mut held = held.clone();
                held.when.clone_from(&known.when);
                known.absorb(&held);
            }
            None => draft.grants.push(held.clone()),
        }
    }
    draft.join();
}
