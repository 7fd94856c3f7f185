//! Machine-made parts of Google's names: each rule is needed, and what was used tomorrow is allowed, what others have is not.

use crate::support::{code, run, stderr, tree};
use leastgrant::catalog::token::{TokenFile, Tokens};
use serde_json::{Value, json};

/// A rule and a name that it opens.
const NAMES: [(&str, &str); 12] = [
    ("uuid", "//cloudbuild.googleapis.com/projects/p/builds/6f1c1c1e-8d7b-4c3a-9f5e-0123456789ab"),
    ("run-revision", "//run.googleapis.com/projects/p/locations/l/revisions/orders-00012-xyz"),
    ("dataflow-job", "//dataflow.googleapis.com/projects/p/jobs/2026-11-03_01_02_03-1234567890123456"),
    ("bigquery-job", "//bigquery.googleapis.com/projects/p/jobs/bquxjob_7bc8a2f0_19a3b5c7d9e"),
    ("version", "//secretmanager.googleapis.com/projects/p/secrets/s/versions/3"),
    ("terraform", "//pubsub.googleapis.com/projects/p/topics/orders-20261103091500123400000001"),
    ("ulid", "//pubsub.googleapis.com/projects/p/topics/01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    (
        "bigquery-result",
        "//bigquery.googleapis.com/projects/p/datasets/_0a1b2c3d4e5f60718293a4b5c6d7e8f901234567/tables/anon0a1b2c3d4e5f60718293",
    ),
    (
        "hex",
        "//artifactregistry.googleapis.com/projects/p/locations/l/versions/sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    ),
    ("epoch", "//storage.googleapis.com/projects/_/buckets/b/objects/run-1762160000/out"),
    ("date", "//bigquery.googleapis.com/projects/p/datasets/d/tables/events_20261103"),
    ("pull-request", "//run.googleapis.com/projects/p/locations/l/services/pr-17"),
];

#[test]
fn every_rule_opens_a_name_that_nothing_else_opens() {
    let text = include_str!("../../src/catalog/data/gcp/token.toml");
    let file: TokenFile = toml::from_str(text).unwrap();
    let ids: Vec<&str> = file.token.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, NAMES.map(|(id, _)| id), "each rule has a name");
    let whole = Tokens::new(toml::from_str(text).unwrap());
    for (id, name) in NAMES {
        let mut rest: TokenFile = toml::from_str(text).unwrap();
        rest.token.retain(|rule| rule.id != id);
        let rest = Tokens::new(rest);
        let of = |kind: &str| name.rsplit('/').nth(1) == Some(kind);
        let found = |tokens: &Tokens| -> Vec<String> {
            tokens
                .find(name, name.find("/p/").map_or(0, |at| at + 3), of)
                .iter()
                .map(|(.., rule)| rule.id.clone())
                .collect()
        };
        assert!(found(&whole).contains(&id.to_owned()), "{id}: {:?}", found(&whole));
        assert_ne!(found(&rest), found(&whole), "{id} is not needed");
    }
}

fn entry(id: usize, who: &str, permission: &str, name: &str) -> Value {
    json!({
        "logName": "projects/example-dev/logs/cloudaudit.googleapis.com%2Fdata_access", "insertId": format!("e{id}"),
        "timestamp": format!("2026-11-03T09:00:{id:02}Z"), "resource": { "labels": { "project_id": "example-dev" } },
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": "any.googleapis.com", "methodName": "x",
            "authenticationInfo": { "principalEmail": format!("{who}@example-dev.iam.gserviceaccount.com") },
            "authorizationInfo": [{ "permission": permission, "resource": name, "granted": true }],
        },
    })
}

#[test]
fn what_runs_again_tomorrow_is_allowed_and_what_others_have_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, value: &Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path.display().to_string()
    };
    let object = |key: &str| format!("projects/_/buckets/incoming/objects/{key}");
    let secret = |version: u32| format!("projects/example-dev/secrets/db/versions/{version}");
    let table = |day: &str| format!("projects/example-dev/datasets/d/tables/events_{day}");
    let today = json!([
        entry(1, "job", "storage.objects.get", &object("2026-11-03/orders.csv")),
        entry(2, "job", "storage.objects.get", &object("2026-11-04/orders.csv")),
        entry(3, "job", "secretmanager.versions.access", &secret(3)),
        entry(4, "job", "bigquery.tables.getData", &table("20261103")),
        entry(5, "job", "bigquery.tables.getData", &table("20261104")),
        entry(6, "other", "storage.objects.get", &object("2026-11-04/salaries.csv")),
    ]);
    let log = put("log.json", &today);
    let out = folder.path().join("out").display().to_string();
    let generate = |more: &[&str]| {
        let _ = std::fs::remove_dir_all(&out);
        let got = run(&[&["generate", &log, "--out", &out, "-q"][..], more].concat());
        assert_eq!(code(&got), 0, "{}", stderr(&got));
        let of_job = tree(std::path::Path::new(&out))
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| name.contains("/job/"));
        of_job
            .filter(|name| name.contains("/projects-"))
            .map(|name| format!("{out}/{name}"))
            .collect::<Vec<String>>()
    };
    let denied = |files: &[String], name: &str, value: Value| {
        let log = put(name, &value);
        let mut args = vec!["check", log.as_str(), "-q", "--policy"];
        args.extend(files.iter().map(String::as_str));
        code(&run(&args)) == 4
    };
    let files = generate(&[]);
    let again = |n: usize| {
        [
            entry(1, "job", "storage.objects.get", &object("2026-12-01/orders.csv")),
            entry(2, "job", "secretmanager.versions.access", &secret(4)),
            entry(3, "job", "bigquery.tables.getData", &table("20261201")),
        ][n]
            .clone()
    };
    for n in 0..3 {
        assert!(!denied(&files, "tomorrow.json", json!([again(n)])), "{n}");
    }
    for (permission, name) in [
        ("storage.objects.get", object("2026-11-04/salaries.csv")),
        ("secretmanager.versions.access", "projects/example-dev/secrets/other/versions/3".to_owned()),
        ("bigquery.tables.getData", "projects/example-dev/datasets/d/tables/people".to_owned()),
    ] {
        assert!(
            denied(&files, "others.json", json!([entry(1, "job", permission, &name)])),
            "{permission} on {name}"
        );
    }
    let files = generate(&["--exact"]);
    for n in 0..3 {
        assert!(denied(&files, "tomorrow.json", json!([again(n)])), "exact {n}");
    }
}

#[test]
fn names_that_one_role_cannot_be_bound_on_are_bound_by_more_roles_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let bucket = |n: usize| format!("projects/_/buckets/{}-orders", ["a", "b", "c"][n % 3].repeat(n / 3 + 1));
    let used: Vec<String> =
        (0..300).map(|n| entry(n, "job", "storage.buckets.get", &bucket(n)).to_string()).collect();
    std::fs::write(at("log.json"), used.join("\n")).unwrap();
    let out = run(&["generate", &at("log.json"), "--out", &at("out"), "--target", "gcp-role", "-q"]);
    assert_eq!(code(&out), 0, "{}", stderr(&out));
    let files = tree(&folder.path().join("out"));
    let bindings: Vec<Value> = files
        .iter()
        .filter(|(path, _)| path.ends_with(".binding.json"))
        .map(|(_, text)| serde_json::from_str(text).unwrap())
        .collect();
    assert_eq!(bindings.len(), 2, "25 conditions, 20 for each role at most");
    let each: Vec<usize> =
        bindings.iter().map(|b| b["policy"]["bindings"].as_array().unwrap().len()).collect();
    assert_eq!(each.iter().sum::<usize>(), 25);
    assert!(each.iter().all(|bindings| *bindings <= 20), "{each:?}");
    let roles: std::collections::BTreeSet<String> =
        bindings.iter().map(|b| b["policy"]["bindings"][0]["role"].to_string()).collect();
    assert_eq!(roles.len(), 2);
    let text = bindings.iter().map(Value::to_string).collect::<String>();
    assert_eq!(text.matches("resource.name == ").count(), 300);
    assert!(!text.contains("startsWith"), "what others have stays theirs");
}

#[test]
fn a_project_that_would_get_more_roles_than_it_holds_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let said = |accounts: usize| {
        let one = |n: usize| {
            entry(n, &format!("job-{n}"), "compute.zones.list", "projects/example-dev").to_string()
        };
        std::fs::write(at("log.json"), (0..accounts).map(one).collect::<Vec<_>>().join("\n")).unwrap();
        let out = run(&[
            "generate",
            &at("log.json"),
            "--out",
            &at(&format!("out-{accounts}")),
            "--target",
            "gcp-role",
        ]);
        assert_eq!(code(&out), 0, "{}", stderr(&out));
        let manifest = std::fs::read_to_string(at(&format!("out-{accounts}/manifest.json"))).unwrap();
        assert_eq!(manifest.contains("\"role-limit\""), stderr(&out).contains("role-limit"));
        stderr(&out)
    };
    assert!(said(301).contains("role-limit: projects/example-dev would get 301 custom roles and holds 300"));
    assert!(!said(300).contains("role-limit"));
}
