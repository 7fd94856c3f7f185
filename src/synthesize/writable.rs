//! Names that a document cannot hold as they are become the narrowest pattern it can hold.

use super::Draft;
use crate::cloud::Cloud;
use crate::model::grant::{On, Widening};

pub(super) fn writable(draft: &mut Draft<'_>, cloud: &dyn Cloud) {
    for grant in &mut draft.grants {
        let On::Resource(pattern) = &grant.on else { continue };
        if let (pattern, Some(reason)) = cloud.writable(pattern) {
            grant.on = On::Resource(pattern);
            grant.widened.push(Widening { pass: "writable", reason: reason.to_owned() });
        }
    }
}
