//! What a worker learned, as the tables of a segment.

use super::super::collapse::Family;
use super::super::intern::{Interner, Sym};
use super::super::observe::{Sight, Sighted};
use super::super::{Shard, denials};
use super::recorder::{Part, Recorder};
use super::table::{Builder, FACT_TEXTS, Measure, ROW_TEXTS};
use super::{StoreError, declared, index, known, text};
use crate::model::time::Day;
use crate::model::usage::Seen;
use polars::prelude::DataFrame;

/// Kinds of facts. A kind that an older program does not know makes a new format.
pub(super) mod kind {
    pub(in crate::aggregate::store) const USED: &str = "used";
    pub(in crate::aggregate::store) const SKIPPED: &str = "skipped";
    pub(in crate::aggregate::store) const TALLY: &str = "tally";
    pub(in crate::aggregate::store) const UNREADABLE: &str = "unreadable";
    pub(in crate::aggregate::store) const UNMAPPED: &str = "unmapped";
    pub(in crate::aggregate::store) const WITHHELD: &str = "withheld";
    pub(in crate::aggregate::store) const PRINCIPAL: &str = "principal";
    pub(in crate::aggregate::store) const SEEN: &str = "seen";
    pub(in crate::aggregate::store) const SESSION: &str = "session";
    pub(in crate::aggregate::store) const SENSITIVE: &str = "sensitive";
    pub(in crate::aggregate::store) const LINK: &str = "link";
    pub(in crate::aggregate::store) const LEADS: &str = "leads";
    pub(in crate::aggregate::store) const WAITS: &str = "waits";
    pub(in crate::aggregate::store) const REFUSED: &str = "refused";
    pub(in crate::aggregate::store) const REFUSED_FAMILY: &str = "refused-family";
    pub(in crate::aggregate::store) const FAMILY: &str = "family";
    pub(in crate::aggregate::store) const HOLDS: &str = "holds";
    pub(in crate::aggregate::store) const STANDS: &str = "stands";
    pub(in crate::aggregate::store) const SIGHTED: &str = "sighted";
    pub(in crate::aggregate::store) const CALLED: &str = "called";
    pub(in crate::aggregate::store) const DECLARED: &str = "declared";
}

/// Names of counters without a day.
pub(super) mod counter {
    pub(in crate::aggregate::store) const DUPLICATE: &str = "duplicate";
    pub(in crate::aggregate::store) const MALFORMED: &str = "malformed";
    pub(in crate::aggregate::store) const FILES: &str = "files";
    pub(in crate::aggregate::store) const BYTES: &str = "bytes";
}

/// What stands in `c` of a family that is taken whole.
pub(super) const WHOLE: &str = "*";

/// One fact before it is a line.
#[derive(Default)]
struct Fact<'a> {
    kind: &'static str,
    day: Option<i32>,
    principal: &'a str,
    a: &'a str,
    b: &'a str,
    c: &'a str,
    number: u64,
    measure: Measure,
}

/// The facts of one place.
struct Facts<'b, 'p> {
    out: &'b mut Builder,
    place: [&'p str; 3],
}

impl Facts<'_, '_> {
    fn push(&mut self, fact: &Fact<'_>) {
        let [cloud, account, region] = self.place;
        let texts = [fact.kind, cloud, account, region, fact.principal, fact.a, fact.b, fact.c];
        self.out.push(fact.day, &texts, fact.number, fact.measure.clone());
    }

    fn count(&mut self, kind: &'static str, day: Option<i32>, a: &str, count: u64) {
        self.push(&Fact { kind, day, a, measure: counted(count), ..Fact::default() });
    }

    fn family(&mut self, fact: &Fact<'_>, family: &Family) {
        match family {
            // The rows name them all.
            Family::Exact(_) => {}
            Family::Prefixes(names) => {
                for name in names {
                    let Fact { kind, principal, a, b, number, .. } = *fact;
                    self.push(&Fact {
                        kind,
                        principal,
                        a,
                        b,
                        c: name,
                        number: number * 2,
                        ..Fact::default()
                    });
                }
            }
            Family::Whole => {
                let Fact { kind, principal, a, b, number, .. } = *fact;
                self.push(&Fact {
                    kind,
                    principal,
                    a,
                    b,
                    c: WHOLE,
                    number: number * 2 + 1,
                    ..Fact::default()
                });
            }
        }
    }
}

fn counted(count: u64) -> Measure {
    Measure { count, ..Measure::default() }
}

fn measured(seen: &Seen) -> Measure {
    Measure {
        count: seen.count,
        first: text::time_cell(seen.first),
        last: text::time_cell(seen.last),
        sample: Some(text::sample_cell(&seen.sample)),
    }
}

/// Rows, facts and records of a worker; lines with the same keys are not joined yet.
pub(super) fn tables(recorder: Recorder) -> Result<(DataFrame, DataFrame, DataFrame), StoreError> {
    let (mut rows, mut facts) = (Builder::new(&ROW_TEXTS), Builder::new(&FACT_TEXTS));
    whole(&recorder.whole, &mut Facts { out: &mut facts, place: ["", "", ""] });
    for part in &recorder.parts {
        table(part, &mut rows);
        let facts = &mut Facts { out: &mut facts, place: [part.cloud, &part.account, &part.region] };
        names(&part.shard, facts);
        actors(part, facts);
        refusals(&part.shard, facts);
        logged(&part.shard, facts);
        let excludes: Vec<String> = recorder.rules.intent.exclude.iter().map(index::selects).collect();
        part.withheld.iter().for_each(|((who, entry, day), count)| {
            let a = excludes.get(*entry).map_or("", String::as_str);
            let principal = part.shard.texts.text(*who);
            let (kind, day) = (kind::WITHHELD, text::day_cell(*day));
            facts.push(&Fact { kind, day, principal, a, measure: counted(*count), ..Fact::default() });
        });
    }
    Ok((rows.finish()?, facts.finish()?, known::table(recorder.events)?))
}

/// The usage table.
fn table(part: &Part, rows: &mut Builder) {
    let texts = &part.shard.texts;
    part.shard.rows.iter().for_each(|(key, seen)| {
        let cells = [
            texts.text(key.cloud),
            texts.text(key.principal),
            texts.text(key.action),
            key.level.as_str(),
            texts.text(key.target),
            texts.text(key.family),
            texts.text(key.scope),
            texts.text(key.context),
            key.outcome.as_str(),
            key.basis.as_str(),
            texts.text(key.via),
            texts.text(key.rule),
            texts.text(key.exempt),
            &part.account,
            &part.region,
        ];
        rows.push(text::day_cell(key.day), &cells, 0, measured(seen));
    });
}

/// What belongs to no account.
fn whole(shard: &Shard, facts: &mut Facts<'_, '_>) {
    let tally = &shard.tally;
    for (day, counts) in &tally.days {
        let day = day.and_then(text::day_cell);
        for (why, count) in &counts.skipped {
            facts.count(kind::SKIPPED, day, why.as_str(), *count);
        }
    }
    for (name, count) in [
        (counter::DUPLICATE, tally.duplicate),
        (counter::MALFORMED, tally.malformed),
        (counter::FILES, tally.files),
        (counter::BYTES, tally.bytes),
    ] {
        facts.count(kind::TALLY, None, name, count);
    }
    for one in &tally.unreadable {
        facts.push(&Fact { kind: kind::UNREADABLE, a: &one.path, b: &one.why, ..Fact::default() });
    }
    shard.unmapped.iter().for_each(|(what, count)| {
        facts.count(kind::UNMAPPED, None, shard.texts.text(*what), *count);
    });
    shard.links.iter().for_each(|(who, vouched)| {
        let (principal, number) = (shard.texts.text(*who), u64::from(vouched.0));
        facts.push(&Fact { kind: kind::LINK, principal, number, ..Fact::default() });
    });
    for (holder, answers) in &shard.holdings.0 {
        for answer in answers {
            let names = serde_json::to_string(&answer.names).unwrap_or_default();
            let number = u64::from(answer.sure);
            facts.push(&Fact { kind: kind::HOLDS, a: holder, b: &names, number, ..Fact::default() });
        }
    }
    for (cloud, name) in shard.bystanders.standing() {
        facts.push(&Fact { kind: kind::STANDS, a: cloud, b: name, ..Fact::default() });
    }
    for declaration in &shard.observer.declared {
        let cell = declared::cell(declaration);
        facts.push(&Fact { kind: kind::DECLARED, a: declaration.cloud, b: &cell, ..Fact::default() });
    }
}

/// Families of object names that are no longer kept apart.
fn names(shard: &Shard, facts: &mut Facts<'_, '_>) {
    let text = |sym: Sym| shard.texts.text(sym);
    shard.families.iter().for_each(|((who, action, family, class), names)| {
        let number = text::class_cell(*class);
        let (kind, principal, a, b) = (kind::FAMILY, text(*who), text(*action), text(*family));
        facts.family(&Fact { kind, principal, a, b, number, ..Fact::default() }, names);
    });
}

/// Who acted, when and in which sessions.
fn actors(part: &Part, facts: &mut Facts<'_, '_>) {
    let shard = &part.shard;
    let text = |sym: Sym| shard.texts.text(sym);
    let day = |day: Day| text::day_cell(day);
    shard.principals.iter().for_each(|(who, known)| {
        let (principal, a, b) = (text(*who), known.kind.as_str(), text(known.home));
        let number = u64::from(known.vouched.0);
        facts.push(&Fact { kind: kind::PRINCIPAL, principal, a, b, number, ..Fact::default() });
    });
    part.used.iter().for_each(|((who, of), count)| {
        let (kind, principal) = (kind::USED, text(*who));
        facts.push(&Fact { kind, day: day(*of), principal, measure: counted(*count), ..Fact::default() });
    });
    shard.days.iter().for_each(|((who, of), count)| {
        let (kind, principal) = (kind::SEEN, text(*who));
        facts.push(&Fact { kind, day: day(*of), principal, measure: counted(*count), ..Fact::default() });
    });
    part.sessions.iter().for_each(|((who, session, of), (first, last))| {
        let measure =
            Measure { first: text::time_cell(*first), last: text::time_cell(*last), ..Measure::default() };
        let (kind, principal, day) = (kind::SESSION, text(*who), day(*of));
        facts.push(&Fact { kind, day, principal, number: *session, measure, ..Fact::default() });
    });
    shard.careful.sessions.iter().for_each(|((who, action), sessions)| {
        sessions.iter().for_each(|session| {
            let (kind, principal, a) = (kind::SENSITIVE, text(*who), text(*action));
            facts.push(&Fact { kind, principal, a, number: *session, ..Fact::default() });
        });
    });
    part.leads.iter().for_each(|(who, of, key)| {
        let (kind, principal) = (kind::LEADS, text(*who));
        facts.push(&Fact { kind, day: day(*of), principal, number: *key, ..Fact::default() });
    });
    for one in &shard.pending {
        let cell = text::pending_cell(one, &shard.texts);
        let (kind, principal, a) = (kind::WAITS, text(one.principal), cell.as_str());
        let (day, number) = (day(one.at.day()), one.key);
        facts.push(&Fact { kind, day, principal, a, number, measure: counted(1), ..Fact::default() });
    }
}

/// What was refused.
fn refusals(shard: &Shard, facts: &mut Facts<'_, '_>) {
    let kind = kind::REFUSED;
    shard.denials.seen.iter().for_each(|(denials::Key { principal, refused, day, .. }, seen)| {
        let (cell, day, measure) = (text::refused_cell(refused), text::day_cell(*day), measured(seen));
        facts.push(&Fact { kind, day, principal, a: &cell, measure, ..Fact::default() });
    });
    let kind = kind::REFUSED_FAMILY;
    shard.denials.families.iter().for_each(|((principal, action, family), names)| {
        facts.family(&Fact { kind, principal, a: action, b: family, ..Fact::default() }, names);
    });
}

/// What the log holds at all, and who used what of it.
fn logged(shard: &Shard, facts: &mut Facts<'_, '_>) {
    let seen = &shard.observer;
    let texts: &Interner = &seen.texts;
    let sight = |number: &Sighted| seen.sights.get(*number as usize).map(|sight| SightText::of(sight, texts));
    seen.counts.iter().for_each(|((sighted, day), count)| {
        if let Some(sight) = sight(sighted) {
            let (kind, day) = (kind::SIGHTED, text::day_cell(*day));
            facts.push(&Fact { kind, day, measure: counted(*count), ..sight.fact() });
        }
    });
    seen.uses.iter().for_each(|(who, sighted, day)| {
        if let Some(sight) = sight(sighted) {
            let (kind, day, principal) = (kind::CALLED, text::day_cell(*day), texts.text(*who));
            facts.push(&Fact { kind, day, principal, ..sight.fact() });
        }
    });
}

/// What a record says of the log, by text: services that were called and must have been, kinds of calls, oddities.
struct SightText<'a> {
    service: &'a str,
    kinds: String,
    expected: &'a str,
    odd: u64,
}

impl<'a> SightText<'a> {
    fn of(sight: &Sight, texts: &'a Interner) -> Self {
        let kinds =
            sight.kinds.iter().map(|(plane, access)| format!("{} {}", plane.as_str(), access.as_str()));
        let odd = [sight.aggregated, sight.truncated, sight.history];
        Self {
            service: texts.text(sight.at.service),
            kinds: kinds.collect::<Vec<String>>().join(","),
            expected: sight.expected.map_or("", |at| texts.text(at.service)),
            odd: odd.iter().enumerate().map(|(bit, is)| u64::from(*is) << bit).sum(),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact { a: self.service, b: &self.kinds, c: self.expected, number: self.odd, ..Fact::default() }
    }
}
