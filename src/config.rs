//! Settings as the stages see them: no command-line types below here.

use crate::model::time::{Day, Timestamp};
use globset::GlobSet;

/// Name of the file that tells that a folder is a store.
pub const STORE_MARKER: &str = "leastgrant-store.json";

/// One end of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// This day.
    On(Day),
    /// So many days before the newest record read.
    Back(i32),
}

impl Edge {
    /// Reads a day, an RFC 3339 time or `90d`.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(days) = text.strip_suffix('d').and_then(|n| n.parse::<i32>().ok()).filter(|n| *n >= 0) {
            return Ok(Self::Back(days));
        }
        Day::parse(text).map(Self::On).ok_or_else(|| {
            format!("`{text}` is no time: write 2026-11-03, 2026-11-03T09:00:00Z or 90d (days before the newest record)")
        })
    }

    /// The day, where `newest` is that of the newest record.
    #[must_use]
    pub fn day(self, newest: Day) -> Day {
        match self {
            Self::On(day) => day,
            Self::Back(days) => Day(newest.0.saturating_sub(days)),
        }
    }
}

/// One end of a window as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The end.
    pub edge: Edge,
    text: String,
}

impl Bound {
    /// Reads what [`Edge::parse`] does.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { edge: Edge::parse(text)?, text: text.to_owned() })
    }

    /// What is to be said where it lies within a day: windows are whole days.
    #[must_use]
    pub fn rounded(&self, flag: &str, first: bool) -> Option<String> {
        let at = Timestamp::parse(&self.text)?;
        let (start, day) = (at.day().start(), at.day());
        let second = (at.0 - start.0) / 1_000_000;
        let whole = if first { at == start } else { second == 86_399 };
        let what = if first { "from its beginning on" } else { "up to its end" };
        (!whole).then(|| {
            format!(
                "`{flag} {}` lies within a day, and windows are whole days (UTC): {day} counts {what}",
                self.text
            )
        })
    }
}

/// Which records count, and what of them.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Principals, any of these globs; none: all.
    pub principals: Option<GlobSet>,
    /// The same globs as they were given.
    pub globs: Vec<String>,
    /// Accounts or projects; none: all.
    pub accounts: Vec<String>,
    /// Regions; none: all.
    pub regions: Vec<String>,
    /// Clouds; none: all.
    pub clouds: Vec<String>,
    /// First day.
    pub since: Option<Edge>,
    /// Last day.
    pub until: Option<Edge>,
    /// Condition keys to attest beside those that always are.
    pub conditions: Vec<String>,
}

impl Filter {
    /// Whether records of that day are in the window; whole days, rounded outward.
    #[must_use]
    pub fn in_window(&self, day: Day, newest: Day) -> bool {
        if day.known().is_none() {
            return true;
        }
        self.since.is_none_or(|edge| day >= edge.day(newest))
            && self.until.is_none_or(|edge| day <= edge.day(newest))
    }

    /// Whether there is a window at all; without one, nobody needs to know on which day a use was.
    #[must_use]
    pub fn has_window(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// Whether a record passes everything but the window.
    #[must_use]
    pub fn takes(&self, cloud: &str, principal: &str, account: &str, region: &str) -> bool {
        self.takes_place(cloud, account, region)
            && self.principals.as_ref().is_none_or(|globs| globs.is_match(principal))
    }

    /// Whether records of the account and region pass, whoever acted.
    #[must_use]
    pub fn takes_place(&self, cloud: &str, account: &str, region: &str) -> bool {
        let listed =
            |list: &[String], value: &str| list.is_empty() || list.iter().any(|known| known == value);
        listed(&self.clouds, cloud) && listed(&self.accounts, account) && listed(&self.regions, region)
    }
}

/// Evidence that a document needs before it is called ready (semantics rule 9).
#[derive(Clone, Copy, Debug)]
pub struct Minimums {
    /// Sessions of a CI principal.
    pub ci_sessions: usize,
    /// Days on which a CI principal was seen.
    pub ci_days: usize,
    /// Days between first and last use of a workload.
    pub workload_days: i32,
    /// Days between first and last use of a person.
    pub person_days: i32,
}

impl Default for Minimums {
    fn default() -> Self {
        Self { ci_sessions: 3, ci_days: 2, workload_days: 30, person_days: 90 }
    }
}

/// How grants are made from rows.
#[derive(Clone, Debug, Default)]
pub struct Shaping {
    /// Names stay as they were seen.
    pub exact: bool,
    /// Stacks whose names stand for one thing.
    pub stacks: Vec<String>,
}
