//! Where every record went: records = used + duplicate + skipped + malformed.

use super::time::Day;
use std::collections::BTreeMap;

/// Why a record gave no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skip {
    /// Left out by `--since`, `--account` and their like.
    Filtered,
    /// A service acting for itself.
    Service,
    /// A service-linked role.
    ServiceLinkedRole,
    /// A Google service agent or `system:` identity.
    ServiceAgent,
    /// The call needs no permission.
    NoPermission,
    /// A service's own notice, not a call.
    ServiceEvent,
    /// Written by Google itself.
    SystemEvent,
    /// Refused by VPC Service Controls or an organization policy.
    PolicyDenied,
    /// A CloudTrail Insights finding.
    Insight,
    /// A network activity event of a VPC endpoint.
    NetworkActivity,
    /// A summary of data events.
    Aggregated,
    /// Kubernetes' own access control.
    Kubernetes,
    /// Google Workspace's own log.
    Workspace,
    /// A question about permissions, not a use of them.
    TestPermissions,
    /// The owner's copy of a call that the caller's trail holds too.
    OtherAccountCopy,
    /// The end of an operation whose start was counted.
    OperationEnd,
    /// The call succeeded, but by nothing that its rows name: none of them says that it was granted.
    NotGranted,
    /// No rule knows which permission the call needs.
    Unmapped,
    /// A record of something else than an audit event.
    NotAnEvent,
}

impl Skip {
    /// All reasons.
    pub const ALL: [Self; 19] = [
        Self::Filtered,
        Self::Service,
        Self::ServiceLinkedRole,
        Self::ServiceAgent,
        Self::NoPermission,
        Self::ServiceEvent,
        Self::SystemEvent,
        Self::PolicyDenied,
        Self::Insight,
        Self::NetworkActivity,
        Self::Aggregated,
        Self::Kubernetes,
        Self::Workspace,
        Self::TestPermissions,
        Self::OtherAccountCopy,
        Self::OperationEnd,
        Self::NotGranted,
        Self::Unmapped,
        Self::NotAnEvent,
    ];

    /// The word scripts rely on.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filtered => "filtered",
            Self::Service => "service",
            Self::ServiceLinkedRole => "service-linked-role",
            Self::ServiceAgent => "service-agent",
            Self::NoPermission => "no-permission",
            Self::ServiceEvent => "service-event",
            Self::SystemEvent => "system-event",
            Self::PolicyDenied => "policy-denied",
            Self::Insight => "insight",
            Self::NetworkActivity => "network-activity",
            Self::Aggregated => "aggregated",
            Self::Kubernetes => "kubernetes",
            Self::Workspace => "workspace",
            Self::TestPermissions => "test-permissions",
            Self::OtherAccountCopy => "other-account-copy",
            Self::OperationEnd => "operation-end",
            Self::NotGranted => "not-granted",
            Self::Unmapped => "unmapped",
            Self::NotAnEvent => "not-an-event",
        }
    }
}

/// A file or a part of one that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unreadable {
    /// Path as given.
    pub path: String,
    /// What is wrong and what to do.
    pub why: String,
}

/// Counts of one UTC day, so that a window can be cut after reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayTally {
    /// Records that gave at least one use.
    pub used: u64,
    /// Records that gave none, by reason.
    pub skipped: BTreeMap<Skip, u64>,
}

/// Where every record went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By day; `None` for records without a readable time.
    pub days: BTreeMap<Option<Day>, DayTally>,
    /// Exact copies of another record.
    pub duplicate: u64,
    /// Records that could not be understood.
    pub malformed: u64,
    /// Records that share an id with another but not the content.
    pub id_reused: u64,
    /// Files with as many records as a download can have.
    pub full: u64,
    /// Files read, for the summary.
    pub files: u64,
    /// Bytes of JSON read, for the summary.
    pub bytes: u64,
    /// What could not be read.
    pub unreadable: Vec<Unreadable>,
}

impl Tally {
    /// Counts a record that gave uses.
    pub fn used(&mut self, day: Option<Day>) {
        self.days.entry(day.and_then(Day::known)).or_default().used += 1;
    }

    /// Counts a record that gave none.
    pub fn skip(&mut self, day: Option<Day>, why: Skip, count: u64) {
        if count > 0 {
            *self.days.entry(day.and_then(Day::known)).or_default().skipped.entry(why).or_default() += count;
        }
    }

    /// Adds another tally; order does not matter.
    pub fn merge(&mut self, other: Self) {
        for (day, theirs) in other.days {
            let ours = self.days.entry(day).or_default();
            ours.used += theirs.used;
            for (why, count) in theirs.skipped {
                *ours.skipped.entry(why).or_default() += count;
            }
        }
        self.duplicate += other.duplicate;
        self.malformed += other.malformed;
        self.id_reused += other.id_reused;
        self.full += other.full;
        self.files += other.files;
        self.bytes += other.bytes;
        self.unreadable.extend(other.unreadable);
        self.unreadable.sort();
    }

    /// Turns every record outside the window into `filtered`.
    pub fn cut(&mut self, keeps: impl Fn(Day) -> bool) {
        for (day, counts) in &mut self.days {
            if day.is_none_or(&keeps) {
                continue;
            }
            let all = counts.used + counts.skipped.values().sum::<u64>();
            *counts = DayTally { used: 0, skipped: BTreeMap::from([(Skip::Filtered, all)]) };
        }
    }

    /// Records that gave at least one use.
    #[must_use]
    pub fn total_used(&self) -> u64 {
        self.days.values().map(|d| d.used).sum()
    }

    /// Records that gave none, by reason.
    #[must_use]
    pub fn total_skipped(&self) -> BTreeMap<Skip, u64> {
        let mut all = BTreeMap::new();
        for day in self.days.values() {
            for (why, count) in &day.skipped {
                *all.entry(*why).or_default() += count;
            }
        }
        all
    }

    /// All records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.total_used() + self.duplicate + self.malformed + self.total_skipped().values().sum::<u64>()
    }

    /// The newest day any record fell on.
    #[must_use]
    pub fn newest(&self) -> Option<Day> {
        self.days.keys().rev().find_map(|d| *d)
    }
}
