//! Permissions that no event names: what a request or an answer proves. Tags set at creation are found by
//! [`super::tags`], roles that are passed by [`super::passed`]. The facts stand in `infer.toml`.

use super::map::review;
use super::resource::{Ctx, Found, resolve};
use super::{passed, tags};
use crate::catalog;
use crate::catalog::overlay::Infer;
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
        tags::add(ctx, service, action, event, outcome, uses);
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
