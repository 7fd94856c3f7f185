//! What would have to be logged so that not seen means not used.

use super::{Coverage, State};
use crate::cloud;
use crate::model::coverage::{Access, Plane, Says, Services};
use std::collections::{BTreeMap, BTreeSet};

/// A service of which some calls that it has may not be logged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// Cloud.
    pub cloud: &'static str,
    /// Account, project, or what holds some.
    pub account: String,
    /// The service.
    pub service: String,
    /// All kinds that are logged only when told to, so that none that is on is turned off.
    pub kinds: BTreeSet<&'static str>,
    /// Those of them that nobody can tell of today.
    pub unknown: BTreeSet<&'static str>,
    /// Callers whose calls are left out today, by kind.
    pub exempt: BTreeMap<&'static str, BTreeSet<String>>,
}

/// The gaps of services that somebody used.
#[must_use]
pub fn gaps(coverage: &Coverage<'_>) -> Vec<Gap> {
    let Some(observed) = coverage.observed else { return Vec::new() };
    let places: BTreeSet<_> = observed.uses.values().flatten().collect();
    let mut all = Vec::new();
    for place in places {
        let Some(cloud) = cloud::by_id(place.cloud).filter(|cloud| cloud.loggable(&place.service)) else {
            continue;
        };
        let logging = cloud.logging();
        let optional = |plane: Plane, access: Access| {
            logging.asked_for(plane, access) && !cloud.always(&place.service, plane, access)
        };
        let states = coverage.classes.get(place).into_iter().flatten();
        let states: Vec<_> = states.filter(|(plane, access, _)| optional(*plane, *access)).collect();
        let name = |plane: Plane, access: Access| (logging.name)(plane, access);
        let unknown = states.iter().filter(|(.., state)| *state == State::Unknown);
        let unknown: BTreeSet<&'static str> =
            unknown.map(|(plane, access, _)| name(*plane, *access)).collect();
        if unknown.is_empty() {
            continue;
        }
        let mut exempt: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
        let own = coverage.declared.iter().filter(|one| {
            one.cloud == place.cloud
                && (one.of == place.account
                    || one.of.split_once('/').is_some_and(|(_, id)| id == place.account))
        });
        for declaration in own {
            let Says::Selects(selectors) = &declaration.says else { continue };
            let of = Services::Only(BTreeSet::from([place.service.clone()]));
            for selector in selectors.iter().filter(|one| one.services == of) {
                let Some(access) = selector.access else { continue };
                exempt
                    .entry(name(selector.plane, access))
                    .or_default()
                    .extend(selector.exempt.iter().cloned());
            }
        }
        all.push(Gap {
            cloud: place.cloud,
            account: place.account.clone(),
            service: place.service.clone(),
            kinds: states.iter().map(|(plane, access, _)| name(*plane, *access)).collect(),
            unknown,
            exempt,
        });
    }
    all.sort();
    all
}
