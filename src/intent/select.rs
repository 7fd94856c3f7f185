//! Which uses, rows and principals an entry is about.

use super::{Exclude, Intent, Keep, Never, Prefix};
use crate::model::grant::On;
use crate::model::pattern::Pattern;
use crate::model::time::{Day, Timestamp};
use crate::model::usage::{Reading, Row};
use globset::GlobMatcher;

impl Exclude {
    /// Whether the entry selects anything at all.
    #[must_use]
    pub fn selects(&self) -> bool {
        self.principal.is_some()
            || self.session.is_some()
            || self.user_agent.is_some()
            || self.selects_otherwise()
    }

    /// Whether it selects by anything but patterns.
    pub(super) fn selects_otherwise(&self) -> bool {
        self.access_key.is_some()
            || !self.networks.is_empty()
            || self.since.is_some()
            || self.until.is_some()
            || !self.events.is_empty()
    }

    /// What it selects, as a text: the same for entries that select the same, whoever decided them and why.
    #[must_use]
    pub fn selector(&self) -> String {
        let glob = |glob: &Option<GlobMatcher>| glob.as_ref().map(|glob| glob.glob().glob().to_owned());
        let time = |at: Option<Timestamp>| at.map(|at| at.0);
        let networks: Vec<String> = self.networks.iter().map(ToString::to_string).collect();
        format!(
            "{:?}",
            (
                glob(&self.principal),
                glob(&self.session),
                &self.access_key,
                networks,
                glob(&self.user_agent),
                (time(self.since), time(self.until)),
                &self.events,
            )
        )
    }

    /// The days of the records that it can select; none: without end.
    #[must_use]
    pub fn days(&self) -> (Option<Day>, Option<Day>) {
        (self.since.map(Timestamp::day), self.until.map(Timestamp::day))
    }

    /// Whether all its selectors match. What a record does not say matches no selector.
    #[must_use]
    pub fn matches(&self, reading: &Reading<'_>) -> bool {
        let origin = &reading.origin;
        let glob = |wanted: &Option<GlobMatcher>, text: Option<&str>| {
            wanted.as_ref().is_none_or(|glob| text.is_some_and(|text| glob.is_match(text)))
        };
        let says = reading.actor.says.as_deref();
        let session = self.session.as_ref().is_none_or(|glob| {
            says.is_some_and(|says| {
                glob.is_match(says) || says.rsplit(['/', ':']).next().is_some_and(|name| glob.is_match(name))
            })
        });
        let address = || origin.address.as_deref().and_then(|text| text.parse::<std::net::IpAddr>().ok());
        session
            && glob(&self.principal, Some(&reading.actor.principal))
            && glob(&self.user_agent, origin.agent.as_deref())
            && self.access_key.as_deref().is_none_or(|key| origin.key.as_deref() == Some(key))
            && (self.networks.is_empty()
                || address().is_some_and(|ip| self.networks.iter().any(|net| net.contains(&ip))))
            && self.since.is_none_or(|since| reading.at.is_known() && reading.at >= since)
            && self.until.is_none_or(|until| reading.at.is_known() && reading.at <= until)
            && (self.events.is_empty()
                || reading.event.as_deref().is_some_and(|id| self.events.iter().any(|known| known == id)))
    }
}

fn is_for(principal: Option<&GlobMatcher>, id: &str) -> bool {
    principal.is_none_or(|glob| glob.is_match(id))
}

impl Never {
    /// Whether the entry forbids the action on any of the names the pattern stands for.
    #[must_use]
    pub fn forbids(&self, principal: &str, action: &str, on: Option<&Pattern>) -> bool {
        let action = action.to_ascii_lowercase();
        is_for(self.principal.as_ref(), principal)
            && self.actions.iter().any(|known| known.matches(&action))
            && match (&self.resource, on) {
                (None, _) => true,
                (Some(known), Some(on)) => known.overlaps(on),
                (Some(known), None) => known.to_string() == "*",
            }
    }

    /// Whether a row is one of those it forbids.
    #[must_use]
    pub fn matches(&self, row: &Row) -> bool {
        self.forbids(&row.principal, &row.action, On::of(row).pattern())
    }
}

impl Keep {
    /// Whether the entry is about the principal.
    #[must_use]
    pub fn is_for(&self, principal: &str) -> bool {
        is_for(self.principal.as_ref(), principal)
    }

    /// Whether it grants what the row asks for.
    #[must_use]
    pub fn covers(&self, row: &Row) -> bool {
        let on = On::of(row);
        self.is_for(&row.principal)
            && self.actions.iter().any(|action| action.eq_ignore_ascii_case(&row.action))
            && match (&self.resource, on.pattern()) {
                (Some(known), Some(on)) => known.covers(on),
                (None, _) => true,
                (Some(_), None) => false,
            }
    }
}

impl Prefix {
    /// Whether the entry is about the principal.
    #[must_use]
    pub fn is_for(&self, principal: &str) -> bool {
        is_for(self.principal.as_ref(), principal)
    }
}

impl Intent {
    /// The first entry that keeps a reading from being learned.
    #[must_use]
    pub fn withholds(&self, reading: &Reading<'_>) -> Option<usize> {
        self.exclude.iter().position(|entry| entry.matches(reading))
    }

    /// Whether some entry keeps what the row asks for.
    #[must_use]
    pub fn keeps(&self, row: &Row) -> bool {
        self.keep.iter().any(|entry| entry.covers(row))
    }

    /// The first entry that forbids a grant.
    #[must_use]
    pub fn forbids(&self, principal: &str, action: &str, on: Option<&Pattern>) -> Option<&Never> {
        self.never.iter().find(|entry| entry.forbids(principal, action, on))
    }

    /// The entries that decided why a row is not granted, by name. `withheld` is how many records each `[[exclude]]` entry
    /// took: of a row alone it cannot be told which of those that select its principal it was.
    #[must_use]
    pub fn decided(&self, row: &Row, withheld: &[u64]) -> Vec<String> {
        match row.exempt {
            Some("never") => {
                self.never.iter().filter(|e| e.matches(row)).map(|e| e.meta.name("never")).collect()
            }
            Some("break-glass") => {
                let all = self.break_glass.iter().filter(|e| e.principal.is_match(&*row.principal));
                all.map(|e| e.meta.name("break_glass")).collect()
            }
            Some("withheld") => {
                let all = self.exclude.iter().zip(withheld).filter(|(e, count)| {
                    **count > 0 && e.principal.as_ref().is_none_or(|glob| glob.is_match(&*row.principal))
                });
                all.map(|(e, _)| e.meta.name("exclude")).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether the principal is for emergencies only.
    #[must_use]
    pub fn is_break_glass(&self, principal: &str) -> bool {
        self.break_glass.iter().any(|entry| entry.principal.is_match(principal))
    }

    /// Whether the principal is declared to be a CI system's.
    #[must_use]
    pub fn is_ci(&self, principal: &str) -> bool {
        self.ci.iter().any(|entry| entry.principal.is_match(principal))
    }
}
