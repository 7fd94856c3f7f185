//! Keys managed by AWS: one record names the key by its `alias/aws/…`, another by its ARN alone. Both are the same key,
//! and its own policy admits the account.

use crate::aggregate::Usage;
use crate::model::usage::Level;
use std::collections::BTreeSet;

const EXEMPT: &str = "aws-managed-key";

pub(super) fn managed_keys(usage: &mut Usage) {
    let managed =
        usage.rows.iter().filter(|row| row.exempt == Some(EXEMPT) && row.target.level == Level::Named);
    let managed: BTreeSet<String> = managed.map(|row| row.target.text.to_string()).collect();
    let is_managed = |action: &str, text: &str| action.starts_with("kms:") && managed.contains(text);
    for row in
        usage.rows.iter_mut().filter(|row| row.exempt.is_none() && is_managed(&row.action, &row.target.text))
    {
        row.exempt = Some(EXEMPT);
    }
    for line in usage.lines.iter_mut().filter(|l| l.exempt.is_none() && is_managed(&l.action, &l.target.text))
    {
        line.exempt = Some(EXEMPT);
    }
}
