//! Texts that are too long to be held: cut into pieces, they come to what they come to as a whole.

use crate::support::{code, program, run, stderr};
use leastgrant::aggregate::dedup::Dedup;
use leastgrant::aggregate::{Rules, Shard, Usage, Worker};
use leastgrant::cloud::CLOUDS;
use leastgrant::decode::{self, Splitter, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;

fn record(n: usize, odd: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventTime": format!("2026-11-{:02}T09:00:00Z", 1 + n % 9), "awsRegion": "eu-central-1",
        "eventSource": "s3.amazonaws.com", "eventName": (["GetObject", "PutObject"][n % 2]), "eventID": format!("id-{n}"),
        "eventType": "AwsApiCall", "readOnly": n.is_multiple_of(2), "recipientAccountId": "111122223333",
        "requestParameters": { "bucketName": "lake", "key": format!("in/{}.json", n % 7), "odd": odd,
            "Records": [{ "eventVersion": "1.11", "eventID": format!("inner-{n}"), "eventSource": "iam.amazonaws.com" }] },
        "userIdentity": { "type": "AssumedRole", "accountId": "111122223333",
            "arn": "arn:aws:sts::111122223333:assumed-role/deploy/run",
            "sessionContext": { "sessionIssuer": { "type": "Role", "arn": "arn:aws:iam::111122223333:role/deploy" } } },
    })
}

/// Records in one of the containers that logs come in.
fn contained(container: usize, records: &[Value]) -> String {
    let list = Value::Array(records.to_vec());
    let lines = || records.iter().map(|record| format!("{record}\n")).collect::<String>();
    match container {
        0 => lines(),
        1 => json!({ "Records": list }).to_string(),
        2 => serde_json::to_string_pretty(&json!({ "Records": list })).unwrap(),
        3 => list.to_string(),
        4 => format!(
            "{{\"next\":[{{\"a\":1}}],\"Records\":{list},\"behind\":{{\"b\":[\"}}]\"]}}}}\n{}",
            lines()
        ),
        5 => records
            .chunks(3)
            .map(|some| json!({ "Records": some }).to_string())
            .collect::<Vec<_>>()
            .join("\n"),
        6 => records.iter().map(Value::to_string).collect(),
        7 => records.iter().map(|record| serde_json::to_string_pretty(record).unwrap() + "\n").collect(),
        _ => format!("{{\"other\":{list}}}"),
    }
}

fn shard() -> Shard {
    Shard::new(Arc::new(Rules::default()), Arc::new(Dedup::default()), true)
}

fn whole(text: &str) -> (Result<(), String>, Usage) {
    let mut shard = shard();
    let end = decode::decode(text, &CLOUDS, &mut Worker(&mut shard));
    (end, shard.finish())
}

fn pieces(text: &str, bytes: usize) -> (Result<(), String>, Usage, usize) {
    let mut shard = shard();
    let mut splitter = Splitter::with(text.as_bytes(), bytes);
    let (mut verdict, mut many) = (Verdict::none(), 0);
    while let Some(piece) = splitter.piece(&CLOUDS) {
        verdict = verdict.and(decode::piece(&piece, &CLOUDS, &mut Worker(&mut shard)));
        many += 1;
    }
    (verdict.tell(&mut Worker(&mut shard)), shard.finish(), many)
}

fn shown(usage: &Usage) -> String {
    format!("{:?}\n{:?}\n{:?}", usage.tally, usage.rows, usage.lines)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn pieces_are_the_whole(
        container in 0usize..9,
        odd in proptest::collection::vec("[a\\\\\"{}\\[\\]\n,ä\u{1f600}]{0,40}", 1..40),
        bytes in 200usize..6000,
    ) {
        let records: Vec<Value> = odd.iter().enumerate().map(|(n, odd)| record(n, odd)).collect();
        let text = contained(container, &records);
        let ((end, wanted), (got_end, got, many)) = (whole(&text), pieces(&text, bytes));
        prop_assert_eq!(end, got_end);
        prop_assert_eq!(shown(&wanted), shown(&got));
        prop_assert!(many > 1 || container == 8 || text.len() < 8 * bytes.max(1000), "{} of {}", many, text.len());
    }

    #[test]
    fn what_is_cut_is_told(container in 0usize..8, at in 100usize..990, bytes in 200usize..3000) {
        let records: Vec<Value> = (0..30).map(|n| record(n, "}{\"")).collect();
        let text = contained(container, &records);
        let text: String = text.chars().take(text.chars().count() * at / 1000).collect();
        let ((end, wanted), (got_end, got, _)) = (whole(&text), pieces(&text, bytes));
        prop_assert_eq!(end.is_ok(), got_end.is_ok(), "{:?} {:?}", end, got_end);
        prop_assert_eq!(shown(&wanted), shown(&got));
    }
}

/// Records that are more than one text holds, in files of a folder, and all in one: lines, a list, a packed list.
pub(crate) fn folder() -> (tempfile::TempDir, Vec<String>) {
    let root = tempfile::tempdir().unwrap();
    let pad = "x".repeat(24_000);
    let records: Vec<String> =
        (0..1800).map(|n| record(n, if n % 7 == 0 { "" } else { &pad }).to_string()).collect();
    let write = |name: &str, bytes: &[u8]| {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    for (n, some) in records.chunks(200).enumerate() {
        write(&format!("short/{n}.json"), some.join("\n").as_bytes());
    }
    let list = format!("{{\"Records\":[{}]}}", records.join(",\n"));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(list.as_bytes()).unwrap();
    let short = root.path().join("short").display().to_string();
    let all = vec![
        short,
        write("lines.json", records.join("\n").as_bytes()),
        write("list.json", list.as_bytes()),
        write("list.json.gz", &packed.finish().unwrap()),
    ];
    (root, all)
}

#[test]
fn long_files_and_their_stores_say_what_short_ones_say() {
    let (root, inputs) = folder();
    let says = |input: &str| {
        let output = run(&["uses", input, "--skipped"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let by_day = |input: &str| {
        let output = run(&["principals", input, "--format", "json", "--since", "2026-11-04"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let (wanted, days) = (says(&inputs[0]), by_day(&inputs[0]));
    assert_eq!(wanted.lines().count(), 1800);
    for (n, input) in inputs[1..].iter().enumerate() {
        assert!(std::fs::metadata(input).unwrap().len() > 32 << 20 || n == 2);
        assert_eq!(says(input), wanted, "{input}");
        let store = root.path().join(format!("store-{n}")).display().to_string();
        let ingest = ["ingest", input, "--store", &store, "-q", "--commit-every", "4"];
        for _ in 0..2 {
            let output = run(&ingest);
            assert_eq!(code(&output), 0, "{}", stderr(&output));
        }
        assert_eq!(by_day(&store), days, "{input}");
        // Its parts stand and fall together: damage to one is mended by reading all again.
        let tables = std::fs::read_dir(format!("{store}/segments")).unwrap();
        let rows: Vec<_> = tables
            .map(|one| one.unwrap().path())
            .filter(|p| p.display().to_string().contains("-rows."))
            .collect();
        assert!(rows.len() > 2, "{rows:?}");
        std::fs::remove_file(&rows[0]).unwrap();
        let output = run(&[&ingest[..], &["--rebuild"]].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert_eq!(by_day(&store), days, "{input}");
        let compacted = run(&["store", "compact", &store]);
        assert_eq!(code(&compacted), 0, "{}", stderr(&compacted));
        assert_eq!(std::fs::read_dir(format!("{store}/segments")).unwrap().count(), 4);
        assert_eq!(by_day(&store), days, "{input}");
    }
}

#[test]
fn a_long_text_through_a_pipe_counts_once() {
    let (root, inputs) = folder();
    let store = root.path().join("store");
    let said = |more: &[&str]| {
        let mut command = program();
        command.args(["ingest", "-", "--store"]).arg(&store).args(more);
        let output =
            command.stdin(std::fs::File::open(&inputs[1]).unwrap()).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        stderr(&output)
    };
    assert!(said(&[]).contains("1 objects read, 1800 new records"), "{}", said(&[]));
    let index = || std::fs::read_to_string(store.join("leastgrant-store.json")).unwrap();
    let before = index();
    assert!(said(&[]).contains("0 objects read, 0 new records"));
    assert_eq!(index(), before);
}

#[test]
fn a_long_file_that_is_cut_is_told() {
    let (root, inputs) = folder();
    let whole = std::fs::read(&inputs[3]).unwrap();
    let cut = root.path().join("cut.json.gz").display().to_string();
    std::fs::write(&cut, &whole[..whole.len() - 2000]).unwrap();
    let output = run(&["principals", &cut]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("cut or damaged"), "{}", stderr(&output));
    let store = root.path().join("store").display().to_string();
    let output = run(&["ingest", &cut, "--store", &store, "-q"]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    // A value that no log holds is not held either.
    let endless = root.path().join("endless.json").display().to_string();
    std::fs::write(&endless, format!("{{\"a\":\"{}", "x".repeat(100 << 20))).unwrap();
    let output = run(&["principals", &endless]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains("more than 64 MiB"), "{}", stderr(&output));
}

/// A file that is all there is to read is cut for all threads; beside another, it is read as a whole.
#[test]
fn a_lone_file_says_what_it_says_beside_others() {
    let root = tempfile::tempdir().unwrap();
    let pad = "x".repeat(24_000);
    let records: Vec<String> = (0..40).map(|n| record(n, &pad).to_string()).collect();
    let list = format!("{{\"Records\":[{}]}}", records.join(","));
    let lines = records.join("\n");
    let broken = lines.replacen("\"eventVersion\"", "eventVersion", 20);
    let cut = list.split_at(list.len() - 30_000).0;
    for (name, text) in [("list", list.as_str()), ("lines", &lines), ("cut", cut), ("broken", &broken)] {
        let (lone, beside) = (root.path().join(name), root.path().join(format!("{name}-beside")));
        std::fs::create_dir(&beside).unwrap();
        std::fs::create_dir(&lone).unwrap();
        std::fs::write(lone.join("log.json"), text).unwrap();
        std::fs::write(beside.join("log.json"), text).unwrap();
        std::fs::write(beside.join("more.json"), &records[30]).unwrap();
        let said = |input: &std::path::Path, threads: &str| {
            let input = input.display().to_string();
            let output = run(&["uses", &input, "--threads", threads]);
            let told = stderr(&output).replace(&input, "");
            let told = told.lines().filter(|line| line.contains("log.json"));
            // Where a text breaks off is counted from where its piece begins.
            let told: String = told.map(|line| line.replace(char::is_numeric, "")).collect();
            (code(&output), String::from_utf8(output.stdout).unwrap(), told)
        };
        let wanted = said(&beside, "2");
        assert_eq!(wanted.0, if name == "cut" { 3 } else { 0 }, "{name}: {}", wanted.2);
        assert_eq!(
            wanted.1.lines().count(),
            if name == "broken" { 30 } else { 40 - 2 * usize::from(name == "cut") }
        );
        for threads in ["1", "3"] {
            assert!(said(&lone, threads) == wanted, "{name}, {threads} threads");
        }
    }
}
