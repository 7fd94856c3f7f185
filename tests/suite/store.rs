//! Stores: they answer as their logs do, whatever happened on the way.

use crate::support::{code, corpus, fixture, lines, program, run, stderr, tree};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

const TARGETS: [&str; 6] =
    ["aws-policy", "aws-boundary", "aws-terraform", "aws-cloudformation", "gcp-role", "gcp-terraform"];

/// A folder with logs, stores and what comes of them.
struct Bench {
    root: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self.text(name)
    }

    /// So many files of records of several days, roles, sessions and object names.
    fn logs(&self, files: usize, records: usize) -> String {
        for file in 0..files {
            let text: String = (0..records).map(|n| format!("{}\n", record(file * records + n))).collect();
            self.write(&format!("logs/{:02}/{file:03}.json", file % 5), &text);
        }
        self.text("logs")
    }

    fn ingest(&self, inputs: &[&str], store: &str, more: &[&str]) -> Output {
        let store = self.text(store);
        run(&[&["ingest", "--store", &store], inputs, more].concat())
    }

    fn ingested(&self, inputs: &[&str], store: &str, more: &[&str]) {
        let output = self.ingest(inputs, store, more);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    }

    /// What `generate` writes and how it ends.
    fn generated(&self, inputs: &[&str], more: &[&str]) -> (i32, Vec<(String, String)>) {
        let out = tempfile::tempdir_in(self.root.path()).unwrap();
        let path = out.path().display().to_string();
        let mut args = vec!["generate", "-q", "--include-denied", "--out", &path];
        args.extend(TARGETS.iter().flat_map(|target| ["--target", target]));
        let output = run(&[&args, inputs, more].concat());
        assert!([0, 1, 3, 4].contains(&code(&output)), "{}", stderr(&output));
        (code(&output), tree(out.path()))
    }

    fn tables(&self, store: &str) -> Vec<PathBuf> {
        let all = self.path(store).join("segments").read_dir().unwrap();
        let mut all: Vec<PathBuf> = all.map(|entry| entry.unwrap().path()).collect();
        all.sort();
        all
    }
}

fn record(n: usize) -> Value {
    let (role, day) = (["deploy", "report", "batch"][n % 3], 1 + n % 9);
    let region = ["eu-central-1", "us-east-1"][n % 2];
    let (source, event, parameters) = match n % 4 {
        0 => ("dynamodb", "DescribeTable", json!({ "tableName": format!("orders-{}", n % 7) })),
        1 => ("s3", "GetObject", json!({ "bucketName": "lake", "key": format!("in/{}/{n}.json", n % 3) })),
        2 => ("lambda", "GetFunction20150331v2", json!({ "functionName": format!("fn-{}", n % 5) })),
        _ => ("sqs", "GetQueueUrl", json!({ "queueName": "jobs" })),
    };
    let mut record = json!({
        "eventVersion": "1.11", "eventTime": format!("2026-11-{day:02}T09:{:02}:{:02}Z", n / 60 % 60, n % 60),
        "awsRegion": region, "eventSource": format!("{source}.amazonaws.com"),
        "eventName": event, "eventID": format!("id-{n}"), "eventType": "AwsApiCall", "readOnly": true,
        "recipientAccountId": "111122223333", "requestParameters": parameters,
        "sourceIPAddress": format!("192.0.2.{}", n % 4),
        "userIdentity": { "type": "AssumedRole", "accountId": "111122223333",
            "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/session-{}", n % 6),
            "sessionContext": { "sessionIssuer": { "type": "Role",
                "arn": format!("arn:aws:iam::111122223333:role/{role}") } } },
    });
    if n.is_multiple_of(11) {
        record["errorCode"] = json!("AccessDenied");
        record["errorMessage"] = json!("User is not authorized to perform this");
    }
    record
}

/// Compares what two inputs lead to.
fn same(bench: &Bench, logs: &[&str], store: &str, more: &[&str]) {
    let (wanted, got) = (bench.generated(logs, more), bench.generated(&[store], more));
    assert_eq!(got.0, wanted.0, "{more:?}");
    let names = |all: &[(String, String)]| all.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&got.1), names(&wanted.1), "{more:?}");
    for ((path, got), (_, wanted)) in got.1.iter().zip(&wanted.1) {
        let differs = got.lines().zip(wanted.lines()).find(|(got, wanted)| got != wanted);
        assert!(got == wanted, "{more:?} {path}: {differs:?}");
    }
}

/// The commands that print, on both.
fn prints_the_same(logs: &[&str], store: &str, more: &[&str]) {
    let principals = run(&[&["principals", "--format", "json"], logs, more].concat());
    let ids: Vec<String> =
        lines(&principals).iter().filter_map(|who| who["principal"].as_str().map(str::to_owned)).collect();
    let mut commands = vec![vec!["principals", "--format", "json"], vec!["denied", "--format", "json"]];
    commands.extend(ids.iter().take(3).map(|id| vec!["explain", "--principal", id]));
    let (out, text) = (tempfile::tempdir().unwrap(), String::from_utf8(principals.stdout).unwrap());
    let (path, none) = (out.path().display().to_string(), text.is_empty());
    let written = [&["generate", "-q", "--out", &path, "--until", "2026-11-04"], logs, more].concat();
    let narrowed = !more.contains(&"--until") && !none && code(&run(&written)) == 0;
    let policy =
        tree(out.path()).into_iter().find(|(file, _)| file.starts_with("aws/") && file != "manifest.json");
    let policy = policy.map(|(file, _)| out.path().join(file).display().to_string());
    if let Some(policy) = policy.as_ref().filter(|_| narrowed) {
        commands.push(vec!["drift", "--format", "json", "--out", &path]);
        commands.push(vec!["check", "--format", "json", "--policy", policy]);
    }
    for command in commands {
        let wanted = run(&[&command, logs, more].concat());
        let got = run(&[command.as_slice(), &[store], more].concat());
        let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(code(&got), code(&wanted), "{command:?} {}", stderr(&got));
        assert_eq!(text(&got), text(&wanted), "{command:?} {more:?}");
    }
}

/// All answers of a store and of its logs, also with filters and windows.
fn answers_as(bench: &Bench, logs: &[&str], store: &str) {
    let usage = crate::support::read(&logs.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>(), 2);
    let who = usage.principals.iter().find(|who| who.actions > 1).map_or("*", |who| who.id.as_str());
    let days: Vec<String> =
        usage.tally.days.keys().filter_map(|day| day.map(|day| day.to_string())).collect();
    let middle = days[days.len() / 2].as_str();
    let account =
        usage.principals.iter().find(|who| !who.home.is_empty()).map_or("x", |who| who.home.as_str());
    for more in [
        vec![],
        vec!["--principal", who],
        vec!["--account", account],
        vec!["--region", "us-east-1"],
        vec!["--cloud", "gcp"],
        vec!["--since", middle],
        vec!["--until", middle, "--principal", who],
        vec!["--since", "2d", "--accept-review"],
    ] {
        same(bench, logs, store, &more);
        if !more.contains(&"--accept-review") {
            prints_the_same(logs, store, &more);
        }
    }
}

#[test]
fn a_store_answers_as_the_logs_in_it() {
    for logs in ["aws/sam-deploy", "aws/organization", "aws/landing-zone", "gcp/data-team"] {
        let (bench, logs) = (Bench::new(), fixture(&format!("{logs}/logs")));
        bench.ingested(&[&logs], "store", &["-q"]);
        answers_as(&bench, &[&logs], &bench.text("store"));
    }
}

#[test]
fn however_it_was_filled() {
    let (bench, logs) = (Bench::new(), fixture("aws/organization/logs"));
    let mut files: Vec<PathBuf> = walkdir::WalkDir::new(&logs)
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect();
    files.sort();
    files.reverse();
    for file in &files {
        bench.ingested(&[&file.display().to_string()], "store", &["-q"]);
    }
    answers_as(&bench, &[&logs], &bench.text("store"));
    let compacted = run(&["store", "compact", &bench.text("store")]);
    assert_eq!(code(&compacted), 0, "{}", stderr(&compacted));
    assert_eq!(bench.tables("store").len(), 4);
    answers_as(&bench, &[&logs], &bench.text("store"));
    // Nothing of it is new.
    let before = tree_of(&bench, "store");
    bench.ingested(&[&logs], "store", &["-q"]);
    assert_eq!(tree_of(&bench, "store"), before);
}

fn tree_of(bench: &Bench, store: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let files = walkdir::WalkDir::new(bench.path(store)).sort_by_file_name().into_iter().flatten();
    let files = files.filter(|entry| entry.file_type().is_file());
    files.map(|entry| (entry.path().to_owned(), std::fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn real_logs_and_their_store_say_the_same() {
    let Some(root) = corpus() else { return };
    let (aws, gcp) =
        (root.join("logs/aws").display().to_string(), root.join("logs/gcp").display().to_string());
    let bench = Bench::new();
    bench.ingested(&[&aws], "store", &["-q", "--commit-every", "7"]);
    bench.ingested(&[&gcp], "store", &["-q", "--commit-every", "3"]);
    answers_as(&bench, &[&aws, &gcp], &bench.text("store"));
}

#[test]
fn what_is_read_twice_counts_once() {
    let bench = Bench::new();
    let logs = bench.logs(6, 30);
    bench.ingested(&[&logs], "store", &["-q"]);
    let before = bench.generated(&[&bench.text("store")], &[]);
    // The same events in a file of another name, beside one that is new.
    let copies: String = (0..40).map(|n| format!("{}\n", record(n))).collect();
    let copy = bench.write("copies/all.json", &copies);
    bench.ingested(&[&copy, &logs], "store", &["-q"]);
    let after = bench.generated(&[&bench.text("store")], &[]);
    let policies = |all: &[(String, String)]| -> Vec<(String, String)> {
        all.iter().filter(|(path, _)| path != "manifest.json").cloned().collect()
    };
    assert!(policies(&before.1) == policies(&after.1));
    same(&bench, &[&logs, &copy], &bench.text("store"), &[]);
    // However the folder is called.
    let around = format!("{}/../logs/.", bench.text("copies"));
    let known = tree_of(&bench, "store");
    let nothing_new =
        program().args(["ingest", ".", "--store"]).arg(bench.path("store")).current_dir(&logs).output();
    assert_eq!(code(&nothing_new.unwrap()), 0);
    assert_eq!(tree_of(&bench, "store"), known, "{around}");
}

#[test]
fn late_grown_and_unreadable_objects() {
    let bench = Bench::new();
    let logs = bench.logs(5, 20);
    let cut = bench.write("logs/cut.json", &record(500).to_string().chars().take(200).collect::<String>());
    let output = bench.ingest(&[&logs], "store", &["-q"]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("cut.json"), "{}", stderr(&output));
    same(&bench, &[&logs], &bench.text("store"), &[]);
    assert_eq!(bench.generated(&[&bench.text("store")], &[]).0, 3);
    // A file grows, the cut one is whole now, another comes late.
    std::fs::write(&cut, format!("{}\n", record(500))).unwrap();
    let grown: String = (0..25).map(|n| format!("{}\n", record(n))).collect();
    bench.write("logs/00/000.json", &grown);
    bench.write("logs/late.json", &format!("{}\n", record(900)));
    bench.ingested(&[&logs], "store", &["-q"]);
    same(&bench, &[&logs], &bench.text("store"), &[]);
    assert_eq!(bench.generated(&[&bench.text("store")], &[]).0, 0);
    // What is gone from the folder stays in the store.
    let whole = bench.generated(&[&logs], &[]);
    std::fs::remove_dir_all(bench.path("logs/01")).unwrap();
    bench.ingested(&[&logs], "store", &["-q"]);
    assert!(bench.generated(&[&bench.text("store")], &[]) == whole);
    // A file of a step that cannot be read as a whole any more is read beside it.
    bench.write("logs/00/000.json", &format!("{grown}{}\n", record(901)));
    bench.ingested(&[&logs], "store", &["-q"]);
    let got = bench.generated(&[&bench.text("store")], &[]).1;
    let used = |all: &[(String, String)]| {
        let manifest = &all.iter().find(|(path, _)| path == "manifest.json").unwrap().1;
        serde_json::from_str::<Value>(manifest).unwrap()["tally"]["used"].as_u64().unwrap()
    };
    assert_eq!(used(&got), used(&whole.1) + 1);
}

fn intent(bench: &Bench, name: &str, text: &str) -> String {
    bench.write(name, text)
}

#[test]
fn excluded_uses_are_read_again_when_the_entries_change() {
    let bench = Bench::new();
    let logs = bench.logs(6, 30);
    let none = intent(&bench, "none.toml", "");
    let entry = "[[exclude]]\nuser_agent = \"never\"\nowner = \"a\"\nreason = \"b\"\n\
                 [[exclude]]\ncidr = \"192.0.2.1/32\"\nowner = \"a\"\nreason = \"b\"\n";
    let some = intent(&bench, "some.toml", entry);
    bench.ingested(&[&logs], "store", &["-q", "--intent", &none]);
    let store = bench.text("store");
    // Not applied yet: nothing must be learned from what is excluded.
    let output = run(&["principals", &store, "--intent", &some]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("[[exclude]]"), "{}", stderr(&output));
    bench.ingested(&[&logs], "store", &["-q", "--intent", &some, "--commit-every", "2"]);
    same(&bench, &[&logs], &store, &["--intent", &some]);
    prints_the_same(&[&logs], &store, &["--intent", &some]);
    // Of one day only: and back.
    bench.ingested(&[&logs], "store", &["-q", "--intent", &none]);
    same(&bench, &[&logs], &store, &["--intent", &none]);
    // The objects are gone.
    let before = bench.generated(&[&store], &["--intent", &none]);
    let other = bench.write("other/one.json", &format!("{}\n", record(2_000)));
    let output = bench.ingest(&[&other], "store", &["-q", "--intent", &some]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("not in the inputs any more"), "{}", stderr(&output));
    let after = bench.generated(&[&store], &["--intent", &some]);
    assert_eq!(after.0, 3);
    for (path, text) in before.1.iter().filter(|(path, _)| path.contains("aws-policy")) {
        let now = after.1.iter().find(|(other, _)| other == path);
        assert!(now.is_some_and(|(_, now)| now.len() >= text.len()), "{path}");
    }
    // They are back.
    bench.ingested(&[&logs, &other], "store", &["-q", "--intent", &some]);
    same(&bench, &[&logs, &other], &store, &["--intent", &some]);
}

#[test]
fn many_segments_are_joined_and_read_again() {
    let bench = Bench::new();
    let logs = bench.logs(40, 6);
    let entry = "[[exclude]]\ncidr = \"192.0.2.1/32\"\nsince = 2026-11-04\nuntil = 2026-11-05\n";
    let (none, some) = (bench.write("none.toml", ""), bench.write("some.toml", entry));
    let one_by_one = ["-q", "--commit-every", "1", "--threads", "1", "--intent"];
    bench.ingested(&[&logs], "store", &[&one_by_one[..], &[&none]].concat());
    assert!(bench.tables("store").len() <= 24 * 4, "{}", bench.tables("store").len());
    same(&bench, &[&logs], &bench.text("store"), &["--intent", &none]);
    bench.ingested(&[&logs], "store", &[&one_by_one[..], &[&some]].concat());
    same(&bench, &[&logs], &bench.text("store"), &["--intent", &some]);
    // A run that began to read them again and was killed, then one with the former file.
    let store = bench.text("store");
    let mut command = program();
    let args = ["ingest", &logs, "--store", &store, "-q", "--commit-every", "1", "--intent", &none];
    let mut child = command.args(args).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(150));
    let _ = child.kill();
    let _ = child.wait();
    bench.ingested(&[&logs], "store", &["-q", "--intent", &some]);
    same(&bench, &[&logs], &store, &["--intent", &some]);
}

#[test]
fn what_comes_through_a_pipe_is_known_by_its_content() {
    let bench = Bench::new();
    let logs = bench.logs(1, 30);
    let file = bench.path("logs/00/000.json");
    let piped = |more: &[&str]| {
        let mut command = program();
        command.args(["ingest", "-", "-q", "--store"]).arg(bench.path("store")).args(more);
        let output = command.stdin(std::fs::File::open(&file).unwrap()).output().unwrap();
        (code(&output), stderr(&output))
    };
    assert_eq!(piped(&[]).0, 0);
    let before = tree_of(&bench, "store");
    assert_eq!(piped(&[]).0, 0);
    assert!(tree_of(&bench, "store") == before);
    let (logs, piped_store) = (bench.generated(&[&logs], &[]), bench.generated(&[&bench.text("store")], &[]));
    assert!(logs == piped_store);
    // It cannot be read again.
    let entry = "[[exclude]]\ncidr = \"192.0.2.1/32\"\n";
    let some = bench.write("some.toml", entry);
    let (exit, said) = piped(&["--intent", &some]);
    assert!(exit == 3 && said.contains("not in the inputs any more"), "{said}");
}

#[test]
fn condition_keys_are_attested_at_ingest() {
    let (bench, logs) = (Bench::new(), fixture("aws/sam-deploy/logs"));
    let key = ["--condition", "aws:RequestedRegion"];
    bench.ingested(&[&logs], "plain", &["-q"]);
    let plain = bench.text("plain");
    let output = run(&["generate", &plain, "--out", &bench.text("out"), key[0], key[1]]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("aws:RequestedRegion"), "{}", stderr(&output));
    bench.ingested(&[&logs], "plain", &["-q", "--rebuild", key[0], key[1]]);
    same(&bench, &[&logs], &plain, &key);
    same(&bench, &[&logs], &plain, &[]);
}

fn spawn(logs: &str, store: &str) -> Child {
    let mut command = program();
    command.args(["ingest", logs, "--store", store, "-q", "--commit-every", "3", "--threads", "2"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn killed_at_any_moment_the_next_run_goes_on() {
    let bench = Bench::new();
    let logs = bench.logs(40, 25);
    let (whole, store) = (bench.text("whole"), bench.text("store"));
    let start = Instant::now();
    assert!(spawn(&logs, &whole).wait().unwrap().success());
    let length = start.elapsed();
    let wanted = bench.generated(&[&whole], &[]);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let (mut finished, mut kept) = (0, 0);
    for round in 0..50 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = length.mul_f64(((state >> 11) as f64) / ((1u64 << 53) as f64));
        let mut child = spawn(&logs, &store);
        std::thread::sleep(at);
        let _ = child.kill();
        finished += usize::from(child.wait().unwrap().success());
        // Whatever stands can be read, and says that it is not all.
        if let Some(index) = index(Path::new(&store)) {
            kept += usize::from(!index["segments"].as_array().unwrap().is_empty());
            let said = run(&["store", "info", &store, "--format", "json"]);
            assert!(lines(&said)[0]["damaged"].as_array().unwrap().is_empty(), "{}", stderr(&said));
        }
        // From the start again, so that every part of a run is hit.
        if round % 10 == 9 {
            assert!(spawn(&logs, &store).wait().unwrap().success());
            assert!(bench.generated(&[&store], &[]) == wanted, "after round {round}");
            std::fs::remove_dir_all(&store).unwrap();
        }
    }
    assert!(kept > 0 && finished < 50, "{kept} {finished}");
}

fn index(store: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(store.join("leastgrant-store.json")).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn two_at_once_are_as_one() {
    let bench = Bench::new();
    let logs = bench.logs(20, 25);
    let store = bench.text("store");
    let (mut one, mut two) = (spawn(&logs, &store), spawn(&logs, &store));
    assert!(one.wait().unwrap().success() && two.wait().unwrap().success());
    same(&bench, &[&logs], &store, &[]);
    // One that waits says so, where somebody listens.
    let lock = std::fs::File::options().write(true).open(bench.path("store/lock")).unwrap();
    lock.lock().unwrap();
    let mut command = program();
    let waits = command.args(["ingest", &logs, "--store", &store]).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(700));
    drop(lock);
    let output = waits.wait_with_output().unwrap();
    assert_eq!(code(&output), 0);
    assert!(stderr(&output).contains("waiting"), "{}", stderr(&output));
}

#[test]
fn what_is_damaged_is_named_and_read_again_on_request() {
    let bench = Bench::new();
    let logs = bench.logs(9, 20);
    bench.ingested(&[&logs], "store", &["-q", "--commit-every", "3", "--threads", "1"]);
    let store = bench.text("store");
    let wanted = bench.generated(&[&logs], &[]);
    let foreign =
        std::fs::read(bench.tables("store").iter().find(|p| p.ends_with("00000001-rows.parquet")).unwrap());
    let foreign = foreign.unwrap();
    for table in ["rows", "facts", "events", "objects"] {
        for how in ["truncated", "missing", "foreign", "flipped"] {
            let named = format!("-{table}.parquet");
            let path = bench.tables("store").into_iter().rfind(|p| p.display().to_string().ends_with(&named));
            let path = path.unwrap();
            let bytes = std::fs::read(&path).unwrap();
            match how {
                "truncated" => std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap(),
                "missing" => std::fs::remove_file(&path).unwrap(),
                "foreign" => std::fs::write(&path, &foreign).unwrap(),
                _ => {
                    let mut other = bytes.clone();
                    let middle = other.len() / 2;
                    other[middle] ^= 0x55;
                    std::fs::write(&path, other).unwrap();
                }
            }
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let info = run(&["store", "info", &store, "--format", "json"]);
            assert_eq!(code(&info), 3, "{table} {how}");
            assert!(
                lines(&info)[0]["damaged"][0]["path"].as_str().unwrap().ends_with(&name),
                "{table} {how}"
            );
            if table != "objects" {
                let (exit, files) = bench.generated(&[&store], &[]);
                let manifest = &files.iter().find(|(path, _)| path == "manifest.json").unwrap().1;
                assert!(exit == 3 && manifest.contains(&name), "{table} {how}: {exit}");
            }
            if how != "flipped" {
                let refused = bench.ingest(&[&logs], "store", &["-q"]);
                assert_eq!(code(&refused), 1, "{table} {how}");
                let said = stderr(&refused);
                assert!(said.contains(&name) && said.contains("--rebuild"), "{said}");
            }
            bench.ingested(&[&logs], "store", &["-q", "--rebuild", "--commit-every", "3", "--threads", "1"]);
            assert!(bench.generated(&[&store], &[]) == wanted, "{table} {how}");
        }
    }
    // What is damaged and gone is told, and nothing else is lost.
    let path =
        bench.tables("store").into_iter().find(|p| p.display().to_string().contains("-rows.")).unwrap();
    std::fs::remove_file(path).unwrap();
    std::fs::remove_dir_all(bench.path("logs/00")).unwrap();
    let output = bench.ingest(&[&logs], "store", &["-q", "--rebuild"]);
    assert!([0, 3].contains(&code(&output)), "{}", stderr(&output));
    let info = lines(&run(&["store", "info", &store, "--format", "json"])).remove(0);
    assert!(info["damaged"].as_array().unwrap().is_empty(), "{info}");
}

#[test]
fn folders_that_are_no_stores_and_stores_of_later_versions() {
    let bench = Bench::new();
    let logs = bench.logs(2, 10);
    let output = bench.ingest(&[&logs], "logs", &[]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("holds other files"), "{}", stderr(&output));
    let output = bench.ingest(&["nowhere"], "store", &[]);
    assert_eq!(code(&output), 1);
    assert!(!bench.path("store").exists());
    let empty = bench.text("empty");
    std::fs::create_dir(&empty).unwrap();
    let output = bench.ingest(&[&empty], "store", &[]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    bench.ingested(&[&logs], "store", &["-q"]);
    let store = bench.text("store");
    let output = run(&["principals", &store, &logs]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("is a store"), "{}", stderr(&output));
    let output = bench.ingest(&[&logs], "other", &["--principal", "x"]);
    assert_eq!(code(&output), 1);
    // A store inside a folder of logs is no log.
    let inside = bench.text("logs/store");
    assert_eq!(code(&run(&["ingest", &logs, "--store", &inside, "-q"])), 0);
    assert_eq!(code(&run(&["ingest", &logs, "--store", &inside, "-q"])), 0);
    assert_eq!(code(&run(&["principals", &logs])), 0);
    let marker = bench.path("store/leastgrant-store.json");
    let text = std::fs::read_to_string(&marker).unwrap().replacen("\"format\": 1", "\"format\": 9", 1);
    std::fs::write(&marker, text).unwrap();
    for args in
        [vec!["principals", &store], vec!["ingest", &logs, "--store", &store], vec!["store", "info", &store]]
    {
        let output = run(&args);
        assert_eq!(code(&output), 1);
        assert!(
            stderr(&output).contains("format 9") && stderr(&output).contains("newer"),
            "{}",
            stderr(&output)
        );
    }
    let output = run(&["store", "info", &logs]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("is no store"), "{}", stderr(&output));
}

#[test]
fn uses_of_a_store_are_counted_by_day() {
    let bench = Bench::new();
    let logs = bench.logs(6, 30);
    bench.ingested(&[&logs], "store", &["-q"]);
    let sums = |input: &str, more: &[&str]| {
        let mut all: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
        let output = run(&[&["uses", "--skipped", input], more].concat());
        for line in lines(&output) {
            let key = ["principal", "action", "resource", "outcome", "exempt", "rule", "skipped"];
            let key = key.map(|field| line[field].to_string()).join(" ");
            let day = line["at"].as_str().unwrap_or("").chars().take(10).collect::<String>();
            *all.entry(format!("{day} {key}")).or_default() += line["count"].as_u64().unwrap_or(1);
        }
        all
    };
    assert_eq!(sums(&bench.text("store"), &[]), sums(&logs, &[]));
    let some = sums(&bench.text("store"), &["--since", "2026-11-04"]);
    assert!(!some.is_empty() && some.keys().all(|key| !key.contains("2026-11-03")), "{some:?}");
}

#[test]
fn a_window_within_a_day_says_that_the_day_counts() {
    let bench = Bench::new();
    let logs = bench.logs(6, 30);
    bench.ingested(&[&logs], "store", &["-q"]);
    for input in [&logs, &bench.text("store")] {
        let said = |more: &[&str]| stderr(&run(&[&["principals", input], more].concat()));
        let inside = said(&["--since", "2026-11-03T10:30:00Z", "--until", "2026-11-05T10:30:00Z"]);
        assert!(inside.contains("`--since 2026-11-03T10:30:00Z` lies within a day"), "{inside}");
        assert!(inside.contains("2026-11-05 counts up to its end"), "{inside}");
        let whole = ["--since", "2026-11-03T00:00:00Z", "--until", "2026-11-05T23:59:59Z"];
        assert_eq!(said(&whole), "");
        assert_eq!(said(&["-q", "--since", "2026-11-03T10:30:00Z"]), "");
        let (_, files) = bench.generated(&[input], &["--since", "2026-11-03T10:30:00Z"]);
        let manifest = &files.iter().find(|(path, _)| path == "manifest.json").unwrap().1;
        assert!(manifest.contains("window-rounded"), "{manifest}");
        let days = |since: &str| run(&["principals", input, "--format", "json", "--since", since]).stdout;
        assert_eq!(days("2026-11-03T10:30:00Z"), days("2026-11-03"));
    }
}

#[test]
fn forgotten_days_do_not_come_back() {
    let bench = Bench::new();
    let logs = bench.logs(6, 30);
    bench.ingested(&[&logs], "store", &["-q", "--commit-every", "2"]);
    let store = bench.text("store");
    let output = run(&["store", "forget", &store, "--before", "2026-11-05"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let kept: String = (0..180)
        .map(record)
        .filter(|r| r["eventTime"].as_str().unwrap() >= "2026-11-05")
        .map(|r| format!("{r}\n"))
        .collect();
    let kept = bench.write("kept/all.json", &kept);
    same(&bench, &[&kept], &store, &[]);
    bench.ingested(&[&logs], "store", &["-q"]);
    bench.ingested(&[&logs], "store", &["-q", "--rebuild"]);
    same(&bench, &[&kept], &store, &[]);
    let info = lines(&run(&["store", "info", &store, "--format", "json"])).remove(0);
    assert_eq!((&info["first"], &info["forgotten_before"]), (&json!("2026-11-05"), &json!("2026-11-05")));
    assert_eq!(info["records"], json!(100), "{info}");
}

#[cfg(unix)]
#[test]
fn a_store_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let logs = bench.logs(2, 10);
    bench.ingested(&[&logs], "store", &["-q"]);
    for entry in walkdir::WalkDir::new(bench.path("store")) {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", entry.path().display());
    }
}
