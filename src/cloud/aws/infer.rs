//! Permissions that no event names: roles passed, tags set at creation, and what a request or an answer proves.
//! The facts stand in `infer.toml` and `passrole.toml`.

use super::map::takes_away;
use super::resource::{Ctx, Found, resolve};
use crate::catalog;
use crate::catalog::overlay::Infer;
use crate::catalog::table::{AccessLevel, Action, Service};
use crate::catalog::template::Template;
use crate::model::usage::{Basis, Context, Level, Outcome, Target, Use};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Joins several possible values of one condition key.
pub(super) const VALUES: char = '\u{1f}';

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
    if matches!(action.level, AccessLevel::Write | AccessLevel::Permissions) {
        passed(ctx, service, action, outcome, uses);
    }
}

fn proved(ctx: &Ctx<'_>, row: &Infer) -> bool {
    let code = ctx.record.error_code.or_empty();
    ctx.holds(&row.when) && (row.codes.is_empty() || row.codes.iter().any(|known| known == code))
}

fn proven<'a>(ctx: &Ctx<'a>, row: &Infer, event: &str, outcome: Outcome, uses: &mut Vec<Use<'a>>) {
    let Some((service, action)) = catalog::aws().table.action(&row.adds) else { return };
    let found = match &row.arn {
        Some(arn) => scoped(ctx, arn).map(|arn| (Target::named(arn), "infer")).into_iter().collect(),
        None => resolve(ctx, service, action, event, None),
    };
    let basis = if row.basis == "implied" { Basis::Implied } else { Basis::Inferred };
    // What an answer implies was allowed, whatever became of the call itself.
    let outcome = if basis == Basis::Implied { Outcome::Allowed } else { outcome };
    uses.extend(found.into_iter().map(|found| make(ctx, action, outcome, basis, Vec::new(), found)));
}

fn scoped(ctx: &Ctx<'_>, arn: &str) -> Option<String> {
    let mut out = arn.replace("${Partition}", ctx.record.partition());
    out = out.replace("${Account}", ctx.record.account());
    let region = ctx.record.aws_region.filled();
    if out.contains("${Region}") { Some(out.replace("${Region}", region?)) } else { Some(out) }
}

fn make<'a>(
    ctx: &Ctx<'a>,
    action: &Action,
    outcome: Outcome,
    basis: Basis,
    context: Context<'a>,
    (target, rule): Found,
) -> Use<'a> {
    let takes = takes_away(action);
    Use {
        family: None,
        exempt: (takes && target.level == Level::Unseen).then_some("review"),
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
    let fits = |row: &&catalog::overlay::TagRule| {
        row.service == service.prefix
            && (row.actions.is_empty() || row.actions.iter().any(|a| a == action.name))
    };
    let row = rows.iter().find(fits);
    let adds = row.map_or_else(|| format!("{}:TagResource", service.prefix), |row| row.adds.clone());
    let Some((tagging, tag)) = catalog::aws().table.action(&adds) else { return };
    if tag.full == action.full || tag.level != AccessLevel::Tagging && adds == "apigateway:PUT" {
        return;
    }
    let key = row.and_then(|row| row.key.as_deref());
    let context: Context<'_> = key.map(|key| (key, Cow::Owned(action.name.to_owned()))).into_iter().collect();
    // The tags go onto what the action itself names, of the types that can be tagged.
    let taggable: Vec<usize> = tag.types.iter().map(|(at, _)| *at).collect();
    let own: Vec<Found> = uses
        .iter()
        .filter(|u| u.action == action.full && !u.target.text.is_empty())
        .filter(|u| tagging.type_of(&u.target.text).is_some_and(|at| taggable.contains(&at)))
        .map(|u| (u.target.clone(), "tags"))
        .map(|(t, rule)| (Target { level: t.level, text: Cow::Owned(t.text.into_owned()) }, rule))
        .collect();
    let found = if own.is_empty() { resolve(ctx, tagging, tag, event, None) } else { own };
    uses.extend(found.into_iter().map(|f| make(ctx, tag, outcome, Basis::Inferred, context.clone(), f)));
}

/// Roles that the request hands to a service.
fn passed<'a>(ctx: &Ctx<'a>, service: &Service, action: &Action, outcome: Outcome, uses: &mut Vec<Use<'a>>) {
    let facts = &catalog::aws().pass_role;
    let named = |only: &[String]| only.is_empty() || only.iter().any(|a| a == action.name);
    if facts.ignore.iter().any(|row| row.service == service.prefix && named(&row.actions)) {
        return;
    }
    let Some((_, pass)) = catalog::aws().table.action("iam:PassRole") else { return };
    let mut fits: Vec<_> =
        facts.passed_to.iter().filter(|r| r.service == service.prefix && named(&r.actions)).collect();
    fits.sort_by_key(|row| row.actions.is_empty());
    let to =
        fits.first().map_or_else(|| vec![format!("{}.amazonaws.com", service.prefix)], |row| row.to.clone());
    let to = to.join(&VALUES.to_string());
    for leaf in ctx.request.all.iter().filter(|leaf| passes(leaf.key()) && is_role(&leaf.value)) {
        let context = vec![("iam:PassedToService", Cow::Owned(to.clone()))];
        let target = Target::named(leaf.value.to_string());
        uses.push(make(ctx, pass, outcome, Basis::Inferred, context, (target, "role-in-request")));
    }
}

/// Parameters in which services take the role they are to act as.
fn passes(key: &str) -> bool {
    key.contains("role")
        || matches!(key, "credentials" | "credentialsarn" | "authorizercredentials" | "snscallerarn")
}

fn is_role(value: &str) -> bool {
    static ROLE: LazyLock<Template> =
        LazyLock::new(|| Template::parse("arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}"));
    ROLE.matches(value).is_some()
}
