//! What is written for Google where places, limits and other organizations make it hard.

use crate::predefined::{Folder, entry, run_in};
use crate::support::{code, stderr, tree};
use serde_json::{Value, json};

const JOB: &str = "serviceAccount:job@example-dev.iam.gserviceaccount.com";

/// What `get-ancestors-iam-policy` prints of a project in folder 1 of organization 7.
fn ancestors(project: &str) -> Value {
    json!([{ "id": project, "type": "project", "policy": { "etag": "a" } }, { "id": "1", "type": "folder", "policy": { "etag": "b" } },
           { "id": "7", "type": "organization", "policy": { "etag": "c" } }])
}

fn in_project(mut entry: Value, project: &str) -> Value {
    entry["resource"]["labels"]["project_id"] = json!(project);
    entry
}

fn held(folder: &Folder) -> String {
    folder.file("review.json").unwrap_or_default()
}

#[test]
fn what_is_shared_with_everybody_or_another_organizations_is_listed_and_not_granted() {
    let folder = Folder::new();
    folder.put("in/a.json", &ancestors("example-dev"));
    let mut theirs = ancestors("theirs");
    theirs[2]["id"] = json!("8");
    theirs.as_array_mut().unwrap().remove(1);
    folder.put("in/b.json", &theirs);
    folder.put(
        "in/log.json",
        &json!([
            entry(1, "storage.objects.get", "projects/_/buckets/b/objects/a"),
            entry(2, "bigquery.tables.getData", "projects/bigquery-public-data/datasets/d/tables/t"),
            entry(3, "compute.images.useReadOnly", "projects/debian-cloud/global/images/i"),
            entry(4, "pubsub.topics.publish", "projects/theirs/topics/t"),
        ]),
    );
    let (exit, said, manifest) = folder.generate(&folder.at("in"), &[]);
    assert_eq!(exit, 0, "{said}");
    let owners: Vec<(&str, &str)> = manifest["cross_account"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["action"].as_str().unwrap(), one["owner"].as_str().unwrap()))
        .collect();
    assert_eq!(
        owners,
        [
            ("bigquery.tables.getData", "projects/bigquery-public-data"),
            ("compute.images.useReadOnly", "projects/debian-cloud"),
            ("pubsub.topics.publish", "projects/theirs"),
        ]
    );
    assert!(said.contains("3 uses of what others own, 2 of them on what is shared with everybody"), "{said}");
    let terraform = folder.file("role.tf").unwrap();
    assert!(terraform.contains("storage.objects.get"));
    for other in ["bigquery-public-data", "debian-cloud", "\"theirs\""] {
        assert!(!terraform.contains(other), "{other}: {terraform}");
    }
    let got = run_in(&folder.0.path().join("data"), &["principals", &folder.at("in"), "--format", "table"]);
    assert!(stderr(&got).contains("not proven to be logged"), "{}", stderr(&got));
    let got = run_in(&folder.0.path().join("data"), &["uses", &folder.at("in")]);
    let text = String::from_utf8(got.stdout).unwrap();
    assert!(text.contains("\"exempt\":\"public\"") && text.contains("\"exempt\":\"foreign\""), "{text}");
}

#[test]
fn a_folder_gets_a_role_of_its_organization_where_that_is_known() {
    let folder = Folder::new();
    folder.put("in/log.json", &json!([entry(1, "resourcemanager.projects.create", "folders/1")]));
    let (_, said, _) = folder.generate(&folder.at("in"), &[]);
    let file = folder.at("out/gcp/example-dev/job/review.json");
    assert!(said.contains(&format!("waits for review: {file} says what and why")), "{said}");
    assert!(held(&folder).contains("nothing says which that is"), "{}", held(&folder));
    folder.put("in/a.json", &ancestors("example-dev"));
    let (exit, said, manifest) = folder.generate(&folder.at("in"), &[]);
    assert_eq!((exit, manifest["principals"][0]["replayed"].as_u64()), (0, Some(1)), "{said}");
    let terraform = folder.file("role.tf").unwrap();
    for line in [
        "\"google_organization_iam_custom_role\"",
        "org_id      = \"7\"",
        "\"google_folder_iam_member\"",
        "folder = \"folders/1\"",
        "role   = google_organization_iam_custom_role.",
    ] {
        assert!(terraform.contains(line), "{line}: {terraform}");
    }
    let binding: Value = serde_json::from_str(&folder.file(".binding.json").unwrap()).unwrap();
    let role = binding["policy"]["bindings"][0]["role"].as_str().unwrap();
    assert!(binding["resource"] == "folders/1" && role.starts_with("organizations/7/roles/"), "{binding:#}");
}

#[test]
fn more_names_than_a_condition_holds_are_several_bindings_of_one_role() {
    let folder = Folder::new();
    let mut all: Vec<Value> = (0..13)
        .map(|n| entry(n + 1, "storage.buckets.get", &format!("projects/_/buckets/team-{n:02}")))
        .collect();
    let mut other = entry(30, "storage.buckets.get", "projects/_/buckets/team-payroll");
    other["protoPayload"]["authenticationInfo"]["principalEmail"] =
        json!("other@example-dev.iam.gserviceaccount.com");
    all.push(other);
    let log = folder.put("log.json", &json!(all));
    let (exit, said, manifest) = folder.generate(&log, &["--principal", JOB]);
    assert_eq!((exit, manifest["principals"][0]["replayed"].as_u64()), (0, Some(13)), "{said}");
    let binding: Value = serde_json::from_str(&folder.file(".binding.json").unwrap()).unwrap();
    let bindings = binding["policy"]["bindings"].as_array().unwrap();
    assert_eq!((bindings.len(), &binding["policy"]["version"]), (2, &json!(3)));
    for one in bindings {
        assert!(one["condition"]["expression"].as_str().unwrap().contains("team-"), "{one:#}");
    }
    let terraform = folder.file("role.tf").unwrap();
    assert_eq!(terraform.matches("resource \"google_project_iam_member\"").count(), 2, "{terraform}");
    assert_eq!(terraform.matches("resource \"google_project_iam_custom_role\"").count(), 1, "{terraform}");
    assert!(!terraform.contains("payroll"));
    // The role with both bindings, as files, gives what was used and not the name of another's.
    let files: Vec<String> = tree(&folder.0.path().join("out"))
        .into_iter()
        .filter(|(name, _)| {
            name.contains("roles") || name.ends_with(".yaml") || name.ends_with(".binding.json")
        })
        .map(|(name, _)| folder.at(&format!("out/{name}")))
        .collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let data = folder.0.path().join("data");
    let got = run_in(&data, &[&["check", &log, "--principal", JOB, "--policy"][..], &files].concat());
    assert_eq!(code(&got), 0, "{}", stderr(&got));
}

#[test]
fn more_permissions_than_a_role_holds_are_two_roles() {
    let folder = Folder::new();
    let text =
        std::fs::read_to_string(crate::support::root().join("src/catalog/data/gcp/permissions.tsv")).unwrap();
    let all =
        text.lines().filter(|line| line.starts_with("compute.") || line.starts_with("c")).flat_map(|line| {
            let (group, verbs) = line.split_once('\t').unwrap();
            let plain = verbs.split(',').filter(|verb| !verb.ends_with(['!', '~']));
            plain.map(|verb| format!("{group}.{verb}")).collect::<Vec<_>>()
        });
    let all: Vec<String> = all.filter(|one| !one.contains('/')).take(3_229).collect();
    let mut one = entry(1, "x", "y");
    let rows: Vec<Value> = all
        .iter()
        .map(|permission| json!({ "permission": permission, "resource": "projects/example-dev", "granted": true }))
        .collect();
    one["protoPayload"]["authorizationInfo"] = json!(rows);
    let log = folder.put("log.json", &json!([one]));
    let (exit, said, manifest) = folder.generate(&log, &["--accept-review"]);
    assert_eq!(exit, 0, "{said}");
    assert!(manifest["principals"][0]["replayed"].as_u64().unwrap() > 3_000, "{said}");
    let terraform = folder.file("role.tf").unwrap();
    assert!(terraform.matches("\"google_project_iam_custom_role\"").count() >= 2, "{}", all.len());
}

#[test]
fn a_policy_that_does_not_say_where_it_holds_is_told_where_it_cannot_be_placed() {
    let folder = Folder::new();
    folder.put(
        "in/policy.json",
        &json!({ "etag": "x", "bindings": [{ "role": "roles/editor", "members": [JOB] }] }),
    );
    let one = entry(1, "pubsub.topics.get", "projects/example-dev/topics/t");
    let mut other =
        in_project(entry(2, "pubsub.topics.get", "projects/example-prod/topics/t"), "example-prod");
    other["logName"] = json!("projects/example-prod/logs/cloudaudit.googleapis.com%2Fdata_access");
    folder.put("in/log.json", &json!([one, other]));
    let (_, said, _) = folder.generate(&folder.at("in"), &["--target", "gcp-remove"]);
    assert!(said.contains("does not say where it holds"), "{said}");
    folder.put("in/log.json", &json!([one]));
    let (_, said, _) = folder.generate(&folder.at("in"), &["--target", "gcp-remove"]);
    assert!(!said.contains("does not say where it holds") && folder.file("remove.tf").is_some(), "{said}");
}
