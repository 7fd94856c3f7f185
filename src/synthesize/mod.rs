//! Usage rows into grants, pass by pass.
//!
//! [`PASSES`] is the order; a pass is one file with one function. Passes that widen record what they did as a
//! [`Widening`](crate::model::grant::Widening) on the grants they touched, and ask [`World::strangers`] and [`Draft::refused`] first: no pattern may
//! take in a name that somebody else uses, or that is not to be learned.

mod conditions;
mod created;
mod freed;
mod keep;
mod keys;
mod loosen;
mod prefix;
mod qualify;
pub mod readiness;
mod remember;
mod seed;
mod tokens;
mod world;
mod writable;

pub use world::World;

use crate::cloud::Cloud;
use crate::config::Shaping;
use crate::intent::Intent;
use crate::model::grant::{Breadth, Grant, Granted, On};
use crate::model::pattern::Pattern;
use crate::model::usage::{Level, Outcome, Row};
use std::collections::{BTreeMap, BTreeSet};

/// What passes may ask.
pub struct Ctx<'a> {
    /// The cloud.
    pub cloud: &'a dyn Cloud,
    /// The principal.
    pub who: &'a str,
    /// What people decided.
    pub intent: &'a Intent,
    /// All names of the log.
    pub world: &'a World<'a>,
    /// What was granted before.
    pub memory: &'a [Grant],
    /// What was held back before, and is not any more.
    pub freed: &'a [Grant],
    /// How names are treated.
    pub shaping: &'a Shaping,
}

/// What passes work on.
#[derive(Default)]
pub struct Draft<'r> {
    /// The principal's rows that ask for a grant.
    pub rows: Vec<&'r Row>,
    /// Its uses that are not to be learned.
    pub withheld: Vec<&'r Row>,
    /// Names that it used, now or in a former run.
    pub own: BTreeSet<&'r str>,
    /// What a former run granted: it stays as it stands, unless something new takes it in.
    pub former: Granted<'r>,
    /// Grants so far, sorted.
    pub grants: Vec<Grant>,
}

/// A step from rows to grants.
pub type Pass = fn(&mut Draft<'_>, &Ctx<'_>);

/// All passes, in order.
pub const PASSES: [(&str, Pass); 12] = [
    ("seed", seed::seed),
    ("conditions", conditions::conditions),
    ("freed", freed::freed),
    ("created", created::created),
    ("keep", keep::keep),
    ("prefix", prefix::prefix),
    ("keys", keys::keys),
    ("tokens", tokens::tokens),
    ("qualify", qualify::qualify),
    ("writable", writable::writable),
    ("remember", remember::remember),
    ("loosen", loosen::loosen),
];

/// Whether a row asks for a grant: it was authorised, and nothing exempts it.
#[must_use]
pub fn asks(row: &Row) -> bool {
    row.outcome.grants() && row.exempt.is_none()
}

/// Whether a person's word widened the grant and the intent file does not say it any more, or names are to stay as they were
/// seen and it is wider.
#[must_use]
pub fn undeclared(grant: &Grant, ctx: &Ctx<'_>) -> bool {
    let made = |pass: &str| matches!(pass, "tokens" | "keys");
    let opened = ctx.shaping.exact && grant.widened.iter().any(|w| made(&w.pass));
    opened || prefix::undeclared(grant, ctx) || loosen::undeclared(grant, ctx)
}

/// The grants of a principal.
#[must_use]
pub fn synthesize(rows: &[&Row], ctx: &Ctx<'_>) -> Vec<Grant> {
    run(&PASSES, rows, ctx)
}

/// The grants that rows would make which wait for a person.
#[must_use]
pub fn held<'r>(rows: &[&'r Row], ctx: &Ctx<'r>) -> Vec<Grant> {
    let mut draft = Draft { rows: rows.to_vec(), ..Draft::default() };
    seed::seed(&mut draft, ctx);
    conditions::conditions(&mut draft, ctx);
    draft.grants
}

/// The grants that the rows alone make: nothing widened, nothing remembered, nothing decided.
#[must_use]
pub fn exact(rows: &[&Row], cloud: &dyn Cloud) -> Vec<Grant> {
    let (intent, world) = (Intent::default(), World::default());
    let shaping = Shaping { exact: true, ..Shaping::default() };
    let (memory, freed) = (&[][..], &[][..]);
    let ctx = Ctx { cloud, who: "", intent: &intent, world: &world, memory, freed, shaping: &shaping };
    synthesize(rows, &ctx)
}

/// The grants that some of the passes make: the tests hold every prefix of [`PASSES`] to the law of replay.
#[must_use]
pub fn run<'r>(passes: &[(&str, Pass)], rows: &[&'r Row], ctx: &Ctx<'r>) -> Vec<Grant> {
    let told = |row: &Row| matches!(row.target.level, Level::Named | Level::Partial);
    let used = rows.iter().filter(|row| row.outcome.grants() && told(row));
    let names = |grant: &'r Grant| if let On::Resource(pattern) = &grant.on { pattern.name() } else { None };
    let mut draft = Draft {
        own: used
            .map(|row| row.target.text.as_ref())
            .chain(ctx.memory.iter().chain(ctx.freed).filter_map(names))
            .chain(ctx.world.elsewhere(ctx.who))
            .collect(),
        withheld: rows.iter().copied().filter(|row| row.outcome == Outcome::Withheld).collect(),
        rows: rows.iter().copied().filter(|row| asks(row)).collect(),
        former: Granted::of(ctx.memory),
        grants: Vec::new(),
    };
    for (_, pass) in passes {
        pass(&mut draft, ctx);
    }
    draft.grants
}

/// What makes two grants one: scope, action, resource, conditions.
fn same(grant: &Grant) -> (&str, &str, &On, &BTreeMap<String, BTreeSet<String>>) {
    (&grant.scope, &grant.action, &grant.on, &grant.when)
}

impl Draft<'_> {
    /// What speaks against `action` on a pattern, whoever uses the names: a withheld use, or an entry that forbids it.
    fn refused(&self, ctx: &Ctx<'_>, action: &str, pattern: &Pattern) -> Option<String> {
        if let Some(never) = ctx.intent.forbids(ctx.who, action, Some(pattern)) {
            return Some(never.meta.name("never"));
        }
        let mut withheld = self.withheld.iter().filter(|row| *row.action == *action);
        // Joined object names stand for all that they could be.
        let hits = |row: &Row| match row.target.level {
            Level::Partial => pattern.overlaps(&Pattern::parse(&row.target.text)),
            _ => pattern.matches(&row.target.text),
        };
        withheld.find(|row| hits(row)).map(|row| row.target.text.to_string())
    }

    /// Joins grants that have become the same.
    fn join(&mut self) {
        self.grants.sort_by(|a, b| same(a).cmp(&same(b)));
        self.grants.dedup_by(|next, known| {
            let joins = same(next) == same(known);
            if joins {
                known.absorb(next);
            }
            joins
        });
    }
}

/// How wide a grant is.
#[must_use]
pub fn breadth(grant: &Grant, cloud: &dyn Cloud) -> Breadth {
    let On::Resource(pattern) = &grant.on else { return Breadth::Exact };
    let by = |pass: &str| grant.widened.iter().any(|w| w.pass == pass);
    if pattern.is_exact() {
        Breadth::Exact
    } else if cloud.whole_type(pattern) {
        Breadth::Type
    } else if by("prefix") || by("keys") || by("seed") || by("loosen") {
        Breadth::Prefix
    } else {
        Breadth::Token
    }
}
