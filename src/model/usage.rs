//! A use: one permission that one log record proves to have been exercised.

use super::denial::Refused;
use super::event::EventId;
use super::identity::Actor;
use super::name::Name;
use super::time::{Day, Timestamp};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What came of a call, in the order of how much it proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The call succeeded.
    Allowed,
    /// Authorised, then failed for a reason that comes after authorisation.
    Failed,
    /// Failed for a reason that may come before authorisation: proves nothing.
    Unproven,
    /// Refused by a policy.
    Denied,
    /// Allowed, but not to be learned.
    Withheld,
}

impl Outcome {
    /// The word scripts rely on.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Failed => "failed",
            Self::Unproven => "unproven",
            Self::Denied => "denied",
            Self::Withheld => "withheld",
        }
    }

    /// Whether the permission was used, granted for it or not.
    #[must_use]
    pub fn shows_use(self) -> bool {
        self.grants() || self == Self::Withheld
    }

    /// Whether a use with this outcome asks for a grant.
    #[must_use]
    pub fn grants(self) -> bool {
        matches!(self, Self::Allowed | Self::Failed)
    }
}

/// How the log shows that the permission was needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// The event itself is the use.
    Event,
    /// The request proves a second permission (a role passed, a tag set).
    Inferred,
    /// The answer proves it.
    Implied,
    /// Evidence for a trust policy; never granted in an identity policy.
    Trust,
}

impl Basis {
    /// The word scripts rely on.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Inferred => "inferred",
            Self::Implied => "implied",
            Self::Trust => "trust",
        }
    }
}

/// How much of the resource the log names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The log names the resource.
    Named,
    /// The action takes no resource.
    Service,
    /// The call ranged over the whole type in that account and region.
    All,
    /// Only a pattern of the name is known.
    Partial,
    /// The log did not say.
    Unseen,
}

impl Level {
    /// The word scripts rely on.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Service => "service",
            Self::All => "all",
            Self::Partial => "partial",
            Self::Unseen => "unseen",
        }
    }
}

/// What a use was exercised on.
///
/// `text` is the literal name for [`Level::Named`], empty for [`Level::Service`], otherwise a pattern in the
/// notation of [`super::pattern`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target<'a> {
    /// How much the log says.
    pub level: Level,
    /// Name or pattern.
    pub text: Name<'a>,
}

impl<'a> Target<'a> {
    /// A resource the log names.
    pub fn named(name: impl Into<Name<'a>>) -> Self {
        Self { level: Level::Named, text: name.into() }
    }

    /// An action without resource level.
    #[must_use]
    pub fn service() -> Self {
        Self { level: Level::Service, text: Name::Borrowed("") }
    }

    /// A resource that the log names only as what `key` holds, `key` being the full name of something else. No real
    /// name has angle brackets, so the pattern matches nothing.
    #[must_use]
    pub fn hole(head: &str, key: &str) -> Self {
        let text = super::pattern::escape(&format!("{head}<{key}>"));
        Self::pattern(Level::Unseen, text)
    }

    /// The parts of a [`Target::hole`]: what its names begin with, and the key.
    #[must_use]
    pub fn as_hole(&self) -> Option<(String, String)> {
        let text = (self.level == Level::Unseen && self.text.ends_with('>')).then_some(&*self.text)?;
        let pattern = super::pattern::Pattern::parse(text);
        let (head, key) = pattern.name()?.strip_suffix('>')?.split_once('<')?;
        Some((head.to_owned(), key.to_owned()))
    }

    /// The same, with all it has of a record copied.
    #[must_use]
    pub fn owned(&self) -> Target<'static> {
        Target { level: self.level, text: self.text.owned() }
    }

    /// A resource of which only `pattern` is known.
    pub fn pattern(level: Level, pattern: impl Into<Name<'a>>) -> Self {
        Self { level, text: pattern.into() }
    }
}

/// Condition keys one use attests, with their values.
pub type Context<'a> = Vec<(&'static str, Cow<'a, str>)>;

/// One exercised permission, borrowed from the record.
#[derive(Clone, Debug)]
pub struct Use<'a> {
    /// Canonical action or permission name.
    pub action: Cow<'a, str>,
    /// On what.
    pub target: Target<'a>,
    /// Where it can be granted: an account (AWS) or `projects/ID`, `projects/ID/serviceAccounts/A`, `folders/N`,
    /// `organizations/N` (Google); `organizations/N/folders/N` where it is known whose folder it is.
    pub scope: Cow<'a, str>,
    /// What came of it.
    pub outcome: Outcome,
    /// How it was proved.
    pub basis: Basis,
    /// Condition keys the log attests.
    pub context: Context<'a>,
    /// Which rule says so.
    pub rule: Cow<'a, str>,
    /// Why no identity document carries it, where the use itself says so.
    pub exempt: Option<&'static str>,
    /// Length of the part of the name that holds a family of object-like names (a bucket), where there may be
    /// millions of them.
    pub family: Option<usize>,
}

/// A record that is in the log twice on purpose, and how its copies find each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Join {
    /// Others that follow one of these stand back.
    pub leads: [Option<u64>; 2],
    /// This copy counts only where none that leads with the key is in the log; otherwise it is skipped under the reason.
    pub follows: Option<(u64, super::tally::Skip)>,
    /// With this key, each use leads for itself, or stands back where another copy's leads.
    pub uses: Option<u64>,
}

impl Join {
    /// A copy that counts.
    #[must_use]
    pub fn leads(key: u64) -> Self {
        Self { leads: [Some(key), None], ..Self::default() }
    }

    /// A copy that counts for want of a better one.
    #[must_use]
    pub fn follows(key: u64, why: super::tally::Skip) -> Self {
        Self { follows: Some((key, why)), ..Self::default() }
    }
}

/// Where a record says a call came from. Read to select what is not to be learned from; it leaves no stage after that.
#[derive(Clone, Debug, Default)]
pub struct Origin<'a> {
    /// Source address.
    pub address: Option<Cow<'a, str>>,
    /// User agent.
    pub agent: Option<Cow<'a, str>>,
    /// Id of the key that signed the call.
    pub key: Option<Cow<'a, str>>,
}

/// One record that proves uses.
#[derive(Clone, Debug)]
pub struct Reading<'a> {
    /// When.
    pub at: Timestamp,
    /// The record's own id, where it has one.
    pub event: Option<Cow<'a, str>>,
    /// Who, as logged and as attributed.
    pub actor: Actor<'a>,
    /// Where it came from.
    pub origin: Origin<'a>,
    /// Account or project the record belongs to.
    pub account: Cow<'a, str>,
    /// Region, empty where the cloud has none.
    pub region: Cow<'a, str>,
    /// Service that called on the principal's behalf.
    pub via: Option<Cow<'a, str>>,
    /// Copies of one call.
    pub join: Option<Join>,
    /// The uses, at least one.
    pub uses: Vec<Use<'a>>,
    /// What was refused, where the record tells of a refusal.
    pub refused: Vec<Refused>,
}

/// A name in a record that a filter left out: no use, but evidence that the name is somebody's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bystander {
    /// Cloud.
    pub cloud: &'static str,
    /// Resource name, or what many object names begin with.
    pub name: String,
    /// Who called.
    pub principal: String,
    /// Whether the call was a use to learn from.
    pub used: bool,
}

/// What the rule of a row ends in when its object names were joined because there were too many to keep apart.
pub const COLLAPSED: &str = "+collapsed";

/// One row of the usage table, resolved: what the later stages read. Texts that many rows have are shared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// Cloud.
    pub cloud: &'static str,
    /// Principal id, empty when unattributable.
    pub principal: Arc<str>,
    /// Canonical action.
    pub action: Arc<str>,
    /// Resource name or pattern.
    pub target: Target<'static>,
    /// Where it can be granted.
    pub scope: Arc<str>,
    /// Attested condition keys.
    pub context: Arc<BTreeMap<String, String>>,
    /// What came of it.
    pub outcome: Outcome,
    /// How it was proved.
    pub basis: Basis,
    /// Calling service.
    pub via: Option<Arc<str>>,
    /// Rule that named action and resource.
    pub rule: Arc<str>,
    /// Why no document carries it.
    pub exempt: Option<&'static str>,
    /// How often and when.
    pub seen: Seen,
}

impl Row {
    /// Whether it is the same use, however often and whenever it was seen.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let ids = (self.cloud, self.outcome, self.basis, self.exempt)
            == (other.cloud, other.outcome, other.basis, other.exempt);
        ids && self.principal == other.principal
            && self.action == other.action
            && self.target == other.target
            && self.scope == other.scope
            && self.context == other.context
            && self.via == other.via
            && self.rule == other.rule
    }
}

/// How often something was seen, and when. Merging is commutative and associative.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Number of records.
    pub count: u64,
    /// First of them.
    pub first: Timestamp,
    /// Last of them.
    pub last: Timestamp,
    /// The earliest record, by time then id.
    pub sample: (Timestamp, EventId),
}

impl Seen {
    /// One sighting.
    #[must_use]
    pub fn once(at: Timestamp, event: &str) -> Self {
        Self { count: 1, first: at, last: at, sample: (at, event.into()) }
    }

    /// Adds one sighting without allocating unless it becomes the sample.
    pub fn add(&mut self, at: Timestamp, event: &str) {
        self.count = self.count.saturating_add(1);
        self.first = self.first.min(at);
        self.last = self.last.later(at);
        if at < self.sample.0 || (at == self.sample.0 && self.sample.1.cmp_text(event).is_gt()) {
            self.sample = (at, event.into());
        }
    }

    /// Joins two sightings.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.first = self.first.min(other.first);
        self.last = self.last.later(other.last);
        if other.sample < self.sample {
            self.sample.clone_from(&other.sample);
        }
    }

    /// The day of the first sighting.
    #[must_use]
    pub fn day(&self) -> Day {
        self.first.day()
    }
}
