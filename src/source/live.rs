//! Live sources: one thread lists and downloads, many at a time; what arrived waits in a bounded channel for the threads
//! that decode. The only room with asynchronous code.

use super::address::Address;
use super::bucket::{Bucket, Got, Listed};
use super::feed::Meter;
use super::flow;
use super::object::{Arrival, Body, Object};
use super::walk::{Problem, Walk};
use super::{Asked, SourceError};
use crate::model::time::Timestamp;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// Downloads at the same time: small objects take as long as an answer takes, whatever their size.
const AT_ONCE: usize = 32;
/// Objects that may wait to be decoded.
const WAITING: usize = 64;
/// Bytes, as stored, that may be under way or waiting.
const IN_FLIGHT: u32 = 64 << 20;
/// Objects that are listed ahead.
const AHEAD: usize = 256;
/// When so many objects could not be fetched and none could, the rest is not tried.
const HOPELESS: u64 = 32;
/// How often it is looked whether to stop.
const TICK: Duration = Duration::from_millis(100);

/// Bytes that were fetched, and their share of what may be in flight.
#[derive(Debug)]
pub(super) struct Fetched {
    result: Result<Vec<u8>, String>,
    _share: Option<OwnedSemaphorePermit>,
}

impl Fetched {
    /// The bytes; the share stays taken until what is returned beside them is dropped.
    pub(super) fn take(self) -> (Result<Vec<u8>, String>, impl Sized) {
        (self.result, self._share)
    }
}

/// A live source that was asked for its first page.
enum Source {
    Bucket(Box<Walk>),
    Api(String, Api),
}

/// An API that answers page by page.
enum Api {
    #[cfg(feature = "aws")]
    Lookup(Box<super::lookup::Lookup>),
    #[cfg(feature = "gcp")]
    Logging(Box<super::logging::Logging>),
}

impl Api {
    /// The next page; none after the last.
    async fn page(&mut self) -> Result<Option<Vec<u8>>, String> {
        match self {
            #[cfg(feature = "aws")]
            Self::Lookup(lookup) => lookup.page().await,
            #[cfg(feature = "gcp")]
            Self::Logging(logging) => logging.page().await,
        }
    }
}

/// Live sources, being read.
pub(super) struct Live(Option<Running>);

struct Running {
    arrivals: Mutex<Receiver<Arrival>>,
    state: Arc<State>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the tasks share.
struct State {
    asked: Asked,
    meter: Arc<Meter>,
    problems: Mutex<Vec<Problem>>,
    fetched: AtomicU64,
    failed: AtomicU64,
    hopeless: AtomicBool,
}

impl State {
    fn problem(&self, what: String, why: String) {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).push((what, why));
    }

    /// Counts what could be fetched; where nothing can be, the rest is not tried.
    fn count<T>(&self, result: Result<T, String>) -> Result<T, String> {
        if result.is_ok() {
            self.fetched.fetch_add(1, Ordering::Relaxed);
        } else {
            let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
            if failed >= HOPELESS && self.fetched.load(Ordering::Relaxed) == 0 {
                self.hopeless.store(true, Ordering::Relaxed);
            }
        }
        result
    }
}

impl Live {
    /// Asks each source for its first page, then starts to read.
    pub(super) fn open(
        addresses: Vec<(Address, String)>,
        asked: &Asked,
        meter: &Arc<Meter>,
    ) -> Result<Self, SourceError> {
        if addresses.is_empty() {
            return Ok(Self(None));
        }
        let failed = |why: String| SourceError::Live { input: "live sources".to_owned(), why };
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(|e| failed(e.to_string()))?;
        let mut sources = Vec::new();
        for (address, input) in addresses {
            let source = runtime.block_on(until_stopped(&asked.stop, open(&address, &input, asked, meter)));
            let source = source.unwrap_or_else(|| Err("interrupted before it was read".to_owned()));
            sources.push(source.map_err(|why| SourceError::Live { input, why })?);
        }
        let state = Arc::new(State {
            asked: asked.clone(),
            meter: Arc::clone(meter),
            problems: Mutex::default(),
            fetched: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            hopeless: AtomicBool::new(false),
        });
        let (out, arrivals) = channel(WAITING);
        let shared = Arc::clone(&state);
        let thread = std::thread::Builder::new()
            .name("live".to_owned())
            .spawn(move || drive(&runtime, sources, &shared, out))
            .map_err(|e| failed(e.to_string()))?;
        Ok(Self(Some(Running { arrivals: Mutex::new(arrivals), state, thread: Mutex::new(Some(thread)) })))
    }

    /// What has arrived already.
    pub(super) fn ready(&self) -> Option<Arrival> {
        self.0.as_ref()?.arrivals.try_lock().ok()?.try_recv().ok()
    }

    /// Waits for what comes next; none after the last.
    pub(super) fn wait(&self) -> Option<Arrival> {
        self.0.as_ref()?.arrivals.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// What could not be listed, once everything has arrived.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let Some(running) = &self.0 else { return Vec::new() };
        // What still comes is not wanted: whoever asks has stopped reading.
        running.arrivals.lock().unwrap_or_else(PoisonError::into_inner).close();
        let thread = running.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            let why = "reading broke down: this is a fault of leastgrant".to_owned();
            running.state.problem("live sources".to_owned(), why);
        }
        running.state.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn open(address: &Address, input: &str, asked: &Asked, meter: &Arc<Meter>) -> Result<Source, String> {
    let filter = &asked.filter;
    match address {
        #[cfg(feature = "aws")]
        Address::S3 { bucket, prefix } => {
            let bucket = Bucket::S3(super::s3::Bucket::open(bucket, asked.requester_pays).await?);
            Ok(Source::Bucket(Box::new(Walk::open(bucket, input, prefix, filter, meter).await?)))
        }
        #[cfg(feature = "gcp")]
        Address::Gcs { bucket, prefix } => {
            let bucket = Bucket::Gcs(super::gcs::Bucket::open(bucket, asked.requester_pays)?);
            Ok(Source::Bucket(Box::new(Walk::open(bucket, input, prefix, filter, meter).await?)))
        }
        #[cfg(feature = "aws")]
        Address::Lookup { region } => {
            meter.say(format!(
                "`{input}`: the event history reaches 90 days back and holds management events only; a trail's bucket \
                 (`s3://…`) holds all that the trail logs"
            ));
            let users = super::lookup::users(filter);
            if !users.is_empty() {
                meter.say(format!("`{input}`: only events of {} are looked up", users.join(", ")));
            }
            let lookup = super::lookup::Lookup::open(region, filter).await?;
            Ok(Source::Api(input.to_owned(), Api::Lookup(Box::new(lookup))))
        }
        #[cfg(feature = "gcp")]
        Address::Logging { parent } => {
            let logging = super::logging::Logging::open(parent, filter).await?;
            Ok(Source::Api(input.to_owned(), Api::Logging(Box::new(logging))))
        }
        #[cfg(not(all(feature = "aws", feature = "gcp")))]
        _ => Err("is not built in: build with the features `aws` and `gcp`".to_owned()),
    }
}

/// The result, unless told to stop before.
async fn until_stopped<T>(stop: &AtomicBool, work: impl Future<Output = T>) -> Option<T> {
    let stopped = async {
        while !stop.load(Ordering::Relaxed) {
            tokio::time::sleep(TICK).await;
        }
    };
    tokio::select! {
        result = work => Some(result),
        () = stopped => None,
    }
}

fn drive(runtime: &Runtime, sources: Vec<Source>, state: &Arc<State>, out: Sender<Arrival>) {
    runtime.block_on(async {
        let gone = out.clone();
        let all = async {
            tokio::select! {
                () = all(sources, state, out) => {}
                // Whoever reads has gone.
                () = gone.closed() => {}
            }
        };
        // What was told to stop says so itself, and what was under way is dropped.
        let _ = until_stopped(&state.asked.stop, all).await;
    });
}

async fn all(sources: Vec<Source>, state: &Arc<State>, out: Sender<Arrival>) {
    let mut running = JoinSet::new();
    let (listed, objects) = channel(AHEAD);
    for source in sources {
        let (state, listed, out) = (Arc::clone(state), listed.clone(), out.clone());
        running.spawn(async move {
            match source {
                Source::Bucket(walk) => {
                    let walk = Arc::new(*walk);
                    for (what, why) in Arc::clone(&walk).list(listed).await {
                        state.problem(what, why);
                    }
                    walk.without_logs().into_iter().for_each(|note| state.meter.say(note));
                }
                Source::Api(input, api) => pages(&input, api, &state, &out).await,
            }
        });
    }
    drop(listed);
    download(objects, state, &out).await;
    drop(out);
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            state.problem("live sources".to_owned(), format!("reading broke down: {error}"));
        }
    }
}

/// Fetches what is listed and wanted.
async fn download(mut objects: Receiver<(Arc<Walk>, Listed)>, state: &Arc<State>, out: &Sender<Arrival>) {
    let share = Arc::new(Semaphore::new(IN_FLIGHT as usize));
    let mut running = JoinSet::new();
    while let Some((walk, listed)) = objects.recv().await {
        if state.hopeless.load(Ordering::Relaxed) {
            let why = format!("given up: none of the first {HOPELESS} objects could be read");
            state.problem(walk.input.clone(), why);
            break;
        }
        let object = walk.bucket.object(&listed);
        if !state.asked.wants(&object) {
            state.meter.known.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        state.meter.list(&object);
        while running.len() >= AT_ONCE {
            let _ = running.join_next().await;
        }
        let long = listed.size > super::inflate::AT_ONCE as u64;
        let bytes = if long { flow::SHARE } else { listed.size };
        let bytes = u32::try_from(bytes).unwrap_or(IN_FLIGHT).clamp(1, IN_FLIGHT);
        let permit = Arc::clone(&share).acquire_many_owned(bytes).await.ok();
        let (state, out) = (Arc::clone(state), out.clone());
        running.spawn(async move {
            if long {
                return pass_on(&walk, &listed, object, &state, &out).await;
            }
            let arrival = fetch(&walk, &listed, object, permit, &state).await;
            // Nobody wants it any more when this fails.
            let _ = out.send(arrival).await;
        });
    }
    while running.join_next().await.is_some() {}
}

async fn fetch(
    walk: &Walk,
    listed: &Listed,
    mut object: Object,
    share: Option<OwnedSemaphorePermit>,
    state: &State,
) -> Arrival {
    let result = state.count(walk.bucket.get(listed).await).map(|Got { bytes, version }| {
        object.version = version.or(object.version.take());
        bytes
    });
    Arrival { object, body: Body::Fetched(Fetched { result, _share: share }) }
}

/// Hands over an object that is too long to be held, while it is fetched.
async fn pass_on(walk: &Walk, listed: &Listed, mut object: Object, state: &State, out: &Sender<Arrival>) {
    match state.count(walk.bucket.begin(listed, 0, None).await) {
        Ok(body) => {
            object.version = body.version.clone().or(object.version);
            let (source, flow) = flow::flow();
            if out.send(Arrival { object, body: Body::Flowing(flow) }).await.is_ok() {
                source.pump(&walk.bucket, listed, body).await;
            }
        }
        Err(why) => {
            let body = Body::Fetched(Fetched { result: Err(why), _share: None });
            // Nobody wants it any more when this fails.
            let _ = out.send(Arrival { object, body }).await;
        }
    }
}

/// Hands over the pages of an API.
async fn pages(input: &str, mut api: Api, state: &State, out: &Sender<Arrival>) {
    loop {
        let bytes = match api.page().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return,
            Err(why) => return state.problem(input.to_owned(), why),
        };
        let size = bytes.len() as u64;
        let object = Object { uri: input.to_owned(), size, version: None, modified: Timestamp::UNKNOWN };
        state.meter.list(&object);
        let arrival = Arrival { object, body: Body::Fetched(Fetched { result: Ok(bytes), _share: None }) };
        if out.send(arrival).await.is_err() {
            return;
        }
    }
}
