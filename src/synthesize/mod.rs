//! Usage rows into grants, pass by pass.
//!
//! [`PASSES`] is the order; a pass is one file with one function. Passes that widen (names into patterns), that keep a
//! former output stable and that read the user's intent belong between `created` and `qualify`; each records what
//! it did as a [`Widening`](crate::model::grant::Widening) on the grants it touched.

mod conditions;
mod created;
mod qualify;
pub mod readiness;
mod seed;
mod writable;

use crate::cloud::Cloud;
use crate::model::grant::Grant;
use crate::model::usage::Row;

/// What passes work on.
pub struct Draft<'r> {
    /// The principal's rows that ask for a grant.
    pub rows: Vec<&'r Row>,
    /// Grants so far, sorted.
    pub grants: Vec<Grant>,
}

/// A step from rows to grants.
pub type Pass = fn(&mut Draft<'_>, &dyn Cloud);

/// All passes, in order.
pub const PASSES: [(&str, Pass); 5] = [
    ("seed", seed::seed),
    ("conditions", conditions::conditions),
    ("created", created::created),
    ("qualify", qualify::qualify),
    ("writable", writable::writable),
];

/// Whether a row asks for a grant: it was authorised, and nothing exempts it.
#[must_use]
pub fn asks(row: &Row) -> bool {
    row.outcome.grants() && row.exempt.is_none()
}

/// The grants that a principal's rows prove.
#[must_use]
pub fn synthesize(rows: &[&Row], cloud: &dyn Cloud) -> Vec<Grant> {
    run(&PASSES, rows, cloud)
}

/// The grants that some of the passes make: the tests hold every prefix of [`PASSES`] to the law of replay.
#[must_use]
pub fn run(passes: &[(&str, Pass)], rows: &[&Row], cloud: &dyn Cloud) -> Vec<Grant> {
    let rows = rows.iter().copied().filter(|row| asks(row)).collect();
    let mut draft = Draft { rows, grants: Vec::new() };
    for (_, pass) in passes {
        pass(&mut draft, cloud);
    }
    draft.grants
}
