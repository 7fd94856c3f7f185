//! One entry: counted, attributed, mapped, and joined with the other end of its operation.

use super::record::{Authorization, Entry};
use super::{coverage, denial, identity, map};
use crate::cloud::Sink;
use crate::model::denial::Refused;
use crate::model::identity::Actor;
use crate::model::tally::Skip;
use crate::model::time::Timestamp;
use crate::model::usage::{Join, Origin, Reading, Use};
use crate::wire::fingerprint;
use smallvec::SmallVec;
use std::borrow::Cow;

/// Decides one entry; returns whether it came to nothing because of who acts.
pub(super) fn take(entry: &Entry<'_>, raw: &str, sink: &mut dyn Sink) -> bool {
    let event = entry.insert_id.filled();
    let id = match (entry.log_name.filled(), entry.timestamp.filled(), event) {
        (Some(log), Some(time), Some(id)) => {
            Some([log, time, id].map(fingerprint::hash).into_iter().fold(1, fingerprint::join))
        }
        _ => None,
    };
    let time = entry.timestamp.filled().or(entry.receive_timestamp.filled());
    let at = time.and_then(Timestamp::parse);
    let content =
        || if id.is_some() { CallContent::of(entry).by(who(entry)) } else { fingerprint::of_json(raw) };
    if !sink.is_new(id, &content, at, event) {
        return false;
    }
    let skipped = not_iam(entry);
    if !matches!(skipped, Some(Skip::NotAnEvent | Skip::SystemEvent | Skip::PolicyDenied)) {
        coverage::sight(entry, at, sink);
    }
    if let Some(why) = skipped {
        if why == Skip::PolicyDenied
            && let Ok(actor) = identity::identify(entry)
        {
            let (at, refused) = (at.unwrap_or(Timestamp::UNKNOWN), denial::by_policy(entry));
            sink.refused("gcp", &reading(entry, at, actor, Vec::new(), refused));
        }
        sink.skip(at, event, why, "");
        return false;
    }
    let at = at.unwrap_or(Timestamp::UNKNOWN);
    let actor = match identity::identify(entry) {
        Ok(actor) => actor,
        Err(why) => {
            sink.skip(Some(at), event, why, "");
            return true;
        }
    };
    mapped(entry, at, actor, sink);
    false
}

fn mapped<'a>(entry: &'a Entry<'a>, at: Timestamp, actor: Actor<'a>, sink: &mut dyn Sink) {
    let event = entry.insert_id.filled();
    let payload = &entry.proto_payload.0;
    let what = format!("{}:{}", payload.service_name.or_empty(), payload.method_name.or_empty());
    match map::map(entry) {
        Err(why) => {
            let refused = if why == Skip::Unmapped { denial::refused(entry, &[]) } else { Vec::new() };
            if !refused.is_empty() {
                sink.refused("gcp", &reading(entry, at, actor, Vec::new(), refused));
            }
            match why {
                Skip::Unmapped | Skip::NotGranted if ends(entry) => {
                    sink.skip(Some(at), event, Skip::OperationEnd, "")
                }
                why => sink.skip(Some(at), event, why, &what),
            }
        }
        Ok(uses) => {
            map::unknown(entry).for_each(|permission| sink.unknown(permission));
            let refused = denial::refused(entry, &uses);
            let ends = join(entry, &uses).is_some_and(|join| join.follows.is_some());
            let hops = if ends { Vec::new() } else { map::hops(entry, &uses) };
            sink.reading("gcp", &reading(entry, at, actor, uses, refused));
            for (account, permission, next) in &hops {
                let Some(actor) = identity::account(entry, account) else { continue };
                let beside = vec![map::impersonates(entry, permission.as_str(), next)];
                sink.beside("gcp", &Reading { join: None, ..reading(entry, at, actor, beside, Vec::new()) });
            }
            for (caller, account) in identity::callers(entry).into_iter().filter(|_| !ends) {
                let beside = vec![map::impersonates(entry, map::MINTS, account)];
                sink.beside("gcp", &Reading { join: None, ..reading(entry, at, caller, beside, Vec::new()) });
            }
        }
    }
}

/// What is the same of an entry in every container, in its parts: rows of BigQuery lack what the entry's JSON has, and spell
/// it otherwise.
#[derive(Clone, Debug)]
pub(super) struct CallContent {
    service: u64,
    method: u64,
    resource: u64,
    status: u64,
    operation: u64,
    /// Permission, resource, whether it is granted.
    rows: SmallVec<[[u64; 3]; 1]>,
}

impl CallContent {
    /// Of what is called.
    pub(super) fn of(entry: &Entry<'_>) -> Self {
        let payload = &entry.proto_payload.0;
        let row = |row: &Authorization<'_>| {
            let granted = if row.granted.is_true() { "true" } else { "" };
            [row.permission.or_empty(), row.resource.or_empty(), granted].map(fingerprint::hash)
        };
        Self {
            service: fingerprint::hash(payload.service_name.or_empty()),
            method: fingerprint::hash(payload.method_name.or_empty()),
            resource: fingerprint::hash(payload.resource_name.or_empty()),
            status: fingerprint::hash(map::status(payload)),
            operation: fingerprint::hash(entry.operation.0.id.or_empty()),
            rows: payload.authorization_info.0.iter().map(row).collect(),
        }
    }

    /// With who acts.
    pub(super) fn by(&self, [email, subject]: [u64; 2]) -> u64 {
        let texts = [self.service, self.method, self.resource, self.status, email, subject, self.operation];
        let row = |row: &[u64; 3]| row.iter().copied().fold(4, fingerprint::join);
        texts.into_iter().chain(self.rows.iter().map(row)).fold(3, fingerprint::join)
    }

    /// The same of a call on another object: the entry's own name, and that of each row. None where they are not as many.
    pub(super) fn on(&self, resource: Option<&str>, rows: &[&str]) -> Option<Self> {
        let mut other = self.clone();
        other.resource = resource.map_or(self.resource, fingerprint::hash);
        for (row, name) in other.rows.iter_mut().zip(rows) {
            let [_, of, _] = row;
            *of = fingerprint::hash(name);
        }
        (rows.len() == self.rows.len()).then_some(other)
    }
}

/// Who acts, as the content of an entry has it.
pub(super) fn who(entry: &Entry<'_>) -> [u64; 2] {
    let who = &entry.proto_payload.0.authentication_info.0;
    [who.principal_email.or_empty(), who.principal_subject.or_empty()].map(fingerprint::hash)
}

fn origin<'a>(entry: &'a Entry<'a>) -> Origin<'a> {
    let payload = &entry.proto_payload.0;
    let request = &payload.request_metadata.0;
    Origin {
        address: request.caller_ip.filled().map(Cow::Borrowed),
        agent: request.caller_supplied_user_agent.filled().map(Cow::Borrowed),
        key: payload.authentication_info.0.service_account_key_name.filled().map(Cow::Borrowed),
    }
}

fn reading<'a>(
    entry: &'a Entry<'a>,
    at: Timestamp,
    actor: Actor<'a>,
    uses: Vec<Use<'a>>,
    refused: Vec<Refused>,
) -> Reading<'a> {
    Reading {
        at,
        event: entry.insert_id.filled().map(Cow::Borrowed),
        actor,
        origin: origin(entry),
        account: Cow::Borrowed(entry.project().unwrap_or(entry.container())),
        region: Cow::Borrowed(""),
        via: None,
        join: join(entry, &uses),
        uses,
        refused,
    }
}

/// Entries that are about something else than IAM.
pub(super) fn not_iam(entry: &Entry<'_>) -> Option<Skip> {
    let payload = &entry.proto_payload.0;
    if payload.method_name.filled().is_none() {
        return Some(Skip::NotAnEvent);
    }
    if entry.in_log("system_event") {
        return Some(Skip::SystemEvent);
    }
    if entry.in_log("policy")
        || payload.metadata.0.kind.or_empty().ends_with("VpcServiceControlAuditMetadata")
    {
        return Some(Skip::PolicyDenied);
    }
    match payload.service_name.or_empty() {
        "k8s.io" => return Some(Skip::Kubernetes),
        "admin.googleapis.com" | "login.googleapis.com" | "cloudidentity.googleapis.com" => {
            return Some(Skip::Workspace);
        }
        _ => {}
    }
    let asks = payload.method_name.or_empty().to_ascii_lowercase().ends_with("testiampermissions");
    asks.then_some(Skip::TestPermissions)
}

fn ends(entry: &Entry<'_>) -> bool {
    let operation = &entry.operation.0;
    operation.last.is_true() && !operation.first.is_true()
}

/// The first and last entry of an operation are one call. What names its permissions leads, the first before the last;
/// what a last entry names beside the first counts as well.
fn join(entry: &Entry<'_>, uses: &[Use<'_>]) -> Option<Join> {
    let operation = &entry.operation.0;
    let key = [operation.producer.or_empty(), operation.id.filled()?];
    let key = key.map(fingerprint::hash).into_iter().fold(2, fingerprint::join);
    let rows = || {
        let mut rows: Vec<u64> = uses
            .iter()
            .map(|used| {
                fingerprint::join(fingerprint::hash(&used.action), fingerprint::hash(&used.target.text))
            })
            .collect();
        rows.sort_unstable();
        rows.dedup();
        rows.into_iter().fold(fingerprint::join(key, 1), fingerprint::join)
    };
    let by_last = fingerprint::join(key, 2);
    let end = Skip::OperationEnd;
    match (operation.first.is_true(), operation.last.is_true(), map::has_rows(entry)) {
        (false, false, _) => None,
        (true, _, true) => Some(Join { leads: [Some(key), Some(rows())], follows: None, uses: Some(key) }),
        (true, _, false) => {
            Some(Join { leads: [Some(key), None], follows: Some((by_last, end)), uses: None })
        }
        (false, true, true) => {
            Some(Join { leads: [Some(by_last), None], follows: Some((rows(), end)), uses: Some(key) })
        }
        (false, true, false) => Some(Join::follows(key, end)),
    }
}
