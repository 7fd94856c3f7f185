//! What was granted before stays (semantics rule 11), and what it covers needs no line of its own (rule 16).

use super::{Ctx, Draft};
use crate::model::grant::Grant;

pub(super) fn remember(draft: &mut Draft<'_>, ctx: &Ctx<'_>) {
    if ctx.memory.is_empty() {
        return;
    }
    let mut kept: Vec<Grant> = Vec::new();
    for old in ctx.memory {
        let mut old = old.clone();
        let mut used = false;
        draft.grants.retain(|fresh| {
            let covered = old.covers(fresh);
            if covered {
                let (first, sample) = (old.evidence.seen.first, old.evidence.seen.sample.clone());
                old.absorb(fresh);
                old.evidence.seen.first = old.evidence.seen.first.min(first);
                old.evidence.seen.sample = old.evidence.seen.sample.clone().min(sample);
                used = true;
            }
            !covered
        });
        // A pattern replaces exactly the literals it covers.
        let replaced = !used
            && draft.grants.iter_mut().any(|fresh| {
                let covers = fresh.covers(&old);
                if covers {
                    fresh.evidence.seen.first = fresh.evidence.seen.first.min(old.evidence.seen.first);
                    fresh.evidence.seen.sample =
                        fresh.evidence.seen.sample.clone().min(old.evidence.seen.sample.clone());
                }
                covers
            });
        if !replaced {
            kept.push(old);
        }
    }
    draft.grants.extend(kept);
    draft.join();
}
