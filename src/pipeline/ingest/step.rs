//! Reading what is wanted, step by step: each counts when it is done, so that a run that ends early keeps the ones before.

use super::Run;
use super::listing::{Listing, Shared, Wanted, place};
use crate::aggregate::store::{Batch, Identity, Known, Objects, Read, Recorder, Sealed};
use crate::cloud::CLOUDS;
use crate::decode;
use crate::model::tally::Unreadable;
use crate::pipeline::ReadError;
use crate::pipeline::work::{Next, Work};
use crate::source::{self, Content, Feed, Object};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes as stored after which a step is written: what a killed run has to read again at most.
const STEP_BYTES: u64 = 8 << 20;
/// Records that are kept in memory to know their copies; more are looked up on disk again.
pub(super) const REMEMBERED: usize = 2_000_000;

/// How the reason begins why an input's objects are not known.
const UNLISTED: &str = "not listed to its end: ";

/// What a pass showed and did.
pub(super) struct Pass {
    /// What the inputs hold.
    pub(super) listing: Listing,
    /// Objects that could not be read.
    pub(super) failed: usize,
}

/// What a step read, beside what it learned.
#[derive(Default)]
pub(super) struct Step {
    pub(super) batch: Batch,
    pub(super) failed: usize,
    /// Whether there is no more to read.
    pub(super) ended: bool,
}

/// Threads that do the same. None takes up another job while it waits for the tables of known records: that job would wait
/// for the same tables.
pub(super) struct Pool(rayon::ThreadPool);

impl Pool {
    pub(super) fn all<T: Send>(&self, work: impl Fn() -> T + Sync) -> Vec<T> {
        self.0.broadcast(|_| work())
    }
}

/// How much a step has read.
#[derive(Default)]
pub(super) struct Full {
    bytes: AtomicU64,
    objects: AtomicU64,
}

impl Full {
    pub(super) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.objects.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is(&self, bytes: u64, objects: u64) -> bool {
        self.bytes.load(Ordering::Relaxed) >= bytes || self.objects.load(Ordering::Relaxed) >= objects
    }
}

impl Run<'_> {
    /// Reads what is wanted; `without` are the segments that are read again.
    pub(super) fn pass(
        &mut self,
        objects: &Objects,
        without: &BTreeSet<u64>,
        how: Sealed,
        wanted: Box<Wanted>,
    ) -> Result<Pass, ReadError> {
        let seen = Shared::default();
        let asked = seen.asked(self.ingest, wanted);
        let feed = source::open(&self.ingest.inputs, asked, &self.ingest.meter)?;
        let mut known = Arc::new(self.store.known(without));
        let (mut remembered, mut failed) = (0, 0);
        let places: Vec<String> = self.ingest.inputs.iter().map(|input| place(input)).collect();
        let all = places.join(", ");
        let (work, pool) = (Work::new(&feed), self.pool(&feed)?);
        loop {
            let step = if work.is_long() {
                self.long((&work, &feed, &pool), objects, &mut known, (without, how))?
            } else {
                let full = Full::default();
                let workers = pool.all(|| self.step(&work, objects, &known, &full));
                self.taken(workers)
            };
            failed += step.failed;
            self.out.stopped = feed.stopped();
            remembered += step.batch.recorders.iter().map(Recorder::records).sum::<usize>();
            if !step.batch.objects.is_empty() {
                self.store.seal(step.batch, &known, &self.rules.intent, how)?;
                self.dirty = true;
            }
            if step.ended && !self.out.stopped {
                self.dirty |= self.store.missing().remove(&all).is_some();
                failed += self.unlisted(&feed, &places);
                break;
            }
            if !self.dirty && !self.out.stopped {
                continue;
            }
            // Whoever reads the store before the next run must not take it for the whole.
            let why = "its ingest was interrupted: run it again to read the rest".to_owned();
            self.store.missing().insert(all.clone(), why);
            self.store.compact(false)?;
            self.store.commit()?;
            self.dirty = false;
            if self.out.stopped {
                break;
            }
            if remembered > REMEMBERED {
                known = Arc::new(self.store.known(without));
                remembered = 0;
            }
        }
        Ok(Pass { listing: seen.taken(), failed })
    }

    /// Notes what live inputs could not show, in the place of what they could not show before; how many there are.
    fn unlisted(&mut self, feed: &Feed, places: &[String]) -> usize {
        let of_these = |path: &String| places.iter().any(|place| path.starts_with(place.as_str()));
        let before = self.store.missing().len();
        self.store.missing().retain(|path, why| !(why.starts_with(UNLISTED) && of_these(path)));
        self.dirty |= self.store.missing().len() != before;
        let problems = feed.problems();
        for (path, why) in &problems {
            let why = format!("{UNLISTED}{why}");
            self.out.unreadable.push(Unreadable { path: path.clone(), why: why.clone() });
            self.store.missing().insert(path.clone(), why);
            self.dirty = true;
        }
        problems.len()
    }

    /// One step: as many objects as fit into it.
    fn step(&self, work: &Work<'_>, objects: &Objects, known: &Arc<Known>, full: &Full) -> Worker {
        let mut worker = Worker::new(self.recorder(known));
        while !full.is(STEP_BYTES, self.ingest.step) {
            match work.object() {
                Next::Object(object, content) => {
                    let size = object.size;
                    full.add(size);
                    worker.take(object, content, objects);
                    self.ingest.meter.finish(size);
                }
                Next::Long => break,
                Next::End => {
                    worker.ended = true;
                    break;
                }
            }
        }
        worker.recorder.forget_likes();
        worker
    }

    pub(super) fn recorder(&self, known: &Arc<Known>) -> Recorder {
        Recorder::new(Arc::clone(&self.rules), Arc::clone(known))
    }

    /// Threads for all steps of a pass: those of a step would leave their memory behind.
    fn pool(&self, feed: &Feed) -> Result<Pool, ReadError> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.ingest.threads.unwrap_or_else(cores);
        let workers = threads.min(feed.parts().unwrap_or(usize::MAX)).max(1);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build();
        pool.map(Pool).map_err(|why| ReadError::Threads(why.to_string()))
    }

    /// What the workers read.
    fn taken(&mut self, workers: Vec<Worker>) -> Step {
        let batch = Batch::default();
        let mut step = Step { batch, failed: 0, ended: false };
        for worker in workers {
            step.ended |= worker.ended;
            step.failed += worker.failed.len();
            for (path, why) in worker.failed {
                self.dirty |= self.store.missing().insert(path.clone(), why.clone()).as_ref() != Some(&why);
                self.out.unreadable.push(Unreadable { path, why });
            }
            for (uri, read) in worker.read {
                self.dirty |= self.store.found(&uri, &read.uri);
                step.batch.objects.push(read);
            }
            self.out.unreadable.extend(worker.recorder.unreadable().iter().cloned());
            self.out.records += worker.recorder.records() as u64;
            step.batch.recorders.push(worker.recorder);
        }
        self.out.objects += step.batch.objects.len() as u64;
        self.out.unreadable.sort();
        step
    }
}

/// One thread's part of a step.
struct Worker {
    recorder: Recorder,
    /// Objects that were read, by uri as given.
    read: Vec<(String, Read)>,
    /// Objects that could not be, with the reason.
    failed: Vec<(String, String)>,
    /// Whether there is no more to read.
    ended: bool,
}

impl Worker {
    fn new(recorder: Recorder) -> Self {
        Self { recorder, read: Vec::new(), failed: Vec::new(), ended: false }
    }

    fn take(&mut self, object: Object, content: Result<Content, String>, known: &Objects) {
        let content = match content {
            Ok(content) => content,
            Err(why) => return self.failed.push((object.uri, why)),
        };
        // What has no version of its own is known by its content.
        let of_content = || Identity::content(&content.text);
        let version = object.version.clone().unwrap_or_else(of_content);
        let uri = place(&object.uri);
        if object.version.is_none() && known.holds(Identity::of(&uri, object.size, &version)) {
            return;
        }
        let counts_copies = object.version.is_some() || uri == "-";
        self.recorder.begin(counts_copies, content.text.len() as u64);
        let decoded = decode::decode(&content.text, &CLOUDS, &mut self.recorder).err();
        let span = self.recorder.end();
        source::recycle(content.text);
        if let Some(why) = content.problem.or(decoded) {
            self.recorder.fault(object.uri.clone(), why);
        }
        self.read.push((object.uri, Read { uri, size: object.size, version, span }));
    }
}
