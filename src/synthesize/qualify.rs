//! Resources that a cloud checks under a second form of their name get both.

use super::{Ctx, Draft};
use crate::cloud::Cloud;
use crate::model::grant::{Grant, On, Widening};

pub(super) fn qualify(draft: &mut Draft<'_>, ctx: &Ctx<'_>) {
    let further: Vec<Grant> = draft.grants.iter().filter_map(|grant| further(grant, ctx.cloud)).collect();
    draft.grants.extend(further);
}

fn further(grant: &Grant, cloud: &dyn Cloud) -> Option<Grant> {
    let On::Resource(pattern) = &grant.on else { return None };
    let (pattern, reason) = cloud.qualify(&grant.action, pattern)?;
    let mut further = grant.clone();
    further.on = On::Resource(pattern);
    further.widened.push(Widening { pass: "qualify".into(), reason: reason.to_owned() });
    Some(further)
}
