//! Google Cloud: an entry is the same in every container; methods lead to the permissions that are documented.

use crate::support::{corpus, fixture, read, read_text, root};
use leastgrant::aggregate::Usage;
use leastgrant::cloud::gcp::by_name;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;

/// All entries of the scenario, copies included.
fn entries() -> Vec<Value> {
    let mut all = Vec::new();
    for file in walkdir::WalkDir::new(fixture("gcp/data-team/logs")).sort_by_file_name() {
        let file = file.unwrap();
        if !file.file_type().is_file() {
            continue;
        }
        let text = std::fs::read_to_string(file.path()).unwrap();
        for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
            match value.unwrap() {
                Value::Array(list) => all.extend(list),
                one => all.push(one),
            }
        }
    }
    // What says where projects lie stands beside them.
    all.retain(|one| one.get("lifecycleState").is_none());
    all
}

/// What a text came to: every use, every record without one, every count.
fn facts(usage: &Usage) -> String {
    let mut text = String::new();
    for line in &usage.lines {
        writeln!(text, "{}", line.text()).unwrap();
    }
    write!(text, "{:?} {} {}", usage.tally.days, usage.tally.duplicate, usage.tally.malformed).unwrap();
    text
}

fn lines(all: impl IntoIterator<Item = Value>) -> String {
    all.into_iter().map(|value| format!("{value}\n")).collect()
}

fn base64(text: &str) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits =
            three.iter().fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let letter = letters[(bits >> (18 - 6 * at)) as usize & 63] as char;
            out.push(if at > three.len() { '=' } else { letter });
        }
    }
    out
}

const OPAQUE: [&str; 5] = ["labels", "request", "response", "metadata", "serviceData"];

fn snake(name: &str) -> String {
    name.chars().fold(String::new(), |mut out, c| {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
        out
    })
}

/// As Log Analytics shows it.
fn snaked(value: &Value) -> Value {
    match value {
        Value::Object(all) => Value::Object(
            all.iter()
                .map(|(key, value)| {
                    (snake(key), if OPAQUE.contains(&key.as_str()) { value.clone() } else { snaked(value) })
                })
                .collect(),
        ),
        Value::Array(all) => all.iter().map(snaked).collect(),
        other => other.clone(),
    }
}

fn analytics(entry: &Value) -> Value {
    let mut row = snaked(entry);
    let payload = row["proto_payload"].take();
    row["proto_payload"] =
        json!({ "type": "type.googleapis.com/google.cloud.audit.AuditLog", "audit_log": payload });
    row["json_payload"] = Value::Null;
    row
}

/// As a sink writes it to BigQuery and `bq` prints it.
fn table(value: &Value) -> Value {
    match value {
        Value::Object(all) => {
            let mut row = Map::new();
            for (key, value) in all {
                match (key.as_str(), value) {
                    ("@type", _) => {}
                    ("labels", _) => drop(row.insert(key.clone(), value.clone())),
                    ("metadata" | "request" | "response" | "serviceData", _) => {
                        row.insert(format!("{key}Json"), Value::String(value.to_string()));
                    }
                    (_, Value::Bool(flag)) => drop(row.insert(key.clone(), Value::String(flag.to_string()))),
                    _ => drop(row.insert(key.clone(), table(value))),
                }
            }
            row.insert("thirdParty".to_owned(), Value::Null);
            Value::Object(row)
        }
        Value::Array(all) => all.iter().map(table).collect(),
        other => other.clone(),
    }
}

fn bigquery(entry: &Value) -> Value {
    let mut row = table(entry);
    let payload = row.as_object_mut().unwrap().remove("protoPayload").unwrap();
    row["protopayload_auditlog"] = payload;
    let at = row["timestamp"].as_str().unwrap().replace('T', " ").replace('Z', " UTC");
    row["timestamp"] = Value::String(at);
    row
}

/// A column for each member, as JSON where it is no text.
fn cells(rows: &[Value]) -> String {
    let head: BTreeSet<&String> = rows.iter().flat_map(|row| row.as_object().unwrap().keys()).collect();
    let cell = |row: &Value, name: &str| match row.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => format!("\"{}\"", text.replace('"', "\"\"")),
        Some(value) => format!("\"{}\"", value.to_string().replace('"', "\"\"")),
    };
    let line = |row: &Value| head.iter().map(|name| cell(row, name)).collect::<Vec<_>>().join(",") + "\n";
    let head = head.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(",") + "\n";
    head + &rows.iter().map(line).collect::<String>()
}

/// As the Logs Explorer downloads it: a column for each field, lists as JSON; or, with `lists`, one for each element.
fn sheet(entries: &[Value], lists: bool) -> String {
    fn flat(path: &str, value: &Value, lists: bool, cells: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(all) if !all.is_empty() => {
                for (key, value) in all {
                    let dot = if path.is_empty() { "" } else { "." };
                    flat(&format!("{path}{dot}{key}"), value, lists, cells);
                }
            }
            Value::Array(all) if lists && !all.is_empty() => {
                for (at, value) in all.iter().enumerate() {
                    flat(&format!("{path}[{at}]"), value, lists, cells);
                }
            }
            Value::String(text) => drop(cells.insert(path.to_owned(), text.clone())),
            other => drop(cells.insert(path.to_owned(), other.to_string())),
        }
    }
    let rows: Vec<BTreeMap<String, String>> = entries
        .iter()
        .map(|entry| {
            let mut cells = BTreeMap::new();
            flat("", entry, lists, &mut cells);
            cells
        })
        .collect();
    let head: BTreeSet<&String> = rows.iter().flat_map(BTreeMap::keys).collect();
    let cell = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut out = head.iter().map(|name| (*name).clone()).collect::<Vec<_>>().join(",") + "\r\n";
    for row in &rows {
        let cells: Vec<String> =
            head.iter().map(|name| row.get(*name).map_or(String::new(), |text| cell(text))).collect();
        out += &(cells.join(",") + "\r\n");
    }
    out
}

#[test]
fn the_same_entry_in_every_container_gives_the_same_uses() {
    let entries = entries();
    assert!(entries.len() > 40);
    let want = facts(&read_text(&lines(entries.clone())));
    let pushed = |entry: &Value| {
        json!({ "message": { "data": base64(&entry.to_string()), "messageId": "1", "attributes": {
        "logging.googleapis.com/timestamp": "x" } }, "subscription": "projects/p/subscriptions/s", "deliveryAttempt": 1 })
    };
    let pulled = |entry: &Value| json!({ "ackId": "a", "message": { "messageId": "1", "data": base64(&entry.to_string()) } });
    let event = |entry: &Value| {
        json!({ "id": "projects/p/logs/x", "source": "//cloudaudit.googleapis.com/projects/p/logs/activity",
        "specversion": "1.0", "type": "google.cloud.audit.log.v1.written", "datacontenttype": "application/json",
        "subject": "s", "data": entry })
    };
    let stored = |entry: &Value| {
        json!({ "subscription_name": "s", "message_id": "1", "publish_time": "2026-11-03 00:00:00 UTC",
        "data": entry.to_string(), "attributes": "{}" })
    };
    let each = |wrap: &dyn Fn(&Value) -> Value| entries.iter().map(wrap).collect::<Vec<Value>>();
    let yaml: String =
        entries.iter().map(|entry| format!("---\n{}", serde_saphyr::to_string(entry).unwrap())).collect();
    let containers = [
        ("array", json!(entries).to_string()),
        ("pretty array", format!("{:#}", json!(entries))),
        ("entries.list", json!({ "entries": entries, "nextPageToken": "t" }).to_string()),
        ("yaml", yaml),
        ("sheet", sheet(&entries, false)),
        ("sheet of lists", sheet(&entries, true)),
        ("sheet of log analytics", cells(&entries.iter().map(analytics).collect::<Vec<Value>>())),
        ("pushed", lines(each(&pushed))),
        ("pulled", json!(each(&pulled)).to_string()),
        ("pull response", json!({ "receivedMessages": each(&pulled) }).to_string()),
        ("stored messages", lines(each(&stored))),
        ("events", lines(each(&event))),
        ("event batch", json!(each(&event)).to_string()),
        ("bigquery", lines(each(&bigquery))),
        ("bigquery array", json!(each(&bigquery)).to_string()),
        ("log analytics", lines(each(&analytics))),
        ("log analytics array", format!("{:#}", json!(each(&analytics)))),
    ];
    let plain = lines(entries.clone());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("1.json"), &plain).unwrap();
    let beside = |text: &str| {
        std::fs::write(folder.path().join("2.json"), text).unwrap();
        let tally = read(&[folder.path().display().to_string()], 2).tally;
        (tally.duplicate, tally.total_used(), tally.id_reused)
    };
    let copied = beside(&plain);
    for (name, text) in containers {
        similar_asserts(name, &facts(&read_text(&text)), &want);
        assert_eq!(beside(&text), copied, "{name}: copies are known, however they came");
    }
}

/// Shows the first line that differs.
fn similar_asserts(name: &str, got: &str, want: &str) {
    let differ = got.lines().zip(want.lines()).find(|(got, want)| got != want);
    assert!(got == want, "{name}: {} and {} lines; {differ:#?}", got.lines().count(), want.lines().count());
}

#[test]
fn files_told_by_content_are_read_from_disk_whatever_they_are_called() {
    let entries = entries();
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = entries.split_at(entries.len() / 2);
    let yaml: String =
        first.iter().map(|entry| format!("---\n{}", serde_saphyr::to_string(entry).unwrap())).collect();
    std::fs::write(folder.path().join("09:00:00_09:59:59_S1.json"), yaml).unwrap();
    std::fs::write(
        folder.path().join("09:00:00_09:59:59_A0:1793700000.json"),
        lines(second.iter().map(analytics)),
    )
    .unwrap();
    std::fs::write(folder.path().join("again.txt"), json!(first).to_string()).unwrap();
    let usage = read(&[folder.path().display().to_string()], 2);
    let alone = read_text(&lines(entries.clone()));
    assert_eq!(usage.tally.total_used(), alone.tally.total_used());
    assert_eq!(usage.tally.records(), (entries.len() + first.len()) as u64);
    assert!(usage.tally.unreadable.is_empty(), "{:?}", usage.tally.unreadable);
}

fn documented() -> Vec<(String, Vec<String>)> {
    let text = std::fs::read_to_string(root().join("src/catalog/data/gcp/methods.tsv")).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut columns = line.split('\t');
        let method = columns.next().unwrap().to_owned();
        let permissions =
            columns.next().unwrap().split(',').map(|p| p.rsplit_once(':').unwrap().0.to_owned());
        (method, permissions.collect())
    });
    rows.collect()
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[test]
fn names_alone_are_nearly_always_right() {
    let (mut right, mut wrong) = (0, Vec::new());
    let all = documented();
    for (method, permissions) in &all {
        match by_name("", method, "") {
            Some(named) if permissions.contains(&named) => right += 1,
            Some(named) => wrong.push((method, named)),
            None => {}
        }
    }
    let answered = right + wrong.len();
    say(&format!("names alone: {right} of {answered} answers right, {} methods", all.len()));
    assert!(right * 100 >= answered * 98, "{wrong:#?}");
    assert!(answered * 2 >= all.len(), "{answered} answers to {}", all.len());
}

/// What entries without rows give for each documented method, on resources of that name.
fn by_methods(
    all: &[(String, Vec<String>)],
    resource: &dyn Fn(&[String]) -> String,
) -> BTreeMap<String, Vec<String>> {
    let entries = all.iter().map(|(method, permissions)| {
        let prefix = permissions[0].split('.').next().unwrap();
        json!({ "insertId": method, "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity", "timestamp": "2026-11-03T09:00:00Z",
            "protoPayload": { "methodName": method, "serviceName": format!("{prefix}.googleapis.com"), "resourceName": resource(permissions),
                "authenticationInfo": { "principalEmail": "a@p.iam.gserviceaccount.com" } } })
    });
    let usage = read_text(&lines(entries));
    let mut got: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in &usage.lines {
        let line: Value = serde_json::from_str(&line.text()).unwrap();
        let actions = got.entry(line["event"].as_str().unwrap().to_owned()).or_default();
        actions.extend(line["action"].as_str().map(str::to_owned));
    }
    got
}

/// Methods that are written by hand to need several permissions, all of them.
fn together() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("src/catalog/data/gcp/method.toml")).unwrap();
    let file: toml::Value = toml::from_str(&text).unwrap();
    let rows = file["method"].as_array().unwrap().iter().filter(|row| row.get("also").is_some());
    rows.map(|row| row["method"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn documented_methods_give_the_documented_permission_and_never_all_alternatives() {
    let all = documented();
    let together = together();
    assert_eq!(together.len(), 6);
    let on_project = by_methods(&all, &|_| "projects/p".to_owned());
    // As logs name it: the kind of resource that the permission is on.
    let group =
        |permission: &str| permission.rsplit('.').nth(1).unwrap().rsplit('/').next().unwrap().to_owned();
    let on_kind = by_methods(&all, &|permissions| format!("projects/p/{}/x", group(&permissions[0])));
    for (name, got) in [("a project", &on_project), ("its kind of resource", &on_kind)] {
        let (mut one, mut ones, mut several, mut severals, mut left) = (0, 0, 0, 0, Vec::new());
        for (method, permissions) in &all {
            let used = got.get(method).cloned().unwrap_or_default();
            let whole = together.contains(method) && used.len() == permissions.len();
            assert!(
                (used.len() <= 1 || whole) && used.iter().all(|action| permissions.contains(action)),
                "{method}: {used:?}"
            );
            let told = usize::from(!used.is_empty());
            if permissions.len() == 1 {
                (ones, one) = (ones + 1, one + told);
            } else {
                (severals, several) = (severals + 1, several + told);
                if told == 0 {
                    left.push(method.rsplit('.').next().unwrap());
                }
            }
        }
        say(&format!(
            "documented methods on {name}: {one} of {ones} with one permission, {several} of {severals} with several; left {left:?}"
        ));
        assert!((one + several) * 100 >= all.len() * 95, "{one} and {several} of {}", all.len());
        assert!(ones - one <= 2, "{one} of {ones}");
        if name != "a project" {
            assert!(severals - several <= 3, "{left:?}");
        }
    }
}

#[test]
fn every_granted_row_of_real_logs_is_a_use() {
    let Some(root) = corpus() else { return };
    let mut granted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in std::fs::read_dir(root.join("logs/gcp")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        for entry in values.flat_map(|value| match value.unwrap() {
            Value::Array(list) => list,
            one => vec![one],
        }) {
            let rows = entry["protoPayload"]["authorizationInfo"].as_array().cloned().unwrap_or_default();
            let rows =
                rows.iter().filter(|row| row["granted"] == true).filter_map(|row| row["permission"].as_str());
            let rows = rows.filter(|name| !name.starts_with("io.k8s.")).map(str::to_owned);
            if let Some(id) = entry["insertId"].as_str() {
                granted.entry(id.to_owned()).or_default().extend(rows);
            }
        }
    }
    let usage = read(&[root.join("logs/gcp").display().to_string()], 2);
    let (mut used, mut skipped): (BTreeMap<String, BTreeSet<String>>, BTreeMap<String, String>) =
        Default::default();
    for line in &usage.lines {
        let line: Value = serde_json::from_str(&line.text()).unwrap();
        let Some(event) = line["event"].as_str() else { continue };
        match (line["action"].as_str(), line["skipped"].as_str()) {
            (Some(action), _) => drop(used.entry(event.to_owned()).or_default().insert(action.to_owned())),
            (_, Some(why)) => drop(skipped.insert(event.to_owned(), why.to_owned())),
            _ => {}
        }
    }
    let mut checked = 0;
    for (event, permissions) in granted.iter().filter(|(_, permissions)| !permissions.is_empty()) {
        let Some(got) = used.get(event) else {
            let why = skipped.get(event).map_or("", String::as_str);
            assert!(
                ["service-agent", "system-event", "policy-denied", "test-permissions", "operation-end"]
                    .contains(&why),
                "{event}: {why}"
            );
            continue;
        };
        assert!(permissions.is_subset(got), "{event}: {permissions:?} but {got:?}");
        checked += permissions.len();
    }
    say(&format!(
        "real logs: {checked} granted rows are uses; skipped {:?}; unmapped {:?}",
        usage.tally.total_skipped(),
        usage.unmapped
    ));
    assert!(checked > 100);
}

#[test]
fn entries_of_real_logs_without_rows_are_nearly_all_resolved() {
    let Some(root) = corpus() else { return };
    let usage = read(&[root.join("logs/gcp").display().to_string()], 2);
    let (mut resolved, mut left) = (0, Vec::new());
    for line in &usage.lines {
        let line: Value = serde_json::from_str(&line.text()).unwrap();
        match (line["rule"].as_str(), line["skipped"].as_str()) {
            (Some("documented-method" | "method-name"), _) => resolved += 1,
            (_, Some("unmapped")) => left.push(line["event"].clone()),
            _ => {}
        }
    }
    say(&format!("real logs: {resolved} entries without rows resolved, {} not", left.len()));
    assert!(resolved > 10 && resolved * 100 >= (resolved + left.len()) * 95, "{left:?}");
}

#[test]
fn a_job_that_completed_was_made_and_a_service_that_is_left_out_is_named_by_the_permission() {
    let entry = |method: &str, service: &str, name: &str| {
        json!({ "insertId": method, "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
            "timestamp": "2026-11-03T09:00:00Z", "protoPayload": { "methodName": method, "serviceName": service,
            "resourceName": name, "authenticationInfo": { "principalEmail": "a@p.iam.gserviceaccount.com" } } })
    };
    let usage = read_text(&lines([
        entry("jobservice.jobcompleted", "bigquery.googleapis.com", "projects/p/jobs/j"),
        entry("v1.compute.instances.insert", "", "projects/p/zones/z/instances/i"),
    ]));
    let rows: Vec<(&str, &str, &str)> =
        usage.rows.iter().map(|row| (&*row.action, &*row.target.text, &*row.scope)).collect();
    let instance = "//compute.googleapis.com/projects/p/zones/z/instances/i";
    assert_eq!(
        rows,
        [
            ("bigquery.jobs.create", "//bigquery.googleapis.com/projects/p/jobs/j", "projects/p"),
            ("compute.instances.create", instance, "projects/p")
        ]
    );
}
