//! Conditions on request: only what every use attests, told apart from what looks the same, and true on replay.

use crate::support::{code, fixture, lines, run, stderr, tree};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// One call by a role; `more` goes over the record.
fn call(id: usize, role: &str, source: &str, event: &str, request: Value, more: Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.11", "eventTime": "2026-11-03T09:00:00Z", "awsRegion": "eu-central-1",
        "eventSource": format!("{source}.amazonaws.com"), "eventName": event, "eventID": format!("{role}-{id}"),
        "eventType": "AwsApiCall", "recipientAccountId": "111122223333", "requestParameters": request,
        "userIdentity": { "type": "AssumedRole", "accountId": "111122223333",
            "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/session"),
            "sessionContext": { "sessionIssuer": { "arn": format!("arn:aws:iam::111122223333:role/{role}") } } },
    });
    for (key, value) in more.as_object().unwrap() {
        match key.as_str() {
            "invokedBy" | "arn" => record["userIdentity"][key] = value.clone(),
            _ => record[key] = value.clone(),
        }
    }
    record
}

fn by(invoker: &str) -> Value {
    json!({ "invokedBy": invoker })
}

fn log(folder: &Path, records: &[Value]) -> String {
    let path = folder.join("log.jsonl");
    std::fs::write(&path, records.iter().map(|r| format!("{r}\n")).collect::<String>()).unwrap();
    path.display().to_string()
}

/// Whether a file is for reading only.
fn beside(name: &str) -> bool {
    name.ends_with("review.json") || name.ends_with("lifecycle.json")
}

/// The condition of each action in the policies of a run, as text; empty where it has none.
fn conditions(folder: &Path, log: &str, more: &[&str]) -> BTreeMap<String, String> {
    let out = folder.join("out").display().to_string();
    let _ = std::fs::remove_dir_all(&out);
    let args: Vec<&str> = ["generate", log, "--out", &out, "-q"].iter().chain(more).copied().collect();
    let got = run(&args);
    assert_eq!(code(&got), 0, "{}", stderr(&got));
    let mut all = BTreeMap::new();
    for (name, text) in tree(Path::new(&out)).into_iter().filter(|(n, _)| n.starts_with("aws/") && !beside(n))
    {
        let role = name.split('/').nth(2).unwrap().to_owned();
        let policy: Value = serde_json::from_str(&text).unwrap();
        let Some(statements) = policy["Statement"].as_array() else { continue };
        for statement in statements {
            let actions = &statement["Action"];
            let listed = actions.as_array().map_or_else(|| vec![actions], |all| all.iter().collect());
            for action in listed {
                let condition = statement.get("Condition").map_or(String::new(), Value::to_string);
                all.insert(format!("{role} {}", action.as_str().unwrap()), condition);
            }
        }
    }
    all
}

/// Nothing that is applied may deny what was seen, also by the command that users replay with.
fn replays(folder: &Path, log: &str, role: &str) {
    let files = tree(&folder.join("out"));
    let mine = files.iter().filter(|(name, _)| name.contains(&format!("/{role}/")) && !beside(name));
    let paths: Vec<String> =
        mine.map(|(name, _)| folder.join("out").join(name).display().to_string()).collect();
    let who = format!("*role/{role}");
    let mut args = vec!["check", log, "--principal", &who];
    args.extend(paths.iter().flat_map(|path| ["--policy", path.as_str()]));
    let got = run(&args);
    assert_eq!(code(&got), 0, "{role}: {}{}", String::from_utf8_lossy(&got.stdout), stderr(&got));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one log that holds every look-alike")]
fn forward_access_sessions_are_told_from_what_looks_like_them() {
    let folder = tempfile::tempdir().unwrap();
    let named = |name: &str| json!({ "functionName": name });
    let cfn = "cloudformation.amazonaws.com";
    let log = log(
        folder.path(),
        &[
            call(
                1,
                "deployer",
                "cloudformation",
                "ExecuteChangeSet",
                json!({ "stackName": "app" }),
                json!({}),
            ),
            call(2, "deployer", "lambda", "GetFunction20150331v2", named("app"), by(cfn)),
            // Seen with and without the service: no condition.
            call(3, "deployer", "lambda", "GetPolicy20150331v2", named("app"), by(cfn)),
            call(4, "deployer", "lambda", "GetPolicy20150331v2", named("app"), json!({})),
            // A console click, a service without a name, a service that does not set the key.
            call(
                5,
                "deployer",
                "lambda",
                "DeleteAlias20150331",
                json!({ "functionName": "app", "name": "a" }),
                by("signin.amazonaws.com"),
            ),
            call(6, "deployer", "lambda", "PublishVersion20150331", named("app"), by("AWS Internal")),
            call(
                7,
                "deployer",
                "lambda",
                "GetAlias20150331",
                json!({ "functionName": "app", "name": "a" }),
                by("lambda.amazonaws.com"),
            ),
            // A role that CloudFormation was given: it never called CloudFormation itself.
            call(1, "stack", "lambda", "GetFunction20150331v2", named("app"), by(cfn)),
            // One that did, but not in this session.
            call(1, "both", "cloudformation", "DescribeStacks", json!({ "stackName": "app" }), json!({})),
            call(
                2,
                "both",
                "lambda",
                "GetFunction20150331v2",
                named("app"),
                json!({ "invokedBy": cfn, "arn": "arn:aws:sts::111122223333:assumed-role/both/AWSCloudFormation" }),
            ),
            // One whose own call was refused.
            call(
                1,
                "refused",
                "cloudformation",
                "DescribeStacks",
                json!({ "stackName": "app" }),
                json!({ "errorCode": "AccessDenied" }),
            ),
            call(2, "refused", "lambda", "GetFunction20150331v2", named("app"), by(cfn)),
        ],
    );
    let plain = conditions(folder.path(), &log, &[]);
    assert!(plain.values().all(String::is_empty), "nothing unasked: {plain:?}");
    let got = conditions(folder.path(), &log, &["--condition", "aws:calledvia"]);
    let with: Vec<&String> = got.iter().filter(|(_, when)| !when.is_empty()).map(|(what, _)| what).collect();
    assert_eq!(with, ["deployer lambda:GetFunction"], "{got:?}");
    let when = r#"{"ForAnyValue:StringEquals":{"aws:CalledVia":"cloudformation.amazonaws.com"}}"#;
    assert_eq!(got["deployer lambda:GetFunction"], when);
    for role in ["deployer", "stack", "both", "refused"] {
        replays(folder.path(), &log, role);
    }
    // Without the service in between, the same policy denies.
    let direct = tempfile::tempdir().unwrap();
    let other = direct.path().join("direct.json");
    let record = call(9, "deployer", "lambda", "GetFunction20150331v2", named("app"), json!({}));
    std::fs::write(&other, record.to_string()).unwrap();
    let policy = folder.path().join("out/aws/111122223333/deployer/deployer.json").display().to_string();
    let got = run(&["check", &other.display().to_string(), "--policy", &policy]);
    assert_eq!((code(&got), lines(&got).len()), (4, 1), "{}", stderr(&got));
}

#[test]
fn keys_are_used_through_the_service_that_the_record_or_the_context_names() {
    let folder = tempfile::tempdir().unwrap();
    let key = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555";
    let used = |id, event: &str, context: Value, mut more: Value| {
        more["resources"] = json!([{ "ARN": key, "accountId": "111122223333", "type": "AWS::KMS::Key" }]);
        call(id, "app", "kms", event, json!({ "encryptionContext": context }), more)
    };
    let object = json!({ "aws:s3:arn": "arn:aws:s3:::b/k" });
    let log = log(
        folder.path(),
        &[
            used(1, "Decrypt", object.clone(), by("AWS Internal")),
            used(
                2,
                "Decrypt",
                json!({ "SecretARN": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:s-AbCdEf" }),
                by("secretsmanager.amazonaws.com"),
            ),
            used(3, "GenerateDataKey", object.clone(), json!({})),
            used(4, "Encrypt", json!({ "purpose": "mine" }), by("AWS Internal")),
            used(5, "ReEncryptFrom", object.clone(), by("signin.amazonaws.com")),
            used(6, "CreateGrant", json!({ "aws:s3:arn": "x", "aws:ebs:id": "vol-1" }), by("AWS Internal")),
            call(
                7,
                "app",
                "s3",
                "GetObject",
                json!({ "bucketName": "b", "key": "k" }),
                by("s3.amazonaws.com"),
            ),
        ],
    );
    let got = conditions(folder.path(), &log, &["--condition", "kms:ViaService"]);
    let with: Vec<&String> = got.iter().filter(|(_, when)| !when.is_empty()).map(|(what, _)| what).collect();
    assert_eq!(with, ["app kms:Decrypt"], "{got:?}");
    let services = r#"["s3.eu-central-1.amazonaws.com","secretsmanager.eu-central-1.amazonaws.com"]"#;
    assert_eq!(got["app kms:Decrypt"], format!(r#"{{"StringEquals":{{"kms:ViaService":{services}}}}}"#));
    replays(folder.path(), &log, "app");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one log, asked for each key")]
fn region_endpoint_and_owner_stand_only_where_every_use_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let table = |name: &str| json!({ "tableName": name });
    let bucket = |account: &str| json!({ "resources": [{ "ARN": "arn:aws:s3:::b", "accountId": account }] });
    let log = log(
        folder.path(),
        &[
            call(
                1,
                "app",
                "dynamodb",
                "DescribeTable",
                table("t"),
                json!({ "vpcEndpointId": "vpce-1a2b3c4d" }),
            ),
            call(
                2,
                "app",
                "dynamodb",
                "DescribeTable",
                table("t"),
                json!({ "vpcEndpointId": "vpce-5e6f7a8b" }),
            ),
            call(
                3,
                "app",
                "dynamodb",
                "DeleteTable",
                table("t"),
                json!({ "vpcEndpointId": "vpce-1a2b3c4d" }),
            ),
            call(4, "app", "dynamodb", "DeleteTable", table("t"), json!({})),
            call(5, "app", "dynamodb", "UpdateTable", table("t"), json!({ "vpcEndpointId": "a\u{1f}b" })),
            call(6, "app", "s3", "GetBucketAcl", json!({ "bucketName": "b" }), bucket("444455556666")),
            call(7, "app", "s3", "GetBucketTagging", json!({ "bucketName": "c" }), json!({})),
            call(
                8,
                "app",
                "events",
                "PutEvents",
                json!({ "entries": [{ "eventBusName": "arn:aws:events:eu-central-1:111122223333:event-bus/x" }] }),
                json!({}),
            ),
            call(9, "app", "iam", "GetRole", json!({ "roleName": "r" }), json!({ "awsRegion": "us-east-1" })),
        ],
    );
    let got = conditions(folder.path(), &log, &["--condition", "aws:SourceVpce"]);
    let ends = r#"{"StringEquals":{"aws:SourceVpce":["vpce-1a2b3c4d","vpce-5e6f7a8b"]}}"#;
    assert_eq!(got["app dynamodb:DescribeTable"], ends);
    assert_eq!(got.values().filter(|when| !when.is_empty()).count(), 1, "{got:?}");
    replays(folder.path(), &log, "app");

    let got = conditions(folder.path(), &log, &["--condition", "aws:ResourceAccount"]);
    assert_eq!(got["app s3:GetBucketAcl"], r#"{"StringEquals":{"aws:ResourceAccount":"444455556666"}}"#);
    assert_eq!(got["app dynamodb:DeleteTable"], r#"{"StringEquals":{"aws:ResourceAccount":"111122223333"}}"#);
    assert_eq!(got["app s3:GetBucketTagging"], "", "nothing says who owns the bucket");
    assert_eq!(got["app events:PutEvents"], "", "the action does not set the key");
    replays(folder.path(), &log, "app");

    // Settings in a file, and two keys at once.
    let config = folder.path().join("settings.toml");
    std::fs::write(&config, "[conditions]\nkeys = [\"aws:RequestedRegion\"]\n").unwrap();
    let config = config.display().to_string();
    let got = conditions(folder.path(), &log, &["--config", &config, "--condition", "aws:SourceVpce"]);
    assert_eq!(got["app iam:GetRole"], r#"{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}"#);
    assert!(
        got["app dynamodb:DescribeTable"].contains("RequestedRegion")
            && got["app dynamodb:DescribeTable"].contains("vpce-5e")
    );
    replays(folder.path(), &log, "app");
    std::fs::write(&config, "[conditions]\nkeys = [\"aws:SourceIp\"]\n").unwrap();
    let wrong = run(&["explain", &log, "--config", &config]);
    assert!(
        code(&wrong) == 1
            && stderr(&wrong).contains("conditions.keys")
            && stderr(&wrong).contains("kms:ViaService")
    );
    let wrong = run(&["generate", &log, "--out", "unused", "--condition", "aws:SourceIp"]);
    assert!(code(&wrong) == 2 && stderr(&wrong).contains("known are aws:CalledVia"), "{}", stderr(&wrong));
}

#[test]
fn a_real_deployment_takes_every_key_and_still_replays() {
    let folder = tempfile::tempdir().unwrap();
    let sam = fixture("aws/sam-deploy/logs");
    let keys =
        ["aws:CalledVia", "aws:RequestedRegion", "aws:ResourceAccount", "aws:SourceVpce", "kms:ViaService"];
    for targets in [vec!["aws-policy"], vec!["aws-terraform"], vec!["aws-cloudformation"]] {
        let out = folder.path().join(targets[0]).display().to_string();
        let mut args = vec!["generate", &sam, "--out", &out, "-q"];
        args.extend(keys[..1].iter().chain(&keys[3..]).flat_map(|key| ["--condition", key]));
        args.extend(targets.iter().flat_map(|target| ["--target", target]));
        let got = run(&args);
        assert_eq!(code(&got), 0, "{}", stderr(&got));
        let all: String = tree(Path::new(&out)).into_iter().map(|(_, text)| text).collect();
        assert!(
            all.contains("ForAnyValue:StringEquals")
                && all.contains("secretsmanager.eu-central-1.amazonaws.com")
        );
    }
    let who = ["--principal", "*github-sam-deploy", "--action", "dynamodb:CreateTable"];
    let mut args =
        vec!["explain", &sam, "--condition", keys[0], "--condition", keys[1], "--condition", keys[2]];
    args.extend(who);
    let got = lines(&run(&args));
    assert_eq!(got[0]["when"]["aws:CalledVia"], json!(["cloudformation.amazonaws.com"]), "{got:?}");
    assert_eq!(got[0]["when"]["aws:ResourceAccount"], json!(["111122223333"]));
    assert_eq!(run(&[&["explain", &sam][..], &who].concat()).status.code(), Some(0));
}
