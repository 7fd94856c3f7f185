//! What stands beside new roles on Google Cloud: logging that closes gaps, and the old roles that go.

use crate::support::{code, run, stderr, tree};
use serde_json::{Value, json};

fn log() -> Value {
    let entry = |id: usize, service: &str, permission: &str, name: &str| {
        json!({
            "logName": "projects/example-dev/logs/cloudaudit.googleapis.com%2Factivity", "insertId": format!("e{id}"),
            "timestamp": format!("2026-11-03T09:00:{id:02}Z"), "resource": { "labels": { "project_id": "example-dev" } },
            "protoPayload": {
                "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": service, "methodName": "x",
                "authenticationInfo": { "principalEmail": "job@example-dev.iam.gserviceaccount.com" },
                "authorizationInfo": [{ "permission": permission, "resource": name, "granted": true }],
            },
        })
    };
    json!([
        entry(1, "storage.googleapis.com", "storage.buckets.create", "projects/_/buckets/b"),
        entry(2, "pubsub.googleapis.com", "pubsub.topics.create", "projects/example-dev/topics/t"),
    ])
}

fn policies() -> Value {
    let job = "serviceAccount:Job@example-dev.iam.gserviceaccount.com";
    let bindings = json!([
        { "role": "roles/editor", "members": [job, "user:ana@example.com"] },
        { "role": "roles/viewer", "members": ["user:ana@example.com"] },
        { "role": "roles/storage.admin", "members": [job], "condition": { "title": "x", "expression": "true" } },
    ]);
    let audit = json!([{ "service": "storage.googleapis.com", "auditLogConfigs": [
        { "logType": "DATA_READ", "exemptedMembers": ["user:ana@example.com"] }] }]);
    json!([
        { "id": "example-dev", "type": "project", "policy": { "auditConfigs": audit, "bindings": bindings, "etag": "a" } },
        { "id": "7", "type": "organization", "policy": {
            "bindings": [{ "role": "roles/browser", "members": [job] }], "etag": "b" } },
    ])
}

/// Exit code, what was said, and the files.
fn generate(more: &[(&str, &str)], flags: &[&str]) -> (i32, String, Vec<(String, String)>, Value) {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::create_dir(&input).unwrap();
    std::fs::write(input.join("log.json"), log().to_string()).unwrap();
    std::fs::write(input.join("policies.json"), policies().to_string()).unwrap();
    for (name, text) in more {
        std::fs::write(input.join(name), text).unwrap();
    }
    let (input, out) = (input.display().to_string(), out.display().to_string());
    let base = [
        "generate",
        &input,
        "--out",
        &out,
        "--target",
        "gcp-audit",
        "--target",
        "gcp-remove",
        "--target",
        "gcp-role",
    ];
    let got = run(&[&base[..], flags].concat());
    let files = tree(std::path::Path::new(&out));
    let manifest = files.iter().find(|(name, _)| name == "manifest.json").unwrap();
    let manifest = serde_json::from_str(&manifest.1).unwrap();
    (code(&got), stderr(&got), files, manifest)
}

fn file<'f>(files: &'f [(String, String)], name: &str) -> Option<&'f str> {
    files.iter().find(|(path, _)| path.ends_with(name)).map(|(_, text)| text.as_str())
}

#[test]
fn audit_configuration_turns_on_what_nobody_can_tell_of_and_keeps_what_is_exempt() {
    let (exit, said, files, manifest) = generate(&[], &[]);
    assert_eq!(exit, 0, "{said}");
    let audit: Value = serde_json::from_str(file(&files, "audit.json").unwrap()).unwrap();
    let kinds = |service: &str| -> Vec<(String, Value)> {
        let all = audit["auditConfigs"].as_array().unwrap();
        let one = all.iter().find(|one| one["service"] == service).unwrap();
        let each = one["auditLogConfigs"].as_array().unwrap().iter();
        each.map(|one| (one["logType"].as_str().unwrap().to_owned(), one["exemptedMembers"].clone()))
            .collect()
    };
    let none = |kind: &str| (kind.to_owned(), Value::Null);
    assert_eq!(kinds("pubsub.googleapis.com"), [none("ADMIN_READ"), none("DATA_READ"), none("DATA_WRITE")]);
    let storage = kinds("storage.googleapis.com");
    assert_eq!(storage[1], ("DATA_READ".to_owned(), json!(["user:ana@example.com"])));
    let terraform = file(&files, "audit.tf").unwrap();
    assert_eq!(terraform.matches("google_project_iam_audit_config").count(), 2, "{terraform}");
    let entry =
        manifest["artifacts"].as_array().unwrap().iter().find(|one| one["target"] == "gcp-audit").unwrap();
    assert_eq!(entry["principal"], "//projects/example-dev");
}

#[test]
fn old_roles_go_where_a_policy_shows_them_and_not_before_the_evidence_is_enough() {
    let (exit, said, files, manifest) = generate(&[], &[]);
    assert_eq!(exit, 0, "{said}");
    let terraform = file(&files, "remove.tf").unwrap();
    assert_eq!(terraform.matches("\"google_project_iam_member_remove\"").count(), 1, "{terraform}");
    for line in [
        "role    = \"roles/editor\"",
        "member  = \"serviceAccount:Job@example-dev.iam.gserviceaccount.com\"",
        "gcloud organizations remove-iam-policy-binding 7 --role=roles/browser",
        "--role=roles/storage.admin --member=serviceAccount:Job@example-dev.iam.gserviceaccount.com --condition-from-file",
        "NOT TO BE APPLIED YET",
    ] {
        assert!(terraform.contains(line), "{line}: {terraform}");
    }
    assert!(!terraform.contains("roles/viewer"), "somebody else's");
    let applies = |manifest: &Value| -> Option<bool> {
        let all = manifest["artifacts"].as_array().unwrap();
        all.iter().find(|one| one["target"] == "gcp-remove").map(|one| one["applies"].as_bool().unwrap())
    };
    assert_eq!(applies(&manifest), Some(false), "one day is not enough");
    // A log that was read in part takes nothing away.
    let (exit, _, files, manifest) = generate(&[("broken.json", "{\"logName\": ")], &[]);
    assert_eq!((exit, applies(&manifest)), (3, None));
    assert!(file(&files, "remove.tf").is_none());
}
