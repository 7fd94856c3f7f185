//! What is declared to be logged, along the window: descriptions say how it is, the log's own records when it changed.

use super::Span;
use crate::model::coverage::{Class, Declaration, Observations, Plane, Reach, Says, Selector};
use crate::model::time::{Day, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// One property of a trail: as described, and as it changed.
#[derive(Clone, Debug)]
struct Line<'u, T> {
    described: Vec<&'u T>,
    changes: Vec<(Timestamp, &'u T)>,
}

impl<T> Default for Line<'_, T> {
    fn default() -> Self {
        Self { described: Vec::new(), changes: Vec::new() }
    }
}

impl<'u, T> Line<'u, T> {
    fn add(&mut self, at: Option<Timestamp>, what: &'u T) {
        match at {
            Some(at) => self.changes.push((at, what)),
            None => self.described.push(what),
        }
    }

    /// How it was at a time. A description says how it was after the last change; before the first nobody knows.
    fn at(&self, time: Timestamp) -> &[&'u T] {
        let last = self.changes.iter().rposition(|(at, _)| *at <= time);
        match last.and_then(|index| self.changes.get(index)) {
            Some((_, what)) => std::slice::from_ref(what),
            None if self.changes.is_empty() => &self.described,
            None => &[],
        }
    }

    fn is_empty(&self) -> bool {
        self.described.is_empty() && self.changes.is_empty()
    }
}

/// One trail or policy.
#[derive(Clone, Debug, Default)]
struct Logger<'u> {
    cloud: &'static str,
    reach: Line<'u, Reach>,
    home: Line<'u, Reach>,
    selects: Line<'u, Vec<Selector>>,
    logging: Line<'u, bool>,
}

impl Logger<'_> {
    fn on(&self, time: Timestamp) -> bool {
        let first = self.logging.changes.first().map(|(_, on)| **on);
        match (self.logging.at(time), first) {
            ([], Some(first)) => !first,
            (now, _) => now.iter().all(|on| **on),
        }
    }

    fn reaches(&self, class: &Class, time: Timestamp, sole: bool) -> bool {
        let line = if self.reach.is_empty() { &self.home } else { &self.reach };
        if line.is_empty() {
            return sole;
        }
        let now = line.at(time);
        !now.is_empty() && now.iter().all(|reach| reach.holds(&class.place))
    }

    fn selects(&self, class: &Class, time: Timestamp) -> bool {
        let now = self.selects.at(time);
        let fits = |one: &Selector| one.whole && one.selects(&class.place.service, class.plane, class.access);
        !now.is_empty() && now.iter().all(|all| all.iter().any(fits))
    }
}

/// Whether an account is one project, and no folder or organization above some.
pub(super) fn project(account: &str) -> bool {
    !account.contains('/')
}

/// All that is declared.
#[derive(Clone, Debug)]
pub(super) struct Proof<'u> {
    loggers: Vec<Logger<'u>>,
    windows: BTreeMap<(&'static str, String), (Day, Day)>,
    times: BTreeSet<Timestamp>,
    history: &'u BTreeSet<(&'static str, String)>,
}

impl<'u> Proof<'u> {
    pub(super) fn new(observed: &'u Observations, spans: &[Span]) -> Self {
        let mut loggers: BTreeMap<(&'static str, &str), Logger<'_>> = BTreeMap::new();
        let mut sorted: Vec<&Declaration> = observed.declared.iter().collect();
        sorted.sort_by(|a, b| (a.at, a).cmp(&(b.at, b)));
        for declaration in sorted {
            let Declaration { cloud, of, at, says } = declaration;
            if !says.of_logging() {
                continue;
            }
            let logger = loggers.entry((cloud, of)).or_default();
            logger.cloud = cloud;
            match says {
                Says::Reach(reach) => logger.reach.add(*at, reach),
                Says::Home(reach) => logger.home.add(*at, reach),
                Says::Selects(selectors) => logger.selects.add(*at, selectors),
                Says::Logging(on) => logger.logging.add(*at, on),
                Says::Within(_) | Says::Binds(_) => {}
            }
        }
        let windows = spans.iter().map(|s| ((s.cloud, s.account.clone()), (s.first, s.last)));
        Self {
            loggers: loggers.into_values().collect(),
            windows: windows.collect(),
            times: observed.declared.iter().filter_map(|declaration| declaration.at).collect(),
            history: &observed.history,
        }
    }

    /// Whether a policy that names no project holds for this one: the log is about no other. Records of folders and
    /// organizations stand beside those of their projects.
    fn sole(&self, class: &Class) -> bool {
        let of_cloud = self.windows.keys().filter(|(cloud, _)| *cloud == class.place.cloud);
        project(&class.place.account) && of_cloud.filter(|(_, account)| project(account)).count() == 1
    }

    fn of<'s>(&'s self, class: &Class) -> impl Iterator<Item = &'s Logger<'u>> + use<'s, 'u> {
        let cloud = class.place.cloud;
        self.loggers.iter().filter(move |logger| logger.cloud == cloud)
    }

    /// Whether something is declared for the class's account and region at all.
    pub(super) fn described(&self, class: &Class) -> bool {
        let sole = self.sole(class);
        let end = Timestamp::UNKNOWN;
        self.of(class).any(|logger| !logger.selects.is_empty() && logger.reaches(class, end, sole))
    }

    /// Whether records of the class would be in the log, all through the window of its account.
    pub(super) fn logged(&self, class: &Class) -> bool {
        let place = &class.place;
        if class.plane == Plane::Data && self.history.contains(&(place.cloud, place.account.clone())) {
            return false;
        }
        let Some((first, last)) = self.windows.get(&(place.cloud, place.account.clone())) else {
            return false;
        };
        let sole = self.sole(class);
        let inside = self.times.range(first.start()..Day(last.0.saturating_add(1)).start()).copied();
        std::iter::once(first.start()).chain(inside).all(|time| {
            self.of(class).any(|logger| {
                logger.on(time) && logger.reaches(class, time, sole) && logger.selects(class, time)
            })
        })
    }

    /// Callers whose calls of the class are left out.
    pub(super) fn exempt(&self, class: &Class) -> BTreeSet<&'u str> {
        let (sole, end) = (self.sole(class), Timestamp::UNKNOWN);
        let reaching = self.of(class).filter(|logger| logger.reaches(class, end, sole));
        let selectors = reaching.flat_map(|logger| logger.selects.at(end).iter().copied().flatten());
        let fits = |one: &&Selector| one.selects(&class.place.service, class.plane, class.access);
        selectors.filter(fits).flat_map(|one| one.exempt.iter().map(String::as_str)).collect()
    }
}
