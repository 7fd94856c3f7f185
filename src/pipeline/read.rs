//! Inputs into the usage table, files in parallel.

use super::decide;
use crate::aggregate::dedup::Dedup;
use crate::aggregate::{Rules, Shard, Usage, Worker};
use crate::cloud::{CLOUDS, Cloud};
use crate::decode;
use crate::intent::Intent;
use crate::model::tally::Unreadable;
use crate::resolve;
use crate::source::{self, Input, SourceError};
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What to read and how.
pub struct Reader<'p> {
    /// Inputs as given.
    pub inputs: Vec<String>,
    /// Which records count, and how.
    pub rules: Rules,
    /// Whether single uses are kept.
    pub lines: bool,
    /// Worker threads; none: as many as the machine has.
    pub threads: Option<usize>,
    /// Told of each file that is done, with its size on disk.
    pub progress: &'p (dyn Progress + Sync),
}

/// Hears how far reading is.
pub trait Progress {
    /// Reading starts: so many files, so many bytes on disk.
    fn start(&self, files: usize, bytes: u64);
    /// A file is done.
    fn done(&self, bytes: u64);
    /// Reading has ended.
    fn end(&self);
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// An input does not exist.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There are no files.
    #[error("no files to read in {0}")]
    NoFiles(String),
    /// There are files, but no record in them.
    #[error("no readable record in {files} files{why}")]
    NoRecords {
        /// How many files there are.
        files: usize,
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
pub fn read(reader: &Reader<'_>) -> Result<(Usage, Intent), ReadError> {
    let files = source::enumerate(&reader.inputs)?;
    if files.is_empty() {
        return Err(ReadError::NoFiles(reader.inputs.join(", ")));
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(reader.threads.unwrap_or(0))
        .build()
        .map_err(|e| ReadError::Threads(e.to_string()))?;
    let mut usage = pool.install(|| all(&files, reader)).finish();
    resolve::resolve(&mut usage);
    if usage.tally.records() == 0 {
        let whys: Vec<String> =
            usage.tally.unreadable.iter().map(|u| format!("\n  {}: {}", u.path, u.why)).collect();
        return Err(ReadError::NoRecords { files: files.len(), why: whys.concat() });
    }
    let intent = decide::decide(&mut usage, reader.rules.intent.clone());
    Ok((usage, intent))
}

fn all(files: &[Input], reader: &Reader<'_>) -> Shard {
    let rules = Arc::new(reader.rules.clone());
    let dedup = Arc::new(Dedup::default());
    let fresh = || Shard::new(Arc::clone(&rules), Arc::clone(&dedup), reader.lines);
    // The largest first, so that no thread is left alone with one at the end.
    let mut sized: Vec<(u64, &Input)> = files.iter().map(|file| (file.size(), file)).collect();
    sized.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    reader.progress.start(sized.len(), sized.iter().map(|(size, _)| size).sum());
    // One shard for each worker, which takes the next file when it is done with one.
    let next = AtomicUsize::new(0);
    let work = |_| {
        let mut shard = fresh();
        while let Some((size, input)) = sized.get(next.fetch_add(1, Ordering::Relaxed)) {
            one(input, &mut shard);
            reader.progress.done(*size);
        }
        shard
    };
    let workers = rayon::current_num_threads().min(sized.len());
    let shards: Vec<Shard> = (0..workers).into_par_iter().with_max_len(1).map(work).collect();
    reader.progress.end();
    let joined = shards.into_iter().reduce(|mut all, one| {
        all.merge(one);
        all
    });
    joined.unwrap_or_else(fresh)
}

fn one(input: &Input, shard: &mut Shard) {
    shard.tally.files += 1;
    let problem = match input.read() {
        Err(why) => Some(why),
        Ok(content) => {
            shard.tally.bytes += content.text.len() as u64;
            let clouds: Vec<&'static dyn Cloud> = CLOUDS.to_vec();
            let decoded = decode::decode(&content.text, &clouds, &mut Worker(shard)).err();
            source::recycle(content.text);
            content.problem.or(decoded)
        }
    };
    if let Some(why) = problem {
        shard.tally.unreadable.push(Unreadable { path: input.name(), why });
    }
}
