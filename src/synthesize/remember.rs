//! What was granted before stays (semantics rule 11), and what it covers needs no line of its own (rule 16).

use super::{Ctx, Draft};
use crate::model::grant::Grant;

pub(super) fn remember(draft: &mut Draft<'_>, ctx: &Ctx<'_>) {
    if ctx.memory.is_empty() {
        return;
    }
    let mut old: Vec<(Grant, bool)> = ctx.memory.iter().map(|grant| (grant.clone(), false)).collect();
    let fresh = std::mem::take(&mut draft.grants);
    for mut grant in fresh {
        // All that cover it have been used: the narrowest alone would let the others age.
        let mut covered = false;
        for (known, used) in old.iter_mut().filter(|(known, _)| known.covers(&grant)) {
            let (first, sample) = (known.evidence.seen.first, known.evidence.seen.sample.clone());
            known.absorb(&grant);
            known.evidence.seen.first = known.evidence.seen.first.min(first);
            known.evidence.seen.sample = known.evidence.seen.sample.clone().min(sample);
            (*used, covered) = (true, true);
        }
        if covered {
            continue;
        }
        // A pattern replaces exactly the literals it covers.
        old.retain(|(known, used)| {
            let replaced = !used && grant.covers(known);
            if replaced {
                let seen = &mut grant.evidence.seen;
                seen.first = seen.first.min(known.evidence.seen.first);
                seen.sample = seen.sample.clone().min(known.evidence.seen.sample.clone());
            }
            !replaced
        });
        draft.grants.push(grant);
    }
    draft.grants.extend(old.into_iter().map(|(known, _)| known));
    draft.join();
}
