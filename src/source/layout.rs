//! How trails and sinks lay their objects out, so that only what is asked for is listed and fetched.
//!
//! - CloudTrail: `[prefix/]AWSLogs/[o-ID/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/NAME.json.gz`, beside it `CloudTrail-Digest`,
//!   `CloudTrail-Insight` and the logs of other services
//!   (<https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>).
//! - Log sinks: `[prefix/]LOG/YYYY/MM/DD/HH:00:00_HH:59:59_S0.json`, where audit logs begin with
//!   `cloudaudit.googleapis.com` (<https://docs.cloud.google.com/logging/docs/export/storage>).
//!
//! Objects that lie in neither way are all read: their content tells what they are.

use crate::config::{Edge, Filter};
use crate::model::time::Day;

/// The folder that all logs of AWS services lie in.
const AWS: &str = "AWSLogs";
/// How the folders of Cloud Audit Logs begin.
const AUDIT: &str = "cloudaudit.googleapis.com";
/// An object is written at most so many days after its records: deliveries of a day's last minutes come on the next one.
const LATE: i32 = 1;

/// What an object is, by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A log, or something whose content must tell.
    Log,
    /// Hashes of log files.
    Digest,
    /// Findings about unusual activity, no calls.
    Insight,
    /// Another service's log.
    Other,
    /// What consoles write so that a folder shows.
    Folder,
}

/// Which part of the layout a prefix leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Above or beside every layout.
    Unknown,
    /// Accounts and organizations lie below.
    Accounts,
    /// An account: services lie below.
    Services,
    /// `CloudTrail`: regions lie below.
    Regions,
    /// `cloudaudit.googleapis.com`: logs lie below.
    Logs,
    /// A region of a trail, or an audit log: years lie below.
    Years,
    /// Part of a date, or further down.
    Dated,
    /// Left alone as a whole.
    Not,
}

/// The days of which objects are wanted, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Days {
    /// The first.
    pub(super) from: Option<Day>,
    /// The last.
    pub(super) to: Option<Day>,
}

/// What is wanted of a bucket.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    accounts: Vec<String>,
    regions: Vec<String>,
    /// The window, as far as it is known.
    pub(super) days: Days,
}

/// Whether an end of the window is counted back from the newest record.
pub(super) fn relative(filter: &Filter) -> bool {
    [filter.since, filter.until].iter().any(|edge| matches!(edge, Some(Edge::Back(_))))
}

impl Scope {
    /// Takes from the filters what the layout shows; `newest` is the day of the newest object, where the window needs it.
    pub(super) fn new(filter: &Filter, newest: Option<Day>) -> Self {
        let days = Days {
            // The newest record may be older than the newest object, so the window starts that much earlier.
            from: match filter.since {
                Some(Edge::On(day)) => Some(day),
                Some(Edge::Back(days)) => newest.map(|newest| later(newest, -days.saturating_add(LATE))),
                None => None,
            },
            to: match filter.until {
                Some(Edge::On(day)) => Some(later(day, LATE)),
                Some(Edge::Back(days)) => newest.map(|newest| later(newest, LATE - days)),
                None => None,
            },
        };
        Self { accounts: filter.accounts.clone(), regions: filter.regions.clone(), days }
    }

    /// Whether regions or days narrow what lies below `CloudTrail/`.
    pub(super) fn narrows_regions(&self) -> bool {
        !self.regions.is_empty() || self.days != Days::default()
    }

    /// Whether what lies below a folder of the layout may be wanted, by the folder's name.
    pub(super) fn enters(&self, level: Level, name: &str) -> bool {
        let listed = |list: &[String]| list.is_empty() || list.iter().any(|known| known == name);
        match level {
            Level::Accounts if is_account(name) => listed(&self.accounts),
            Level::Services => name.starts_with("CloudTrail") && kind_of_service(name) == Kind::Log,
            Level::Regions => listed(&self.regions),
            _ => true,
        }
    }

    /// Whether an object may hold what is wanted, by its key.
    pub(super) fn takes(&self, key: &str) -> bool {
        let place = Place::of(key);
        let listed = |list: &[String], name: Option<&str>| {
            list.is_empty() || name.is_none_or(|n| list.iter().any(|k| k == n))
        };
        listed(&self.accounts, place.account)
            && listed(&self.regions, place.region)
            && place.day.is_none_or(|day| {
                self.days.from.is_none_or(|from| day >= from) && self.days.to.is_none_or(|to| day <= to)
            })
    }
}

/// Where a key says that the records are from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place<'k> {
    account: Option<&'k str>,
    region: Option<&'k str>,
    /// The day in the path.
    pub(super) day: Option<Day>,
}

impl<'k> Place<'k> {
    /// Reads a key.
    pub(super) fn of(key: &'k str) -> Self {
        let folders = folders(key);
        if let Some(below) = below(&folders, |name| name == AWS) {
            let below = below.strip_prefix(&[organization(below)]).unwrap_or(below);
            let [account, _, region, date @ ..] = below else { return Self::default() };
            return Self { account: Some(*account), region: Some(*region), day: day(date) };
        }
        let dated = below(&folders, |name| name.starts_with(AUDIT));
        // Audit logs are `cloudaudit.googleapis.com/activity` in sinks, one folder with `%2F` in copies of some tools.
        let dated =
            dated.map(|below| if day(below).is_some() { below } else { below.get(1..).unwrap_or(&[]) });
        Self { day: dated.and_then(day), ..Self::default() }
    }
}

/// The organization's id where the path has one.
fn organization<'k>(below: &[&'k str]) -> &'k str {
    below.first().filter(|name| name.starts_with("o-")).copied().unwrap_or("\0")
}

/// The folders of a key.
fn folders(key: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = key.split('/').collect();
    parts.pop();
    parts
}

/// What lies below the last folder that is meant.
fn below<'a, 'k>(folders: &'a [&'k str], meant: impl Fn(&str) -> bool) -> Option<&'a [&'k str]> {
    let at = folders.iter().rposition(|name| meant(name))?;
    folders.get(at + 1..)
}

fn is_account(name: &str) -> bool {
    name.len() == 12 && name.bytes().all(|b| b.is_ascii_digit())
}

fn day(parts: &[&str]) -> Option<Day> {
    let [year, month, day, ..] = parts else { return None };
    let digits = |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    if !(digits(year, 4) && digits(month, 2) && digits(day, 2)) {
        return None;
    }
    Day::parse(&format!("{year}-{month}-{day}"))
}

fn later(day: Day, days: i32) -> Day {
    Day(day.0.saturating_add(days))
}

fn kind_of_service(name: &str) -> Kind {
    match name {
        "CloudTrail-Digest" => Kind::Digest,
        "CloudTrail-Insight" => Kind::Insight,
        name if name.starts_with("CloudTrail") => Kind::Log,
        _ => Kind::Other,
    }
}

/// What an object is.
pub(super) fn kind(key: &str) -> Kind {
    if key.ends_with('/') {
        return Kind::Folder;
    }
    let folders = folders(key);
    if let Some(below) = below(&folders, |name| name == AWS) {
        let below = below.strip_prefix(&[organization(below)]).unwrap_or(below);
        return match below {
            [account, service, ..] if is_account(account) => kind_of_service(service),
            _ => Kind::Log,
        };
    }
    let told = folders
        .iter()
        .map(|name| kind_of_service(name))
        .find(|kind| matches!(kind, Kind::Digest | Kind::Insight));
    if let Some(told) = told {
        return told;
    }
    // A sink of all logs: what has the form of a sink's object and is no audit log.
    let name = key.rsplit('/').next().unwrap_or(key);
    let hourly = name.len() > 17
        && name.bytes().zip(*b"00:00:00_00:00:00").all(|(a, b)| a == b || (a.is_ascii_digit() && b == b'0'));
    let dated = folders.len() >= 4 && day(folders.get(folders.len() - 3..).unwrap_or(&[])).is_some();
    if hourly && dated && !folders.iter().any(|name| name.starts_with(AUDIT)) {
        Kind::Other
    } else {
        Kind::Log
    }
}

/// Where a folder (empty, or with its `/`) stands in the layouts.
pub(super) fn level(folder: &str) -> Level {
    let folders = folders(folder);
    if let Some(below) = below(&folders, |name| name == AWS) {
        let below = below.strip_prefix(&[organization(below)]).unwrap_or(below);
        return match below {
            [] => Level::Accounts,
            [_] => Level::Services,
            [_, service] if kind_of_service(service) == Kind::Log => Level::Regions,
            [_, service, _] if kind_of_service(service) == Kind::Log => Level::Years,
            [_, service, ..] if kind_of_service(service) == Kind::Log => Level::Dated,
            _ => Level::Not,
        };
    }
    match below(&folders, |name| name.starts_with(AUDIT)) {
        None => Level::Unknown,
        Some([]) if folders.last().is_some_and(|name| *name == AUDIT) => Level::Logs,
        Some([] | [_]) => Level::Years,
        Some(_) => Level::Dated,
    }
}

/// The first folder below `from` (bytes into the key) where a layout begins, with its `/`.
pub(super) fn begins(key: &str, from: usize) -> Option<&str> {
    let starts = key.match_indices('/').map(|(at, _)| at + 1).filter(|at| *at > from);
    let ends: Vec<usize> = starts.collect();
    ends.into_iter().filter_map(|end| key.get(..end)).find(|folder| level(folder) != Level::Unknown)
}

/// The path of a day below a folder.
fn path(day: Day) -> String {
    day.to_string().replace('-', "/")
}

/// How the dated part of a layout is listed: what all days have in common, and where to start. The end is where
/// [`past`] says so.
pub(super) fn range(folder: &str, days: Days) -> (String, Option<String>) {
    let from = days.from.map(path);
    let common = match (&from, days.to.map(path)) {
        (Some(from), Some(to)) => {
            let same = from.split_inclusive('/').zip(to.split_inclusive('/')).take_while(|(a, b)| a == b);
            same.map(|(part, _)| part).collect()
        }
        _ => String::new(),
    };
    (format!("{folder}{common}"), from.map(|from| format!("{folder}{from}")))
}

/// Whether a key, and so all keys after it in the same folder of years, is later than all days that are wanted.
pub(super) fn past(key: &str, days: Days) -> bool {
    days.to.is_some_and(|to| Place::of(key).day.is_some_and(|day| day > to))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAIL: &str = "org/AWSLogs/o-abc/111122223333/CloudTrail/eu-central-1/2026/11/03/a.json.gz";

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn tells_logs_from_what_lies_beside_them() {
        assert_eq!(kind(TRAIL), Kind::Log);
        assert_eq!(kind(&TRAIL.replace("CloudTrail/", "CloudTrail-Digest/")), Kind::Digest);
        assert_eq!(kind(&TRAIL.replace("CloudTrail/", "CloudTrail-Insight/")), Kind::Insight);
        assert_eq!(kind(&TRAIL.replace("CloudTrail/", "elasticloadbalancing/")), Kind::Other);
        assert_eq!(kind("AWSLogs/111122223333/CloudTrail/"), Kind::Folder);
        assert_eq!(kind("copies/CloudTrail-Digest/a.json.gz"), Kind::Digest);
        assert_eq!(
            kind("cloudaudit.googleapis.com/activity/2026/11/03/10:00:00_10:59:59_S0.json"),
            Kind::Log
        );
        assert_eq!(kind("syslog/2026/11/03/10:00:00_10:59:59_S0.json"), Kind::Other);
        assert_eq!(kind("mine/2026/11/03/anything.json"), Kind::Log);
    }

    #[test]
    fn reads_places() {
        let place = Place::of(TRAIL);
        assert_eq!((place.account, place.region), (Some("111122223333"), Some("eu-central-1")));
        assert_eq!(place.day, Some(day("2026-11-03")));
        let sink = Place::of("x/cloudaudit.googleapis.com/data_access/2026/11/04/10:00:00_10:59:59_S0.json");
        assert_eq!(sink.day, Some(day("2026-11-04")));
        let copy = Place::of("cloudaudit.googleapis.com%2Factivity/2026/11/04/10:00:00_10:59:59_S0.json");
        assert_eq!(copy.day, Some(day("2026-11-04")));
        assert_eq!(Place::of("logs/a.json"), Place::default());
    }

    #[test]
    fn knows_where_a_folder_leads() {
        let levels = ["", "org/", "org/AWSLogs/", "org/AWSLogs/o-abc/", "AWSLogs/111122223333/"].map(level);
        assert_eq!(
            levels,
            [Level::Unknown, Level::Unknown, Level::Accounts, Level::Accounts, Level::Services]
        );
        assert_eq!(level("AWSLogs/111122223333/CloudTrail/"), Level::Regions);
        assert_eq!(level("AWSLogs/111122223333/CloudTrail/eu-central-1/"), Level::Years);
        assert_eq!(level("AWSLogs/111122223333/CloudTrail/eu-central-1/2026/"), Level::Dated);
        assert_eq!(level("AWSLogs/111122223333/vpcflowlogs/"), Level::Not);
        assert_eq!(level("x/cloudaudit.googleapis.com/"), Level::Logs);
        assert_eq!(level("cloudaudit.googleapis.com/activity/"), Level::Years);
    }

    #[test]
    fn narrows_to_days_and_those_just_after() {
        let filter = Filter {
            since: Some(Edge::On(day("2026-11-03"))),
            until: Some(Edge::On(day("2026-11-04"))),
            accounts: vec!["111122223333".to_owned()],
            ..Filter::default()
        };
        let scope = Scope::new(&filter, None);
        assert!(scope.takes(TRAIL) && scope.takes(&TRAIL.replace("/03/", "/05/")));
        assert!(!scope.takes(&TRAIL.replace("/03/", "/02/")) && !scope.takes(&TRAIL.replace("/03/", "/06/")));
        assert!(!scope.takes(&TRAIL.replace("111122223333", "444455556666")));
        assert!(scope.takes("elsewhere/a.json"));
        let (prefix, start) = range("f/", scope.days);
        assert_eq!((prefix.as_str(), start.as_deref()), ("f/2026/11/", Some("f/2026/11/03")));
        assert!(past(&TRAIL.replace("/03/", "/06/"), scope.days) && !past(TRAIL, scope.days));
    }

    #[test]
    fn counts_back_from_the_newest_object() {
        let filter = Filter { since: Some(Edge::Back(30)), ..Filter::default() };
        assert_eq!(Scope::new(&filter, None).days, Days::default());
        let scope = Scope::new(&filter, Some(day("2026-11-30")));
        assert_eq!(scope.days, Days { from: Some(day("2026-10-30")), to: None });
    }
}
