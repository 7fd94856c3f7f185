//! On real audit logs, where `LEASTGRANT_CORPUS` names a folder that has them.

use crate::support::{code, corpus, plans, read, run, stderr, tree};
use leastgrant::aggregate::Usage;
use leastgrant::cloud;
use leastgrant::pipeline::Fate;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

fn logs() -> Option<Vec<String>> {
    let root = corpus()?.join("logs");
    Some(vec![root.join("aws").display().to_string(), root.join("gcp").display().to_string()])
}

#[test]
fn every_record_is_counted_and_every_principal_disposed_of() {
    let Some(inputs) = logs() else { return };
    let out = tempfile::tempdir().unwrap();
    let path = out.path().display().to_string();
    let mut args = vec!["generate", "--out", &path, "-q"];
    args.extend(inputs.iter().map(String::as_str));
    let got = run(&args);
    assert!([0, 4].contains(&code(&got)), "{}", stderr(&got));
    let manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(out.path().join("manifest.json")).unwrap()).unwrap();
    let tally = &manifest["tally"];
    let skipped: u64 = tally["skipped"].as_object().unwrap().values().map(|v| v.as_u64().unwrap()).sum();
    let sum = tally["used"].as_u64().unwrap()
        + tally["duplicate"].as_u64().unwrap()
        + skipped
        + tally["malformed"].as_u64().unwrap();
    assert_eq!((tally["records"].as_u64(), sum), (Some(3_949), 3_949), "{tally}");
    assert_eq!(tally["unreadable"].as_array().unwrap().len(), 0, "{tally}");
    for who in manifest["principals"].as_array().unwrap() {
        let disposition = who["disposition"].as_str().unwrap();
        let written = who["documents"] == "written";
        assert!(!written || ["policy", "permission-set"].contains(&disposition), "{who}");
        assert!(written || who["why"].as_str().is_some_and(|why| !why.is_empty()), "{who}");
    }
    let skipped = run(&["uses", "--skipped", &inputs[0], &inputs[1]]);
    let lines = String::from_utf8(skipped.stdout).unwrap();
    let without = lines.lines().filter(|line| line.contains("\"skipped\":")).count() as u64;
    assert_eq!(without, 3_949 - tally["used"].as_u64().unwrap());
}

#[test]
fn replay_holds_and_every_action_is_known() {
    let Some(inputs) = logs() else { return };
    let usage = read(&inputs, 2);
    for row in &usage.rows {
        assert!(cloud::by_id(row.cloud).unwrap().knows(&row.action), "{}", row.action);
    }
    let plans = plans(&usage);
    let written: Vec<_> = plans
        .iter()
        .filter_map(|p| if let Fate::Written(v) = &p.fate { Some((p, v)) } else { None })
        .collect();
    assert!(written.len() > 50);
    for (plan, verified) in written {
        let asked = plan.rows.iter().filter(|row| leastgrant::verify::must_allow(row)).count();
        assert_eq!(verified.replayed(), asked, "{}", plan.who.id);
        for action in verified.documents().iter().flat_map(|d| &d.statements).flat_map(|s| &s.actions) {
            let known = cloud::by_id(plan.who.cloud).unwrap().knows(action) || action.ends_with(":*");
            assert!(known, "{action}");
        }
    }
}

#[test]
fn two_thread_counts_and_orders_give_the_same_bytes() {
    let Some(inputs) = logs() else { return };
    let mut outs = Vec::new();
    for (threads, order) in [("1", [0, 1]), ("2", [1, 0])] {
        let out = tempfile::tempdir().unwrap();
        let path = out.path().display().to_string();
        let args =
            ["generate", "--threads", threads, "--out", &path, "-q", &inputs[order[0]], &inputs[order[1]]];
        assert!([0, 4].contains(&code(&run(&args))));
        outs.push(tree(out.path()));
    }
    assert_eq!(outs[0], outs[1]);
}

/// Uses that ask for a resource: those that were let in, but for actions without resources and lists of all.
fn asked(usage: &Usage) -> Vec<Value> {
    let lines = usage.lines.iter().map(|line| serde_json::from_str::<Value>(&line.text()).unwrap());
    let counts = |line: &Value| {
        ["allowed", "failed"].contains(&line["outcome"].as_str().unwrap_or(""))
            && !["service", "all"].contains(&line["level"].as_str().unwrap_or("all"))
    };
    lines.filter(counts).collect()
}

#[test]
fn most_resources_are_named_and_derived_names_are_right() {
    let Some(inputs) = logs() else { return };
    let full = asked(&read(&inputs[..1], 2));
    let known = full.iter().filter(|line| line["level"] != "unseen").count();
    assert!(
        known * 100 >= full.len() * 96,
        "{known} of {} uses have a named or partial resource",
        full.len()
    );
    // The same records without what they say of their resources.
    let bare = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(&inputs[0]).unwrap() {
        let path = entry.unwrap().path();
        let mut text = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_string(&mut text).unwrap();
        let mut log: Value = serde_json::from_str(&text).unwrap();
        for record in log["Records"].as_array_mut().into_iter().flatten() {
            record.as_object_mut().unwrap().remove("resources");
        }
        std::fs::write(bare.path().join(path.file_stem().unwrap()), log.to_string()).unwrap();
    }
    let derived = asked(&read(&[bare.path().display().to_string()], 2));
    let mut names: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for line in &derived {
        if let (Some(event), Some(action), Some(name)) =
            (line["event"].as_str(), line["action"].as_str(), line["resource"].as_str())
        {
            names.entry((event, action)).or_default().insert(name);
        }
    }
    let (mut same, mut compared) = (0, 0);
    for line in full.iter().filter(|line| line["rule"].as_str().unwrap_or("").ends_with("+resources")) {
        let at = (line["event"].as_str().unwrap_or(""), line["action"].as_str().unwrap_or(""));
        let Some(names) = names.get(&at) else { continue };
        compared += 1;
        same += usize::from(names.contains(line["resource"].as_str().unwrap_or("")));
    }
    assert!(compared > 400, "{compared}");
    assert!(same * 1000 >= compared * 995, "{same} of {compared} derived names are what the record says");
}
