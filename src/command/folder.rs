//! The folder that a former run wrote: which files it holds, which still belong, and which somebody changed.

#![expect(clippy::disallowed_methods, reason = "reads the documents that stand")]

use super::Failure;
use crate::aggregate::Usage;
use crate::coverage::{
    self,
    gaps::{Gap, gaps},
};
use crate::pipeline::{Bounded, Fate, Plan, Planning};
use crate::render::target::{Per, Target};
use crate::render::view::{View, Who};
use crate::render::{self, Artifact, alike};
use crate::report::logging;
use crate::report::manifest::{self, ArtifactEntry, Former};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What new content is called that a partial run leaves beside a file.
pub(super) const BESIDE: &str = ".partial";

/// What the manifest of the folder lists; nothing where there is none that can be read.
pub(super) fn former(root: &Path) -> Former {
    let text = std::fs::read_to_string(root.join("manifest.json")).unwrap_or_default();
    manifest::former(&text)
}

/// Files to apply that a former run wrote, that still stand, and that are not among those `written` now.
pub(super) fn left(root: &Path, former: Former, written: &BTreeSet<String>) -> Vec<ArtifactEntry> {
    let mut all: Vec<ArtifactEntry> = Vec::new();
    for mut entry in former.artifacts.into_iter().chain(former.stale).chain(former.standing) {
        // The file that a partial run left as it was.
        let made = !["review", "lifecycle", "denied"].contains(&entry.target.as_str());
        if let Some(path) = entry.path.strip_suffix(BESIDE).filter(|_| made) {
            entry.path = path.to_owned();
            entry.applies = true;
        }
        if entry.applies && !written.contains(&entry.path) && root.join(&entry.path).is_file() {
            all.push(entry);
        }
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all.dedup_by(|a, b| a.path == b.path);
    all
}

/// What the targets need of a plan.
pub(super) fn ask(planning: &mut Planning, targets: &[Target]) {
    let has = |per: Per| targets.iter().any(|target| target.files.iter().any(|file| file.per == per));
    planning.boundaries = has(Per::Boundary);
    planning.sets = has(Per::Set);
    planning.alternatives = has(Per::Alternative) || has(Per::Instead);
}

/// A file for a set of principals, or for an account.
pub(super) struct OfSet {
    /// The set.
    pub(super) set: String,
    /// Its cloud.
    pub(super) cloud: &'static str,
    /// Path below the folder.
    pub(super) path: String,
    /// Its content.
    pub(super) artifact: Artifact,
}

/// Files for sets of principals.
pub(super) fn sets(sets: &[Bounded<'_>], targets: &[Target]) -> Result<Vec<OfSet>, Failure> {
    let mut all = Vec::new();
    for (set, limited) in sets.iter().filter_map(|set| Some((set, set.fate.as_ref().ok()?))) {
        let boundary = &limited.boundary;
        let account = boundary.organization.replace('/', "-").replace("organizations", "organization");
        let document = &boundary.document;
        let who = Who {
            id: &document.principal,
            name: &document.name,
            slug: &document.name,
            kind: "principal-set",
            cloud: set.cloud,
            account: &account,
            disposition: "policy",
            reasons: &limited.doubts,
            holds: &[],
        };
        let view = View::new(who, &limited.verified);
        for target in targets.iter().filter(|target| target.cloud == set.cloud) {
            for mut artifact in render::render_set(target, &view)? {
                artifact.applies &= limited.doubts.is_empty();
                let path = format!("{}/{account}/{}/{}", set.cloud, document.name, artifact.path);
                all.push(OfSet { set: document.principal.clone(), cloud: set.cloud, path, artifact });
            }
        }
    }
    Ok(all)
}

/// Files that turn on what nobody can tell is logged, by account.
pub(super) fn logging(usage: &Usage, targets: &[Target]) -> Result<Vec<OfSet>, Failure> {
    let wanted = |cloud: &str| {
        let files = |target: &Target| target.files.iter().any(|file| file.per == Per::Logging);
        targets.iter().filter(move |target| target.cloud == cloud && files(target)).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    let coverage = coverage::assess(usage);
    let mut accounts: BTreeMap<(&'static str, String), Vec<Gap>> = BTreeMap::new();
    for gap in gaps(&coverage) {
        accounts.entry((gap.cloud, gap.account.clone())).or_default().push(gap);
    }
    for ((cloud, account), gaps) in accounts {
        for target in wanted(cloud) {
            let Some(value) = logging::value(&account, &gaps) else { continue };
            for artifact in render::render_logging(target, &value)? {
                let path = format!("{cloud}/{}/{}", account.replace(['/', '.', ':'], "-"), artifact.path);
                let scope = value.get("scope").and_then(serde_json::Value::as_str).unwrap_or("");
                all.push(OfSet { set: format!("//{scope}"), cloud, path, artifact });
            }
        }
    }
    Ok(all)
}

/// Whether such a file must go: this run would write it if it were still wanted, or its principals have no documents.
pub(super) fn must_go(entry: &ArtifactEntry, plans: &[Plan<'_>], targets: &[Target]) -> bool {
    let asked = targets.iter().any(|target| target.id == entry.target);
    let owns = |plan: &&Plan<'_>| {
        plan.who.cloud == entry.cloud
            && (plan.who.id == entry.principal || entry.shared_with.contains(&plan.who.id))
    };
    // What a set has is no principal's.
    let of_set = entry.principal.starts_with("//");
    asked || !of_set && !plans.iter().filter(owns).any(|plan| matches!(plan.fate, Fate::Written(_)))
}

/// One file as it would be written now.
pub(super) struct Due<'p, 'u> {
    /// Whose it is; none where it is a set's.
    pub(super) plans: Vec<&'p Plan<'u>>,
    /// The first of them, or the set.
    pub(super) of: String,
    /// Path below the folder.
    pub(super) path: String,
    /// Its content.
    pub(super) artifact: Artifact,
}

/// All files of these targets.
pub(super) fn due<'p, 'u>(
    plans: &'p [Plan<'u>],
    (usage, bounded): (&Usage, &[Bounded<'_>]),
    targets: &[Target],
) -> Result<Vec<Due<'p, 'u>>, Failure> {
    let (plans, views): (Vec<&Plan<'u>>, Vec<View<'_>>) =
        plans.iter().filter_map(|plan| Some((plan, super::generate::view(plan)?))).unzip();
    let groups = alike::groups(&views);
    let mut all = Vec::new();
    for OfSet { set, path, artifact, .. } in
        sets(bounded, targets)?.into_iter().chain(logging(usage, targets)?)
    {
        all.push(Due { plans: Vec::new(), of: set, path, artifact });
    }
    for target in targets {
        for (plan, view) in plans.iter().zip(&views).filter(|(plan, _)| plan.who.cloud == target.cloud) {
            for artifact in render::render(target, view)? {
                let path = format!("{}/{}", plan.folder(), artifact.path);
                all.push(Due { plans: vec![*plan], of: plan.who.id.clone(), path, artifact });
            }
        }
        for (group, artifact) in alike::render(target, &views, &groups)? {
            let whose: Vec<&Plan<'u>> =
                group.members.iter().filter_map(|at| plans.get(*at).copied()).collect();
            let path = format!("{}/{}", group.folder, artifact.path);
            let of = whose.first().map(|plan| plan.who.id.clone()).unwrap_or_default();
            all.push(Due { plans: whose, of, path, artifact });
        }
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(all)
}

/// How a file of the folder differs from what would be written now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Differs {
    /// It was written, and is gone.
    Missing,
    /// It is not what was written.
    ByHand,
    /// It is what was written, and would be written otherwise now.
    Now,
}

/// Whether the file that stands is another one than that which is due. `known`: the manifest's entry for it.
pub(super) fn differs(
    due: &Due<'_, '_>,
    stands: Option<&str>,
    known: Option<&ArtifactEntry>,
) -> Option<Differs> {
    let explained = due.plans.iter().any(|plan| !plan.fresh.is_empty() || plan.dropped > 0);
    match (stands, known) {
        (Some(text), _) if text == due.artifact.text => None,
        (None, Some(_)) => Some(Differs::Missing),
        (None, None) => Some(Differs::Now),
        (Some(text), Some(entry)) if !entry.sha256.is_empty() => {
            Some(if manifest::digest(text) == entry.sha256 { Differs::Now } else { Differs::ByHand })
        }
        // A manifest without digests: nothing else than a hand can be why, where nothing new was seen.
        (Some(_), Some(_)) if !explained => Some(Differs::ByHand),
        (Some(_), _) => Some(Differs::Now),
    }
}
