//! Audit configuration that would close gaps, as templates see it.

use crate::coverage::gaps::Gap;
use serde_json::{Value, json};

/// What files per account of which calls may not be logged see; none where no such configuration is possible.
#[must_use]
pub fn value(account: &str, gaps: &[Gap]) -> Option<Value> {
    let scope = if account.contains('/') { account.to_owned() } else { format!("projects/{account}") };
    let (kind, id) = scope.split_once('/')?;
    // A log can name anything; only what can be a project or an organization gets files.
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | ':');
    if !matches!(kind, "projects" | "organizations")
        || !id.starts_with(|c: char| c.is_ascii_alphanumeric())
        || !id.chars().all(plain)
    {
        return None;
    }
    let kinds = |gap: &Gap| -> Vec<Value> {
        let one = |kind: &&'static str| {
            let exempt = gap.exempt.get(kind).filter(|members| !members.is_empty());
            match exempt {
                Some(members) => json!({ "logType": kind, "exemptedMembers": members }),
                None => json!({ "logType": kind }),
            }
        };
        gap.kinds.iter().map(one).collect()
    };
    let configs: Vec<Value> =
        gaps.iter().map(|gap| json!({ "service": gap.service, "auditLogConfigs": kinds(gap) })).collect();
    Some(json!({ "view": crate::render::target::VIEW, "scope": scope, "scope_id": id,
                 "is_project": kind == "projects", "configs": configs }))
}
