//! Holes: uses on what something else holds. Where a record tells what that is, its names stand in the hole's place;
//! where none does, the hole stays for a person to fill.

use super::synonyms::{ELSEWHERE, join};
use crate::aggregate::Usage;
use crate::aggregate::holdings::Holdings;
use crate::aggregate::line::Line;
use crate::cloud::CLOUDS;
use crate::model::usage::{Row, Target};
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
    let of_row = |row: &mut Row, name: &str| {
        row.rule = format!("{}{ELSEWHERE}", row.rule).into();
        put(name, &mut row.target, &mut row.exempt);
    };
    if fill(&mut usage.rows, |row| names(&row.target, holdings), of_row) {
        join(&mut usage.rows);
    }
    let of_line = |line: &mut Line, name: &str| {
        line.rule.push_str(ELSEWHERE);
        put(name, &mut line.target, &mut line.exempt);
    };
    if fill(&mut usage.lines, |line| names(&line.target, holdings), of_line) {
        usage.lines.sort();
    }
}

/// Puts a name in the place of a hole.
fn put(name: &str, target: &mut Target<'static>, exempt: &mut Option<&'static str>) {
    *target = Target::named(name.to_owned());
    *exempt = exempt.filter(|why| *why != HELD_BACK);
}

/// Has each use with a hole stand as many times as it has names: not at all where nothing is held. Says whether there
/// were any.
fn fill<T: Clone>(
    all: &mut Vec<T>,
    names: impl Fn(&T) -> Option<Vec<String>>,
    put: impl Fn(&mut T, &str),
) -> bool {
    let holed: Vec<T> = all.extract_if(.., |used| names(used).is_some()).collect();
    for used in &holed {
        for name in names(used).unwrap_or_default() {
            let mut used = used.clone();
            put(&mut used, &name);
            all.push(used);
        }
    }
    !holed.is_empty()
}

/// The names that stand in the place of a hole.
fn names(target: &Target<'_>, holdings: &Holdings) -> Option<Vec<String>> {
    let (head, key) = target.as_hole()?;
    Some(holdings.of(&key, &head)?.into_iter().map(str::to_owned).collect())
}
