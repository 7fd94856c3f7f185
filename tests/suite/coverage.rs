//! Unused is not unlogged: what proves that a class of calls is logged, what lets one doubt it, and what follows.

use crate::support::{code, fixture, plans, read_text, run, stderr};
use leastgrant::aggregate::Usage;
use leastgrant::catalog;
use leastgrant::report;
use serde_json::{Value, json};

const TRAIL: &str = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/main";
const APP: &str = "arn:aws:iam::111122223333:role/app";

/// A CloudTrail record of the role `app`.
fn call(at: &str, service: &str, name: &str, reads: bool, data: bool, more: Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.11", "eventTime": at, "awsRegion": "eu-central-1",
        "eventSource": format!("{service}.amazonaws.com"), "eventName": name, "readOnly": reads,
        "eventID": format!("{at}-{service}-{name}"), "eventType": "AwsApiCall", "managementEvent": !data,
        "eventCategory": if data { "Data" } else { "Management" }, "recipientAccountId": "111122223333",
        "userIdentity": { "type": "AssumedRole", "accountId": "111122223333", "accessKeyId": "ASIAEXAMPLE",
            "arn": "arn:aws:sts::111122223333:assumed-role/app/s",
            "sessionContext": { "sessionIssuer": { "arn": APP } } },
    });
    for (key, value) in more.as_object().unwrap() {
        record[key] = value.clone();
    }
    record
}

/// The role lists functions and tables, and makes a bucket, on the first and the fifth day.
fn calls() -> Vec<Value> {
    let day = |day: u32| {
        let at = format!("2026-11-0{day}T09:00:00Z");
        vec![
            call(&at, "lambda", "ListFunctions20150331", true, false, json!({})),
            call(
                &at,
                "s3",
                "CreateBucket",
                false,
                false,
                json!({ "requestParameters": { "bucketName": "example" } }),
            ),
        ]
    };
    [day(1), day(5)].concat()
}

fn usage(values: &[Value]) -> Usage {
    read_text(&values.iter().map(|value| format!("{value}\n")).collect::<String>())
}

fn covered(usage: &Usage) -> Value {
    report::coverage::coverage(usage)
}

/// The state of a class in a coverage report.
fn state(coverage: &Value, account: &str, service: &str, plane: &str, access: &str) -> String {
    let classes = coverage["classes"].as_array().unwrap();
    let found: Vec<&Value> =
        classes.iter().filter(|c| c["account"] == account && c["service"] == service).collect();
    assert_eq!(found.len(), 1, "{service} in {account}: {coverage:#}");
    found[0][plane][access].as_str().unwrap_or("none").to_owned()
}

fn aws(usage: &Usage, service: &str, plane: &str, access: &str) -> String {
    state(&covered(usage), "111122223333", service, plane, access)
}

fn codes(usage: &Usage) -> Vec<String> {
    let coverage = covered(usage);
    let signs = coverage["signs"].as_array().unwrap().iter();
    signs.map(|sign| sign["code"].as_str().unwrap().to_owned()).collect()
}

/// The reasons that concern what is logged.
fn doubts(usage: &Usage, principal: &str) -> Vec<String> {
    let plans = plans(usage);
    let plan = plans.iter().find(|plan| plan.who.id == principal).unwrap();
    plan.reasons.iter().filter(|reason| !reason.contains("seen over")).cloned().collect()
}

fn trails(more: Value) -> Value {
    let mut trail = json!({ "Name": "main", "TrailARN": TRAIL, "HomeRegion": "eu-central-1",
        "IsMultiRegionTrail": true, "IsOrganizationTrail": false, "IncludeGlobalServiceEvents": true,
        "HasCustomEventSelectors": true });
    for (key, value) in more.as_object().unwrap() {
        trail[key] = value.clone();
    }
    json!({ "trailList": [trail] })
}

fn basic(selector: Value) -> Value {
    json!({ "TrailARN": TRAIL, "EventSelectors": [selector] })
}

fn everything() -> Value {
    basic(
        json!({ "ReadWriteType": "All", "IncludeManagementEvents": true, "ExcludeManagementEventSources": [],
        "DataResources": [{ "Type": "AWS::S3::Object", "Values": ["arn:aws:s3"] },
                          { "Type": "AWS::Lambda::Function", "Values": ["arn:aws:lambda"] }] }),
    )
}

fn with(values: &[Value]) -> Usage {
    usage(&[calls(), values.to_vec()].concat())
}

#[test]
fn without_a_description_data_events_of_what_is_used_are_unknown() {
    let usage = with(&[]);
    assert_eq!(aws(&usage, "s3", "management", "write"), "seen");
    assert_eq!(aws(&usage, "s3", "management", "read"), "unknown");
    assert_eq!(aws(&usage, "s3", "data", "read"), "unknown");
    assert_eq!(
        doubts(&usage, APP),
        ["data events of lambda, s3 were not seen, and no trail description proves that they are logged"]
    );
    let seen = with(&[call("2026-11-02T09:00:00Z", "s3", "GetObject", true, true, json!({}))]);
    assert_eq!(aws(&seen, "s3", "data", "read"), "seen");
    assert!(doubts(&seen, APP)[0].contains("lambda, s3 (writes)"), "{:?}", doubts(&seen, APP));
}

#[test]
fn a_trail_description_proves_what_it_selects() {
    let usage = with(&[trails(json!({})), everything()]);
    for (service, plane, access) in [
        ("s3", "data", "read"),
        ("s3", "data", "write"),
        ("lambda", "data", "write"),
        ("s3", "management", "read"),
    ] {
        assert_eq!(aws(&usage, service, plane, access), "logged", "{service} {plane} {access}");
    }
    assert_eq!(doubts(&usage, APP), [""; 0]);
    assert_eq!(usage.tally.records(), 4, "descriptions are no records");
    assert_eq!(covered(&usage)["declared"].as_array().unwrap().len(), 3);
    // Without the selectors nobody can tell; with the default ones there are no data events.
    assert_eq!(aws(&with(&[trails(json!({}))]), "s3", "management", "read"), "unknown");
    let default = with(&[trails(json!({ "HasCustomEventSelectors": false }))]);
    assert_eq!(aws(&default, "s3", "management", "read"), "logged");
    assert_eq!(
        doubts(&default, APP),
        ["data events of lambda, s3 were not seen, and by the trail description they are not all logged"]
    );
}

#[test]
fn a_description_holds_for_its_regions_and_accounts_only() {
    for (trail, proven) in [
        (json!({ "IsMultiRegionTrail": false }), true),
        (json!({ "IsMultiRegionTrail": false, "HomeRegion": "us-east-1" }), false),
        (json!({ "TrailARN": "arn:aws:cloudtrail:eu-central-1:444455556666:trail/main" }), false),
    ] {
        let arn = trail.get("TrailARN").cloned().unwrap_or(json!(TRAIL));
        let mut selectors = everything();
        selectors["TrailARN"] = arn;
        let usage = with(&[trails(trail.clone()), selectors]);
        assert_eq!(aws(&usage, "s3", "data", "read") == "logged", proven, "{trail}");
    }
    let organization = json!({ "IsOrganizationTrail": true,
        "TrailARN": "arn:aws:cloudtrail:eu-central-1:777788889999:trail/main" });
    let mut selectors = everything();
    selectors["TrailARN"] = organization["TrailARN"].clone();
    assert_eq!(aws(&with(&[trails(organization), selectors]), "s3", "data", "read"), "logged");
    // Selectors alone: a trail logs at least in its own account and region.
    assert_eq!(aws(&with(&[everything()]), "s3", "data", "read"), "logged");
}

#[test]
fn selectors_leave_out_what_they_do_not_name() {
    let some =
        |values: Value| basic(json!({ "DataResources": [{ "Type": "AWS::S3::Object", "Values": values }] }));
    let advanced = |fields: Value| json!({ "TrailARN": TRAIL, "AdvancedEventSelectors": [{ "FieldSelectors": fields }] });
    let data = json!({ "Field": "eventCategory", "Equals": ["Data"] });
    let objects = json!({ "Field": "resources.type", "Equals": ["AWS::S3::Object"] });
    for (selectors, read, write) in [
        (some(json!(["arn:aws:s3:::"])), "logged", "logged"),
        (some(json!(["arn:aws:s3:::one-bucket/"])), "unknown", "unknown"),
        (some(json!([])), "unknown", "unknown"),
        (advanced(json!([data, objects])), "logged", "logged"),
        (advanced(json!([data, objects, { "Field": "readOnly", "Equals": ["true"] }])), "logged", "unknown"),
        (
            advanced(json!([data, objects, { "Field": "readOnly", "NotEquals": ["true"] }])),
            "unknown",
            "logged",
        ),
        (
            advanced(
                json!([data, objects, { "Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::one/"] }]),
            ),
            "unknown",
            "unknown",
        ),
        (
            advanced(json!([data, objects, { "Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::"] }])),
            "logged",
            "logged",
        ),
        (
            advanced(json!([data, objects, { "Field": "eventName", "Equals": ["PutObject"] }])),
            "unknown",
            "unknown",
        ),
        (advanced(json!([data])), "unknown", "unknown"),
        (advanced(json!([objects])), "unknown", "unknown"),
        (json!({ "TrailARN": TRAIL, "EventSelectors": [{ "DataResources": 7 }] }), "unknown", "unknown"),
    ] {
        let usage = with(&[trails(json!({})), selectors.clone()]);
        let got = [aws(&usage, "s3", "data", "read"), aws(&usage, "s3", "data", "write")];
        assert_eq!(got, [read, write], "{selectors}");
    }
    let writes = with(&[trails(json!({})), basic(json!({ "ReadWriteType": "WriteOnly" }))]);
    assert_eq!(aws(&writes, "s3", "management", "read"), "unknown");
    let without = basic(json!({ "ExcludeManagementEventSources": ["s3.amazonaws.com"] }));
    assert_eq!(aws(&with(&[trails(json!({})), without]), "s3", "management", "read"), "unknown");
    let not = json!([{ "Field": "eventCategory", "Equals": ["Management"] },
                     { "Field": "eventSource", "NotEquals": ["s3.amazonaws.com"] }]);
    let usage = with(&[trails(json!({})), advanced(not)]);
    assert_eq!(aws(&usage, "s3", "management", "read"), "unknown");
    assert_eq!(aws(&usage, "lambda", "management", "write"), "logged");
}

fn change(at: &str, name: &str, parameters: Value, answer: Value) -> Value {
    let more = json!({ "requestParameters": parameters, "responseElements": answer });
    call(at, "cloudtrail", name, false, false, more)
}

#[test]
fn a_change_in_the_log_ends_what_was_proven() {
    let described = [trails(json!({})), everything()];
    let then = |records: &[Value]| with(&[described.to_vec(), records.to_vec()].concat());
    let stop = change("2026-11-03T10:00:00Z", "StopLogging", json!({ "name": "main" }), Value::Null);
    let start = change("2026-11-03T11:00:00Z", "StartLogging", json!({ "name": TRAIL }), Value::Null);
    for records in [
        vec![stop.clone()],
        vec![stop.clone(), start.clone()],
        vec![start.clone()],
        vec![change("2026-11-03T10:00:00Z", "DeleteTrail", json!({ "name": TRAIL }), Value::Null)],
        vec![change(
            "2026-11-03T10:00:00Z",
            "PutEventSelectors",
            json!({ "trailName": "main", "eventSelectors": [{ "readWriteType": "All" }] }),
            json!({ "trailARN": TRAIL, "eventSelectors": [{ "readWriteType": "All" }] }),
        )],
        vec![change(
            "2026-11-03T10:00:00Z",
            "PutEventSelectors",
            json!({ "trailName": "main" }),
            Value::Null,
        )],
        vec![change(
            "2026-11-03T10:00:00Z",
            "UpdateTrail",
            json!({ "name": "main", "isMultiRegionTrail": false }),
            json!({ "trailARN": TRAIL, "isMultiRegionTrail": false }),
        )],
    ] {
        let usage = then(&records);
        assert_eq!(aws(&usage, "s3", "data", "read"), "unknown", "{records:?}");
        assert!(codes(&usage).contains(&"changed".to_owned()), "{records:?}");
    }
    let screen = |records: &[Value]| report::coverage::lines(&then(records)).join("\n");
    let once = screen(std::slice::from_ref(&stop));
    assert!(once.contains(&format!("signs: {TRAIL}, 2026-11-03T10:00:00Z: logging was stopped")), "{once}");
    let twice = screen(&[stop.clone(), start]);
    assert!(twice.contains("signs: what is logged was changed 2 times, see the manifest"), "{twice}");
    // Refused, or about something else: what was proven stays proven.
    let mut refused = stop.clone();
    refused["errorCode"] = json!("AccessDenied");
    let bucket = change(
        "2026-11-03T10:00:00Z",
        "UpdateTrail",
        json!({ "name": "main", "s3BucketName": "b" }),
        Value::Null,
    );
    let other = change("2026-11-03T10:00:00Z", "StopLogging", json!({ "name": "other" }), Value::Null);
    for record in [refused, bucket, other] {
        let usage = then(std::slice::from_ref(&record));
        assert_eq!(aws(&usage, "s3", "data", "read"), "logged", "{record}");
    }
}

#[test]
fn selectors_set_in_the_log_prove_what_comes_after() {
    let all = json!([{ "readWriteType": "All", "includeManagementEvents": true,
        "dataResources": [{ "type": "AWS::S3::Object", "values": ["arn:aws:s3"] }] }]);
    let put = |at: &str| {
        let answer = json!({ "trailARN": TRAIL, "eventSelectors": all });
        change(at, "PutEventSelectors", json!({ "trailName": "main", "eventSelectors": all }), answer)
    };
    assert_eq!(
        aws(&with(&[put("2026-11-01T00:00:00Z")]), "s3", "data", "write"),
        "logged",
        "from the first moment"
    );
    assert_eq!(aws(&with(&[put("2026-11-03T00:00:00Z")]), "s3", "data", "write"), "unknown", "not before");
    let made = change(
        "2026-11-01T00:00:00Z",
        "CreateTrail",
        json!({ "name": "main" }),
        json!({ "trailARN": TRAIL }),
    );
    assert_eq!(
        aws(&with(std::slice::from_ref(&made)), "s3", "management", "read"),
        "unknown",
        "made, but not started"
    );
    let started = change("2026-11-01T00:00:00.5Z", "StartLogging", json!({ "name": "main" }), Value::Null);
    assert_eq!(aws(&with(&[made, started]), "s3", "management", "read"), "unknown", "off for a moment");
}

#[test]
fn a_log_without_reads_is_a_sign() {
    let only: Vec<Value> = calls().into_iter().filter(|record| record["readOnly"] == false).collect();
    let log = usage(&only);
    assert_eq!(codes(&log), ["no-reads"]);
    assert!(doubts(&log, APP).contains(&"not one read is logged in 111122223333".to_owned()));
    // Where reads would be in the log, there were none.
    let proven = usage(&[only, vec![trails(json!({})), everything()]].concat());
    assert_eq!(codes(&proven), [""; 0]);
    assert_eq!(doubts(&proven, APP), [""; 0]);
}

#[test]
fn encrypted_objects_without_a_key_record_are_a_sign() {
    let put = call(
        "2026-11-02T09:00:00Z",
        "s3",
        "PutObject",
        false,
        true,
        json!({ "additionalEventData": { "SSEApplied": "SSE_KMS" },
                "requestParameters": { "bucketName": "example", "key": "SSEApplied" } }),
    );
    let log = with(std::slice::from_ref(&put));
    assert_eq!(codes(&log), ["not-logged"]);
    assert_eq!(aws(&log, "kms", "management", "write"), "unknown");
    assert!(doubts(&log, APP).contains(&"calls of kms are proven, but none is in the log".to_owned()));
    let key = call("2026-11-02T09:00:00Z", "kms", "GenerateDataKey", true, false, json!({}));
    assert_eq!(codes(&with(&[put.clone(), key])), [""; 0]);
    let mut plain = put;
    plain["additionalEventData"]["SSEApplied"] = json!("Default_SSE_S3");
    assert_eq!(codes(&with(&[plain])), [""; 0]);
}

#[test]
fn aggregated_events_prove_coverage_and_grant_nothing() {
    let sum = json!({ "eventVersion": "1.0", "accountId": "111122223333", "eventId": "e", "eventCategory": "Aggregated",
        "eventType": "AwsAggregatedEvent", "awsRegion": "eu-central-1", "eventSource": "s3.amazonaws.com",
        "timeWindow": { "windowStart": "2026-11-03T10:00:00Z", "windowEnd": "2026-11-03T10:05:00Z", "windowSize": "PT5M" },
        "summary": { "primaryDimension": { "dimension": "resourceARN", "statistics": [{ "name": "arn:aws:s3:::b", "value": 9 }] },
            "details": [{ "dimension": "eventName", "statistics": [{ "name": "PutObject", "value": 8 }, { "name": "GetObject", "value": 1 }] }] } });
    let log = with(std::slice::from_ref(&sum));
    assert_eq!(aws(&log, "s3", "data", "write"), "seen");
    assert_eq!(aws(&log, "s3", "data", "read"), "seen");
    assert_eq!(covered(&log)["aggregated"], 1);
    assert_eq!(covered(&log)["accounts"][0]["gaps"], json!(["2026-11-02", "2026-11-04"]), "its time counts");
    assert_eq!(log.rows, with(&[]).rows);
    assert_eq!(log.tally.total_skipped().values().sum::<u64>(), 1);
    let mut unnamed = sum;
    unnamed["summary"] = json!({ "primaryDimension": 7 });
    assert_eq!(aws(&with(&[unnamed]), "s3", "data", "write"), "unknown", "it does not say of what");
}

#[test]
fn truncated_parameters_are_counted() {
    let omitted =
        json!({ "requestParameters": { "omitted": true, "originalSize": 150_000, "reason": "size" } });
    let long = call("2026-11-02T09:00:00Z", "dynamodb", "CreateTable", false, false, omitted);
    let named = json!({ "requestParameters": { "tableName": "omitted", "note": "\"omitted\":true" } });
    let plain = call("2026-11-02T09:00:00Z", "dynamodb", "DescribeTable", true, false, named);
    let log = with(&[long, plain]);
    assert_eq!(covered(&log)["truncated"], 1);
    assert!(
        report::coverage::lines(&log).join("\n").contains("1 records have parameters too long for the log")
    );
}

#[test]
fn the_event_history_has_no_data_events_whatever_a_trail_selects() {
    let looked_up: Vec<Value> = calls()
        .into_iter()
        .map(|record| json!({ "EventId": record["eventID"], "CloudTrailEvent": record.to_string() }))
        .collect();
    let usage = usage(&[json!({ "Events": looked_up }), trails(json!({})), everything()]);
    assert_eq!(aws(&usage, "s3", "data", "read"), "unknown");
    assert_eq!(aws(&usage, "s3", "management", "read"), "logged");
    assert_eq!(codes(&usage), ["history"]);
}

#[test]
fn records_of_another_category_prove_nothing() {
    let mut record = call("2026-11-02T09:00:00Z", "s3", "ListBuckets", true, false, json!({}));
    record["eventCategory"] = json!("NetworkActivity");
    record["eventType"] = json!("AwsVpceEvent");
    assert_eq!(aws(&with(&[record]), "s3", "management", "read"), "unknown");
    // Old records do not say what they are.
    let mut old = call("2026-11-02T09:00:00Z", "s3", "GetObject", true, true, json!({}));
    for key in ["eventCategory", "managementEvent", "readOnly"] {
        old.as_object_mut().unwrap().remove(key);
    }
    assert_eq!(aws(&with(&[old.clone()]), "s3", "management", "read"), "seen");
    old["resources"] = json!([{ "type": "AWS::S3::Object", "ARN": "arn:aws:s3:::example/k" }]);
    assert_eq!(aws(&with(&[old]), "s3", "data", "read"), "seen");
}

#[test]
fn what_is_outside_the_window_covers_nothing() {
    use leastgrant::aggregate::dedup::Dedup;
    use leastgrant::aggregate::{Rules, Shard, Worker};
    use leastgrant::cloud::CLOUDS;
    use leastgrant::config::{Edge, Filter};
    let filter = Filter { since: Some(Edge::parse("2026-11-04").unwrap()), ..Filter::default() };
    let rules = Rules { filter, ..Rules::default() };
    let mut shard = Shard::new(std::sync::Arc::new(rules), std::sync::Arc::<Dedup>::default(), false);
    let early = call("2026-11-02T09:00:00Z", "s3", "GetObject", true, true, json!({}));
    for record in [calls(), vec![early]].concat() {
        leastgrant::decode::decode(&record.to_string(), &CLOUDS, &mut Worker(&mut shard)).unwrap();
    }
    let usage = shard.finish();
    assert_eq!(aws(&usage, "s3", "management", "write"), "seen");
    assert_eq!(aws(&usage, "s3", "data", "read"), "unknown");
    assert_eq!(covered(&usage)["accounts"][0]["missing"], 0);
}

#[test]
fn days_without_a_record_are_told() {
    let log = with(&[]);
    let account = &covered(&log)["accounts"][0];
    assert_eq!(
        (account["missing"].as_i64(), &account["gaps"]),
        (Some(3), &json!(["2026-11-02..2026-11-04"]))
    );
    assert!(
        report::coverage::lines(&log)[0]
            .contains("no record on 3 days in 111122223333 (2026-11-02..2026-11-04)")
    );
}

/// Every row of the catalog: a selector of its type proves its service, and nothing else.
#[test]
fn every_resource_type_proves_its_service() {
    for row in &catalog::aws().trails.data {
        let selectors = json!({ "TrailARN": TRAIL, "AdvancedEventSelectors": [{ "FieldSelectors": [
            { "Field": "eventCategory", "Equals": ["Data"] }, { "Field": "resources.type", "Equals": [row.kind] }] }] });
        let call = call("2026-11-01T09:00:00Z", &row.service, "ListThings", true, false, json!({}));
        let usage = usage(&[call, trails(json!({})), selectors]);
        let coverage = covered(&usage);
        // An event source may stand for another prefix; then the row is judged by a source of its own name.
        let service = coverage["classes"][0]["service"].as_str().unwrap();
        if service == row.service {
            assert_eq!(aws(&usage, service, "data", "write"), "logged", "{}", row.kind);
        }
        assert_eq!(coverage["classes"][0]["management"]["write"], "unknown", "{}", row.kind);
    }
}

#[test]
fn global_services_are_logged_where_a_trail_includes_them() {
    for row in &catalog::aws().trails.global {
        let call = call("2026-11-01T09:00:00Z", &row.service, "GetThing", true, false, json!({}));
        for (include, state) in [(true, "logged"), (false, "unknown")] {
            let trail = json!({ "IsMultiRegionTrail": false, "IncludeGlobalServiceEvents": include });
            let usage = usage(&[call.clone(), trails(trail), everything()]);
            assert_eq!(aws(&usage, &row.service, "management", "write"), state, "{}", row.service);
        }
    }
}

// ---- Google

const ANA: &str = "user:ana@example.com";
const RUNNER: &str = "serviceAccount:runner@example-data.iam.gserviceaccount.com";

fn entry(project: &str, who: &str, log: &str, permission: &str, kind: &str) -> Value {
    let service = if permission.starts_with("storage") { "storage" } else { "run" };
    json!({ "logName": format!("projects/{project}/logs/cloudaudit.googleapis.com%2F{log}"),
        "timestamp": "2026-11-03T09:00:00Z", "insertId": format!("{who}{log}{permission}{kind}"),
        "resource": { "labels": { "project_id": project } },
        "protoPayload": { "serviceName": format!("{service}.googleapis.com"), "methodName": permission, "status": {},
            "authenticationInfo": { "principalEmail": who.split_once(':').unwrap().1 },
            "authorizationInfo": [{ "permission": permission, "granted": true, "permissionType": kind,
                "resource": format!("projects/{project}/things/t") }] } })
}

fn entries() -> Vec<Value> {
    [ANA, RUNNER]
        .iter()
        .flat_map(|who| {
            [
                entry("example-data", who, "activity", "storage.buckets.create", "ADMIN_WRITE"),
                entry("example-data", who, "data_access", "storage.objects.get", "DATA_READ"),
            ]
        })
        .collect()
}

fn audit(service: &str, kinds: &[(&str, &[&str])]) -> Value {
    let logs: Vec<Value> = kinds
        .iter()
        .map(|(kind, exempt)| {
            if exempt.is_empty() {
                json!({ "logType": kind })
            } else {
                json!({ "exemptedMembers": exempt, "logType": kind })
            }
        })
        .collect();
    json!({ "auditConfigs": [{ "auditLogConfigs": logs, "service": service }], "bindings": [], "etag": "BwX", "version": 1 })
}

fn google(usage: &Usage, plane: &str, access: &str) -> String {
    state(&covered(usage), "example-data", "storage.googleapis.com", plane, access)
}

const READS: [(&str, &[&str]); 3] = [("ADMIN_READ", &[]), ("DATA_READ", &[]), ("DATA_WRITE", &[])];

#[test]
fn data_access_logs_are_unknown_until_an_audit_configuration_proves_them() {
    let log = usage(&entries());
    assert_eq!(google(&log, "management", "write"), "seen");
    assert_eq!(google(&log, "data", "read"), "seen");
    assert_eq!(google(&log, "data", "write"), "unknown");
    assert_eq!(
        doubts(&log, RUNNER),
        [
            "data access logs of storage.googleapis.com (ADMIN_READ, DATA_WRITE) were not seen, and no audit configuration proves that they are logged"
        ]
    );
    for service in ["allServices", "storage.googleapis.com"] {
        let log = usage(&[entries(), vec![audit(service, &READS)]].concat());
        assert_eq!(google(&log, "data", "write"), "logged", "{service}");
        assert_eq!(doubts(&log, RUNNER), [""; 0], "{service}");
        assert_eq!(log.tally.records(), 4);
    }
    let other = usage(&[entries(), vec![audit("run.googleapis.com", &READS)]].concat());
    assert_eq!(google(&other, "data", "write"), "unknown");
    let part = usage(&[entries(), vec![audit("allServices", &[("DATA_WRITE", &[])])]].concat());
    assert_eq!(google(&part, "data", "write"), "logged");
    assert!(doubts(&part, RUNNER)[0].contains("(ADMIN_READ) were not seen, and by the audit configuration"));
}

#[test]
fn exempt_callers_are_not_logged() {
    let kinds: [(&str, &[&str]); 3] =
        [("ADMIN_READ", &[]), ("DATA_READ", &[ANA, "group:team@example.com"]), ("DATA_WRITE", &[])];
    let log = usage(&[entries(), vec![audit("allServices", &kinds)]].concat());
    assert_eq!(
        doubts(&log, ANA),
        ["it is exempt from the data access logs of storage.googleapis.com (DATA_READ)"]
    );
    assert_eq!(doubts(&log, RUNNER), [""; 0]);
    assert_eq!(codes(&log), ["exempt"], "nobody can tell who is in the group");
}

#[test]
fn policies_of_ancestors_add_up() {
    let project = json!({ "id": "example-data", "type": "project", "policy": audit("allServices", &[("ADMIN_READ", &[])]) });
    let folder = json!({ "id": "12", "type": "folder", "policy": audit("storage.googleapis.com", &[("DATA_READ", &[])]) });
    let organization =
        json!({ "id": "34", "type": "organization", "policy": audit("allServices", &[("DATA_WRITE", &[])]) });
    let second = entry("example-other", RUNNER, "activity", "storage.buckets.create", "ADMIN_WRITE");
    let log = usage(&[entries(), vec![second.clone(), json!([project, folder, organization])]].concat());
    assert_eq!(google(&log, "management", "read"), "logged");
    assert_eq!(google(&log, "data", "write"), "logged");
    let other =
        |plane, access| state(&covered(&log), "example-other", "storage.googleapis.com", plane, access);
    assert_eq!(other("data", "write"), "unknown", "the list is about the first project");
    assert!(!codes(&log).contains(&"unnamed".to_owned()), "{:?}", codes(&log));
    // An organization's own records stand beside those of its one project.
    let mut above = second.clone();
    above["logName"] = json!("organizations/34/logs/cloudaudit.googleapis.com%2Factivity");
    above["resource"] = json!({});
    let beside = usage(&[entries(), vec![above, audit("allServices", &READS)]].concat());
    assert_eq!(google(&beside, "data", "write"), "logged");
    assert!(!codes(&beside).contains(&"unnamed".to_owned()));
    assert_eq!(
        state(&covered(&beside), "organizations/34", "storage.googleapis.com", "data", "write"),
        "unknown"
    );
    // Of a policy alone nobody can tell whose it is, once the log is about several projects.
    let alone = usage(&[entries(), vec![second, audit("allServices", &READS)]].concat());
    assert_eq!(google(&alone, "data", "write"), "unknown");
    assert!(codes(&alone).contains(&"unnamed".to_owned()));
}

#[test]
fn google_writes_without_reads_are_a_sign() {
    let only: Vec<Value> =
        entries().into_iter().filter(|e| e["logName"].to_string().contains("activity")).collect();
    let log = usage(&only);
    assert_eq!(codes(&log), ["no-reads"]);
    assert!(doubts(&log, RUNNER).contains(&"not one read is logged in example-data".to_owned()));
}

#[test]
fn bigquery_is_always_logged() {
    let mut entry = entry("example-data", RUNNER, "data_access", "bigquery.jobs.create", "DATA_WRITE");
    entry["protoPayload"]["serviceName"] = json!("bigquery.googleapis.com");
    let log = usage(&[entry]);
    assert_eq!(state(&covered(&log), "example-data", "bigquery.googleapis.com", "data", "read"), "logged");
    assert!(!doubts(&log, RUNNER).iter().any(|doubt| doubt.contains("data access logs")));
}

#[test]
fn policies_in_yaml_are_read_too() {
    let yaml = "auditConfigs:\n- auditLogConfigs:\n  - logType: DATA_WRITE\n  service: allServices\nbindings: []\netag: BwX=\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), yaml).unwrap();
    let log: String = entries().iter().map(|entry| format!("{entry}\n")).collect();
    std::fs::write(folder.path().join("log.json"), log).unwrap();
    let usage = crate::support::read(&[folder.path().display().to_string()], 2);
    assert_eq!(usage.tally.unreadable, []);
    assert_eq!(google(&usage, "data", "write"), "logged");
}

#[test]
fn what_only_looks_like_a_description_is_no_input() {
    let out = tempfile::tempdir().unwrap();
    let log: String = calls().iter().map(|record| format!("{record}\n")).collect();
    let (good, odd) = (out.path().join("log.json"), out.path().join("odd.json"));
    std::fs::write(&good, log).unwrap();
    for text in [
        r#"{"bindings":[{"role":"r"}]}"#,
        r#"{"policy":{"Version":"2012-10-17"}}"#,
        r#"{"TrailARN":7}"#,
        "bindings: 7\n",
        "bindings: [\n",
    ] {
        std::fs::write(&odd, text).unwrap();
        let usage = crate::support::read(&[good.display().to_string(), odd.display().to_string()], 1);
        assert_eq!(usage.tally.unreadable.len(), 1, "{text}: {:?}", usage.tally.unreadable);
        assert_eq!(usage.observed.declared.len(), 0, "{text}");
        assert_eq!(usage.tally.total_used(), 4, "{text}");
    }
}

// ---- the program

#[test]
fn descriptions_beside_the_logs_take_the_doubt_away() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, value: &Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{value:#}\n")).unwrap();
        path.display().to_string()
    };
    let trails = write("trails.json", &trails(json!({})));
    let mut all = everything();
    all["EventSelectors"][0]["DataResources"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "Type": "AWS::DynamoDB::Table", "Values": ["arn:aws:dynamodb"] }));
    all["AdvancedEventSelectors"] = json!(["AWS::SQS::Queue", "AWS::SNS::Topic"].map(|kind| json!({ "FieldSelectors": [
        { "Field": "eventCategory", "Equals": ["Data"] }, { "Field": "resources.type", "Equals": [kind] }] })));
    let selectors = write("selectors.json", &all);
    let out = folder.path().join("out").display().to_string();
    let logs = fixture("aws/sam-deploy/logs");
    let status = |inputs: &[&str]| {
        let args = [&["generate"], inputs, &["--out", &out]].concat();
        let got = run(&args);
        assert_eq!(code(&got), 0, "{}", stderr(&got));
        let manifest: Value =
            serde_json::from_str(&std::fs::read_to_string(folder.path().join("out/manifest.json")).unwrap())
                .unwrap();
        assert_eq!(manifest["tally"]["records"], 152);
        assert_eq!(manifest["tally"]["unreadable"], json!([]));
        let principals = manifest["principals"].as_array().unwrap();
        let role =
            principals.iter().find(|p| p["principal"].to_string().contains("github-sam-deploy")).unwrap();
        (role["status"].as_str().unwrap().to_owned(), stderr(&got))
    };
    let (without, screen) = status(&[&logs]);
    // Data events of other services are in the log: somebody turned them on. What is not proven is told all the same.
    assert_eq!(without, "ready");
    assert!(screen.contains("Coverage: 2026-11-03 to 2026-11-04"), "{screen}");
    assert!(
        screen.contains("not proven to be logged, so not seen is not unused: data events of"),
        "{screen}"
    );
    let (with, screen) = status(&[&logs, &trails, &selectors]);
    assert_eq!(with, "ready");
    assert!(!screen.contains("not proven to be logged"), "{screen}");
    // Descriptions alone are no log.
    let alone = run(&["generate", &trails, "--out", &out]);
    assert_eq!(code(&alone), 1);
    assert!(stderr(&alone).contains("no readable record"), "{}", stderr(&alone));
    // A description that is cut is told, not taken.
    let cut = folder.path().join("cut.json");
    std::fs::write(&cut, all.to_string().chars().take(60).collect::<String>()).unwrap();
    let got = run(&["generate", &logs, &cut.display().to_string(), "--out", &out]);
    assert_eq!(code(&got), 3, "{}", stderr(&got));
}
