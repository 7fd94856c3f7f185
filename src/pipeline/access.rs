//! Access boundaries: what is wanted for sets of principals, checked against everything their principals used.

use super::plan::Planning;
use crate::aggregate::Usage;
use crate::cloud::{CLOUDS, Cloud};
use crate::model::access_boundary::{AccessBoundary, Shown, Wanted};
use crate::model::tally::Skip;
use crate::model::usage::Row;
use crate::verify::{self, Verified};
use std::collections::BTreeSet;

/// What came of one that was wanted.
#[derive(Debug)]
pub struct Bounded<'u> {
    /// What was wanted.
    pub wanted: Wanted,
    /// Which entry of the intent file says so; none: it is the default.
    pub entry: Option<String>,
    /// The cloud.
    pub cloud: &'static str,
    /// The boundary, or why there is none.
    pub fate: Result<Limited<'u>, String>,
}

/// A boundary that does what it says.
#[derive(Debug)]
pub struct Limited<'u> {
    /// The boundary.
    pub boundary: AccessBoundary<'u>,
    /// Its document, verified.
    pub verified: Verified,
    /// Uses that would be refused.
    pub lost: Vec<&'u Row>,
    /// Uses that it refuses but that another bound policy gives.
    pub given: Vec<&'u Row>,
    /// Why it is not to be applied as it is; empty when it is.
    pub doubts: Vec<String>,
}

/// All that are wanted.
#[must_use]
pub fn access_boundaries<'u>(usage: &'u Usage, planning: &Planning) -> Vec<Bounded<'u>> {
    if !planning.sets {
        return Vec::new();
    }
    let entries = planning.intent.access_boundary.iter();
    let mut wanted: Vec<(Wanted, Option<String>)> =
        entries.map(|one| (one.wanted.clone(), Some(one.meta.name("access_boundary")))).collect();
    if wanted.is_empty() {
        wanted.push((Wanted::default(), None));
    }
    let clouds = CLOUDS.iter().filter(|cloud| cloud.boundable(&Wanted::default()).is_some());
    let here = clouds.filter(|cloud| usage.rows.iter().any(|row| row.cloud == cloud.id()));
    let all = here.flat_map(|cloud| {
        wanted.iter().map(|(wanted, entry)| Bounded {
            wanted: wanted.clone(),
            entry: entry.clone(),
            cloud: cloud.id(),
            fate: limited(*cloud, wanted, usage, planning),
        })
    });
    all.collect()
}

fn limited<'u>(
    cloud: &dyn Cloud,
    wanted: &Wanted,
    usage: &'u Usage,
    planning: &Planning,
) -> Result<Limited<'u>, String> {
    let rows: Vec<&'u Row> = usage.rows.iter().filter(|row| row.cloud == cloud.id()).collect();
    let within = usage.observed.within(cloud.id());
    let bound = if planning.bound.is_empty() { Vec::new() } else { cloud.documents(&planning.bound)? };
    let shown = Shown { rows: &rows, within: &within, bound: &bound };
    let boundary = cloud.access_boundary(wanted, &shown).map_err(|why| why.to_string())?;
    let mut boundary = boundary.ok_or("this cloud has no access boundaries")?;
    let used = |row: &&&Row| row.outcome.grants() && row.exempt != Some("never") && !row.principal.is_empty();
    let used: Vec<&'u Row> = rows.iter().filter(used).copied().collect();
    let outside: BTreeSet<*const Row> = boundary
        .outside
        .iter()
        .filter(|one| one.since.is_some_and(|since| since <= boundary.version))
        .map(|one| std::ptr::from_ref(one.row))
        .collect();
    let says = |row: &Row| outside.contains(&std::ptr::from_ref(row));
    let places = std::slice::from_ref(&boundary.places);
    let document = boundary.document.clone();
    let verified = verify::limit(cloud, document, places, &used, &says).map_err(|why| why.to_string())?;
    let together = [&bound[..], places, std::slice::from_ref(&boundary.document.text)].concat();
    let together = cloud.evaluator(&together)?;
    let blocked = used.into_iter().filter(|row| says(row));
    let (given, lost): (Vec<&Row>, Vec<&Row>) = blocked.partition(|row| together.allows(row));
    let mut doubts = doubts(usage, planning, &lost);
    doubts.extend(unplaced(wanted, &boundary));
    boundary.outside.sort_by(|a, b| a.row.cmp(b.row));
    Ok(Limited { boundary, verified, lost, given, doubts })
}

/// What a tight boundary leaves out because nothing places it, though no version blocks it today.
fn unplaced(wanted: &Wanted, boundary: &AccessBoundary<'_>) -> Option<String> {
    let unknown = boundary.outside.iter().filter(|one| {
        let blocked = one.since.is_some_and(|since| since <= boundary.version);
        wanted.tight && !blocked && one.organization.is_none() && !one.row.scope.starts_with("organizations/")
    });
    let places: BTreeSet<&str> = unknown.map(|one| &*one.row.scope).filter(|at| !at.is_empty()).collect();
    (!places.is_empty()).then(|| {
        format!(
            "nothing says where {} lies, which was used: the boundary leaves it out",
            places.into_iter().collect::<Vec<_>>().join(", ")
        )
    })
}

/// Why it cannot be applied as it is.
fn doubts(usage: &Usage, planning: &Planning, lost: &[&Row]) -> Vec<String> {
    let mut all = Vec::new();
    if !lost.is_empty() {
        let uses: u64 = lost.iter().map(|row| row.seen.count).sum();
        all.push(format!(
            "{uses} uses that the log shows would be refused: `allow` the places, or `exempt` the principals, under \
             [[access_boundary]]; where they lie in the organization, give what `gcloud projects list --format=json` prints as \
             INPUT"
        ));
    }
    if planning.partial {
        all.push("a part of the input could not be read: it may show more use".to_owned());
    }
    if usage.tally.total_skipped().get(&Skip::Filtered).is_some_and(|count| *count > 0) {
        all.push(
            "a part of the log was filtered out: a boundary holds for principals of that part too".to_owned(),
        );
    }
    all
}
