//! What becomes of one principal's grants: documents that passed, or why there are none and what would help.

use super::plan::{Fate, Planning};
use crate::cloud::{Cloud, Reach, Subject};
use crate::model::document::{Document, DocumentKind, Layout, Loosening};
use crate::model::grant::{Grant, Granted, On};
use crate::model::identity::{Disposition, Kind, PrincipalUse};
use crate::model::pattern::Pattern;
use crate::model::usage::Row;
use crate::verify;
use crate::verify::probe::{self, Width};
use std::collections::BTreeMap;

#[expect(clippy::too_many_arguments, reason = "everything that decides one principal's fate")]
pub(super) fn fate(
    cloud: &dyn Cloud,
    who: &Subject<'_>,
    disposition: Disposition,
    grants: &[Grant],
    rows: &[&Row],
    (layout, old): (&[Layout], &[Grant]),
    planning: &Planning,
    (loosenings, no_alternative): (&mut Vec<Loosening>, &mut Option<String>),
) -> Fate {
    if !disposition.documented() {
        return Fate::Nothing(why_not(disposition, who.kind).to_owned());
    }
    if grants.is_empty() {
        let held = rows.iter().any(|row| row.exempt == Some("review") && row.outcome.grants());
        let why =
            if held { "all that asks for a grant waits for review" } else { "no use that asks for a grant" };
        return Fate::Nothing(why.to_owned());
    }
    let grants = needed(grants);
    let mut documents = match cloud.package(who, &grants, layout, &planning.packing) {
        Ok(documents) => documents,
        Err(why) => {
            *loosenings = table(cloud, who, &grants);
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
    let old = Granted::of(old);
    let kept = |row: &Row| planning.intent.keeps(row) || old.cover_use(row);
    if let Some(instead) = planning.alternatives.then(|| cloud.alternatives(who, &grants)).flatten() {
        let together = |instead| [documents.clone(), instead].concat();
        match instead.map_err(|why| why.to_string()).and_then(|instead| {
            verify::verify(cloud, together(instead), rows, &kept).map_err(|why| why.to_string())
        }) {
            Ok(verified) => return Fate::Written(verified),
            Err(why) => *no_alternative = Some(why),
        }
    }
    match verify::verify(cloud, documents, rows, &kept) {
        Ok(verified) => Fate::Written(verified),
        Err(why) => Fate::Refused(why.to_string()),
    }
}

/// More statements than these are hard to read (semantics rule 17).
const READABLE: usize = 15;

/// Tells where policies have grown hard to read, and grouped anew would have fewer statements.
pub(super) fn regrouped(
    cloud: &dyn Cloud,
    who: &Subject<'_>,
    fate: &Fate,
    grants: &[Grant],
    layout: &[Layout],
    planning: &Planning,
) -> Option<String> {
    let Fate::Written(verified) = fate else { return None };
    let count = |documents: &[Document]| -> usize {
        let policies = documents.iter().filter(|document| document.kind == DocumentKind::Policy);
        policies.map(|document| document.statements.len()).sum()
    };
    let now = count(verified.documents());
    if layout.is_empty() || now <= READABLE {
        return None;
    }
    let anew = cloud.package(who, &needed(grants), &[], &planning.packing).ok()?;
    let anew = Some(count(&anew)).filter(|anew| *anew < now)?;
    Some(format!("has come to {now} statements over time: `--regroup` makes them {anew}"))
}

/// The grants without those that another covers: their evidence is kept, but they need no line.
fn needed(grants: &[Grant]) -> Vec<Grant> {
    let wide: Vec<&Grant> = grants
        .iter()
        .filter(|grant| matches!(&grant.on, On::Resource(pattern) if !pattern.is_exact()))
        .collect();
    let covered = |grant: &Grant| {
        wide.iter().any(|other| other.on != grant.on && other.covers(grant) && !grant.covers(other))
    };
    grants.iter().filter(|grant| !covered(grant)).cloned().collect()
}

/// What could be loosened, by characters saved.
fn table(cloud: &dyn Cloud, who: &Subject<'_>, grants: &[Grant]) -> Vec<Loosening> {
    let mut weigh = cloud.scales(who, grants);
    let steps = cloud.loosenings(grants);
    let now = if steps.is_empty() { 0 } else { weigh(&BTreeMap::new()) };
    let steps = steps.into_iter().map(|step| {
        let opened: BTreeMap<usize, Pattern> = step.opened.into_iter().collect();
        Loosening { saves: now.saturating_sub(weigh(&opened)), step: step.name, breadth: step.breadth }
    });
    let mut all: Vec<Loosening> = steps.filter(|loosening| loosening.saves > 0).collect();
    all.sort_by(|a, b| b.saves.cmp(&a.saves).then_with(|| a.step.cmp(&b.step)));
    all
}

pub(super) fn width(
    cloud: &dyn Cloud,
    fate: &Fate,
    who: &PrincipalUse,
    rows: &[&Row],
    others: &[&Row],
) -> Width {
    let Fate::Written(verified) = fate else { return Width::default() };
    let policies = verified.documents().iter().filter(|d| d.kind == DocumentKind::Policy);
    let texts: Vec<String> = policies.map(|d| d.text.clone()).collect();
    let Ok(evaluator) = cloud.evaluator(&texts) else { return Width::default() };
    let own: Vec<&Row> = rows.iter().copied().filter(|row| row.outcome.grants()).collect();
    let others: Vec<&Row> = others.iter().copied().filter(|row| *row.principal != *who.id).collect();
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
