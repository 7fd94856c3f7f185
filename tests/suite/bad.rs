//! Bad input: a clear message with file and reason, the contract's exit code, and the good files' policies written.

use crate::support::{code, fixture, run, stderr};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    file: String,
    #[serde(rename = "about")]
    _about: String,
    records: u64,
    used: u64,
    malformed: u64,
    unreadable: bool,
    why: Option<String>,
    #[serde(default)]
    skipped: BTreeMap<String, u64>,
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(fixture("bad.toml")).unwrap();
    toml::from_str::<Cases>(&text).unwrap().case
}

fn manifest(out: &std::path::Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(out.join("manifest.json")).unwrap()).unwrap()
}

#[test]
fn every_bad_file_is_stated() {
    let stated: Vec<String> = cases().into_iter().map(|case| case.file).collect();
    for entry in std::fs::read_dir(fixture("bad")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(stated.contains(&name), "fixtures/bad/{name} is not in bad.toml");
    }
}

#[test]
fn beside_a_good_file_the_good_one_is_written() {
    for case in cases().into_iter().filter(|case| case.file != "good.json") {
        let out = tempfile::tempdir().unwrap();
        let path = out.path().display().to_string();
        let bad = fixture(&format!("bad/{}", case.file));
        let got = run(&["generate", &bad, &fixture("bad/good.json"), "--out", &path]);
        let file = &case.file;
        assert_eq!(code(&got), if case.unreadable { 3 } else { 0 }, "{file}: {}", stderr(&got));
        let manifest = manifest(out.path());
        let tally = &manifest["tally"];
        assert_eq!(tally["records"], case.records + 3, "{file}: {tally}");
        assert_eq!(tally["used"], case.used + 3, "{file}: {tally}");
        assert_eq!(tally["malformed"], case.malformed, "{file}: {tally}");
        for (why, count) in &case.skipped {
            assert_eq!(tally["skipped"][why], *count, "{file}: {tally}");
        }
        let unreadable = tally["unreadable"].as_array().unwrap();
        assert_eq!(unreadable.len(), usize::from(case.unreadable), "{file}: {tally}");
        if let Some(one) = unreadable.first() {
            assert!(one["path"].as_str().unwrap().ends_with(file), "{one}");
            let why = case.why.as_deref().unwrap_or("");
            assert!(one["why"].as_str().unwrap().contains(why), "{file}: {one} does not say `{why}`");
            assert!(stderr(&got).contains(file.as_str()), "{file} is named on the screen");
        }
        assert!(
            !manifest["artifacts"].as_array().unwrap().is_empty(),
            "{file}: the good file's policies are written"
        );
    }
}

#[test]
fn alone_it_fails_and_writes_no_policy() {
    for case in cases().into_iter().filter(|case| case.used == 0) {
        let out = tempfile::tempdir().unwrap();
        let path = out.path().join("out").display().to_string();
        let got = run(&["generate", &fixture(&format!("bad/{}", case.file)), "--out", &path]);
        assert_eq!(code(&got), 1, "{}: {}", case.file, stderr(&got));
        assert!(stderr(&got).contains("leastgrant: no "), "{}: {}", case.file, stderr(&got));
    }
}

#[test]
fn no_command_panics_on_bad_input() {
    let policy = fixture(
        "aws/sam-deploy/expected/aws/111122223333/orders-dev-apifunctionrole-1a2b3c4d5e6f/orders-dev-apifunctionrole-1a2b3c4d5e6f.json",
    );
    for case in cases() {
        let bad = fixture(&format!("bad/{}", case.file));
        for args in [
            vec!["uses", bad.as_str(), "--skipped"],
            vec!["principals", &bad],
            vec!["explain", &bad],
            vec!["check", &bad, "--policy", &policy],
        ] {
            let got = run(&args);
            assert!([0, 1, 3, 4].contains(&code(&got)), "{args:?}: {}", stderr(&got));
            assert!(!stderr(&got).contains("panicked"), "{args:?}: {}", stderr(&got));
        }
    }
}

#[test]
fn a_partial_run_replaces_nothing_that_stands() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().display().to_string();
    let logs = fixture("aws/sam-deploy/logs");
    assert_eq!(code(&run(&["generate", &logs, "--out", &path, "-q"])), 0);
    let policy = "aws/111122223333/orders-dev-apifunctionrole-1a2b3c4d5e6f/orders-dev-apifunctionrole-1a2b3c4d5e6f.json";
    let before = std::fs::read_to_string(out.path().join(policy)).unwrap();
    let day = fixture("aws/sam-deploy/logs/AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/04");
    let got = run(&["generate", &day, &fixture("bad/cut.json"), "--out", &path, "-q"]);
    assert_eq!(code(&got), 3, "{}", stderr(&got));
    assert_eq!(std::fs::read_to_string(out.path().join(policy)).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("locked.json");
    std::fs::write(&file, "{}").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&file).is_ok() {
        eprintln!("skipped: this user reads every file");
        return;
    }
    let got = run(&["uses", &file.display().to_string(), &fixture("bad/good.json")]);
    assert_eq!(code(&got), 3);
    assert!(stderr(&got).contains("locked.json: cannot be opened"), "{}", stderr(&got));
}
