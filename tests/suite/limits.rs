//! Google's evaluator: allow, deny and access boundary together, conditions as another reader of them answers.

use crate::support::{code, corpus, fixture, run, tree};
use leastgrant::catalog::limit::Limits;
use leastgrant::cloud;
use leastgrant::model::time::Timestamp;
use leastgrant::model::usage::{Basis, Outcome, Row, Seen, Target};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const WHO: &str = "serviceAccount:ci@example-dev.iam.gserviceaccount.com";

fn row(action: &str, name: &str, time: &str) -> Row {
    Row {
        cloud: "gcp",
        principal: WHO.into(),
        action: action.into(),
        target: Target::named(format!("//any.googleapis.com/{name}")),
        scope: "projects/example-dev".into(),
        context: Arc::default(),
        outcome: Outcome::Allowed,
        basis: Basis::Event,
        via: None,
        rule: "authorization-info".into(),
        exempt: None,
        seen: Seen::once(Timestamp::parse(time).unwrap(), ""),
    }
}

fn get() -> Row {
    row("storage.objects.get", "projects/_/buckets/raw/objects/a.csv", "2026-11-03T09:00:00Z")
}

fn asks(documents: &[Value], row: &Row) -> bool {
    let texts: Vec<String> = documents.iter().map(Value::to_string).collect();
    cloud::by_id("gcp").unwrap().evaluator(&texts).unwrap().allows(row)
}

fn allow(permission: &str, condition: Option<&str>) -> Value {
    let role = "projects/example-dev/roles/r";
    json!({ "role": { "name": role, "includedPermissions": [permission] },
            "binding": { "resource": "projects/example-dev", "role": role, "members": [WHO],
                         "condition": condition.map(|text| json!({ "expression": text })) } })
}

fn deny(permissions: &[&str], more: &[(&str, Value)]) -> Value {
    let mut rule =
        json!({ "deniedPrincipals": ["principalSet://goog/public:all"], "deniedPermissions": permissions });
    for (key, value) in more {
        rule[key] = value.clone();
    }
    json!({ "rules": [{ "denyRule": rule }] })
}

fn boundary(resources: &[&str], version: &str, binding: Option<Value>) -> Value {
    let rules = json!([{ "effect": "ALLOW", "resources": resources }]);
    let mut policy = json!({ "details": { "rules": rules, "enforcementVersion": version } });
    if let Some(binding) = binding {
        policy["bindings"] = json!([binding]);
    }
    policy
}

const HERE: &str = "//cloudresourcemanager.googleapis.com/projects/example-dev";
const ELSEWHERE: &str = "//cloudresourcemanager.googleapis.com/projects/example-prod";

#[test]
fn deny_and_boundary_stand_over_allow() {
    let object = get();
    for (allows, denies, bounds) in (0..8).map(|n| (n & 1 != 0, n & 2 != 0, n & 4 != 0)) {
        // Documents that are there but about something else change nothing.
        let (kept, other) = ("storage.objects.get", "storage.objects.delete");
        let allowed = allow(if allows { kept } else { other }, None);
        let denied = deny(
            &[if denies { "storage.googleapis.com/*.get" } else { "storage.googleapis.com/*.list" }],
            &[],
        );
        let bound = boundary(&[if bounds { ELSEWHERE } else { HERE }], "1", None);
        let want = allows && !denies && !bounds;
        assert_eq!(
            asks(&[allowed.clone(), denied.clone(), bound.clone()], &object),
            want,
            "{allows} {denies} {bounds}"
        );
        let mut present = vec![allowed];
        present.extend(denies.then_some(denied));
        present.extend(bounds.then_some(bound));
        assert_eq!(asks(&present, &object), want, "absent: {allows} {denies} {bounds}");
    }
}

#[test]
fn a_deny_rule_spares_what_it_excepts_and_doubts_for_the_worse() {
    let (object, allowed) = (get(), allow("storage.objects.get", None));
    let all = ["storage.googleapis.com/*.*"];
    let with = |key: &str, value: Value| asks(&[allowed.clone(), deny(&all, &[(key, value)])], &object);
    let me =
        "principal://iam.googleapis.com/projects/-/serviceAccounts/ci@example-dev.iam.gserviceaccount.com";
    assert!(with("exceptionPrincipals", json!([me])));
    assert!(with("exceptionPermissions", json!(["storage.googleapis.com/objects.get"])));
    assert!(!with("exceptionPermissions", json!(["storage.googleapis.com/objects.list"])));
    assert!(with("deniedPrincipals", json!(["principal://goog/subject/ana@example.com"])));
    assert!(with("denialCondition", json!({ "expression": "false" })));
    assert!(!with("denialCondition", json!({ "expression": "resource.matchTag('1/env', 'prod')" })));
    let mut attached = deny(&all, &[]);
    for (at, want) in [("example-dev", false), ("example-prod", true)] {
        attached["name"] =
            json!(format!("policies/cloudresourcemanager.googleapis.com%2Fprojects%2F{at}/denypolicies/d"));
        assert_eq!(asks(&[allowed.clone(), attached.clone()], &object), want);
    }
}

#[test]
fn a_boundary_blocks_what_its_version_can() {
    let secret = row(
        "secretmanager.versions.access",
        "projects/example-dev/secrets/s/versions/1",
        "2026-11-03T09:00:00Z",
    );
    let allowed = allow("secretmanager.versions.access", None);
    for (version, want) in [("1", true), ("3", true), ("4", false), ("latest", false)] {
        assert_eq!(
            asks(&[allowed.clone(), boundary(&[ELSEWHERE], version, None)], &secret),
            want,
            "{version}"
        );
    }
    let machine =
        row("compute.instances.get", "projects/example-dev/zones/z/instances/i", "2026-11-03T09:00:00Z");
    assert!(asks(&[allow("compute.instances.get", None), boundary(&[ELSEWHERE], "4", None)], &machine));
    let object = allow("storage.objects.get", None);
    let bound = |set: &str, condition: Option<&str>| {
        let condition = condition.map(|text| json!({ "expression": text }));
        let binding = json!({ "target": { "principalSet": set }, "condition": condition });
        asks(&[object.clone(), boundary(&[ELSEWHERE], "4", Some(binding))], &get())
    };
    assert!(!bound(HERE, None) && bound(ELSEWHERE, None));
    assert!(bound(HERE, Some("principal.type != 'iam.googleapis.com/ServiceAccount'")));
    assert!(bound(HERE, Some("!(principal.subject.startsWith('ci@'))")));
    assert!(!bound(HERE, Some("principal.nothing == 'x'")), "what cannot be told is blocked");
}

#[test]
fn one_more_boundary_never_takes_away() {
    let kinds: Vec<Value> = [HERE, ELSEWHERE]
        .iter()
        .flat_map(|place| ["1", "2", "4"].map(|version| boundary(&[place], version, None)))
        .collect();
    let names = [
        ("storage.objects.get", "projects/_/buckets/raw/objects/a"),
        ("bigquery.tables.getData", "projects/p/datasets/d/tables/t"),
        ("secretmanager.versions.access", "projects/p/secrets/s/versions/1"),
        ("compute.instances.get", "projects/p/zones/z/instances/i"),
    ];
    let mut blocked = 0;
    for (action, name) in names {
        let (asked, allowed) = (row(action, name, "2026-11-03T09:00:00Z"), allow(action, None));
        for chosen in 1..1_usize << kinds.len() {
            let some: Vec<Value> = kinds
                .iter()
                .enumerate()
                .filter(|(at, _)| chosen >> at & 1 == 1)
                .map(|(_, one)| one.clone())
                .collect();
            let documents = [vec![allowed.clone()], some].concat();
            let before = asks(&documents, &asked);
            blocked += usize::from(!before);
            for more in &kinds {
                assert!(
                    !before || asks(&[documents.clone(), vec![more.clone()]].concat(), &asked),
                    "{action} {more}"
                );
            }
        }
    }
    assert!(blocked > 0, "nothing was blocked: the test asks nothing");
}

#[test]
fn only_limits_are_asked_where_nothing_allows() {
    assert!(asks(&[deny(&["storage.googleapis.com/*.list"], &[])], &get()));
    assert!(!asks(&[], &get()), "no documents allow nothing");
}

#[test]
fn what_lies_below_a_project_inherits_from_it() {
    let mut account =
        row("iam.serviceAccounts.actAs", "projects/example-dev/serviceAccounts/a@x", "2026-11-03T09:00:00Z");
    account.scope = "projects/example-dev/serviceAccounts/a@x".into();
    let mut document = allow("iam.serviceAccounts.actAs", None);
    assert!(asks(std::slice::from_ref(&document), &account));
    document["binding"]["resource"] = json!("folders/1");
    assert!(!asks(std::slice::from_ref(&document), &account));
    let places = json!({ "ancestors": { "projects/example-dev": ["folders/1", "organizations/2"] } });
    assert!(asks(&[document, places], &account));
}

#[test]
fn a_grant_that_ended_does_not_allow_what_came_later() {
    let mut used = get();
    let until = allow("storage.objects.get", Some("request.time < timestamp('2026-11-03T12:00:00Z')"));
    let after = allow("storage.objects.get", Some("request.time >= timestamp('2026-11-03T12:00:00Z')"));
    assert!(asks(std::slice::from_ref(&until), &used) && !asks(std::slice::from_ref(&after), &used));
    used.seen.last = Timestamp::parse("2026-11-04T00:00:00Z").unwrap();
    assert!(!asks(std::slice::from_ref(&until), &used));
    assert!(asks(&[until, after], &used), "one for each time");
}

#[test]
fn conditions_are_answered_as_by_another_reader() {
    let text = std::fs::read_to_string(fixture("conditions/answers.jsonl")).unwrap();
    let (mut held, mut all) = (0, 0);
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let at = |key: &str| case[key].as_str().unwrap();
        let asked = row(at("permission"), at("name"), at("time"));
        let holds = asks(&[allow(at("permission"), Some(at("expression")))], &asked);
        assert_eq!(holds, case["holds"], "{line}");
        held += usize::from(holds);
        all += 1;
    }
    assert!(all >= 1000 && held * 4 > all && held * 4 < all * 3, "{held} of {all} hold");
}

#[test]
fn every_type_that_conditions_name_has_a_fixture_that_fails_without_it() {
    let text = std::fs::read_to_string(fixture("conditions/gcp-resources.tsv")).unwrap();
    let cases: Vec<Vec<&str>> =
        text.lines().filter(|l| !l.starts_with('#')).map(|l| l.split('\t').collect()).collect();
    let wrong = |limits: &Limits| -> BTreeSet<String> {
        let told = |case: &Vec<&str>| {
            limits.checked(case[0], case[1]).map_or("-", |row| row.kind.as_str()) != case[2]
        };
        cases.iter().filter(|case| told(case)).map(|case| case.join(" ")).collect()
    };
    assert_eq!(wrong(&Limits::embedded()), BTreeSet::new());
    for kind in Limits::embedded().types() {
        assert!(!wrong(&Limits::embedded().without(&kind.kind)).is_empty(), "{} has no fixture", kind.kind);
    }
}

#[test]
fn a_deny_policy_leaves_what_was_used_and_refuses_what_leads_to_more() {
    let (logs, out) = (fixture("gcp/data-team/logs"), tempfile::tempdir().unwrap());
    let path = out.path().display().to_string();
    assert_eq!(
        code(&run(&[
            "generate", &logs, "--out", &path, "-q", "--target", "gcp-deny", "--target", "gcp-role"
        ])),
        0
    );
    let (name, text) = tree(out.path())
        .into_iter()
        .find(|(n, _)| n.contains("deployer/") && n.ends_with(".deny.json"))
        .unwrap();
    let mut policy: Value = serde_json::from_str(&text).unwrap();
    let denied: BTreeSet<String> = policy["rules"][0]["denyRule"]["deniedPermissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_str().unwrap().to_owned())
        .collect();
    for refused in [
        "cloudresourcemanager.googleapis.com/projects.setIamPolicy",
        "iam.googleapis.com/serviceAccounts.getAccessToken",
        "iam.googleapis.com/serviceAccountKeys.create",
        "logging.googleapis.com/sinks.delete",
    ] {
        assert!(denied.contains(refused), "{refused}");
    }
    assert!(!denied.contains("iam.googleapis.com/serviceAccounts.actAs"), "the deployer uses it");
    if let Some(corpus) = corpus() {
        let known = std::fs::read_to_string(corpus.join("data/gcp-deny-permissions.txt")).unwrap();
        let known: BTreeSet<&str> = known.lines().collect();
        assert!(denied.iter().all(|one| known.contains(one.as_str())));
    }
    let folder = out.path().join("gcp/example-data-dev/deployer/projects-example-data-dev");
    let roles: Vec<String> =
        tree(&folder).iter().map(|(name, _)| folder.join(name).display().to_string()).collect();
    let check = |file: &str| {
        let mut args =
            vec!["check", &logs, "--principal", "serviceAccount:deployer@*", "--boundary", file, "--policy"];
        args.extend(roles.iter().map(String::as_str));
        code(&run(&args))
    };
    assert_eq!(check(&out.path().join(&name).display().to_string()), 0);
    policy["rules"][0]["denyRule"]["deniedPermissions"] = json!(["run.googleapis.com/services.*"]);
    let other = out.path().join("other.json");
    std::fs::write(&other, policy.to_string()).unwrap();
    assert_eq!(check(&other.display().to_string()), 4);
}
