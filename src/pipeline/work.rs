//! What there is to read, for any number of threads: objects, and the pieces of those that are too long to be held.

use crate::cloud::{CLOUDS, Sink};
use crate::decode::{self, Piece, Splitter, Verdict};
use crate::source::{Content, Feed, Object, Opened, Stream};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes from which on a text that is all there is to read is cut for all threads.
const SHARED: usize = 256 << 10;
/// Pieces such a text is cut into at least.
const PIECES: usize = 8;

/// What is to be read of a feed.
pub(super) struct Work<'f> {
    feed: &'f Feed,
    /// Whether a text is shared that could be held. Threads have no say in that: what is read must not depend on them.
    shares: bool,
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

/// Whether a text is long enough to be shared, and such that pieces of it are understood as the whole is: other notations
/// than JSON are not.
fn is_shared(content: &Content) -> bool {
    let begins = content.text.trim_ascii_start().starts_with(['{', '[']);
    content.problem.is_none() && content.text.len() >= SHARED && begins
}

impl<'f> Work<'f> {
    /// All of a feed.
    pub(super) fn new(feed: &'f Feed) -> Self {
        Self { feed, shares: false, looking: Mutex::new(0), found: Condvar::new(), long: Mutex::default() }
    }

    /// All of a feed; an object that is all there is to read is shared by all threads, unless it is short.
    pub(super) fn shared(feed: &'f Feed) -> Self {
        Self { shares: feed.parts() == Some(1), ..Self::new(feed) }
    }

    /// How many threads can be kept busy; none when that is not known yet.
    pub(super) fn parts(&self) -> Option<usize> {
        if self.shares { None } else { self.feed.parts() }
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
            Ok(Opened::Text(content)) if self.shares && is_shared(&content) => {
                let piece = content.text.len() / PIECES;
                self.long(object, |from| Splitter::with(from, piece), Stream::of(content.text))
            }
            Ok(Opened::Text(content)) => Next::Object(object, Ok(content)),
            Err(why) => Next::Object(object, Err(why)),
            Ok(Opened::Long(stream)) => self.long(object, Splitter::new, stream),
        }
    }

    fn long(&self, object: Object, cut: impl FnOnce(Stream) -> Splitter<Stream>, stream: Stream) -> Next {
        lock(&self.long).push_back(Arc::new(Long::new(object, cut(stream))));
        Next::Long
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
    fn new(object: Object, splitter: Splitter<Stream>) -> Self {
        let text = Text { splitter, hash: 0 };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{self, Asked, Meter};

    #[test]
    fn only_a_lone_text_of_some_length_is_shared() {
        let root = tempfile::tempdir().unwrap();
        let next = || {
            let inputs = [root.path().display().to_string()];
            let feed = source::open(&inputs, Asked::default(), &Arc::<Meter>::default()).unwrap();
            let work = Work::shared(&feed);
            (
                work.parts(),
                matches!(work.object(), Next::Long),
                matches!(Work::new(&feed).object(), Next::End),
            )
        };
        #[expect(clippy::disallowed_methods, reason = "what is read has to stand somewhere")]
        let write = |name: &str, text: String| std::fs::write(root.path().join(name), text).unwrap();
        write("a.json", "{}".to_owned());
        assert_eq!(next(), (None, false, true));
        write("a.json", format!("{{\"Records\":[{}]}}", " ".repeat(SHARED)));
        assert_eq!(next(), (None, true, true));
        write("a.json", format!("Records: []{}", " ".repeat(SHARED)));
        assert_eq!(next(), (None, false, true), "pieces of another notation are nothing");
        write("b.json", "{}".to_owned());
        assert_eq!(next(), (Some(2), false, false));
    }
}
