//! Live sources against real servers: what they give is what the same logs on disk give, whatever fails on the way; and
//! where nothing can be read, it is said and nothing is written.

use crate::http::{Answer, Request, ask, serve};
use crate::support::{code, fixture, program, root, stderr, tree};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

/// Servers of both clouds; they end when this process does.
#[derive(Deserialize)]
struct Servers {
    s3: String,
    gcs: String,
    #[serde(skip)]
    _process: Option<Child>,
}

/// The servers, where the test command has installed them.
fn servers() -> Option<&'static Servers> {
    static SERVERS: OnceLock<Option<Servers>> = OnceLock::new();
    let start = || {
        let Some(python) = std::env::var_os("LEASTGRANT_TEST_PYTHON") else {
            // Not `eprintln!`, which is captured where a test passes.
            let _ = writeln!(std::io::stderr(), "skipped: LEASTGRANT_TEST_PYTHON names no Python with moto");
            return None;
        };
        let script = root().join("tests/servers.py");
        let mut command = Command::new(python);
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut servers: Servers =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("tests/servers.py says `{line}`"));
        servers._process = Some(process);
        Some(servers)
    };
    SERVERS.get_or_init(start).as_ref()
}

fn send(server: &str, method: &str, target: &str, body: &[u8]) {
    // Servers take what is called JSON for a question to them, and some read nothing else.
    let kind = if target.contains("/b?project=") { "application/json" } else { "application/octet-stream" };
    let headers = BTreeMap::from([("content-type".to_owned(), kind.to_owned())]);
    let request =
        Request { method: method.to_owned(), target: target.to_owned(), headers, body: body.to_vec() };
    let answer = ask(server, &request);
    assert!(answer.status < 300, "{method} {target}: {}", String::from_utf8_lossy(&answer.body));
}

/// All files below a folder, by relative path.
fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(|entry| entry.unwrap());
    files
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let key = entry.path().strip_prefix(folder).unwrap().display().to_string();
            (key, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// A bucket of S3 with the files of a folder below a prefix.
fn s3_bucket(server: &str, bucket: &str, prefix: &str, folder: &str) {
    send(server, "PUT", &format!("/{bucket}"), b"");
    for (key, bytes) in files(folder) {
        send(server, "PUT", &format!("/{bucket}/{prefix}{key}"), &bytes);
    }
}

fn gcs_bucket(server: &str, bucket: &str, prefix: &str, folder: &str) {
    send(server, "POST", "/storage/v1/b?project=example", json!({ "name": bucket }).to_string().as_bytes());
    for (key, bytes) in files(folder) {
        let name = format!("{prefix}{key}").replace('/', "%2F");
        send(
            server,
            "POST",
            &format!("/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}"),
            &bytes,
        );
    }
}

/// The program, which finds no credentials but those given and no endpoint but these.
fn live(endpoints: &[(&str, &str)]) -> Command {
    let mut command = program();
    for name in [
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "http_proxy",
    ] {
        command.env_remove(name);
    }
    let nowhere = root().join("tests/no-such-file");
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "example")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", &nowhere)
        .env("AWS_SHARED_CREDENTIALS_FILE", &nowhere)
        .env("NO_PROXY", "127.0.0.1")
        .env("HOME", root().join("tests"));
    command.envs(endpoints.iter().copied());
    command
}

/// What `generate` writes.
fn generate(mut command: Command, inputs: &[&str]) -> (Output, Vec<(String, String)>) {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("out");
    let targets = ["aws-policy", "gcp-role"].iter().flat_map(|target| ["--target", target]);
    let output =
        command.arg("generate").args(inputs).arg("--out").arg(&folder).args(targets).output().unwrap();
    let written = if folder.is_dir() { tree(&folder) } else { Vec::new() };
    (output, written)
}

/// What the same logs give on disk.
fn on_disk(inputs: &[&str]) -> Vec<(String, String)> {
    let (output, written) = generate(program(), inputs);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(written.iter().any(|(path, _)| path == "manifest.json"));
    written
}

fn assert_same(output: &Output, got: &[(String, String)], expected: &[(String, String)]) {
    assert_eq!(code(output), 0, "{}", stderr(output));
    let names = |files: &[(String, String)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(got), names(expected), "{}", stderr(output));
    for ((path, got), (_, expected)) in got.iter().zip(expected) {
        for (at, (got, expected)) in got.lines().zip(expected.lines()).enumerate() {
            assert_eq!(got, expected, "{path}, line {}", at + 1);
        }
        assert_eq!(got.len(), expected.len(), "{path}");
    }
}

/// A server in between: what it answers instead, and all that was asked.
struct Between {
    address: String,
    asked: std::sync::Arc<Mutex<Vec<String>>>,
}

fn between(
    server: &str,
    instead: impl Fn(&Request, usize) -> Option<Answer> + Send + Sync + 'static,
) -> Between {
    let asked = std::sync::Arc::new(Mutex::new(Vec::<String>::new()));
    let (server, seen) = (server.to_owned(), std::sync::Arc::clone(&asked));
    let address = serve(move |request| {
        let times = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.target.clone());
            seen.iter().filter(|target| **target == request.target).count()
        };
        match instead(&request, times) {
            Some(answer) if answer.cut => Answer { cut: true, ..ask(&server, &request) },
            Some(answer) => answer,
            None => ask(&server, &request),
        }
    });
    Between { address, asked }
}

impl Between {
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn s3_error(status: u16, code: &str, message: &str) -> Answer {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let headers = vec![("content-type".to_owned(), "application/xml".to_owned())];
    Answer { status, headers, body: body.into_bytes(), cut: false }
}

fn is_list(request: &Request) -> bool {
    request.target.contains("list-type=2")
}

const SAM: &str = "aws/sam-deploy/logs";
const DATA: &str = "gcp/data-team/logs";

#[test]
fn a_bucket_of_s3_gives_what_the_disk_gives() {
    let Some(servers) = servers() else { return };
    s3_bucket(&servers.s3, "trail", "org/", &fixture(SAM));
    let beside = "/trail/org/AWSLogs/111122223333";
    for (key, times) in
        [("CloudTrail-Digest/eu-central-1/2026/11/03/d.json.gz", 1), ("elasticloadbalancing/a.log", 1)]
    {
        (0..times).for_each(|_| send(&servers.s3, "PUT", &format!("{beside}/{key}"), b"left alone"));
    }
    send(&servers.s3, "PUT", "/trail/other/CloudTrail-Insight/i.json.gz", b"left alone");
    send(&servers.s3, "PUT", "/trail/org/", b"");
    let expected = on_disk(&[&fixture(SAM)]);
    for input in ["s3://trail", "s3://trail/org", "s3://trail/org/AWSLogs/111122223333/"] {
        let (output, got) = generate(live(&[("AWS_ENDPOINT_URL_S3", &servers.s3)]), &[input]);
        assert_same(&output, &got, &expected);
        assert!(stderr(&output).contains("CloudTrail-Digest logs"), "{}", stderr(&output));
    }
    let (output, got) =
        generate(live(&[("AWS_ENDPOINT_URL", &servers.s3)]), &["s3://trail", "s3://trail/org/", "-q"]);
    assert_same(&output, &got, &expected);
    assert_eq!(stderr(&output), "", "quiet");
}

#[test]
fn only_what_the_filters_want_is_fetched_from_s3() {
    let Some(servers) = servers() else { return };
    s3_bucket(&servers.s3, "narrow", "", &fixture(SAM));
    let fetched = |args: &[&str]| {
        let between = between(&servers.s3, |_, _| None);
        let mut words = vec!["s3://narrow"];
        words.extend(args);
        let mut command = live(&[("AWS_ENDPOINT_URL_S3", &between.address)]);
        let output = command.arg("uses").args(words).output().unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let keys = between.asked().into_iter().filter(|target| !target.contains("list-type=2"));
        (keys.collect::<BTreeSet<String>>(), output.stdout)
    };
    let disk = |args: &[&str]| program().arg("uses").arg(fixture(SAM)).args(args).output().unwrap().stdout;
    let (all, _) = fetched(&[]);
    let holding =
        |text: &str| all.iter().filter(|key| key.contains(text)).cloned().collect::<BTreeSet<String>>();
    for (args, keys) in [
        (vec!["--region", "us-east-1"], holding("/us-east-1/")),
        (vec!["--until", "2026-11-01"], BTreeSet::new()),
        (vec!["--account", "444455556666"], BTreeSet::new()),
    ] {
        if keys.is_empty() {
            let mut command = live(&[("AWS_ENDPOINT_URL_S3", &servers.s3)]);
            let output = command.arg("uses").arg("s3://narrow").args(args).output().unwrap();
            assert_eq!(code(&output), 1);
            assert!(stderr(&output).contains("no log to read"), "{}", stderr(&output));
            continue;
        }
        let (got, uses) = fetched(&args);
        assert_eq!(got, keys, "{args:?}");
        assert_eq!(String::from_utf8(uses).unwrap(), String::from_utf8(disk(&args)).unwrap());
    }
    let (since, uses) = fetched(&["--since", "2026-11-04"]);
    assert!(!since.is_empty() && since.iter().all(|key| !key.contains("/03/")), "{since:?}");
    assert_eq!(
        String::from_utf8(uses).unwrap(),
        String::from_utf8(disk(&["--since", "2026-11-04"])).unwrap()
    );
    let (_, uses) = fetched(&["--since", "0d"]);
    assert_eq!(String::from_utf8(uses).unwrap(), String::from_utf8(disk(&["--since", "0d"])).unwrap());
}

#[test]
fn what_fails_on_the_way_from_s3_is_tried_again() {
    let Some(servers) = servers() else { return };
    s3_bucket(&servers.s3, "shaky", "", &fixture(SAM));
    let shaky = between(&servers.s3, |request, times| match (is_list(request), times) {
        (true, 1) => Some(s3_error(503, "SlowDown", "Please reduce your request rate.")),
        (false, 1) => Some(Answer { cut: true, ..Answer::default() }),
        (false, 2) => Some(s3_error(500, "InternalError", "We encountered an internal error.")),
        _ => None,
    });
    let (output, got) = generate(live(&[("AWS_ENDPOINT_URL_S3", &shaky.address)]), &["s3://shaky"]);
    assert_same(&output, &got, &on_disk(&[&fixture(SAM)]));
}

#[test]
fn a_requester_pays_where_that_is_asked_for() {
    let Some(servers) = servers() else { return };
    s3_bucket(&servers.s3, "pays", "", &fixture(SAM));
    let pays = between(&servers.s3, |request, _| {
        assert!(request.target.starts_with("/pays"), "path style: {}", request.target);
        let header = request.headers.get("x-amz-request-payer").map(String::as_str);
        (header != Some("requester")).then(|| s3_error(403, "AccessDenied", "Access Denied"))
    });
    let s3 = || live(&[("AWS_ENDPOINT_URL_S3", &pays.address)]);
    let (output, got) = generate(s3(), &["s3://pays"]);
    assert_eq!((code(&output), got.len()), (1, 0));
    assert!(
        stderr(&output).contains("where the requester pays, give `--requester-pays`"),
        "{}",
        stderr(&output)
    );
    let (output, got) = generate(s3(), &["s3://pays", "--requester-pays"]);
    assert_same(&output, &got, &on_disk(&[&fixture(SAM)]));

    gcs_bucket(&servers.gcs, "paid", "", &fixture(DATA));
    let paid = between(&servers.gcs, |request, _| {
        let why = "Bucket is a requester pays bucket but no user project provided.";
        (!request.target.contains("userProject=example-payer"))
            .then(|| Answer::json(400, &json!({"error": {"code": 400, "message": why}})))
    });
    let gcs = || live(&[("STORAGE_EMULATOR_HOST", &paid.address)]);
    let (output, got) = generate(gcs(), &["gs://paid"]);
    assert_eq!((code(&output), got.len()), (1, 0));
    assert!(stderr(&output).contains("GOOGLE_CLOUD_PROJECT"), "{}", stderr(&output));
    let mut payer = gcs();
    payer.env("GOOGLE_CLOUD_PROJECT", "example-payer");
    let (output, got) = generate(payer, &["gs://paid", "--requester-pays"]);
    assert_same(&output, &got, &on_disk(&[&fixture(DATA)]));
}

#[test]
fn a_bucket_of_another_region_is_read_where_it_is() {
    let Some(servers) = servers() else { return };
    s3_bucket(&servers.s3, "moved", "", &fixture(SAM));
    for (status, error) in [(301, "PermanentRedirect"), (400, "AuthorizationHeaderMalformed")] {
        let elsewhere = between(&servers.s3, move |request, _| {
            let signed = request.headers.get("authorization").map_or("", String::as_str);
            let here = signed.contains("/eu-west-1/s3/aws4_request");
            (!here).then(|| {
                let mut answer = s3_error(status, error, "The bucket is in this region: eu-west-1.");
                answer.headers.push(("x-amz-bucket-region".to_owned(), "eu-west-1".to_owned()));
                answer
            })
        });
        let mut command = live(&[("AWS_ENDPOINT_URL_S3", &elsewhere.address)]);
        command.env("AWS_REGION", "us-east-1");
        let (output, got) = generate(command, &["s3://moved"]);
        assert_same(&output, &got, &on_disk(&[&fixture(SAM)]));
    }
}

#[test]
fn a_long_object_is_decoded_while_it_is_fetched() {
    let Some(servers) = servers() else { return };
    let (root, inputs) = crate::long::folder();
    let of = |mut command: Command, input: &str| {
        let output = command.args(["principals", "--format", "json", input]).output().unwrap();
        (code(&output), String::from_utf8(output.stdout.clone()).unwrap(), stderr(&output))
    };
    let (_, wanted, _) = of(program(), &inputs[0]);
    let bytes = std::fs::read(&inputs[1]).unwrap();
    send(&servers.s3, "PUT", "/long", b"");
    send(&servers.s3, "PUT", "/long/lines.json", &bytes);
    send(
        &servers.gcs,
        "POST",
        "/storage/v1/b?project=example",
        json!({ "name": "long" }).to_string().as_bytes(),
    );
    send(&servers.gcs, "POST", "/upload/storage/v1/b/long/o?uploadType=media&name=lines.json", &bytes);
    let is_object =
        |request: &Request| request.target.contains("lines.json") && !request.target.contains("prefix=");
    for (name, server, variable, input) in [
        ("s3", &servers.s3, "AWS_ENDPOINT_URL_S3", "s3://long/lines.json"),
        ("gs", &servers.gcs, "STORAGE_EMULATOR_HOST", "gs://long"),
    ] {
        // Cut in the middle, and again: it goes on where it was.
        let cut = between(server, move |request, times| {
            (is_object(request) && times < 3).then(|| Answer { cut: true, ..Answer::default() })
        });
        let (exit, got, said) = of(live(&[(variable, &cut.address)]), input);
        assert_eq!((exit, &got), (0, &wanted), "{said}");
        assert!(cut.asked().iter().filter(|target| target.contains("lines.json")).count() >= 3);
        // Cut for good: it is said, and a store keeps nothing of it.
        let failed = between(server, move |request, times| match (is_object(request), times) {
            (true, 1) => Some(Answer { cut: true, ..Answer::default() }),
            (true, _) => Some(Answer::json(403, &json!({"error": {"code": 403, "message": "denied"}}))),
            _ => None,
        });
        let (exit, got, said) = of(live(&[(variable, &failed.address)]), input);
        assert!(exit == 1 && got.is_empty() && said.contains("denied"), "{exit} {said}");
        let store = root.path().join(name).display().to_string();
        let ingest = |address: &str| {
            let mut command = live(&[(variable, address)]);
            command.args(["ingest", input, "--store", &store, "--commit-every", "4"]).output().unwrap()
        };
        let output = ingest(&failed.address);
        assert_eq!(code(&output), 1, "{}", stderr(&output));
        let output = ingest(server);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert_eq!(of(program(), &store).1, wanted);
    }
}

#[test]
fn what_s3_refuses_is_named_and_counts_as_partial() {
    let Some(servers) = servers() else { return };
    s3_bucket(&servers.s3, "closed", "", &fixture(SAM));
    let kms =
        "User is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext";
    let one = between(&servers.s3, move |request, _| {
        request.target.contains("20261104T1705Z").then(|| s3_error(403, "AccessDenied", kms))
    });
    let (output, got) = generate(live(&[("AWS_ENDPOINT_URL_S3", &one.address)]), &["s3://closed"]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("kms:Decrypt on the key"), "{}", stderr(&output));
    assert!(got.iter().any(|(path, text)| path == "manifest.json" && text.contains("s3://closed/AWSLogs/")));

    let none = between(&servers.s3, |request, _| {
        (!is_list(request)).then(|| s3_error(403, "AccessDenied", "Access Denied"))
    });
    let (output, got) = generate(live(&[("AWS_ENDPOINT_URL_S3", &none.address)]), &["s3://closed"]);
    assert_eq!((code(&output), got.len()), (1, 0), "{}", stderr(&output));
    assert!(stderr(&output).contains("s3:GetObject"), "{}", stderr(&output));

    // The list breaks off after its first folders: what is missing is said.
    let half = between(&servers.s3, |request, _| {
        (is_list(request) && request.target.contains("us-east-1"))
            .then(|| s3_error(403, "AccessDenied", "Access Denied"))
    });
    let mut command = live(&[("AWS_ENDPOINT_URL_S3", &half.address)]);
    let output = command.args(["uses", "s3://closed", "--since", "2026-11-01"]).output().unwrap();
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("s3:ListBucket") && !output.stdout.is_empty(), "{}", stderr(&output));
}

#[test]
fn without_a_way_in_nothing_is_written() {
    let Some(servers) = servers() else { return };
    s3_bucket(&servers.s3, "entry", "", &fixture(SAM));
    let fails = |command: Command, input: &str, says: &str| {
        let (output, got) = generate(command, &[input]);
        assert_eq!((code(&output), got.len()), (1, 0), "{input}: {}", stderr(&output));
        assert!(stderr(&output).contains(says), "{input}: {}", stderr(&output));
    };
    let s3 = || live(&[("AWS_ENDPOINT_URL_S3", &servers.s3)]);
    fails(s3(), "s3://no-such-bucket/x", "there is no such bucket");
    fails(s3(), "s3://entry/AWSLogs/999", "holds no logs");
    fails(s3(), "s3://entry/AWSLogs/1111", "a prefix ends where a folder ends");
    let mut nobody = s3();
    nobody.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    fails(nobody, "s3://entry", "no AWS credentials were found");
    let wrong = between(&servers.s3, |_, _| {
        Some(s3_error(
            403,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        ))
    });
    fails(
        live(&[("AWS_ENDPOINT_URL_S3", &wrong.address)]),
        "s3://entry",
        "AWS does not know these credentials",
    );
    fails(live(&[("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")]), "s3://entry", "look at the network");
    let gcs = || live(&[("STORAGE_EMULATOR_HOST", &servers.gcs)]);
    fails(gcs(), "gs://no-such-bucket/x", "there is no such bucket");
    fails(
        live(&[("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file")]),
        "gs://entry",
        "gcloud auth application-default login",
    );
    fails(
        live(&[("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file")]),
        "logging://projects/x",
        "gcloud auth",
    );
    fails(live(&[]), "s3://", "names no bucket");
}

#[test]
fn a_bucket_of_cloud_storage_gives_what_the_disk_gives() {
    let Some(servers) = servers() else { return };
    gcs_bucket(&servers.gcs, "sink", "", &fixture(DATA));
    let other = "syslog%2F2026%2F11%2F03%2F10:00:00_10:59:59_S0.json";
    send(&servers.gcs, "POST", &format!("/upload/storage/v1/b/sink/o?uploadType=media&name={other}"), b"{}");
    let expected = on_disk(&[&fixture(DATA)]);
    let bare = servers.gcs.strip_prefix("http://").unwrap();
    let (output, got) = generate(live(&[("STORAGE_EMULATOR_HOST", bare)]), &["gs://sink"]);
    assert_same(&output, &got, &expected);
    assert!(stderr(&output).contains("1 objects of other logs"), "{}", stderr(&output));
    let shaky = between(&servers.gcs, |request, times| match (request.target.contains("alt=media"), times) {
        (false, 1) => Some(Answer::json(429, &json!({"error": {"code": 429, "message": "slow down"}}))),
        (true, 1) => Some(Answer { cut: true, ..Answer::default() }),
        (true, 2) => Some(Answer::json(503, &json!({"error": {"code": 503, "message": "unavailable"}}))),
        _ => None,
    });
    let (output, got) = generate(live(&[("STORAGE_EMULATOR_HOST", &shaky.address)]), &["gs://sink"]);
    assert_same(&output, &got, &expected);
    let closed = between(&servers.gcs, |request, _| {
        let one = request.target.contains("alt=media") && request.target.contains("system_event");
        one.then(|| Answer::json(403, &json!({"error": {"code": 403, "message": "denied"}})))
    });
    let (output, _) = generate(live(&[("STORAGE_EMULATOR_HOST", &closed.address)]), &["gs://sink"]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("storage.objects.get"), "{}", stderr(&output));
    let since = ["gs://sink", "--since", "2026-11-04"];
    let uses = |mut command: Command, args: &[&str]| command.arg("uses").args(args).output().unwrap().stdout;
    let disk = uses(program(), &[&fixture(DATA), "--since", "2026-11-04"]);
    assert_eq!(uses(live(&[("STORAGE_EMULATOR_HOST", &servers.gcs)]), &since), disk);
}

/// All records of CloudTrail files, each id once, the newest first.
fn records(folder: &str) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for (_, bytes) in files(folder) {
        let mut text = Vec::new();
        match std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut text) {
            Ok(_) => {}
            Err(_) => text = bytes,
        }
        let file: Value = serde_json::from_slice(&text).unwrap();
        let records = file["Records"].as_array().unwrap().iter();
        all.extend(records.filter(|record| seen.insert(record["eventID"].to_string())).cloned());
    }
    all.sort_by(|a, b| b["eventTime"].as_str().cmp(&a["eventTime"].as_str()));
    all
}

fn epoch(time: &Value) -> i64 {
    time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second()
}

/// LookupEvents as the service answers it, failing as it can.
fn lookup_server(records: Vec<Value>) -> String {
    let calls = Mutex::new(0);
    serve(move |request| {
        assert_eq!(request.headers["x-amz-target"], "CloudTrail_20131101.LookupEvents");
        let call = {
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            *calls
        };
        let error = |kind: &str| Answer::json(400, &json!({"__type": kind, "message": "no"}));
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let token = body["NextToken"].as_str().map(str::to_owned);
        match call {
            2 => return error("ThrottlingException"),
            3 => return Answer::json(500, &json!({"__type": "InternalFailure"})),
            6 if token.is_some() => return error("InvalidNextTokenException"),
            _ => {}
        }
        let within = |record: &&Value| {
            let at = epoch(&record["eventTime"]);
            body["StartTime"].as_f64().is_none_or(|start| at as f64 >= start)
                && body["EndTime"].as_f64().is_none_or(|end| at as f64 <= end)
                && body["LookupAttributes"].as_array().is_none_or(|list| {
                    list.iter().all(|a| {
                        a["AttributeKey"] == "Username"
                            && a["AttributeValue"] == record["userIdentity"]["userName"]
                    })
                })
        };
        let found: Vec<&Value> = records.iter().filter(within).collect();
        let from: usize = token.map_or(0, |token| token.parse().unwrap());
        let most = usize::try_from(body["MaxResults"].as_u64().unwrap()).unwrap().min(12);
        let events: Vec<Value> = found
            .iter()
            .skip(from)
            .take(most)
            .map(|record| {
                json!({"EventId": record["eventID"], "EventTime": epoch(&record["eventTime"]), "CloudTrailEvent": record.to_string()})
            })
            .collect();
        let next = (from + most < found.len()).then(|| (from + most).to_string());
        let mut answer = Answer::json(200, &json!({"Events": events, "NextToken": next}));
        answer.headers = vec![("content-type".to_owned(), "application/x-amz-json-1.1".to_owned())];
        answer.cut = call == 5;
        answer
    })
}

/// A file of records as `aws cloudtrail lookup-events` prints them.
fn written(folder: &Path, records: &[Value]) -> String {
    let path = folder.join("records.json");
    let events: Vec<Value> =
        records.iter().map(|record| json!({"CloudTrailEvent": record.to_string()})).collect();
    std::fs::write(&path, json!({ "Events": events }).to_string()).unwrap();
    path.display().to_string()
}

#[test]
fn the_event_history_gives_what_the_disk_gives() {
    let records = records(&fixture(SAM));
    let folder = tempfile::tempdir().unwrap();
    let disk = written(folder.path(), &records);
    let server = lookup_server(records);
    let (output, got) =
        generate(live(&[("AWS_ENDPOINT_URL_CLOUDTRAIL", &server)]), &["cloudtrail://eu-central-1"]);
    assert_same(&output, &got, &on_disk(&[&disk]));
    assert!(stderr(&output).contains("90 days"), "{}", stderr(&output));
    let uses = |mut command: Command, input: &str| {
        command.args(["uses", input, "--since", "0d"]).output().unwrap().stdout
    };
    let live = uses(live(&[("AWS_ENDPOINT_URL_CLOUDTRAIL", &server)]), "cloudtrail://eu-central-1");
    assert_eq!(String::from_utf8(live).unwrap(), String::from_utf8(uses(program(), &disk)).unwrap());
}

#[test]
fn the_event_history_that_cannot_be_read_is_an_error() {
    let denied = serve(|_| {
        let said =
            "User: arn:aws:iam::111122223333:user/a is not authorized to perform: cloudtrail:LookupEvents";
        Answer::json(400, &json!({"__type": "AccessDeniedException", "Message": said}))
    });
    let (output, got) =
        generate(live(&[("AWS_ENDPOINT_URL_CLOUDTRAIL", &denied)]), &["cloudtrail://eu-central-1"]);
    assert_eq!((code(&output), got.len()), (1, 0));
    assert!(stderr(&output).contains("need cloudtrail:LookupEvents"), "{}", stderr(&output));
    let empty = serve(|_| Answer::json(200, &json!({"Events": []})));
    let (output, got) =
        generate(live(&[("AWS_ENDPOINT_URL_CLOUDTRAIL", &empty)]), &["cloudtrail://eu-central-1"]);
    assert_eq!((code(&output), got.len()), (1, 0));
    assert!(stderr(&output).contains("no log to read"), "{}", stderr(&output));
}

/// Log entries of a folder, the oldest first.
fn entries(folder: &str) -> Vec<Value> {
    let mut all: Vec<Value> = files(folder)
        .iter()
        .filter(|(key, _)| key.starts_with("cloudaudit"))
        .flat_map(|(_, bytes)| {
            let lines: Vec<Value> = std::str::from_utf8(bytes)
                .unwrap()
                .lines()
                .map(|l| serde_json::from_str(l).unwrap())
                .collect();
            lines
        })
        .collect();
    let mut seen = BTreeSet::new();
    all.retain(|entry| seen.insert((entry["timestamp"].to_string(), entry["insertId"].to_string())));
    all.sort_by(|a, b| a["timestamp"].as_str().cmp(&b["timestamp"].as_str()));
    all
}

/// `entries.list` as the service answers it, failing as it can.
fn logging_server(entries: Vec<Value>) -> String {
    let calls = Mutex::new(0);
    serve(move |request| {
        assert_eq!(request.target.split('?').next(), Some("/v2/entries:list"));
        let call = {
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            *calls
        };
        let error = |code: u16, status: &str| {
            Answer::json(code, &json!({"error": {"code": code, "status": status, "message": "no"}}))
        };
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["resourceNames"], json!(["projects/example-data-dev"]));
        let filter = body["filter"].as_str().unwrap();
        assert!(
            filter.starts_with("logName:\"/logs/cloudaudit.googleapis.com\" AND timestamp>=\""),
            "{filter}"
        );
        let token = body["pageToken"].as_str().filter(|token| !token.is_empty());
        match call {
            2 => return error(429, "RESOURCE_EXHAUSTED"),
            3 => return error(503, "UNAVAILABLE"),
            6 if token.is_some() => return error(400, "INVALID_ARGUMENT"),
            _ => {}
        }
        let bound =
            |sign: &str| filter.split(sign).nth(1).map(|rest| rest.split('"').nth(1).unwrap().to_owned());
        let parse = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
        let (from, to) = (bound("timestamp>="), bound("timestamp<\""));
        let at = |entry: &Value| parse(entry["timestamp"].as_str().unwrap());
        let mut found: Vec<&Value> = entries
            .iter()
            .filter(|e| {
                from.as_ref().is_none_or(|f| at(e) >= parse(f))
                    && to.as_ref().is_none_or(|t| at(e) < parse(t))
            })
            .collect();
        if body["orderBy"] == "timestamp desc" {
            found.reverse();
        }
        let skip: usize = token.map_or(0, |token| token.parse().unwrap());
        let most = usize::try_from(body["pageSize"].as_u64().unwrap()).unwrap().min(7);
        let page: Vec<&Value> = found.iter().skip(skip).take(most).copied().collect();
        let next = (skip + most < found.len()).then(|| (skip + most).to_string());
        let mut answer =
            Answer::json(200, &json!({"entries": page, "nextPageToken": next.unwrap_or_default()}));
        answer.cut = call == 5;
        answer
    })
}

#[test]
fn cloud_logging_gives_what_the_disk_gives() {
    let entries = entries(&fixture(DATA));
    assert!(entries.len() > 30, "{}", entries.len());
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = entries.iter().map(Value::to_string).collect();
    let path = folder.path().join("entries.json");
    std::fs::write(&path, lines.join("\n")).unwrap();
    let disk = path.display().to_string();
    let server = logging_server(entries);
    let endpoint = [("CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING", server.as_str())];
    let input = "logging://projects/example-data-dev";
    let (output, got) = generate(live(&endpoint), &[input]);
    assert_same(&output, &got, &on_disk(&[&disk]));
    let uses = |mut command: Command, input: &str| {
        command.args(["uses", input, "--since", "0d"]).output().unwrap().stdout
    };
    let live = uses(live(&endpoint), input);
    assert_eq!(String::from_utf8(live).unwrap(), String::from_utf8(uses(program(), &disk)).unwrap());
}

#[test]
fn ctrl_c_keeps_what_was_read() {
    let Some(servers) = servers() else { return };
    s3_bucket(&servers.s3, "slow", "", &fixture(SAM));
    let slow = between(&servers.s3, |request, _| {
        if request.target.contains("20261104T1705Z") {
            std::thread::sleep(Duration::from_secs(60));
        }
        None
    });
    let mut command = live(&[("AWS_ENDPOINT_URL_S3", &slow.address)]);
    let child =
        command.args(["uses", "s3://slow"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let last = || slow.asked().iter().filter(|target| target.contains("20261104T1705Z")).count();
    while last() == 0 {
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(1));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("interrupted when") && !output.stdout.is_empty(), "{}", stderr(&output));
}

fn own_policy(args: &[&str]) -> String {
    let output = program().arg("own-policy").args(args).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn own_policy_is_the_least_that_reading_needs() {
    let key = "arn:aws:kms:eu-central-1:111122223333:key/1234";
    let inputs = [
        "s3://trail/org/AWSLogs",
        "s3://trail/org/AWSLogs/111122223333",
        "s3://all",
        "cloudtrail://eu-central-1",
    ];
    let text = own_policy(&[&inputs[..], &["--kms-key", key]].concat());
    let policy: Value = serde_json::from_str(&text).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let of =
        |sid: &str| statements.iter().find(|s| s["Sid"] == sid).unwrap_or_else(|| panic!("{sid} in {text}"));
    assert!(of("ListLogs").get("Condition").is_none());
    assert_eq!(of("ReadLogs")["Resource"], json!(["arn:aws:s3:::all/*"]));
    assert_eq!(
        of("ListLogs2")["Condition"]["StringLike"]["s3:prefix"],
        json!(["org/AWSLogs", "org/AWSLogs/*"])
    );
    let below = json!(["arn:aws:s3:::trail/org/AWSLogs", "arn:aws:s3:::trail/org/AWSLogs/*"]);
    assert_eq!(of("ReadLogs2")["Resource"], below);
    assert_eq!(of("DecryptLogs")["Resource"], json!([key]));
    assert_eq!(of("LookupEvents")["Action"], "cloudtrail:LookupEvents");
    let known = leastgrant::catalog::aws();
    for statement in statements {
        assert!(known.table.action(statement["Action"].as_str().unwrap()).is_some(), "{statement}");
    }
    let role = own_policy(&["gs://sink/a", "logging://folders/12"]);
    let permissions: Vec<&str> = role.lines().filter_map(|line| line.strip_prefix("- ")).collect();
    let expected = [
        "logging.logEntries.list",
        "logging.privateLogEntries.list",
        "storage.objects.get",
        "storage.objects.list",
    ];
    assert_eq!(permissions, expected);
    assert!(role.contains("gs://sink") && role.contains("folders add-iam-policy-binding 12"));
    assert_eq!(own_policy(&["s3://a", "gs://b"]).split("---\n").count(), 2);
    assert_eq!(own_policy(&["logs/"]), "");
}
