//! Names in logs are hostile: they never widen a grant and never break a file.

use crate::support::{applied, ask, code, run, stderr, tree};
use leastgrant::cloud;
use serde_json::{Value, json};

const NAMES: [&str; 13] = [
    "&{aws:username}",
    "*",
    "a?c",
    "${aws:username}",
    "${*}",
    "he said \"hi\"",
    "\"}]}",
    "line\nbreak\r\ttab",
    "\u{1b}[31mred\u{7}",
    "жук-虫-😀",
    "<script>alert(1)</script>",
    "%{ if true }x%{ endif }$${y}",
    "back\\slash\\\"",
];

fn record(at: usize, source: &str, name: &str, parameters: Value, role: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventTime": format!("2026-11-03T09:00:{at:02}Z"), "awsRegion": "eu-central-1",
        "eventSource": format!("{source}.amazonaws.com"), "eventName": name, "requestParameters": parameters,
        "eventID": format!("{source}-{name}-{at}"), "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
        "userIdentity": { "type": "AssumedRole", "accountId": "111122223333", "accessKeyId": "ASIAEXAMPLE",
            "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/s"),
            "sessionContext": { "sessionIssuer": { "arn": format!("arn:aws:iam::111122223333:role/{role}") } } },
    })
}

pub(crate) fn log() -> String {
    let mut records = Vec::new();
    for (at, name) in NAMES.iter().enumerate() {
        records.push(record(
            at,
            "s3",
            "GetObject",
            json!({ "bucketName": "example-bucket", "key": name }),
            "app",
        ));
        records.push(record(at, "ssm", "GetParameter", json!({ "name": name }), "app"));
        records.push(record(
            at,
            "logs",
            "CreateLogStream",
            json!({ "logGroupName": name, "logStreamName": "s" }),
            "app",
        ));
        records.push(record(
            at,
            "s3",
            "PutObject",
            json!({ "bucketName": "example-bucket", "key": "k" }),
            name,
        ));
        records.push(record(
            at,
            "iam",
            "AttachRolePolicy",
            json!({ "roleName": "r", "policyArn": name }),
            "app",
        ));
    }
    json!({ "Records": records }).to_string()
}

fn generate() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let (logs, out) = (folder.path().join("log.json"), folder.path().join("out"));
    std::fs::write(&logs, log()).unwrap();
    let (logs, path) = (logs.display().to_string(), out.display().to_string());
    let targets = ["aws-policy", "aws-boundary", "aws-terraform", "aws-cloudformation"];
    let mut args = vec!["generate", &logs, "--out", &path, "--accept-review"];
    args.extend(targets.iter().flat_map(|t| ["--target", t]));
    let got = run(&args);
    assert_eq!(code(&got), 0, "{}", stderr(&got));
    assert!(!stderr(&got).contains('\u{1b}'), "no escape reaches the terminal");
    (folder, path)
}

#[test]
fn a_name_grants_only_itself() {
    let (_folder, path) = generate();
    let policies: Vec<String> =
        applied(std::path::Path::new(&path), "app").into_iter().map(|(_, text)| text).collect();
    let evaluator = cloud::by_id("aws").unwrap().evaluator(&policies).unwrap();
    let object = |key: &str| format!("arn:aws:s3:::example-bucket/{key}");
    let allows = |name: &str| evaluator.allows(&ask("p", "s3:GetObject", Some(&object(name)), &[]));
    for name in NAMES {
        assert!(allows(name), "{name:?} was used");
    }
    for other in ["anything", "abc", "a-c", "ana", "red", "", "${aws:userid}", "x"] {
        assert!(!allows(other), "{other:?} was never used");
    }
}

#[test]
fn a_condition_value_stands_only_for_itself() {
    let (_folder, path) = generate();
    let policies: Vec<String> =
        applied(std::path::Path::new(&path), "app").into_iter().map(|(_, text)| text).collect();
    let evaluator = cloud::by_id("aws").unwrap().evaluator(&policies).unwrap();
    let allows = |policy: &str| {
        let context = [("iam:PolicyARN".to_owned(), policy.to_owned())];
        evaluator.allows(&ask(
            "p",
            "iam:AttachRolePolicy",
            Some("arn:aws:iam::111122223333:role/r"),
            &context,
        ))
    };
    for name in NAMES {
        assert!(allows(name), "{name:?} was attached");
    }
    for other in ["arn:aws:iam::aws:policy/AdministratorAccess", "abc", "ana"] {
        assert!(!allows(other), "{other:?} was never attached");
    }
}

#[test]
fn what_users_write_at_will_names_nothing() {
    let arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/other";
    let request = json!({ "tableName": "own", "key": { "id": arn }, "item": { "tableName": "other", "x": { "s": arn } },
        "expressionAttributeValues": { ":v": arn }, "description": arn, "tags": [{ "key": "k", "value": arn }],
        "filters": [{ "name": "tableName", "values": [arn] }] });
    let record = record(0, "dynamodb", "PutItem", request, "app").to_string();
    let usage = crate::support::read_text(&record);
    let targets: Vec<&str> = usage
        .rows
        .iter()
        .filter(|r| *r.action == *"dynamodb:PutItem")
        .map(|r| r.target.text.as_ref())
        .collect();
    assert_eq!(targets, ["arn:aws:dynamodb:eu-central-1:111122223333:table/own"]);
}

#[test]
fn a_hostile_project_name_costs_only_its_own_principal() {
    let entry = |account: &str, resource: String, at: usize| {
        json!({ "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity", "insertId": format!("i{at}"),
            "timestamp": "2026-11-03T09:00:00Z", "protoPayload": { "serviceName": "storage.googleapis.com",
            "methodName": "storage.objects.get", "authenticationInfo": { "principalEmail": account },
            "authorizationInfo": [{ "permission": "storage.objects.get", "granted": true, "resource": resource }] } })
    };
    let names = [
        format!("projects/{}/x", "a".repeat(300)),
        "projects/..\"}${x}/y".to_owned(),
        "projects/*/z".to_owned(),
    ];
    let mut lines: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(at, name)| entry(&format!("bad{at}@p.iam.gserviceaccount.com"), name.clone(), at).to_string())
        .collect();
    lines.push(
        entry("good@p.iam.gserviceaccount.com", "projects/fine-project/buckets/b".to_owned(), 9).to_string(),
    );
    let folder = tempfile::tempdir().unwrap();
    let (logs, out) = (folder.path().join("log.jsonl"), folder.path().join("out"));
    std::fs::write(&logs, lines.join("\n")).unwrap();
    let targets = ["--target", "gcp-role", "--target", "gcp-terraform"];
    let got =
        run(&[&["generate", &logs.display().to_string(), "--out", &out.display().to_string()], &targets[..]]
            .concat());
    assert_eq!(code(&got), 0, "{}", stderr(&got));
    let files = tree(&out);
    assert!(files.iter().any(|(name, _)| name.contains("/good/") && name.ends_with(".yaml")));
    let applied = |name: &str| {
        name.contains("/bad") && !name.ends_with("review.json") && !name.ends_with("lifecycle.json")
    };
    assert!(!files.iter().any(|(name, _)| applied(name)), "nothing to apply for what is no project");
}

#[test]
fn every_file_stays_whole() {
    let (_folder, path) = generate();
    let root = std::path::Path::new(&path);
    let files = tree(root);
    assert!(files.len() > 8);
    for (name, text) in &files {
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "/.-".contains(c)), "{name:?}");
        assert!(!text.contains('\u{1b}'), "{name}");
        if name.ends_with(".json") {
            let _: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        if name.ends_with(".tf") {
            let quotes = text.replace("\\\\", "").replace("\\\"", "");
            assert!(quotes.lines().all(|line| line.matches('"').count() % 2 == 0), "{name}:\n{text}");
            let plain = text.replace("$${", "").replace("%%{", "").replace("${data.aws_", "");
            assert!(!plain.contains("${") && !plain.contains("%{"), "{name} starts no template:\n{text}");
        }
    }
    let explained =
        run(&["explain", &root.with_file_name("log.json").display().to_string(), "--format", "table"]);
    assert!(!String::from_utf8_lossy(&explained.stdout).contains('\u{1b}'));
}

#[test]
fn uses_keep_names_literally() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("log.json");
    std::fs::write(&logs, log()).unwrap();
    let got = crate::support::lines(&run(&["uses", &logs.display().to_string()]));
    for name in NAMES {
        let wanted = format!("arn:aws:s3:::example-bucket/{name}");
        assert!(got.iter().any(|line| line["resource"] == wanted.as_str()), "{name:?}");
    }
}
