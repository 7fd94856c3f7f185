//! What a log holds, and what is declared to be logged: the difference between unused and unlogged.

use super::time::{Day, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Whether a call changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// It only looks.
    Read,
    /// It changes something.
    Write,
}

impl Access {
    /// The word scripts rely on.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// What a call is about: resources, or what is in them. Clouds log the second only when told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plane {
    /// Resources themselves.
    Management,
    /// What is in them.
    Data,
}

impl Plane {
    /// The word scripts rely on.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Management => "management",
            Self::Data => "data",
        }
    }
}

/// All kinds of calls a service can have.
pub const KINDS: [(Plane, Access); 4] = [
    (Plane::Management, Access::Read),
    (Plane::Management, Access::Write),
    (Plane::Data, Access::Read),
    (Plane::Data, Access::Write),
];

/// A service in one account and region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Cloud.
    pub cloud: &'static str,
    /// Account or project.
    pub account: String,
    /// Region; empty where the cloud logs none.
    pub region: String,
    /// Service, as its permissions name it.
    pub service: String,
}

/// What one record says of the log it stands in.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// Account or project.
    pub account: &'a str,
    /// Region; empty where the cloud logs none.
    pub region: &'a str,
    /// Service, as its permissions name it.
    pub service: &'a str,
    /// What kinds of calls it proves to be logged.
    pub kinds: &'a [(Plane, Access)],
    /// When.
    pub at: Option<Timestamp>,
    /// It sums up many calls.
    pub aggregated: bool,
    /// Its parameters were too long for the log and are not in it.
    pub truncated: bool,
    /// It comes from a history that never holds what is in resources.
    pub history: bool,
    /// The service that must have been called as well.
    pub expects: Option<&'a str>,
}

/// Services that a selector is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Services {
    /// All.
    All,
    /// These.
    Only(BTreeSet<String>),
    /// All but these.
    Except(BTreeSet<String>),
}

/// Calls that are declared to be logged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector {
    /// What they are about.
    pub plane: Plane,
    /// Only reads or only writes; none: both.
    pub access: Option<Access>,
    /// Whose.
    pub services: Services,
    /// For all resources and callers; otherwise it proves nothing of the others.
    pub whole: bool,
    /// Callers whose calls are left out.
    pub exempt: BTreeSet<String>,
}

impl Selector {
    /// Whether it is about such calls of the service.
    #[must_use]
    pub fn selects(&self, service: &str, plane: Plane, access: Access) -> bool {
        let of_service = match &self.services {
            Services::All => true,
            Services::Only(these) => these.contains(service),
            Services::Except(these) => !these.contains(service),
        };
        of_service && self.plane == plane && self.access.is_none_or(|only| only == access)
    }
}

/// Where what is declared holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reach {
    /// Only this account or project; none: all.
    pub account: Option<String>,
    /// Only this region; none: all.
    pub region: Option<String>,
    /// Services that are left out.
    pub without: BTreeSet<String>,
}

impl Reach {
    /// Whether the place is within.
    #[must_use]
    pub fn holds(&self, place: &Place) -> bool {
        self.account.as_ref().is_none_or(|only| *only == place.account)
            && self.region.as_ref().is_none_or(|only| *only == place.region)
            && !self.without.contains(&place.service)
    }
}

/// What is declared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Says {
    /// Where it logs.
    Reach(Reach),
    /// Where it logs at least, as its name tells.
    Home(Reach),
    /// Which calls it logs.
    Selects(Vec<Selector>),
    /// Whether it logs at all.
    Logging(bool),
    /// What it lies in: says nothing of logging.
    Within(String),
    /// Roles that are bound there: says nothing of logging.
    Binds(Vec<Bound>),
}

/// A role that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound {
    /// The role.
    pub role: String,
    /// Who.
    pub members: BTreeSet<String>,
    /// Under a condition only.
    pub conditional: bool,
}

impl Says {
    /// Whether it is about what is logged.
    #[must_use]
    pub fn of_logging(&self) -> bool {
        !matches!(self, Self::Within(_) | Self::Binds(_))
    }
}

/// A description of what is logged, or a change of it that the log itself shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Declaration {
    /// Cloud.
    pub cloud: &'static str,
    /// The trail or policy.
    pub of: String,
    /// When it became so; none for a description, which says how it is.
    pub at: Option<Timestamp>,
    /// What.
    pub says: Says,
}

/// Calls that are logged or not together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Class {
    /// Service, account, region.
    pub place: Place,
    /// What they are about.
    pub plane: Plane,
    /// Reads or writes.
    pub access: Access,
}

/// What the records say of the log, owned and sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observations {
    /// Records of each class.
    pub classes: BTreeMap<Class, u64>,
    /// Days with a record, by cloud and account.
    pub days: BTreeMap<(&'static str, String), BTreeSet<Day>>,
    /// Where each principal used what.
    pub uses: BTreeMap<String, BTreeSet<Place>>,
    /// Services that other records prove to have been called.
    pub expected: BTreeMap<Place, u64>,
    /// Records that sum up many calls.
    pub aggregated: u64,
    /// Records whose parameters are not in the log.
    pub truncated: u64,
    /// Accounts whose every record comes from a history without data events.
    pub history: BTreeSet<(&'static str, String)>,
    /// What is declared to be logged.
    pub declared: BTreeSet<Declaration>,
}

/// What places lie in, the nearest first: `projects/ID` in folders and an organization.
pub type Within = BTreeMap<String, Vec<String>>;

impl Observations {
    /// What descriptions say of where things of a cloud lie.
    #[must_use]
    pub fn within(&self, cloud: &str) -> Within {
        let mut within = Within::new();
        for declaration in self.declared.iter().filter(|one| one.cloud == cloud) {
            if let Says::Within(place) = &declaration.says {
                within.entry(declaration.of.clone()).or_default().push(place.clone());
            }
        }
        within
    }
}
