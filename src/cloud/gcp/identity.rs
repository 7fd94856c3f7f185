//! Who acted, in IAM's member syntax.

use super::record::Entry;
use super::settle;
use crate::catalog;
use crate::catalog::platform::glob;
use crate::model::identity::{Actor, Disposition, Kind, Vouched};
use crate::model::tally::Skip;
use crate::wire::fingerprint;
use std::borrow::Cow;

/// The actor of an entry, or the reason for which nobody is to be tightened.
pub(super) fn identify<'a>(entry: &'a Entry<'a>) -> Result<Actor<'a>, Skip> {
    let who = &entry.proto_payload.0.authentication_info.0;
    let chain = &who.service_account_delegation_info.0;
    // The account that was impersonated acts; where the entry leaves it out, the last link of the chain is known.
    let last = || chain.iter().rev().find_map(|link| link.who());
    let says = who.principal_email.filled().or(who.principal_subject.filled()).or_else(last);
    let caller = chain.iter().find_map(|link| link.who()).or(says);
    let session = session(entry, caller);
    match says {
        Some(says) => named(entry, says, session),
        None => Ok(unknown(None, session)),
    }
}

fn unknown(says: Option<&str>, session: u64) -> Actor<'_> {
    Actor {
        principal: Cow::Borrowed(""),
        kind: Kind::Unknown,
        home: Cow::Borrowed(""),
        says: says.map(Cow::Borrowed),
        session,
        vouched: Vouched::default(),
        exempt: Some("unattributable"),
    }
}

/// Who acts as which service account for the entry: each link of its delegation chain as the next one, the original caller
/// first and the account that the entry names last
/// (<https://docs.cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog#ServiceAccountDelegationInfo>).
pub(super) fn callers<'a>(entry: &'a Entry<'a>) -> Vec<(Actor<'a>, &'a str)> {
    let who = &entry.proto_payload.0.authentication_info.0;
    let own = who.principal_email.filled().or(who.principal_subject.filled()).map(bare);
    let Some(account) = own.filter(|email| email.ends_with(".gserviceaccount.com")) else {
        return Vec::new();
    };
    let links: Vec<&str> =
        who.service_account_delegation_info.0.iter().filter_map(|link| link.who()).collect();
    let session = session(entry, links.first().copied());
    let acts = links.iter().enumerate().filter_map(|(at, says)| {
        let next = links.get(at + 1).map_or(account, |next| bare(next));
        let other = next.ends_with(".gserviceaccount.com") && bare(says) != next;
        let actor = named(entry, says, session).ok().filter(|actor| other && actor.kind != Kind::Unknown)?;
        Some((actor, next))
    });
    acts.collect()
}

/// An account that a request names as one it goes through.
pub(super) fn account<'a>(entry: &'a Entry<'a>, email: &'a str) -> Option<Actor<'a>> {
    named(entry, email, session(entry, Some(email))).ok().filter(|actor| actor.kind != Kind::Unknown)
}

/// An address without its scheme.
fn bare(says: &str) -> &str {
    let schemed = says.split_once(':').filter(|(scheme, _)| matches!(*scheme, "user" | "serviceAccount"));
    schemed.map_or(says, |(_, email)| email)
}

/// The actor of that name or address.
fn named<'a>(entry: &Entry<'_>, says: &'a str, session: u64) -> Result<Actor<'a>, Skip> {
    let mut actor = unknown(Some(says), session);
    let email = bare(says);
    if catalog::gcp().identities.agent.iter().any(|agent| glob(&agent.email, email)) {
        return Err(Skip::ServiceAgent);
    }
    if says.contains("/workforcePools/") {
        actor.principal = Cow::Borrowed(says);
        actor.kind = Kind::User;
        actor.vouched = Vouched::PERSON;
    } else if says.starts_with("principal:") || says.starts_with("principalSet:") {
        actor.principal = Cow::Borrowed(says);
        actor.kind = Kind::Federation;
    } else if email.ends_with("gserviceaccount.com") || email.contains(".svc.id.goog[") {
        actor.principal = format!("serviceAccount:{email}").into();
        actor.kind = Kind::ServiceAccount;
    } else if email.contains('@') {
        // Addresses know no letter case.
        let mut member = format!("user:{email}");
        member.make_ascii_lowercase();
        actor.principal = member.into();
        actor.kind = Kind::User;
        actor.vouched = Vouched::PERSON;
    } else {
        return Ok(actor);
    }
    actor.home = home(&actor.principal, entry).into();
    actor.exempt = (dispose(actor.kind) == Disposition::ReportOnly).then_some("report-only");
    Ok(actor)
}

/// Google logs no session; a day of one caller, who may impersonate an account, stands for it.
fn session(entry: &Entry<'_>, says: Option<&str>) -> u64 {
    let day = entry.timestamp.or_empty().get(..10).unwrap_or("");
    fingerprint::join(fingerprint::hash(says.unwrap_or("")), fingerprint::hash(day))
}

/// The project a service account lives in, else the one the entry is about.
fn home(principal: &str, entry: &Entry<'_>) -> String {
    let domain =
        principal.split_once('@').and_then(|(_, domain)| domain.strip_suffix(".iam.gserviceaccount.com"));
    domain.map(settle::project).or(entry.project().map(str::to_owned)).unwrap_or_default()
}

/// What becomes of a principal: people get groups or a report, not bindings of their own.
pub(super) fn dispose(kind: Kind) -> Disposition {
    match kind {
        Kind::ServiceAccount | Kind::Federation => Disposition::Policy,
        _ => Disposition::ReportOnly,
    }
}

/// Whether many workloads share the account.
pub(super) fn shared(principal: &str) -> bool {
    let email = principal.split_once(':').map_or(principal, |(_, email)| email);
    catalog::gcp().identities.shared.iter().any(|known| glob(&known.email, email))
}
