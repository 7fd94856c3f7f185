//! `check` against what `get-iam-policy` prints: what is bound to others asks for nothing, what is not known is named, and a
//! policy holds somewhere.

use crate::predefined::{Folder, entry, role, run_in};
use crate::support::{code, lines, stderr};
use serde_json::{Value, json};

const JOB: &str = "serviceAccount:job@example-dev.iam.gserviceaccount.com";

/// A log that reads an object, `roles/storage.objectViewer` bound to its account, and what stands beside that.
fn checked(roles: &Value, beside: &Value, more: &[&str]) -> (i32, String, Vec<Value>) {
    let folder = Folder::new();
    assert_eq!(code(&folder.import(roles)), 0);
    let log =
        folder.put("log.json", &json!([entry(1, "storage.objects.get", "projects/_/buckets/b/objects/a")]));
    let mut bindings = beside.as_array().unwrap().clone();
    bindings.push(json!({ "role": "roles/pubsub.viewer", "members": [JOB] }));
    let policy = folder.put("policy.json", &json!({ "version": 3, "etag": "x", "bindings": bindings }));
    let base = ["check", &log, "--policy", &policy, "--format", "json"];
    let got = run_in(&folder.0.path().join("data"), &[&base[..], more].concat());
    (code(&got), stderr(&got), lines(&got))
}

fn published() -> Value {
    json!([
        role("roles/owner", &["storage.objects.get"]),
        role("roles/storage.objectViewer", &["storage.objects.get"]),
        role("roles/pubsub.viewer", &["pubsub.topics.get"]),
        role("roles/empty.viewer", &[]),
    ])
}

#[test]
fn what_is_bound_to_others_asks_for_no_role_and_for_no_condition() {
    let own = json!({ "role": "roles/storage.objectViewer", "members": [JOB] });
    for other in [
        json!({ "role": "roles/compute.serviceAgent", "members": ["serviceAccount:service-1@compute-system.iam.gserviceaccount.com"] }),
        json!({ "role": "projects/example-dev/roles/x", "members": ["user:ana@example.com"] }),
        json!({ "role": "roles/storage.objectViewer", "members": ["user:ana@example.com"],
                "condition": { "title": "t", "expression": "request.time - timestamp('2026-09-01T00:00:00Z') < duration('2000h')" } }),
    ] {
        let (exit, said, rows) = checked(&published(), &json!([own, other]), &[]);
        assert_eq!((exit, rows.len()), (0, 0), "{other}: {said}");
    }
}

#[test]
fn a_role_that_is_never_proposed_is_held_like_any_other() {
    let (exit, said, _) = checked(&published(), &json!([{ "role": "roles/owner", "members": [JOB] }]), &[]);
    assert_eq!(exit, 0, "{said}");
    let (exit, said, rows) =
        checked(&published(), &json!([{ "role": "roles/empty.viewer", "members": [JOB] }]), &[]);
    assert_eq!((exit, rows[0]["denied_by"].as_str()), (4, Some("policy")), "{said}");
}

#[test]
fn what_is_bound_to_the_principal_and_not_known_is_named() {
    let (exit, said, rows) =
        checked(&published(), &json!([{ "role": "projects/example-dev/roles/x", "members": [JOB] }]), &[]);
    assert_eq!((exit, rows[0]["denied_by"].as_str()), (4, Some("unknown")), "{said}");
    assert!(said.contains("what projects/example-dev/roles/x holds is not known"), "{said}");
    assert!(said.contains("gcloud iam roles describe"), "{said}");
    let condition = |expression: &str| {
        json!([{ "role": "roles/storage.objectViewer", "members": [JOB],
                 "condition": { "title": "t", "expression": expression } }])
    };
    let (exit, said, rows) = checked(
        &published(),
        &condition("request.time - timestamp('2026-09-01T00:00:00Z') < duration('1h')"),
        &[],
    );
    assert_eq!((exit, rows[0]["denied_by"].as_str()), (4, Some("unknown")), "{said}");
    assert!(said.contains("cannot be read"), "{said}");
    let (_, said, rows) = checked(&published(), &condition("resource.matchTag('1/env', 'prod')"), &[]);
    assert_eq!(rows[0]["denied_by"], "unknown", "{said}");
    let (_, said, rows) = checked(&published(), &condition("resource.name == 'x'"), &[]);
    assert_eq!(rows[0]["denied_by"], "policy", "{said}");
}

#[test]
fn a_policy_that_does_not_say_where_it_holds_is_the_one_projects_or_needs_a_place() {
    let own = json!([{ "role": "roles/storage.objectViewer", "members": [JOB] }]);
    let (exit, said, _) = checked(&published(), &own, &[]);
    assert!(exit == 0 && said.contains("taken to be that of projects/example-dev"), "{said}");
    assert_eq!(checked(&published(), &own, &["--on", "projects/other"]).0, 4);
    assert!(checked(&published(), &own, &["--on", "other"]).1.contains("write projects/ID"));
    let folder = Folder::new();
    assert_eq!(code(&folder.import(&published())), 0);
    let log = folder.put(
        "log.json",
        &json!([
            entry(1, "pubsub.topics.get", "projects/example-dev/topics/t"),
            entry(2, "pubsub.topics.get", "projects/example-prod/topics/t"),
        ]),
    );
    let policy = folder.put(
        "policy.json",
        &json!({ "etag": "x", "bindings": [{ "role": "roles/pubsub.viewer", "members": [JOB] }] }),
    );
    let data = folder.0.path().join("data");
    let got = run_in(&data, &["check", &log, "--policy", &policy]);
    let said = stderr(&got);
    assert!(code(&got) == 1 && said.contains("--on") && said.contains("projects/example-prod"), "{said}");
    let got = run_in(
        &data,
        &["check", &log, "--policy", &policy, "--on", "projects/example-prod", "--format", "json"],
    );
    assert_eq!((code(&got), lines(&got).len()), (4, 1), "{}", stderr(&got));
}
