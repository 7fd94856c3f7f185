//! Records that are repeated, or read member by member, come to what parsing each of them as a whole comes to.

use crate::support::{code, corpus, root, run, stderr};
use leastgrant::aggregate::dedup::Dedup;
use leastgrant::aggregate::{Rules, Shard, Worker};
use leastgrant::cloud::CLOUDS;
use leastgrant::config::Filter;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// Records of CloudTrail in a file's text, whatever holds them.
fn records(text: &str) -> Vec<Value> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<Value>().map_while(Result::ok);
    let inside = |value: Value| match value {
        Value::Array(all) => all,
        Value::Object(mut map) if map.get("Records").is_some_and(Value::is_array) => {
            map["Records"].as_array_mut().map(std::mem::take).unwrap_or_default()
        }
        // A fixture of one event.
        Value::Object(mut map) if map.contains_key("about") => map.remove("record").into_iter().collect(),
        other => vec![other],
    };
    let all = values.flat_map(inside);
    all.filter(|record| record.get("eventSource").is_some() && record.get("accountId").is_none()).collect()
}

fn text(bytes: &[u8]) -> Option<String> {
    let inflated = match bytes {
        [0x1f, 0x8b, ..] => {
            let mut all = Vec::new();
            flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut all).ok()?;
            all
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::decode_all(bytes).ok()?,
        _ => bytes.to_vec(),
    };
    String::from_utf8(inflated).ok()
}

fn below(folder: &Path) -> Vec<Value> {
    let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    let texts = files.filter_map(|entry| text(&std::fs::read(entry.path()).ok()?));
    texts.flat_map(|text| records(&text)).collect()
}

static FIXTURES: LazyLock<Vec<Value>> = LazyLock::new(|| below(&root().join("fixtures/events")));

/// A log of these records; `whole` adds a member that says nothing, and makes each be parsed as a whole: what another
/// record may be like has no escapes in its keys.
fn text_of(all: &[Value], whole: bool) -> String {
    if all.iter().any(|record| record.get("protoPayload").is_some()) {
        let head = if whole { r#"{"\u0061":0,"# } else { "{" };
        return all
            .iter()
            .map(|entry| format!("{head}{}\n", entry.to_string().trim_start_matches('{')))
            .collect();
    }
    all.iter()
        .map(|record| {
            let mut record = record.clone();
            if let Some(map) = record.as_object_mut().filter(|_| whole) {
                map.insert("accountId".to_owned(), Value::Null);
            }
            format!("{record}\n")
        })
        .collect()
}

/// What such a log comes to.
fn facts(all: &[Value], whole: bool, filter: &Filter) -> String {
    let text = text_of(all, whole);
    let rules = Rules { filter: filter.clone(), ..Rules::default() };
    let mut shard = Shard::new(Arc::new(rules), Arc::new(Dedup::default()), false);
    let end = leastgrant::decode::decode(&text, &CLOUDS, &mut Worker(&mut shard)).is_ok();
    let usage = shard.finish();
    format!(
        "{end}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        usage.rows,
        usage.principals,
        usage.tally,
        usage.observed,
        usage.denials,
        usage.unmapped,
        usage.sensitive,
        usage.bystanders,
        usage.holdings
    )
}

/// The tables of a store of these records, but for the bytes of the logs.
fn stored(all: &[Value], whole: bool) -> Vec<Value> {
    let root = tempfile::tempdir().unwrap();
    let (logs, store) = (root.path().join("logs.json"), root.path().join("store"));
    std::fs::write(&logs, text_of(all, whole)).unwrap();
    let ingest = ["ingest", logs.to_str().unwrap(), "--store", store.to_str().unwrap(), "-q"];
    let output = run(&ingest);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let index = std::fs::read_to_string(store.join("leastgrant-store.json")).unwrap();
    let index: Value = serde_json::from_str(&index).unwrap();
    let [segment] = index["segments"].as_array().unwrap().as_slice() else { panic!("{index}") };
    ["rows", "records", "days"]
        .iter()
        .map(|of| segment[of].clone())
        .chain([segment["facts"]["lines"].clone()])
        .collect()
}

/// The records three times, under other ids and at other times: then all that can be repeated is.
fn thrice(all: &[Value]) -> Vec<Value> {
    let turn = |round: usize| {
        all.iter().enumerate().map(move |(at, record)| {
            let mut record = record.clone();
            if round > 0 {
                record["eventID"] = json!(format!("{round}-{at}"));
                record["eventTime"] = json!(format!("2026-11-{:02}T{:02}:00:00Z", 1 + (at % 20), round));
            }
            record
        })
    };
    (0..3).flat_map(turn).collect()
}

/// Entries of Cloud Audit Logs, as the API writes them.
fn entries(folder: &Path) -> Vec<Value> {
    let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    let texts = files.filter_map(|entry| text(&std::fs::read(entry.path()).ok()?));
    let values = |text: String| -> Vec<Value> {
        serde_json::Deserializer::from_str(&text).into_iter::<Value>().map_while(Result::ok).collect()
    };
    let inside = |value: Value| match value {
        Value::Array(all) => all,
        Value::Object(mut map) if map.contains_key("entries") => {
            map["entries"].as_array_mut().map(std::mem::take).unwrap_or_default()
        }
        other => vec![other],
    };
    let all = texts.flat_map(values).flat_map(inside);
    all.filter(|entry| entry["protoPayload"]["methodName"].is_string()).collect()
}

/// Each entry seven times, so that others follow its template: under other ids, of other callers, places and days.
fn often(all: &[Value]) -> Vec<Value> {
    let turn = |round: usize| {
        all.iter().enumerate().map(move |(at, entry)| {
            let mut entry = entry.clone();
            if round == 0 {
                return entry;
            }
            entry["insertId"] = json!(format!("{round}-{at}"));
            entry["timestamp"] = json!(format!("2026-11-{:02}T{round:02}:00:00Z", 1 + (at + round / 4) % 20));
            let payload = &mut entry["protoPayload"];
            if payload["requestMetadata"].is_object() {
                payload["requestMetadata"]["callerIp"] = json!(format!("203.0.113.{round}"));
            }
            let who = &mut payload["authenticationInfo"]["principalEmail"];
            if round % 3 == 2 && who.as_str().is_some_and(|who| who.contains('@')) {
                *who = json!(format!("other-{}", who.as_str().unwrap_or("")));
            }
            entry
        })
    };
    (0..7).flat_map(turn).collect()
}

static ENTRIES: LazyLock<Vec<Value>> = LazyLock::new(|| entries(&root().join("fixtures")));

#[test]
fn entries_come_to_the_same() {
    assert!(ENTRIES.len() > 20, "{} entries", ENTRIES.len());
    println!("{} entries", ENTRIES.len());
    check(&often(&ENTRIES), &Filter::default());
    check(&often(&ENTRIES), &Filter { regions: vec!["eu-central-1".to_owned()], ..Filter::default() });
}

#[test]
fn values_of_entries_that_differ_come_to_what_they_are() {
    fn paths(value: &Value, path: &str, all: &mut Vec<String>) {
        let below = |key: &str| format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
        match value {
            Value::Array(list) => {
                (0..list.len()).for_each(|at| paths(&list[at], &below(&at.to_string()), all));
            }
            Value::Object(map) => map.iter().for_each(|(key, value)| paths(value, &below(key), all)),
            _ => all.push(path.to_owned()),
        }
    }
    let (mut all, mut number) = (Vec::new(), 0);
    let mut put = |mut entry: Value, id: bool| {
        number += 1;
        if id {
            entry["insertId"] = json!(format!("varied-{number}"));
            entry["timestamp"] = json!(format!("2026-11-03T09:{:02}:{:02}Z", number / 60 % 60, number % 60));
        }
        all.push(entry);
    };
    for entry in ENTRIES.iter() {
        (0..3).for_each(|_| put(entry.clone(), true));
        let mut places = Vec::new();
        paths(entry, "", &mut places);
        for place in places {
            let id = !matches!(place.as_str(), "/insertId" | "/timestamp");
            let now = entry.pointer(&place).cloned().unwrap_or_default();
            let other: Vec<Value> = match &now {
                Value::String(text) => {
                    let other = [
                        &format!("{text}x"),
                        "",
                        "projects/other/x",
                        "a@other.iam.gserviceaccount.com",
                        "\u{1}\"\\",
                    ];
                    other.iter().map(|text| json!(text)).chain([Value::Null]).collect()
                }
                Value::Bool(now) => vec![json!(!now)],
                Value::Number(_) => vec![json!(77), json!(-1), json!(0), json!(1.5)],
                _ => vec![json!("x")],
            };
            for value in other {
                let mut entry = entry.clone();
                *entry.pointer_mut(&place).unwrap() = value;
                (0..2).for_each(|_| put(entry.clone(), id));
            }
        }
    }
    println!("{} entries", all.len());
    check(&all, &Filter::default());
}

#[test]
fn objects_are_counted_however_many_there_are() {
    let entry = |at: usize, name: &str, who: &str| {
        let named = format!("projects/_/buckets/lake/objects/{name}");
        json!({
            "insertId": format!("o{at}"), "logName": "projects/p/logs/cloudaudit.googleapis.com%2Fdata_access",
            "timestamp": format!("2026-11-{:02}T09:00:00.{:06}Z", 1 + at % 3, at), "severity": "INFO",
            "resource": { "type": "gcs_bucket", "labels": { "project_id": "p", "bucket_name": "lake" } },
            "protoPayload": {
                "serviceName": "storage.googleapis.com", "methodName": "storage.objects.get", "resourceName": named,
                "authenticationInfo": { "principalEmail": format!("{who}@p.iam.gserviceaccount.com") },
                "authorizationInfo": [{ "resource": named, "permission": "storage.objects.get", "granted": true,
                                        "resourceAttributes": {} }], "status": {}
            }
        })
    };
    let mut all = Vec::new();
    for at in 0..5000 {
        // Few names; then more than are kept apart below one prefix, beside some without; then more prefixes than are.
        all.push(entry(all.len(), &format!("few/{}", at % 7), "a"));
        all.push(entry(
            all.len(),
            &if at % 50 == 0 { format!("plain-{at}") } else { format!("x/{at}.avro") },
            "b",
        ));
        all.push(entry(all.len(), &format!("p{at}/objects/{at}"), "c"));
    }
    check(&all, &Filter::default());
}

#[test]
fn stores_of_entries_are_the_same() {
    let all = often(&ENTRIES);
    assert_eq!(stored(&all, false), stored(&all, true));
}

#[test]
fn real_entries_come_to_the_same() {
    let Some(logs) = corpus() else {
        println!("skipped: LEASTGRANT_CORPUS is not set");
        return;
    };
    let all = entries(&logs.join("logs/gcp"));
    println!("{} entries", all.len());
    check(&often(&all), &Filter::default());
}

fn check(all: &[Value], filter: &Filter) {
    let (again, whole) = (facts(all, false, filter), facts(all, true, filter));
    assert!(again == whole, "{}", similar::TextDiff::from_lines(&whole, &again).unified_diff());
}

#[test]
fn fixtures_come_to_the_same() {
    assert!(FIXTURES.len() > 500, "{} records", FIXTURES.len());
    let all = thrice(&FIXTURES);
    check(&all, &Filter::default());
    let conditions =
        ["aws:CalledVia", "aws:RequestedRegion", "aws:ResourceAccount", "aws:SourceVpce", "kms:ViaService"];
    check(&all, &Filter { conditions: conditions.map(str::to_owned).to_vec(), ..Filter::default() });
    check(&all, &Filter { regions: vec!["eu-central-1".to_owned()], ..Filter::default() });
}

/// The record once more for each of its texts in a request, an answer or additional data, with another text there.
fn varied(record: &Value, by: &dyn Fn(&str) -> String) -> Vec<Value> {
    fn paths(value: &Value, path: &str, all: &mut Vec<String>) {
        let below = |key: &str| format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
        match value {
            Value::String(_) => all.push(path.to_owned()),
            Value::Array(list) => {
                (0..list.len()).for_each(|at| paths(&list[at], &below(&at.to_string()), all))
            }
            Value::Object(map) => map.iter().for_each(|(key, value)| paths(value, &below(key), all)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    for member in ["requestParameters", "responseElements", "additionalEventData"] {
        paths(&record[member], &format!("/{member}"), &mut all);
    }
    let vary = |path: &String| {
        let mut record = record.clone();
        let text = record.pointer_mut(path)?;
        *text = json!(by(text.as_str()?));
        Some(record)
    };
    all.iter().filter_map(vary).collect()
}

#[test]
fn texts_that_differ_come_to_what_they_are() {
    let plain = |text: &str| format!("{text}x");
    let arn = |_: &str| "arn:aws:iam::111122223333:role/other".to_owned();
    let id = |_: &str| "subnet-0123456789abcdef0".to_owned();
    let empty = |_: &str| String::new();
    let ways: [&dyn Fn(&str) -> String; 4] = [&plain, &arn, &id, &empty];
    // One after the other, so that each meets what the ones before it left behind.
    let one = |record: &Value| {
        let all = ways.iter().flat_map(|by| varied(record, by));
        std::iter::once(record.clone()).chain(all).collect::<Vec<_>>()
    };
    let mut all: Vec<Value> = FIXTURES.iter().flat_map(one).collect();
    println!("{} records", all.len());
    for (at, record) in all.iter_mut().enumerate() {
        record["eventID"] = json!(format!("varied-{at}"));
    }
    check(&all, &Filter::default());
}

/// The runs of a name's characters in the texts of a request, an answer and resources.
fn names(record: &Value) -> Vec<String> {
    fn texts<'v>(value: &'v Value, all: &mut Vec<&'v str>) {
        match value {
            Value::String(text) => all.push(text),
            Value::Array(list) => list.iter().for_each(|value| texts(value, all)),
            Value::Object(map) => map.values().for_each(|value| texts(value, all)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    ["requestParameters", "responseElements", "resources"].iter().for_each(|of| texts(&record[of], &mut all));
    let split = |text: &str| {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c));
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut names: Vec<String> = all.into_iter().flat_map(split).collect();
    names.sort();
    names.dedup();
    names
}

/// The value with names replaced wherever they stand in its texts.
fn renamed(value: &Value, by: &dyn Fn(&str) -> Option<String>) -> Value {
    let text = |text: &str| {
        let (mut out, mut word) = (String::new(), String::new());
        for c in text.chars().map(Some).chain([None]) {
            match c.filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)) {
                Some(c) => word.push(c),
                None => {
                    out.push_str(&by(&word).unwrap_or_else(|| word.clone()));
                    word.clear();
                    out.extend(c);
                }
            }
        }
        out
    };
    match value {
        Value::String(string) => json!(text(string)),
        Value::Array(list) => list.iter().map(|value| renamed(value, by)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), renamed(value, by))).collect(),
        other => other.clone(),
    }
}

/// The record with another name in the place of each that `which` picks: those that a rule may look at among them.
fn with_other_names(record: &Value, round: usize, which: &dyn Fn(usize) -> bool) -> Value {
    const ODD: [&str; 24] = [
        "table",
        "i-0123456789abcdef0",
        "ou-abcd-12345678",
        "AWS-Run",
        "alias",
        "aws",
        "444455556666",
        "arn",
        "role",
        "vpc-0a1b2c3d4e5f60718",
        "name-AbCdEf",
        "name-abcdef",
        "us-east-1",
        "global",
        "default",
        "x",
        "p-FullAWSAccess",
        "FROM",
        "aws-service-role",
        "eu",
        "UPPER",
        "upper",
        "2024",
        "_",
    ];
    let names = names(record);
    let fresh = |at: usize| match (round, at + round) {
        (0..3, _) => format!("n{}{}", ["a", "b", "c"][round], at),
        (_, odd) => ODD[(odd * 7 + round) % ODD.len()].to_owned(),
    };
    let by = |word: &str| {
        names.binary_search_by(|name| name.as_str().cmp(word)).ok().filter(|at| which(*at)).map(fresh)
    };
    let mut record = record.clone();
    for member in ["requestParameters", "responseElements", "resources"] {
        if record.get(member).is_some() {
            record[member] = renamed(&record[member], &by);
        }
    }
    record
}

#[test]
fn calls_with_other_names_come_to_what_they_are() {
    let mut all = thrice(&FIXTURES);
    for round in 0..9 {
        for record in FIXTURES.iter() {
            // Most of the names at first, so that replacing them is proved; then some.
            all.push(with_other_names(record, round, &|at| round < 3 || !(at + round).is_multiple_of(3)));
        }
    }
    for (at, record) in all.iter_mut().enumerate() {
        record["eventID"] = json!(format!("renamed-{at}"));
    }
    println!("{} records", all.len());
    check(&all, &Filter::default());
}

/// A call: service, event and request; `of` in it is an object that stands among the resources.
type Call = (&'static str, &'static str, Value);

/// Calls that teach what names of an object, of a bucket or beside a dash are, and such as differ in what is inside.
fn calls_that_differ_inside() -> Vec<Call> {
    let arn = |name: &str| format!("arn:aws:s3:::{name}");
    let body = |text: &str| {
        ("osis", "UpdatePipeline", json!({ "pipelineName": "p", "pipelineConfigurationBody": text }))
    };
    let read = |bucket: &str, key: &str, asked: &str| {
        let request = json!({ "bucketName": bucket, "key": asked, "of": arn(&format!("{bucket}/{key}")) });
        ("s3", "GetObject", request)
    };
    let framework = |name: &str| {
        let arn = format!("arn:aws:backup:eu-central-1:111122223333:framework:{name}");
        ("backup", "DeleteFramework", json!({ "frameworkArn": arn }))
    };
    let job = |key: &str| {
        let request = json!({ "jobName": "j", "jobQueue": "q", "jobDefinition": arn(&format!("bkt/{key}")) });
        ("batch", "SubmitJob", request)
    };
    let cluster = |key: &str| ("ecs", "DeleteCluster", json!({ "cluster": format!("s3:::bkt/{key}") }));
    let zones = |key: &str| {
        let request = json!({ "resourceType": "hostedzone", "resourceIds": [arn(&format!("bkt/{key}"))] });
        ("route53", "ListTagsForResources", request)
    };
    vec![
        body("source: arn:aws:s3:::bkt/a.py"),
        body("source: arn:aws:s3:::bkt/b.py"),
        body("source: arn:aws:s3:::bkt/c/d.py"),
        body("source: arn:aws:s3:::bkt/k sts_role_arn: arn:aws:iam::111122223333:role/secret"),
        body("source: arn:aws:s3:::bkt/k,arn:aws:iam::111122223333:role/secret"),
        read("accesspoint", "k1", "kk"),
        read("accesspoint", "k2", "kk"),
        read("accesspoint", "k3", "kk"),
        read("accesspoint", "k/object/z", "kk"),
        read("access-grants", "k1", "kk"),
        read("access-grants", "k2", "kk"),
        read("access-grants", "k3", "kk"),
        read("access-grants", "default/location/x", "kk"),
        read("own", "a/b", "a/b"),
        read("own", "c/d", "c/d"),
        read("own", "e/f", "e/f"),
        read("own", "g/h", "i/j"),
        framework("q.ab"),
        framework("q.cd"),
        framework("q.ef"),
        framework("q.-x"),
        framework("x-.y"),
        job("k1"),
        job("k2"),
        job("k3"),
        job("x/y:3"),
        cluster("u1/v1"),
        cluster("u2/v1"),
        cluster("u1/v2/v3"),
        zones("u1/v1"),
        zones("u2/v1"),
        zones("u1/v2"),
    ]
}

fn record_of((at, (service, event, request)): (usize, &Call)) -> Value {
    let mut record = FIXTURES[0].clone();
    let resources = request["of"].as_str().map(|object| {
        let bucket = object.split('/').next().unwrap_or(object);
        json!([{ "type": "AWS::S3::Object", "ARN": object },
            { "type": "AWS::S3::Bucket", "ARN": bucket, "accountId": "111122223333" }])
    });
    let mut request = request.clone();
    request.as_object_mut().unwrap().remove("of");
    let parts = json!({
        "userIdentity": { "type": "AssumedRole", "accountId": "111122223333",
            "arn": "arn:aws:sts::111122223333:assumed-role/app/s", "principalId": "AROAEXAMPLE:s",
            "sessionContext": { "sessionIssuer": { "type": "Role", "arn": "arn:aws:iam::111122223333:role/app",
                "accountId": "111122223333", "principalId": "AROAEXAMPLE", "userName": "app" } } },
        "eventSource": format!("{service}.amazonaws.com"), "eventName": event, "awsRegion": "eu-central-1",
        "eventID": format!("inside-{at}"), "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
        "eventTime": "2025-03-01T00:00:00Z", "requestParameters": request, "responseElements": null,
    });
    for gone in ["errorCode", "errorMessage", "resources", "additionalEventData", "sharedEventID"] {
        record.as_object_mut().unwrap().remove(gone);
    }
    record.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
    if let Some(resources) = resources {
        record["resources"] = resources;
    }
    record
}

#[test]
fn what_stands_inside_a_name_is_not_taken_for_one() {
    let mut all = thrice(&FIXTURES);
    all.extend(calls_that_differ_inside().iter().enumerate().map(record_of));
    let told = facts(&all, true, &Filter::default());
    for expected in ["role/secret", "accesspoint/k/object/z", "framework:q.-x", "job-definition/y:"] {
        assert!(told.contains(expected), "{expected}");
    }
    check(&all, &Filter::default());
}

#[test]
fn stores_of_them_are_the_same() {
    let all = thrice(&FIXTURES);
    assert_eq!(stored(&all, false), stored(&all, true));
}

#[test]
fn real_logs_come_to_the_same() {
    let Some(logs) = corpus() else {
        println!("skipped: LEASTGRANT_CORPUS is not set");
        return;
    };
    let all = below(&logs.join("logs/aws"));
    println!("{} records", all.len());
    check(&thrice(&all), &Filter::default());
}

/// Odd values, as services and people write them.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!("")),
        Just(json!(7)),
        Just(json!(true)),
        Just(json!([])),
        Just(json!({})),
        Just(json!("a\"b\\c\n")),
        Just(json!("eu-central-1")),
        Just(json!("444455556666")),
        Just(json!({ "omitted": true })),
        Just(
            json!({ "roleArn": "arn:aws:iam::111122223333:role/x", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS" })
        ),
        Just(json!({ "SSEApplied": "SSE_KMS", "bucketName": "b" })),
        Just(json!([{ "ARN": "arn:aws:s3:::b/k", "type": "AWS::S3::Object" }])),
    ]
}

const MEMBERS: [&str; 18] = [
    "userIdentity",
    "requestParameters",
    "responseElements",
    "resources",
    "eventSource",
    "eventName",
    "awsRegion",
    "errorCode",
    "errorMessage",
    "recipientAccountId",
    "eventType",
    "readOnly",
    "managementEvent",
    "eventCategory",
    "additionalEventData",
    "sharedEventID",
    "sessionCredentialFromConsole",
    "eventTime",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn odd_records_come_to_the_same(
        picks in prop::collection::vec((any::<prop::sample::Index>(), prop::option::of((0..MEMBERS.len(), odd()))), 1..12)
    ) {
        let all: Vec<Value> = picks
            .into_iter()
            .map(|(pick, change)| {
                let mut record = pick.get(&FIXTURES).clone();
                if let Some((member, value)) = change {
                    record[MEMBERS[member]] = value;
                }
                record
            })
            .collect();
        check(&thrice(&all), &Filter::default());
    }
}

/// Calls that decide by something that stands in no key: they are read each time.
#[test]
fn what_nothing_stands_for_is_read_each_time() {
    let policy = |n: usize, name: &str| {
        json!({ "protoPayload": { "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "status": {},
                "authenticationInfo": { "principalEmail": "app@p1.iam.gserviceaccount.com" },
                "serviceName": "storage.googleapis.com", "methodName": "google.iam.v1.IAMPolicy.GetIamPolicy",
                "resourceName": format!("projects/_/buckets/b/objects/{name}") },
            "insertId": format!("i{n}"), "resource": { "type": "gcs_bucket", "labels": { "project_id": "p1" } },
            "timestamp": format!("2026-11-05T09:00:{n:02}.123Z"),
            "logName": "projects/p1/logs/cloudaudit.googleapis.com%2Fdata_access" })
    };
    let names = ["o1", "o2", "managedFolders/y", "x/y", "o3"];
    let entries: Vec<Value> = names.iter().enumerate().map(|(n, name)| policy(n, name)).collect();
    check(&entries, &Filter::default());
    let mut calls: Vec<Value> = [("StopLogging", "main"), ("StopLogging", "main"), ("StopLogging", "main")]
        .iter()
        .enumerate()
        .map(|(at, (event, name))| record_of((at, &("cloudtrail", event, json!({ "name": name })))))
        .collect();
    calls[0].as_object_mut().unwrap().remove("eventTime");
    let told = facts(&calls, false, &Filter::default());
    assert_eq!(told, facts(&calls, true, &Filter::default()));
    let copy = |at: usize, shared: Option<&str>| {
        let key = json!({ "bucketName": "b", "key": "k" });
        let mut record = record_of((at, &("s3", "GetObject", key)));
        record["userIdentity"] =
            json!({ "type": "AWSAccount", "accountId": "444455556666", "principalId": "AIDAX" });
        record["sharedEventID"] = json!(shared);
        record
    };
    let mut own = copy(2, Some("s1"));
    own["userIdentity"] =
        json!({ "type": "IAMUser", "accountId": "444455556666", "arn": "arn:aws:iam::444455556666:user/u" });
    own["recipientAccountId"] = json!("444455556666");
    check(&[copy(0, None), copy(1, Some("s1")), own], &Filter::default());
}
