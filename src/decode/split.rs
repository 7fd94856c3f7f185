//! A text that is too long to be held, cut into pieces of whole records that any thread can decode.
//!
//! Between a line that ends a value and one that begins another there is always a cut: no JSON goes on there. Where records
//! stand in one long list, brackets are counted, and each piece is handed out as a list of its own. Where the cuts are
//! depends on the text alone.

use super::Clouds;
use crate::wire::{fingerprint, frame, lanes};
use std::io::Read;
use wide::u8x16;

/// Bytes of a piece, where no record is longer.
const PIECE: usize = 2 << 20;
/// Bytes that a value may have: records have a few hundred thousand at most.
const LONGEST: usize = 64 << 20;
/// Bytes that a text in another notation than JSON may have, which is only understood as a whole.
const NOTATION: usize = 256 << 20;

/// A piece of a text, which can be decoded on its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// Its records.
    pub text: String,
    /// Where it begins in the whole.
    pub at: u64,
    /// Whether it is the whole.
    pub alone: bool,
}

impl Piece {
    /// A hash of it and of those before.
    #[must_use]
    pub fn hash(&self, before: u64) -> u64 {
        fingerprint::join(before, fingerprint::hash(&self.text))
    }
}

/// Where the beginning of what is held stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Between values.
    Top,
    /// At the bracket of the list of records, or of one put in its place, which ends where so many brackets are open less.
    List(usize),
    /// Behind the list, in its wrapper.
    Behind,
}

/// Brackets and quotes, as far as they were looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    at: usize,
    depth: usize,
    quoted: bool,
    escaped: bool,
}

/// Where what is held can be cut.
#[derive(Debug, PartialEq, Eq)]
enum Cut {
    /// Behind the last whole value, or line.
    Here(usize),
    /// Behind the list.
    Closed(usize),
    /// The list is no JSON from here on.
    Wrong(usize),
}

/// Cuts a text into pieces.
pub struct Splitter<R> {
    from: R,
    held: Vec<u8>,
    /// Where what is held begins in the whole.
    base: u64,
    place: Place,
    scan: Scan,
    /// Bytes held when it is looked for a list.
    look: usize,
    begun: bool,
    ended: bool,
    problem: Option<String>,
    /// Bytes of a piece.
    piece: usize,
}

impl<R: Read> Splitter<R> {
    /// Of a text of any length.
    pub fn new(from: R) -> Self {
        Self::with(from, PIECE)
    }

    /// Into pieces of so many bytes, where no record is longer.
    pub fn with(from: R, piece: usize) -> Self {
        Self {
            from,
            piece,
            held: Vec::new(),
            base: 0,
            place: Place::Top,
            scan: Scan::default(),
            look: piece,
            begun: false,
            ended: false,
            problem: None,
        }
    }

    /// Where the text comes from.
    pub fn source(&self) -> &R {
        &self.from
    }

    /// Why the text ended early.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The next piece; none at the end.
    pub fn piece(&mut self, clouds: &Clouds) -> Option<Piece> {
        loop {
            if !self.ended && self.held.len() < self.piece {
                self.fill();
            }
            if !std::mem::replace(&mut self.begun, true) {
                self.begin(clouds);
            }
            if self.ended && self.place == Place::Top {
                return self.rest();
            }
            match self.cut() {
                Some(Cut::Here(at)) if self.place == Place::Behind => self.leave(at),
                Some(Cut::Here(at)) => return Some(self.take(at)),
                Some(Cut::Closed(at)) => return Some(self.close(at)),
                Some(Cut::Wrong(at)) => {
                    self.held.truncate(at);
                    self.ended = true;
                    return self.rest();
                }
                None if self.ended => return self.rest(),
                None if self.find_list(clouds) => {}
                None => self.fill(),
            }
        }
    }

    /// Reads on by the length of a piece.
    fn fill(&mut self) {
        if self.held.len() > LONGEST {
            self.ended = true;
            let limit = LONGEST >> 20;
            self.problem = Some(format!(
                "holds a value of more than {limit} MiB, which no record has: not read further"
            ));
            return;
        }
        match self.from.by_ref().take(self.piece as u64).read_to_end(&mut self.held) {
            Ok(read) => self.ended = read == 0,
            Err(error) => {
                self.ended = true;
                self.problem = Some(error.to_string());
            }
        }
    }

    /// A byte order mark is no part of the text; what is in another notation is only understood as a whole.
    fn begin(&mut self, clouds: &Clouds) {
        if self.held.starts_with("\u{feff}".as_bytes()) {
            self.held.drain(..'\u{feff}'.len_utf8());
        }
        if !clouds.iter().any(|cloud| cloud.transcribe(&String::from_utf8_lossy(&self.held)).is_some()) {
            return;
        }
        let most = NOTATION.saturating_sub(self.held.len()) as u64;
        match self.from.by_ref().take(most).read_to_end(&mut self.held) {
            Err(error) => self.problem = Some(error.to_string()),
            Ok(_) if self.held.len() >= NOTATION => {
                let limit = NOTATION >> 20;
                self.problem = Some(format!(
                    "is longer than {limit} MiB: export it as JSON lines; the rest was not read"
                ));
            }
            Ok(_) => {}
        }
        self.ended = true;
    }

    fn cut(&mut self) -> Option<Cut> {
        let between = || between_lines(&self.held).or_else(|| line(&self.held));
        match self.place {
            Place::Top => between().map(Cut::Here).or_else(|| self.brackets(None)),
            Place::List(depth) => self.brackets(Some(depth)),
            Place::Behind => self.brackets(None),
        }
    }

    /// Counts brackets in what was not looked at yet.
    fn brackets(&mut self, list: Option<usize>) -> Option<Cut> {
        let mut last = None;
        let Scan { at: from, mut depth, mut quoted, escaped } = self.scan;
        // Where a character stands that a backslash is before.
        let mut plain = escaped.then_some(from);
        let rest = self.held.get(from..).unwrap_or_default();
        let mut end = self.held.len();
        for (at, byte) in lanes::all(rest, marks).map(|(at, byte)| (from + at, byte)) {
            if plain == Some(at) {
                continue;
            }
            match (quoted, byte) {
                (_, b'"') => quoted = !quoted,
                (true, b'\\') => plain = Some(at + 1),
                (true, b'\n') if list.is_some() => return Some(Cut::Wrong(at + 1)),
                // A line that is no JSON: the next one stands on its own.
                (true, b'\n') => (quoted, depth) = (false, 0),
                (false, b'{' | b'[') => depth += 1,
                (false, b'}' | b']') => {
                    depth = depth.saturating_sub(1);
                    if list.is_some_and(|list| depth < list) {
                        self.scan = Scan { at: at + 1, depth, quoted, escaped: false };
                        return Some(Cut::Closed(at + 1));
                    }
                    if depth == list.unwrap_or(0) && (list.is_none() || byte == b'}') {
                        last = Some(at + 1);
                        if self.place == Place::Behind {
                            end = at + 1;
                            break;
                        }
                    }
                }
                _ => {}
            }
        }
        self.scan = Scan { at: end, depth, quoted, escaped: plain == Some(end) };
        last.map(Cut::Here)
    }

    /// Cuts: what stands before the place, and `put` before the rest.
    fn split(&mut self, at: usize, put: &[u8]) -> (Vec<u8>, u64) {
        let mut rest = Vec::with_capacity(2 * self.piece);
        rest.extend_from_slice(put);
        rest.extend_from_slice(self.held.get(at..).unwrap_or_default());
        let mut bytes = std::mem::replace(&mut self.held, rest);
        bytes.truncate(at);
        let base = self.base;
        self.base += (at - put.len().min(at)) as u64;
        self.look = self.piece;
        (bytes, base)
    }

    /// Takes what ends at a place between two values.
    fn take(&mut self, cut: usize) -> Piece {
        if self.place == Place::Top {
            let (bytes, at) = self.split(cut, b"");
            self.scan = Scan::default();
            return Piece { text: text(bytes), at, alone: false };
        }
        let (mut bytes, at) = self.split(cut, b"[");
        self.scan.at = self.scan.at - cut + 1;
        bytes.push(b']');
        Piece { text: text(bytes), at, alone: false }
    }

    /// Takes what ends with the list.
    fn close(&mut self, cut: usize) -> Piece {
        let (bytes, at) = self.split(cut, b"");
        self.scan.at = 0;
        self.place = if self.scan.depth == 0 { Place::Top } else { Place::Behind };
        Piece { text: text(bytes), at, alone: false }
    }

    /// Leaves what stands behind a list: there are no records in it.
    fn leave(&mut self, cut: usize) {
        self.split(cut, b"");
        (self.place, self.scan) = (Place::Top, Scan::default());
    }

    /// All that is left, once there is no more.
    fn rest(&mut self) -> Option<Piece> {
        let bytes = std::mem::take(&mut self.held);
        let at = self.base;
        self.base += bytes.len() as u64;
        match std::mem::replace(&mut self.place, Place::Top) {
            // Its wrapper is cut: the text must not pass for whole.
            Place::Behind => Some(Piece { text: "{".to_owned(), at: self.base, alone: false }),
            Place::Top if bytes.trim_ascii().is_empty() => None,
            Place::Top | Place::List(_) => Some(Piece { text: text(bytes), at, alone: at == 0 }),
        }
    }

    /// Looks whether a value that is too long for one piece is a list of records, or holds one. True where it does.
    fn find_list(&mut self, clouds: &Clouds) -> bool {
        match self.place {
            Place::Behind => {
                self.base += self.held.len() as u64;
                self.held.clear();
                self.scan.at = 0;
                return false;
            }
            Place::Top if self.held.len() >= self.look => {}
            _ => return false,
        }
        self.look = self.held.len() * 2;
        let Some((at, depth)) = frame::list(valid(&self.held), &super::Shapes(clouds)) else { return false };
        self.held.drain(..at - 1);
        self.base += (at - 1) as u64;
        (self.place, self.scan) = (Place::List(depth), Scan { at: 1, depth, ..Scan::default() });
        true
    }
}

/// Bytes that brackets and quotes are counted by.
fn marks(x: u8x16) -> u8x16 {
    let brackets = lanes::is(x | u8x16::splat(0x20), b'{') | lanes::is(x | u8x16::splat(0x20), b'}');
    brackets | lanes::is(x, b'"') | lanes::is(x, b'\\') | lanes::is(x, b'\n')
}

/// The last place between a line that ends a value and one that begins another.
fn between_lines(held: &[u8]) -> Option<usize> {
    let mut to = held.len();
    loop {
        let at = memchr::memrchr(b'\n', held.get(..to)?)?;
        let (before, after) = (held.get(..at)?.trim_ascii_end(), held.get(at + 1..)?.trim_ascii_start());
        if before.last().is_some_and(|byte| b"}]".contains(byte))
            && after.first().is_some_and(|byte| b"{[".contains(byte))
        {
            return Some(at + 1);
        }
        to = before.len();
    }
}

/// The end of the last line, where what is held is no JSON.
fn line(held: &[u8]) -> Option<usize> {
    let first = held.trim_ascii_start().first()?;
    if b"{[".contains(first) {
        return None;
    }
    memchr::memmem::rfind(held, b"\n{").or_else(|| memchr::memrchr(b'\n', held)).map(|at| at + 1)
}

/// The text up to what is no UTF-8.
fn valid(bytes: &[u8]) -> &str {
    let end = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    bytes.get(..end).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
}

/// UTF-8; what is none is replaced, so that one bad name loses nothing else.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
