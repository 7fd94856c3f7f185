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

/// `denied_by` of the uses that policies would deny.
fn denied_by(log: &Value, policies: &[Value]) -> Vec<String> {
    let folder = Folder::new();
    let log = folder.put("log.json", log);
    let files: Vec<String> =
        policies.iter().enumerate().map(|(at, one)| folder.put(&format!("p{at}.json"), one)).collect();
    let mut args = vec!["check", &log, "--format", "json", "--policy"];
    args.extend(files.iter().map(String::as_str));
    let got = run_in(&folder.0.path().join("data"), &args);
    assert!(matches!(code(&got), 0 | 4), "{}", stderr(&got));
    lines(&got).iter().map(|row| row["denied_by"].as_str().unwrap().to_owned()).collect()
}

/// A role of one permission, bound to a member.
fn given(permission: &str, member: &str, condition: Option<&str>) -> [Value; 2] {
    let name = "projects/example-dev/roles/own";
    let mut binding = json!({ "role": name, "members": [member] });
    if let Some(expression) = condition {
        binding["condition"] = json!({ "title": "t", "expression": expression });
    }
    let role = json!({ "name": name, "title": "t", "includedPermissions": [permission] });
    [role, json!({ "version": 3, "etag": "x", "bindings": [binding] })]
}

#[test]
fn names_with_a_projects_number_are_no_names_with_its_id() {
    let permission = "secretmanager.versions.access";
    let log = json!([entry(1, permission, "projects/example-dev/secrets/db/versions/3")]);
    let of = |condition: &str| denied_by(&log, &given(permission, JOB, Some(condition))).join(",");
    assert_eq!(of("resource.name.startsWith('projects/example-dev/secrets/db/')"), "policy");
    assert_eq!(of("resource.name.startsWith('projects/123456789012/secrets/db/')"), "unknown");
    assert_eq!(of("resource.name.startsWith('projects/123456789012/secrets/other/')"), "policy");
    assert_eq!(of("resource.name.extract('/secrets/db/versions/{name}') != ''"), "");
    assert_eq!(of("resource.name.endsWith('/secrets/db/versions/3')"), "");
    let numbered = json!([entry(1, permission, "projects/123456789012/secrets/db/versions/3")]);
    let policies = given(permission, JOB, None);
    assert!(denied_by(&numbered, &policies).is_empty());
}

#[test]
fn people_are_asked_for_where_policies_name_them() {
    let mut log = json!([entry(1, "storage.objects.get", "projects/_/buckets/b/objects/a")]);
    log[0]["protoPayload"]["authenticationInfo"]["principalEmail"] = json!("ana@example.com");
    let of = |permission: &str, member: &str| denied_by(&log, &given(permission, member, None)).join(",");
    assert_eq!(of("storage.objects.get", "user:Ana@example.com"), "");
    assert_eq!(of("storage.objects.get", "domain:example.com"), "");
    assert_eq!(of("storage.objects.get", "user:bo@example.com"), "policy");
    assert_eq!(of("storage.objects.list", "domain:example.com"), "policy");
    assert_eq!(of("storage.objects.get", "group:all@example.com"), "unknown");
}

#[test]
fn what_refuses_is_named_and_what_no_log_tells_is_unknown() {
    let log = json!([entry(1, "storage.objects.get", "projects/_/buckets/b/objects/a")]);
    let set = "principalSet://cloudresourcemanager.googleapis.com/projects/1/type/ServiceAccount";
    for member in ["group:all@example.com", set] {
        assert_eq!(denied_by(&log, &given("storage.objects.get", member, None)), ["unknown"], "{member}");
        assert_eq!(denied_by(&log, &given("storage.objects.list", member, None)), ["policy"], "{member}");
    }
    let with = |limit: Value| {
        let [role, policy] = given("storage.objects.get", JOB, None);
        denied_by(&log, &[role, policy, limit])
    };
    let deny = |principal: &str, condition: Option<&str>| {
        let mut rule = json!({ "deniedPrincipals": [principal],
                               "deniedPermissions": ["storage.googleapis.com/objects.get"] });
        if let Some(expression) = condition {
            rule["denialCondition"] = json!({ "expression": expression });
        }
        json!({ "name": "policies/cloudresourcemanager.googleapis.com%2Fprojects%2Fexample-dev/denypolicies/d",
                "rules": [{ "denyRule": rule }] })
    };
    assert_eq!(with(deny("principalSet://goog/public:all", None)), ["deny"]);
    assert_eq!(
        with(deny("principalSet://goog/public:all", Some("resource.matchTag('1/env', 'x')"))),
        ["unknown"]
    );
    assert_eq!(with(deny("principalSet://goog/group/all@example.com", None)), ["unknown"]);
    assert!(with(deny("principal://goog/subject/ana@example.com", None)).is_empty());
    let boundary = |place: &str| {
        json!({ "name": "organizations/111/locations/global/principalAccessBoundaryPolicies/b",
                "details": { "enforcementVersion": "4", "rules": [{ "effect": "ALLOW",
                    "resources": [format!("//cloudresourcemanager.googleapis.com/{place}")] }] } })
    };
    let bound = |place: &str| {
        let mut policy = boundary(place);
        policy["bindings"] = json!([{ "target": { "principalSet": "//cloudresourcemanager.googleapis.com/projects/example-dev" } }]);
        with(policy)
    };
    assert_eq!(bound("projects/other"), ["pab"]);
    assert_eq!(bound("organizations/111"), ["unknown"]);
    assert!(bound("projects/example-dev").is_empty());
    assert_eq!(with(boundary("projects/other")), ["unknown"], "nothing says whom it is bound to");
    let mut numbered = deny("principalSet://goog/public:all", None);
    numbered["name"] =
        json!("policies/cloudresourcemanager.googleapis.com%2Fprojects%2F123456789012/denypolicies/d");
    assert_eq!(with(numbered), ["unknown"], "the number may be of the project");
}
