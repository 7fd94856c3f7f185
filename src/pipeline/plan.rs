//! The usage table into one plan for each principal: its disposition, its verified documents, or why there are none.

use super::fate::{fate, regrouped, width};
use super::former::{freed, fresh, still, unused};
use super::held;
use crate::aggregate::Usage;
use crate::cloud::{self, CLOUDS, Cloud, Subject};
use crate::config::{Minimums, Shaping};
use crate::coverage::{self, Coverage, doubt};
use crate::intent::Intent;
use crate::model::document::{DocumentKind, Layout, Loosening, Packing};
use crate::model::grant::{Grant, Granted};
use crate::model::identity::{Disposition, Held, PrincipalUse};
use crate::model::time::Day;
use crate::model::usage::{Outcome, Row};
use crate::previous::{Memory, Remembered};
use crate::synthesize::{self, Ctx, World, readiness};
use crate::verify::Verified;
use crate::verify::probe::Width;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What plans are made by.
#[derive(Clone, Debug, Default)]
pub struct Planning {
    /// Evidence that a document needs.
    pub minimums: Minimums,
    /// What people decided.
    pub intent: Intent,
    /// What a former run granted.
    pub memory: Memory,
    /// How names are treated.
    pub shaping: Shaping,
    /// How documents are attached.
    pub packing: Packing,
    /// Grants unused for more than so many days go.
    pub prune: Option<i32>,
    /// Whether what waits for a person is granted.
    pub accept_review: bool,
    /// Whether a part of the log could not be read.
    pub partial: bool,
    /// Whether limits of reach are made.
    pub boundaries: bool,
    /// Whether ready-made roles are looked for that could stand in place of the documents.
    pub alternatives: bool,
    /// Whether limits of reach for sets of principals are made.
    pub sets: bool,
    /// Files of such limits that hold already, each with its name without endings.
    pub bound: Vec<(String, String)>,
}

/// What came of one principal.
#[derive(Debug)]
pub enum Fate {
    /// Documents that passed.
    Written(Verified),
    /// Nothing to write: no grantable use, or no documents for its disposition.
    Nothing(String),
    /// It should have documents, but none can be written.
    Refused(String),
}

/// One principal with all that is decided about it.
#[derive(Debug)]
pub struct Plan<'u> {
    /// The principal, with what a former run saw of it.
    pub who: PrincipalUse,
    /// What becomes of it.
    pub disposition: Disposition,
    /// Folder name.
    pub slug: String,
    /// Account or project folder.
    pub account: String,
    /// Its own name.
    pub name: String,
    /// Why the evidence is too thin; empty when ready.
    pub reasons: Vec<String>,
    /// The same for files that are applied: in words that do not change from night to night.
    pub lasting: Vec<String>,
    /// Whether uses of it may never have been logged.
    pub doubted: bool,
    /// Its rows.
    pub rows: Vec<&'u Row>,
    /// Its grants, before packaging.
    pub grants: Vec<Grant>,
    /// What came of it.
    pub fate: Fate,
    /// What could be loosened, where its grants do not fit.
    pub loosenings: Vec<Loosening>,
    /// Why no ready-made roles stand beside its documents; none where they do, or nobody asked.
    pub no_alternative: Option<String>,
    /// What its documents allow beside what was seen.
    pub width: Width,
    /// Roles that it holds today, as policies among the input show.
    pub holds: Vec<Held>,
    /// Which of its grants no former run made.
    pub fresh: Vec<usize>,
    /// Which of its grants are wider than anybody declares by now.
    pub undeclared: Vec<usize>,
    /// What the log shows but is held back, as it would be granted.
    pub held: Vec<Grant>,
    /// What a former run held back, and nobody has decided on.
    pub waiting: Vec<Grant>,
    /// What grouping its statements anew would bring, where they have grown hard to read.
    pub regrouped: Option<String>,
    /// What a former run granted and this one does not, each with the reason.
    pub gone: Vec<(Grant, String)>,
    /// Grants of a former run that no longer stand.
    pub dropped: usize,
}

impl Plan<'_> {
    /// Rows held back for a person to decide.
    #[must_use]
    pub fn review(&self) -> Vec<&Row> {
        self.rows.iter().copied().filter(|row| is_held(row)).collect()
    }

    /// Uses that wait for a person, of this log and of former ones.
    #[must_use]
    pub fn waits(&self) -> usize {
        self.review().len() + self.waiting.len()
    }

    /// Uses withheld from learning.
    #[must_use]
    pub fn withheld(&self) -> u64 {
        self.rows.iter().filter(|row| row.outcome == Outcome::Withheld).map(|row| row.seen.count).sum()
    }

    /// Grants of a former run without a use in this one.
    #[must_use]
    pub fn ageing(&self) -> Vec<&Grant> {
        self.grants.iter().filter(|grant| unused(grant)).collect()
    }

    /// Its policies as a later run shall find them.
    #[must_use]
    pub fn layout(&self) -> Vec<Layout> {
        let Fate::Written(verified) = &self.fate else { return Vec::new() };
        let policies = verified.documents().iter().filter(|d| d.kind == DocumentKind::Policy);
        policies.map(|d| Layout { name: d.name.clone(), statements: d.statements.clone() }).collect()
    }

    /// `account/slug` below the cloud's folder.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("{}/{}/{}", self.who.cloud, self.account, self.slug)
    }
}

/// Whether any plan has documents.
#[must_use]
pub fn documented(plans: &[Plan<'_>]) -> bool {
    plans.iter().any(|plan| matches!(plan.fate, Fate::Written(_)))
}

/// Plans for all principals, sorted by cloud and id: those of the log, and those that are only remembered.
#[must_use]
pub fn plan<'u>(usage: &'u Usage, planning: &Planning) -> Vec<Plan<'u>> {
    let mut rows: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in &usage.rows {
        rows.entry(&row.principal).or_default().push(row);
    }
    let worlds: BTreeMap<&str, (World<'_>, Vec<&Row>)> = CLOUDS
        .iter()
        .map(|cloud| {
            let all = || usage.rows.iter().filter(|row| row.cloud == cloud.id());
            let granted = all().filter(|row| row.outcome.grants() && row.exempt.is_none()).collect();
            let beside = usage.bystanders.iter().filter(|one| one.cloud == cloud.id());
            (cloud.id(), (World::new(all(), *cloud).beside(beside), granted))
        })
        .collect();
    let coverage = coverage::assess(usage);
    let newest = usage.tally.newest().unwrap_or_default();
    let drafts: Vec<_> = named(usage, planning)
        .into_iter()
        .map(|named| {
            let rows = rows.remove(named.who.id.as_str()).unwrap_or_default();
            (named, rows)
        })
        .collect();
    let one = |(named, rows): (Named<'_>, Vec<&'u Row>)| {
        let (world, others) = worlds.get(named.who.cloud)?;
        let mut plan = one(named, rows, &Log { world, others, newest, coverage: &coverage }, planning);
        if !planning.partial {
            // What a part of the log does not show must not be taken away.
            plan.holds = held::held(usage, &plan.who);
        }
        Some(plan)
    };
    drafts.into_par_iter().with_max_len(1).filter_map(one).collect()
}

/// A principal with its place in the output.
struct Named<'m> {
    who: PrincipalUse,
    cloud: &'static dyn Cloud,
    account: String,
    name: String,
    slug: String,
    memory: Option<&'m Remembered>,
}

/// Who gets a plan, and where; folders of former runs are kept.
fn named<'m>(usage: &Usage, planning: &'m Planning) -> Vec<Named<'m>> {
    let memory = &planning.memory;
    let known: BTreeSet<(&str, &str)> =
        usage.principals.iter().map(|who| (who.cloud, who.id.as_str())).collect();
    let seen = usage.principals.iter().filter(|who| !who.id.is_empty()).cloned();
    let unseen =
        memory.all().map(|old| &old.who).filter(|who| !known.contains(&(who.cloud, who.id.as_str())));
    let mut all: Vec<PrincipalUse> = seen.chain(unseen.cloned()).collect();
    all.sort_by(|a, b| (a.cloud, &a.id).cmp(&(b.cloud, &b.id)));
    let place = |who: &PrincipalUse| {
        let (account, name) = cloud::by_id(who.cloud)?.place(&who.id, &who.home);
        Some((slug(&account), name.to_owned()))
    };
    let mut taken = BTreeSet::new();
    for old in memory.all() {
        let account = place(&old.who).map(|(account, _)| account).unwrap_or_default();
        taken.insert((old.who.cloud, account, old.slug.clone()));
    }
    let named = all.into_iter().filter_map(|who| {
        let cloud = cloud::by_id(who.cloud)?;
        let (account, name) = place(&who)?;
        let memory = memory.of(who.cloud, &who.id);
        let fresh =
            || unique(&slug(&name), |slug| taken.insert((who.cloud, account.clone(), slug.to_owned())));
        let slug = memory.map_or_else(fresh, |old| old.slug.clone());
        let who = memory.map_or_else(|| who.clone(), |old| who.clone().with(&old.who));
        Some(Named { who, cloud, account, name, slug, memory })
    });
    named.collect()
}

/// Whether a row waits for a person.
fn is_held(row: &Row) -> bool {
    row.exempt == Some("review") && row.outcome.grants()
}

/// The whole log, as one principal's plan needs it.
#[derive(Clone, Copy)]
struct Log<'l> {
    world: &'l World<'l>,
    others: &'l [&'l Row],
    newest: Day,
    coverage: &'l Coverage<'l>,
}

fn one<'u>(named: Named<'_>, rows: Vec<&'u Row>, log: &Log<'_>, planning: &Planning) -> Plan<'u> {
    let Log { world, others, newest, coverage } = *log;
    let Named { who, cloud, account, name, slug, memory } = named;
    let intent = &planning.intent;
    let disposition = if intent.is_break_glass(&who.id) {
        Disposition::BreakGlass
    } else {
        cloud.dispose(&who.id, who.kind)
    };
    let ctx = Ctx { cloud, who: &who.id, intent, world, memory: &[], freed: &[], shaping: &planning.shaping };
    let still = |old: &[Grant]| still(old, &rows, &ctx, planning.prune, newest);
    let (old, gone) = memory.map(|memory| still(&memory.grants)).unwrap_or_default();
    let dropped = gone.len();
    // What a former run held back, and what was let go since: by a flag, or by another session.
    let waiting = memory.map(|memory| still(&memory.review).0).unwrap_or_default();
    let (freed, mut waiting) = freed(waiting, &rows, cloud, planning.accept_review);
    let ctx = Ctx { memory: &old, freed: &freed, ..ctx };
    let grants = if disposition.documented() { synthesize::synthesize(&rows, &ctx) } else { Vec::new() };
    let held: Vec<&Row> = rows.iter().copied().filter(|row| is_held(row)).collect();
    let held = synthesize::held(&held, &ctx);
    let granted = Granted::of(&grants);
    let shown = Granted::of(&held);
    waiting.retain(|one| !granted.cover(one) && !shown.cover(one));
    let layout = memory.map_or(&[][..], |old| &old.layout);
    let subject = Subject { principal: &who.id, kind: who.kind, slug: &slug };
    let (mut loosenings, mut no_alternative) = (Vec::new(), None);
    let told = (&mut loosenings, &mut no_alternative);
    let fate = fate(cloud, &subject, disposition, &grants, &rows, (layout, &old), planning, told);
    let regrouped = regrouped(cloud, &subject, &fate, &grants, layout, planning);
    let width = width(cloud, &fate, &who, &rows, others);
    let minimums = if intent.is_ci(&who.id) { who.clone().declared_ci() } else { who.clone() };
    let shortfalls = readiness::shortfalls(&minimums, &planning.minimums);
    let doubts = doubt::doubts(coverage, &who.id);
    // What is not used in this log, this log cannot clear.
    let idle = rows.is_empty() || grants.iter().any(unused);
    let before = doubts.is_empty() && idle && memory.is_some_and(|old| old.doubted);
    let before = before.then(|| "uses of former runs may lack what was never logged".to_owned());
    let doubted = !doubts.is_empty() || before.is_some();
    let lasting =
        doubted.then(|| "calls of it may never have been logged; the manifest says which".to_owned());
    let lasting = shortfalls.iter().cloned().chain(lasting).collect();
    let reasons = shortfalls.into_iter().chain(doubts).chain(before).collect();
    // What is granted by now is not needed more, though it may be granted more narrowly.
    let fresh = fresh(&grants, memory.map_or(&[], |all| &all.grants));
    let gone = gone.into_iter().filter(|(old, _)| !granted.cover(old)).collect();
    let undeclared = (0..grants.len())
        .filter(|at| grants.get(*at).is_some_and(|grant| synthesize::undeclared(grant, &ctx)))
        .collect();
    Plan {
        who,
        disposition,
        slug,
        account,
        name,
        reasons,
        lasting,
        doubted,
        rows,
        grants,
        fate,
        loosenings,
        no_alternative,
        width,
        holds: Vec::new(),
        fresh,
        undeclared,
        held,
        waiting,
        regrouped,
        gone,
        dropped,
    }
}

/// `[a-z0-9-]`, at most 64 characters, never empty.
fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        if out.len() >= 64 {
            break;
        }
    }
    let out = out.trim_end_matches('-');
    if out.is_empty() { "unnamed".to_owned() } else { out.to_owned() }
}

fn unique(wanted: &str, mut take: impl FnMut(&str) -> bool) -> String {
    if take(wanted) {
        return wanted.to_owned();
    }
    let mut number = 2;
    loop {
        let next = format!("{wanted}-{number}");
        if take(&next) {
            return next;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_safe_and_unique() {
        assert_eq!(slug("Ana Example/../x"), "ana-example-x");
        assert_eq!(slug("жук"), "unnamed");
        let mut taken = BTreeSet::new();
        let mut next = || unique("a", |slug| taken.insert(slug.to_owned()));
        assert_eq!([next(), next(), next()], ["a", "a-2", "a-3"]);
    }
}
