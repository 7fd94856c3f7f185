//! Resource names and patterns over them.
//!
//! A pattern is text in which `*` stands for any run of characters and `?` for any one; a literal `*`, `?` or `$` is
//! written `${*}`, `${?}`, `${$}`. This is also what IAM reads, so a pattern is a policy's resource as it stands.

use smallvec::{SmallVec, smallvec};
use std::fmt::Write;

/// One part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// These characters.
    Text(String),
    /// Any one character.
    One,
    /// Any run of characters, also none.
    Any,
}

/// A parsed pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pattern(SmallVec<[Part; 1]>);

/// What does not stand for itself.
const SPECIAL: [char; 3] = ['*', '?', '$'];

/// Writes `name` so that it stands for itself only.
#[must_use]
pub fn escape(name: &str) -> String {
    if !name.contains(SPECIAL) {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '*' => out.push_str("${*}"),
            '?' => out.push_str("${?}"),
            '$' => out.push_str("${$}"),
            _ => out.push(c),
        }
    }
    out
}

/// One position of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Char(char),
    One,
    Any,
}

/// A `*` may stand for nothing: what is reached before it is reached after it.
fn spread(units: &[Unit], reached: &mut [bool]) {
    for (at, unit) in units.iter().enumerate() {
        if *unit == Unit::Any
            && reached.get(at) == Some(&true)
            && let Some(after) = reached.get_mut(at + 1)
        {
            *after = true;
        }
    }
}

/// Takes `unit` of one pattern from position `at` of the other.
fn meet(unit: Unit, at: usize, theirs: &[Unit], next: &mut [bool]) {
    let mut reach = |to: usize| {
        if let Some(there) = next.get_mut(to) {
            *there = true;
        }
    };
    match (unit, theirs.get(at)) {
        (Unit::Any, _) => (at..=theirs.len()).for_each(reach),
        (_, Some(Unit::Any)) => reach(at),
        (Unit::Char(x), Some(Unit::Char(y))) if x != *y => {}
        (_, Some(_)) => reach(at + 1),
        (_, None) => {}
    }
}

impl Pattern {
    /// The pattern that matches `name` and nothing else.
    #[must_use]
    pub fn literal(name: &str) -> Self {
        Self(smallvec![Part::Text(name.to_owned())])
    }

    /// Reads the notation of this module.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = SmallVec::new();
        let mut run = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let escaped = ["${*}", "${?}", "${$}"].iter().find_map(|e| rest.strip_prefix(e).map(|r| (*e, r)));
            if let Some((sequence, after)) = escaped {
                run.push(sequence.chars().nth(2).unwrap_or('$'));
                rest = after;
                continue;
            }
            rest = rest.get(c.len_utf8()..).unwrap_or("");
            if c == '*' || c == '?' {
                if !run.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut run)));
                }
                parts.push(if c == '*' { Part::Any } else { Part::One });
            } else {
                run.push(c);
            }
        }
        if !run.is_empty() {
            parts.push(Part::Text(run));
        }
        Self(parts)
    }

    /// Replaces what a policy document cannot hold (IAM takes U+0020 to U+00FF; tabs and line ends only between
    /// tokens) by wildcards; says whether anything was replaced.
    #[must_use]
    pub fn within_charset(&self) -> (Self, bool) {
        let mut parts = SmallVec::new();
        let mut replaced = false;
        for part in &self.0 {
            let Part::Text(text) = part else {
                parts.push(part.clone());
                continue;
            };
            let mut run = String::new();
            for c in text.chars() {
                if ('\u{20}'..='\u{ff}').contains(&c) {
                    run.push(c);
                    continue;
                }
                replaced = true;
                if !run.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut run)));
                }
                // Outside the basic plane it is not documented how many characters IAM counts.
                parts.push(if c <= '\u{ffff}' { Part::One } else { Part::Any });
            }
            if !run.is_empty() {
                parts.push(Part::Text(run));
            }
        }
        (Self(parts), replaced)
    }

    /// Whether every name that `other` stands for is one of this pattern's.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        // Most pairs are told apart, or are the same, by what they begin with.
        if !other.head().starts_with(self.head()) {
            return false;
        }
        if self.is_exact() {
            return other.is_exact() && self.head() == other.head();
        }
        if self.is_open() {
            return true;
        }
        let (mine, theirs) = (self.units(), other.units());
        // Where the last `*` stands, and how much of `theirs` it has taken so far.
        let (mut p, mut a, mut retry) = (0, 0, None);
        while let Some(wanted) = theirs.get(a) {
            match (mine.get(p), wanted) {
                (Some(Unit::Any), _) => {
                    retry = Some((p, a));
                    p += 1;
                }
                (Some(Unit::One), Unit::One | Unit::Char(_)) => (p, a) = (p + 1, a + 1),
                (Some(Unit::Char(x)), Unit::Char(y)) if x == y => (p, a) = (p + 1, a + 1),
                _ => {
                    let Some((star, taken)) = retry else { return false };
                    retry = Some((star, taken + 1));
                    (p, a) = (star + 1, taken + 1);
                }
            }
        }
        mine.iter().skip(p).all(|unit| *unit == Unit::Any)
    }

    /// Whether the name is one of the pattern's.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        name.starts_with(self.head()) && (self.is_open() || self.covers(&Self::literal(name)))
    }

    /// Whether some name belongs to both patterns.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.head(), other.head());
        if !mine.starts_with(theirs) && !theirs.starts_with(mine) {
            return false;
        }
        match (self.is_exact(), other.is_exact()) {
            (true, true) => return mine == theirs,
            (false, true) => return self.covers(other),
            (true, false) => return other.covers(self),
            (false, false) => {}
        }
        let (mine, theirs) = (self.units(), other.units());
        // Which positions of `theirs` can be reached together with the current one of `mine`.
        let mut reached = vec![false; theirs.len() + 1];
        if let Some(first) = reached.first_mut() {
            *first = true;
        }
        spread(&theirs, &mut reached);
        for unit in &mine {
            let mut next = vec![false; theirs.len() + 1];
            for (at, _) in reached.iter().enumerate().filter(|(_, here)| **here) {
                meet(*unit, at, &theirs, &mut next);
            }
            spread(&theirs, &mut next);
            reached = next;
        }
        reached.last().copied().unwrap_or(false)
    }

    /// Whether all that begins like it is the pattern's.
    fn is_open(&self) -> bool {
        matches!(self.0.as_slice(), [Part::Text(_), Part::Any] | [Part::Any])
    }

    /// The literal text before the first wildcard.
    #[must_use]
    pub fn head(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The pattern that has these parts; texts that follow each other become one, and so do runs of `*`.
    #[must_use]
    pub fn of(parts: impl IntoIterator<Item = Part>) -> Self {
        let mut all: SmallVec<[Part; 1]> = SmallVec::new();
        for part in parts {
            match (all.last_mut(), part) {
                (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
                (Some(Part::Any), Part::Any) => {}
                (_, Part::Text(text)) if text.is_empty() => {}
                (_, part) => all.push(part),
            }
        }
        Self(all)
    }

    fn units(&self) -> Vec<Unit> {
        let mut units = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => units.extend(text.chars().map(Unit::Char)),
                Part::One => units.push(Unit::One),
                Part::Any => units.push(Unit::Any),
            }
        }
        units
    }

    /// The name, where the pattern stands for exactly one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        if let [Part::Text(text)] = self.0.as_slice() { Some(text) } else { None }
    }

    /// Whether the pattern stands for exactly one name.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.0.iter().all(|p| matches!(p, Part::Text(_)))
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(text) if text.contains(SPECIAL) => f.write_str(&escape(text))?,
                Part::Text(text) => f.write_str(text)?,
                Part::One => f.write_char('?')?,
                Part::Any => f.write_char('*')?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn escaped_names_stand_for_themselves(name in "\\PC*") {
            let pattern = Pattern::parse(&escape(&name));
            prop_assert!(pattern.is_exact());
            prop_assert_eq!(pattern.to_string(), escape(&name));
        }
    }

    fn naive_overlap(a: &[u8], b: &[u8]) -> bool {
        match (a, b) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => naive_overlap(rest, b) || (!b.is_empty() && naive_overlap(a, &b[1..])),
            (_, [b'*', rest @ ..]) => naive_overlap(a, rest) || (!a.is_empty() && naive_overlap(&a[1..], b)),
            ([x, r @ ..], [y, s @ ..]) => (x == y || *x == b'?' || *y == b'?') && naive_overlap(r, s),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_covers_what_it_matches(pattern in "[ab*?]{0,7}", name in "[ab]{0,7}") {
            let (p, n) = (Pattern::parse(&pattern), Pattern::literal(&name));
            prop_assert_eq!(p.matches(&name), naive_overlap(pattern.as_bytes(), name.as_bytes()));
            prop_assert_eq!(p.covers(&n), p.overlaps(&n), "for a single name the two are one question");
        }

        #[test]
        fn overlap_is_what_the_slow_reading_says(a in "[ab*?]{0,7}", b in "[ab*?]{0,7}") {
            let both = naive_overlap(a.as_bytes(), b.as_bytes());
            prop_assert_eq!(Pattern::parse(&a).overlaps(&Pattern::parse(&b)), both);
            prop_assert!(!Pattern::parse(&a).covers(&Pattern::parse(&b)) || both || b.is_empty());
        }
    }

    #[test]
    fn variables_and_wildcards_in_names_are_escaped() {
        assert_eq!(escape("a*b?${aws:username}"), "a${*}b${?}${$}{aws:username}");
        assert!(!Pattern::parse("a*").is_exact());
    }

    #[test]
    fn characters_a_policy_cannot_hold_become_wildcards() {
        let (pattern, replaced) = Pattern::literal("k/\u{1b}ж😀.txt").within_charset();
        assert!(replaced);
        assert_eq!(pattern.to_string(), "k/??*.txt");
    }
}
