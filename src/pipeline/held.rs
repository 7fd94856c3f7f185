//! What principals hold today, as policies among the input show.

use crate::aggregate::Usage;
use crate::cloud::CLOUDS;
use crate::model::coverage::Says;
use crate::model::identity::{Held, PrincipalUse};
use std::collections::BTreeSet;

/// Whether policies among the input bind roles nobody knows where: they do not say it, and the log has several projects.
#[must_use]
pub fn unplaced(usage: &Usage) -> bool {
    CLOUDS.iter().any(|cloud| {
        let here =
            usage.observed.days.keys().filter(|(id, account)| *id == cloud.id() && !account.contains('/'));
        let says = |of: &str, says: &Says| of.is_empty() && matches!(says, Says::Binds(_));
        let all = usage.observed.declared.iter().filter(|one| one.cloud == cloud.id());
        here.count() != 1 && all.into_iter().any(|one| says(&one.of, &one.says))
    })
}

/// All that one principal holds. A policy that names no place is the one project's of the log, if there is but one.
pub(super) fn held(usage: &Usage, who: &PrincipalUse) -> Vec<Held> {
    let here: Vec<&str> = usage
        .observed
        .days
        .keys()
        .filter(|(cloud, account)| *cloud == who.cloud && !account.contains('/'))
        .map(|(_, account)| account.as_str())
        .collect();
    let mut all = BTreeSet::new();
    for declaration in usage.observed.declared.iter().filter(|one| one.cloud == who.cloud) {
        let Says::Binds(bound) = &declaration.says else { continue };
        let scope = match (declaration.of.as_str(), here.as_slice()) {
            ("", [only]) => format!("projects/{only}"),
            ("", _) => continue,
            (of, _) => of.to_owned(),
        };
        for one in bound {
            // Addresses know no letter case.
            let member = one.members.iter().find(|member| member.eq_ignore_ascii_case(&who.id));
            all.extend(member.map(|member| Held {
                scope: scope.clone(),
                role: one.role.clone(),
                member: member.clone(),
                conditional: one.conditional,
            }));
        }
    }
    all.into_iter().collect()
}
