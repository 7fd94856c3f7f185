//! Machine-made parts of names become wildcards (semantics rules 12 and 13): what a stack, a build or a service named anew
//! is the same thing to the people who run it.

use super::{Ctx, Draft};
use crate::cloud::Token;
use crate::model::grant::{Grant, On, Widening};
use crate::model::pattern::{Part, Pattern};
use std::collections::{BTreeMap, BTreeSet};

/// The machine-made parts of each name that can be used; asked once for each.
type Parts = BTreeMap<String, Vec<Token>>;

/// What names have in common: their text, with the recogniser's id in place of each machine-made part.
type Shape = Vec<String>;

/// Names of one shape.
#[derive(Default)]
struct Kin {
    names: BTreeSet<String>,
    /// What stands at each of the machine-made parts.
    values: Vec<BTreeSet<String>>,
}

pub(super) fn tokens(draft: &mut Draft<'_>, ctx: &Ctx<'_>) {
    if ctx.shaping.exact {
        return;
    }
    let made = types_made(draft);
    let mut replaced: BTreeMap<(String, bool), Option<(Pattern, String)>> = BTreeMap::new();
    let (kin, parts) = kin(draft, ctx);
    let (standing, new): (Vec<Grant>, Vec<Grant>) =
        std::mem::take(&mut draft.grants).into_iter().partition(|grant| ctx.stands(grant));
    let among = new.len();
    let mut made_new: BTreeSet<(String, Pattern)> = BTreeSet::new();
    let mut grants: Vec<Grant> = new.into_iter().chain(standing).collect();
    for (at, grant) in grants.iter_mut().enumerate() {
        let Some(name) = literal(grant) else { continue };
        let exact = ctx.cloud.stays_exact(&name);
        let Some(tokens) = parts.get(&name) else { continue };
        let Some(family) = kin.get(&shape(&name, tokens)) else { continue };
        let key = (name.clone(), exact);
        let found = replaced.entry(key).or_insert_with(|| pattern(&name, tokens, family, draft, ctx, &made));
        if let Some((pattern, reason)) = found
            && draft.refused(ctx, &grant.action, pattern).is_none()
            && (at < among || made_new.contains(&(grant.action.clone(), pattern.clone())))
        {
            made_new.insert((grant.action.clone(), pattern.clone()));
            grant.on = On::Resource(pattern.clone());
            grant.widened.push(Widening { pass: "tokens".into(), reason: reason.clone() });
        }
    }
    draft.grants = grants;
    draft.join();
}

/// The name a grant is for, where it is for one name.
fn literal(grant: &Grant) -> Option<String> {
    match &grant.on {
        On::Resource(pattern) if pattern.is_exact() => Some(pattern.head().to_owned()),
        _ => None,
    }
}

/// Type patterns on which this principal creates.
fn types_made(draft: &Draft<'_>) -> BTreeSet<Pattern> {
    let made = draft.grants.iter().filter(|grant| grant.widened.iter().any(|w| w.pass == "created"));
    made.filter_map(|grant| if let On::Resource(on) = &grant.on { Some(on.clone()) } else { None }).collect()
}

fn usable(name: &str, exact: bool, ctx: &Ctx<'_>) -> Vec<Token> {
    let mut tokens = ctx.cloud.tokens(name);
    // What a person could have written is a suffix only behind the name of a stack that the log knows.
    let of_stack = |token: &Token| {
        let head = name.get(..token.span.0).unwrap_or("");
        let segment = head.rsplit(['/', ':']).next().unwrap_or("");
        ctx.world.units().any(|unit| segment.strip_prefix(unit).is_some_and(|rest| rest.starts_with('-')))
    };
    // Who may act as whom is not widened on the form of a suffix alone.
    let doubtful = |token: &Token| token.doubtful || (exact && token.of_stack);
    tokens.retain(|token| (!exact || token.suffix) && (!doubtful(token) || of_stack(token)));
    tokens
}

/// All names by shape, those of former runs too. A part that needs more samples than there are stays as it is.
fn kin(draft: &Draft<'_>, ctx: &Ctx<'_>) -> (BTreeMap<Shape, Kin>, Parts) {
    let (mut all, mut parts): (BTreeMap<Shape, Kin>, Parts) = Default::default();
    for name in draft.grants.iter().chain(ctx.memory).filter_map(literal).collect::<BTreeSet<String>>() {
        let tokens = usable(&name, ctx.cloud.stays_exact(&name), ctx);
        if tokens.is_empty() {
            continue;
        }
        let kin = all.entry(shape(&name, &tokens)).or_default();
        kin.values.resize(tokens.len(), BTreeSet::new());
        for (token, values) in tokens.iter().zip(&mut kin.values) {
            values.insert(name.get(token.span.0..token.span.1).unwrap_or("").to_owned());
        }
        kin.names.insert(name.clone());
        parts.insert(name, tokens);
    }
    (all, parts)
}

fn shape(name: &str, tokens: &[Token]) -> Shape {
    let mut shape = Vec::new();
    let mut at = 0;
    for token in tokens {
        shape.push(name.get(at..token.span.0).unwrap_or("").to_owned());
        shape.push(token.rule.to_owned());
        at = token.span.1;
    }
    shape.push(name.get(at..).unwrap_or("").to_owned());
    shape
}

/// The pattern that takes the place of a name, and why; none where something speaks against it.
fn pattern(
    name: &str,
    usable: &[Token],
    kin: &Kin,
    draft: &Draft<'_>,
    ctx: &Ctx<'_>,
    made: &BTreeSet<Pattern>,
) -> Option<(Pattern, String)> {
    // Different values at that place: two digests behind one date are no series of dates.
    let enough = |(token, values): &(&Token, &BTreeSet<String>)| values.len() >= token.samples;
    let tokens = usable.iter().zip(&kin.values).filter(enough).map(|(token, _)| token.clone());
    let tokens: Vec<Token> = tokens.collect();
    if tokens.is_empty() {
        return None;
    }
    let open = written(name, &tokens, false);
    // Nothing but the service's own id: a type, not a name. Only who makes such things needs them all.
    let whole = ctx.cloud.whole_type(&open);
    if whole && !(kin.names.len() > 1 && made.contains(&open)) {
        return None;
    }
    let chosen = [open, written(name, &tokens, true)]
        .into_iter()
        .find(|pattern| ctx.world.strangers(pattern, &draft.own).next().is_none())?;
    let words: BTreeSet<&str> = tokens.iter().map(|token| token.words).collect();
    let words: Vec<&str> = words.into_iter().collect();
    let count = kin.names.len();
    let names = if count == 1 { "1 name".to_owned() } else { format!("{count} names") };
    let example = kin.names.first().map_or("", String::as_str);
    let reason =
        format!("{} in {names}, as in {example}; no other name of the log fits", words.join(" and "));
    Some((chosen, reason))
}

/// The name with `*` for each token, or one `?` for each of its characters.
fn written(name: &str, tokens: &[Token], fixed: bool) -> Pattern {
    let mut parts = Vec::new();
    let mut at = 0;
    let text = |from: usize, to: usize| Part::Text(name.get(from..to).unwrap_or("").to_owned());
    for token in tokens {
        let (start, end) = token.span;
        parts.push(text(at, start));
        if fixed || token.fixed {
            parts.extend(std::iter::repeat_n(Part::One, end - start));
        } else {
            parts.push(Part::Any);
        }
        at = end;
    }
    parts.push(text(at, name.len()));
    Pattern::of(parts)
}
