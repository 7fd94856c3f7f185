//! Semantics rule 23: what never leaves the decoder, what `--redact` hides, and who may read what is written.

use crate::support::{code, fixture, lines, program, run, stderr, tree};
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;

const LOGS: [&str; 3] = ["aws/organization/logs", "aws/sam-deploy/logs", "gcp/data-team/logs"];
/// Stands in everything that no file may repeat.
const MARK: &str = "zqmark";
const ADDRESS: &str = "198.51.100.237";

/// Adds to every object what bodies, tags and answers may hold, and puts marks where a record says what is private.
fn mark(value: &mut Value, inside: bool) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(|one| mark(one, inside)),
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match key.as_str() {
                    "userAgent" | "callerSuppliedUserAgent" => *value = json!(format!("{MARK}-agent")),
                    "sourceIPAddress" | "callerIp"
                        if value.as_str().is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok()) =>
                    {
                        *value = json!(ADDRESS);
                    }
                    "errorMessage" => {
                        *value = json!(format!("{} {MARK}-error", value.as_str().unwrap_or("")))
                    }
                    "requestParameters"
                    | "responseElements"
                    | "additionalEventData"
                    | "tlsDetails"
                    | "request"
                    | "response"
                    | "metadata"
                    | "serviceData" => mark(value, true),
                    _ => mark(value, inside),
                }
            }
            if inside {
                for key in
                    ["body", "userData", "description", "environment", "comment", "secretString", "password"]
                {
                    map.entry(key).or_insert_with(|| json!(format!("{MARK}-{key}")));
                }
                map.entry("tags").or_insert_with(
                    || json!([{ "key": format!("{MARK}-tag"), "value": format!("{MARK}-value") }]),
                );
                map.insert(format!("{MARK}-key"), json!({ "deep": [format!("{MARK}-deep")] }));
            }
        }
        _ => {}
    }
}

/// The fixtures' logs with marks, as files of one folder; how many marks there are.
fn marked(into: &Path) -> usize {
    let mut marks = 0;
    for (at, file) in LOGS.iter().flat_map(|logs| tree_of(&fixture(logs))).enumerate() {
        let read = serde_json::Deserializer::from_str(&file).into_iter::<Value>();
        let mut all: Vec<Value> = read.map(|value| value.unwrap()).collect();
        for value in &mut all {
            mark(value, false);
        }
        let text: Vec<String> = all.iter().map(Value::to_string).collect();
        let text = text.join("\n");
        marks += text.matches(MARK).count() + text.matches(ADDRESS).count();
        std::fs::write(into.join(format!("{at}.json")), text).unwrap();
    }
    marks
}

/// Texts of the files that hold JSON, inflated.
fn tree_of(folder: &str) -> Vec<String> {
    let all = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(|entry| entry.unwrap());
    let text = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        let plain = match bytes.as_slice() {
            [0x1f, 0x8b, ..] => {
                let mut plain = Vec::new();
                flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).unwrap();
                plain
            }
            [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::decode_all(bytes.as_slice()).unwrap(),
            _ => bytes,
        };
        String::from_utf8(plain).unwrap()
    };
    all.filter(|entry| entry.file_type().is_file()).map(|entry| text(entry.path())).collect()
}

fn targets() -> Vec<String> {
    let all = leastgrant::render::target::all(None).unwrap();
    all.iter().flat_map(|target| ["--target".to_owned(), target.id.clone()]).collect()
}

#[test]
fn bodies_addresses_agents_and_messages_never_leave_the_decoder() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, out) = (folder.path().join("logs"), folder.path().join("out"));
    std::fs::create_dir(&logs).unwrap();
    assert!(marked(&logs) > 5000, "the marks are in the log");
    let [logs, out] = [logs, out].map(|path| path.display().to_string());
    let mut args: Vec<String> =
        ["generate", &logs, "--out", &out, "--include-denied"].map(str::to_owned).into();
    args.extend(targets());
    let done = program().args(&args).output().unwrap();
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let files = tree(Path::new(&out));
    for kind in ["manifest.json", "denied.json", "lifecycle.json", ".tf", ".yaml"] {
        assert!(files.iter().any(|(path, _)| path.ends_with(kind)), "{kind} is among the files");
    }
    let shown = |args: &[&str]| String::from_utf8(run(args).stdout).unwrap();
    let mut texts = files;
    texts.push(("the screen".to_owned(), stderr(&done)));
    texts.push(("denied".to_owned(), shown(&["denied", &logs])));
    texts.push(("denied as text".to_owned(), shown(&["denied", &logs, "--format", "table"])));
    texts.push(("drift".to_owned(), shown(&["drift", &logs, "--out", &out, "--exact", "--format", "table"])));
    texts.push(("uses".to_owned(), shown(&["uses", &logs])));
    texts.push(("explain".to_owned(), shown(&["explain", &logs])));
    for (path, text) in texts {
        for word in [MARK, ADDRESS] {
            let at = text.find(word);
            let near = at.map(|at| text.get(at.saturating_sub(120)..(at + 60).min(text.len())).unwrap_or(""));
            assert_eq!(near, None, "{path} repeats `{word}`");
        }
    }
}

/// Identities of the fixtures, as their logs hold them.
const WHO: [&str; 15] = [
    "111122223333",
    "444455556666",
    "777788889999",
    "123456789012",
    "example-data-dev",
    "@example.com",
    "ana@",
    "ops/bob",
    "/bob",
    "DataEngineer",
    "dataengineer",
    "platform-operator",
    "report-runner",
    "report_runner",
    "github-sam-deploy",
];

fn hides(what: &str, text: &str) {
    for word in WHO {
        let at = text.find(word);
        let near = at.map(|at| text.get(at.saturating_sub(80)..(at + 60).min(text.len())).unwrap_or(""));
        assert_eq!(near, None, "{what} tells `{word}`");
    }
}

#[test]
fn every_command_hides_identities_when_asked() {
    let logs = LOGS.map(fixture);
    let logs: Vec<&str> = logs.iter().map(String::as_str).collect();
    let out = tempfile::tempdir().unwrap();
    let plain = out.path().join("plain").display().to_string();
    let made = run(&[&["generate", "--out", &plain, "-q"], logs.as_slice()].concat());
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let policy = walkdir::WalkDir::new(&plain).into_iter().map(|e| e.unwrap().into_path());
    let policy = policy.map(|p| p.display().to_string()).find(|p| p.ends_with("/bob.json")).unwrap();
    let drift = ["drift", "--out", &plain, "--exact", "--stack", "orders"];
    let check = ["check", "--policy", &policy];
    for format in ["json", "table"] {
        for command in
            [&["principals"][..], &["explain"], &["explain", "--summary"], &["denied"], &drift, &check]
        {
            let tail = ["--redact", "--format", format];
            let all = if command[0] == "check" {
                // The policy takes every path behind it.
                [&["check"], logs.as_slice(), &command[1..], &tail].concat()
            } else {
                [command, logs.as_slice(), &tail].concat()
            };
            let got = run(&all);
            assert!([0, 4, 5].contains(&code(&got)), "{command:?}: {}", stderr(&got));
            let text = String::from_utf8(got.stdout.clone()).unwrap();
            if command[0] != "drift" {
                assert!(!text.is_empty(), "{command:?} prints");
            }
            hides(&format!("{command:?} as {format}"), &(text + &stderr(&got)));
        }
    }
    let uses = [&["uses", "--redact"], logs.as_slice()].concat();
    let (got, whole) = (run(&uses), run(&[&["uses"], logs.as_slice()].concat()));
    hides("uses", &String::from_utf8(got.stdout.clone()).unwrap());
    let (got, whole) = (lines(&got), lines(&whole));
    assert_eq!(got.len(), whole.len());
    for (hidden, open) in got.iter().zip(&whole) {
        for key in ["event", "at", "action", "outcome", "level", "rule"] {
            assert_eq!(hidden[key], open[key]);
        }
        assert_eq!(hidden["principal"].is_null(), open["principal"].is_null());
    }
    // One identity, one pseudonym; two identities, two.
    let pairs: std::collections::BTreeSet<(String, String)> = got
        .iter()
        .zip(&whole)
        .map(|(h, o)| (o["principal"].to_string(), h["principal"].to_string()))
        .collect();
    let names: std::collections::BTreeSet<&String> = pairs.iter().map(|(_, hidden)| hidden).collect();
    let open: std::collections::BTreeSet<&String> = pairs.iter().map(|(open, _)| open).collect();
    assert_eq!((pairs.len(), names.len()), (open.len(), open.len()));
}

#[test]
fn a_redacted_folder_can_be_posted_and_is_never_memory() {
    let logs = fixture(LOGS[0]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (open, shown) = (path("open"), path("shown"));
    assert_eq!(code(&run(&["generate", &logs, "--out", &open])), 0);
    let before = tree(Path::new(&open));
    let refused = run(&["generate", &logs, "--out", &open, "--redact"]);
    assert_eq!(code(&refused), 1);
    assert!(stderr(&refused).contains("give --out another folder"), "{}", stderr(&refused));
    assert_eq!(tree(Path::new(&open)), before, "what stands is not touched");

    let redact = ["generate", &logs, "--out", &shown, "--redact", "--previous", &open, "--include-denied"];
    let made = run(&redact);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    assert!(stderr(&made).contains("redacted without a key"), "{}", stderr(&made));
    let files = tree(Path::new(&shown));
    for (name, text) in &files {
        hides("a path", name);
        hides(name, text);
        let known = ["manifest.json", "review.json", "lifecycle.json", "denied.json"];
        assert!(known.iter().any(|known| name.ends_with(known)), "{name} is no document");
    }
    hides("the screen", &stderr(&made));
    let manifest: Value =
        serde_json::from_str(&files.iter().find(|(n, _)| n == "manifest.json").unwrap().1).unwrap();
    assert_eq!((&manifest["redacted"], manifest.get("memory")), (&json!(true), None));
    for artifact in manifest["artifacts"].as_array().unwrap() {
        assert!(files.iter().any(|(name, _)| artifact["path"] == name.as_str()), "{artifact} was written");
    }
    // Again, and the same bytes; but nothing builds on it.
    assert_eq!(code(&run(&redact)), 0);
    assert_eq!(tree(Path::new(&shown)), files);
    for args in [
        vec!["generate", &logs, "--out", &shown],
        vec!["generate", &logs, "--out", &open, "--previous", &shown],
        vec!["drift", &logs, "--out", &shown],
    ] {
        let got = run(&args);
        assert_eq!(code(&got), 1, "{args:?}");
        assert!(stderr(&got).contains("is redacted and holds no memory"), "{}", stderr(&got));
    }
    assert_eq!(tree(Path::new(&shown)), files);
}

#[test]
fn a_key_makes_pseudonyms_that_others_cannot_check() {
    let logs = fixture(LOGS[0]);
    let folder = tempfile::tempdir().unwrap();
    let key = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (one, two, short) =
        (key("one", "0123456789abcdef\n"), key("two", "fedcba9876543210"), key("short", "secret"));
    let with = |key: &str| run(&["principals", &logs, "--redact", "--redact-key", key, "--format", "json"]);
    let shown = |output: &std::process::Output| String::from_utf8(output.stdout.clone()).unwrap();
    let first = with(&one);
    assert_eq!((code(&first), stderr(&first).as_str()), (0, ""));
    assert_ne!(shown(&first), shown(&with(&two)));
    assert_ne!(shown(&first), shown(&run(&["principals", &logs, "--redact", "--format", "json"])));
    let mut by_environment = program();
    by_environment.env("LEASTGRANT_REDACT_KEY", &one);
    let got = by_environment.args(["principals", &logs, "--redact", "--format", "json"]).output().unwrap();
    assert_eq!(shown(&got), shown(&first));
    assert!(stderr(&with(&short)).contains("holds 6 bytes"), "{}", stderr(&with(&short)));
    assert_eq!(code(&with(&short)), 1);
    let forgot = run(&["principals", &logs, "--redact-key", &one]);
    assert_eq!(code(&forgot), 2, "a key without --redact must not pass for redaction");
}

#[test]
fn many_object_names_are_listed_by_their_prefix_only() {
    let root =
        json!({ "type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333" });
    let role = json!({ "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/s",
        "accountId": "111122223333", "sessionContext": { "sessionIssuer": { "type": "Role",
        "arn": "arn:aws:iam::111122223333:role/app", "accountId": "111122223333" } } });
    let record = |who: &Value, prefix: &str, at: usize| {
        json!({ "eventVersion": "1.11", "userIdentity": who, "eventTime": format!("2026-11-03T09:00:{at:02}Z"),
            "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "awsRegion": "eu-west-1",
            "sourceIPAddress": ADDRESS, "requestParameters": { "bucketName": "box", "key": format!("{prefix}/{MARK}-{at}") },
            "resources": [{ "type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::box/{prefix}/{MARK}-{at}") },
                { "type": "AWS::S3::Bucket", "accountId": "444455556666", "ARN": "arn:aws:s3:::box" }],
            "eventID": format!("{prefix}-{at}"), "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
            "eventCategory": "Data", "readOnly": true })
    };
    let of = |who: &Value, prefix: &str, n| (0..n).map(|at| record(who, prefix, at)).collect::<Vec<_>>();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.json");
    let records = [of(&root, "many", 25), of(&role, "many", 25), of(&root, "few", 2)].concat();
    std::fs::write(&log, json!({ "Records": records }).to_string()).unwrap();
    let out = folder.path().join("out");
    let made = run(&["generate", &log.display().to_string(), "--out", &out.display().to_string()]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let text = std::fs::read_to_string(out.join("manifest.json")).unwrap();
    assert!(!text.contains(&format!("many/{MARK}")), "{text}");
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let findings = manifest["findings"].as_array().unwrap();
    let of = |name: &str| findings.iter().find(|one| one["resource"] == name).map(|one| one["count"].clone());
    assert_eq!(of("arn:aws:s3:::box/many/*"), Some(json!(25)));
    assert_eq!((of(&format!("arn:aws:s3:::box/few/{MARK}-1")), findings.len()), (Some(json!(1)), 3));
}

#[cfg(unix)]
#[test]
fn what_is_written_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a/b/out");
    let data = folder.path().join("data");
    // The user's mask must not decide.
    let sh = |line: &str| {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("umask 000; exec \"$@\" {line}"), "sh", env!("CARGO_BIN_EXE_leastgrant")]);
        shell.env("LEASTGRANT_DATA", &data).env("LEASTGRANT_CATALOG", "embedded");
        shell.output().unwrap()
    };
    let (logs, broken) = (fixture(LOGS[0]), fixture("bad/cut.json"));
    let shown = out.display().to_string();
    let all = targets().join(" ");
    let made = sh(&format!("generate '{logs}' --out '{shown}' --include-denied {all}"));
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let loose = out.join("manifest.json");
    std::fs::set_permissions(&loose, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(code(&sh(&format!("generate '{logs}' --out '{shown}' {all}"))), 0);
    // Without its memory, a partial run writes beside what stands.
    std::fs::remove_file(&loose).unwrap();
    let cut = sh(&format!("generate '{logs}' '{broken}' --exact --since 2026-11-06 --out '{shown}' {all}"));
    assert!([3, 4].contains(&code(&cut)), "{}", stderr(&cut));
    let reference = folder.path().join("reference");
    std::fs::create_dir(&reference).unwrap();
    std::fs::write(
        reference.join("s3.json"),
        r#"{"Name":"s3","Actions":[{"Name":"GetObject","Resources":[{"Name":"object"}],"Annotations":{"Properties":{"IsList":false,"IsPermissionManagement":false,"IsTaggingOnly":false,"IsWrite":false}}}],"Resources":[{"Name":"object","ARNFormats":["arn:${Partition}:s3:::${BucketName}/${ObjectName}"]}],"Version":"v1.4"}"#,
    )
    .unwrap();
    let update = sh(&format!("catalog update --force --from '{}'", reference.display()));
    assert_eq!(code(&update), 0, "{}", stderr(&update));
    let mut partial = 0;
    let top = [folder.path().join("a"), data];
    for entry in top.iter().flat_map(walkdir::WalkDir::new).map(|entry| entry.unwrap()) {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        let wanted = if entry.file_type().is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, wanted, "{}: {mode:o}", entry.path().display());
        partial += usize::from(entry.path().extension().is_some_and(|ending| ending == "partial"));
    }
    assert!(partial > 0, "there are partial files");
}
