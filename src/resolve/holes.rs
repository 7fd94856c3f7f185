//! Holes: uses on what something else holds. Where a record tells what that is, its names stand in the hole's place;
//! where none does, the hole stays for a person to fill.

use super::synonyms::join;
use crate::aggregate::Usage;
use crate::aggregate::holdings::Holdings;
use crate::cloud::CLOUDS;
use crate::model::usage::Target;
use std::collections::BTreeSet;

/// Why an unfilled hole is in no document.
const HELD_BACK: &str = "review";

pub(super) fn holes(usage: &mut Usage) {
    if usage.holdings.is_empty() {
        return;
    }
    let known: BTreeSet<String> = usage.holdings.names().map(str::to_owned).collect();
    let known: BTreeSet<&str> = known.iter().map(String::as_str).collect();
    for cloud in CLOUDS {
        usage.holdings.rename(&cloud.synonyms(&known));
    }
    let holdings = &usage.holdings;
    let rows = std::mem::take(&mut usage.rows);
    usage.rows = fill(rows, holdings, |row| (&mut row.target, &mut row.exempt, &mut row.rule));
    let lines = std::mem::take(&mut usage.lines);
    usage.lines = fill(lines, holdings, |line| (&mut line.target, &mut line.exempt, &mut line.rule));
    usage.lines.sort();
    join(&mut usage.rows);
}

/// What of a use a name in a hole changes.
type Parts<'t> = (&'t mut Target<'static>, &'t mut Option<&'static str>, &'t mut String);

/// All uses, each with a hole as many times as it has names: not at all where nothing is held.
fn fill<T: Clone>(all: Vec<T>, holdings: &Holdings, parts: impl Fn(&mut T) -> Parts<'_>) -> Vec<T> {
    let mut out = Vec::with_capacity(all.len());
    for mut used in all {
        let Some(names) = names(parts(&mut used).0, holdings) else {
            out.push(used);
            continue;
        };
        for name in names {
            let mut used = used.clone();
            let (target, exempt, rule) = parts(&mut used);
            *target = Target::named(name);
            *exempt = exempt.filter(|why| *why != HELD_BACK);
            rule.push_str("+seen-elsewhere");
            out.push(used);
        }
    }
    out
}

/// The names that stand in the place of a hole.
fn names(target: &Target<'_>, holdings: &Holdings) -> Option<Vec<String>> {
    let (head, key) = target.as_hole()?;
    Some(holdings.of(&key, &head)?.into_iter().map(str::to_owned).collect())
}
