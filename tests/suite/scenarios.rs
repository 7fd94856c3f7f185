//! Every folder `fixtures/<cloud>/<scenario>` with a `case.toml`: hard expectations first, goldens second.
//!
//! `BLESS=1 cargo test` rewrites `expected/` only; what `case.toml` states cannot be blessed.

use crate::support::{ask, code, fixture, lines, plans, read, root, run, stderr, tree};
use leastgrant::aggregate::Usage;
use leastgrant::cloud;
use leastgrant::model::document::DocumentKind;
use leastgrant::model::usage::Row;
use leastgrant::pipeline::{Fate, Plan};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(rename = "about")]
    _about: String,
    exit: i32,
    records: u64,
    duplicate: u64,
    #[serde(default)]
    skipped: BTreeMap<String, u64>,
    #[serde(default)]
    must_allow: Vec<Probe>,
    #[serde(default)]
    must_not_allow: Vec<Probe>,
    #[serde(default)]
    must_use: Vec<MustUse>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    principal: String,
    action: String,
    resource: Option<String>,
    #[serde(default)]
    context: BTreeMap<String, String>,
    #[serde(rename = "because")]
    _because: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MustUse {
    principal: String,
    action: String,
    resource: Option<String>,
    outcome: String,
    exempt: Option<String>,
    #[serde(rename = "because")]
    _because: String,
}

/// Whether the documents of the probe's principal allow it.
fn allowed(plans: &[Plan<'_>], probe: &Probe) -> bool {
    let Some(plan) = plans.iter().find(|plan| plan.who.id == probe.principal) else { return false };
    let Fate::Written(verified) = &plan.fate else { return false };
    let policies: Vec<_> = verified.documents().iter().filter(|d| d.kind == DocumentKind::Policy).collect();
    let texts: Vec<String> = policies.iter().map(|d| d.text.clone()).collect();
    let evaluator = cloud::by_id(plan.who.cloud).unwrap().evaluator(&texts).unwrap();
    let context: Vec<(String, String)> = probe.context.clone().into_iter().collect();
    let resource = probe.resource.as_deref().filter(|r| *r != "*");
    let row = ask(&probe.principal, &probe.action, resource, &context);
    // Google's bindings hold on a project, an organization or a service account: ask on each that the resource is in.
    let within = |scope: &str| {
        !scope.contains("/serviceAccounts/") || probe.resource.as_deref().is_some_and(|r| r.contains(scope))
    };
    policies
        .iter()
        .filter(|d| within(&d.scope))
        .any(|d| evaluator.allows(&Row { scope: d.scope.as_str().into(), ..row.clone() }))
}

fn used(usage: &Usage, wanted: &MustUse) -> bool {
    usage.rows.iter().any(|row| {
        *row.principal == *wanted.principal
            && *row.action == *wanted.action
            && wanted.resource.as_deref().is_none_or(|resource| row.target.text == resource)
            && row.outcome.as_str() == wanted.outcome
            && wanted.exempt.as_deref().is_none_or(|exempt| row.exempt == Some(exempt))
    })
}

fn scenario(name: &str) {
    let folder = root().join("fixtures").join(name);
    let case: Case = toml::from_str(&std::fs::read_to_string(folder.join("case.toml")).unwrap()).unwrap();
    let usage = read(&[fixture(&format!("{name}/logs"))], 2);
    let plans = plans(&usage);
    let mut wrong = Vec::new();
    for probe in case.must_allow.iter().filter(|probe| !allowed(&plans, probe)) {
        wrong.push(format!("must allow: {probe:?}"));
    }
    for probe in case.must_not_allow.iter().filter(|probe| allowed(&plans, probe)) {
        wrong.push(format!("must not allow: {probe:?}"));
    }
    for wanted in case.must_use.iter().filter(|wanted| !used(&usage, wanted)) {
        wrong.push(format!("must use: {wanted:?}"));
    }
    let tally = &usage.tally;
    assert!(tally.unreadable.is_empty(), "{:?}", tally.unreadable);
    let skipped: BTreeMap<String, u64> =
        tally.total_skipped().into_iter().map(|(why, n)| (why.as_str().to_owned(), n)).collect();
    assert_eq!((tally.records(), tally.duplicate), (case.records, case.duplicate), "{skipped:?}");
    for (why, count) in &case.skipped {
        assert_eq!(skipped.get(why), Some(count), "skipped {why}: {skipped:?}");
    }
    assert!(wrong.is_empty(), "{} expectations fail:\n{}", wrong.len(), wrong.join("\n"));
    golden(name, &folder, case.exit);
}

const TARGETS: [&str; 11] = [
    "aws-policy",
    "aws-boundary",
    "aws-terraform",
    "aws-cloudformation",
    "gcp-role",
    "gcp-terraform",
    "gcp-deny",
    "gcp-audit",
    "gcp-remove",
    "gcp-pab",
    "gcp-predefined",
];

fn golden(name: &str, folder: &Path, exit: i32) {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().display().to_string();
    let logs = fixture(&format!("{name}/logs"));
    let mut args = vec!["generate", &logs, "--out", &path, "-q"];
    args.extend(TARGETS.iter().flat_map(|target| ["--target", target]));
    let generated = run(&args);
    assert_eq!(code(&generated), exit, "{}", stderr(&generated));
    let mut got = tree(out.path());
    let uses = run(&["uses", &logs, "--skipped"]);
    assert_eq!(code(&uses), 0, "{}", stderr(&uses));
    assert!(!lines(&uses).is_empty());
    got.push(("uses.jsonl".to_owned(), String::from_utf8(uses.stdout).unwrap()));
    got.sort();
    let expected = folder.join("expected");
    if std::env::var_os("BLESS").is_some() {
        let _ = std::fs::remove_dir_all(&expected);
        for (path, text) in &got {
            let path = expected.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        return;
    }
    let want = tree(&expected);
    let names = |all: &[(String, String)]| all.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&got), names(&want), "other files than in {}: look, then BLESS=1", expected.display());
    for ((path, got), (_, want)) in got.iter().zip(&want) {
        let differs = got.lines().zip(want.lines()).find(|(got, want)| got != want);
        let (now, then) = differs.unwrap_or(("(one is longer)", ""));
        assert!(
            got == want,
            "{path} differs from {}: look, then BLESS=1\n now {now}\nthen {then}",
            expected.display()
        );
    }
}

#[test]
fn aws_sam_deploy() {
    scenario("aws/sam-deploy");
}

#[test]
fn aws_organization() {
    scenario("aws/organization");
}

#[test]
fn aws_landing_zone() {
    scenario("aws/landing-zone");
}

#[test]
fn gcp_data_team() {
    scenario("gcp/data-team");
}

#[test]
fn every_scenario_folder_is_run() {
    let text = include_str!("scenarios.rs");
    for entry in walkdir::WalkDir::new(root().join("fixtures")).into_iter().flatten() {
        // Those are run by `nights.rs`.
        let of_rules = entry.path().starts_with(root().join("fixtures/rules"));
        if entry.file_name() == "case.toml" && !of_rules {
            let folder =
                entry.path().parent().unwrap().strip_prefix(root().join("fixtures")).unwrap().to_owned();
            let quoted = format!("scenario(\"{}\")", folder.display());
            assert!(text.contains(&quoted), "{} is run by no test", folder.display());
        }
    }
}
