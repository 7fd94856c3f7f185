//! What a create made carries an id that the service chose: the next create makes another one. Creates are granted on
//! the type, in the place the answer shows.

use super::{Ctx, Draft};
use crate::model::grant::{On, Widening};

pub(super) fn created(draft: &mut Draft<'_>, ctx: &Ctx<'_>) {
    let mut grants = std::mem::take(&mut draft.grants);
    for grant in &mut grants {
        let On::Resource(pattern) = &grant.on else { continue };
        let made = grant.evidence.rules.iter().any(|rule| rule.contains("+response-"));
        let open = ctx.cloud.created(&grant.action, pattern).filter(|_| made);
        if let Some(pattern) = open.filter(|open| draft.refused(ctx, &grant.action, open).is_none()) {
            grant.on = On::Resource(pattern);
            let reason = "only the answer names what was made: the next one gets another id".to_owned();
            grant.widened.push(Widening { pass: "created".into(), reason });
        }
    }
    draft.grants = grants;
}
