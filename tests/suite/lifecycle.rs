//! The lifecycle companion: what was created, told apart from what was merely named, and what was never seen of it.

use crate::support::{code, corpus, fixture, read, read_text, run, stderr};
use leastgrant::catalog;
use leastgrant::cloud::{self, Lifecycle};
use leastgrant::model::usage::Row;
use serde_json::{Value, json};

fn record(
    id: usize,
    source: &str,
    event: &str,
    request: Value,
    response: Value,
    error: Option<&str>,
) -> String {
    json!({
        "eventVersion": "1.11", "eventTime": "2026-11-03T09:00:00Z", "awsRegion": "eu-central-1",
        "eventSource": format!("{source}.amazonaws.com"), "eventName": event, "eventID": format!("id-{id}"),
        "eventType": "AwsApiCall", "recipientAccountId": "111122223333", "requestParameters": request,
        "responseElements": response, "errorCode": error,
        "userIdentity": { "type": "AssumedRole", "accountId": "111122223333", "sessionContext":
            { "sessionIssuer": { "arn": "arn:aws:iam::111122223333:role/app" } } },
    })
    .to_string()
}

fn lifecycle(records: &[String]) -> Vec<Lifecycle> {
    let usage = read_text(&records.join("\n"));
    let rows: Vec<&Row> = usage.rows.iter().collect();
    cloud::by_id("aws").unwrap().lifecycle(&rows, &[])
}

#[test]
fn what_was_seen_on_the_name_is_left_out_and_what_was_seen_on_another_is_not() {
    let named = |id, event: &str, table: &str| {
        record(id, "dynamodb", event, json!({ "tableName": table }), Value::Null, None)
    };
    let got = lifecycle(&[
        named(1, "CreateTable", "a"),
        named(2, "CreateTable", "b"),
        named(3, "CreateTable", "c"),
        named(4, "DeleteTable", "a"),
        named(5, "DeleteTable", "elsewhere"),
    ]);
    let arn = |table: &str| format!("arn:aws:dynamodb:eu-central-1:111122223333:table/{table}");
    assert_eq!(got.len(), 2, "{got:#?}");
    let with = |table: &str| got.iter().find(|one| one.resources.contains(&arn(table))).unwrap();
    assert_eq!(with("b").resources, [arn("b"), arn("c")], "the same evidence, one entry");
    assert_eq!(
        (with("a").kind.as_str(), with("a").delete.join(" ")),
        ("AWS::DynamoDB::Table", "dynamodb:DescribeTable".to_owned())
    );
    assert_eq!(with("a").seen, ["dynamodb:CreateTable", "dynamodb:DeleteTable"]);
    assert_eq!(with("b").delete, ["dynamodb:DeleteTable", "dynamodb:DescribeTable"]);
    assert!(with("b").update.contains(&"dynamodb:UpdateTable".to_owned()));
    assert!(
        with("b").cautious.contains(&"dynamodb:PutResourcePolicy".to_owned()),
        "{:?}",
        with("b").cautious
    );
}

#[test]
fn only_what_a_call_made_counts_as_created() {
    let run = json!({ "imageId": "ami-1a2b3c4d5e6f7a8b9", "subnetId": "subnet-1a2b3c4d", "instanceType": "t4g.nano" });
    let made = json!({ "instancesSet": { "items": [{ "instanceId": "i-1a2b3c4d5e6f7a8b9" }] } });
    let got = lifecycle(&[
        record(1, "ec2", "RunInstances", run, made, None),
        record(
            2,
            "dynamodb",
            "CreateTable",
            json!({ "tableName": "there" }),
            Value::Null,
            Some("ResourceInUseException"),
        ),
        record(
            3,
            "dynamodb",
            "CreateTable",
            json!({ "tableName": "mine" }),
            Value::Null,
            Some("AccessDenied"),
        ),
        record(4, "dynamodb", "DescribeTable", json!({ "tableName": "read" }), Value::Null, None),
        record(5, "lambda", "AddPermission20150331v2", json!({ "functionName": "f" }), Value::Null, None),
    ]);
    let all: Vec<(&str, &[String])> =
        got.iter().map(|one| (one.kind.as_str(), one.resources.as_slice())).collect();
    assert_eq!(all.len(), 2, "{all:#?}");
    let instance = &all.iter().find(|(kind, _)| *kind == "AWS::EC2::Instance").unwrap().1;
    assert!(
        instance.iter().all(|name| name.contains(":instance/")),
        "neither image nor subnet: {instance:?}"
    );
    let permission = all.iter().find(|(kind, _)| *kind == "AWS::Lambda::Permission").unwrap();
    assert_eq!(permission.1, ["arn:aws:lambda:eu-central-1:111122223333:function:f"]);
}

#[test]
fn the_file_is_bounded_beside_the_policy_and_not_applied() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    let create = |n: usize| {
        record(n, "sqs", "CreateQueue", json!({ "queueName": format!("q{n}") }), Value::Null, None)
    };
    std::fs::write(&log, (0..60).map(|n| create(n) + "\n").collect::<String>()).unwrap();
    let out = folder.path().join("out");
    let got = run(&["generate", &log.display().to_string(), "--out", &out.display().to_string(), "-q"]);
    assert_eq!(code(&got), 0, "{}", stderr(&got));
    let read = |path: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(out.join(path)).unwrap()).unwrap()
    };
    let file = read("aws/111122223333/app/lifecycle.json");
    let created = file["created"].as_array().unwrap();
    assert_eq!((created.len(), created[0]["resources"].as_array().unwrap().len()), (1, 50));
    assert_eq!((&created[0]["more_resources"], &created[0]["type"]), (&json!(10), &json!("AWS::SQS::Queue")));
    assert!(file["about"].as_str().unwrap().starts_with("Not to be applied"));
    let manifest = read("manifest.json");
    let entry =
        manifest["artifacts"].as_array().unwrap().iter().find(|one| one["target"] == "lifecycle").unwrap();
    assert_eq!((&entry["applies"], &entry["cloud"]), (&json!(false), &json!("aws")));
}

#[test]
fn the_table_names_only_known_actions_and_the_types_people_deploy() {
    let aws = catalog::aws();
    for action in aws.handlers.actions() {
        assert!(aws.table.action(&action).is_some(), "{action}");
    }
    for (action, kind) in [
        ("lambda:CreateFunction", "AWS::Lambda::Function"),
        ("iam:CreateRole", "AWS::IAM::Role"),
        ("s3:CreateBucket", "AWS::S3::Bucket"),
        ("ec2:AllocateAddress", "AWS::EC2::EIP"),
        ("cloudwatch:PutMetricAlarm", "AWS::CloudWatch::Alarm"),
        ("logs:CreateLogGroup", "AWS::Logs::LogGroup"),
        ("kms:CreateKey", "AWS::KMS::Key"),
    ] {
        let kinds: Vec<&str> = aws.handlers.made_by(action).iter().map(|handled| handled.kind).collect();
        assert_eq!(kinds, [kind], "{action}");
    }
    assert!(aws.handlers.made_by("lambda:GetFunction").is_empty());
}

#[test]
fn a_real_log_names_what_it_created_and_nothing_it_only_read() {
    let Some(root) = corpus() else { return };
    let usage = read(&[root.join("logs/aws").display().to_string(), fixture("aws/sam-deploy/logs")], 2);
    let rows: Vec<&Row> = usage.rows.iter().filter(|row| row.cloud == "aws").collect();
    let all = cloud::by_id("aws").unwrap().lifecycle(&rows, &[]);
    assert!(all.len() > 20, "{}", all.len());
    for one in &all {
        assert!(
            !one.resources.is_empty() && !one.seen.is_empty() && one.kind.starts_with("AWS::"),
            "{one:?}"
        );
        let never = || one.update.iter().chain(&one.delete);
        assert!(never().all(|action| !one.seen.contains(action)), "{one:?}");
        assert!(one.cautious.iter().all(|action| never().any(|known| known == action)), "{one:?}");
    }
}

#[test]
fn what_former_runs_saw_stays_in_the_file() {
    let temp = tempfile::tempdir().unwrap();
    let night = |number: usize, records: &[String]| {
        let log = temp.path().join(format!("{number}.json"));
        std::fs::write(&log, records.join("\n")).unwrap();
        let out = temp.path().join("out");
        let done =
            run(&["generate", "--quiet", &log.display().to_string(), "--out", &out.display().to_string()]);
        assert_eq!(code(&done), 0, "{}", stderr(&done));
        let file = out.join("aws/111122223333/app/lifecycle.json");
        serde_json::from_str::<Value>(&std::fs::read_to_string(file).unwrap()).unwrap()
    };
    let call =
        |id, event: &str| record(id, "dynamodb", event, json!({ "tableName": "a" }), Value::Null, None);
    let first = night(1, &[call(1, "CreateTable"), call(2, "UpdateTable")]);
    let second = night(2, &[call(3, "DescribeTable")]);
    let (first, second) = (&first["created"][0], &second["created"][0]);
    assert_eq!(first["never_seen"]["delete"], json!(["dynamodb:DeleteTable", "dynamodb:DescribeTable"]));
    assert_eq!(second["never_seen"]["delete"], json!(["dynamodb:DeleteTable"]));
    assert_eq!(
        second["seen"],
        json!(["dynamodb:CreateTable", "dynamodb:DescribeTable", "dynamodb:UpdateTable"])
    );
    assert_eq!(first["resources"], second["resources"]);
}
