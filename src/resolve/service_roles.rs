//! A service that acts in a role it was given looks, record by record, like one that acts for its caller, but sets no
//! `aws:CalledVia`. Only a principal that called the service itself can be the caller.

use super::synonyms::join;
use crate::aggregate::Usage;
use crate::cloud;
use std::collections::BTreeSet;
use std::sync::Arc;

const KEY: &str = "aws:CalledVia";

pub(super) fn service_roles(usage: &mut Usage) {
    let attested = usage.rows.iter().filter_map(|row| Some((row, row.context.get(KEY)?)));
    let asked: BTreeSet<(&'static str, Arc<str>, String)> =
        attested.map(|(row, caller)| (row.cloud, Arc::clone(&row.principal), caller.clone())).collect();
    let called = |(id, principal, caller): &(&'static str, Arc<str>, String)| {
        let own = usage.rows.iter().filter(|row| {
            row.cloud == *id && row.principal == *principal && row.via.is_none() && row.outcome.grants()
        });
        let cloud = cloud::by_id(id);
        own.into_iter().any(|row| cloud.is_some_and(|cloud| cloud.calls(&row.action, caller)))
    };
    let unproven: BTreeSet<_> = asked.iter().filter(|one| !called(one)).cloned().collect();
    if unproven.is_empty() {
        return;
    }
    for row in &mut usage.rows {
        let caller = row.context.get(KEY).cloned().unwrap_or_default();
        if unproven.contains(&(row.cloud, Arc::clone(&row.principal), caller)) {
            Arc::make_mut(&mut row.context).remove(KEY);
        }
    }
    join(&mut usage.rows);
}
