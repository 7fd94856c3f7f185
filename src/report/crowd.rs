//! Places that would get more than they hold.

use crate::cloud::CLOUDS;
use crate::model::document::Document;
use crate::model::note::{Code, Note};
use crate::pipeline::{Fate, Plan};

/// A note for each such place.
#[must_use]
pub fn notes(plans: &[Plan<'_>]) -> Vec<Note> {
    let of = |id: &str| -> Vec<&Document> {
        let plans = plans.iter().filter(|plan| plan.who.cloud == id);
        let written = plans.filter_map(|plan| match &plan.fate {
            Fate::Written(verified) => Some(verified),
            _ => None,
        });
        written.flat_map(|verified| verified.documents()).collect()
    };
    let texts = CLOUDS.iter().flat_map(|cloud| cloud.crowded(&of(cloud.id())));
    texts.map(|text| Note { code: Code::RoleLimit, text }).collect()
}
