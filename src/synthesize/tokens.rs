//! Machine-made parts of names become wildcards (semantics rules 12 and 13): what a stack, a build or a service named anew
//! is the same thing to the people who run it.

use super::{Ctx, Draft};
use crate::cloud::Token;
use crate::model::grant::{Grant, On, Widening};
use crate::model::pattern::{Part, Pattern};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The machine-made parts of each name that can be used; asked once for each.
type Parts = BTreeMap<String, Vec<Token>>;

/// Stands at the end of a name for whatever follows.
const OPEN: char = '\u{1}';

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
        std::mem::take(&mut draft.grants).into_iter().partition(|grant| draft.former.cover(grant));
    let among = new.len();
    let mut made_new: BTreeSet<(Arc<str>, Pattern)> = BTreeSet::new();
    let mut grants: Vec<Grant> = new.into_iter().chain(standing).collect();
    for (at, grant) in grants.iter_mut().enumerate() {
        let Some(name) = literal(grant, ctx) else { continue };
        let Some(tokens) = parts.get(&name) else { continue };
        let exact = ctx.cloud.stays_exact(&name);
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

/// The name a grant is for, where it is for one name; [`OPEN`] ends it where the log tells only how it begins.
fn literal(grant: &Grant, ctx: &Ctx<'_>) -> Option<String> {
    let On::Resource(pattern) = &grant.on else { return None };
    let head = pattern.head();
    if pattern.is_exact() {
        return Some(head.to_owned());
    }
    let begins = *pattern == Pattern::of([Part::Text(head.to_owned()), Part::Any]);
    let told = grant.widened.iter().all(|w| matches!(&*w.pass, "seed" | "created"));
    (begins && told && ctx.cloud.object(head).is_none()).then(|| format!("{head}{OPEN}"))
}

/// Type patterns on which this principal creates.
fn types_made(draft: &Draft<'_>) -> BTreeSet<Pattern> {
    let made = draft.grants.iter().filter(|grant| grant.widened.iter().any(|w| w.pass == "created"));
    made.filter_map(|grant| if let On::Resource(on) = &grant.on { Some(on.clone()) } else { None }).collect()
}

fn usable(name: &str, ctx: &Ctx<'_>) -> Vec<Token> {
    let mut tokens = ctx.cloud.tokens(name);
    if tokens.is_empty() {
        return tokens;
    }
    let exact = ctx.cloud.stays_exact(name);
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
    let named = draft.grants.iter().chain(ctx.memory).filter_map(|grant| literal(grant, ctx));
    for name in named.collect::<BTreeSet<String>>() {
        let tokens = usable(&name, ctx);
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
    samples(&mut all, &parts, ctx);
    (all, parts)
}

/// What stood at the machine-made parts of names that a former run opened in part: `app-pr-7-Table-*` is a sample of a pull
/// request's number, though no name any more.
fn samples(all: &mut BTreeMap<Shape, Kin>, parts: &Parts, ctx: &Ctx<'_>) {
    let opened: Vec<String> = ctx
        .memory
        .iter()
        .filter_map(|grant| grant.on.pattern().filter(|pattern| !pattern.is_exact()))
        .map(ToString::to_string)
        .filter(|text| !text.contains("${"))
        .collect();
    for (shape, kin) in all.iter_mut().filter(|(shape, _)| shape.len() > 3) {
        let Some(name) = kin.names.first().cloned() else { continue };
        let Some(tokens) = parts.get(&name) else { continue };
        for text in &opened {
            let Some(values) = values(text, shape) else { continue };
            // The values must be what the recognisers take them for.
            let mut filled = String::new();
            let mut at = 0;
            for (token, value) in tokens.iter().zip(&values) {
                let (start, end) = token.span;
                filled.push_str(name.get(at..start).unwrap_or(""));
                filled.push_str(value.unwrap_or(name.get(start..end).unwrap_or("")));
                at = end;
            }
            filled.push_str(name.get(at..).unwrap_or(""));
            let own = usable(&filled, ctx);
            if self::shape(&filled, &own) == *shape {
                for (value, values) in values.iter().zip(&mut kin.values) {
                    values.extend(value.map(str::to_owned));
                }
            }
        }
    }
}

/// What a pattern has in place of the machine-made parts of names of that shape; none for a wildcard. Nothing where it is
/// no pattern over such names, or opens all of the parts.
fn values<'t>(pattern: &'t str, shape: &Shape) -> Option<Vec<Option<&'t str>>> {
    let mut texts = shape.iter().step_by(2).map(|text| text.trim_end_matches(OPEN));
    let mut rest = pattern.strip_prefix(texts.next()?)?;
    let mut all = Vec::new();
    let last = texts.len().checked_sub(1)?;
    for (at, text) in texts.enumerate() {
        let (value, after) = if at == last {
            let open = shape.last().is_some_and(|text| text.ends_with(OPEN));
            let end = if open { rest.strip_suffix('*')? } else { rest };
            (end.strip_suffix(text)?, "")
        } else {
            rest.split_once(text)?
        };
        let wild = !value.is_empty() && value.chars().all(|c| matches!(c, '*' | '?'));
        all.push((!wild).then_some(value));
        rest = after;
    }
    (all.iter().any(Option::is_some) && all.iter().any(Option::is_none)).then_some(all)
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
    // Nothing but the service's own id: a type, not a name. Only who makes such things needs them all, or where each lasts for a moment.
    let whole = ctx.cloud.whole_type(&open);
    let passing = tokens.iter().all(|token| token.passing);
    if whole && !(kin.names.len() > 1 && (passing || made.contains(&open))) {
        return None;
    }
    let chosen = [open, written(name, &tokens, true)].into_iter().find(|pattern| {
        let begun = || ctx.world.strange_beginnings(pattern, &draft.own).next().is_none();
        ctx.world.strangers(pattern, &draft.own).next().is_none() && (!name.ends_with(OPEN) || begun())
    })?;
    let words: BTreeSet<&str> = tokens.iter().map(|token| token.words).collect();
    let words: Vec<&str> = words.into_iter().collect();
    let count = kin.names.len();
    let names = if count == 1 { "1 name".to_owned() } else { format!("{count} names") };
    let example = kin.names.first().map_or("", String::as_str).replace(OPEN, "*");
    let reason = format!(
        "{} in {names}, as in {example}; nothing else that a use in the log names fits",
        words.join(" and ")
    );
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
    let end = name.trim_end_matches(OPEN).len();
    parts.push(text(at, end));
    parts.extend((end < name.len()).then_some(Part::Any));
    Pattern::of(parts)
}
