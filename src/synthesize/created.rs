//! What a create made carries an id that the service chose: the next create makes another one. Creates are granted on
//! the type, in the place the answer shows.

use super::Draft;
use crate::cloud::Cloud;
use crate::model::grant::{On, Widening};

pub(super) fn created(draft: &mut Draft<'_>, cloud: &dyn Cloud) {
    for grant in &mut draft.grants {
        let On::Resource(pattern) = &grant.on else { continue };
        let made = grant.evidence.rules.iter().any(|rule| rule.contains("+response-"));
        if made && let Some(pattern) = cloud.created(&grant.action, pattern) {
            grant.on = On::Resource(pattern);
            let reason = "only the answer names what was made: the next one gets another id".to_owned();
            grant.widened.push(Widening { pass: "created", reason });
        }
    }
}
