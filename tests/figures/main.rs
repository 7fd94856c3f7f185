//! Figures that hold on any machine: how often reading allocates for each record of a log that is always the same, and how
//! many instructions it takes for each byte. Who makes them more has to say so here; who makes them less lowers the bound.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that panics has failed, and tests read and write files"
)]

#[path = "../../benches/corpus.rs"]
#[expect(dead_code, reason = "the benchmarks ask for more of what was made")]
mod corpus;

use leastgrant::aggregate::dedup::Dedup;
use leastgrant::aggregate::{Rules, Shard, Worker};
use leastgrant::cloud::CLOUDS;
use leastgrant::decode;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const RECORDS: u64 = 4_000;
const FILES: u64 = 8;

fn texts(root: &Path) -> Vec<String> {
    let mut paths: Vec<_> =
        walkdir::WalkDir::new(root).into_iter().map(|entry| entry.unwrap().into_path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    let inflated = |path: &std::path::PathBuf| {
        let mut text = String::new();
        let file = std::fs::File::open(path).unwrap();
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
        text
    };
    paths.iter().map(inflated).collect()
}

/// Allocations of reading these texts into one shard.
fn allocations(shard: &mut Shard, texts: &[String]) -> u64 {
    let mut worker = Worker(shard);
    let counted = allocation_counter::measure(|| {
        for text in texts {
            decode::decode(text, &CLOUDS, &mut worker).unwrap();
        }
    });
    counted.count_total
}

/// Allocations for each record: of a log whose catalog is loaded, and of records whose like were read before.
fn figures(texts: &[String]) -> (f64, f64) {
    let shard = || Shard::new(Arc::new(Rules::default()), Arc::new(Dedup::default()), false);
    allocations(&mut shard(), texts);
    let mut shard = shard();
    let first = allocations(&mut shard, texts);
    // The same calls at the same times under other ids: no copies, and nothing new.
    let again: Vec<String> =
        texts.iter().map(|text| text.replace("\"eventID\":\"", "\"eventID\":\"x")).collect();
    let second = allocations(&mut shard, &again);
    (first as f64 / RECORDS as f64, second as f64 / RECORDS as f64)
}

#[test]
fn reading_allocates_no_more_than_it_did() {
    let root = tempfile::tempdir().unwrap();
    let made = corpus::cloudtrail(&root.path().join("aws"), RECORDS, FILES, 7).unwrap();
    assert_eq!(made.records, RECORDS);
    let (new, known) = figures(&texts(&root.path().join("aws")));
    println!("CloudTrail: {new:.1} allocations for each record, {known:.2} for each whose like was read");
    assert!(new <= 18.0, "{new:.1} allocations for each record");
    assert!(known <= 2.4, "{known:.2} allocations for each record whose like was read");
    corpus::google(&root.path().join("gcp"), RECORDS, FILES, 7).unwrap();
    let (new, _) = figures(&texts(&root.path().join("gcp")));
    println!("Cloud Audit Logs: {new:.1} allocations for each record");
    assert!(new <= 13.3, "{new:.1} allocations for each record");
}

/// Instructions of the whole program on a log of so many records, and the bytes of the log; none without `valgrind`.
fn instructions(root: &Path, records: u64) -> Option<(u64, u64)> {
    let made = corpus::cloudtrail(root, records, FILES, 7).unwrap();
    let program = env!("CARGO_BIN_EXE_leastgrant");
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", program, "principals", "--quiet"])
        .args(["--threads", "1"])
        .arg(root)
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    let count = said.lines().find_map(|line| line.split_once("Collected :")).unwrap().1;
    Some((count.trim().parse().unwrap(), made.bytes))
}

#[test]
fn reading_takes_no_more_instructions_than_it_did() {
    let root = tempfile::tempdir().unwrap();
    let few = instructions(&root.path().join("few"), 1_000);
    let (Some((few, less)), Some((many, more))) = (few, instructions(&root.path().join("many"), RECORDS))
    else {
        println!("skipped: valgrind is not installed");
        return;
    };
    // What starting costs is in both.
    let figure = (many - few) as f64 / (more - less) as f64;
    println!("CloudTrail: {figure:.1} instructions for each byte, {few} of all for a small log");
    assert!(figure <= 286.0, "{figure:.1} instructions for each byte");
}
