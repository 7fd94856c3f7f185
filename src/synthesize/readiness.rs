//! Ready or provisional (semantics rule 9): is there enough evidence to narrow anything?

use crate::config::Minimums;
use crate::model::identity::{Kind, PrincipalUse, Vouched};

/// What a principal's sessions are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Ci,
    Workload,
    Person,
}

fn purpose(who: &PrincipalUse) -> Purpose {
    let personal = matches!(who.kind, Kind::User | Kind::PermissionSet | Kind::Root | Kind::Federated);
    if who.vouched.has(Vouched::CI) {
        Purpose::Ci
    } else if personal || (who.vouched.has(Vouched::PERSON) && !who.vouched.has(Vouched::SERVICE)) {
        Purpose::Person
    } else {
        Purpose::Workload
    }
}

/// Why the evidence does not reach the minimum; empty when it does. The words stand in files that are applied: they say no
/// number that grows from night to night.
#[must_use]
pub fn shortfalls(who: &PrincipalUse, minimums: &Minimums) -> Vec<String> {
    let span = who.span.1.day().0.saturating_sub(who.span.0.day().0).saturating_add(1);
    let too_short = |what: &str, wanted: i32| {
        (span < wanted).then(|| format!("{what}: seen over fewer than {wanted} days"))
    };
    let all = match purpose(who) {
        Purpose::Ci => vec![
            (who.sessions() < minimums.ci_sessions)
                .then(|| format!("CI: fewer than {} sessions", minimums.ci_sessions)),
            (who.days() < minimums.ci_days)
                .then(|| format!("CI: seen on fewer than {} days", minimums.ci_days)),
        ],
        Purpose::Workload => vec![too_short("workload", minimums.workload_days)],
        Purpose::Person => vec![too_short("person", minimums.person_days)],
    };
    all.into_iter().flatten().collect()
}
