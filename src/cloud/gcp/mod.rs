//! Google Cloud: Cloud Audit Logs in, custom roles and bindings out.

mod evaluate;
mod identity;
mod map;
mod package;
mod readback;
mod record;

use super::{Cloud, Evaluator, Sink, Subject};
use crate::catalog;
use crate::catalog::user::Provenance;
use crate::model::document::{Document, DoesNotFit};
use crate::model::grant::Grant;
use crate::model::identity::{Disposition, Kind};
use crate::model::tally::Skip;
use crate::model::time::Timestamp;
use crate::model::usage::{Join, Reading};
use crate::wire::fingerprint;
use crate::wire::frame::{self, Broken, Shape};
use record::Entry;
use std::borrow::Cow;

/// The cloud.
pub struct Gcp;

impl Cloud for Gcp {
    fn id(&self) -> &'static str {
        "gcp"
    }

    fn shape(&self, key: &str) -> Option<Shape> {
        let known = matches!(
            key,
            "logName"
                | "protoPayload"
                | "insertId"
                | "receiveTimestamp"
                | "textPayload"
                | "jsonPayload"
                | "httpRequest"
        );
        known.then_some(Shape::Record)
    }

    fn read(&self, rest: &str, sink: &mut dyn Sink) -> Result<usize, Broken> {
        let (entry, len) = frame::value::<Entry<'_>>(rest)?;
        take(&entry, rest.get(..len).unwrap_or(rest), sink);
        Ok(len)
    }

    fn dispose(&self, _principal: &str, kind: Kind) -> Disposition {
        identity::dispose(kind)
    }

    fn package(&self, who: &Subject<'_>, grants: &[Grant]) -> Result<Vec<Document>, DoesNotFit> {
        package::package(who, grants)
    }

    fn documents(&self, files: &[(String, String)]) -> Result<Vec<String>, String> {
        readback::documents(files)
    }

    fn evaluator(&self, documents: &[String]) -> Result<Box<dyn Evaluator>, String> {
        Ok(Box::new(evaluate::Bindings::parse(documents)?))
    }

    fn catalog(&self) -> Provenance {
        catalog::gcp().provenance()
    }

    fn knows(&self, action: &str) -> bool {
        catalog::gcp().support(action).is_some()
    }

    fn place<'a>(&self, principal: &'a str, home: &'a str) -> (String, &'a str) {
        let name = principal.split_once(':').map_or(principal, |(_, name)| name);
        let name = name.split_once("/subject/").map_or(name, |(_, subject)| subject);
        let name = name.split('@').next().unwrap_or(name);
        (if home.is_empty() { "organization".to_owned() } else { home.to_owned() }, name)
    }

    fn level(&self, action: &str) -> &'static str {
        let verb = action.rsplit('.').next().unwrap_or("");
        let reads = ["get", "list", "search", "query", "read", "view"].iter().any(|v| verb.starts_with(v));
        if reads { "read" } else { "write" }
    }
}

/// Decides one entry.
fn take(entry: &Entry<'_>, raw: &str, sink: &mut dyn Sink) {
    let event = entry.insert_id.filled();
    let id = match (entry.log_name.filled(), entry.timestamp.filled(), event) {
        (Some(log), Some(time), Some(id)) => {
            Some([log, time, id].map(fingerprint::hash).into_iter().fold(1, fingerprint::join))
        }
        _ => None,
    };
    let time = entry.timestamp.filled().or(entry.receive_timestamp.filled());
    let at = time.and_then(Timestamp::parse);
    if !sink.is_new(id, &|| fingerprint::of_json(raw), at, event) {
        return;
    }
    if let Some(why) = not_iam(entry) {
        return sink.skip(at, event, why, "");
    }
    let at = at.unwrap_or(Timestamp::UNKNOWN);
    let actor = match identity::identify(entry) {
        Ok(actor) => actor,
        Err(why) => return sink.skip(Some(at), event, why, ""),
    };
    let payload = &entry.proto_payload.0;
    let what = format!("{}:{}", payload.service_name.or_empty(), payload.method_name.or_empty());
    match map::map(entry) {
        Err(Skip::Unmapped) if ends(entry) => sink.skip(Some(at), event, Skip::OperationEnd, ""),
        Err(why) => sink.skip(Some(at), event, why, &what),
        Ok(uses) => {
            map::unknown(entry).for_each(|permission| sink.unknown(permission));
            sink.reading(
                "gcp",
                &Reading {
                    at,
                    event: event.map(Cow::Borrowed),
                    actor,
                    account: Cow::Borrowed(entry.project().unwrap_or(entry.container())),
                    region: Cow::Borrowed(""),
                    via: None,
                    join: join(entry),
                    uses,
                },
            );
        }
    }
}

/// Entries that are about something else than IAM.
fn not_iam(entry: &Entry<'_>) -> Option<Skip> {
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

/// The first and last entry of an operation are one call; the first leads.
fn join(entry: &Entry<'_>) -> Option<Join> {
    let operation = &entry.operation.0;
    let key = [operation.producer.or_empty(), operation.id.filled()?];
    let key = key.map(fingerprint::hash).into_iter().fold(2, fingerprint::join);
    match (operation.first.is_true(), operation.last.is_true()) {
        (true, _) => Some(Join::Leads(key)),
        (false, true) => Some(Join::Follows(key, Skip::OperationEnd)),
        (false, false) => None,
    }
}
