//! Refusals: every form of answer under `fixtures/denials`, the command, the marked file, and real logs.

use crate::support::{ask, code, corpus, fixture, lines, read_text, run, stderr, tree};
use leastgrant::catalog;
use leastgrant::cloud::{self, CLOUDS};
use leastgrant::report::denials;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;

/// Fixtures by path below `fixtures/denials`.
fn fixtures() -> Vec<(String, Value)> {
    tree(std::path::Path::new(&fixture("denials")))
        .into_iter()
        .map(|(path, text)| {
            let value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
            (path, value)
        })
        .collect()
}

/// What a fixture comes to.
fn denied(case: &Value) -> Vec<Value> {
    let all = match case.get("message").and_then(Value::as_str) {
        Some(text) => {
            denials::join(&CLOUDS.iter().find_map(|c| c.pasted(text)).into_iter().collect::<Vec<_>>())
        }
        None => denials::of_log(&read_text(&case["record"].to_string())),
    };
    all.iter().map(denials::Refusal::value).collect()
}

#[test]
fn every_form_of_answer_is_understood() {
    let mut wrong = Vec::new();
    for (path, case) in fixtures() {
        let (got, want) = (denied(&case), case["denied"].as_array().unwrap().clone());
        if got.len() != want.len() {
            wrong.push(format!("{path}: wanted {} lines, got {got:#?}", want.len()));
            continue;
        }
        for (got, want) in got.iter().zip(&want) {
            for (field, value) in want.as_object().unwrap() {
                if got.get(field) != Some(value) {
                    wrong.push(format!("{path}: {field}: wanted {value}, got {}", got[field]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_phrase_and_noun_has_a_fixture() {
    let fixtures = fixtures();
    let by = |cloud: &str| -> BTreeSet<String> {
        let of = fixtures.iter().filter(|(path, _)| path.starts_with(cloud));
        of.flat_map(|(_, case)| denied(case)).map(|line| line["by"].as_str().unwrap().to_owned()).collect()
    };
    let text = |cloud: &str| -> String {
        let of = fixtures.iter().filter(|(path, _)| path.starts_with(cloud));
        of.map(|(_, case)| case.to_string()).collect::<String>().to_lowercase()
    };
    for (cloud, file) in [("aws", &*catalog::aws().denials), ("gcp", &catalog::gcp().denials)] {
        let (by, text) = (by(cloud), text(cloud));
        for kind in &file.kind {
            assert!(by.contains(&kind.id), "{cloud}: no fixture is refused by `{}`", kind.id);
        }
        for phrase in &file.phrase {
            assert!(text.contains(&phrase.text.to_lowercase()), "{cloud}: no fixture says `{}`", phrase.text);
        }
        for noun in &file.noun {
            assert!(
                text.contains(&format!("resource: {} ", noun.words)),
                "{cloud}: no fixture for `{}`",
                noun.words
            );
        }
        for row in &file.wording {
            let said = |case: &Value| {
                let text = case.get("message").or(case.pointer("/record/protoPayload/status/message"))?;
                Some(file.worded(text.as_str()?)?.0.says == row.says)
            };
            assert!(
                fixtures.iter().any(|(_, case)| said(case) == Some(true)),
                "{cloud}: no fixture has the wording `{}`",
                row.says
            );
        }
        for also in &file.also {
            let hit = fixtures.iter().flat_map(|(_, case)| denied(case)).any(|line| {
                line["advice"].as_array().unwrap().iter().any(|text| text == also.advice.as_str())
            });
            assert!(hit, "{cloud}: no fixture shows `{}`", also.advice);
        }
    }
}

/// Whether the line's statement allows what the line says was refused.
fn mended(line: &Value) -> bool {
    let policy = json!({ "Version": "2012-10-17", "Statement": [line["mend"]] }).to_string();
    let policy = cloud::by_id("aws").unwrap().evaluator(&[policy]).unwrap();
    let mut context = Vec::new();
    for keys in line["mend"]["Condition"].as_object().into_iter().flat_map(|operators| operators.values()) {
        for (key, value) in keys.as_object().unwrap() {
            context.push((key.clone(), value.as_str().unwrap_or("").to_owned()));
        }
    }
    let on = line["resource"].as_str().or(line["pattern"].as_str());
    let row = ask("", line["action"].as_str().unwrap(), on, &context);
    let mut other = row.clone();
    other.target = leastgrant::model::usage::Target::named("arn:aws:none:::x".to_owned());
    policy.allows(&row) && (on.is_none() || !policy.allows(&other))
}

#[test]
fn statements_mend_what_was_refused_and_no_more() {
    let mut seen = 0;
    for (path, case) in fixtures().iter().filter(|(path, _)| path.starts_with("aws")) {
        for line in denied(case).iter().filter(|line| line["mend"].is_object()) {
            assert!(mended(line), "{path}: {line}");
            seen += 1;
        }
    }
    assert!(seen > 8, "{seen}");
}

#[test]
fn the_command_reads_logs_and_messages() {
    let got = run(&["denied", &fixture("aws/organization/logs"), &fixture("gcp/data-team/logs")]);
    assert_eq!(code(&got), 0, "{}", stderr(&got));
    let all = lines(&got);
    assert!(all.iter().any(|line| line["by"] == "scp") && all.iter().any(|line| line["cloud"] == "gcp"));
    for field in [
        "principal",
        "action",
        "resource",
        "by",
        "explicit",
        "policy",
        "count",
        "first",
        "last",
        "event",
        "mend",
        "advice",
    ] {
        assert!(all.iter().all(|line| line.get(field).is_some()), "{field}");
    }
    let text = run(&["denied", &fixture("aws/organization/logs"), "--format", "table"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("refused by scp") && text.contains("no identity policy can mend it"), "{text}");
    let one = run(&["denied", &fixture("aws/organization/logs"), "--principal", "*user/ops/bob"]);
    assert!(lines(&one).iter().all(|line| line["principal"].as_str().unwrap().ends_with("user/ops/bob")));
    assert!(!lines(&one).is_empty() && lines(&one).len() < all.len());
    let none = run(&["denied", &fixture("aws/organization/logs"), "--until", "2020-01-01"]);
    assert_eq!((code(&none), none.stdout.len()), (0, 0), "{}", stderr(&none));
    for (text, exit) in [("nonsense", 1), ("Access Denied", 1), ("", 1)] {
        let got = run(&["denied", "--message", text]);
        assert_eq!((code(&got), got.stdout.len()), (exit, 0));
        assert!(stderr(&got).contains("--message: names no action"), "{}", stderr(&got));
    }
    let said = "User: arn:aws:iam::111122223333:user/ana is not authorized\n  to perform: s3:GetObject on resource: \"arn:aws:s3:::b/k\" with an explicit deny in a session policy";
    for text in [
        said.to_owned(),
        json!({ "__type": "x", "Message": said }).to_string(),
        json!({ "error": { "code": 403, "message": said } }).to_string(),
    ] {
        let line = lines(&run(&["denied", "--message", &text])).remove(0);
        assert_eq!(
            (&line["by"], &line["resource"]),
            (&json!("session"), &json!("arn:aws:s3:::b/k")),
            "{text}"
        );
    }
    assert_eq!(code(&run(&["denied"])), 2);
    assert_eq!(code(&run(&["denied", "--message", "x", &fixture("aws/organization/logs")])), 2);
}

#[test]
fn hostile_messages_reach_no_terminal_and_no_other_statement() {
    let who = "arn:aws:iam::111122223333:user/a\u{1b}[31mred";
    let name = "arn:aws:s3:::b/\"}],\"Resource\":\"*\u{7}${aws:username}\u{202e}";
    let text = format!(
        "User: {who} is not authorized to perform: s3:GetObject on resource: \"{name}\" because no identity-based policy allows the s3:GetObject action"
    );
    let got = run(&["denied", "--message", &text, "--format", "table"]);
    let shown = String::from_utf8(got.stdout).unwrap();
    assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{shown:?}");
    let line = lines(&run(&["denied", "--message", &text, "--format", "json"])).remove(0);
    assert_eq!(line["resource"], name);
    // What a policy cannot hold is a wildcard for one character; the variable is a text.
    assert_eq!(line["mend"]["Resource"], "arn:aws:s3:::b/\"}],\"Resource\":\"${*}?${$}{aws:username}?");
    let blob = "x$(touch /tmp/never)";
    let text = format!(
        "You are not authorized to perform this operation. Encoded authorization failure message: {blob}"
    );
    let line = lines(&run(&["denied", "--message", &text, "--format", "json"])).remove(0);
    assert!(!line["advice"].to_string().contains("touch"), "{line}");
}

#[test]
fn an_encoded_message_is_not_repeated_where_people_read() {
    let blob = "Ab-_1".repeat(60);
    let text = format!(
        "You are not authorized to perform this operation. Encoded authorization failure message: {blob}"
    );
    let got = String::from_utf8(run(&["denied", "--message", &text, "--format", "table"]).stdout).unwrap();
    assert!(got.contains("aws sts decode-authorization-message") && !got.contains(&blob), "{got}");
}

#[test]
fn denied_uses_go_to_a_marked_file_and_change_no_other() {
    let mut trees = Vec::new();
    for more in [None, Some("--include-denied")] {
        let out = tempfile::tempdir().unwrap();
        let (path, logs) = (out.path().display().to_string(), fixture("aws/organization/logs"));
        let mut args = vec!["generate", &logs, "--out", &path, "-q"];
        args.extend(more);
        let got = run(&args);
        assert!([0, 4].contains(&code(&got)), "{}", stderr(&got));
        trees.push(tree(out.path()));
    }
    let manifest: Value =
        serde_json::from_str(&trees[1].iter().find(|(name, _)| name == "manifest.json").unwrap().1).unwrap();
    let entries: Vec<&Value> =
        manifest["artifacts"].as_array().unwrap().iter().filter(|a| a["target"] == "denied").collect();
    assert!(!entries.is_empty() && entries.iter().all(|entry| entry["applies"] == false));
    let (marked, rest): (Vec<_>, Vec<_>) =
        trees[1].iter().cloned().partition(|(name, _)| name.ends_with("/denied.json"));
    assert_eq!(marked.len(), entries.len());
    for (name, text) in &marked {
        let value: Value = serde_json::from_str(text).unwrap();
        assert!(value["about"].as_str().unwrap().starts_with("Not to be applied"), "{name}");
        assert!(value.get("Statement").is_none(), "{name} could be taken for a policy");
        assert!(!value["denied"].as_array().unwrap().is_empty());
        let asked = value["denied"].as_array().unwrap().iter().any(|line| !line["mend"].is_null());
        assert_eq!(asked, !value["statements"].as_array().unwrap().is_empty(), "{name}");
    }
    let without = |all: &[(String, String)]| -> Vec<(String, String)> {
        all.iter().filter(|(name, _)| name != "manifest.json").cloned().collect()
    };
    assert_eq!(without(&rest), without(&trees[0]), "documents to apply are the same with and without");
}

/// The CloudTrail records of a value, whatever wraps them.
fn records(value: &Value, all: &mut Vec<Value>) {
    match value {
        Value::Object(map) if map.contains_key("eventName") => all.push(value.clone()),
        Value::Object(map) => map.values().for_each(|inner| records(inner, all)),
        Value::Array(list) => list.iter().for_each(|inner| records(inner, all)),
        _ => {}
    }
}

#[test]
fn the_mapping_agrees_with_what_real_messages_name() {
    let Some(root) = corpus() else { return };
    let mut all = Vec::new();
    for entry in std::fs::read_dir(root.join("logs/aws")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let mut text = String::new();
        let read = std::io::Read::read_to_string(
            &mut flate2::read::MultiGzDecoder::new(bytes.as_slice()),
            &mut text,
        );
        if let (Ok(_), Ok(value)) = (read, serde_json::from_str::<Value>(&text)) {
            records(&value, &mut all);
        }
    }
    let (mut agree, mut differ) = (0_u32, Vec::new());
    for record in &mut all {
        let message = record["errorMessage"].as_str().unwrap_or("").to_owned();
        let told = cloud::by_id("aws").unwrap().pasted(&message).map(|denial| denial.refused);
        let Some(told) = told.filter(|refused| refused.told) else { continue };
        let line = lines_of(record);
        assert!(
            line.iter().any(|line| line["action"] == told.action.as_str() && line["told"] == true),
            "{message}"
        );
        record["errorMessage"] = Value::Null;
        let usage = read_text(&record.to_string());
        if usage.lines.iter().any(|line| line.action == told.action) {
            agree += 1;
        } else {
            differ.push(format!("{} {}: {}", record["eventSource"], record["eventName"], told.action));
        }
    }
    let count = agree + u32::try_from(differ.len()).unwrap();
    // Not `println!`, which is captured where a test passes.
    let _ = writeln!(std::io::stderr(), "mapping and message agree: {agree} of {count}; differ: {differ:?}");
    assert!(count > 100 && agree * 100 >= count * 99, "{agree} of {count}: {differ:#?}");
}

fn lines_of(record: &Value) -> Vec<Value> {
    denials::of_log(&read_text(&record.to_string())).iter().map(denials::Refusal::value).collect()
}

#[test]
fn statements_mend_what_real_logs_show_refused() {
    let Some(root) = corpus() else { return };
    let logs = root.join("logs/aws").display().to_string();
    let got = run(&["denied", &logs]);
    let all = lines(&got);
    let asked: Vec<&Value> = all.iter().filter(|line| line["mend"].is_object()).collect();
    assert!(asked.len() > 100, "{}", asked.len());
    for line in &asked {
        let takes = catalog::aws().table.action(line["action"].as_str().unwrap()).unwrap().1.types.len();
        assert!(mended(line), "{line}");
        assert!(takes == 0 || line["mend"]["Resource"] != "*", "{line}");
    }
    // Whoever has a denied use is told of it.
    let refused: BTreeSet<&str> = all.iter().filter_map(|line| line["principal"].as_str()).collect();
    for line in lines(&run(&["uses", &logs])) {
        let told = line["principal"].as_str().is_none_or(|who| refused.contains(who));
        assert!(line["outcome"] != "denied" || told, "{line}");
    }
    let threads = run(&["denied", "--threads", "1", &logs]);
    assert_eq!(threads.stdout, got.stdout);
}
