//! What each stage costs beside inflating the same logs. `benches/README.md` says how to run it and how to read it.
//!
//! What counts is CPU time, which no other load on the machine changes much, as a multiple of a floor that is measured beside
//! every sample; and each run's counts are held against what the corpus is known to hold.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]
#![expect(clippy::disallowed_methods, reason = "writes and reads the logs it measures")]

mod corpus;
mod cpu;

use corpus::Made;
use cpu::CpuTime;
use cpu_time::ProcessTime;
use criterion::{Criterion, SamplingMode, Throughput};
use leastgrant::aggregate::dedup::Dedup;
use leastgrant::aggregate::{Rules, Shard, Usage, Worker};
use leastgrant::cloud::{self, CLOUDS, Cloud, Sink, Subject};
use leastgrant::config::Shaping;
use leastgrant::decode;
use leastgrant::intent::Intent;
use leastgrant::model::coverage::{Declaration, Sighting};
use leastgrant::model::document::Packing;
use leastgrant::model::identity::Vouched;
use leastgrant::model::tally::Skip;
use leastgrant::model::time::Timestamp;
use leastgrant::model::usage::{Outcome, Reading};
use leastgrant::pipeline::{self, Fate, Plan, Planning, Reader};
use leastgrant::synthesize::{self, Ctx, World};
use leastgrant::verify;
use leastgrant::wire::fingerprint::Wide;
use leastgrant::wire::frame::{self, Broken, End, Receiver, Shape};
use leastgrant::wire::members::Members;
use leastgrant::wire::outline::Outline;
use serde::de::IgnoredAny;
use std::error::Error;
use std::fmt::Write;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

type Failure = Box<dyn Error>;

/// CloudTrail records, and twice as many as Google's.
const EVENTS: u64 = 40_000;
/// The same, where it only has to be shown that everything runs.
const FEW: u64 = 1_200;
/// Samples of each stage.
const SAMPLES: usize = 10;
const RECORDS_PER_FILE: u64 = 400;
const SEED: u64 = 20_261_103;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` says so; `cargo test` does not.
    let measures = words.iter().any(|word| word == "--bench") && !words.iter().any(|word| word == "--test");
    // Only the logs that the filter's stages read are made: `aws/decode` reads none of Google's.
    let one = words.iter().find_map(|word| cloud::by_id(word.split('/').next()?)).map(Cloud::id);
    let events = if measures { events()? } else { FEW };
    let mut criterion = Criterion::default().with_measurement(CpuTime).configure_from_args();
    // Plans are made in parallel: on one thread, or waiting threads would count.
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    let temporary = tempfile::tempdir()?;
    let root = match std::env::var_os("LEASTGRANT_BENCH_KEEP").map(PathBuf::from) {
        Some(kept) if kept.exists() => {
            return Err(format!("`{}` exists: name a folder to make", kept.display()).into());
        }
        Some(kept) => kept,
        None => temporary.path().to_owned(),
    };
    let files = |events: u64| (events / RECORDS_PER_FILE).max(2);
    let mut tables = String::new();
    for id in ["aws", "gcp"].into_iter().filter(|id| one.is_none_or(|one| one == *id)) {
        let (root, events) = (root.join(id), if id == "aws" { events } else { events / 2 });
        let made = match id {
            "aws" => corpus::cloudtrail(&root, events, files(events), SEED)?,
            _ => corpus::google(&root, events, files(events), SEED)?,
        };
        assert_eq!(made.records, events, "{id}: as many records as asked for");
        let logs = Logs::load(&root, made)?;
        let packed: usize = logs.packed.iter().map(Vec::len).sum();
        let (files, bytes) = (made.files, made.bytes);
        writeln!(
            tables,
            "\n{id}: {events} records in {files} files, {bytes} bytes of JSON, {packed} packed"
        )?;
        measure(&mut criterion, id, &logs, &mut tables)?;
    }
    criterion.final_summary();
    if measures {
        println!("{tables}");
    }
    Ok(())
}

fn events() -> Result<u64, Failure> {
    match std::env::var("LEASTGRANT_BENCH_EVENTS") {
        Ok(text) => {
            Ok(text.parse().map_err(|_| format!("LEASTGRANT_BENCH_EVENTS: `{text}` is no number"))?)
        }
        Err(_) => Ok(EVENTS),
    }
}

/// The logs of one cloud in memory, and what is known of them.
struct Logs {
    root: String,
    made: Made,
    packed: Vec<Vec<u8>>,
    texts: Vec<String>,
}

impl Logs {
    fn load(root: &Path, made: Made) -> Result<Self, Failure> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in walkdir::WalkDir::new(root) {
            let entry = entry?;
            if entry.file_type().is_file() {
                paths.push(entry.into_path());
            }
        }
        paths.sort();
        let packed = paths.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
        let texts = packed
            .iter()
            .map(|bytes| {
                let mut text = Vec::new();
                inflate(bytes, &mut text)?;
                Ok(String::from_utf8(text)?)
            })
            .collect::<Result<_, Failure>>()?;
        Ok(Self { root: root.display().to_string(), made, packed, texts })
    }
}

/// The text of a gzip file of one member.
fn inflate(bytes: &[u8], into: &mut Vec<u8>) -> Result<(), Failure> {
    let size = bytes.last_chunk::<4>().ok_or("no gzip file")?;
    into.resize(u32::from_le_bytes(*size) as usize, 0);
    libdeflater::Decompressor::new().gzip_decompress(bytes, into)?;
    Ok(())
}

/// What came of a stage, to be held against what has to come of it.
type Counts = Vec<(&'static str, u64)>;

/// One thing to measure.
struct Stage<'s> {
    name: &'static str,
    run: Box<dyn Fn() -> Result<Counts, Failure> + 's>,
    expected: Counts,
}

/// Measures all stages; adds a table of the best time of each beside the best of the floor.
fn measure(
    criterion: &mut Criterion<CpuTime>,
    id: &str,
    logs: &Logs,
    table: &mut String,
) -> Result<(), Failure> {
    let usage = read(logs)?;
    let plans = pipeline::plan(&usage, &Planning { boundaries: true, ..Planning::default() });
    let by = cloud::by_id(id).ok_or("no such cloud")?;
    let mut group = criterion.benchmark_group(id);
    group.throughput(Throughput::BytesDecimal(logs.made.bytes)).sample_size(SAMPLES);
    group.sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_millis(100));
    writeln!(table, "{:<12} {:>10} {:>14} {:>10}", "stage", "CPU s", "bytes/CPU s", "x inflate")?;
    let timed = |run: &dyn Fn() -> Result<Counts, Failure>, best: &mut Option<Duration>| {
        let start = ProcessTime::now();
        let counts = black_box(run());
        let taken = start.elapsed();
        *best = Some(best.map_or(taken, |known| known.min(taken)));
        counts.map(|counts| (counts, taken))
    };
    for stage in stages(by, logs, &usage, &plans) {
        let (mut best, mut floor, mut failed) = (None, None, None);
        group.bench_function(stage.name, |bencher| {
            bencher.iter_custom(|runs| {
                let mut all = Duration::ZERO;
                for _ in 0..runs {
                    // The floor sees the same machine as the stage.
                    failed = timed(&|| inflated(logs), &mut floor).err().or(failed.take());
                    match timed(&*stage.run, &mut best) {
                        Ok((counts, taken)) => {
                            assert_eq!(counts, stage.expected, "{id}: {} does not do its work", stage.name);
                            all += taken;
                        }
                        Err(why) => failed = Some(why),
                    }
                }
                all
            });
        });
        if let Some(why) = failed {
            return Err(why);
        }
        let (Some(best), Some(floor)) = (best, floor) else { continue };
        let (best, floor) = (best.as_secs_f64(), floor.as_secs_f64());
        let bytes = bytes_per_second(logs.made.bytes, best);
        writeln!(table, "{:<12} {best:>10.4} {bytes:>14} {:>10.2}", stage.name, best / floor)?;
    }
    group.finish();
    Ok(())
}

fn bytes_per_second(bytes: u64, seconds: f64) -> String {
    let micros = Duration::from_secs_f64(seconds).as_micros().max(1);
    format!("{}", u128::from(bytes) * 1_000_000 / micros)
}

fn stages<'s>(
    by: &'static dyn Cloud,
    logs: &'s Logs,
    usage: &'s Usage,
    plans: &'s [Plan<'s>],
) -> Vec<Stage<'s>> {
    let made = logs.made;
    let decoded = vec![
        ("readings", made.readings()),
        ("skipped", made.noise + made.free),
        ("denied", made.denied),
        ("not understood", 0),
    ];
    let counted = vec![
        ("records", made.records),
        ("copies", made.copies),
        ("used", made.readings() - made.copies - made.ends),
        ("operation ends", made.ends),
        ("not understood", 0),
        ("rows", usage.rows.len() as u64),
    ];
    let grants: usize = plans.iter().map(|plan| plan.grants.len()).sum();
    let replayed: usize = plans.iter().filter_map(written).sum();
    let documented = plans.iter().filter_map(written).count() as u64;
    let refused = refused(plans);
    assert!(
        documented > 2 * refused,
        "{refused} refused, {documented} documented: too little is proved to measure it"
    );
    let stage =
        |name, expected, run: Box<dyn Fn() -> Result<Counts, Failure> + 's>| Stage { name, run, expected };
    let bytes = vec![("bytes", made.bytes)];
    let all = vec![("records", made.records), ("documented", documented), ("refused", refused)];
    let proofs = vec![("replayed", replayed as u64), ("refused", refused)];
    vec![
        stage("inflate", bytes.clone(), Box::new(|| inflated(logs))),
        stage("skip", bytes, Box::new(|| skipped(logs))),
        stage("decode", vec![("records", made.records)], Box::new(|| decode(logs))),
        stage("map", decoded.clone(), Box::new(|| map(logs, false))),
        stage("fingerprint", decoded, Box::new(|| map(logs, true))),
        stage("aggregate", counted, Box::new(|| aggregate(logs))),
        stage("synthesise", vec![("grants", grants as u64)], Box::new(move || Ok(synthesise(by, plans)))),
        stage("verify", proofs, Box::new(move || Ok(proved(by, plans)))),
        stage("whole", all, Box::new(|| whole(logs))),
    ]
}

/// The rows that were replayed against a plan's documents.
fn written(plan: &Plan<'_>) -> Option<usize> {
    if let Fate::Written(verified) = &plan.fate { Some(verified.replayed()) } else { None }
}

fn refused(plans: &[Plan<'_>]) -> u64 {
    plans.iter().filter(|plan| matches!(plan.fate, Fate::Refused(_))).count() as u64
}

/// The floor: the same bytes through the same inflater.
fn inflated(logs: &Logs) -> Result<Counts, Failure> {
    let (mut bytes, mut text) = (0, Vec::new());
    for packed in &logs.packed {
        inflate(black_box(packed), &mut text)?;
        bytes += black_box(&text).len() as u64;
    }
    Ok(vec![("bytes", bytes)])
}

/// The floor of decoding: the same text past the same parser, nothing kept.
fn skipped(logs: &Logs) -> Result<Counts, Failure> {
    let mut bytes = 0;
    for text in &logs.texts {
        let mut values = serde_json::Deserializer::from_str(black_box(text)).into_iter::<IgnoredAny>();
        while values.next().transpose()?.is_some() {}
        bytes += values.byte_offset() as u64;
    }
    Ok(vec![("bytes", bytes)])
}

/// Counts what is decoded, and keeps nothing.
#[derive(Default)]
struct Counting {
    /// Whether the content is hashed, as it is where copies are to be found.
    hashes: bool,
    readings: u64,
    denied: u64,
    skipped: u64,
    unknown: u64,
}

impl Sink for Counting {
    fn conditions(&self) -> &[String] {
        &[]
    }
    fn outlines(&mut self) -> bool {
        false
    }
    fn outlined(&mut self, _: Wide, _: &Outline<'_>) -> bool {
        false
    }
    fn learn_outline(&mut self, _: Wide, _: &Outline<'_>) {}
    fn is_new(
        &mut self,
        id: Option<u64>,
        content: &dyn Fn() -> u64,
        at: Option<Timestamp>,
        event: Option<&str>,
    ) -> bool {
        black_box((id, at, event));
        if self.hashes {
            black_box(content());
        }
        true
    }
    fn sighting(&mut self, cloud: &'static str, seen: &Sighting<'_>) {
        black_box((cloud, seen));
    }
    fn declare(&mut self, declaration: Declaration) {
        black_box(declaration);
    }
    fn reading(&mut self, cloud: &'static str, reading: &Reading<'_>) {
        black_box((cloud, reading));
        self.readings += 1;
        self.denied += u64::from(reading.uses.iter().any(|used| used.outcome == Outcome::Denied));
    }
    fn beside(&mut self, _: &'static str, _: &Reading<'_>) {}
    fn refused(&mut self, cloud: &'static str, reading: &Reading<'_>) {
        black_box((cloud, reading));
    }
    fn skip(&mut self, at: Option<Timestamp>, _event: Option<&str>, why: Skip, detail: &str) {
        black_box((at, detail));
        let known =
            matches!(why, Skip::Service | Skip::ServiceLinkedRole | Skip::ServiceAgent | Skip::NoPermission);
        if known { self.skipped += 1 } else { self.unknown += 1 }
    }
    fn unknown(&mut self, _what: &str) {}
    fn stranger(&mut self, _event: Option<&str>) {
        self.unknown += 1;
    }
    fn malformed(&mut self, _event: Option<&str>) {
        self.unknown += 1;
    }
    fn link(&mut self, principal: &str, vouched: Vouched) {
        black_box((principal, vouched));
    }
    fn holds(&mut self, key: &str, values: &[String], sure: bool) {
        black_box((key, values, sure));
    }
}

/// Finds the records and walks their members, and reads none further.
#[derive(Default)]
struct Finding {
    records: u64,
}

impl Receiver for Finding {
    fn shape(&self, key: &str) -> Option<Shape> {
        CLOUDS.iter().find_map(|cloud| cloud.shape(key))
    }
    fn record(&mut self, rest: &str) -> Result<usize, Broken> {
        self.records += 1;
        let mut members = Members::of(rest).map_err(|_| Broken::Syntax)?;
        while let Some(key) = members.key().map_err(|_| Broken::Syntax)? {
            black_box((key, members.value().map_err(|_| Broken::Syntax)?));
        }
        Ok(members.walked())
    }
    fn description(&mut self, _rest: &str) -> Result<Option<usize>, Broken> {
        Ok(None)
    }
    fn stranger(&mut self) {}
    fn malformed(&mut self) {}
}

fn decode(logs: &Logs) -> Result<Counts, Failure> {
    let mut found = Finding::default();
    for text in &logs.texts {
        assert_eq!(frame::walk(black_box(text), true, &mut found), End::Whole, "logs are whole");
    }
    Ok(vec![("records", found.records)])
}

fn map(logs: &Logs, hashes: bool) -> Result<Counts, Failure> {
    let mut sink = Counting { hashes, ..Counting::default() };
    for text in &logs.texts {
        decode::decode(black_box(text), &CLOUDS, &mut sink)?;
    }
    let Counting { readings, denied, skipped, unknown, .. } = sink;
    Ok(vec![("readings", readings), ("skipped", skipped), ("denied", denied), ("not understood", unknown)])
}

fn aggregate(logs: &Logs) -> Result<Counts, Failure> {
    let mut shard = Shard::new(Arc::new(Rules::default()), Arc::new(Dedup::default()), false);
    for text in &logs.texts {
        decode::decode(black_box(text), &CLOUDS, &mut Worker(&mut shard))?;
    }
    let usage = black_box(shard.finish());
    let tally = &usage.tally;
    let ends = tally.total_skipped().get(&Skip::OperationEnd).copied().unwrap_or(0);
    let unknown = tally.malformed + tally.id_reused + usage.unmapped.values().sum::<u64>();
    Ok(vec![
        ("records", tally.records()),
        ("copies", tally.duplicate),
        ("used", tally.total_used()),
        ("operation ends", ends),
        ("not understood", unknown),
        ("rows", usage.rows.len() as u64),
    ])
}

fn synthesise(by: &dyn Cloud, plans: &[Plan<'_>]) -> Counts {
    let documented = plans.iter().filter(|plan| plan.disposition.documented());
    let world = World::new(plans.iter().flat_map(|plan| plan.rows.iter().copied()), by);
    let (intent, shaping) = (Intent::default(), Shaping::default());
    let grants: usize = documented
        .map(|plan| {
            let who = plan.who.id.as_str();
            let ctx = Ctx {
                cloud: by,
                who,
                intent: &intent,
                world: &world,
                memory: &[],
                freed: &[],
                shaping: &shaping,
            };
            black_box(synthesize::synthesize(black_box(&plan.rows), &ctx)).len()
        })
        .sum();
    vec![("grants", grants as u64)]
}

fn proved(by: &dyn Cloud, plans: &[Plan<'_>]) -> Counts {
    let (mut replayed, mut refused) = (0, 0);
    for plan in plans.iter().filter(|plan| !plan.grants.is_empty()) {
        let subject = Subject { principal: &plan.who.id, kind: plan.who.kind, slug: &plan.slug };
        let documents = by.package(&subject, black_box(&plan.grants), &[], &Packing::default()).ok();
        let verified =
            documents.and_then(|texts| verify::verify(by, texts, black_box(&plan.rows), &|_| false).ok());
        match black_box(verified) {
            Some(verified) => replayed += verified.replayed() as u64,
            None => refused += 1,
        }
    }
    vec![("replayed", replayed), ("refused", refused)]
}

fn read(logs: &Logs) -> Result<Usage, Failure> {
    let inputs = vec![logs.root.clone()];
    let reader = Reader { inputs, threads: Some(1), ..Reader::default() };
    let (usage, _) = pipeline::read(&reader)?;
    assert!(usage.tally.unreadable.is_empty(), "every file is read: {:?}", usage.tally.unreadable.first());
    Ok(usage)
}

/// From files to proved documents, boundaries too, as `generate` does it; nothing is rendered.
fn whole(logs: &Logs) -> Result<Counts, Failure> {
    let usage = read(logs)?;
    let plans = black_box(pipeline::plan(&usage, &Planning { boundaries: true, ..Planning::default() }));
    let documented = plans.iter().filter_map(written).count() as u64;
    Ok(vec![("records", usage.tally.records()), ("documented", documented), ("refused", refused(&plans))])
}
