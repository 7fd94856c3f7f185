//! The usage table into one plan for each principal: its disposition, its verified documents, or why there are none.

use crate::aggregate::Usage;
use crate::cloud::{self, CLOUDS, Cloud, Reach, Subject};
use crate::config::{Minimums, Shaping};
use crate::coverage::{self, Coverage, doubt};
use crate::intent::Intent;
use crate::model::document::{DocumentKind, DoesNotFit, Layout, Loosening, Packing};
use crate::model::grant::Grant;
use crate::model::identity::{Disposition, Kind, PrincipalUse};
use crate::model::time::Day;
use crate::model::usage::{Outcome, Row};
use crate::previous::{Memory, Remembered};
use crate::synthesize::{self, Ctx, World, readiness};
use crate::verify::probe::{self, Width};
use crate::verify::{self, Verified};
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
    /// Whether limits of reach are made.
    pub boundaries: bool,
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
    /// Its rows.
    pub rows: Vec<&'u Row>,
    /// Its grants, before packaging.
    pub grants: Vec<Grant>,
    /// What came of it.
    pub fate: Fate,
    /// What could be loosened, where its grants do not fit.
    pub loosenings: Vec<Loosening>,
    /// What its documents allow beside what was seen.
    pub width: Width,
    /// Which of its grants no former run made.
    pub fresh: Vec<usize>,
    /// Grants of a former run that no longer stand.
    pub dropped: usize,
}

impl Plan<'_> {
    /// Rows held back for a person to decide.
    #[must_use]
    pub fn review(&self) -> Vec<&Row> {
        let held = |row: &&&Row| row.exempt == Some("review") && row.outcome.grants();
        self.rows.iter().filter(held).copied().collect()
    }

    /// Uses withheld from learning.
    #[must_use]
    pub fn withheld(&self) -> u64 {
        self.rows.iter().filter(|row| row.outcome == Outcome::Withheld).map(|row| row.seen.count).sum()
    }

    /// Grants of a former run without a use in this one.
    #[must_use]
    pub fn ageing(&self) -> Vec<&Grant> {
        let unused = |grant: &&Grant| {
            let evidence = &grant.evidence;
            evidence.seen.count == 0 && evidence.rules.iter().any(|rule| rule != Grant::KEPT)
        };
        self.grants.iter().filter(unused).collect()
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
            (cloud.id(), (World::new(all()), granted))
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
        Some(one(named, rows, &Log { world, others, newest, coverage: &coverage }, planning))
    };
    drafts.into_par_iter().filter_map(one).collect()
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
    let old = memory.map(|old| still(old, &rows, intent, planning.prune, newest)).unwrap_or_default();
    let dropped = memory.map_or(0, |all| all.grants.len() - old.len());
    let ctx = Ctx { cloud, who: &who.id, intent, world, memory: &old, shaping: &planning.shaping };
    let grants = if disposition.documented() { synthesize::synthesize(&rows, &ctx) } else { Vec::new() };
    let layout = memory.map_or(&[][..], |old| &old.layout);
    let subject = Subject { principal: &who.id, kind: who.kind, slug: &slug };
    let mut loosenings = Vec::new();
    let fate = fate(cloud, &subject, disposition, &grants, &rows, layout, planning, &mut loosenings);
    let width = width(cloud, &fate, &who, &rows, others);
    let minimums = if intent.is_ci(&who.id) { who.clone().declared_ci() } else { who.clone() };
    let mut reasons = readiness::shortfalls(&minimums, &planning.minimums);
    reasons.extend(doubt::doubts(coverage, &who.id));
    let fresh = fresh(&grants, &old);
    Plan {
        who,
        disposition,
        slug,
        account,
        name,
        reasons,
        rows,
        grants,
        fate,
        loosenings,
        width,
        fresh,
        dropped,
    }
}

/// Grants of a former run that still hold: not forbidden since, not learned from what is now excluded, not pruned.
fn still(old: &Remembered, rows: &[&Row], intent: &Intent, prune: Option<i32>, newest: Day) -> Vec<Grant> {
    use crate::model::grant::On;
    let covers = |grant: &Grant, row: &Row| {
        let on = match &grant.on {
            On::Service => row.target.text.is_empty(),
            On::Resource(pattern) => pattern.matches(&row.target.text),
        };
        on && grant.action == row.action && grant.scope == row.scope
    };
    let holds = |grant: &&Grant| {
        let on = match &grant.on {
            On::Service => None,
            On::Resource(pattern) => Some(pattern),
        };
        let forbidden = intent.forbids(&old.who.id, &grant.action, on).is_some();
        let asked = rows.iter().any(|row| synthesize::asks(row) && covers(grant, row));
        let withheld = rows.iter().any(|row| row.outcome == Outcome::Withheld && covers(grant, row));
        let last = grant.evidence.seen.last.day();
        let stale =
            prune.is_some_and(|days| last.known().is_some() && last.0 < newest.0.saturating_sub(days));
        !forbidden && (asked || !(withheld || stale))
    };
    old.grants.iter().filter(holds).cloned().collect()
}

/// Grants that a former run did not make: what the principal needs more.
fn fresh(grants: &[Grant], old: &[Grant]) -> Vec<usize> {
    let known = |grant: &Grant| old.iter().any(|old| old.covers(grant));
    grants.iter().enumerate().filter(|(_, grant)| !known(grant)).map(|(at, _)| at).collect()
}

#[expect(clippy::too_many_arguments, reason = "everything that decides one principal's fate")]
fn fate(
    cloud: &dyn Cloud,
    who: &Subject<'_>,
    disposition: Disposition,
    grants: &[Grant],
    rows: &[&Row],
    layout: &[Layout],
    planning: &Planning,
    loosenings: &mut Vec<Loosening>,
) -> Fate {
    if !disposition.documented() {
        return Fate::Nothing(why_not(disposition, who.kind).to_owned());
    }
    if grants.is_empty() {
        return Fate::Nothing("no use that asks for a grant".to_owned());
    }
    let mut documents = match cloud.package(who, grants, layout, &planning.packing) {
        Ok(documents) => documents,
        Err(why) => {
            *loosenings = table(cloud, who, grants);
            return Fate::Refused(why.to_string());
        }
    };
    if planning.boundaries {
        let declared = planning.intent.prefix.iter().filter(|entry| entry.is_for(who.principal));
        let stacks = planning.shaping.stacks.iter().map(|stack| format!("{}-", stack.trim_end_matches('-')));
        let prefixes: Vec<String> = declared.map(|entry| entry.value.clone()).chain(stacks).collect();
        let used: Vec<&str> = rows.iter().filter(|r| r.outcome.shows_use()).map(|r| &*r.action).collect();
        match cloud.boundary(who, &documents, Reach { prefixes: &prefixes, used: &used }) {
            Ok(boundary) => documents.extend(boundary),
            Err(why) => return Fate::Refused(why.to_string()),
        }
    }
    let kept = |row: &Row| planning.intent.keep.iter().any(|entry| entry.covers(row));
    match verify::verify(cloud, documents, rows, &kept) {
        Ok(verified) => Fate::Written(verified),
        Err(why) => Fate::Refused(why.to_string()),
    }
}

/// What could be loosened, by characters saved.
fn table(cloud: &dyn Cloud, who: &Subject<'_>, grants: &[Grant]) -> Vec<Loosening> {
    use crate::model::grant::On;
    let anywhere = Packing { attachments: usize::MAX, free: 0, inline: false };
    let size = |grants: &[Grant]| match cloud.package(who, grants, &[], &anywhere) {
        Ok(documents) => documents.iter().map(|d| d.size.0).sum(),
        Err(DoesNotFit { .. }) => usize::MAX,
    };
    let now = size(grants);
    let steps = cloud.loosenings(grants).into_iter().map(|(step, breadth)| {
        let mut after: BTreeMap<(String, String, On), Grant> = BTreeMap::new();
        for grant in grants {
            let mut grant = grant.clone();
            if let Some(pattern) = cloud.loosened(&grant, &step) {
                grant.on = On::Resource(pattern);
            }
            after.insert((grant.action.clone(), grant.scope.clone(), grant.on.clone()), grant);
        }
        let after: Vec<Grant> = after.into_values().collect();
        Loosening { saves: now.saturating_sub(size(&after)), step, breadth }
    });
    let mut all: Vec<Loosening> = steps.filter(|loosening| loosening.saves > 0).collect();
    all.sort_by(|a, b| b.saves.cmp(&a.saves).then_with(|| a.step.cmp(&b.step)));
    all
}

fn width(cloud: &dyn Cloud, fate: &Fate, who: &PrincipalUse, rows: &[&Row], others: &[&Row]) -> Width {
    let Fate::Written(verified) = fate else { return Width::default() };
    let policies = verified.documents().iter().filter(|d| d.kind == DocumentKind::Policy);
    let texts: Vec<String> = policies.map(|d| d.text.clone()).collect();
    let Ok(evaluator) = cloud.evaluator(&texts) else { return Width::default() };
    let own: Vec<&Row> = rows.iter().copied().filter(|row| row.outcome.grants()).collect();
    let others: Vec<&Row> = others.iter().copied().filter(|row| row.principal != who.id).collect();
    probe::width(evaluator.as_ref(), &who.id, &own, &others)
}

fn why_not(disposition: Disposition, kind: Kind) -> &'static str {
    match (disposition, kind) {
        (Disposition::ReportOnly, Kind::Root) => "root has no policies: stop using it",
        (Disposition::ReportOnly, Kind::User) => {
            "people on Google Cloud get access through groups, not bindings of their own"
        }
        (Disposition::ReportOnly, _) => "nothing can be attached to it",
        (Disposition::BreakGlass, _) => "for emergencies: each use is a finding",
        (Disposition::External, _) => "belongs to another account, whose own trail decides",
        (Disposition::Infrastructure, _) => "belongs to the platform",
        _ => "",
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
