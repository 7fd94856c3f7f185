//! What coverage means for one principal: which classes of what it uses nobody can tell of, in one line.

use super::signs::{NO_READS, is_missing};
use super::{Coverage, State};
use crate::cloud::{self, Cloud};
use crate::model::coverage::{Access, Class, Place, Plane};
use std::collections::{BTreeMap, BTreeSet};

/// Services that fit into a line.
const LISTED: usize = 6;

/// Kinds of calls by service.
type Kinds<'a> = BTreeMap<&'a str, BTreeSet<(Plane, Access)>>;

/// Why the evidence of a principal may lack uses that were never logged; empty when it does not.
#[must_use]
pub fn doubts(coverage: &Coverage<'_>, principal: &str) -> Vec<String> {
    let (Some(observed), Some(proof)) = (coverage.observed, &coverage.proof) else { return Vec::new() };
    let Some(places) = observed.uses.get(principal) else { return Vec::new() };
    let (mut unknown, mut described, mut exempt): (Kinds<'_>, bool, Kinds<'_>) = Default::default();
    let mut missing: BTreeSet<&str> = BTreeSet::new();
    for place in places.iter().filter(|place| !place.service.is_empty()) {
        if observed.expected.contains_key(place) && is_missing(coverage, observed, place) {
            missing.insert(&place.service);
            continue;
        }
        for (plane, access) in optional(place) {
            let class = Class { place: place.clone(), plane, access };
            if proof.exempt(&class).contains(principal) {
                exempt.entry(&place.service).or_default().insert((plane, access));
            } else if coverage.state(place, plane, access) == State::Unknown
                && (proof.described(&class) || !logged_elsewhere(coverage, &class))
            {
                unknown.entry(&place.service).or_default().insert((plane, access));
                described |= proof.described(&class);
            }
        }
    }
    let Some(cloud) = places.first().and_then(|place| cloud::by_id(place.cloud)) else { return Vec::new() };
    let logging = cloud.logging();
    let mut all = Vec::new();
    if !unknown.is_empty() {
        let why = if described {
            format!("by the {} they are not all logged", logging.proof)
        } else {
            format!("no {} proves that they are logged", logging.proof)
        };
        all.push(format!("{} of {} were not seen, and {why}", logging.optional, list(&unknown, cloud)));
    }
    if !exempt.is_empty() {
        all.push(format!("it is exempt from the {} of {}", logging.optional, list(&exempt, cloud)));
    }
    if !missing.is_empty() {
        let services: Vec<&str> = missing.into_iter().collect();
        all.push(format!("calls of {} are proven, but none is in the log", services.join(", ")));
    }
    all.extend(no_reads(coverage, places));
    all
}

/// Whether the account logs such calls of some service: somebody turned them on there, and may be taken to have meant it.
fn logged_elsewhere(coverage: &Coverage<'_>, class: &Class) -> bool {
    let (account, kind) = ((class.place.cloud, &class.place.account), (class.plane, class.access));
    let here = coverage.classes.iter().filter(|(place, _)| (place.cloud, &place.account) == account);
    here.flat_map(|(_, kinds)| kinds).any(|(p, a, state)| (*p, *a) == kind && *state == State::Seen)
}

/// The kinds of calls of a service that are logged only when told to.
fn optional(place: &Place) -> Vec<(Plane, Access)> {
    let Some(cloud) = cloud::by_id(place.cloud) else { return Vec::new() };
    let kinds = cloud.kinds(&place.service).iter().copied();
    kinds.filter(|(plane, access)| cloud.logging().asked_for(*plane, *access)).collect()
}

/// Services with the kinds that are meant, unless all are.
fn list(kinds: &Kinds<'_>, cloud: &dyn Cloud) -> String {
    let logging = cloud.logging();
    let one = |(service, kinds): (&&str, &BTreeSet<(Plane, Access)>)| {
        let all = cloud.kinds(service).iter().filter(|(plane, access)| logging.asked_for(*plane, *access));
        if all.into_iter().all(|kind| kinds.contains(kind)) {
            return (*service).to_owned();
        }
        let names: Vec<&str> = kinds.iter().map(|(plane, access)| (logging.name)(*plane, *access)).collect();
        format!("{service} ({})", names.join(", "))
    };
    let mut names: Vec<String> = kinds.iter().map(one).take(LISTED).collect();
    if kinds.len() > LISTED {
        names.push(format!("{} more", kinds.len() - LISTED));
    }
    names.join(", ")
}

fn no_reads(coverage: &Coverage<'_>, places: &BTreeSet<Place>) -> Option<String> {
    let signs = coverage.signs.iter().filter(|sign| sign.code == NO_READS);
    let of = |sign: &&super::Sign| places.iter().any(|p| p.cloud == sign.cloud && p.account == sign.account);
    let accounts: BTreeSet<&str> = signs.filter(of).map(|sign| sign.account.as_str()).collect();
    let accounts: Vec<&str> = accounts.into_iter().collect();
    (!accounts.is_empty()).then(|| format!("not one read is logged in {}", accounts.join(", ")))
}
