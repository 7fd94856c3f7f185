//! What a former run saw, on the table of this one: a sensitive action seen in one session here and in another one before
//! need not wait any more.

use crate::aggregate::Usage;
use crate::cloud;
use crate::model::usage::{Level, Row};
use crate::previous::Memory;
use std::collections::BTreeMap;

/// Lets uses of sensitive actions count that were seen in two sessions over all runs.
pub fn recall(usage: &mut Usage, memory: &Memory) {
    if memory.is_empty() {
        return;
    }
    let mut often: BTreeMap<(&'static str, String), Vec<String>> = BTreeMap::new();
    for who in &usage.principals {
        let seen = memory.sensitive(who.cloud, &who.id, &usage.sensitive);
        let twice = seen.into_iter().filter(|(_, sessions)| sessions.len() > 1).map(|(action, _)| action);
        often.insert((who.cloud, who.id.clone()), twice.collect());
    }
    // Where the log names no resource, the use waits for another reason.
    let waits = |row: &&mut Row| {
        row.exempt == Some("review") && row.outcome.grants() && row.target.level != Level::Unseen
    };
    for row in usage.rows.iter_mut().filter(waits) {
        let sensitive = cloud::by_id(row.cloud).is_some_and(|cloud| {
            cloud.sensitive(&row.action) && cloud.ungivable(&row.action, &row.scope).is_empty()
        });
        let known = often.get(&(row.cloud, row.principal.to_string()));
        if sensitive && known.is_some_and(|actions| actions.iter().any(|action| **action == *row.action)) {
            row.exempt = None;
        }
    }
}
