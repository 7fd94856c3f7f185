//! What speaks against a wider grant: refused and withheld names, and names of others, whatever is filtered out.

use crate::support::{applied, code, run, stderr};
use serde_json::{Value, json};

/// One call on an object: role, key of the bucket, access key, region, day of November.
#[derive(Clone, Copy)]
struct Call<'a> {
    role: &'a str,
    action: &'a str,
    key: &'a str,
    signed: &'a str,
    region: &'a str,
    day: u32,
    denied: bool,
}

const GET: Call<'static> = Call {
    role: "app",
    action: "GetObject",
    key: "",
    signed: "ASIAEXAMPLE",
    region: "eu-central-1",
    day: 20,
    denied: false,
};

fn record(at: usize, call: &Call<'_>) -> Value {
    let role = call.role;
    json!({
        "eventVersion": "1.11", "eventTime": format!("2026-11-{:02}T09:00:00Z", call.day), "awsRegion": call.region,
        "eventSource": "s3.amazonaws.com", "eventName": call.action, "eventID": format!("event-{at}"),
        "requestParameters": { "bucketName": "example-bucket", "key": call.key },
        "errorCode": call.denied.then_some("AccessDenied"), "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        "userIdentity": { "type": "AssumedRole", "accountId": "111122223333", "accessKeyId": call.signed,
            "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/s"),
            "sessionContext": { "sessionIssuer": { "arn": format!("arn:aws:iam::111122223333:role/{role}") } } },
    })
}

/// The resources that the policies of `app` name, and what the run said.
fn resources(calls: &[Call<'_>], intent: &str, more: &[&str]) -> (Vec<String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (logs, out, file) = (path("log.json"), path("out"), path("intent.toml"));
    let records: Vec<Value> = calls.iter().enumerate().map(|(at, call)| record(at, call)).collect();
    std::fs::write(&logs, json!({ "Records": records }).to_string()).unwrap();
    std::fs::write(&file, intent).unwrap();
    let first = ["generate", &logs, "--out", &out, "--target", "aws-policy", "--accept-review"];
    let args = [&first[..], &["--intent", &file], more].concat();
    let got = run(&args);
    assert_eq!(code(&got), 0, "{}", stderr(&got));
    let mut all = Vec::new();
    for (_, text) in applied(&folder.path().join("out"), "app") {
        let policy: Value = serde_json::from_str(&text).unwrap();
        for statement in policy["Statement"].as_array().unwrap() {
            let resource = &statement["Resource"];
            let many = resource.as_array().cloned().unwrap_or_else(|| vec![resource.clone()]);
            all.extend(many.iter().map(|one| one.as_str().unwrap().replace("arn:aws:s3:::", "")));
        }
    }
    all.sort();
    (all, stderr(&got))
}

fn keys(count: usize, name: impl Fn(usize) -> String) -> Vec<String> {
    (0..count).map(name).collect()
}

fn on<'a>(keys: &'a [String], call: Call<'a>) -> impl Iterator<Item = Call<'a>> {
    keys.iter().map(move |key| Call { key, ..call })
}

#[test]
fn denied_names_widen_nothing() {
    let (few, many) = (keys(3, |n| format!("k{n}")), keys(1_100, |n| format!("p{n}/x")));
    let delete = Call { action: "DeleteObject", ..GET };
    let denied = Call { denied: true, ..delete };
    let calls: Vec<Call<'_>> = on(&few, delete).chain(on(&many, denied)).collect();
    let wanted = ["example-bucket/k0", "example-bucket/k1", "example-bucket/k2"];
    assert_eq!(resources(&calls, "", &[]).0, wanted);
    let turned: Vec<Call<'_>> = on(&many, denied).chain(on(&few, delete)).collect();
    assert_eq!(resources(&turned, "", &[]).0, wanted);
}

#[test]
fn withheld_names_widen_nothing_and_stop_what_would_reach_them() {
    let intent = "[[exclude]]\naccess_key = \"ASIASTOLEN\"\nowner = \"sec\"\nreason = \"leaked\"\n";
    let stolen = Call { signed: "ASIASTOLEN", ..GET };
    let many = keys(1_500, |n| format!("data/{n}.json"));
    // Twenty-five keys would be their prefix, were nothing withheld there.
    for honest in [5, 25] {
        let mine = keys(honest, |n| format!("data/own-{n}.json"));
        let calls: Vec<Call<'_>> = on(&mine, GET).chain(on(&many, stolen)).collect();
        let (got, _) = resources(&calls, intent, &[]);
        assert_eq!(got.len(), honest, "{got:?}");
        assert!(!got.iter().any(|resource| resource.contains('*')), "{got:?}");
    }
    // Too many prefixes to tell are still not the honest ones'.
    let spread = keys(1_500, |n| format!("p{n}/x"));
    let mine = keys(25, |n| format!("data/own-{n}.json"));
    let calls: Vec<Call<'_>> = on(&mine, GET).chain(on(&spread, stolen)).collect();
    assert!(!resources(&calls, intent, &[]).0.iter().any(|resource| resource.contains('*')));
}

#[test]
fn withheld_names_within_joined_ones_are_told() {
    let intent = "[[exclude]]\naccess_key = \"ASIASTOLEN\"\nowner = \"sec\"\nreason = \"leaked\"\n";
    let mine = keys(1_100, |n| format!("data/{n}.json"));
    let theirs = keys(1, |_| "data/stolen".to_owned());
    let stolen = Call { signed: "ASIASTOLEN", ..GET };
    let calls: Vec<Call<'_>> = on(&mine, GET).chain(on(&theirs, stolen)).collect();
    let (got, said) = resources(&calls, intent, &[]);
    assert_eq!(got, ["example-bucket/data/*"]);
    assert!(said.contains("withheld, yet allowed") && said.contains("data/stolen"), "{said}");
}

#[test]
fn a_name_without_a_slash_does_not_open_the_bucket() {
    let (many, one) = (keys(1_001, |n| format!("logs/{n}")), keys(1, |_| "index.html".to_owned()));
    let calls: Vec<Call<'_>> = on(&many, GET).chain(on(&one, GET)).collect();
    assert_eq!(resources(&calls, "", &[]).0, ["example-bucket/index.html", "example-bucket/logs/*"]);
}

#[test]
fn a_machine_made_name_without_a_slash_does_not_open_the_bucket() {
    let one = keys(1, |_| "3f6c1a90-b8a1-11f1-9d2e-0a1b2c3d4e5f.json".to_owned());
    let calls: Vec<Call<'_>> = on(&one, Call { action: "DeleteObject", ..GET }).collect();
    assert_eq!(resources(&calls, "", &[]).0, ["example-bucket/*.json"]);
}

/// What `app` may do where, after those calls.
fn granted(calls: &[(&str, &str, Value)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let records: Vec<Value> = calls
        .iter()
        .enumerate()
        .map(|(at, (source, event, request))| {
            let mut record = record(at, &GET);
            record["eventSource"] = json!(format!("{source}.amazonaws.com"));
            record["eventName"] = json!(event);
            record["requestParameters"] = request.clone();
            record
        })
        .collect();
    std::fs::write(path("log.json"), json!({ "Records": records }).to_string()).unwrap();
    let out = path("out");
    let got =
        run(&["generate", &path("log.json"), "--out", &out, "--target", "aws-policy", "--accept-review"]);
    assert_eq!(code(&got), 0, "{}", stderr(&got));
    let policies = applied(&folder.path().join("out"), "app");
    let policies = policies.iter().map(|(_, text)| serde_json::from_str::<Value>(text).unwrap());
    let many = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let statements = policies.flat_map(|policy| many(&policy["Statement"]));
    let mut all: Vec<String> = statements
        .flat_map(|one| {
            let on = many(&one["Resource"]);
            many(&one["Action"]).into_iter().flat_map(move |action| {
                let action = action.as_str().unwrap().to_owned();
                on.clone().into_iter().map(move |on| format!("{action} {}", on.as_str().unwrap()))
            })
        })
        .collect();
    all.sort();
    all
}

#[test]
fn buckets_named_by_machines_alone_stay_as_they_are() {
    let get = |bucket: &str| ("s3", "GetObject", json!({ "bucketName": bucket, "key": "a/b.txt" }));
    let (one, two) = ("3f6c1a90-b8a1-11f1-9d2e-0a1b2c3d4e5f", "4f6c1a90-b8a1-11f1-9d2e-0a1b2c3d4e5f");
    let wanted = [one, two].map(|bucket| format!("s3:GetObject arn:aws:s3:::{bucket}/a/b.txt"));
    assert_eq!(granted(&[get(one), get(two)]), wanted);
}

#[test]
fn words_and_years_are_no_suffix_and_roles_need_a_stack() {
    let table = |name: &str| ("dynamodb", "DeleteTable", json!({ "tableName": name }));
    let on =
        |name: &str| format!("dynamodb:DeleteTable arn:aws:dynamodb:eu-central-1:111122223333:table/{name}");
    assert_eq!(granted(&[table("prod-S3EC2RDS2024")]), [on("prod-S3EC2RDS2024")]);
    assert_eq!(granted(&[table("orders-Table-1A2B3C4D5E6F")]), [on("orders-Table-*")]);
    let role = |name: &str| ("iam", "DeleteRole", json!({ "roleName": name }));
    let on = |name: &str| format!("iam:DeleteRole arn:aws:iam::111122223333:role/{name}");
    assert_eq!(granted(&[role("svc-DB2ORACLE19C")]), [on("svc-DB2ORACLE19C")]);
    assert_eq!(granted(&[role("orders-Role-1A2B3C4D5E6F")]), [on("orders-Role-1A2B3C4D5E6F")]);
    let stack = ("cloudformation", "DescribeStacks", json!({ "stackName": "orders" }));
    let both = granted(&[stack, role("orders-Role-1A2B3C4D5E6F")]);
    assert!(both.contains(&on("orders-Role-*")), "{both:?}");
}

#[test]
fn filters_do_not_hide_neighbours() {
    let (mine, theirs) = (keys(25, |n| format!("k{n}")), keys(1, |_| "theirs/x".to_owned()));
    let many = keys(1_100, |n| format!("theirs/{n}"));
    let open = |neighbour: Call<'_>, names: &[String], filter: &[&str]| {
        let calls: Vec<Call<'_>> = on(&mine, GET).chain(on(names, neighbour)).collect();
        resources(&calls, "", filter).0.contains(&"example-bucket/*".to_owned())
    };
    let other = Call { role: "other", region: "us-east-1", day: 1, ..GET };
    let filters: [&[&str]; 4] =
        [&[], &["--principal", "*role/app"], &["--region", "eu-central-1"], &["--since", "2026-11-10"]];
    for filter in filters {
        assert!(!open(other, &theirs, filter), "{filter:?}");
        assert!(!open(Call { denied: true, ..other }, &theirs, filter), "denied, {filter:?}");
        // What one used oneself, elsewhere or before, speaks against nothing.
        assert!(open(Call { role: "app", ..other }, &theirs, filter), "one's own, {filter:?}");
    }
    for filter in filters.iter().skip(1) {
        assert!(!open(other, &many, filter), "names that were joined, {filter:?}");
    }
}
