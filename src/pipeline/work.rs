//! What there is to read, for any number of threads: objects, and the pieces of those that are too long to be held.

use crate::cloud::{CLOUDS, Sink};
use crate::decode::{self, Piece, Splitter, Verdict};
use crate::source::{Content, Feed, Object, Opened, Stream};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What is to be read of a feed.
pub(super) struct Work<'f> {
    feed: &'f Feed,
    /// Threads that are looking what comes next: it may be something long, which all share.
    looking: Mutex<usize>,
    found: Condvar,
    long: Mutex<VecDeque<Arc<Long>>>,
}

/// What comes next.
pub(super) enum Next {
    /// An object as a whole, or why it cannot be had.
    Object(Object, Result<Content, String>),
    /// Pieces of something long.
    Long,
    /// Nothing.
    End,
}

/// Part of something long.
pub(super) enum Part {
    /// A piece.
    Piece(Piece),
    /// All pieces were decoded.
    Ended(Ended),
}

/// An object that is too long to be held.
pub(super) struct Long {
    pub(super) object: Object,
    text: Mutex<Option<Text>>,
    state: Mutex<State>,
}

/// What is left of its text.
struct Text {
    splitter: Splitter<Stream>,
    hash: u64,
}

#[derive(Default)]
struct State {
    verdict: Option<Verdict>,
    /// Pieces that are being decoded.
    under_way: usize,
    ended: Option<Ended>,
}

/// How something long ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Ended {
    /// Why it could not be fetched to its end.
    pub(super) failure: Option<String>,
    /// What is wrong with what was fetched.
    problem: Option<String>,
    /// A hash of all of it.
    pub(super) hash: u64,
    verdict: Verdict,
}

impl Ended {
    /// Tells what could not be told of a record, and what is wrong with it.
    pub(super) fn tell(&self, sink: &mut dyn Sink) -> Option<String> {
        let told = self.verdict.clone().tell(sink).err();
        self.failure.clone().or_else(|| self.problem.clone()).or(told)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'f> Work<'f> {
    /// All of a feed.
    pub(super) fn new(feed: &'f Feed) -> Self {
        Self { feed, looking: Mutex::new(0), found: Condvar::new(), long: Mutex::default() }
    }

    /// The next object, unless something long is to be read first.
    pub(super) fn object(&self) -> Next {
        if self.is_long() {
            return Next::Long;
        }
        *lock(&self.looking) += 1;
        let next = self.look();
        *lock(&self.looking) -= 1;
        self.found.notify_all();
        if !matches!(next, Next::End) {
            return next;
        }
        let mut looking = lock(&self.looking);
        while *looking > 0 {
            looking = self.found.wait(looking).unwrap_or_else(PoisonError::into_inner);
        }
        if self.is_long() { Next::Long } else { Next::End }
    }

    fn look(&self) -> Next {
        let Some(arrival) = self.feed.next() else { return Next::End };
        let object = arrival.object.clone();
        match arrival.open() {
            Ok(Opened::Text(content)) => Next::Object(object, Ok(content)),
            Err(why) => Next::Object(object, Err(why)),
            Ok(Opened::Long(stream)) => {
                lock(&self.long).push_back(Arc::new(Long::new(object, stream)));
                Next::Long
            }
        }
    }

    /// Whether something long is to be read.
    pub(super) fn is_long(&self) -> bool {
        !lock(&self.long).is_empty()
    }

    /// What is long and to be read next.
    pub(super) fn first(&self) -> Option<Arc<Long>> {
        lock(&self.long).front().map(Arc::clone)
    }

    /// What comes next of something long; none where nothing does, or when reading was told to stop.
    pub(super) fn part(&self, long: &Arc<Long>) -> Option<Part> {
        if self.feed.stopped() {
            lock(&self.long).clear();
            return None;
        }
        if let Some(piece) = long.cut() {
            return Some(Part::Piece(piece));
        }
        lock(&self.long).retain(|one| !Arc::ptr_eq(one, long));
        long.end().map(Part::Ended)
    }
}

impl Long {
    fn new(object: Object, stream: Stream) -> Self {
        let text = Text { splitter: Splitter::new(stream), hash: 0 };
        Self { object, text: Mutex::new(Some(text)), state: Mutex::default() }
    }

    fn cut(&self) -> Option<Piece> {
        let mut held = lock(&self.text);
        let text = held.as_mut()?;
        if let Some(piece) = text.splitter.piece(&CLOUDS) {
            if self.object.version.is_none() {
                text.hash = piece.hash(text.hash);
            }
            lock(&self.state).under_way += 1;
            return Some(piece);
        }
        let failure = text.splitter.source().failure();
        let problem = text.splitter.problem().map(str::to_owned);
        lock(&self.state).ended = Some(Ended { failure, problem, hash: text.hash, ..Ended::default() });
        *held = None;
        None
    }

    /// Decodes a piece; says how the object ended where it was the last one.
    pub(super) fn decode(&self, piece: &Piece, sink: &mut dyn Sink) -> Option<Ended> {
        let verdict = decode::piece(piece, &CLOUDS, sink);
        {
            let mut state = lock(&self.state);
            state.under_way -= 1;
            let all = state.verdict.take();
            state.verdict = Some(match all {
                Some(all) => all.and(verdict),
                None => verdict,
            });
        }
        self.end()
    }

    /// How it ended, for the first who asks when it did.
    fn end(&self) -> Option<Ended> {
        let mut state = lock(&self.state);
        if state.under_way > 0 {
            return None;
        }
        let ended = state.ended.take()?;
        Some(Ended { verdict: state.verdict.take().unwrap_or_else(Verdict::none), ..ended })
    }
}
