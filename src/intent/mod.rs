//! What people decided, in a file of its own: what to keep, what never to grant, which incident not to learn from.
//!
//! The log shows what happened; only a person knows whether it should have. An entry says who decided it and why, may
//! expire, and is told when it matches nothing. Entries that need an event's source, user agent, key or id are applied
//! while reading ([`Intent::withholds`]), since none of these leave the decoder; all others are applied to the table.

mod boundary;
mod entry;
mod file;
mod select;

pub use boundary::Boundary;
pub use file::{Problem, parse};

use crate::model::pattern::Pattern;
use crate::model::time::{Day, Timestamp};
use globset::GlobMatcher;
use ipnet::IpNet;

/// Who decided an entry, why, until when, and where it stands.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// Name of the file.
    pub file: String,
    /// Line of the entry.
    pub line: usize,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The last day on which it holds.
    pub expires: Option<Day>,
}

impl Meta {
    /// The entry as messages name it.
    #[must_use]
    pub fn name(&self, kind: &str) -> String {
        let owner = self.owner.as_deref().map(|owner| format!(", {owner}")).unwrap_or_default();
        let reason = self.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{} line {} [[{kind}]]{owner}{reason}", self.file, self.line)
    }
}

/// Granted without or despite missing use.
#[derive(Clone, Debug)]
pub struct Keep {
    /// Who decided.
    pub meta: Meta,
    /// To whom; none: to every principal with documents that the resource's account admits.
    pub principal: Option<GlobMatcher>,
    /// Actions.
    pub actions: Vec<String>,
    /// On what; none for actions without resource types.
    pub resource: Option<Pattern>,
}

/// Never granted, and told when it was used.
#[derive(Clone, Debug)]
pub struct Never {
    /// Who decided.
    pub meta: Meta,
    /// To whom not; none: to nobody.
    pub principal: Option<GlobMatcher>,
    /// Actions, wildcards allowed, letter case ignored.
    pub actions: Vec<Pattern>,
    /// On what; none: on anything.
    pub resource: Option<Pattern>,
}

/// Uses that are not to be learned from: all the selectors given must match.
#[derive(Clone, Debug, Default)]
pub struct Exclude {
    /// Who decided.
    pub meta: Meta,
    pub(crate) principal: Option<GlobMatcher>,
    pub(crate) session: Option<GlobMatcher>,
    pub(crate) access_key: Option<String>,
    pub(crate) networks: Vec<IpNet>,
    pub(crate) user_agent: Option<GlobMatcher>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) events: Vec<String>,
}

/// A principal for emergencies: no document, each use a finding.
#[derive(Clone, Debug)]
pub struct BreakGlass {
    /// Who decided.
    pub meta: Meta,
    /// Which.
    pub principal: GlobMatcher,
}

/// A name prefix that stands for one thing.
#[derive(Clone, Debug)]
pub struct Prefix {
    /// Who decided.
    pub meta: Meta,
    /// For whom; none: for all.
    pub principal: Option<GlobMatcher>,
    /// The prefix.
    pub value: String,
}

/// A principal that is a CI system's.
#[derive(Clone, Debug)]
pub struct Ci {
    /// Who decided.
    pub meta: Meta,
    /// Which.
    pub principal: GlobMatcher,
}

/// A loosening chosen for a principal whose grants do not fit.
#[derive(Clone, Debug)]
pub struct Loosen {
    /// Who decided.
    pub meta: Meta,
    /// For whom.
    pub principal: GlobMatcher,
    /// Step, as the table of loosenings names it.
    pub step: String,
}

/// The whole file.
#[derive(Clone, Debug, Default)]
pub struct Intent {
    /// Kept grants.
    pub keep: Vec<Keep>,
    /// Refused grants.
    pub never: Vec<Never>,
    /// Uses not to be learned from.
    pub exclude: Vec<Exclude>,
    /// Emergency principals.
    pub break_glass: Vec<BreakGlass>,
    /// Declared prefixes.
    pub prefix: Vec<Prefix>,
    /// Declared CI principals.
    pub ci: Vec<Ci>,
    /// Chosen loosenings.
    pub loosen: Vec<Loosen>,
    /// Access boundaries.
    pub access_boundary: Vec<Boundary>,
}

impl Intent {
    /// All entries with their kind, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> Vec<(&'static str, &Meta)> {
        let mut all: Vec<(&'static str, &Meta)> = Vec::new();
        all.extend(self.keep.iter().map(|e| ("keep", &e.meta)));
        all.extend(self.never.iter().map(|e| ("never", &e.meta)));
        all.extend(self.exclude.iter().map(|e| ("exclude", &e.meta)));
        all.extend(self.break_glass.iter().map(|e| ("break_glass", &e.meta)));
        all.extend(self.prefix.iter().map(|e| ("prefix", &e.meta)));
        all.extend(self.ci.iter().map(|e| ("ci", &e.meta)));
        all.extend(self.loosen.iter().map(|e| ("loosen", &e.meta)));
        all.extend(self.access_boundary.iter().map(|e| ("access_boundary", &e.meta)));
        all.sort_by_key(|(_, meta)| meta.line);
        all
    }

    /// The entries that still hold on that day; the others are returned by name.
    #[must_use]
    pub fn on(mut self, day: Day) -> (Self, Vec<String>) {
        let gone = |meta: &Meta| day.known().is_some() && meta.expires.is_some_and(|last| last < day);
        let expired = self.entries();
        let expired = expired.iter().filter(|(_, meta)| gone(meta)).map(|(kind, meta)| meta.name(kind));
        let expired = expired.collect();
        self.keep.retain(|e| !gone(&e.meta));
        self.never.retain(|e| !gone(&e.meta));
        self.exclude.retain(|e| !gone(&e.meta));
        self.break_glass.retain(|e| !gone(&e.meta));
        self.prefix.retain(|e| !gone(&e.meta));
        self.ci.retain(|e| !gone(&e.meta));
        self.loosen.retain(|e| !gone(&e.meta));
        self.access_boundary.retain(|e| !gone(&e.meta));
        (self, expired)
    }
}
