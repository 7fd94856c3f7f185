//! Names in logs are hostile: they never widen a grant and never break a file.

use crate::support::{ask, code, run, stderr, tree};
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

fn log() -> String {
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
    let mut args = vec!["generate", &logs, "--out", &path];
    args.extend(targets.iter().flat_map(|t| ["--target", t]));
    let got = run(&args);
    assert_eq!(code(&got), 0, "{}", stderr(&got));
    assert!(!stderr(&got).contains('\u{1b}'), "no escape reaches the terminal");
    (folder, path)
}

#[test]
fn a_name_grants_only_itself() {
    let (_folder, path) = generate();
    let files = tree(std::path::Path::new(&path));
    let policies: Vec<String> = files
        .iter()
        .filter(|(name, _)| {
            name.contains("/app/") && name.ends_with(".json") && !name.ends_with("boundary.json")
        })
        .map(|(_, text)| text.clone())
        .collect();
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
            let plain = text.replace("$${", "").replace("%%{", "");
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
