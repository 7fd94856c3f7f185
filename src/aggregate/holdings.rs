//! What things hold that other records refer to: the roles of a task definition, the role of an instance profile. Learned
//! from every record, whatever the filters leave out: it is no use of anybody's.

use std::collections::{BTreeMap, BTreeSet};

/// By full name, the different answers that records gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings(pub(super) BTreeMap<String, BTreeSet<Answer>>);

/// The names that are held together. An answer that is not sure is passed over where it leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Answer {
    pub(super) names: BTreeSet<String>,
    pub(super) sure: bool,
}

/// Holders that hold holders: a launch template, its profile, an instance with it.
const DEEPEST: usize = 4;

impl Holdings {
    /// Learns one answer.
    pub(super) fn add(&mut self, key: &str, values: &[String], sure: bool) {
        let same = |one: &Answer| {
            one.sure == sure
                && one.names.len() == values.len()
                && values.iter().all(|v| one.names.contains(v))
        };
        if self.0.get(key).is_some_and(|answers| answers.iter().any(same)) {
            return;
        }
        let names = values.iter().cloned().collect();
        self.0.entry(key.to_owned()).or_default().insert(Answer { names, sure });
    }

    /// Joins what another shard learned.
    pub(super) fn merge(&mut self, other: Self) {
        for (key, answers) in other.0 {
            self.0.entry(key).or_default().extend(answers);
        }
    }

    /// Whether nothing was learned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All names that are held.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.values().flatten().flat_map(|one| &one.names).map(String::as_str)
    }

    /// Puts the full name in the place of a short one.
    pub fn rename(&mut self, full: &BTreeMap<String, String>) {
        let renamed = |name: String| full.get(&name).cloned().unwrap_or(name);
        let answer =
            |one: Answer| Answer { names: one.names.into_iter().map(renamed).collect(), sure: one.sure };
        let all = std::mem::take(&mut self.0).into_iter();
        self.0 = all.map(|(key, answers)| (key, answers.into_iter().map(answer).collect())).collect();
    }

    /// The names beginning with `head` that `key` holds, straight or by what it holds. None: no record says, or records
    /// say different things.
    #[must_use]
    pub fn of(&self, key: &str, head: &str) -> Option<BTreeSet<&str>> {
        self.within(key, head, DEEPEST)
    }

    fn within(&self, key: &str, head: &str, left: usize) -> Option<BTreeSet<&str>> {
        let left = left.checked_sub(1)?;
        let mut answers: BTreeSet<BTreeSet<&str>> = BTreeSet::new();
        for one in self.0.get(key)? {
            match self.answer(one, head, left) {
                Some(names) => answers.extend([names]),
                None if one.sure => return None,
                None => {}
            }
        }
        let only = answers.pop_first()?;
        answers.is_empty().then_some(only)
    }

    fn answer<'s>(&'s self, one: &'s Answer, head: &str, left: usize) -> Option<BTreeSet<&'s str>> {
        let mut all = BTreeSet::new();
        for name in &one.names {
            if name.starts_with(head) {
                all.insert(name.as_str());
                continue;
            }
            match self.within(name, head, left) {
                Some(names) => all.extend(names),
                None if one.sure => return None,
                None => {}
            }
        }
        // Nothing found is an answer only of those that were sure to hold nothing.
        (one.sure || !all.is_empty()).then_some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holdings(facts: &[(&str, &[&str])]) -> Holdings {
        let mut all = Holdings::default();
        for (key, values) in facts {
            let names: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
            all.add(key, &names, *key != "profile");
        }
        all
    }

    #[test]
    fn holders_are_followed_and_contradictions_are_not() {
        let all = holdings(&[
            ("task:1", &["role/a", "role/b"]),
            ("task:2", &[]),
            ("template", &["profile"]),
            ("profile", &["instance", "unseen"]),
            ("instance", &["role/c"]),
            ("half", &["profile"]),
            ("half", &["unseen"]),
            ("twice", &["role/a"]),
            ("twice", &["role/b"]),
            ("loop", &["loop"]),
        ]);
        let of = |key| all.of(key, "role/").map(|names| names.into_iter().collect::<Vec<_>>());
        assert_eq!(of("task:1"), Some(vec!["role/a", "role/b"]));
        assert_eq!(of("task:2"), Some(vec![]));
        assert_eq!(of("template"), Some(vec!["role/c"]));
        assert_eq!(of("unseen"), None);
        assert_eq!(of("half"), None);
        assert_eq!(of("twice"), None);
        assert_eq!(of("loop"), None);
    }

    #[test]
    fn the_order_of_records_changes_nothing() {
        let (mut one, two) = (holdings(&[("a", &["x"])]), holdings(&[("a", &["y"]), ("b", &["z"])]));
        let mut other = two.clone();
        other.merge(one.clone());
        one.merge(two);
        assert_eq!(one, other);
    }
}
