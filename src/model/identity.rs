//! Who acted: the principal a document could be attached to, and the session it acted in.

use super::time::{Day, Timestamp};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What sort of identity a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// AWS IAM role.
    Role,
    /// AWS IAM user, or Google user account.
    User,
    /// AWS account root.
    Root,
    /// AWS federated user without an IAM user behind it.
    Federated,
    /// AWS IAM Identity Center permission set.
    PermissionSet,
    /// A principal of an account whose own trail is not in the log.
    Account,
    /// Google service account.
    ServiceAccount,
    /// Workload or workforce identity of a pool.
    Federation,
    /// The record does not say.
    Unknown,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Role,
        Self::User,
        Self::Root,
        Self::Federated,
        Self::PermissionSet,
        Self::Account,
        Self::ServiceAccount,
        Self::Federation,
        Self::Unknown,
    ];

    /// The word scripts rely on.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::User => "user",
            Self::Root => "root",
            Self::Federated => "federated",
            Self::PermissionSet => "permission-set",
            Self::Account => "account",
            Self::ServiceAccount => "service-account",
            Self::Federation => "federation",
            Self::Unknown => "unknown",
        }
    }
}

/// The actor of one record.
#[derive(Clone, Debug)]
pub struct Actor<'a> {
    /// Principal id as the contract writes it; empty when the record does not say.
    pub principal: Cow<'a, str>,
    /// What it is.
    pub kind: Kind,
    /// Account or project the principal lives in; empty when it spans several.
    pub home: Cow<'a, str>,
    /// As logged.
    pub says: Option<Cow<'a, str>>,
    /// Hash that tells sessions apart.
    pub session: u64,
    /// Who vouched for the session: a CI system, a service, a person's sign-in.
    pub vouched: Vouched,
    /// Set when an identity document cannot or must not carry this principal's uses.
    pub exempt: Option<&'static str>,
}

/// How a principal's sessions come about, as far as the log shows; bits join by `|`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vouched(pub u8);

impl Vouched {
    /// A CI system's web identity.
    pub const CI: Self = Self(1);
    /// A cloud service assumed the role.
    pub const SERVICE: Self = Self(2);
    /// A person signed in.
    pub const PERSON: Self = Self(4);

    /// Joins what two records show.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all bits of `other` are set.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One principal, as far as the log shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PrincipalUse {
    /// Id as the contract writes it; empty for records without one.
    pub id: String,
    /// Cloud.
    pub cloud: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Account or project it lives in.
    pub home: String,
    /// How its sessions come about.
    pub vouched: Vouched,
    /// Records.
    pub events: u64,
    /// Distinct actions in those.
    pub actions: usize,
    /// Days on which it was seen, with the sessions that began on each.
    pub calendar: BTreeMap<Day, usize>,
    /// First and last record.
    pub span: (Timestamp, Timestamp),
}

impl PrincipalUse {
    /// Days on which it was seen.
    #[must_use]
    pub fn days(&self) -> usize {
        self.calendar.len()
    }

    /// Sessions that began on those.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.calendar.values().sum()
    }

    /// The same principal, declared to be a CI system's.
    #[must_use]
    pub fn declared_ci(mut self) -> Self {
        self.vouched = self.vouched.or(Vouched::CI);
        self
    }

    /// Adds what a former run saw of the same principal. A day that both saw counts once.
    #[must_use]
    pub fn with(mut self, former: &Self) -> Self {
        for (day, sessions) in &former.calendar {
            let known = self.calendar.entry(*day).or_default();
            *known = (*known).max(*sessions);
        }
        self.vouched = self.vouched.or(former.vouched);
        self.span = (self.span.0.min(former.span.0), self.span.1.later(former.span.1));
        self
    }
}

/// A role that a principal holds somewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// Project, folder or organization.
    pub scope: String,
    /// The role.
    pub role: String,
    /// The principal as the policy writes it.
    pub member: String,
    /// Under a condition only.
    pub conditional: bool,
}

/// What becomes of a principal (semantics rule 19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disposition {
    /// For emergencies: each use is a finding.
    BreakGlass,
    /// Gets documents to attach.
    Policy,
    /// Gets one permission set for all its accounts.
    PermissionSet,
    /// Is reported, nothing is written.
    ReportOnly,
    /// Belongs to another account.
    External,
    /// Belongs to the platform: organization access, Control Tower, StackSets, CDK bootstrap.
    Infrastructure,
}

impl Disposition {
    /// The word scripts rely on.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BreakGlass => "break-glass",
            Self::Policy => "policy",
            Self::PermissionSet => "permission-set",
            Self::ReportOnly => "report-only",
            Self::External => "external",
            Self::Infrastructure => "infrastructure",
        }
    }

    /// Whether documents are written.
    #[must_use]
    pub fn documented(self) -> bool {
        matches!(self, Self::Policy | Self::PermissionSet)
    }
}
