//! What entries of Google's logs prove, where they are easily misread: refusals that rows do not tell of, chains of delegation,
//! addresses, rows that say nothing, and permissions that lead to more access.

use crate::predefined::{Folder, entry, run_in};
use crate::support::{code, lines, read_text, stderr};
use leastgrant::model::tally::Skip;
use leastgrant::model::usage::{Basis, Outcome, Row};
use serde_json::{Value, json};

const ACCOUNT: &str = "job@example-dev.iam.gserviceaccount.com";

/// An entry with these fields of its payload beside or in place of the usual ones.
fn with(id: usize, permission: &str, name: &str, more: &Value) -> Value {
    let mut value = entry(id, permission, name);
    for (key, field) in more.as_object().unwrap() {
        value["protoPayload"][key] = field.clone();
    }
    value
}

fn rows(all: &[Value]) -> Vec<Row> {
    read_text(&all.iter().map(|one| format!("{one}\n")).collect::<String>()).rows
}

fn found<'r>(rows: &'r [Row], action: &str) -> Vec<&'r Row> {
    rows.iter().filter(|row| *row.action == *action).collect()
}

#[test]
fn what_something_beside_iam_refused_is_no_use_to_grant() {
    let status = |code: u32, message: &str| json!({ "status": { "code": code, "message": message } });
    let of = |more: &Value| rows(&[with(1, "bigquery.jobs.create", "projects/example-dev", more)])[0].outcome;
    let perimeter = "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x";
    assert_eq!(of(&status(7, perimeter)), Outcome::Denied);
    assert_eq!(
        of(&status(9, "Constraint constraints/compute.vmExternalIpAccess violated for project p.")),
        Outcome::Denied
    );
    let mut more = status(9, "not allowed");
    more["policyViolationInfo"] =
        json!({ "orgPolicyViolationInfo": { "violationInfo": [{ "constraint": "constraints/x.y" }] } });
    assert_eq!(of(&more), Outcome::Denied);
    // Some services write HTTP's number, or the name alone.
    let mut plain = entry(1, "bigquery.jobs.create", "projects/example-dev");
    plain["protoPayload"]["authorizationInfo"][0]["granted"] = json!(false);
    for status in [json!({ "code": 403, "message": "Forbidden" }), json!({ "message": "PERMISSION_DENIED" })]
    {
        plain["protoPayload"]["status"] = status;
        assert_eq!(rows(std::slice::from_ref(&plain))[0].outcome, Outcome::Denied);
    }
    assert_eq!(of(&json!({ "status": { "message": "PERMISSION_DENIED" } })), Outcome::Failed);
    // Not found is answered after the check, and a policy that is not found refuses nothing.
    assert_eq!(of(&status(5, "Policy for constraints/x.y not found")), Outcome::Failed);
    assert_eq!(of(&status(9, "not empty")), Outcome::Failed);
}

/// What stands in place of a code, and what it proves.
const SPELLED: [(&str, Outcome); 20] = [
    ("400", Outcome::Unproven),
    ("INVALID_ARGUMENT", Outcome::Unproven),
    ("504", Outcome::Unproven),
    ("DEADLINE_EXCEEDED", Outcome::Unproven),
    ("404", Outcome::Failed),
    ("NOT_FOUND", Outcome::Failed),
    ("ALREADY_EXISTS", Outcome::Failed),
    ("403", Outcome::Denied),
    ("PERMISSION_DENIED", Outcome::Denied),
    ("429", Outcome::Unproven),
    ("RESOURCE_EXHAUSTED", Outcome::Unproven),
    ("FAILED_PRECONDITION", Outcome::Failed),
    ("409", Outcome::Unproven),
    ("ABORTED", Outcome::Unproven),
    ("500", Outcome::Unproven),
    ("INTERNAL", Outcome::Unproven),
    ("503", Outcome::Unproven),
    ("UNAVAILABLE", Outcome::Unproven),
    ("401", Outcome::Unproven),
    ("UNAUTHENTICATED", Outcome::Unproven),
];

#[test]
fn every_spelling_of_a_code_proves_what_its_number_does() {
    let file: leastgrant::catalog::outcome::OutcomeFile =
        toml::from_str(include_str!("../../src/catalog/data/gcp/outcome.toml")).unwrap();
    let written: Vec<&str> = file.spelling.iter().flat_map(|row| &row.written).map(String::as_str).collect();
    assert_eq!(written, SPELLED.map(|(written, _)| written), "each spelling has a line here");
    // A read and a write: what is not known of a code differs between them.
    for method in ["google.pubsub.v1.Publisher.GetTopic", "google.pubsub.v1.Publisher.DeleteTopic"] {
        for (written, outcome) in SPELLED {
            let mut one = entry(1, "", "projects/example-dev/topics/t");
            let payload = one["protoPayload"].as_object_mut().unwrap();
            payload.remove("authorizationInfo");
            payload.insert("serviceName".into(), json!("pubsub.googleapis.com"));
            payload.insert("methodName".into(), json!(method));
            payload.insert("resourceName".into(), json!("projects/example-dev/topics/t"));
            for status in [json!({ "code": written }), json!({ "message": written })] {
                one["protoPayload"]["status"] = status.clone();
                let all = rows(std::slice::from_ref(&one));
                assert_eq!(all.first().map(|row| row.outcome), Some(outcome), "{method}: {status}");
            }
        }
    }
}

#[test]
fn each_link_of_a_chain_acts_as_the_next_and_passes_on_what_a_request_delegates() {
    let link = |name: &str| json!({ "firstPartyPrincipal": { "principalEmail": format!("{name}@example-dev.iam.gserviceaccount.com") } });
    let info = json!({ "authenticationInfo": { "principalEmail": ACCOUNT,
        "serviceAccountDelegationInfo": [link("first"), link("middle")] } });
    let all = rows(&[with(1, "pubsub.topics.create", "projects/example-dev", &info)]);
    let minted: Vec<(&str, &str)> = found(&all, "iam.serviceAccounts.getAccessToken")
        .iter()
        .map(|row| (&*row.principal, &*row.scope))
        .collect();
    let account = |name: &str| format!("serviceAccount:{name}@example-dev.iam.gserviceaccount.com");
    let scope = |name: &str| {
        format!("projects/example-dev/serviceAccounts/{name}@example-dev.iam.gserviceaccount.com")
    };
    assert_eq!(minted, [(&*account("first"), &*scope("middle")), (&*account("middle"), &*scope("job"))]);
    assert!(found(&all, "pubsub.topics.create").iter().all(|row| *row.principal == *account("job")));
    let request = json!({ "serviceName": "iamcredentials.googleapis.com", "methodName": "GenerateAccessToken",
        "request": { "name": "projects/-/serviceAccounts/target@example-dev.iam.gserviceaccount.com",
                     "delegates": ["projects/-/serviceAccounts/middle@example-dev.iam.gserviceaccount.com"] } });
    let name = "projects/-/serviceAccounts/target@example-dev.iam.gserviceaccount.com";
    let all = rows(&[with(1, "iam.serviceAccounts.getAccessToken", name, &request)]);
    let passed = found(&all, "iam.serviceAccounts.implicitDelegation");
    assert_eq!((passed.len(), passed[0].basis, &*passed[0].scope), (1, Basis::Inferred, &*scope("middle")));
    assert_eq!(*passed[0].principal, *account("job"));
    // Each account of a longer chain passes it on to the next, and the last one mints.
    let mut longer = request.clone();
    longer["request"]["delegates"] =
        json!(["first", "middle"].map(|name| {
            format!("projects/-/serviceAccounts/{name}@example-dev.iam.gserviceaccount.com")
        }));
    let all = rows(&[with(1, "iam.serviceAccounts.getAccessToken", name, &longer)]);
    let of = |action: &str| -> Vec<(String, String)> {
        found(&all, action).iter().map(|row| (row.principal.to_string(), row.scope.to_string())).collect()
    };
    assert_eq!(
        of("iam.serviceAccounts.implicitDelegation"),
        [(account("first"), scope("middle")), (account("job"), scope("first"))]
    );
    assert_eq!(
        of("iam.serviceAccounts.getAccessToken"),
        [(account("job"), scope("target")), (account("middle"), scope("target"))]
    );
}

#[test]
fn an_entry_that_leaves_its_service_out_is_of_the_one_that_its_permission_names() {
    let services = |one: Value| -> Vec<String> {
        let usage = read_text(&format!("{one}\n"));
        let coverage = leastgrant::report::coverage::coverage(&usage);
        let classes = coverage["classes"].as_array().unwrap().iter();
        classes.map(|class| class["service"].as_str().unwrap().to_owned()).collect()
    };
    let mut one = entry(1, "pubsub.topics.create", "projects/example-dev/topics/t");
    one["protoPayload"].as_object_mut().unwrap().remove("serviceName");
    assert_eq!(services(one.clone()), ["pubsub.googleapis.com"]);
    one["protoPayload"].as_object_mut().unwrap().remove("authorizationInfo");
    one["protoPayload"]["methodName"] = json!("no.such.Method");
    assert!(services(one).is_empty());
}

#[test]
fn an_address_is_one_principal_whatever_its_letter_case() {
    let by = |id: usize, who: &str| {
        with(
            id,
            "storage.objects.get",
            "projects/_/buckets/b/objects/a",
            &json!({ "authenticationInfo": { "principalEmail": who } }),
        )
    };
    let usage = read_text(
        &[by(1, "Ana@Example.com"), by(2, "ana@example.com")].map(|one| format!("{one}\n")).concat(),
    );
    let known: Vec<&str> = usage.principals.iter().map(|who| who.id.as_str()).collect();
    assert_eq!(known, ["user:ana@example.com"]);
}

#[test]
fn an_account_of_a_domains_project_is_at_home_there() {
    let who = json!({ "authenticationInfo": { "principalEmail": "svc@legacy-app.example.com.iam.gserviceaccount.com" } });
    let usage =
        read_text(&with(1, "storage.objects.get", "projects/_/buckets/b/objects/a", &who).to_string());
    assert_eq!(usage.principals[0].home, "example.com:legacy-app");
}

#[test]
fn a_row_that_does_not_say_granted_is_not() {
    let silent = |method: &str, granted: &Value| {
        let mut row =
            json!({ "permission": "storage.objects.get", "resource": "projects/_/buckets/b/objects/a" });
        if !granted.is_null() {
            row["granted"] = granted.clone();
        }
        let more = json!({ "serviceName": "storage.googleapis.com", "methodName": method, "authorizationInfo": [row],
            "resourceName": "projects/_/buckets/b/objects/a" });
        rows(&[with(1, "x", "y", &more)]).len()
    };
    // JSON of protocol buffers leaves out what is false: both are the same entry.
    assert_eq!(silent("storage.objects.get", &Value::Null), 0);
    assert_eq!(silent("storage.objects.get", &json!(false)), 0);
    assert_eq!(silent("storage.objects.get", &json!("true")), 1);
    let row = json!([{ "permission": "storage.objects.get", "resource": "projects/_/buckets/b/objects/a" }]);
    let usage = read_text(&with(1, "x", "y", &json!({ "authorizationInfo": row })).to_string());
    assert_eq!(usage.tally.total_skipped().get(&Skip::NotGranted), Some(&1), "the permission is known");
}

#[test]
fn a_method_on_what_its_permission_is_not_checked_on_opens_nothing() {
    let of = |method: &str, name: &str| {
        let more = json!({ "serviceName": "bigquery.googleapis.com", "resourceName": name, "authorizationInfo": [],
            "methodName": method });
        rows(&[with(1, "x", "y", &more)])
            .iter()
            .map(|row| (row.action.to_string(), row.exempt))
            .collect::<Vec<_>>()
    };
    let read = |exempt| vec![("bigquery.tables.getData".to_owned(), exempt)];
    let results = "google.cloud.bigquery.v2.JobService.GetQueryResults";
    assert_eq!(of(results, "projects/example-dev/jobs/j"), read(Some("review")), "a job is no table");
    let data = "google.cloud.bigquery.v2.TableDataService.List";
    assert_eq!(of(data, "projects/example-dev/datasets/d/tables/t"), read(None));
    assert_eq!(of(data, "projects/example-dev/datasets/d"), read(None), "which lies in it");
}

#[test]
fn what_issues_credentials_or_acts_as_others_waits_when_seen_once() {
    let folder = Folder::new();
    let other = "projects/-/serviceAccounts/other@example-dev.iam.gserviceaccount.com";
    let sensitive = [
        ("iam.serviceAccounts.getAccessToken", other),
        ("iam.serviceAccounts.signJwt", other),
        ("iam.serviceAccounts.signBlob", other),
        ("iam.serviceAccounts.getOpenIdToken", other),
        ("iam.serviceAccounts.implicitDelegation", other),
        ("iam.serviceAccounts.actAs", other),
        ("serviceusage.apiKeys.create", "projects/example-dev"),
        ("compute.projects.setCommonInstanceMetadata", "projects/example-dev"),
        ("cloudbuild.builds.create", "projects/example-dev"),
        ("deploymentmanager.deployments.create", "projects/example-dev"),
    ];
    let mut all: Vec<Value> = sensitive
        .iter()
        .enumerate()
        .map(|(at, (permission, name))| entry(at + 1, permission, name))
        .collect();
    // What runs as an account takes actAs as well, which waits in its place.
    all.push(entry(40, "run.services.create", "projects/example-dev/locations/l/services/s"));
    let log = folder.put("log.json", &json!(all));
    let (exit, said, _) = folder.generate(&log, &["--target", "gcp-deny"]);
    assert_eq!(exit, 0, "{said}");
    let review: Value = serde_json::from_str(&folder.file("review.json").unwrap()).unwrap();
    let held: Vec<&str> =
        review["held"].as_array().unwrap().iter().map(|one| one["action"].as_str().unwrap()).collect();
    let mut want: Vec<&str> = sensitive.iter().map(|(permission, _)| *permission).collect();
    want.sort_unstable();
    assert_eq!(held, want);
    // Seen in two sessions, they are granted; and what was used is never denied.
    let mut more = all.clone();
    for (at, (permission, name)) in sensitive.iter().enumerate() {
        let mut again = entry(at + 1, permission, name);
        again["insertId"] = json!(format!("again{at}"));
        again["timestamp"] = json!(format!("2026-11-05T09:00:{at:02}Z"));
        more.push(again);
    }
    let log = folder.put("log.json", &json!(more));
    let (exit, said, _) = folder.generate(&log, &["--target", "gcp-deny"]);
    assert_eq!(exit, 0, "{said}");
    let deny = folder.file(".deny.json").unwrap();
    assert!(folder.file("role.tf").unwrap().contains("iam.serviceAccounts.signJwt"));
    assert!(
        !deny.contains("signJwt") && !deny.contains("builds.create\"") && deny.contains("hmacKeys.create"),
        "{deny}"
    );
}

#[test]
fn a_deny_policy_names_what_leads_to_more_once_and_nothing_that_only_looks() {
    let folder = Folder::new();
    // Spelled with the service's host: it is the same permission.
    let log = folder.put(
        "log.json",
        &json!([
            entry(1, "storage.objects.get", "projects/_/buckets/b/objects/a"),
            entry(2, "iam.googleapis.com/workforcePools.get", "locations/global/workforcePools/w"),
            entry(3, "iam.googleapis.com/workforcePools.update", "locations/global/workforcePools/w"),
        ]),
    );
    let (exit, said, manifest) = folder.generate(&log, &["--target", "gcp-deny", "--accept-review"]);
    assert_eq!(exit, 0, "{said}");
    assert_eq!(manifest["principals"][0]["documents"], "written", "{said}");
    let deny: Value = serde_json::from_str(&folder.file(".deny.json").unwrap()).unwrap();
    let all = deny["rules"][0]["denyRule"]["deniedPermissions"].as_array().unwrap();
    let mut names: Vec<&str> = all.iter().map(|one| one.as_str().unwrap()).collect();
    assert!(!names.contains(&"iam.googleapis.com/workforcePools.update"), "it was used");
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "each stands once");
    let looks: Vec<&&str> =
        names.iter().filter(|name| name.ends_with(".get") || name.ends_with(".list")).collect();
    assert!(looks.is_empty(), "{looks:?}");
    for leads in [
        "cloudbuild.googleapis.com/builds.create",
        "cloudfunctions.googleapis.com/functions.create",
        "cloudfunctions.googleapis.com/functions.update",
        "run.googleapis.com/services.create",
        "compute.googleapis.com/projects.setCommonInstanceMetadata",
        "compute.googleapis.com/instances.setMetadata",
        "iam.googleapis.com/serviceAccounts.getAccessToken",
    ] {
        assert!(names.contains(&leads), "{leads}");
    }
}

#[test]
fn logging_is_configured_for_services_that_there_are() {
    let folder = Folder::new();
    let mut nameless = entry(3, "storage.objects.get", "projects/_/buckets/b/objects/a");
    nameless["protoPayload"]["serviceName"] = json!("");
    let mut known = entry(1, "storage.objects.get", "projects/_/buckets/b/objects/a");
    known["protoPayload"]["serviceName"] = json!("storage.googleapis.com");
    let mut new = entry(2, "storage.objects.get", "projects/_/buckets/b/objects/a");
    new["protoPayload"]["serviceName"] = json!("brandnew.googleapis.com");
    let log = folder.put("log.json", &json!([known, new, nameless]));
    let out = folder.at("out");
    let got =
        run_in(&folder.0.path().join("data"), &["generate", &log, "--out", &out, "--target", "gcp-audit"]);
    assert_eq!(code(&got), 0, "{}", stderr(&got));
    let text = folder.file("audit.json").unwrap();
    let audit: Value = serde_json::from_str(&text).unwrap();
    let services: Vec<&str> = audit["auditConfigs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["service"].as_str().unwrap())
        .collect();
    assert_eq!(services, ["storage.googleapis.com"]);
}

#[test]
fn a_refusal_is_mended_by_the_binding_that_would_be_written() {
    let folder = Folder::new();
    let status = json!({ "status": { "code": 7 }, "authorizationInfo": [{ "permission": "storage.objects.get",
        "resource": "projects/_/buckets/b/objects/a" }] });
    let log = folder.put("log.json", &json!([with(1, "x", "y", &status)]));
    let got = run_in(&folder.0.path().join("data"), &["denied", &log, "--format", "json"]);
    let one = &lines(&got)[0];
    assert!(
        one["mend"]["condition"]["expression"].as_str().unwrap().contains("buckets/b/objects/a"),
        "{one:#}"
    );
    assert_eq!(one["mend"]["resource"], "projects/example-dev");
}

#[test]
fn a_download_of_as_many_entries_as_there_can_be_is_told() {
    let folder = Folder::new();
    let said = |count: usize| {
        let all: String = (0..count)
            .map(|n| {
                let mut one = entry(1, "storage.objects.get", "projects/_/buckets/b/objects/a");
                one["insertId"] = json!(format!("e{n}"));
                format!("{one}\n")
            })
            .collect();
        let path = folder.at("log.json");
        std::fs::write(&path, all).unwrap();
        folder.generate(&path, &[]).1
    };
    assert!(said(10_000).contains("full-download"));
    assert!(!said(9_999).contains("full-download"));
}

#[test]
fn an_operation_counts_once_also_where_its_ends_name_different_permissions() {
    let end = |id: usize, side: &str, permissions: &[&str]| {
        let name = "projects/example-dev/zones/z/instances/i";
        let row = |permission: &&str| json!({ "permission": permission, "resource": name, "granted": true });
        let all: Vec<Value> = permissions.iter().map(row).collect();
        let mut value = with(id, permissions[0], name, &json!({ "authorizationInfo": all }));
        value["operation"] = json!({ "id": "op", "producer": "compute.googleapis.com", side: true });
        value
    };
    let (delete, stop) = ("compute.instances.delete", "compute.instances.stop");
    let counts = |all: &[Value]| -> Vec<(String, u64)> {
        rows(all).iter().map(|row| (row.action.to_string(), row.seen.count)).collect()
    };
    let once = vec![(delete.to_owned(), 1), (stop.to_owned(), 1)];
    let more = [end(1, "first", &[delete]), end(2, "last", &[delete, stop])];
    assert_eq!(counts(&more), once);
    assert_eq!(counts(&[more[1].clone(), more[0].clone()]), once, "in any order");
    let fewer = [end(1, "first", &[delete, stop]), end(2, "last", &[stop])];
    assert_eq!(counts(&fewer), once);
    let usage = read_text(&fewer.iter().map(|one| format!("{one}\n")).collect::<String>());
    assert_eq!(usage.tally.total_skipped().values().sum::<u64>(), 1, "{:?}", usage.tally);
    assert_eq!(counts(&more[1..]), once, "what stands alone counts as a whole");
}

#[test]
fn the_name_that_conditions_see_completes_the_end_that_a_row_logs() {
    let of = |resource: &str, whole: &str| {
        let mut value = entry(1, "cloudsql.instances.connect", resource);
        value["protoPayload"]["authorizationInfo"][0]["resourceAttributes"] = json!({ "service": "sqladmin.googleapis.com", "name": whole, "type": "sqladmin.googleapis.com/Instance" });
        rows(&[value])[0].target.text.to_string()
    };
    let whole = "//sqladmin.googleapis.com/projects/example-dev/instances/main";
    assert_eq!(of("instances/main", "projects/example-dev/instances/main"), whole);
    assert_eq!(of("instances/main", ""), whole, "which is of the entry's project");
    assert_eq!(of("projects/example-dev/instances/main", "projects/example-dev/instances/main"), whole);
    assert_eq!(of("projects/example-dev/instances/main", "projects/other/instances/more"), whole);
}
