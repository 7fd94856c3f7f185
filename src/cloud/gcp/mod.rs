//! Google Cloud: Cloud Audit Logs in, custom roles and bindings out.

mod access_boundary;
mod condition;
mod container;
mod denial;
mod deny;
mod coverage;
mod evaluate;
mod identity;
mod map;
mod name;
mod package;
mod predefined;
mod readback;
mod record;
mod sheet;

use super::{Cloud, Evaluator, Logging, Reach, Scales, Sink, Subject};
use crate::catalog;
use crate::catalog::user::Provenance;
use crate::model::access_boundary::{AccessBoundary, Shown, Wanted};
use crate::model::coverage::{Access, KINDS, Plane};
use crate::model::denial::{Advice, Denial, Refused};
use crate::model::document::{Document, DoesNotFit, Layout, Packing};
use crate::model::grant::{Grant, On};
use crate::model::identity::{Actor, Disposition, Kind};
use crate::model::pattern::Pattern;
use crate::model::tally::Skip;
use crate::model::time::Timestamp;
use crate::model::usage::{Join, Origin, Reading, Row, Use};
use crate::wire::fingerprint;
use crate::wire::frame::{self, Broken, Shape};
use container::Found;
pub use name::by_name;
use record::Entry;
use serde_json::Value;
use std::borrow::Cow;

/// The cloud.
pub struct Gcp;

impl Cloud for Gcp {
    fn id(&self) -> &'static str {
        "gcp"
    }

    fn shape(&self, key: &str) -> Option<Shape> {
        if matches!(key, "auditConfigs" | "bindings" | "policy" | "lifecycleState") {
            return Some(Shape::Description);
        }
        if container::lists(key) {
            return Some(Shape::Wrapper);
        }
        let known =
            matches!(key, "insertId" | "receiveTimestamp" | "textPayload" | "jsonPayload" | "httpRequest");
        (known || container::carries(key)).then_some(Shape::Record)
    }

    fn read(&self, rest: &str, sink: &mut dyn Sink) -> Result<usize, Broken> {
        let (entry, len) = frame::value::<Entry<'_>>(rest)?;
        let raw = rest.get(..len).unwrap_or(rest);
        let named = entry.log_name.filled().is_some();
        if entry.proto_payload.0.method_name.filled().is_some() || (named && !container::table(raw)) {
            take(&entry, raw, sink);
            return Ok(len);
        }
        match container::open(raw) {
            Found::Entry(text) => match serde_json::from_str(&text) {
                Ok(entry) => take(&entry, &text, sink),
                Err(_) => sink.malformed(None),
            },
            Found::Other => take(&entry, raw, sink),
            Found::Nothing => sink.stranger(None),
        }
        Ok(len)
    }

    fn transcribe(&self, text: &str) -> Option<String> {
        container::transcribe(text)
    }

    fn describe(&self, rest: &str, sink: &mut dyn Sink) -> Result<Option<usize>, Broken> {
        coverage::describe(rest, sink)
    }

    fn describe_text(&self, text: &str, sink: &mut dyn Sink) -> bool {
        coverage::describe_text(text, sink)
    }

    fn kinds(&self, _service: &str) -> &'static [(Plane, Access)] {
        &KINDS
    }

    fn always(&self, service: &str, plane: Plane, access: Access) -> bool {
        coverage::always(service, plane, access)
    }

    fn logging(&self) -> &'static Logging {
        &coverage::LOGGING
    }

    fn dispose(&self, _principal: &str, kind: Kind) -> Disposition {
        identity::dispose(kind)
    }

    fn scales<'g>(&'g self, who: &'g Subject<'g>, grants: &'g [Grant]) -> Scales<'g> {
        // Nothing can be loosened here, so that nobody weighs more than once.
        Box::new(move |_| match self.package(who, grants, &[], &Packing::default()) {
            Ok(documents) => documents.iter().map(|document| document.size.0).sum(),
            Err(DoesNotFit { .. }) => usize::MAX,
        })
    }

    fn package(
        &self,
        who: &Subject<'_>,
        grants: &[Grant],
        _layout: &[Layout],
        _packing: &Packing,
    ) -> Result<Vec<Document>, DoesNotFit> {
        package::package(who, grants)
    }

    fn boundary(
        &self,
        who: &Subject<'_>,
        documents: &[Document],
        reach: Reach<'_>,
    ) -> Result<Option<Document>, DoesNotFit> {
        Ok(deny::policy(who, documents, reach.used))
    }

    fn access_boundary<'r>(
        &self,
        wanted: &Wanted,
        shown: &Shown<'_, 'r>,
    ) -> Result<Option<AccessBoundary<'r>>, DoesNotFit> {
        access_boundary::boundary(wanted, shown).map(Some)
    }

    fn boundable(&self, wanted: &Wanted) -> Option<Result<(), String>> {
        Some(access_boundary::checked(wanted))
    }

    fn alternatives(&self, who: &Subject<'_>, grants: &[Grant]) -> Option<Result<Vec<Document>, DoesNotFit>> {
        catalog::predefined().map(|_| predefined::alternatives(who, grants))
    }

    fn documents(&self, files: &[(String, String)]) -> Result<Vec<String>, String> {
        let known = |role: &str| catalog::predefined().and_then(|roles| roles.permissions(role));
        readback::documents(files, &known)
    }

    fn evaluator(&self, documents: &[String]) -> Result<Box<dyn Evaluator>, String> {
        Ok(Box::new(evaluate::Policies::parse(documents, FACTS)?))
    }

    fn sensitive(&self, action: &str) -> bool {
        catalog::gcp().sensitive(action)
    }

    fn same_grant(&self, kept: &Row, withheld: &Row) -> bool {
        kept.action == withheld.action && kept.scope == withheld.scope
    }

    fn canonical(&self, action: &str) -> Option<String> {
        catalog::gcp().support(action).map(|_| action.to_owned())
    }

    fn neighbours(&self, action: &str) -> Vec<String> {
        catalog::gcp().neighbours(action)
    }

    fn ungivable(&self, action: &str, scope: &str) -> &'static str {
        predefined::ungivable(action, scope)
    }

    fn keepable(&self, action: &str, on: Option<&Pattern>) -> Result<(), String> {
        let Some(on) = on else {
            return Err(format!(
                "`{action}` needs a `resource`: name where it is granted, as projects/NAME or organizations/NUMBER"
            ));
        };
        let named = on.is_exact() && self.keeps("", &On::Resource(on.clone())).is_some();
        named.then_some(()).ok_or_else(|| {
            format!(
                "`resource` is `{on}`, where no role can be defined: write projects/NAME or organizations/NUMBER"
            )
        })
    }

    fn any_action(&self, wanted: &Pattern) -> bool {
        catalog::gcp().all().any(|known| wanted.matches(&known.to_ascii_lowercase()))
    }

    fn keeps(&self, _who: &str, on: &On) -> Option<String> {
        let On::Resource(pattern) = on else { return None };
        let scope = pattern.head().trim_start_matches("//cloudresourcemanager.googleapis.com/");
        package::definable(scope).then(|| scope.to_owned())
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

    fn pasted(&self, message: &str) -> Option<Denial> {
        denial::pasted(message)
    }

    fn advise(&self, denial: &Denial) -> Advice {
        denial::advise(denial)
    }

    fn statements(&self, documents: &[Document]) -> Vec<Value> {
        let statement = |document: &Document, permissions: &[String]| {
            let member = Some(&document.principal).filter(|who| !who.is_empty());
            serde_json::json!({ "includedPermissions": permissions, "member": member, "resource": document.scope })
        };
        let all = documents.iter().flat_map(|d| d.statements.iter().map(move |s| (d, s)));
        all.map(|(document, one)| statement(document, &one.actions)).collect()
    }

    fn level(&self, action: &str) -> &'static str {
        if catalog::gcp::reads(action) { "read" } else { "write" }
    }
}

/// What the evaluator looks up.
const FACTS: evaluate::Facts = evaluate::Facts {
    kind: |permission, name| Some(catalog::gcp().limits.kind(permission, name)?.kind.as_str()),
    full: |permission| catalog::gcp().limits.full(permission),
    blocked_since: |permission| catalog::gcp().limits.blocked_since(permission),
};

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
            let refused = denial::refused(entry, &uses);
            let ends = join(entry, &uses).is_some_and(|join| join.follows.is_some());
            let caller = identity::caller(entry).filter(|_| !ends);
            let beside = caller.map(|(caller, account)| {
                reading(entry, at, caller, vec![map::impersonates(entry, account)], Vec::new())
            });
            sink.reading("gcp", &reading(entry, at, actor, uses, refused));
            if let Some(beside) = beside {
                sink.beside("gcp", &Reading { join: None, ..beside });
            }
        }
    }
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

/// The first and last entry of an operation are one call. What names its permissions leads, the first before the last;
/// a last entry that names others than the first counts beside it.
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
        (true, _, true) => Some(Join { leads: [Some(key), Some(rows())], follows: None }),
        (true, _, false) => Some(Join { leads: [Some(key), None], follows: Some((by_last, end)) }),
        (false, true, true) => Some(Join { leads: [Some(by_last), None], follows: Some((rows(), end)) }),
        (false, true, false) => Some(Join::follows(key, end)),
    }
}
