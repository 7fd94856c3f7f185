//! Condition keys that were asked for, where a record attests them: `condition.toml` says which and when.
//!
//! A wrong condition breaks what worked, so each key is attested only for the call itself, not for what is inferred from
//! it, and only where nothing else could have looked the same.

use super::record::Record;
use crate::catalog;
use crate::catalog::platform::{Attest, Condition, glob};
use crate::model::usage::{Basis, Level, Use};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Adds the keys among `wanted` that the record attests.
pub(super) fn attest<'a>(record: &'a Record<'a>, wanted: &[String], uses: &mut [Use<'a>]) {
    if wanted.is_empty() {
        return;
    }
    let rows = catalog::aws().conditions.condition.iter();
    for row in rows.filter(|row| wanted.contains(&row.key)) {
        for used in uses.iter_mut().filter(|used| used.basis == Basis::Event && supported(row, &used.action))
        {
            if let Some(value) = value(record, row, used) {
                used.context.push((&row.key, value));
            }
        }
    }
}

/// Global keys hold for all but the exceptions; a service's own key only for the actions that list it.
fn supported(row: &Condition, action: &str) -> bool {
    let listed = || {
        let known = catalog::aws().table.action(action);
        known.is_some_and(|(_, action)| action.keys.contains(&row.key.as_str()))
    };
    !row.except.iter().any(|except| glob(except, action)) && (row.key.starts_with("aws:") || listed())
}

fn value<'a>(record: &'a Record<'a>, row: &Condition, used: &Use<'_>) -> Option<Cow<'a, str>> {
    let invoker = record.user_identity.0.invoked_by.filled();
    match row.attest {
        Attest::CallingService => {
            let service = invoker?.strip_suffix(".amazonaws.com")?;
            let sets = row.services.iter().any(|known| known == service) && !own_role(record);
            sets.then(|| Cow::Borrowed(invoker.unwrap_or_default()))
        }
        Attest::Region => record.aws_region.filled().map(Cow::Borrowed),
        Attest::Owner => owner(record, used).map(Cow::Owned),
        Attest::Endpoint => {
            let endpoint = record.vpc_endpoint_id.filled().filter(|id| id.starts_with("vpce-"))?;
            invoker.is_none().then_some(Cow::Borrowed(endpoint))
        }
        Attest::KeyUser => {
            let service = match invoker?.strip_suffix(".amazonaws.com") {
                Some(service) => service,
                None => key_user(record)?,
            };
            let region = record.aws_region.filled()?;
            let known = row.services.iter().any(|known| known == service) && record.partition() == "aws";
            known.then(|| format!("{service}.{region}.amazonaws.com").into())
        }
    }
}

/// CloudFormation acts under this session name where a stack has a role of its own.
fn own_role(record: &Record<'_>) -> bool {
    record.user_identity.0.arn.or_empty().ends_with("/AWSCloudFormation")
}

/// The account that the resource belongs to.
fn owner(record: &Record<'_>, used: &Use<'_>) -> Option<String> {
    let name = used.target.text.as_ref();
    let is_account = |text: &&str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    let field = name.split(':').nth(4).filter(|_| used.target.level == Level::Named)?;
    let same = |arn: &str| name == arn || name.strip_prefix(arn).is_some_and(|rest| rest.starts_with('/'));
    let given = || {
        let listed = record.resources.0.iter().filter(|resource| resource.arn.filled().is_some_and(same));
        let accounts: BTreeSet<&str> = listed.filter_map(|resource| resource.account_id.filled()).collect();
        accounts.first().copied().filter(|_| accounts.len() == 1)
    };
    Some(field).filter(is_account).or_else(given).filter(is_account).map(str::to_owned)
}

/// The service that uses a key, from the form of its encryption context; none where two would fit.
fn key_user(record: &Record<'_>) -> Option<&'static str> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Request {
        encryption_context: BTreeMap<String, IgnoredAny>,
    }
    let request: Request = serde_json::from_str(record.request_parameters?.get()).ok()?;
    let rows = &catalog::aws().conditions.user;
    let named = |key: &String| rows.iter().find_map(|row| row.context.get(key)).map(String::as_str);
    let services: BTreeSet<&str> = request.encryption_context.keys().filter_map(named).collect();
    services.first().copied().filter(|_| services.len() == 1)
}

/// Whether an action is one of the service's that `caller` (`cloudformation.amazonaws.com`) names.
pub(super) fn of_service(action: &str, caller: &str) -> bool {
    let prefix = action.split(':').next().unwrap_or(action);
    let Some(host) = caller.strip_suffix(".amazonaws.com") else { return false };
    host == prefix || catalog::aws().prefixes(host).iter().any(|known| known == prefix)
}
