//! What each entry of the intent file, and each `--stack`, did, and which did nothing.

use crate::aggregate::Usage;
use crate::model::grant::Grant;
use crate::pipeline::{Plan, Planning};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The entry as messages name it.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Records, uses, grants or principals that it decided.
    pub matched: u64,
    /// `applied`, `unmatched` or `expired`.
    pub state: &'static str,
}

/// The kinds of entries.
const KINDS: [&str; 7] = ["keep", "never", "exclude", "break_glass", "prefix", "ci", "loosen"];

/// All entries, and stacks of the command line; those that have expired last.
#[must_use]
pub fn applied(usage: &Usage, plans: &[Plan<'_>], planning: &Planning) -> Vec<Applied> {
    let intent = &planning.intent;
    let mut all: Vec<Applied> = Vec::new();
    let mut add = |kind: &'static str, name: String, matched: u64| {
        let state = if matched == 0 { "unmatched" } else { "applied" };
        all.push(Applied { name, kind, matched, state });
    };
    let grants = |name: &str| {
        let all = plans.iter().flat_map(|plan| &plan.grants);
        all.filter(|grant| grant.intent.contains(name)).count() as u64
    };
    let principals =
        |glob: &globset::GlobMatcher| plans.iter().filter(|plan| glob.is_match(&plan.who.id)).count() as u64;
    for entry in &intent.keep {
        add("keep", entry.meta.name("keep"), grants(&entry.meta.name("keep")));
    }
    for entry in &intent.never {
        let rows = usage.rows.iter().filter(|row| row.exempt == Some("never") && entry.matches(row));
        // What a former run granted and the entry takes back counts too.
        let former = planning.memory.all().map(|old| {
            let forbidden = |grant: &&Grant| entry.forbids(&old.who.id, &grant.action, grant.on.pattern());
            old.grants.iter().filter(forbidden).count()
        });
        let matched = rows.count() + former.sum::<usize>();
        add("never", entry.meta.name("never"), matched as u64);
    }
    for (entry, records) in intent.exclude.iter().zip(&usage.withheld) {
        add("exclude", entry.meta.name("exclude"), *records);
    }
    for entry in &intent.break_glass {
        add("break_glass", entry.meta.name("break_glass"), principals(&entry.principal));
    }
    for entry in &intent.prefix {
        add("prefix", entry.meta.name("prefix"), grants(&entry.meta.name("prefix")));
    }
    for entry in &intent.ci {
        add("ci", entry.meta.name("ci"), principals(&entry.principal));
    }
    for entry in &intent.loosen {
        add("loosen", entry.meta.name("loosen"), grants(&entry.meta.name("loosen")));
    }
    for entry in &intent.access_boundary {
        add("access_boundary", entry.meta.name("access_boundary"), u64::from(planning.sets));
    }
    for stack in &planning.shaping.stacks {
        let says = format!("declared by --stack {stack};");
        let grants = plans.iter().flat_map(|plan| &plan.grants);
        let by = grants.filter(|grant| grant.widened.iter().any(|w| w.reason.starts_with(&says)));
        add("stack", format!("--stack {stack}"), by.count() as u64);
    }
    let expired = usage.expired.iter().map(|name| Applied {
        name: name.clone(),
        kind: KINDS.into_iter().find(|kind| name.contains(&format!(" [[{kind}]]"))).unwrap_or(""),
        matched: 0,
        state: "expired",
    });
    all.extend(expired);
    all
}
