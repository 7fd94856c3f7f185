//! Every record under `fixtures/events` yields exactly the uses it states, and every hand-written rule has one.

use crate::support::{fixture, read_text};
use leastgrant::catalog::aws::Aws;
use serde_json::Value;
use std::collections::BTreeSet;

/// A use as fixtures state it.
fn stated(value: &Value) -> String {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
    let on =
        if value.get("resource").is_some_and(Value::is_string) { text("resource") } else { text("pattern") };
    format!("{} {} {on}", text("action"), text("level"))
}

/// All fixtures with their path below `fixtures/events`.
fn fixtures() -> Vec<(String, Value)> {
    let root = fixture("events");
    let mut all: Vec<(String, Value)> = walkdir::WalkDir::new(&root)
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(&root).unwrap().display().to_string();
            let text = std::fs::read_to_string(entry.path()).unwrap();
            (path.clone(), serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}")))
        })
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn uses_of(record: &Value) -> Vec<Value> {
    let usage = read_text(&record.to_string());
    usage.lines.iter().map(|line| serde_json::from_str(&line.text()).unwrap()).collect()
}

#[test]
fn fixtures_yield_what_they_state() {
    let mut wrong = Vec::new();
    for (path, case) in fixtures() {
        let got = uses_of(&case["record"]);
        if let Some(skipped) = case.get("skipped") {
            if got.first().and_then(|line| line.get("skipped")) != Some(skipped) {
                wrong.push(format!("{path}: wanted skipped {skipped}, got {got:?}"));
            }
            continue;
        }
        let want: BTreeSet<String> = case["uses"].as_array().unwrap().iter().map(stated).collect();
        // A fixture that states no pattern leaves it open.
        let open = |line: &Value| {
            let mut line = line.clone();
            let without = format!(
                "{} {} -",
                line["action"].as_str().unwrap_or(""),
                line["level"].as_str().unwrap_or("")
            );
            if want.contains(&without) {
                line["resource"] = Value::Null;
                line["pattern"] = Value::Null;
            }
            stated(&line)
        };
        let got: BTreeSet<String> = got.iter().map(open).collect();
        if want != got {
            let missing: Vec<_> = want.difference(&got).collect();
            let extra: Vec<_> = got.difference(&want).collect();
            wrong.push(format!("{path}:\n    missing {missing:?}\n    extra   {extra:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} fixtures differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The rules that fixtures hit, from the `rule` field of their uses.
fn hit() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (_, case) in fixtures() {
        for line in uses_of(&case["record"]) {
            if let Some(rule) = line.get("rule").and_then(Value::as_str) {
                all.insert(rule.split('+').next().unwrap_or("").to_owned());
            }
        }
    }
    all
}

#[test]
fn every_event_rule_has_a_fixture() {
    let hit = hit();
    let fixtures = fixtures();
    let mut uncovered = Vec::new();
    for (file, text) in Aws::hand_written() {
        let Some(host) = file.strip_prefix("event/").and_then(|f| f.strip_suffix(".toml")) else { continue };
        let parsed: leastgrant::catalog::overlay::EventFile = toml::from_str(text).unwrap();
        for rule in parsed.event {
            let first = &rule.names[0];
            let skips = rule.skip.is_some();
            let seen = hit.contains(&format!("{host}/{first}"))
                || (skips
                    && fixtures.iter().any(|(_, c)| {
                        c["record"]["eventName"] == first.as_str() && c.get("skipped").is_some()
                    }));
            if !seen {
                uncovered.push(format!("{host}/{first}"));
            }
        }
    }
    assert!(uncovered.is_empty(), "rules without a fixture: {uncovered:#?}");
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
