//! Permissions that no event names: tags set at creation, and what a request or an answer proves; roles that are passed
//! are found by [`super::passed`]. The facts stand in `infer.toml`.

use super::map::{first_word, review};
use super::passed;
use super::resource::{Ctx, Found, resolve, types_of};
use crate::catalog;
use crate::catalog::overlay::{Infer, TagRule};
use crate::catalog::table::{AccessLevel, Action, Service};
use crate::model::usage::{Basis, Context, Level, Outcome, Target, Use};
use std::borrow::Cow;

/// Adds what `action` proves beside itself.
pub(super) fn add<'a>(
    ctx: &Ctx<'a>,
    service: &Service,
    action: &Action,
    event: &str,
    outcome: Outcome,
    uses: &mut Vec<Use<'a>>,
) {
    for row in &catalog::aws().infer.infer {
        if row.actions.contains(&action.full) && proved(ctx, row) {
            proven(ctx, row, event, outcome, uses);
        }
    }
    if ctx.request.tagged && action.level != AccessLevel::Tagging && !action.level.reads() {
        tagged(ctx, service, action, event, outcome, uses);
    }
    passed::add(ctx, service, action, outcome, uses);
}

fn proved(ctx: &Ctx<'_>, row: &Infer) -> bool {
    let code = ctx.record.error_code.or_empty();
    ctx.holds(&row.when) && (row.codes.is_empty() || row.codes.iter().any(|known| known == code))
}

fn proven<'a>(ctx: &Ctx<'a>, row: &Infer, event: &str, outcome: Outcome, uses: &mut Vec<Use<'a>>) {
    let Some((service, action)) = catalog::aws().table.action(&row.adds) else { return };
    let found = match (&row.arn, &row.before) {
        (Some(arn), _) => scoped(ctx, arn).map(|arn| (inferred(arn), "infer")).into_iter().collect(),
        (None, Some(mark)) => within(row, mark, uses),
        (None, None) => resolve(ctx, service, action, event, None),
    };
    let basis = if row.basis == "implied" { Basis::Implied } else { Basis::Inferred };
    // What an answer implies was allowed, whatever became of the call itself.
    let outcome = if basis == Basis::Implied { Outcome::Allowed } else { outcome };
    uses.extend(found.into_iter().map(|found| make(ctx, action, outcome, basis, Vec::new(), found)));
}

/// What the resources of the uses that prove a row lie in.
fn within(row: &Infer, mark: &str, uses: &[Use<'_>]) -> Vec<Found> {
    let proof = uses.iter().filter(|u| row.actions.iter().any(|a| *a == u.action));
    let head = |u: &Use<'_>| Some(Target::named(u.target.text.split_once(mark)?.0.to_owned()));
    proof.filter(|u| u.target.level == Level::Named).filter_map(head).map(|on| (on, "infer")).collect()
}

/// A name, or a pattern where the row leaves a part open.
fn inferred(arn: String) -> Target<'static> {
    if arn.contains('*') { Target::pattern(Level::Partial, arn) } else { Target::named(arn) }
}

pub(super) fn scoped(ctx: &Ctx<'_>, arn: &str) -> Option<String> {
    let mut out = arn.replace("${Partition}", ctx.record.partition());
    out = out.replace("${Account}", ctx.record.account());
    let region = ctx.record.aws_region.filled();
    if out.contains("${Region}") { Some(out.replace("${Region}", region?)) } else { Some(out) }
}

pub(super) fn make<'a>(
    ctx: &Ctx<'a>,
    action: &Action,
    outcome: Outcome,
    basis: Basis,
    context: Context<'a>,
    (target, rule): Found,
) -> Use<'a> {
    Use {
        family: None,
        exempt: review(action, &target, rule),
        action: Cow::Owned(action.full.clone()),
        target,
        scope: Cow::Borrowed(ctx.record.account()),
        outcome,
        basis,
        context,
        rule: format!("{}+{rule}", basis.as_str()).into(),
    }
}

/// Tags given at creation.
fn tagged<'a>(
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
    let by_row = row.map(|row| catalog::aws().table.action(&row.adds));
    let Some((tagging, tag)) = by_row.unwrap_or_else(|| tag_action(service, action)) else { return };
    if tag.full == action.full || tag.level != AccessLevel::Tagging {
        return;
    }
    let key = row.and_then(|row| row.key.as_deref());
    let context: Context<'_> = key.map(|key| (key, Cow::Owned(action.name.to_owned()))).into_iter().collect();
    let fits = |at: usize| {
        let only = row.map_or(&[][..], |row| row.types.as_slice());
        only.is_empty() || tagging.types.get(at).is_some_and(|t| only.iter().any(|name| name == t.name))
    };
    let own = taggable(ctx, tagging, tag, action, event, uses, &fits);
    let found = if own.is_empty() { resolve(ctx, tagging, tag, event, None) } else { own };
    uses.extend(found.into_iter().map(|f| make(ctx, tag, outcome, Basis::Inferred, context.clone(), f)));
}

/// The service's tagging action: `TagResource`, else the one called after what is created, else the only one.
fn tag_action<'s>(service: &'s Service, action: &Action) -> Option<(&'s Service, &'s Action)> {
    let made = action.name.strip_prefix(first_word(action.name)).unwrap_or("");
    let named = [format!("Tag{made}"), format!("TagResource{made}")];
    let named = named.iter().find_map(|name| service.action(name).filter(|_| !made.is_empty()));
    let adds = |tag: &&Action| {
        tag.level == AccessLevel::Tagging && matches!(first_word(tag.name), "Tag" | "Add" | "Create")
    };
    let mut all = service.actions.iter().filter(adds);
    let only = all.next().filter(|_| all.next().is_none());
    Some((service, service.action("TagResource").or(named).or(only)?))
}

/// Whether something is made from the resource, so that the tags are not for it.
fn is_source(ctx: &Ctx<'_>, name: &str) -> bool {
    let last = name.rsplit([':', '/']).next().unwrap_or("");
    let mut given = ctx.request.naming().filter(|leaf| leaf.key().starts_with("source"));
    given.any(|leaf| leaf.value == name || leaf.value.eq_ignore_ascii_case(last))
}

/// What of the call's own resources the tags go onto: of the type that the tags name, else of the type that the event
/// is called after, else all that can be tagged.
fn taggable(
    ctx: &Ctx<'_>,
    tagging: &Service,
    tag: &Action,
    action: &Action,
    event: &str,
    uses: &[Use<'_>],
    fits: &dyn Fn(usize) -> bool,
) -> Vec<Found> {
    let types: Vec<usize> = types_of(tagging, tag).into_iter().map(|(at, _)| at).collect();
    let own: Vec<(usize, &Use<'_>)> = uses
        .iter()
        .filter(|u| u.action == action.full && !u.target.text.is_empty() && !is_source(ctx, &u.target.text))
        .filter_map(|u| {
            Some((tagging.type_of(&u.target.text).filter(|at| types.contains(at) && fits(*at))?, u))
        })
        .collect();
    let kind = |at: usize| tagging.types.get(at).map_or("", |t| t.kind.as_str());
    let event = crate::wire::leaves::normal(event);
    let said = |at: usize| ctx.request.tag_types.iter().any(|t| crate::wire::leaves::normal(t) == kind(at));
    let called = |at: usize| event.ends_with(kind(at)) || event.ends_with(&format!("{}s", kind(at)));
    let chosen = |wanted: &dyn Fn(usize) -> bool| {
        own.iter().filter(|(at, _)| wanted(*at)).copied().collect::<Vec<_>>()
    };
    let mut picked = chosen(&said);
    if picked.is_empty() {
        picked = chosen(&called);
    }
    if picked.is_empty() {
        picked = own;
    }
    let owned = |target: &Target<'_>| Target { level: target.level, text: target.text.to_string().into() };
    let rule = |u: &Use<'_>| if u.rule.contains("+response-") { "response-tags" } else { "tags" };
    picked.into_iter().map(|(_, u)| (owned(&u.target), rule(u))).collect()
}
