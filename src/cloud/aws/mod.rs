//! Amazon Web Services: CloudTrail in, IAM policies out.

mod boundary;
mod denial;
mod coverage;
mod evaluate;
mod identity;
mod infer;
mod layout;
mod loosen;
mod condition;
mod lifecycle;
mod map;
mod namer;
mod package;
mod pieces;
mod record;
mod refusal;
mod resource;
mod shape;
mod statement;
mod trail;

use super::{Cloud, Evaluator, Lifecycle, Logging, Piece, Sink, Subject, Token};
use crate::catalog;
use crate::catalog::user::Provenance;
use crate::model::coverage::{Access, Plane};
use crate::model::denial::{Advice, Denial, Refused};
use crate::model::document::{Document, DoesNotFit, Layout, Packing};
use crate::model::grant::{Grant, On};
use crate::model::identity::{Actor, Disposition, Kind, Vouched};
use crate::model::pattern::Pattern;
use crate::model::tally::Skip;
use crate::model::time::Timestamp;
use crate::model::usage::{Join, Origin, Reading, Row, Use};
use crate::wire::fingerprint;
use crate::wire::frame::{self, Broken, Shape};
use map::Mapped;
use record::Record;
use serde_json::Value;
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
            "trailList" | "Trail" | "TrailARN" => Some(Shape::Description),
            _ => None,
        }
    }

    fn read(&self, rest: &str, sink: &mut dyn Sink) -> Result<usize, Broken> {
        let (record, len) = frame::value::<Record<'_>>(rest)?;
        take(&record, rest.get(..len).unwrap_or(rest), sink, Form::Delivered);
        Ok(len)
    }

    fn describe(&self, rest: &str, sink: &mut dyn Sink) -> Result<Option<usize>, Broken> {
        trail::describe(rest, sink)
    }

    fn kinds(&self, service: &str) -> &'static [(Plane, Access)] {
        coverage::kinds(service)
    }

    fn logging(&self) -> &'static Logging {
        &coverage::LOGGING
    }

    fn dispose(&self, principal: &str, kind: Kind) -> Disposition {
        identity::dispose(principal, kind)
    }

    fn package(
        &self,
        who: &Subject<'_>,
        grants: &[Grant],
        layout: &[Layout],
        packing: &Packing,
    ) -> Result<Vec<Document>, DoesNotFit> {
        package::package(who, grants, layout, packing)
    }

    fn loosenings(&self, grants: &[Grant]) -> Vec<(String, String)> {
        loosen::loosenings(grants)
    }

    fn loosened(&self, grant: &Grant, step: &str) -> Option<Pattern> {
        loosen::loosened(grant, step)
    }

    fn boundary(&self, who: &Subject<'_>, documents: &[Document]) -> Result<Option<Document>, DoesNotFit> {
        boundary::boundary(who, documents).map(Some)
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
        shape::created(action, made)
    }

    fn qualify(&self, action: &str, pattern: &Pattern) -> Option<(Pattern, &'static str)> {
        shape::qualify(action, pattern)
    }

    fn tokens(&self, name: &str) -> Vec<Token> {
        shape::tokens(name)
    }

    fn stays_exact(&self, name: &str) -> bool {
        shape::stays_exact(name)
    }

    fn object(&self, name: &str) -> Option<usize> {
        shape::object(name)
    }

    fn whole_type(&self, pattern: &Pattern) -> bool {
        shape::whole_type(pattern)
    }

    fn own_part(&self, name: &str) -> usize {
        shape::own_part(name)
    }

    fn foreign<'a>(&self, action: &str, home: &str, name: &'a str) -> Option<(&'a str, &'static str)> {
        let owner = name.strip_prefix("arn:")?.split(':').nth(3)?;
        let account = owner.len() == 12 && owner.bytes().all(|b| b.is_ascii_digit());
        let place = if action.starts_with("sts:") { "trust policy" } else { "resource policy" };
        (account && !home.is_empty() && owner != home).then_some((owner, place))
    }

    fn synonyms(&self, known: &BTreeSet<&str>) -> BTreeMap<String, String> {
        identity::paths(known)
    }

    fn sensitive(&self, action: &str) -> bool {
        catalog::aws().sensitive.iter().any(|row| row.actions.iter().any(|known| known == action))
    }

    fn canonical(&self, action: &str) -> Option<String> {
        catalog::aws().table.action(action).map(|(_, known)| known.full.clone())
    }

    fn neighbours(&self, action: &str) -> Vec<String> {
        let prefix = action.split(':').next().unwrap_or("");
        let service = catalog::aws().table.service(&prefix.to_ascii_lowercase());
        service.map(|s| s.actions.iter().map(|a| a.full.clone()).collect()).unwrap_or_default()
    }

    fn keeps(&self, who: &str, on: &On) -> Option<String> {
        let own = who.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(3)).unwrap_or("");
        let On::Resource(pattern) = on else { return Some(own.to_owned()) };
        let text = pattern.to_string();
        let account = text.split(':').nth(4).unwrap_or("");
        let elsewhere = !own.is_empty() && !account.is_empty() && account != "*" && account != own;
        (!elsewhere).then(|| own.to_owned())
    }

    fn lifecycle(&self, rows: &[&Row]) -> Vec<Lifecycle> {
        lifecycle::lifecycle(rows)
    }

    fn conditions(&self) -> Vec<&'static str> {
        catalog::aws().conditions.condition.iter().map(|row| row.key.as_str()).collect()
    }

    fn calls(&self, action: &str, caller: &str) -> bool {
        condition::of_service(action, caller)
    }

    fn catalog(&self) -> Provenance {
        catalog::aws().provenance.clone()
    }

    fn knows(&self, action: &str) -> bool {
        catalog::aws().table.action(action).is_some()
    }

    fn place<'a>(&self, principal: &'a str, home: &'a str) -> (String, &'a str) {
        let name = principal.rsplit(['/', ':']).next().unwrap_or(principal);
        (if home.is_empty() { "organization".to_owned() } else { home.to_owned() }, name)
    }

    fn pasted(&self, message: &str) -> Option<Denial> {
        refusal::pasted(message)
    }

    fn advise(&self, denial: &Denial) -> Advice {
        refusal::advise(denial)
    }

    fn statements(&self, documents: &[Document]) -> Vec<Value> {
        let read = documents.iter().filter_map(|document| serde_json::from_str::<Value>(&document.text).ok());
        read.flat_map(|policy| policy.get("Statement").and_then(Value::as_array).cloned().unwrap_or_default())
            .collect()
    }

    fn pieces<'a>(&self, name: &'a str) -> Vec<Piece<'a>> {
        pieces::pieces(name)
    }

    fn level(&self, action: &str) -> &'static str {
        catalog::aws().table.action(action).map_or("", |(_, action)| action.level.as_str())
    }
}

/// How a record came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As a trail delivers it; it may be an envelope.
    Delivered,
    /// Out of the event history, which has no data events.
    LookedUp,
    /// Out of an event bus.
    Bus,
}

/// Decides one record; envelopes are opened once.
fn take(record: &Record<'_>, raw: &str, sink: &mut dyn Sink, form: Form) {
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
    let event = record.event_id.filled();
    let content = || fingerprint::of_json(raw);
    let time = record.event_time.filled().or(record.at_timestamp.filled());
    let at = time.and_then(Timestamp::parse);
    if !sink.is_new(event.map(fingerprint::hash), &content, at, event) {
        return;
    }
    let skipped = not_a_call(record);
    if !matches!(skipped, Some(Skip::NotAnEvent | Skip::Insight)) {
        coverage::sight(record, at, form == Form::LookedUp, sink);
    }
    match skipped {
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
        gate(record, at, actor, why, sink);
        return sink.skip(Some(at), event, why, "");
    }
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
