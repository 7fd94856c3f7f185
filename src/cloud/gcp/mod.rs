//! Google Cloud: Cloud Audit Logs in, custom roles and bindings out.

mod access_boundary;
mod again;
mod condition;
mod container;
mod denial;
mod deny;
mod coverage;
mod crowd;
mod evaluate;
mod identity;
mod map;
mod name;
mod package;
mod predefined;
mod readback;
mod record;
mod settle;
mod shape;
mod sheet;
mod take;

use super::{Cloud, Evaluator, Logging, Reach, Scales, Settled, Sink, Subject, Token};
use crate::catalog;
use crate::catalog::user::Provenance;
use crate::model::access_boundary::{AccessBoundary, Shown, Wanted};
use crate::model::coverage::{Access, KINDS, Plane, Within};
use crate::model::denial::{Advice, Denial};
use crate::model::document::{Document, DoesNotFit, Layout, Packing};
use crate::model::grant::{Grant, On};
use crate::model::identity::{Disposition, Kind};
use crate::model::pattern::Pattern;
use crate::model::usage::Row;
use crate::wire::frame::{self, Broken, Shape};
use container::Found;
pub use name::by_name;
use record::Entry;
use serde_json::Value;

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
        let like = match again::find(rest, sink) {
            Some(found) if again::repeat(&found, sink) => return Ok(found.len),
            found => found,
        };
        let (entry, len) = frame::value::<Entry<'_>>(rest)?;
        let raw = rest.get(..len).unwrap_or(rest);
        let named = entry.log_name.filled().is_some();
        if entry.proto_payload.0.method_name.filled().is_some() || (named && !container::table(raw)) {
            again::take(&entry, raw, like.as_ref(), sink);
            return Ok(len);
        }
        match container::open(raw) {
            Found::Entry(text) => match serde_json::from_str(&text) {
                Ok(entry) => drop(take::take(&entry, &text, sink)),
                Err(_) => sink.malformed(None),
            },
            Found::Other => drop(take::take(&entry, raw, sink)),
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

    fn loggable(&self, service: &str) -> bool {
        catalog::gcp().serves(service)
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
        Some(predefined::alternatives(who, grants))
    }

    fn documents(&self, files: &[(String, String)]) -> Result<Vec<String>, String> {
        let known = |role: &str| catalog::predefined().and_then(|roles| roles.permissions(role));
        readback::documents(files, &known)
    }

    fn placed(&self, documents: &[String], place: &str) -> Option<Vec<String>> {
        readback::placed(documents, place)
    }

    fn evaluator(&self, documents: &[String]) -> Result<Box<dyn Evaluator>, String> {
        Ok(Box::new(evaluate::Policies::parse(documents, FACTS)?))
    }

    fn replays(&self, row: &Row, documents: &[String]) -> bool {
        let names = |text: &String| readback::PEOPLE.iter().any(|form| text.contains(form));
        row.principal.starts_with("user:")
            && row.exempt == Some("report-only")
            && row.outcome.grants()
            && documents.iter().any(names)
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

    fn settle(&self, row: &Row, within: &Within) -> Option<Settled> {
        settle::settle(&row.principal, &row.action, &row.scope, row.exempt, within)
    }

    fn settle_denial(&self, denial: &mut Denial, within: &Within) {
        settle::denial(denial, within);
    }

    fn owner<'r>(&self, row: &'r Row) -> Option<(&'r str, &'static str)> {
        settle::owner(row)
    }

    fn crowded(&self, documents: &[&Document]) -> Vec<String> {
        crowd::crowded(documents)
    }

    fn sensitive(&self, action: &str) -> bool {
        catalog::gcp().waits(action)
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
        let statement = |document: &Document, permissions: &[String]| -> Vec<Value> {
            let member = Some(&document.principal).filter(|who| !who.is_empty());
            let text: Value = serde_json::from_str(&document.text).unwrap_or_default();
            let bindings = text.get("bindings").and_then(Value::as_array).cloned().unwrap_or_default();
            let one = |binding: Value| {
                let mut value = serde_json::json!({ "includedPermissions": permissions, "member": member,
                                                    "resource": document.place() });
                if let (Some(condition), Some(map)) = (binding.get("condition"), value.as_object_mut()) {
                    map.insert("condition".to_owned(), condition.clone());
                }
                value
            };
            bindings.into_iter().map(one).collect()
        };
        let all = documents.iter().flat_map(|d| d.statements.iter().map(move |s| (d, s)));
        all.flat_map(|(document, one)| statement(document, &one.actions)).collect()
    }

    fn level(&self, action: &str) -> &'static str {
        if catalog::gcp::reads(action) { "read" } else { "write" }
    }
}

/// What the evaluator looks up.
const FACTS: evaluate::Facts = evaluate::Facts {
    kind: |permission, name| Some(catalog::gcp().limits.kind(permission, name)?.kind.as_str()),
    numbered: |permission, name| catalog::gcp().limits.kind(permission, name).is_some_and(|row| row.number),
    full: |permission| catalog::gcp().limits.full(permission),
    blocked_since: |permission| catalog::gcp().limits.blocked_since(permission),
};
