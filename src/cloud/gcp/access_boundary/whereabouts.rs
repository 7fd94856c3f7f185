//! Where projects lie, as descriptions state it, or as the input makes plain.

use crate::model::coverage::Within;
use std::collections::BTreeMap;

/// Where a place is, seen from one organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// In it.
    Inside,
    /// In another one.
    Foreign(String),
    /// Nothing says.
    Unknown,
}

/// What is known of places. What nothing is said of lies nowhere that is known, whoever logs it.
#[derive(Clone, Debug)]
pub(super) struct Whereabouts<'a> {
    within: &'a Within,
    /// What folders lie in, where they stand in some chain.
    folders: BTreeMap<&'a str, &'a [String]>,
    organization: String,
}

impl<'a> Whereabouts<'a> {
    /// As descriptions state it.
    pub(super) fn new(within: &'a Within, organization: &str) -> Self {
        let mut folders: BTreeMap<&str, &[String]> = BTreeMap::new();
        for chain in within.values() {
            for (at, folder) in chain.iter().enumerate().filter(|(_, one)| one.starts_with("folders/")) {
                let above = chain.get(at + 1..).unwrap_or(&[]);
                let known = folders.entry(folder).or_default();
                if above.len() > known.len() {
                    *known = above;
                }
            }
        }
        Self { within, folders, organization: organization.to_owned() }
    }

    /// What a place lies in, the nearest first, the place before it; empty where nothing says.
    pub(super) fn chain(&self, place: &str) -> Vec<String> {
        let own = self.within.get(place).map(Vec::as_slice).or_else(|| self.folders.get(place).copied());
        let mut chain: Vec<String> = own.unwrap_or(&[]).to_vec();
        if let Some(more) = chain.last().and_then(|last| self.folders.get(last.as_str())) {
            chain.extend(more.iter().cloned());
        }
        if !chain.is_empty() {
            chain.insert(0, place.to_owned());
        }
        chain
    }

    /// All that is known, by place.
    pub(super) fn chains(&self) -> BTreeMap<String, Vec<String>> {
        let all = self.within.keys().map(String::as_str).chain(self.folders.keys().copied());
        all.map(|name| (name.to_owned(), self.chain(name).into_iter().skip(1).collect())).collect()
    }

    /// Where a place is.
    pub(super) fn of(&self, place: &str) -> Where {
        let told = |top: &str| {
            if top == self.organization { Where::Inside } else { Where::Foreign(top.to_owned()) }
        };
        if place.starts_with("organizations/") {
            return told(place);
        }
        let chain = self.chain(place);
        let top = chain.iter().find(|one| one.starts_with("organizations/"));
        top.map_or(Where::Unknown, |top| told(top))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_by_descriptions_and_by_nothing_else() {
        let all = [
            ("projects/a", vec!["folders/1", "folders/2", "organizations/7"]),
            ("projects/b", vec!["organizations/8"]),
            ("projects/c", vec!["folders/1"]),
        ];
        let within = all
            .into_iter()
            .map(|(name, chain)| (name.to_owned(), chain.into_iter().map(str::to_owned).collect()))
            .collect();
        let places = Whereabouts::new(&within, "organizations/7");
        assert_eq!(places.of("projects/a"), Where::Inside);
        assert_eq!(places.of("projects/c"), Where::Inside, "its folder is known from another project");
        assert_eq!(places.of("projects/b"), Where::Foreign("organizations/8".to_owned()));
        assert_eq!((places.of("projects/d"), places.of("folders/9")), (Where::Unknown, Where::Unknown));
        assert_eq!(places.of("folders/1"), Where::Inside);
        assert_eq!(places.chain("folders/1"), ["folders/1", "folders/2", "organizations/7"]);
        assert_eq!(places.chains()["projects/c"], ["folders/1", "folders/2", "organizations/7"]);
        assert!(places.chain("projects/d").is_empty());
    }
}
