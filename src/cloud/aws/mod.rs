//! Amazon Web Services: CloudTrail in, IAM policies out.

mod again;
mod boundary;
mod decided;
mod denial;
mod coverage;
mod evaluate;
mod identity;
mod ids;
mod infer;
mod layout;
mod loosen;
mod condition;
mod lifecycle;
mod map;
mod meaning;
mod namer;
mod package;
mod pieces;
mod passed;
mod percent;
mod record;
mod refusal;
mod resource;
mod scales;
mod shape;
mod statement;
mod tags;
mod take;
mod trail;

use super::{Cloud, Evaluator, Lifecycle, Logging, Piece, Reach, Scales, Sink, Step, Subject, Token};
use crate::catalog;
use crate::catalog::user::Provenance;
use crate::model::coverage::{Access, Plane};
use crate::model::denial::{Advice, Denial};
use crate::model::document::{Document, DoesNotFit, Layout, Packing};
use crate::model::grant::{Grant, On};
use crate::model::identity::{Disposition, Kind};
use crate::model::pattern::Pattern;
use crate::model::usage::Row;
use crate::wire::frame::{self, Broken, Shape};
use record::Record;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use take::{Form, take};

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
        if let Some(len) = again::read(rest, sink) {
            return Ok(len);
        }
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

    fn scales<'g>(&'g self, _who: &'g Subject<'g>, grants: &'g [Grant]) -> Scales<'g> {
        scales::scales(grants)
    }

    fn loosenings(&self, grants: &[Grant]) -> Vec<Step> {
        loosen::loosenings(grants)
    }

    fn loosened(&self, grant: &Grant, step: &str) -> Option<Pattern> {
        loosen::loosened(grant, step)
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
        shape::created(action, made)
    }

    fn qualify(&self, action: &str, pattern: &Pattern) -> Option<(Pattern, &'static str)> {
        shape::qualify(action, pattern)
    }

    fn tokens(&self, name: &str) -> Vec<Token> {
        shape::tokens(name)
    }

    fn unit<'n>(&self, name: &'n str) -> Option<&'n str> {
        shape::stack(name)
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

    fn foreign<'a>(
        &self,
        action: &str,
        home: &str,
        name: &'a str,
        told: &dyn Fn(&'a str) -> Option<&'a str>,
    ) -> Option<(&'a str, &'static str)> {
        let owner = name.strip_prefix("arn:")?.split(':').nth(3)?;
        // A bucket's name does not tell whose it is.
        let bucket = || told(name.split_once('/').map_or(name, |(bucket, _)| bucket));
        let owner = if owner.is_empty() { bucket()? } else { owner };
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

    fn keepable(&self, action: &str, on: Option<&Pattern>) -> Result<(), String> {
        decided::keepable(action, on)
    }

    fn any_action(&self, wanted: &Pattern) -> bool {
        decided::any_action(wanted)
    }

    fn resource_like(&self, text: &str) -> bool {
        decided::resource_like(text)
    }

    fn is_step(&self, step: &str) -> bool {
        decided::is_step(step)
    }

    fn keeps(&self, who: &str, on: &On) -> Option<String> {
        let own = who.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(3)).unwrap_or("");
        let On::Resource(pattern) = on else { return Some(own.to_owned()) };
        let text = pattern.to_string();
        let account = text.split(':').nth(4).unwrap_or("");
        let elsewhere = !own.is_empty() && !account.is_empty() && account != "*" && account != own;
        (!elsewhere).then(|| own.to_owned())
    }

    fn lifecycle(&self, rows: &[&Row], former: &[&Grant]) -> Vec<Lifecycle> {
        lifecycle::lifecycle(rows, former)
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

    fn means(&self, action: &str, resource: &str) -> bool {
        meaning::may_apply(action, resource)
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
