//! One CloudTrail record: whether it is an event at all, who acted, what it proves, whose copy it is.

use super::map::{self, Mapped};
use super::record::Record;
use super::{condition, coverage, identity, ids, passed, refusal};
use crate::cloud::Sink;
use crate::model::denial::Refused;
use crate::model::identity::{Actor, Kind, Vouched};
use crate::model::tally::Skip;
use crate::model::time::Timestamp;
use crate::model::usage::{Join, Origin, Reading, Use};
use crate::wire::fingerprint;
use std::borrow::Cow;

/// How a record came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As a trail delivers it; it may be an envelope.
    Delivered,
    /// Out of the event history, which has no data events.
    LookedUp,
    /// Out of an event bus.
    Bus,
}

/// Decides one record; envelopes are opened once.
pub(super) fn take(record: &Record<'_>, raw: &str, sink: &mut dyn Sink, form: Form) {
    if form == Form::Delivered
        && let Some(inner) = record.looked_up.filled()
    {
        return open(inner, sink, Form::LookedUp);
    }
    if form == Form::Delivered
        && let Some(detail) = record.detail
    {
        return open(detail.get(), sink, Form::Bus);
    }
    taken(record, &|| fingerprint::of_json(raw), sink, form);
}

/// Takes a record that is no envelope; returns whether there is nobody to tighten.
pub(super) fn taken(record: &Record<'_>, content: &dyn Fn() -> u64, sink: &mut dyn Sink, form: Form) -> bool {
    let event = record.event_id.filled();
    let time = record.event_time.filled().or(record.at_timestamp.filled());
    let at = time.and_then(Timestamp::parse);
    if !sink.is_new(event.map(fingerprint::hash), content, at, event) {
        return false;
    }
    let skipped = not_a_call(record);
    if !matches!(skipped, Some(Skip::NotAnEvent | Skip::Insight)) {
        coverage::sight(record, at, form == Form::LookedUp, sink);
    }
    match skipped {
        Some(Skip::NotAnEvent) => {
            sink.stranger(event);
            return false;
        }
        Some(why) => {
            sink.skip(at, event, why, "");
            return false;
        }
        None => {}
    }
    links(record, sink);
    passed::tell(record, sink);
    owners(record, sink);
    ids::tell(record, sink);
    let at = at.unwrap_or(Timestamp::UNKNOWN);
    let actor = match identity::identify(record) {
        Ok(actor) => actor,
        Err(why) => {
            sink.skip(Some(at), event, why, "");
            return true;
        }
    };
    if let Some(why) = event_type(record) {
        gate(record, at, actor, why, sink);
        sink.skip(Some(at), event, why, "");
        return false;
    }
    mapped(record, at, actor, sink);
    false
}

fn mapped<'a>(record: &'a Record<'a>, at: Timestamp, actor: Actor<'a>, sink: &mut dyn Sink) {
    let event = record.event_id.filled();
    match map::map(record) {
        Mapped::Malformed => sink.malformed(event),
        Mapped::Skip(why) => {
            if refusal::is_refused(record) {
                let refused = refusal::without_uses(record, &[], why == Skip::Unmapped);
                sink.refused("aws", &reading(record, at, actor, Vec::new(), refused));
            }
            let what = format!("{}:{}", record.host(), record.event_name.or_empty().trim());
            sink.skip(Some(at), event, why, &what);
        }
        Mapped::Uses(mut uses) => {
            condition::attest(record, sink.conditions(), &mut uses);
            let refused = refusal::refused(record, &uses);
            sink.reading("aws", &reading(record, at, actor, uses, refused));
        }
    }
}

fn reading<'a>(
    record: &'a Record<'a>,
    at: Timestamp,
    actor: Actor<'a>,
    uses: Vec<Use<'a>>,
    refused: Vec<Refused>,
) -> Reading<'a> {
    Reading {
        at,
        event: record.event_id.filled().map(Cow::Borrowed),
        join: join(record, actor.kind),
        actor,
        origin: origin(record),
        account: Cow::Borrowed(record.account()),
        region: Cow::Borrowed(record.aws_region.or_empty()),
        via: record.user_identity.0.invoked_by.filled().map(Cow::Borrowed),
        uses,
        refused,
    }
}

/// A call that was refused before its service saw it.
fn gate<'a>(record: &'a Record<'a>, at: Timestamp, actor: Actor<'a>, why: Skip, sink: &mut dyn Sink) {
    if why == Skip::NetworkActivity && refusal::is_refused(record) {
        let needed = if let Mapped::Uses(uses) = map::map(record) { uses } else { Vec::new() };
        let refused = refusal::without_uses(record, &needed, true);
        sink.refused("aws", &reading(record, at, actor, Vec::new(), refused));
    }
}

fn origin<'a>(record: &'a Record<'a>) -> Origin<'a> {
    Origin {
        address: record.source_ip_address.filled().map(Cow::Borrowed),
        agent: record.user_agent.filled().map(Cow::Borrowed),
        key: record.user_identity.0.access_key_id.filled().map(Cow::Borrowed),
    }
}

fn open(inner: &str, sink: &mut dyn Sink, form: Form) {
    match serde_json::from_str::<Record<'_>>(inner) {
        Ok(record) => take(&record, inner.trim(), sink, form),
        Err(_) => sink.malformed(None),
    }
}

/// Records that are no audit events at all.
pub(super) fn not_a_call(record: &Record<'_>) -> Option<Skip> {
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
    Some(if owner { Join::follows(shared, Skip::OtherAccountCopy) } else { Join::leads(shared) })
}

/// Whose a bucket of another account than the caller's is: its name does not tell.
fn owners(record: &Record<'_>, sink: &mut dyn Sink) {
    if record.host() != "s3" {
        return;
    }
    let caller = record.user_identity.0.account_id.filled().unwrap_or(record.account());
    for listed in &record.resources.0 {
        let owner = listed.account_id.filled().filter(|owner| *owner != caller);
        if let (Some(arn), Some(owner)) = (listed.arn.filled().filter(|arn| arn.contains(":::")), owner) {
            sink.holds(arn, &[owner.to_owned()], true);
        }
    }
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
    let leaves = crate::wire::leaves::of(record.request_parameters, &record.asked).unwrap_or_default();
    if let Some(role) = leaves.at("roleArn").next() {
        sink.link(role.value(), vouched);
    }
}
