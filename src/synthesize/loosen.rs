//! Loosenings that a person chose because the grants do not fit (semantics rule 18).

use super::{Ctx, Draft};
use crate::model::grant::{Grant, On, Widening};

const CHOSEN: &str = " chosen by ";

/// Whether a loosening that nobody chooses any more widened the grant.
pub(super) fn undeclared(grant: &Grant, ctx: &Ctx<'_>) -> bool {
    let chosen = |reason: &str| {
        let by = |step: &str| reason.strip_prefix(step).is_some_and(|rest| rest.starts_with(CHOSEN));
        ctx.intent.loosen.iter().any(|entry| entry.principal.is_match(ctx.who) && by(&entry.step))
    };
    grant.widened.iter().any(|w| w.pass == "loosen" && !chosen(&w.reason))
}

pub(super) fn loosen(draft: &mut Draft<'_>, ctx: &Ctx<'_>) {
    let chosen = ctx.intent.loosen.iter().filter(|entry| entry.principal.is_match(ctx.who));
    for entry in chosen {
        let mut grants = std::mem::take(&mut draft.grants);
        for grant in &mut grants {
            let Some(pattern) = ctx.cloud.loosened(grant, &entry.step) else { continue };
            if draft.refused(ctx, &grant.action, &pattern).is_some()
                || grant.on == On::Resource(pattern.clone())
            {
                continue;
            }
            let others = ctx.world.strangers(&pattern, &draft.own).count();
            let name = entry.meta.name("loosen");
            let reason =
                format!("{}{CHOSEN}{name}; names of others in the log that fit: {others}", entry.step);
            grant.on = On::Resource(pattern);
            grant.widened.push(Widening { pass: "loosen".into(), reason });
            grant.intent.insert(name);
        }
        draft.grants = grants;
        draft.join();
    }
}
