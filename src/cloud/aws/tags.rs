//! Tags given at creation: which permission they need, and on what. They go onto what is made, never onto what the call
//! names beside it; the facts stand in `infer.toml`.

use super::infer::{make, scoped};
use super::map::first_word;
use super::namer::arn_leaves;
use super::percent::percent_encode;
use super::resource::{Ctx, Found, resolve, types_of, whole_service};
use crate::catalog;
use crate::catalog::overlay::{TagRule, UseRule};
use crate::catalog::table::{AccessLevel, Action, ResourceType, Service};
use crate::model::pattern::escape;
use crate::model::usage::{Basis, Context, Level, Outcome, Target, Use};
use crate::wire::leaves::normal;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Adds the permission to tag what `action` made.
pub(super) fn add<'a>(
    ctx: &Ctx<'a>,
    service: &Service,
    action: &Action,
    event: &str,
    outcome: Outcome,
    uses: &mut Vec<Use<'a>>,
) {
    let rows = &catalog::aws().infer.tag;
    let fits = |row: &&TagRule| {
        row.service == service.prefix
            && (row.actions.is_empty() || row.actions.iter().any(|a| a == action.name))
    };
    let row = rows.iter().find(fits);
    // What tags say they are for is compared without its dashes.
    ctx.pry(!ctx.request.tag_types.is_empty());
    let noun = noun(event);
    let by_row = row.map(|row| catalog::aws().table.action(&row.adds));
    let chosen = by_row.unwrap_or_else(|| tag_action(service, action, &noun));
    let Some((tagging, tag)) = chosen.filter(|(_, tag)| tag.full != action.full) else { return };
    ctx.pry(tagging.glued);
    let found = match row.and_then(|row| row.path.as_deref()) {
        Some(path) => encoded(ctx, path, action, uses),
        None if tag.level != AccessLevel::Tagging => return,
        None => Tags { ctx, row, tagging, tag, event, noun, own: own(ctx, tagging, action, uses) }.found(),
    };
    let key = row.and_then(|row| row.key.as_deref());
    let context: Context<'_> = key.map(|key| (key, Cow::Owned(action.name.to_owned()))).into_iter().collect();
    uses.extend(found.into_iter().map(|f| make(ctx, tag, outcome, Basis::Inferred, context.clone(), f)));
}

/// What an event is called after: `table` of `RestoreTableFromBackup`.
fn noun(event: &str) -> String {
    let mut rest = event.strip_prefix(first_word(event)).unwrap_or("");
    let mut out = String::new();
    while !rest.is_empty() {
        let word = first_word(rest);
        if ["For", "From", "In", "To", "Using", "With"].contains(&word) && !out.is_empty() {
            break;
        }
        out.push_str(word);
        rest = rest.strip_prefix(word).unwrap_or("");
    }
    normal(&out)
}

/// How well a type is the one that an event is called after; 0: not at all.
fn rank(noun: &str, resource: &ResourceType) -> usize {
    fn one(word: &str) -> &str {
        word.strip_suffix('s').unwrap_or(word)
    }
    let noun = one(noun);
    let alike = |kind: &str| {
        let kind = one(kind);
        if noun == kind {
            EXACT
        } else if kind.len() > 2 && noun.ends_with(kind) {
            1 + kind.len()
        } else {
            usize::from(noun.len() > 3 && kind.ends_with(noun))
        }
    };
    alike(&resource.kind).max(alike(&resource.head))
}

const EXACT: usize = usize::MAX;

/// The service's tagging action: `TagResource`, else the one called after what is created, else the one that takes its
/// type, else the only one.
fn tag_action<'s>(service: &'s Service, action: &Action, noun: &str) -> Option<(&'s Service, &'s Action)> {
    let made = action.name.strip_prefix(first_word(action.name)).unwrap_or("");
    let named = [format!("Tag{made}"), format!("TagResource{made}")];
    let named = named.iter().find_map(|name| service.action(name).filter(|_| !made.is_empty()));
    let adds = |tag: &&Action| {
        tag.level == AccessLevel::Tagging && matches!(first_word(tag.name), "Tag" | "Add" | "Create")
    };
    let takes = |tag: &&Action| {
        let types = types_of(service, tag).into_iter();
        types.filter_map(|(at, _)| service.types.get(at)).map(|t| rank(noun, t)).max().unwrap_or(0)
    };
    let general = service.action("TagResource");
    let fitting = service.actions.iter().filter(adds).max_by_key(takes).filter(|tag| takes(tag) == EXACT);
    let mut all = service.actions.iter().filter(adds);
    let only = all.next().filter(|_| all.next().is_none());
    let tag = general.filter(|tag| takes(tag) == EXACT).or(named).or(fitting).or(general).or(only)?;
    Some((service, tag))
}

/// The path of an API under which tags of what is made are put; no id is known when it is checked.
fn encoded(ctx: &Ctx<'_>, path: &str, action: &Action, uses: &[Use<'_>]) -> Vec<Found> {
    let Some(head) = scoped(ctx, path) else { return Vec::new() };
    let made = uses.iter().filter(|u| u.action == action.full && !u.target.text.starts_with(&head));
    let put = |u: &Use<'_>| {
        let (text, open) = (u.target.text.as_ref(), u.target.level != Level::Named);
        // What a pattern leaves open stays so.
        let arn: Vec<String> =
            if open { text.split('*').map(percent_encode).collect() } else { vec![percent_encode(text)] };
        Target::pattern(Level::Partial, format!("{}{}%2F*", escape(&head), arn.join("*")))
    };
    made.map(|u| (put(u), "tags")).collect()
}

/// What of the call's own resources is made by it, with the type that it has.
fn own<'u>(ctx: &Ctx<'_>, tagging: &Service, action: &Action, uses: &'u [Use<'_>]) -> Vec<(usize, Found)> {
    let made = |u: &&'u Use<'_>| {
        u.action == action.full && !u.target.text.is_empty() && !is_source(ctx, &u.target.text)
    };
    let rule = |u: &Use<'_>| if u.rule.contains("+response-") { "response-tags" } else { "tags" };
    let typed = |u: &'u Use<'_>| Some((tagging.type_of(&u.target.text)?, (u.target.owned(), rule(u))));
    uses.iter().filter(made).filter_map(typed).collect()
}

/// Whether something is made from the resource, so that the tags are not for it.
fn is_source(ctx: &Ctx<'_>, name: &str) -> bool {
    let last = name.rsplit([':', '/']).next().unwrap_or("");
    let mut given = ctx.request.naming().filter(|leaf| leaf.key().starts_with("source"));
    given.any(|leaf| leaf.value() == name || leaf.value().eq_ignore_ascii_case(last))
}

/// The search for what the tags of one call go onto.
struct Tags<'t, 'a> {
    ctx: &'t Ctx<'a>,
    row: Option<&'t TagRule>,
    tagging: &'t Service,
    tag: &'t Action,
    event: &'t str,
    noun: String,
    own: Vec<(usize, Found)>,
}

impl Tags<'_, '_> {
    fn found(&self) -> Vec<Found> {
        let types = types_of(self.tagging, self.tag).into_iter().map(|(at, _)| at);
        let only = self.row.map_or(&[][..], |row| row.types.as_slice());
        let fits =
            |at: &usize| only.is_empty() || self.kind(*at).is_some_and(|t| only.iter().any(|o| o == t.name));
        let types: Vec<usize> = types.filter(fits).collect();
        if types.is_empty() {
            return resolve(self.ctx, self.tagging, self.tag, self.event, None);
        }
        let said: Vec<usize> = types.iter().copied().filter(|at| self.is_said(*at)).collect();
        if !said.is_empty() {
            return said.iter().flat_map(|at| self.of_any(&[*at])).collect();
        }
        let called = if only.is_empty() { self.called(&types) } else { types.clone() };
        if !called.is_empty() {
            return self.of_any(&called);
        }
        let given = self.answered(&types);
        if !given.is_empty() {
            return given;
        }
        // What is made rarely has a name yet; what it lies in or is made from does.
        let new = self.own_of(&types, |level| level == Level::Unseen);
        let own = if new.is_empty() { self.own_of(&types, |_| true) } else { new };
        match types.as_slice() {
            _ if !own.is_empty() => own,
            [_] => self.of_any(&types),
            _ => vec![(Target::pattern(Level::Unseen, whole_service(self.ctx, self.tagging)), "not-logged")],
        }
    }

    fn kind(&self, at: usize) -> Option<&ResourceType> {
        self.tagging.types.get(at)
    }

    /// Whether the tags themselves name the type.
    fn is_said(&self, at: usize) -> bool {
        self.kind(at).is_some_and(|t| self.ctx.request.tag_types.iter().any(|said| normal(said) == t.kind))
    }

    /// The types that the event is called after: of those that can be tagged, else of all that the service has.
    fn called(&self, types: &[usize]) -> Vec<usize> {
        let ranked = |at: usize| self.kind(at).map_or(0, |t| rank(&self.noun, t));
        let best = types.iter().map(|at| ranked(*at)).max().unwrap_or(0);
        let other: Vec<usize> = (0..self.tagging.types.len()).filter(|at| ranked(*at) == EXACT).collect();
        if best != EXACT && !other.is_empty() {
            return other;
        }
        let called: Vec<usize> = types.iter().copied().filter(|at| best > 0 && ranked(*at) == best).collect();
        let mine = |at: &usize| self.own.iter().any(|(own, _)| own == at);
        let own: Vec<usize> = called.iter().copied().filter(mine).collect();
        if own.is_empty() { called } else { own }
    }

    /// What was made, of one of these types.
    fn of_any(&self, types: &[usize]) -> Vec<Found> {
        let own = self.own_of(types, |level| level != Level::Unseen);
        if !own.is_empty() {
            return own;
        }
        let answered = self.answered(types);
        if !answered.is_empty() {
            return answered;
        }
        let takes = types_of(self.tagging, self.tag);
        let named = types.iter().filter_map(|at| Some((*at, self.kind(*at)?))).flat_map(|(at, kind)| {
            if takes.iter().any(|(taken, _)| *taken == at) {
                let rule = UseRule { resource_type: Some(kind.name.to_owned()), ..UseRule::default() };
                return resolve(self.ctx, self.tagging, self.tag, self.event, Some(&rule));
            }
            let whole = self.ctx.whole_type(kind);
            whole.map(|pattern| (Target::pattern(Level::Unseen, pattern), "not-logged")).into_iter().collect()
        });
        named.collect()
    }

    fn own_of(&self, types: &[usize], wanted: impl Fn(Level) -> bool) -> Vec<Found> {
        let fits = self.own.iter().filter(|(at, (target, _))| types.contains(at) && wanted(target.level));
        fits.map(|(_, found)| found.clone()).collect()
    }

    /// ARNs of these types that the answer gives and the request did not.
    fn answered(&self, types: &[usize]) -> Vec<Found> {
        let asked: BTreeSet<Cow<'_, str>> = arn_leaves(self.ctx.request.naming()).collect();
        let given: BTreeSet<Cow<'_, str>> = arn_leaves(self.ctx.response().naming()).collect();
        let of_type = |arn: &Cow<'_, str>| self.tagging.type_of(arn).is_some_and(|at| types.contains(&at));
        let made = given.into_iter().filter(|arn| !asked.contains(arn) && of_type(arn));
        made.map(|arn| (Target::named(arn.into_owned()), "response-tags")).collect()
    }
}
