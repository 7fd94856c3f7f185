//! Conditions that stand by default or were asked for (semantics rule 21), and only where every observed use attests the
//! key. What was not asked for, the reader does not attest.

use super::{Ctx, Draft};
use crate::model::grant::On;
use std::collections::{BTreeMap, BTreeSet};

/// Keys whose absence would make a grant dangerous or pointless.
const DEFAULT_KEYS: [&str; 4] =
    ["iam:PassedToService", "iam:AWSServiceName", "ec2:CreateAction", "iam:PolicyARN"];

/// Condition key → value of one use.
type Attested = BTreeMap<String, String>;

pub(super) fn conditions(draft: &mut Draft<'_>, ctx: &Ctx<'_>) {
    let mut contexts: BTreeMap<(&str, &str, On), Vec<&Attested>> = BTreeMap::new();
    for row in &draft.rows {
        contexts.entry((&row.scope, &row.action, On::of(row))).or_default().push(&row.context);
    }
    for grant in &mut draft.grants {
        let Some(behind) = contexts.get(&(&*grant.scope, &*grant.action, grant.on.clone())) else {
            continue;
        };
        for key in DEFAULT_KEYS.into_iter().chain(ctx.cloud.conditions()) {
            let attested: Option<Vec<&String>> = behind.iter().map(|context| context.get(key)).collect();
            let values =
                attested.unwrap_or_default().into_iter().flat_map(|v| v.split('\u{1f}')).map(str::to_owned);
            let values: BTreeSet<String> = values.collect();
            if !values.is_empty() {
                grant.when.insert(key.to_owned(), values);
            }
        }
    }
}
