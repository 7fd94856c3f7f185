//! Inputs into the usage table, files in parallel.

use super::decide;
use super::heap;
use super::work::{Next, Part, Work};
use crate::aggregate::dedup::Dedup;
use crate::aggregate::store::{Store, StoreError};
use crate::aggregate::{Rules, Shard, Usage, Worker};
use crate::cloud::CLOUDS;
use crate::decode;
use crate::intent::Intent;
use crate::model::tally::Unreadable;
use crate::resolve;
use crate::source::{self, Asked, Content, Feed, Meter, SourceError};
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Faults that are told one by one where nothing could be read.
const TOLD: usize = 10;

/// What to read and how.
#[derive(Default)]
pub struct Reader {
    /// Inputs as given.
    pub inputs: Vec<String>,
    /// Which records count, and how.
    pub rules: Rules,
    /// Whether single uses are kept.
    pub lines: bool,
    /// Worker threads; none: as many as the machine has.
    pub threads: Option<usize>,
    /// How far reading is.
    pub meter: Arc<Meter>,
    /// Set from outside to stop: what was read until then is a part, and counts as one.
    pub stop: Arc<AtomicBool>,
    /// Whether reading is paid for where the owner of a bucket asks for that.
    pub requester_pays: bool,
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// An input does not exist.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A store beside other inputs.
    #[error("`{0}` is a store: give it alone, and ingest the other inputs into it first")]
    StoreBeside(String),
    /// There are no files.
    #[error("no log to read in {0}")]
    NoFiles(String),
    /// There are files, but no record in them.
    #[error("no readable record in {files} files{why}")]
    NoRecords {
        /// How many files there are.
        files: u64,
        /// What was wrong with them.
        why: String,
    },
    /// The worker threads could not be started.
    #[error("cannot start worker threads: {0}")]
    Threads(String),
}

/// Reads everything; what could not be read is in the tally.
///
/// # Errors
/// When there is nothing to read, or no record in it: no data must not read as no use.
pub fn read(reader: &Reader) -> Result<(Usage, Intent), ReadError> {
    if let Some(store) = reader.inputs.iter().find(|input| Store::is_at(Path::new(input))) {
        return if reader.inputs.len() == 1 {
            finish(
                Store::open(Path::new(store))?.load(&Arc::new(reader.rules.clone()), reader.lines)?,
                reader,
            )
        } else {
            Err(ReadError::StoreBeside(store.clone()))
        };
    }
    let asked = Asked {
        filter: reader.rules.filter.clone(),
        wanted: None,
        stop: Arc::clone(&reader.stop),
        requester_pays: reader.requester_pays,
    };
    let feed = source::open(&reader.inputs, asked, &reader.meter)?;
    if feed.parts() == Some(0) {
        return Err(ReadError::NoFiles(reader.inputs.join(", ")));
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(reader.threads.unwrap_or(0))
        .build()
        .map_err(|e| ReadError::Threads(e.to_string()))?;
    let shard = pool.install(|| all(&feed, reader));
    drop(pool);
    heap::give_back(shard.tally.bytes);
    finish(shard, reader)
}

/// What was read, however it was read: settled, resolved and decided.
fn finish(shard: Shard, reader: &Reader) -> Result<(Usage, Intent), ReadError> {
    let mut usage = shard.finish();
    heap::give_back(usage.tally.bytes);
    resolve::resolve(&mut usage);
    if usage.tally.records() == 0 {
        return Err(nothing(&usage, reader));
    }
    let intent = decide::decide(&mut usage, reader.rules.intent.clone());
    Ok((usage, intent))
}

/// Why there is no record; a fault that many files share is told a few times.
fn nothing(usage: &Usage, reader: &Reader) -> ReadError {
    let unreadable = &usage.tally.unreadable;
    if usage.tally.files == 0 && unreadable.is_empty() {
        return ReadError::NoFiles(reader.inputs.join(", "));
    }
    let told = unreadable.iter().take(TOLD).map(|u| format!("\n  {}: {}", u.path, u.why));
    let more = unreadable.len().saturating_sub(TOLD);
    let more = (more > 0).then(|| format!("\n  and {more} more"));
    ReadError::NoRecords { files: usage.tally.files, why: told.chain(more).collect() }
}

fn all(feed: &Feed, reader: &Reader) -> Shard {
    let rules = Arc::new(reader.rules.clone());
    let dedup = Arc::new(Dedup::default());
    let fresh = || Shard::new(Arc::clone(&rules), Arc::clone(&dedup), reader.lines);
    let work = Work::shared(feed);
    // One shard for each worker, which takes the next object, or piece of a long one, when it is done with one.
    let worker = |_| {
        let mut shard = fresh();
        loop {
            match work.object() {
                Next::Object(object, content) => {
                    one(object.uri, content, &mut shard);
                    reader.meter.finish(object.size);
                }
                Next::Long => long(&work, &mut shard, &reader.meter),
                Next::End => {
                    shard.forget_likes();
                    return shard;
                }
            }
        }
    };
    let workers = rayon::current_num_threads().min(work.parts().unwrap_or(usize::MAX));
    let shards: Vec<Shard> = (0..workers).into_par_iter().with_max_len(1).map(worker).collect();
    let joined = shards.into_iter().reduce(|mut all, one| {
        all.merge(one);
        all
    });
    let mut joined = joined.unwrap_or_else(fresh);
    let unlisted = feed.problems().into_iter().map(|(path, why)| Unreadable { path, why });
    joined.tally.unreadable.extend(unlisted);
    if feed.stopped() {
        let done = reader.meter.done.load(Ordering::Relaxed);
        let listed = reader.meter.listed.load(Ordering::Relaxed);
        joined.tally.unreadable.push(Unreadable {
            path: reader.inputs.join(", "),
            why: format!(
                "interrupted when {done} of {listed} objects were read; run it again to read the rest"
            ),
        });
    }
    joined
}

fn one(path: String, content: Result<Content, String>, shard: &mut Shard) {
    shard.tally.files += 1;
    let problem = match content {
        Err(why) => Some(why),
        Ok(content) => {
            shard.tally.bytes += content.text.len() as u64;
            let decoded = decode::decode(&content.text, &CLOUDS, &mut Worker(shard)).err();
            source::recycle(content.text);
            content.problem.or(decoded)
        }
    };
    if let Some(why) = problem {
        shard.tally.unreadable.push(Unreadable { path, why });
    }
}

/// Takes pieces of something long, with all others who do.
fn long(work: &Work<'_>, shard: &mut Shard, meter: &Meter) {
    let Some(long) = work.first() else { return };
    while let Some(part) = work.part(&long) {
        let ended = match part {
            Part::Piece(piece) => {
                shard.tally.bytes += piece.text.len() as u64;
                long.decode(&piece, &mut Worker(shard))
            }
            Part::Ended(ended) => Some(ended),
        };
        let Some(ended) = ended else { continue };
        shard.tally.files += 1;
        if let Some(why) = ended.tell(&mut Worker(shard)) {
            shard.tally.unreadable.push(Unreadable { path: long.object.uri.clone(), why });
        }
        meter.finish(long.object.size);
    }
}
