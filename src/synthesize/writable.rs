//! Names that a document cannot hold as they are become the narrowest pattern it can hold.

use super::{Ctx, Draft};
use crate::model::grant::{On, Widening};

pub(super) fn writable(draft: &mut Draft<'_>, ctx: &Ctx<'_>) {
    for grant in &mut draft.grants {
        let On::Resource(pattern) = &grant.on else { continue };
        if let (pattern, Some(reason)) = ctx.cloud.writable(pattern) {
            grant.on = On::Resource(pattern);
            grant.widened.push(Widening { pass: "writable".into(), reason: reason.to_owned() });
        }
    }
    draft.join();
}
