//! Object keys (semantics rule 14): many under one prefix, or machine-made ones, become the prefix; three prefixes become
//! the bucket. Who reads twenty objects of a prefix reads the prefix.

use super::{Ctx, Draft};
use crate::model::grant::{Grant, On, Widening};
use crate::model::pattern::{Part, Pattern};
use crate::model::usage::COLLAPSED;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Keys of one first-level prefix that still stand as they are.
const FEW: usize = 20;
/// Prefixes of one bucket that no longer do.
const MANY: usize = 3;

/// Action, scope, conditions, bucket.
type Place<'g> = (&'g str, &'g str, &'g BTreeMap<String, BTreeSet<String>>, &'g str);

pub(super) fn keys(draft: &mut Draft<'_>, ctx: &Ctx<'_>) {
    if ctx.shaping.exact {
        return;
    }
    let buckets = buckets(&draft.grants, ctx);
    // Keys of former nights count too.
    let mut former: BTreeMap<Place<'_>, Vec<&Grant>> = BTreeMap::new();
    for grant in ctx.memory.iter().filter(|_| !buckets.is_empty()) {
        if let Some(place) =
            place(grant, ctx).filter(|_| matches!(&grant.on, On::Resource(pattern) if pattern.is_exact()))
        {
            former.entry(place).or_default().push(grant);
        }
    }
    for members in buckets {
        let Some(one) = members.first().and_then(|at| draft.grants.get(*at)) else { continue };
        let Some(place @ (.., bucket)) = place(one, ctx) else { continue };
        let former = former.get(&place).map_or(&[][..], Vec::as_slice);
        let (action, bucket) = (Arc::clone(&one.action), bucket.to_owned());
        let new: BTreeSet<&str> = members
            .iter()
            .filter_map(|at| draft.grants.get(*at).filter(|grant| !draft.former.cover(grant)))
            .filter_map(|grant| object(grant, ctx).map(|(_, key)| first(key)))
            .collect();
        if new.is_empty() {
            continue;
        }
        let wide = wide_prefixes(draft, ctx, &members, former);
        let fits = |pattern: &Pattern| draft.refused(ctx, &action, pattern).is_none();
        let whole = below(&bucket, "");
        // Keys elsewhere in the bucket that only others use speak against all of it.
        let used = |name: &str| name.get(bucket.len()..).is_some_and(|key| wide.contains_key(first(key)));
        let foreign = ctx.world.strangers(&whole, &draft.own).any(|name| !used(name));
        if wide.len() >= MANY && !foreign && fits(&whole) {
            let reason = format!("keys under {} prefixes of the bucket", wide.len());
            widen(draft, &members, |_| Some((whole.clone(), reason.clone())), ctx);
            continue;
        }
        let patterns: BTreeMap<String, (Pattern, String)> = wide
            .into_iter()
            .map(|(prefix, reason)| (prefix.clone(), (below(&bucket, &prefix), reason)))
            .filter(|(prefix, (pattern, _))| {
                // Keys without a prefix name no part of the bucket: others may have theirs in it.
                let alone = !prefix.is_empty() || ctx.world.strangers(pattern, &draft.own).next().is_none();
                alone && new.contains(prefix.as_str()) && fits(pattern)
            })
            .collect();
        widen(draft, &members, |key| patterns.get(first(key)).cloned(), ctx);
    }
    draft.join();
}

/// Grants for objects, by what they have in common.
fn buckets(grants: &[Grant], ctx: &Ctx<'_>) -> Vec<Vec<usize>> {
    let mut buckets: BTreeMap<Place<'_>, Vec<usize>> = BTreeMap::new();
    for (at, grant) in grants.iter().enumerate() {
        if let Some(place) = place(grant, ctx) {
            buckets.entry(place).or_default().push(at);
        }
    }
    buckets.into_values().collect()
}

/// Where the grant is, where it is for one object or for those below a prefix.
fn place<'g>(grant: &'g Grant, ctx: &Ctx<'_>) -> Option<Place<'g>> {
    object(grant, ctx).map(|(bucket, _)| (&*grant.action, &*grant.scope, &grant.when, bucket))
}

/// Bucket and key, where the grant is for one object or for those below a prefix.
fn object<'g>(grant: &'g Grant, ctx: &Ctx<'_>) -> Option<(&'g str, &'g str)> {
    let On::Resource(pattern) = &grant.on else { return None };
    let head = pattern.head();
    head.split_at_checked(ctx.cloud.object(head)?)
}

/// The first-level prefix of a key with its slash; empty where it has none.
fn first(key: &str) -> &str {
    key.find('/').and_then(|at| key.get(..=at)).unwrap_or("")
}

fn below(bucket: &str, prefix: &str) -> Pattern {
    Pattern::of([Part::Text(format!("{bucket}{prefix}")), Part::Any])
}

/// Prefixes whose keys are many or machine-made, with the reason.
fn wide_prefixes(
    draft: &Draft<'_>,
    ctx: &Ctx<'_>,
    members: &[usize],
    former: &[&Grant],
) -> BTreeMap<String, String> {
    let mut prefixes: BTreeMap<&str, (BTreeSet<&str>, Option<String>)> = BTreeMap::new();
    let fresh = members.iter().filter_map(|at| draft.grants.get(*at));
    for grant in fresh.chain(former.iter().copied()) {
        let (Some((bucket, key)), On::Resource(pattern)) = (object(grant, ctx), &grant.on) else { continue };
        let known = prefixes.entry(first(key)).or_default();
        known.0.insert(key);
        if known.1.is_some() {
            continue;
        }
        let joined = grant
            .evidence
            .rules
            .iter()
            .any(|rule| rule.ends_with(COLLAPSED))
            .then(|| "more keys than can be kept apart".to_owned());
        // A key without a prefix is no prefix: what is machine-made in it is opened in its place.
        let asked = joined.is_none() && !first(key).is_empty();
        let tokens = if asked { ctx.cloud.tokens(pattern.head()) } else { Vec::new() };
        let in_key = tokens.iter().find(|t| t.span.0 >= bucket.len());
        let in_key = in_key.filter(|t| t.samples < 2);
        let made = in_key.map(|t| format!("{} in keys, as in {key}", t.words));
        known.1 = joined.or(made);
    }
    let many = |count: usize| (count > FEW).then(|| format!("{count} different keys"));
    let all = prefixes
        .into_iter()
        .filter_map(|(prefix, (keys, why))| Some((prefix.to_owned(), many(keys.len()).or(why)?)));
    all.collect()
}

fn widen(
    draft: &mut Draft<'_>,
    members: &[usize],
    to: impl Fn(&str) -> Option<(Pattern, String)>,
    ctx: &Ctx<'_>,
) {
    for at in members {
        let Some(grant) = draft.grants.get_mut(*at) else { continue };
        let Some((_, key)) = object(grant, ctx) else { continue };
        if let Some((pattern, reason)) = to(key)
            && grant.on != On::Resource(pattern.clone())
        {
            grant.on = On::Resource(pattern);
            grant.widened.push(Widening { pass: "keys".into(), reason });
        }
    }
}
