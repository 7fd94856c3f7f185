//! Principal access boundaries: what they leave open, what they say they would block, and what they refuse to be bound to.

use crate::support::{code, run, stderr, tree};
use serde_json::{Value, json};
use std::path::Path;

/// An entry of the data access log: who used which permission on what, in whose log.
fn entry(id: usize, who: &str, permission: &str, project: &str, name: &str) -> Value {
    let service = format!("{}.googleapis.com", permission.split('.').next().unwrap());
    json!({
        "logName": format!("projects/{project}/logs/cloudaudit.googleapis.com%2Fdata_access"),
        "insertId": format!("e{id}"), "timestamp": format!("2026-11-03T09:00:{id:02}Z"),
        "resource": { "labels": { "project_id": project } },
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": service,
            "methodName": "x", "authenticationInfo": { "principalEmail": who },
            "authorizationInfo": [{ "permission": permission, "resource": name, "granted": true }],
        },
    })
}

const OURS: &str = "job@ours-dev.iam.gserviceaccount.com";
const THEIRS: &str = "own@theirs.iam.gserviceaccount.com";
const ANA: &str = "ana@example.com";

/// Two organizations: ours uses things of its own and of the other, and the other its own.
fn log() -> Value {
    json!([
        entry(1, OURS, "storage.objects.get", "ours-dev", "projects/_/buckets/ours/objects/a"),
        entry(2, OURS, "pubsub.topics.publish", "ours-prod", "projects/ours-prod/topics/t"),
        entry(3, OURS, "storage.objects.get", "theirs", "projects/_/buckets/theirs/objects/a"),
        entry(4, OURS, "bigquery.tables.getData", "theirs", "projects/theirs/datasets/d/tables/t"),
        entry(5, OURS, "iam.roles.get", "theirs", "projects/theirs/roles/r"),
        entry(6, OURS, "secretmanager.versions.access", "theirs", "projects/theirs/secrets/s/versions/1"),
        entry(7, OURS, "compute.instances.get", "theirs", "projects/theirs/zones/z/instances/i"),
        entry(8, THEIRS, "storage.objects.get", "theirs", "projects/_/buckets/theirs/objects/b"),
        entry(9, ANA, "storage.objects.get", "ours-web", "projects/_/buckets/web/objects/b"),
    ])
}

fn projects() -> Value {
    let one = |id: &str, kind: &str, number: &str| {
        json!({ "createTime": "2025-01-01T00:00:00Z", "lifecycleState": "ACTIVE", "name": id,
                "parent": { "id": number, "type": kind }, "projectId": id, "projectNumber": "1" })
    };
    json!([
        one("ours-dev", "organization", "111"),
        one("ours-prod", "organization", "111"),
        one("ours-web", "organization", "111"),
        one("theirs", "organization", "222"),
    ])
}

struct Made {
    folder: tempfile::TempDir,
    said: String,
    code: i32,
}

impl Made {
    fn manifest(&self) -> Value {
        serde_json::from_str(&self.text("out/manifest.json")).unwrap()
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn boundary(&self) -> Value {
        let manifest = self.manifest();
        assert_eq!(manifest["access_boundaries"].as_array().unwrap().len(), 1, "{manifest:#}");
        manifest["access_boundaries"][0].clone()
    }

    /// The text of the file whose name ends so.
    fn file(&self, ending: &str) -> String {
        let all = tree(&self.folder.path().join("out"));
        all.into_iter().find(|(name, _)| name.ends_with(ending)).unwrap().1
    }
}

fn generate(log: &Value, intent: &str, more: &[&str]) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let log = write("log.json", &log.to_string());
    let projects = write("projects.json", &projects().to_string());
    let intent = write("intent.toml", intent);
    let out = folder.path().join("out").display().to_string();
    let base = ["generate", &log, "--out", &out, "--intent", &intent, "--target", "gcp-pab"];
    let more: Vec<&str> =
        more.iter().map(|one| if *one == "PROJECTS" { projects.as_str() } else { one }).collect();
    let got = run(&[&base[..], &more[..]].concat());
    Made { said: stderr(&got), code: code(&got), folder }
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

const ORGANIZATION: &str = "[[access_boundary]]\norganization = '111'\n";

#[test]
fn just_the_calls_to_the_other_organization_are_flagged_with_what_each_version_blocks() {
    let made = generate(&log(), ORGANIZATION, &["PROJECTS"]);
    assert_eq!(made.code, 0, "{}", made.said);
    let got = made.boundary();
    let outside: Vec<&str> =
        got["outside"].as_array().unwrap().iter().map(|one| one["action"].as_str().unwrap()).collect();
    let foreign = [
        "bigquery.tables.getData",
        "compute.instances.get",
        "iam.roles.get",
        "secretmanager.versions.access",
        "storage.objects.get",
    ];
    assert_eq!(outside, foreign);
    for one in got["outside"].as_array().unwrap() {
        assert_eq!(one["organization"], "organizations/222");
        assert_eq!(one["principal"], format!("serviceAccount:{OURS}"));
    }
    let versions = got["versions"].as_array().unwrap();
    let of = |key: &str| versions.iter().map(|one| one[key].clone()).collect::<Vec<Value>>();
    assert_eq!(of("known"), [json!(695), json!(1912), json!(3617), json!(5799)]);
    assert_eq!(of("share"), [json!("20.0"), json!("40.0"), json!("60.0"), json!("80.0")]);
    let newly: Vec<String> = of("newly_blocked").iter().map(|one| texts(one).join(",")).collect();
    assert_eq!(
        newly,
        ["storage.objects.get", "bigquery.tables.getData", "iam.roles.get", "secretmanager.versions.access"]
    );
    assert!(made.said.contains("a foreign organization") && made.said.contains("80.0 %"), "{}", made.said);
    assert!(made.said.contains("roles/iam.principalAccessBoundaryAdmin"), "{}", made.said);
    // What would break what runs is written, but not to be applied.
    assert_eq!((got["applies"].clone(), got["lost"].as_array().unwrap().len()), (json!(false), 4));
    let entries = made.manifest()["artifacts"].clone();
    let own: Vec<&Value> =
        entries.as_array().unwrap().iter().filter(|one| one["target"] == "gcp-pab").collect();
    assert!(own.len() == 4 && own.iter().all(|one| one["applies"] == false), "{own:?}");
    assert_eq!(made.file("boundary.json").matches("organizations/111").count(), 1);
}

#[test]
fn an_older_version_blocks_less_and_is_written_as_a_number() {
    let made = generate(&log(), &format!("{ORGANIZATION}version = 1\n"), &["PROJECTS"]);
    let policy: Value = serde_json::from_str(&made.file("boundary.json")).unwrap();
    assert_eq!(policy["details"]["enforcementVersion"], "1");
    assert_eq!(made.boundary()["lost"].as_array().unwrap().len(), 1);
    let wrong = generate(&log(), &format!("{ORGANIZATION}version = 9\n"), &["PROJECTS"]);
    assert!(wrong.code != 0 && wrong.said.contains("known are 1 to 4"), "{}", wrong.said);
}

#[test]
fn exempt_principals_and_allowed_places_are_left_alone() {
    let exempt = format!("{ORGANIZATION}exempt = ['serviceAccount:{OURS}']\n");
    let made = generate(&log(), &exempt, &["PROJECTS"]);
    let got = made.boundary();
    assert_eq!((got["applies"].clone(), got["outside"].clone()), (json!(true), json!([])), "{}", made.said);
    let binding: Value = serde_json::from_str(&made.file("policy-binding.json")).unwrap();
    assert_eq!(binding["condition"]["expression"], format!("principal.subject != \"{OURS}\""));
    let allow = format!("{ORGANIZATION}allow = 'organizations/222'\n");
    assert_eq!(generate(&log(), &allow, &["PROJECTS"]).boundary()["applies"], json!(true));
}

#[test]
fn a_tight_boundary_covers_what_every_principal_of_the_set_used() {
    let tight = "[[access_boundary]]\norganization = '111'\ntight = true\n";
    let made = generate(&log(), tight, &["PROJECTS"]);
    let resources = made.boundary()["resources"].clone();
    let here = |name: &str| format!("//cloudresourcemanager.googleapis.com/projects/{name}");
    assert_eq!(texts(&resources), [here("ours-dev"), here("ours-prod"), here("ours-web")]);
    // Bound to one project, only that project's identities count.
    let of_project = format!("{tight}bind = 'projects/ours-dev'\n");
    let made = generate(&log(), &of_project, &["PROJECTS"]);
    let got = made.boundary();
    assert_eq!((&got["bind"], &got["documents"]), (&json!(here("ours-dev")), &json!("written")), "{got:#}");
    assert_eq!(texts(&got["resources"]), [here("ours-dev"), here("ours-prod")]);
    assert_eq!(got["holds_for"], json!([format!("serviceAccount:{OURS}")]));
    assert!(made.file("pab.tf").contains("google_iam_projects_policy_binding"));
}

#[test]
fn a_tight_boundary_holds_what_no_version_blocks_yet_and_not_what_nothing_places() {
    let tight = "[[access_boundary]]\norganization = '111'\ntight = true\nversion = 1\n";
    let stop = |id: usize, project: &str| {
        let name = format!("projects/{project}/zones/z/instances/i");
        entry(id, OURS, "compute.instances.stop", project, &name)
    };
    let mut log = json!([
        stop(1, "ours-dev"),
        entry(2, OURS, "storage.objects.get", "ours-prod", "projects/_/buckets/ours/objects/a"),
    ]);
    let got = generate(&log, tight, &["PROJECTS"]).boundary();
    let here = |name: &str| format!("//cloudresourcemanager.googleapis.com/projects/{name}");
    assert_eq!(texts(&got["resources"]), [here("ours-dev"), here("ours-prod")], "{got:#}");
    assert_eq!(got["applies"], json!(true), "{got:#}");
    log.as_array_mut().unwrap().push(stop(3, "elsewhere"));
    let got = generate(&log, tight, &["PROJECTS"]).boundary();
    assert_eq!(texts(&got["resources"]), [here("ours-dev"), here("ours-prod")], "{got:#}");
    assert!(got["applies"] == false && got["why"].to_string().contains("projects/elsewhere"), "{got:#}");
}

#[test]
fn a_second_bound_policy_voids_a_tight_one_and_is_told() {
    let tight = "[[access_boundary]]\norganization = '111'\ntight = true\n";
    let made = generate(&log(), tight, &["PROJECTS"]);
    assert_eq!(made.boundary()["lost"].as_array().unwrap().len(), 4);
    let other = made.folder.path().join("other.json");
    let rules = json!([{ "effect": "ALLOW", "resources": ["//cloudresourcemanager.googleapis.com/organizations/222"] }]);
    let policy = json!({ "name": "organizations/111/locations/global/principalAccessBoundaryPolicies/other",
                         "details": { "rules": rules, "enforcementVersion": "4" } });
    std::fs::write(&other, policy.to_string()).unwrap();
    let made = generate(&log(), tight, &["PROJECTS", "--bound", &other.display().to_string()]);
    let got = made.boundary();
    assert_eq!((got["lost"].clone(), got["given_by_others"].as_array().unwrap().len()), (json!([]), 4));
    assert!(got["notes"].to_string().contains("also gives organizations/222"), "{got:#}");
}

#[test]
fn groups_and_single_principals_are_refused_with_the_reason() {
    for (bind, why) in [
        ("group:all@example.com", "no groups"),
        ("user:ana@example.com", "bind its project"),
        ("x", "no set"),
    ] {
        let made = generate(&log(), &format!("{ORGANIZATION}bind = '{bind}'\n"), &["PROJECTS"]);
        assert!(made.code != 0 && made.said.contains(why) && made.said.contains("line 1"), "{}", made.said);
        assert!(!Path::new(&made.folder.path().join("out")).exists(), "nothing is written");
    }
}

#[test]
fn what_nothing_places_is_outside_whoever_logs_it() {
    let mut log = log();
    // A table of somebody else's in our own log, under the label that its resource has.
    let public = entry(
        10,
        OURS,
        "bigquery.tables.getData",
        "bigquery-public-data",
        "projects/bigquery-public-data/datasets/d/tables/t",
    );
    let mut public = public;
    public["logName"] = json!("projects/ours-dev/logs/cloudaudit.googleapis.com%2Fdata_access");
    let unplaced = entry(11, OURS, "pubsub.topics.publish", "elsewhere", "projects/elsewhere/topics/t");
    log.as_array_mut().unwrap().retain(|one| !one.to_string().contains("theirs"));
    let made = generate(&log, ORGANIZATION, &["PROJECTS"]);
    assert_eq!(made.boundary()["applies"], json!(true), "{}", made.said);
    log.as_array_mut().unwrap().extend([public, unplaced]);
    let made = generate(&log, ORGANIZATION, &["PROJECTS"]);
    let got = made.boundary();
    let outside: Vec<&str> =
        got["outside"].as_array().unwrap().iter().map(|one| one["scope"].as_str().unwrap()).collect();
    assert_eq!(outside, ["projects/bigquery-public-data", "projects/elsewhere"], "{got:#}");
    assert_eq!((&got["applies"], got["lost"].as_array().unwrap().len()), (&json!(false), 2), "{got:#}");
    assert!(made.said.contains("gcloud projects list"), "{}", made.said);
}

#[test]
fn a_tight_boundary_does_not_become_the_organization_for_one_use_of_it() {
    let tight = "[[access_boundary]]\norganization = '111'\ntight = true\n";
    let mut log = log();
    log.as_array_mut().unwrap().retain(|one| !one.to_string().contains("theirs"));
    log.as_array_mut().unwrap().push(entry(
        12,
        OURS,
        "resourcemanager.organizations.get",
        "ours-dev",
        "organizations/111",
    ));
    let made = generate(&log, tight, &["PROJECTS"]);
    let got = made.boundary();
    assert!(texts(&got["resources"]).iter().all(|one| one.contains("/projects/")), "{got:#}");
    assert!(made.said.contains("organizations/111 itself"), "{}", made.said);
    assert_eq!((&got["applies"], got["lost"].as_array().unwrap().len()), (&json!(false), 1), "{got:#}");
    let wide = format!("{tight}allow = 'organizations/111'\n");
    assert_eq!(generate(&log, &wide, &["PROJECTS"]).boundary()["applies"], json!(true));
}

#[test]
fn without_an_organization_nothing_is_written_and_the_reason_is_told() {
    let made = generate(&log(), "", &[]);
    assert!(made.said.contains("the input names none"), "{}", made.said);
    assert_eq!(made.boundary()["documents"], "refused");
    let two = generate(&log(), "", &["PROJECTS"]);
    assert!(two.said.contains("organizations/111, organizations/222"), "{}", two.said);
}

#[test]
fn a_part_of_the_log_makes_no_boundary_to_apply() {
    let only = format!("serviceAccount:{THEIRS}");
    let made =
        generate(&log(), "[[access_boundary]]\norganization = '222'\n", &["PROJECTS", "--principal", &only]);
    let got = made.boundary();
    assert!(got["applies"] == false && got["why"].to_string().contains("filtered out"), "{got:#}");
}

#[test]
fn drift_knows_the_boundary_that_stands() {
    let made = generate(&log(), &format!("{ORGANIZATION}allow = 'organizations/222'\n"), &["PROJECTS"]);
    let at = |name: &str| made.folder.path().join(name).display().to_string();
    let drift = |intent: &str| {
        let (log, projects, out) = (at("log.json"), at("projects.json"), at("out"));
        run(&["drift", &log, &projects, "--out", &out, "--intent", intent, "--format", "json"])
    };
    let got = drift(&at("intent.toml"));
    assert_eq!(code(&got), 0, "{}{}", String::from_utf8_lossy(&got.stdout), stderr(&got));
    let other = at("other.toml");
    std::fs::write(&other, format!("{ORGANIZATION}allow = ['organizations/222']\nversion = 3\n")).unwrap();
    let got = drift(&other);
    let text = String::from_utf8_lossy(&got.stdout).into_owned();
    assert!(code(&got) == 5 && text.contains("would-change") && text.contains("boundary.json"), "{text}");
}

#[test]
fn what_one_version_blocks_more_than_another_can_be_listed() {
    let got = run(&["catalog", "enforcement", "--from", "3", "--to", "4", "--format", "json"]);
    let text = String::from_utf8(got.stdout).unwrap();
    let new: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let has = |permission: &str| new.iter().any(|one| one["permission"] == permission);
    assert!(new.len() > 2000 && new.iter().all(|one| one["since"] == 4));
    assert!(has("secretmanager.versions.access") && !has("storage.objects.get") && !has("iam.roles.get"));
    let table = run(&["catalog", "enforcement", "--format", "table"]);
    let table = String::from_utf8(table.stdout).unwrap();
    for count in ["695", "1912", "3617", "5799"] {
        assert!(table.contains(count), "{table}");
    }
    assert_eq!(code(&run(&["catalog", "enforcement", "--from", "4", "--to", "9"])), 1);
}
