//! Amazon Web Services: CloudTrail in, IAM policies out.

mod boundary;
mod evaluate;
mod identity;
mod infer;
mod map;
mod namer;
mod package;
mod record;
mod resource;

use super::{Cloud, Evaluator, Reach, Sink, Subject};
use crate::catalog;
use crate::model::document::{Document, DoesNotFit};
use crate::model::grant::Grant;
use crate::model::identity::{Disposition, Kind, Vouched};
use crate::model::pattern::Pattern;
use crate::model::tally::Skip;
use crate::model::time::Timestamp;
use crate::model::usage::{Join, Reading};
use crate::wire::fingerprint;
use crate::wire::frame::{self, Broken, Shape};
use map::Mapped;
use record::Record;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// The cloud.
pub struct Aws;

impl Cloud for Aws {
    fn id(&self) -> &'static str {
        "aws"
    }

    fn shape(&self, key: &str) -> Option<Shape> {
        match key {
            "eventVersion" | "userIdentity" | "eventTime" | "eventSource" | "eventName" | "eventID"
            | "awsRegion" | "eventType" | "detail-type" | "CloudTrailEvent" | "EventId" => {
                Some(Shape::Record)
            }
            "Records" | "Events" => Some(Shape::Wrapper),
            "digestStartTime" | "digestEndTime" => Some(Shape::Companion),
            _ => None,
        }
    }

    fn read(&self, rest: &str, sink: &mut dyn Sink) -> Result<usize, Broken> {
        let (record, len) = frame::value::<Record<'_>>(rest)?;
        take(&record, rest.get(..len).unwrap_or(rest), sink, true);
        Ok(len)
    }

    fn dispose(&self, principal: &str, kind: Kind) -> Disposition {
        identity::dispose(principal, kind)
    }

    fn package(&self, who: &Subject<'_>, grants: &[Grant]) -> Result<Vec<Document>, DoesNotFit> {
        package::package(who, grants)
    }

    fn boundary(
        &self,
        who: &Subject<'_>,
        documents: &[Document],
        reach: Reach<'_>,
    ) -> Result<Option<Document>, DoesNotFit> {
        boundary::boundary(who, documents, reach).map(Some)
    }

    fn evaluator(&self, documents: &[String]) -> Result<Box<dyn Evaluator>, String> {
        let policies =
            documents.iter().map(|text| evaluate::Policy::parse(text)).collect::<Result<Vec<_>, _>>()?;
        Ok(Box::new(evaluate::Policies(policies)))
    }

    fn writable(&self, pattern: &Pattern) -> (Pattern, Option<&'static str>) {
        let (pattern, replaced) = pattern.within_charset();
        (
            pattern,
            replaced.then_some("a policy cannot hold some characters of the name: each became a wildcard"),
        )
    }

    fn created(&self, action: &str, made: &Pattern) -> Option<Pattern> {
        package::created(action, made)
    }

    fn qualify(&self, action: &str, pattern: &Pattern) -> Option<(Pattern, &'static str)> {
        package::qualify(action, pattern)
    }

    fn synonyms(&self, known: &BTreeSet<&str>) -> BTreeMap<String, String> {
        identity::paths(known)
    }

    fn knows(&self, action: &str) -> bool {
        catalog::aws().table.action(action).is_some()
    }

    fn place<'a>(&self, principal: &'a str, home: &'a str) -> (String, &'a str) {
        let name = principal.rsplit(['/', ':']).next().unwrap_or(principal);
        (if home.is_empty() { "organization".to_owned() } else { home.to_owned() }, name)
    }

    fn level(&self, action: &str) -> &'static str {
        catalog::aws().table.action(action).map_or("", |(_, action)| action.level.as_str())
    }
}

/// Decides one record; envelopes are opened once.
fn take(record: &Record<'_>, raw: &str, sink: &mut dyn Sink, envelope: bool) {
    if envelope && let Some(inner) = record.looked_up.filled() {
        return open(inner, sink);
    }
    if envelope && let Some(detail) = record.detail {
        return open(detail.get(), sink);
    }
    let event = record.event_id.filled();
    let content = || fingerprint::of_json(raw);
    let time = record.event_time.filled().or(record.at_timestamp.filled());
    let at = time.and_then(Timestamp::parse);
    if !sink.is_new(event.map(fingerprint::hash), &content, at, event) {
        return;
    }
    match not_a_call(record) {
        Some(Skip::NotAnEvent) => return sink.stranger(event),
        Some(why) => return sink.skip(at, event, why, ""),
        None => {}
    }
    links(record, sink);
    let at = at.unwrap_or(Timestamp::UNKNOWN);
    let actor = match identity::identify(record) {
        Ok(actor) => actor,
        Err(why) => return sink.skip(Some(at), event, why, ""),
    };
    if let Some(why) = event_type(record) {
        return sink.skip(Some(at), event, why, "");
    }
    match map::map(record) {
        Mapped::Malformed => sink.malformed(event),
        Mapped::Skip(why) => {
            let what = format!("{}:{}", record.host(), record.event_name.or_empty().trim());
            sink.skip(Some(at), event, why, &what);
        }
        Mapped::Uses(uses) => sink.reading(
            "aws",
            &Reading {
                at,
                event: event.map(Cow::Borrowed),
                join: join(record, actor.kind),
                actor,
                account: Cow::Borrowed(record.account()),
                region: Cow::Borrowed(record.aws_region.or_empty()),
                via: record.user_identity.0.invoked_by.filled().map(Cow::Borrowed),
                uses,
            },
        ),
    }
}

fn open(inner: &str, sink: &mut dyn Sink) {
    match serde_json::from_str::<Record<'_>>(inner) {
        Ok(record) => take(&record, inner.trim(), sink, false),
        Err(_) => sink.malformed(None),
    }
}

/// Records that are no audit events at all.
fn not_a_call(record: &Record<'_>) -> Option<Skip> {
    match record.event_type.or_empty() {
        "AwsCloudTrailInsight" => return Some(Skip::Insight),
        "AwsAggregatedEvent" => return Some(Skip::Aggregated),
        _ => {}
    }
    let source = record.event_source.or_empty();
    let foreign = source.starts_with("aws:") || source.is_empty() || record.event_name.filled().is_none();
    foreign.then_some(Skip::NotAnEvent)
}

/// Event types that are no API calls.
fn event_type(record: &Record<'_>) -> Option<Skip> {
    match record.event_type.or_empty() {
        "AwsServiceEvent" => Some(Skip::ServiceEvent),
        "AwsConsoleSignIn" => Some(Skip::NoPermission),
        "AwsVpceEvent" => Some(Skip::NetworkActivity),
        _ => None,
    }
}

/// A cross-account call is in both accounts' trails: the caller's copy leads.
fn join(record: &Record<'_>, kind: Kind) -> Option<Join> {
    let shared = fingerprint::hash(record.shared_event_id.filled()?);
    let owner = kind == Kind::Account;
    Some(if owner { Join::Follows(shared, Skip::OtherAccountCopy) } else { Join::Leads(shared) })
}

/// Who assumed which role, also from records that give no use.
fn links(record: &Record<'_>, sink: &mut dyn Sink) {
    if !record.event_name.or_empty().starts_with("AssumeRole") || record.host() != "sts" {
        return;
    }
    let identity = &record.user_identity.0;
    let vouched = match record.event_name.or_empty() {
        "AssumeRoleWithSAML" => Vouched::PERSON,
        "AssumeRoleWithWebIdentity" => {
            identity.identity_provider.filled().map_or(Vouched::default(), identity::provider_kind)
        }
        _ if identity.kind.get() == Some("AWSService") => Vouched::SERVICE,
        _ => return,
    };
    let leaves = crate::wire::leaves::of(record.request_parameters).unwrap_or_default();
    if let Some(role) = leaves.at("roleArn").next() {
        sink.link(&role.value, vouched);
    }
}
