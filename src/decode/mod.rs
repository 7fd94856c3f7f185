//! Text into readings: finds the records, hands each to the cloud whose dialect it speaks, and says how the file ended.

mod split;

pub use split::{Piece, Splitter};

use crate::cloud::{Cloud, Known, Like, Sink, Stranger};
use crate::model::coverage::{Declaration, Sighting};
use crate::model::identity::Vouched;
use crate::model::tally::Skip;
use crate::model::time::Timestamp;
use crate::model::usage::Reading;
use crate::wire::fingerprint::Wide;
use crate::wire::frame::{self, Broken, End, Receiver, Shape};
use crate::wire::outline::Outline;
use std::cell::Cell;

/// Decodes one file's text into `sink`.
///
/// # Errors
/// Why the file, or the rest of it, could not be read; records before that are in the sink.
pub fn decode(text: &str, clouds: &Clouds, sink: &mut dyn Sink) -> Result<(), String> {
    let verdict = part(text, (0, true), clouds, sink);
    if !verdict.known && clouds.iter().any(|cloud| cloud.describe_text(text, sink)) {
        return Ok(());
    }
    verdict.tell(sink)
}

/// Decodes a piece of a long text into `sink`; what the pieces are together is told when all are decoded.
pub fn piece(piece: &Piece, clouds: &Clouds, sink: &mut dyn Sink) -> Verdict {
    part(&piece.text, (piece.at, piece.alone), clouds, sink)
}

/// The clouds whose logs are looked for.
pub type Clouds = [&'static dyn Cloud];

fn part(text: &str, (from, alone): (u64, bool), clouds: &Clouds, sink: &mut dyn Sink) -> Verdict {
    let transcript = if from == 0 { clouds.iter().find_map(|cloud| cloud.transcribe(text)) } else { None };
    let text = transcript.as_deref().unwrap_or(text);
    let mut file = File {
        clouds,
        sink,
        chosen: Cell::new(0),
        known: Cell::new(false),
        taken: 0,
        strangers: 0,
        malformed: 0,
    };
    let end = frame::walk(text, alone, &mut file);
    let (known, broken) = match end {
        End::Whole => (file.known.get(), None),
        End::Companion => (true, None),
        End::Broken(why, at) => (file.known.get(), Some((from + at as u64, why == Broken::Cut))),
    };
    let (taken, strangers, malformed) = (file.taken, file.strangers, file.malformed);
    let most = clouds.get(file.chosen.get()).filter(|_| taken > 0).and_then(|cloud| cloud.logging().most);
    Verdict { known, blank: text.trim().is_empty(), taken, strangers, malformed, broken, most }
}

/// What a text, or a part of it, turned out to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Whether something of an audit log was seen, or what is delivered beside one.
    known: bool,
    blank: bool,
    taken: u64,
    strangers: u64,
    malformed: u64,
    /// The first place where it stops being JSON, and whether it just ends there.
    broken: Option<(u64, bool)>,
    /// Records of a download at most.
    most: Option<u64>,
}

impl Verdict {
    /// Of a text of which nothing was read.
    #[must_use]
    pub fn none() -> Self {
        Self { blank: true, ..Self::default() }
    }

    /// Adds that of another part.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            known: self.known || other.known,
            blank: self.blank && other.blank,
            taken: self.taken + other.taken,
            strangers: self.strangers + other.strangers,
            malformed: self.malformed + other.malformed,
            broken: self.broken.into_iter().chain(other.broken).min(),
            most: self.most.or(other.most),
        }
    }

    /// Tells of the whole text what could not be told of a record.
    ///
    /// # Errors
    /// Why the file, or the rest of it, could not be read.
    pub fn tell(self, sink: &mut dyn Sink) -> Result<(), String> {
        if !self.known {
            return Err(if self.blank {
                "is empty: an empty log proves nothing, check the delivery".to_owned()
            } else {
                "is no audit log: neither CloudTrail records nor Cloud Audit Logs entries are in it"
                    .to_owned()
            });
        }
        let taken = self.taken;
        if taken == 0 && self.strangers > 0 {
            return Err(
                "holds records, but none of CloudTrail or Cloud Audit Logs (other services also write `Records`)"
                    .to_owned(),
            );
        }
        if self.most == Some(taken) {
            sink.full();
        }
        for _ in 0..self.strangers {
            sink.skip(None, None, Skip::NotAnEvent, "");
        }
        for _ in 0..self.malformed {
            sink.malformed(None);
        }
        match self.broken {
            None => Ok(()),
            Some((at, true)) => Err(format!(
                "ends inside a record, at byte {at}; the {taken} records before it were read: fetch the file again"
            )),
            Some((at, false)) => {
                Err(format!("stops being JSON at byte {at}; the {taken} records before it were read"))
            }
        }
    }
}

/// What the presence of a key says, before anything is read.
struct Shapes<'c>(&'c Clouds);

impl Receiver for Shapes<'_> {
    fn shape(&self, key: &str) -> Option<Shape> {
        self.0.iter().find_map(|cloud| cloud.shape(key))
    }
    fn record(&mut self, _rest: &str) -> Result<usize, Broken> {
        Err(Broken::Syntax)
    }
    fn description(&mut self, _rest: &str) -> Result<Option<usize>, Broken> {
        Ok(None)
    }
    fn stranger(&mut self) {}
    fn malformed(&mut self) {}
}

/// The walk over one file.
struct File<'s, 'c> {
    clouds: &'c [&'static dyn Cloud],
    sink: &'s mut dyn Sink,
    chosen: Cell<usize>,
    /// Something of an audit log was seen.
    known: Cell<bool>,
    taken: u64,
    strangers: u64,
    malformed: u64,
}

impl Receiver for File<'_, '_> {
    fn shape(&self, key: &str) -> Option<Shape> {
        let (at, shape) =
            self.clouds.iter().enumerate().find_map(|(at, cloud)| Some((at, cloud.shape(key)?)))?;
        self.chosen.set(at);
        self.known.set(true);
        Some(shape)
    }

    fn record(&mut self, rest: &str) -> Result<usize, Broken> {
        let Some(cloud) = self.clouds.get(self.chosen.get()) else { return Err(Broken::Syntax) };
        let mut counted = Counted { sink: self.sink, strange: false };
        let len = cloud.read(rest, &mut counted)?;
        if counted.strange {
            self.strangers += 1;
        } else {
            self.taken += 1;
        }
        Ok(len)
    }

    fn description(&mut self, rest: &str) -> Result<Option<usize>, Broken> {
        let Some(cloud) = self.clouds.get(self.chosen.get()) else { return Ok(None) };
        cloud.describe(rest, self.sink)
    }

    fn stranger(&mut self) {
        self.strangers += 1;
    }

    fn malformed(&mut self) {
        self.malformed += 1;
    }
}

/// Holds back strangers: a file of nothing else is no log at all.
struct Counted<'s> {
    sink: &'s mut dyn Sink,
    strange: bool,
}

impl Sink for Counted<'_> {
    fn known(&self, like: &Like) -> Known {
        self.sink.known(like)
    }
    fn meet(&mut self, cloud: &'static str, like: &Like, who: &Stranger<'_>) {
        self.sink.meet(cloud, like, who);
    }
    fn repeat(&mut self, like: &Like, at: Option<Timestamp>, event: Option<&str>, leads: Option<u64>) {
        self.sink.repeat(like, at, event, leads);
    }
    fn names(&self) -> bool {
        self.sink.names()
    }
    fn repeat_named(&mut self, like: &Like, at: Option<Timestamp>, event: Option<&str>, name: &str) {
        self.sink.repeat_named(like, at, event, name);
    }
    fn watch_named(&mut self, name: &str) {
        self.sink.watch_named(name);
    }
    fn watch(&mut self) {
        self.sink.watch();
    }
    fn learn(&mut self, actor: Wide, call: Wide, idle: bool) {
        self.sink.learn(actor, call, idle);
    }
    fn outlines(&mut self) -> bool {
        self.sink.outlines()
    }
    fn outlined(&mut self, call: Wide, outline: &Outline<'_>) -> bool {
        self.sink.outlined(call, outline)
    }
    fn learn_outline(&mut self, call: Wide, outline: &Outline<'_>) {
        self.sink.learn_outline(call, outline);
    }
    fn ask(&mut self, call: Wide, parts: u64) {
        self.sink.ask(call, parts);
    }
    fn is_new(
        &mut self,
        id: Option<u64>,
        content: &dyn Fn() -> u64,
        at: Option<Timestamp>,
        event: Option<&str>,
    ) -> bool {
        self.sink.is_new(id, content, at, event)
    }
    fn sighting(&mut self, cloud: &'static str, seen: &Sighting<'_>) {
        self.sink.sighting(cloud, seen);
    }
    fn declare(&mut self, declaration: Declaration) {
        self.sink.declare(declaration);
    }
    fn reading(&mut self, cloud: &'static str, reading: &Reading<'_>) {
        self.sink.reading(cloud, reading);
    }
    fn beside(&mut self, cloud: &'static str, reading: &Reading<'_>) {
        self.sink.beside(cloud, reading);
    }
    fn refused(&mut self, cloud: &'static str, reading: &Reading<'_>) {
        self.sink.refused(cloud, reading);
    }
    fn skip(&mut self, at: Option<Timestamp>, event: Option<&str>, why: Skip, detail: &str) {
        self.sink.skip(at, event, why, detail);
    }
    fn unknown(&mut self, what: &str) {
        self.sink.unknown(what);
    }
    fn stranger(&mut self, _event: Option<&str>) {
        self.strange = true;
    }
    fn malformed(&mut self, event: Option<&str>) {
        self.sink.malformed(event);
    }
    fn conditions(&self) -> &[String] {
        self.sink.conditions()
    }
    fn link(&mut self, principal: &str, vouched: Vouched) {
        self.sink.link(principal, vouched);
    }
    fn holds(&mut self, key: &str, values: &[String], sure: bool) {
        self.sink.holds(key, values, sure);
    }
    fn stands(&mut self, cloud: &'static str, name: &str) {
        self.sink.stands(cloud, name);
    }
}
