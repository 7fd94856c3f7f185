//! Where projects lie, as descriptions state it, or as the input makes plain.

use std::collections::{BTreeMap, BTreeSet};

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

/// What is known of places.
#[derive(Clone, Debug)]
pub(super) struct Whereabouts<'a> {
    within: &'a BTreeMap<String, Vec<String>>,
    /// The organization of folders that stand with one in some chain.
    folders: BTreeMap<&'a str, &'a str>,
    /// Projects that lie in the one organization there is.
    assumed: BTreeSet<String>,
    organization: String,
}

impl<'a> Whereabouts<'a> {
    /// `alone`: nothing in the input speaks of another organization, so that logged projects are taken to be of this one.
    pub(super) fn new(
        within: &'a BTreeMap<String, Vec<String>>,
        logged: &BTreeSet<String>,
        organization: &str,
        alone: bool,
    ) -> Self {
        let mut folders = BTreeMap::new();
        for chain in within.values() {
            let top = chain.iter().find(|one| one.starts_with("organizations/"));
            for (folder, top) in
                chain.iter().filter(|one| one.starts_with("folders/")).zip(top.into_iter().cycle())
            {
                folders.insert(folder.as_str(), top.as_str());
            }
        }
        let mut all =
            Self { within, folders, assumed: BTreeSet::new(), organization: organization.to_owned() };
        if alone {
            let unknown = logged.iter().filter(|project| all.top(&format!("projects/{project}")).is_none());
            all.assumed = unknown.map(|project| format!("projects/{project}")).collect();
        }
        all
    }

    /// Projects that are taken to lie in the organization.
    pub(super) fn assumed(&self) -> &BTreeSet<String> {
        &self.assumed
    }

    /// What a place lies in, the place with it.
    pub(super) fn chain(&self, project: &str) -> Option<Vec<String>> {
        let name = format!("projects/{project}");
        let mut chain = self.within.get(&name).cloned().unwrap_or_default();
        if self.assumed.contains(&name) {
            chain.push(self.organization.clone());
        } else if let Some(top) = self.top(&name).filter(|top| !chain.contains(top)) {
            chain.push(top);
        }
        (!chain.is_empty()).then(|| [vec![name], chain].concat())
    }

    /// All chains that are known, by project.
    pub(super) fn chains(&self) -> BTreeMap<String, Vec<String>> {
        let all = self.within.keys().chain(&self.assumed);
        let chain = |name: &String| {
            let chain = self.chain(name.trim_start_matches("projects/"))?;
            Some((name.clone(), chain.into_iter().skip(1).collect()))
        };
        all.filter_map(chain).collect()
    }

    /// The organization that a project is stated to lie in.
    fn top(&self, name: &str) -> Option<String> {
        let chain = self.within.get(name)?;
        let stated = chain.iter().find(|one| one.starts_with("organizations/")).cloned();
        stated.or_else(|| {
            chain.iter().find_map(|one| self.folders.get(one.as_str()).map(|top| (*top).to_owned()))
        })
    }

    /// Where a place is.
    pub(super) fn of(&self, place: &str) -> Where {
        let told = |top: &str| {
            if top == self.organization { Where::Inside } else { Where::Foreign(top.to_owned()) }
        };
        match place.split_once('/') {
            Some(("organizations", _)) => told(place),
            Some(("folders", _)) => self.folders.get(place).map_or(Where::Unknown, |top| told(top)),
            Some(("projects", _)) if self.assumed.contains(place) => Where::Inside,
            _ => self.top(place).map_or(Where::Unknown, |top| told(&top)),
        }
    }

    /// The project that a principal is of.
    pub(super) fn home<'p>(&self, principal: &'p str) -> Option<&'p str> {
        if let Some(mail) = principal.strip_prefix("serviceAccount:") {
            let (name, host) = mail.split_once('@')?;
            return host
                .strip_suffix(".iam.gserviceaccount.com")
                .or((host == "appspot.gserviceaccount.com").then_some(name))
                .or(name.strip_suffix("-compute").filter(|_| host == "developer.gserviceaccount.com"));
        }
        let rest = principal.strip_prefix("principal://iam.googleapis.com/projects/")?;
        rest.split('/').next()
    }
}

/// The container of a scope: an account's project.
pub(super) fn container(scope: &str) -> &str {
    scope.split("/serviceAccounts/").next().unwrap_or(scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_by_descriptions_first_and_by_their_logs_where_there_is_one_organization() {
        let all = [
            ("projects/a", vec!["folders/1", "organizations/7"]),
            ("projects/b", vec!["organizations/8"]),
            ("projects/c", vec!["folders/1"]),
        ];
        let within = all
            .into_iter()
            .map(|(name, chain)| (name.to_owned(), chain.into_iter().map(str::to_owned).collect()))
            .collect();
        let logged = BTreeSet::from(["a".to_owned(), "d".to_owned()]);
        let places = Whereabouts::new(&within, &logged, "organizations/7", true);
        assert_eq!(places.of("projects/a"), Where::Inside);
        assert_eq!(places.of("projects/c"), Where::Inside, "its folder is known from another project");
        assert_eq!(places.of("projects/b"), Where::Foreign("organizations/8".to_owned()));
        assert_eq!((places.of("projects/d"), places.of("projects/e")), (Where::Inside, Where::Unknown));
        assert_eq!(places.of("folders/1"), Where::Inside);
        let apart = Whereabouts::new(&within, &logged, "organizations/7", false);
        assert_eq!(apart.of("projects/d"), Where::Unknown);
    }
}
