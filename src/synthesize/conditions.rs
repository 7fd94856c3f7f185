//! Conditions that stand by default (semantics rule 21), and only where every observed use attests the key.

use super::{Draft, seed};
use crate::cloud::Cloud;
use std::collections::{BTreeMap, BTreeSet};

/// Keys whose absence would make a grant dangerous or pointless.
const DEFAULT_KEYS: [&str; 4] =
    ["iam:PassedToService", "iam:AWSServiceName", "ec2:CreateAction", "iam:PolicyARN"];

pub(super) fn conditions(draft: &mut Draft<'_>, _cloud: &dyn Cloud) {
    for grant in &mut draft.grants {
        let behind = draft.rows.iter().filter(|row| {
            row.action == grant.action && row.scope == grant.scope && seed::on(row) == grant.on
        });
        let contexts: Vec<&BTreeMap<String, String>> = behind.map(|row| &row.context).collect();
        for key in DEFAULT_KEYS {
            let values: Option<BTreeSet<String>> = contexts
                .iter()
                .map(|context| context.get(key))
                .collect::<Option<Vec<&String>>>()
                .map(|values| values.iter().flat_map(|v| v.split('\u{1f}')).map(str::to_owned).collect());
            if let Some(values) = values.filter(|values| !values.is_empty()) {
                grant.when.insert(key.to_owned(), values);
            }
        }
    }
}
