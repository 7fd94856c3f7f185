//! Keeps families of object-like names bounded: a bucket may have millions of keys, a policy cannot name them.
//!
//! What a family looks like in the end depends on the set of its names alone, never on the order they came in: exact
//! up to [`CAP`] names, then first-level prefixes beside the names that have none, up to [`CAP`] of both, then the whole
//! family.

use std::collections::BTreeSet;

/// Names, then prefixes, that are kept apart.
pub const CAP: usize = 1_000;

/// The names of one family (everything behind the bucket).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Family {
    /// All of them.
    Exact(BTreeSet<String>),
    /// Their first-level prefixes with the slash, and names that have none.
    Prefixes(BTreeSet<String>),
    /// Too many prefixes to tell.
    Whole,
}

impl Default for Family {
    fn default() -> Self {
        Self::Exact(BTreeSet::new())
    }
}

/// The part of a name up to its first slash; all of it when it has none.
fn prefix(name: &str) -> &str {
    name.split_inclusive('/').next().unwrap_or("")
}

impl Family {
    /// Adds one name.
    pub fn add(&mut self, name: &str) {
        match self {
            Self::Exact(names) => {
                if !names.contains(name) {
                    names.insert(name.to_owned());
                }
            }
            Self::Prefixes(prefixes) => {
                if !prefixes.contains(prefix(name)) {
                    prefixes.insert(prefix(name).to_owned());
                }
            }
            Self::Whole => {}
        }
        self.settle();
    }

    /// Adds all names of another family.
    pub fn merge(&mut self, other: Self) {
        let joined = match (std::mem::take(self), other) {
            (Self::Whole, _) | (_, Self::Whole) => Self::Whole,
            (Self::Exact(mut a), Self::Exact(b)) => {
                a.extend(b);
                Self::Exact(a)
            }
            (Self::Prefixes(mut a), Self::Prefixes(b)) => {
                a.extend(b);
                Self::Prefixes(a)
            }
            (Self::Prefixes(mut p), Self::Exact(names)) | (Self::Exact(names), Self::Prefixes(mut p)) => {
                p.extend(names.iter().map(|name| prefix(name).to_owned()));
                Self::Prefixes(p)
            }
        };
        *self = joined;
        self.settle();
    }

    fn settle(&mut self) {
        if let Self::Exact(names) = self
            && names.len() > CAP
        {
            *self = Self::Prefixes(names.iter().map(|name| prefix(name).to_owned()).collect());
        }
        if let Self::Prefixes(prefixes) = self
            && prefixes.len() > CAP
        {
            *self = Self::Whole;
        }
    }

    /// What the names begin with, behind the family's own, that stand together with `name`; `None` while names are kept apart.
    #[must_use]
    pub fn part<'n>(&self, name: &'n str) -> Option<&'n str> {
        match self {
            Self::Exact(_) => None,
            Self::Prefixes(_) => Some(prefix(name)).filter(|prefix| prefix.ends_with('/')),
            Self::Whole => Some(""),
        }
    }

    /// The pattern, behind the family's own name, that stands for `name`; `None` while names are kept apart.
    #[must_use]
    pub fn pattern(&self, name: &str) -> Option<String> {
        self.part(name).map(|part| format!("{}*", crate::model::pattern::escape(part)))
    }

    /// What all names begin with, or are; nothing but the empty text where that is too much to tell.
    #[must_use]
    pub fn beginnings(self) -> BTreeSet<String> {
        match self {
            Self::Exact(names) | Self::Prefixes(names) => names,
            Self::Whole => BTreeSet::from([String::new()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(names: &[String]) -> Family {
        let mut family = Family::default();
        names.iter().for_each(|name| family.add(name));
        family
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_order_and_split_of_names_do_not_matter(
            spread in 1usize..2_500, total in 0usize..3_000, cut in 0usize..3_000, turn in 0usize..3_000
        ) {
            let slash = |n: usize| if n.is_multiple_of(7) { "-" } else { "/" };
            let name = |n: usize| format!("p{}{}k{n}", n % spread, slash(n));
            let mut names: Vec<String> = (0..total).map(name).collect();
            let whole = of(&names);
            names.rotate_left(turn.min(total));
            let (a, b) = names.split_at(cut.min(total));
            let mut joined = of(b);
            joined.merge(of(a));
            prop_assert_eq!(joined, whole);
        }
    }

    #[test]
    fn collapses_in_two_steps() {
        let names: Vec<String> = (0..=CAP).map(|n| format!("logs/{n}")).collect();
        assert_eq!(of(&names[..CAP]).pattern("logs/1"), None);
        assert_eq!(of(&names).pattern("logs/1").as_deref(), Some("logs/*"));
        let mut beside = of(&names);
        beside.add("index.html");
        assert_eq!(beside.pattern("logs/1").as_deref(), Some("logs/*"));
        assert_eq!(beside.pattern("index.html"), None, "a name without a slash stays a name");
        let names: Vec<String> = (0..=CAP).map(|n| format!("p{n}/x")).collect();
        assert_eq!(of(&names).pattern("p1/x").as_deref(), Some("*"));
    }
}
