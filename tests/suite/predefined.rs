//! Predefined roles: what is imported, what stands beside custom roles, and what only they can give.

use crate::support::{code, corpus, fixture, lines, program, stderr, tree};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;

pub(crate) fn run_in(data: &Path, args: &[&str]) -> Output {
    program().env_remove("LEASTGRANT_CATALOG").env("LEASTGRANT_DATA", data).args(args).output().unwrap()
}

pub(crate) fn role(name: &str, held: &[&str]) -> Value {
    json!({ "name": name, "title": name, "stage": "GA", "includedPermissions": held })
}

fn roles() -> Value {
    json!([
        role("roles/owner", &["storage.objects.get", "iam.denypolicies.create", "bigquery.jobs.create"]),
        role(
            "roles/storage.objectViewer",
            &["storage.objects.get", "storage.objects.list", "resourcemanager.projects.get"]
        ),
        role(
            "roles/storage.objectAdmin",
            &["storage.objects.get", "storage.objects.list", "storage.objects.delete"]
        ),
        role("roles/bigquery.jobUser", &["bigquery.jobs.create"]),
        role("roles/iam.denyAdmin", &["iam.denypolicies.create", "iam.denypolicies.delete"]),
        role("roles/resourcemanager.folderViewer", &["resourcemanager.folders.get"]),
    ])
}

pub(crate) fn entry(id: usize, permission: &str, name: &str) -> Value {
    json!({
        "logName": "projects/example-dev/logs/cloudaudit.googleapis.com%2Fdata_access", "insertId": format!("e{id}"),
        "timestamp": format!("2026-11-03T09:00:{id:02}Z"), "resource": { "labels": { "project_id": "example-dev" } },
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": "any.googleapis.com", "methodName": "x",
            "authenticationInfo": { "principalEmail": "job@example-dev.iam.gserviceaccount.com" },
            "authorizationInfo": [{ "permission": permission, "resource": name, "granted": true }],
        },
    })
}

pub(crate) struct Folder(pub(crate) tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn put(&self, name: &str, value: &Value) -> String {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, value.to_string()).unwrap();
        path.display().to_string()
    }

    pub(crate) fn at(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    pub(crate) fn import(&self, roles: &Value) -> Output {
        let from = self.put("roles.json", roles);
        run_in(&self.0.path().join("data"), &["catalog", "update", "--from", &from])
    }

    pub(crate) fn generate(&self, log: &str, more: &[&str]) -> (i32, String, Value) {
        let out = self.at("out");
        let base = [
            "generate",
            log,
            "--out",
            &out,
            "--target",
            "gcp-role",
            "--target",
            "gcp-predefined",
            "--target",
            "gcp-terraform",
        ];
        let got = run_in(&self.0.path().join("data"), &[&base[..], more].concat());
        let manifest = std::fs::read_to_string(self.0.path().join("out/manifest.json")).unwrap();
        (code(&got), stderr(&got), serde_json::from_str(&manifest).unwrap())
    }

    pub(crate) fn file(&self, ending: &str) -> Option<String> {
        tree(&self.0.path().join("out"))
            .into_iter()
            .find(|(name, _)| name.ends_with(ending))
            .map(|(_, text)| text)
    }
}

#[test]
fn the_smallest_roles_stand_beside_the_custom_one_with_their_excess() {
    let folder = Folder::new();
    let log = folder.put(
        "log.json",
        &json!([
            entry(1, "storage.objects.get", "projects/_/buckets/b/objects/a"),
            entry(2, "bigquery.jobs.create", "projects/example-dev"),
        ]),
    );
    let (exit, said, manifest) = folder.generate(&log, &[]);
    let why = "no predefined roles were imported (`leastgrant catalog update --from`)";
    assert_eq!((exit, &manifest["principals"][0]["alternative"]), (0, &json!({ "why": why })), "{said}");
    assert!(said.contains(why), "{said}");
    assert!(folder.file("predefined.tf").is_none());
    let done = folder.import(&roles());
    assert!(code(&done) == 0 && stderr(&done).contains("6 predefined roles"), "{}", stderr(&done));
    let (exit, said, manifest) = folder.generate(&log, &[]);
    assert_eq!(exit, 0, "{said}");
    let want = json!({ "roles": ["roles/bigquery.jobUser", "roles/storage.objectViewer"], "excess": 2,
                       "excess_of_custom_roles": 0 });
    assert_eq!(manifest["principals"][0]["alternative"], want);
    let all = tree(&folder.0.path().join("out"));
    let asked: Vec<Value> = all
        .iter()
        .filter(|(name, _)| name.contains("/predefined/") && name.ends_with(".binding.json"))
        .map(|(_, text)| serde_json::from_str(text).unwrap())
        .collect();
    let viewer = asked.iter().find(|one| one.to_string().contains("objectViewer")).unwrap();
    assert_eq!(
        (asked.len(), &viewer["policy"]["version"], viewer["resource"].as_str()),
        (2, &json!(3), Some("projects/example-dev"))
    );
    let condition = viewer["policy"]["bindings"][0]["condition"]["expression"].as_str().unwrap();
    assert!(condition.contains("buckets/b/objects/a"), "{viewer:#}");
    assert!(folder.file("predefined.tf").unwrap().contains("a custom role gives none"));
    let info = &lines(&run_in(&folder.0.path().join("data"), &["catalog", "info", "--format", "json"]))[0];
    assert_eq!(info["gcp"]["roles"]["proposed"], 5, "all but the basic one");
}

#[test]
fn what_no_custom_role_holds_is_given_by_the_smallest_predefined_one_or_named() {
    let folder = Folder::new();
    let log = folder.put(
        "log.json",
        &json!([
            entry(1, "storage.objects.get", "projects/_/buckets/b/objects/a"),
            entry(2, "iam.denypolicies.create", "projects/example-dev"),
            entry(3, "resourcemanager.folders.get", "folders/77"),
            entry(4, "iam.denypolicies.update", "projects/example-dev"),
        ]),
    );
    let held = |folder: &Folder| -> Vec<(String, String)> {
        let text = folder.file("review.json").unwrap();
        let review: Value = serde_json::from_str(&text).unwrap();
        let one = |held: &Value| {
            (held["action"].as_str().unwrap().to_owned(), held["why"].as_str().unwrap().to_owned())
        };
        review["held"].as_array().unwrap().iter().map(one).collect()
    };
    let (exit, said, _) = folder.generate(&log, &["--accept-review"]);
    assert_eq!(exit, 0, "{said}");
    assert_eq!(held(&folder).len(), 3);
    assert!(
        held(&folder)
            .iter()
            .all(|(_, why)| why.contains("import the predefined roles") || why.contains("folder"))
    );
    assert_eq!(code(&folder.import(&roles())), 0);
    let (exit, said, manifest) = folder.generate(&log, &["--accept-review"]);
    assert_eq!(exit, 0, "{said}");
    assert_eq!(manifest["principals"][0]["replayed"], 3, "{said}");
    let left = held(&folder);
    assert!(
        left.len() == 1
            && left[0].0 == "iam.denypolicies.update"
            && left[0].1.contains("nothing can give it"),
        "{left:?}"
    );
    let terraform = folder.file("role.tf").unwrap();
    for line in [
        "\"google_folder_iam_member\"",
        "folder = \"folders/77\"",
        "\"roles/iam.denyAdmin\"",
        "\"roles/resourcemanager.folderViewer\"",
    ] {
        assert!(terraform.contains(line), "{line}: {terraform}");
    }
    // `check` knows the imported roles by name.
    let data = folder.0.path().join("data");
    let policy = folder.put("policy.json", &json!({ "bindings": [
        { "role": "roles/storage.objectViewer", "members": ["serviceAccount:job@example-dev.iam.gserviceaccount.com"] }], "etag": "x" }));
    let got = run_in(
        &data,
        &["check", &log, "--policy", &policy, "--on", "projects/example-dev", "--format", "json"],
    );
    assert_eq!((code(&got), lines(&got).len()), (4, 1), "{}", stderr(&got));
}

#[test]
fn a_list_without_permissions_is_refused_with_what_to_do() {
    let folder = Folder::new();
    let bare = json!([{ "name": "roles/storage.objectViewer", "title": "x", "stage": "GA" }]);
    let got = folder.import(&bare);
    assert!(code(&got) == 1 && stderr(&got).contains("gcloud iam roles describe"), "{}", stderr(&got));
    assert!(!folder.0.path().join("data").exists());
}

#[test]
fn the_published_roles_cover_what_the_scenario_uses_and_never_with_banned_ones() {
    let Some(corpus) = corpus() else { return };
    let packed = std::fs::File::open(corpus.join("data/gcp-roles.json.zst")).unwrap();
    let roles: Value = serde_json::from_reader(zstd::Decoder::new(packed).unwrap()).unwrap();
    let folder = Folder::new();
    assert_eq!(code(&folder.import(&roles)), 0);
    let (exit, said, manifest) = folder.generate(&fixture("gcp/data-team/logs"), &[]);
    assert_eq!(exit, 0, "{said}");
    let of = |name: &str| -> Value {
        let all = manifest["principals"].as_array().unwrap();
        all.iter().find(|one| one["principal"].as_str().unwrap().contains(name)).unwrap()["alternative"]
            .clone()
    };
    let want = json!([
        "roles/bigquery.dataViewer",
        "roles/bigquery.jobUser",
        "roles/secretmanager.secretAccessor",
        "roles/storage.objectViewer"
    ]);
    assert_eq!(of("report-runner")["roles"], want);
    for name in ["report-runner", "deployer"] {
        let all = of(name)["roles"].to_string();
        for banned in ["roles/owner", "roles/editor", "erviceAgent", "legacy"] {
            assert!(!all.contains(banned), "{all}");
        }
    }
    // What leads to more access weighs more than anything that only looks.
    for (permission, name, want) in [
        (
            "iam.serviceAccounts.get",
            "projects/example-dev/serviceAccounts/a@example-dev.iam.gserviceaccount.com",
            "roles/iam.serviceAccountViewer",
        ),
        ("resourcemanager.projects.get", "projects/example-dev", "roles/browser"),
        (
            "compute.subnetworks.use",
            "projects/example-dev/regions/r/subnetworks/s",
            "roles/compute.networkUser",
        ),
    ] {
        let log = folder.put("one.json", &json!([entry(1, permission, name)]));
        std::fs::remove_dir_all(folder.0.path().join("out")).unwrap();
        let (_, said, manifest) = folder.generate(&log, &[]);
        assert_eq!(manifest["principals"][0]["alternative"]["roles"], json!([want]), "{permission}: {said}");
    }
}
