//! Where things lie, as descriptions among the input say it, decides where a use can be granted, and whether it is ours to
//! grant.

use crate::aggregate::Usage;
use crate::cloud::CLOUDS;
use std::collections::BTreeMap;

pub(super) fn places(usage: &mut Usage) {
    let mut settled = false;
    for cloud in CLOUDS {
        let within = usage.observed.within(cloud.id());
        if within.is_empty() {
            continue;
        }
        let mut changed = BTreeMap::new();
        for row in usage.rows.iter_mut().filter(|row| row.cloud == cloud.id()) {
            let Some((scope, exempt)) = cloud.settle(row, &within) else { continue };
            if exempt != row.exempt {
                let of = (row.principal.to_string(), row.action.to_string(), row.target.clone());
                changed.insert(of, (row.exempt, exempt));
            }
            (row.scope, row.exempt, settled) = (scope.into(), exempt, true);
        }
        for line in &mut usage.lines {
            let of = (line.principal.clone(), line.action.clone(), line.target.clone());
            if let Some((_, exempt)) = changed.get(&of).filter(|(old, _)| *old == line.exempt) {
                line.exempt = *exempt;
            }
        }
        for denial in usage.denials.iter_mut().filter(|denial| denial.cloud == cloud.id()) {
            cloud.settle_denial(denial, &within);
            settled = true;
        }
    }
    if settled {
        usage.denials.sort();
        super::synonyms::join(&mut usage.rows);
    }
}
