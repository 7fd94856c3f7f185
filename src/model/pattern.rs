//! Resource names and patterns over them.
//!
//! A pattern is text in which `*` stands for any run of characters and `?` for any one; a literal `*`, `?` or `$` is
//! written `${*}`, `${?}`, `${$}`. This is also what IAM reads, so a pattern is a policy's resource as it stands.

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
pub struct Pattern(Vec<Part>);

/// Writes `name` so that it stands for itself only.
#[must_use]
pub fn escape(name: &str) -> String {
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

impl Pattern {
    /// The pattern that matches `name` and nothing else.
    #[must_use]
    pub fn literal(name: &str) -> Self {
        Self(vec![Part::Text(name.to_owned())])
    }

    /// Reads the notation of this module.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
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
        let mut parts = Vec::new();
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
                Part::Text(text) => f.write_str(&escape(text))?,
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
