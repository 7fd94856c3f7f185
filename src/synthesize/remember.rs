//! What was granted before stays (semantics rule 11), and what it covers needs no line of its own (rule 16).

use super::{Ctx, Draft};
use crate::model::grant::{Grant, Places};
use crate::model::usage::Seen;

pub(super) fn remember(draft: &mut Draft<'_>, ctx: &Ctx<'_>) {
    if ctx.memory.is_empty() {
        return;
    }
    let places = Places::of(ctx.memory);
    let mut memory: Vec<(Grant, bool)> = ctx.memory.iter().map(|old| (old.clone(), false)).collect();
    // All that cover a use have been used: were it the narrowest alone, the others would age.
    draft.grants.retain(|fresh| {
        let mut covered = false;
        for at in places.near(&fresh.action, &fresh.scope, &fresh.on) {
            let Some((old, used)) = memory.get_mut(at).filter(|(old, _)| old.covers(fresh)) else { continue };
            let before = old.evidence.seen.clone();
            old.absorb(fresh);
            since(&mut old.evidence.seen, &before);
            (*used, covered) = (true, true);
        }
        !covered
    });
    let places = Places::of(&draft.grants);
    let near = |old: &Grant| {
        let mut near: Vec<usize> = places.near(&old.action, &old.scope, &old.on).collect();
        near.sort_unstable();
        near
    };
    let near: Vec<Vec<usize>> = memory.iter().map(|(old, _)| near(old)).collect();
    let mut kept: Vec<Grant> = Vec::new();
    for ((mut old, used), near) in memory.into_iter().zip(near) {
        for at in &near {
            draft.grants.get_mut(*at).into_iter().for_each(|fresh| beside(fresh, &mut old));
        }
        // A pattern replaces exactly the literals it covers. A person's word may expire: it replaces nothing.
        let replaces = |fresh: &Grant| !used && !fresh.only_kept() && fresh.covers(&old);
        let by = near.iter().find(|at| draft.grants.get(**at).is_some_and(replaces));
        match by.and_then(|at| draft.grants.get_mut(*at)) {
            Some(fresh) => since(&mut fresh.evidence.seen, &old.evidence.seen),
            None => kept.push(old),
        }
    }
    draft.grants.extend(kept);
    draft.join();
}

/// Extends what was seen by what a former run saw.
fn since(seen: &mut Seen, before: &Seen) {
    if !before.first.is_known() {
        return;
    }
    if !seen.first.is_known() {
        *seen = before.clone();
        return;
    }
    seen.first = seen.first.min(before.first);
    seen.last = seen.last.later(before.last);
    seen.sample = seen.sample.clone().min(before.sample.clone());
}

/// Takes the values of a condition that stand already out of a grant that differs by them only: what is new gets a
/// statement of its own, and the old one changes no byte.
fn beside(fresh: &mut Grant, old: &mut Grant) {
    let alike = fresh.action == old.action && fresh.scope == old.scope && fresh.on == old.on;
    if !alike || !fresh.when.keys().eq(old.when.keys()) {
        return;
    }
    let mut differing = fresh.when.iter_mut().zip(old.when.values()).filter(|((_, new), old)| *new != *old);
    if let (Some(((_, new), old)), None) = (differing.next(), differing.next()) {
        let before = new.len();
        new.retain(|value| !old.contains(value));
        if new.len() == before {
            return;
        }
    } else {
        return;
    }
    let before = old.evidence.seen.clone();
    old.evidence.seen = fresh.evidence.seen.clone();
    since(&mut old.evidence.seen, &before);
}
