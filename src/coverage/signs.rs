//! What the log lets one suspect: classes that are off, and moments when they were turned off.

use super::proof::{Proof, project};
use super::{Coverage, State};
use crate::cloud;
use crate::model::coverage::{Access, Class, Observations, Place, Plane, Says};
use crate::model::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A sign with a stable code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sign {
    /// Stable code.
    pub code: &'static str,
    /// Cloud.
    pub cloud: &'static str,
    /// Account or project it is about; empty for all.
    pub account: String,
    /// What was found.
    pub text: String,
}

/// Accounts that have writes and no read.
pub(super) const NO_READS: &str = "no-reads";
/// A trail was changed inside the window.
pub const CHANGED: &str = "changed";
/// Services that were called, but have no record.
pub(super) const NOT_LOGGED: &str = "not-logged";

pub(super) fn signs(coverage: &Coverage<'_>, observed: &Observations, proof: &Proof<'_>) -> Vec<Sign> {
    let mut all = no_reads(coverage, observed);
    all.extend(not_logged(coverage, observed));
    all.extend(changed(coverage, observed));
    all.extend(observed.history.iter().map(|(cloud, account)| Sign {
        code: "history",
        cloud,
        account: account.clone(),
        text: format!("all records of {account} come from the event history, which has no data events"),
    }));
    all.extend(exempt(coverage, proof));
    all.extend(unnamed(coverage, observed));
    all.sort();
    all.dedup();
    all
}

/// Accounts without any read, where reads would not be there for sure.
fn no_reads(coverage: &Coverage<'_>, observed: &Observations) -> Vec<Sign> {
    let mut reads: BTreeMap<(&'static str, &str), bool> = BTreeMap::new();
    for class in observed.classes.keys() {
        let place = &class.place;
        *reads.entry((place.cloud, &place.account)).or_default() |= class.access == Access::Read;
    }
    let without =
        reads.into_iter().filter(|((_, account), any)| !any && !account.is_empty()).map(|(of, _)| of);
    let would = |(cloud, account): &(&'static str, &str)| {
        let mut of = coverage.classes.keys().filter(|p| p.cloud == *cloud && p.account == *account);
        of.all(|place| coverage.state(place, Plane::Management, Access::Read) == State::Logged)
    };
    let sign = |(cloud, account): (&'static str, &str)| Sign {
        code: NO_READS,
        cloud,
        account: account.to_owned(),
        text: format!("{account} has writes but not one read: reads are not logged, or were left out"),
    };
    without.filter(|of| !would(of)).map(sign).collect()
}

/// Services that other records prove to have been called.
fn not_logged(coverage: &Coverage<'_>, observed: &Observations) -> Vec<Sign> {
    let missing = observed.expected.iter().filter(|(place, _)| is_missing(coverage, observed, place));
    missing
        .map(|(place, count)| Sign {
            code: NOT_LOGGED,
            cloud: place.cloud,
            account: place.account.clone(),
            text: format!(
                "{count} records of {} in {} prove calls of {}, but the log has none: they are not logged, or were left out",
                place.account, place.region, place.service
            ),
        })
        .collect()
}

/// Whether an expected service has no record anywhere in its account.
pub(super) fn is_missing(coverage: &Coverage<'_>, observed: &Observations, place: &Place) -> bool {
    let same = |p: &Place| p.cloud == place.cloud && p.account == place.account && p.service == place.service;
    let seen = observed.classes.keys().any(|class| same(&class.place));
    let logged = |access| coverage.state(place, Plane::Management, access) == State::Logged;
    let proven = logged(Access::Read) && logged(Access::Write);
    !seen && !proven
}

/// Changes of what is logged, inside the window.
fn changed(coverage: &Coverage<'_>, observed: &Observations) -> Vec<Sign> {
    let mut all: BTreeMap<(Timestamp, &'static str, &str), Vec<&'static str>> = BTreeMap::new();
    for declaration in &observed.declared {
        let Some(at) = declaration.at else { continue };
        let mut spans = coverage.spans.iter().filter(|span| span.cloud == declaration.cloud);
        let inside = spans.any(|span| span.first <= at.day() && at.day() <= span.last);
        let what = match &declaration.says {
            Says::Logging(true) => "logging was started",
            Says::Logging(false) => "logging was stopped",
            Says::Selects(_) => "its selectors were set",
            Says::Within(_) | Says::Binds(_) => continue,
            Says::Reach(_) | Says::Home(_) => "its regions and accounts were set",
        };
        if inside {
            all.entry((at, declaration.cloud, &declaration.of)).or_default().push(what);
        }
    }
    let one = |((at, cloud, of), mut what): ((Timestamp, &'static str, &str), Vec<&'static str>)| {
        what.sort_unstable();
        Sign {
            code: CHANGED,
            cloud,
            account: String::new(),
            text: format!("{of}, {at}: {}", what.join(", ")),
        }
    };
    all.into_iter().map(one).collect()
}

/// Callers that are left out and cannot be told from others by their names.
fn exempt(coverage: &Coverage<'_>, proof: &Proof<'_>) -> Vec<Sign> {
    let mut groups: BTreeSet<(&'static str, &str, &str)> = BTreeSet::new();
    for (place, kinds) in &coverage.classes {
        for (plane, access, _) in kinds {
            let class = Class { place: (*place).clone(), plane: *plane, access: *access };
            let many = proof.exempt(&class).into_iter().filter(|who| !single(who));
            groups.extend(many.map(|who| (place.cloud, place.account.as_str(), who)));
        }
    }
    let sign = |(cloud, account, who): (&'static str, &str, &str)| Sign {
        code: "exempt",
        cloud,
        account: account.to_owned(),
        text: format!(
            "calls of {who} in {account} are exempt from logging: nobody can tell whose are missing"
        ),
    };
    groups.into_iter().map(sign).collect()
}

/// Whether a member is one principal, which its document can be told of.
fn single(who: &str) -> bool {
    ["user:", "serviceAccount:", "principal:"].iter().any(|kind| who.starts_with(kind))
}

/// Policies of which nobody can tell where they hold, because the log is about several projects.
fn unnamed(coverage: &Coverage<'_>, observed: &Observations) -> Vec<Sign> {
    let named: BTreeSet<(&'static str, &str)> = observed
        .declared
        .iter()
        .filter(|d| matches!(d.says, Says::Reach(_) | Says::Home(_)))
        .map(|d| (d.cloud, d.of.as_str()))
        .collect();
    let several =
        |cloud: &str| coverage.spans.iter().filter(|s| s.cloud == cloud && project(&s.account)).count() > 1;
    let of = observed
        .declared
        .iter()
        .filter(|d| d.says.of_logging() && !named.contains(&(d.cloud, d.of.as_str())) && several(d.cloud));
    of.map(|d| Sign {
        code: "unnamed",
        cloud: d.cloud,
        account: String::new(),
        text: format!(
            "{} does not say where it holds, and the log is about several: give one {} for each, with its ancestors",
            d.of,
            cloud::by_id(d.cloud).map_or("description", |cloud| cloud.logging().proof)
        ),
    })
    .collect()
}
