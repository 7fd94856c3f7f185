//! Every record under `fixtures/events` yields exactly the uses it states, and every row of the hand-written files has
//! one that fails without it.
//!
//! A fixture is `{about, record, uses}`, or `{about, records, uses}` where others tell of the last one: the uses are all there are, each with the keys it cares about, as `uses` prints
//! them (`action`, `level`, `resource` or `pattern`, and where they matter `outcome`, `basis`, `context`, `exempt`), and
//! `checked_as` for a second form of the ARN. `skipped` stands in place of `uses`; `principal` says what becomes of who
//! acted. Rows that differ in one word only stand in `*.tsv`; in `passed.tsv`, what other records tell, a call, its
//! request and the roles it passes to which services, all of them.

use crate::support::{fixture, read_text};
use leastgrant::catalog;
use leastgrant::catalog::aws::{Aws, Texts};
use leastgrant::cloud;
use leastgrant::model::identity::Vouched;
use leastgrant::model::pattern::Pattern;
use rayon::prelude::*;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// All fixtures with their path below `fixtures/events`.
fn fixtures() -> Vec<(String, Value)> {
    let root = fixture("events");
    let mut all = Vec::new();
    for entry in walkdir::WalkDir::new(&root).into_iter().map(|entry| entry.unwrap()) {
        if !entry.file_type().is_file() {
            continue;
        }
        let path = entry.path().strip_prefix(&root).unwrap().display().to_string();
        let text = std::fs::read_to_string(entry.path()).unwrap();
        match path.strip_suffix(".tsv") {
            Some(kind) => all.extend(rows(kind, &text)),
            None => {
                let case = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
                all.push((path, case));
            }
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// A call of `role`, with fields of one's own.
fn call(role: &str, fields: &Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.11", "eventTime": "2026-11-03T09:05:00Z", "awsRegion": "eu-central-1",
        "eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances",
        "userIdentity": { "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/run-1",
            "accountId": "111122223333",
            "sessionContext": { "sessionIssuer": { "type": "Role", "arn": role } } },
        "eventID": "00000000-0000-4000-8000-000000000001", "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
    });
    for (key, value) in fields.as_object().unwrap() {
        record[key] = value.clone();
    }
    record
}

const APP: &str = "arn:aws:iam::111122223333:role/app";

/// The cases of one table; its first line names the columns.
fn rows(kind: &str, text: &str) -> Vec<(String, Value)> {
    let lines = text.lines().skip(1).filter(|line| !line.is_empty());
    let case = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        match (kind, columns.as_slice()) {
            ("aws/outcomes", [code, event, outcome]) => {
                let (source, name) = event.split_once(':').unwrap();
                let record = call(
                    APP,
                    &json!({ "eventSource": format!("{source}.amazonaws.com"), "eventName": name, "errorCode": code }),
                );
                json!({ "record": record, "uses": [{ "outcome": outcome }] })
            }
            ("aws/messages", [code, event, message, outcome]) => {
                let (source, name) = event.split_once(':').unwrap();
                let record = call(
                    APP,
                    &json!({ "eventSource": format!("{source}.amazonaws.com"), "eventName": name,
                             "errorCode": code, "errorMessage": message }),
                );
                json!({ "record": record, "uses": [{ "outcome": outcome }] })
            }
            ("aws/platform-roles", [arn, becomes]) => {
                json!({ "record": call(arn, &json!({})), "principal": { "becomes": becomes },
                        "uses": [{ "exempt": if *becomes == "infrastructure" { json!(becomes) } else { Value::Null } }] })
            }
            ("aws/ci-providers", [provider, ci]) => {
                let identity = json!({ "type": "AssumedRole", "accountId": "111122223333",
                    "arn": "arn:aws:sts::111122223333:assumed-role/app/run-1",
                    "sessionContext": { "sessionIssuer": { "type": "Role", "arn": APP },
                        "webIdFederationData": { "federatedProvider": provider } } });
                json!({ "record": call(APP, &json!({ "userIdentity": identity })), "uses": [{}],
                        "principal": { "ci": *ci == "ci" } })
            }
            ("aws/passed", [told, event, request, passes]) => {
                let parse = |text: &str| -> Value {
                    serde_json::from_str(text).unwrap_or_else(|e| panic!("{line}: {e}"))
                };
                let mut calls: Vec<Value> = parse(told).as_array().unwrap().clone();
                calls.push(json!([event, parse(request), null]));
                let record = |(at, told): (usize, &Value)| {
                    let (source, name) = told[0].as_str().unwrap().split_once(':').unwrap();
                    let mut record = call(
                        APP,
                        &json!({ "eventSource": format!("{source}.amazonaws.com"), "eventName": name, "eventID": at.to_string(),
                                 "requestParameters": told[1], "responseElements": told[2] }),
                    );
                    if let Some(who) = told.get(3) {
                        record["userIdentity"] = who.clone();
                    }
                    record
                };
                json!({ "records": calls.iter().enumerate().map(record).collect::<Vec<_>>(), "passes": passes })
            }
            _ => panic!("{kind}: no such row: {line}"),
        }
    };
    lines.map(|line| (format!("{kind}.tsv: {line}"), case(line))).collect()
}

/// The uses of a case's record, or of the last of several that tell of each other, as `uses` prints them, and what
/// becomes of its principal.
fn uses_of(case: &Value) -> (Vec<Value>, Value) {
    let alone = json!([case["record"]]);
    let records = case.get("records").unwrap_or(&alone).as_array().unwrap();
    let text: Vec<String> = records.iter().map(Value::to_string).collect();
    let mut usage = read_text(&text.join("\n"));
    if records.len() > 1 {
        leastgrant::resolve::resolve(&mut usage);
        let last = records.last().unwrap()["eventID"].as_str().unwrap();
        usage.lines.retain(|line| serde_json::from_str::<Value>(&line.text()).unwrap()["event"] == last);
    }
    let line = |text: String| {
        let mut line: Value = serde_json::from_str(&text).unwrap();
        let cloud = line["cloud"].as_str().and_then(cloud::by_id);
        if let (Some(cloud), Some(action), Some(on)) =
            (cloud, line["action"].as_str(), line["resource"].as_str())
        {
            let also = cloud.qualify(action, &Pattern::parse(&leastgrant::model::pattern::escape(on)));
            line["checked_as"] = also.map_or(Value::Null, |(also, _)| json!(also.to_string()));
        }
        line
    };
    let lines = usage.lines.iter().map(|l| line(l.text())).collect();
    let who = usage.principals.first().map_or(Value::Null, |who| {
        let becomes = cloud::by_id(who.cloud).unwrap().dispose(&who.id, who.kind);
        json!({ "becomes": becomes.as_str(), "ci": who.vouched.has(Vouched::CI) })
    });
    (lines, who)
}

/// Whether all that the fixture states is so.
fn agrees(stated: &Value, got: &Value) -> bool {
    let keys = stated.as_object().unwrap().iter();
    keys.into_iter().all(|(key, value)| got.get(key).unwrap_or(&Value::Null) == value)
}

/// The roles that the last of some records passes, each with the services it goes to.
fn passes(records: &Value) -> String {
    let mut usage = read_text(&json!({ "Records": records }).to_string());
    leastgrant::resolve::resolve(&mut usage);
    let last = (records.as_array().unwrap().len() - 1).to_string();
    let one = |line: String| {
        let line: Value = serde_json::from_str(&line).unwrap();
        (line["event"] == *last && line["action"] == "iam:PassRole").then(|| {
            let role = line["resource"].as_str().or(line["pattern"].as_str()).unwrap();
            let to = match &line["context"]["iam:PassedToService"] {
                Value::Array(several) => several.iter().map(|to| to.as_str().unwrap()).collect(),
                one => BTreeSet::from([one.as_str().unwrap()]),
            };
            let to = Vec::from_iter(to).join(", ");
            format!("{} → {to}", role.trim_start_matches("arn:aws:iam::111122223333:role/"))
        })
    };
    let all: BTreeSet<String> = usage.lines.iter().filter_map(|line| one(line.text())).collect();
    if all.is_empty() { "-".to_owned() } else { Vec::from_iter(all).join("; ") }
}

/// What is wrong with a case, if anything.
fn fault(case: &Value) -> Option<String> {
    if let Some(want) = case.get("passes") {
        let got = passes(&case["records"]);
        return (got != *want).then(|| format!("passes {got}, wanted {want}"));
    }
    let (got, who) = uses_of(case);
    if let Some(skipped) = case.get("skipped") {
        let same = got.first().and_then(|line| line.get("skipped")) == Some(skipped);
        return (!same).then(|| format!("wanted skipped {skipped}, got {got:?}"));
    }
    let want = case["uses"].as_array().unwrap();
    let missing: Vec<_> = want.iter().filter(|w| !got.iter().any(|g| agrees(w, g))).collect();
    let extra: Vec<_> =
        got.iter().filter(|g| !want.iter().any(|w| agrees(w, g))).map(Value::to_string).collect();
    let other = case.get("principal").filter(|stated| !agrees(stated, &who));
    let right = missing.is_empty() && extra.is_empty() && other.is_none();
    (!right).then(|| format!("\n    missing {missing:?}\n    extra   {extra:?}\n    principal {who}"))
}

#[test]
fn fixtures_yield_what_they_state() {
    let all = fixtures();
    let wrong: Vec<String> =
        all.iter().filter_map(|(path, case)| Some(format!("{path}: {}", fault(case)?))).collect();
    assert!(wrong.is_empty(), "{} fixtures differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Files whose rows say what events, requests, answers and callers mean. The others say how documents are made.
const MAPPING: [&str; 11] = [
    "alternative.toml",
    "context.toml",
    "ec2-ids.toml",
    "fill.toml",
    "infer.toml",
    "infrastructure.toml",
    "outcome.toml",
    "passrole.toml",
    "qualifier.toml",
    "source.toml",
    "types.toml",
];

/// One file without one row, or without one word of a row that lists many.
struct Mutant {
    file: String,
    what: String,
    text: String,
}

fn mutants() -> Vec<Mutant> {
    let mut all = Vec::new();
    for (file, text) in Aws::hand_written() {
        if !file.starts_with("event/") && !MAPPING.contains(&file.as_str()) {
            continue;
        }
        let table: toml::Table = toml::from_str(text).unwrap();
        for (key, rows) in &table {
            for (at, row) in rows.as_array().unwrap().iter().enumerate() {
                let mut add = |what: String, change: &dyn Fn(&mut Vec<toml::Value>)| {
                    let mut less = table.clone();
                    change(less.get_mut(key).unwrap().as_array_mut().unwrap());
                    all.push(Mutant { file: file.clone(), what, text: toml::to_string(&less).unwrap() });
                };
                let codes = row.get("codes").filter(|_| file == "outcome.toml").and_then(|c| c.as_array());
                for (nth, code) in codes.into_iter().flatten().enumerate() {
                    add(code.to_string(), &|rows| {
                        rows[at]["codes"].as_array_mut().unwrap().remove(nth);
                    });
                }
                let actions =
                    row.get("actions").filter(|_| file == "passrole.toml").and_then(|a| a.as_array());
                for (nth, action) in actions.filter(|all| all.len() > 1).into_iter().flatten().enumerate() {
                    add(format!("{action} of {row}"), &|rows| {
                        rows[at]["actions"].as_array_mut().unwrap().remove(nth);
                    });
                }
                let uses = row.get("uses").and_then(|uses| uses.as_array()).into_iter().flatten();
                for (nth, used) in uses.enumerate().filter(|(_, used)| used.get("when").is_some()) {
                    add(used.to_string(), &|rows| {
                        rows[at]["uses"].as_array_mut().unwrap().remove(nth);
                    });
                }
                if codes.is_none() {
                    add(row.to_string(), &|rows| {
                        rows.remove(at);
                    });
                }
            }
        }
    }
    all
}

/// Words of a text that can tell what it is about.
fn words(text: &str) -> BTreeSet<String> {
    let all = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() > 2);
    all.map(str::to_ascii_lowercase).collect()
}

/// Whether some fixture fails with the changed file; those that share words with the row are tried first. The catalog
/// made for it is leaked: it must outlive the run.
fn is_needed(mutant: &Mutant, texts: &Texts, cases: &[(BTreeSet<String>, Value)]) -> bool {
    let mut texts = texts.clone();
    texts.insert(mutant.file.clone(), Cow::Owned(mutant.text.clone()));
    let less: &'static Aws = Box::leak(Box::new(Aws::of(&texts)));
    let about = words(&format!("{} {}", mutant.file, mutant.what));
    let mut likely: Vec<_> = cases.iter().collect();
    likely.sort_by_cached_key(|(words, _)| std::cmp::Reverse(words.intersection(&about).count()));
    likely.into_iter().any(|(_, case)| catalog::with_aws(less, || fault(case).is_some()))
}

#[test]
fn every_hand_written_row_has_a_fixture_that_fails_without_it() {
    // What fails anyway proves nothing; the test above names it.
    let sound = |(path, case): &(String, Value)| path.starts_with("aws") && fault(case).is_none();
    let cases = fixtures().into_iter().filter(sound);
    let cases: Vec<_> = cases.map(|(path, case)| (words(&format!("{path} {case}")), case)).collect();
    let texts: Texts =
        Aws::hand_written().into_iter().map(|(file, text)| (file, Cow::Borrowed(text))).collect();
    let all = mutants();
    assert!(all.len() > 700, "{}", all.len());
    let idle: BTreeSet<String> = all
        .par_iter()
        .filter(|mutant| !is_needed(mutant, &texts, &cases))
        .map(|mutant| format!("{}: {}", mutant.file, mutant.what))
        .collect();
    assert!(idle.is_empty(), "{} rows without a fixture:\n{:#?}", idle.len(), idle);
}

#[test]
fn every_event_source_row_has_a_fixture() {
    let fixtures = fixtures();
    let source = |case: &Value| case["record"]["eventSource"].as_str().unwrap_or("").to_ascii_lowercase();
    let (_, text) = Aws::hand_written().into_iter().find(|(name, _)| name == "source.toml").unwrap();
    for row in toml::from_str::<leastgrant::catalog::overlay::SourceFile>(text).unwrap().source {
        for prefix in &row.prefixes {
            let hit = fixtures.iter().any(|(_, case)| {
                let uses = case["uses"].as_array().into_iter().flatten();
                let of_prefix =
                    |u: &Value| u["action"].as_str().unwrap_or("").starts_with(&format!("{prefix}:"));
                source(case) == format!("{}.amazonaws.com", row.host.to_ascii_lowercase())
                    && uses.into_iter().any(of_prefix)
            });
            assert!(hit, "no fixture shows that `{}` carries `{prefix}`", row.host);
        }
    }
}
