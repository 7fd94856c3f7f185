//! The usage table into one plan for each principal: its disposition, its verified documents, or why there are none.

use crate::aggregate::Usage;
use crate::cloud::{self, Cloud, Reach, Subject};
use crate::config::Minimums;
use crate::model::grant::Grant;
use crate::model::identity::{Disposition, Kind, PrincipalUse};
use crate::model::usage::{Outcome, Row};
use crate::synthesize::{self, readiness};
use crate::verify::{self, Verified};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What came of one principal.
#[derive(Debug)]
pub enum Fate {
    /// Documents that passed.
    Written(Verified),
    /// Nothing to write: no grantable use, or no documents for its disposition.
    Nothing(String),
    /// It should have documents, but none can be written.
    Refused(String),
}

/// One principal with all that is decided about it.
#[derive(Debug)]
pub struct Plan<'u> {
    /// The principal.
    pub who: &'u PrincipalUse,
    /// What becomes of it.
    pub disposition: Disposition,
    /// Folder name.
    pub slug: String,
    /// Account or project folder.
    pub account: String,
    /// Its own name.
    pub name: &'u str,
    /// Why the evidence is too thin; empty when ready.
    pub reasons: Vec<String>,
    /// Its rows.
    pub rows: Vec<&'u Row>,
    /// Its grants, before packaging.
    pub grants: Vec<Grant>,
    /// What came of it.
    pub fate: Fate,
}

impl Plan<'_> {
    /// Rows held back for a person to decide.
    #[must_use]
    pub fn review(&self) -> Vec<&Row> {
        let held = |row: &&&Row| row.exempt == Some("review") && row.outcome.grants();
        self.rows.iter().filter(held).copied().collect()
    }

    /// Uses withheld from learning.
    #[must_use]
    pub fn withheld(&self) -> u64 {
        self.rows.iter().filter(|row| row.outcome == Outcome::Withheld).map(|row| row.seen.count).sum()
    }

    /// `account/slug` below the cloud's folder.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("{}/{}/{}", self.who.cloud, self.account, self.slug)
    }
}

/// Whether any plan has documents.
#[must_use]
pub fn documented(plans: &[Plan<'_>]) -> bool {
    plans.iter().any(|plan| matches!(plan.fate, Fate::Written(_)))
}

/// Plans for all principals, sorted by cloud and id.
#[must_use]
pub fn plan<'u>(usage: &'u Usage, minimums: &Minimums, boundaries: bool) -> Vec<Plan<'u>> {
    let mut rows: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in &usage.rows {
        rows.entry(&row.principal).or_default().push(row);
    }
    let known = usage.principals.iter().filter(|who| !who.id.is_empty());
    let mut taken = BTreeSet::new();
    let drafts: Vec<_> = known
        .filter_map(|who| {
            let cloud = cloud::by_id(who.cloud)?;
            let (account, name) = cloud.place(&who.id, &who.home);
            let account = slug(&account);
            let slug =
                unique(&slug(name), |slug| taken.insert((who.cloud, account.clone(), slug.to_owned())));
            Some((who, cloud, account, name, slug, rows.remove(who.id.as_str()).unwrap_or_default()))
        })
        .collect();
    drafts
        .into_par_iter()
        .map(|(who, cloud, account, name, slug, rows)| {
            let disposition = cloud.dispose(&who.id, who.kind);
            let grants =
                if disposition.documented() { synthesize::synthesize(&rows, cloud) } else { Vec::new() };
            let subject = Subject { principal: &who.id, kind: who.kind, slug: &slug };
            let fate = fate(cloud, &subject, disposition, &grants, &rows, boundaries);
            let reasons = readiness::shortfalls(who, minimums);
            Plan { who, disposition, slug, account, name, reasons, rows, grants, fate }
        })
        .collect()
}

fn fate(
    cloud: &dyn Cloud,
    who: &Subject<'_>,
    disposition: Disposition,
    grants: &[Grant],
    rows: &[&Row],
    boundaries: bool,
) -> Fate {
    if !disposition.documented() {
        return Fate::Nothing(why_not(disposition, who.kind).to_owned());
    }
    if grants.is_empty() {
        return Fate::Nothing("no use that asks for a grant".to_owned());
    }
    let mut documents = match cloud.package(who, grants) {
        Ok(documents) => documents,
        Err(why) => return Fate::Refused(why.to_string()),
    };
    if boundaries {
        match cloud.boundary(who, &documents, Reach::default()) {
            Ok(boundary) => documents.extend(boundary),
            Err(why) => return Fate::Refused(why.to_string()),
        }
    }
    match verify::verify(cloud, documents, rows) {
        Ok(verified) => Fate::Written(verified),
        Err(why) => Fate::Refused(why.to_string()),
    }
}

fn why_not(disposition: Disposition, kind: Kind) -> &'static str {
    match (disposition, kind) {
        (Disposition::ReportOnly, Kind::Root) => "root has no policies: stop using it",
        (Disposition::ReportOnly, Kind::User) => {
            "people on Google Cloud get access through groups, not bindings of their own"
        }
        (Disposition::ReportOnly, _) => "nothing can be attached to it",
        (Disposition::External, _) => "belongs to another account, whose own trail decides",
        (Disposition::Infrastructure, _) => "belongs to the platform",
        _ => "",
    }
}

/// `[a-z0-9-]`, at most 64 characters, never empty.
fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        if out.len() >= 64 {
            break;
        }
    }
    let out = out.trim_end_matches('-');
    if out.is_empty() { "unnamed".to_owned() } else { out.to_owned() }
}

fn unique(wanted: &str, mut take: impl FnMut(&str) -> bool) -> String {
    if take(wanted) {
        return wanted.to_owned();
    }
    let mut number = 2;
    loop {
        let next = format!("{wanted}-{number}");
        if take(&next) {
            return next;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_safe_and_unique() {
        assert_eq!(slug("Ana Example/../x"), "ana-example-x");
        assert_eq!(slug("жук"), "unnamed");
        let mut taken = BTreeSet::new();
        let mut next = || unique("a", |slug| taken.insert(slug.to_owned()));
        assert_eq!([next(), next(), next()], ["a", "a-2", "a-3"]);
    }
}
