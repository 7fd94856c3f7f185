//! Unused is not unlogged (semantics rule 8): which classes of calls the log shows, which are proven to be logged, and of
//! which nobody can tell.
//!
//! [`proof`] reads what is declared along the window; [`signs`] is what the log itself lets one suspect; [`doubt`] is what
//! both mean for one principal.

pub mod doubt;
pub mod gaps;
mod proof;
pub mod signs;

use crate::aggregate::Usage;
use crate::cloud;
use crate::model::coverage::{Access, Class, Declaration, Observations, Place, Plane};
use crate::model::time::Day;
use proof::Proof;
pub use signs::Sign;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a class of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The log has such records.
    Seen,
    /// It has none, and would have them.
    Logged,
    /// It has none, and nothing says that it would.
    Unknown,
}

impl State {
    /// The word scripts rely on.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Logged => "logged",
            Self::Unknown => "unknown",
        }
    }
}

/// The days of one account or project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Cloud.
    pub cloud: &'static str,
    /// Account or project.
    pub account: String,
    /// First day with a record.
    pub first: Day,
    /// Last day with a record.
    pub last: Day,
    /// Days between them without any record, as runs.
    pub gaps: Vec<(Day, Day)>,
}

impl Span {
    fn of(cloud: &'static str, account: &str, days: &BTreeSet<Day>) -> Option<Self> {
        let (first, last) = (*days.first()?, *days.last()?);
        let pairs = days.iter().zip(days.iter().skip(1));
        let gaps = pairs.filter(|(a, b)| b.0 - a.0 > 1).map(|(a, b)| (Day(a.0 + 1), Day(b.0 - 1)));
        Some(Self { cloud, account: account.to_owned(), first, last, gaps: gaps.collect() })
    }

    /// Days without a record.
    #[must_use]
    pub fn missing(&self) -> i32 {
        self.gaps.iter().map(|(from, to)| to.0 - from.0 + 1).sum()
    }
}

/// What the log covers.
#[derive(Clone, Debug, Default)]
pub struct Coverage<'u> {
    /// Days by account or project.
    pub spans: Vec<Span>,
    /// Every class of every service seen, by place.
    pub classes: BTreeMap<&'u Place, Vec<(Plane, Access, State)>>,
    /// What the log lets one suspect.
    pub signs: Vec<Sign>,
    /// What is declared.
    pub declared: Vec<&'u Declaration>,
    observed: Option<&'u Observations>,
    proof: Option<Proof<'u>>,
}

impl Coverage<'_> {
    /// What is known of a class; nothing of a service that was never seen there.
    #[must_use]
    pub fn state(&self, place: &Place, plane: Plane, access: Access) -> State {
        let all = self.classes.get(place).into_iter().flatten();
        let found = all.filter(|(p, a, _)| (*p, *a) == (plane, access)).map(|(.., state)| *state).next();
        found.unwrap_or(State::Unknown)
    }
}

/// What the records and the declarations beside them come to.
#[must_use]
pub fn assess(usage: &Usage) -> Coverage<'_> {
    let observed = &usage.observed;
    let spans: Vec<Span> =
        observed.days.iter().filter_map(|((cloud, account), days)| Span::of(cloud, account, days)).collect();
    let proof = Proof::new(observed, &spans);
    let seen = observed.classes.keys().map(|class| &class.place);
    let used = observed.uses.values().flatten();
    // Of what names no service, nothing can be told.
    let named = |place: &&Place| !place.service.is_empty();
    let places: BTreeSet<&Place> = seen.chain(observed.expected.keys()).chain(used).filter(named).collect();
    let classes = places.into_iter().map(|place| (place, states(observed, &proof, place)));
    let mut coverage = Coverage {
        classes: classes.collect(),
        signs: Vec::new(),
        declared: observed.declared.iter().collect(),
        spans,
        observed: Some(observed),
        proof: None,
    };
    coverage.signs = signs::signs(&coverage, observed, &proof);
    coverage.proof = Some(proof);
    coverage
}

fn states(observed: &Observations, proof: &Proof<'_>, place: &Place) -> Vec<(Plane, Access, State)> {
    let Some(cloud) = cloud::by_id(place.cloud) else { return Vec::new() };
    let one = |(plane, access): &(Plane, Access)| {
        let class = Class { place: place.clone(), plane: *plane, access: *access };
        let state = if observed.classes.contains_key(&class) {
            State::Seen
        } else if cloud.always(&place.service, *plane, *access) || proof.logged(&class) {
            State::Logged
        } else {
            State::Unknown
        };
        (*plane, *access, state)
    };
    let mut kinds = cloud.kinds(&place.service).to_vec();
    // A class that was seen exists, whatever the catalog knows of the service.
    let of = |plane, access| Class { place: place.clone(), plane, access };
    let whole = of(Plane::Management, Access::Read)..=of(Plane::Data, Access::Write);
    kinds.extend(observed.classes.range(whole).map(|(class, _)| (class.plane, class.access)));
    kinds.sort_unstable();
    kinds.dedup();
    kinds.iter().map(one).collect()
}
