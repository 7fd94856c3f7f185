//! A JSON value without the texts that nobody looks at: values that differ only in those come to the same.
//!
//! [`Sketch`] tells a value by all of it but its plain texts, each of which stands there as its [class](class()) alone;
//! [`Marks`] says which of the texts were looked at beyond that. Both together decide what is made of the value.

use super::fingerprint::Wide;
use super::members::special;
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};

/// Longest scalar that can be a name; longer ones are documents or user data.
pub const MAX_NAME: usize = 4096;

/// What services write in place of a secret.
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// How the names of keys begin that AWS manages.
const MANAGED: &str = "alias/aws/";

/// Whether a text is an ARN, by its beginning.
#[must_use]
pub fn is_arn(text: &str) -> bool {
    text.starts_with("arn:")
}

/// The same, percent-encoded.
#[must_use]
pub fn is_encoded_arn(text: &str) -> bool {
    text.starts_with("arn%3A") || text.starts_with("arn%3a")
}

/// Whether a text names a key that AWS manages.
#[must_use]
pub fn is_managed_key(text: &str) -> bool {
    let behind = |at: usize| text.get(at + 1..).is_some_and(|rest| rest.starts_with(MANAGED));
    text.starts_with(MANAGED) || memchr::memchr_iter(b':', text.as_bytes()).any(behind)
}

/// Whether a text ends as the ids of EC2 do: a dash, and hexadecimal digits.
#[must_use]
pub fn may_be_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = bytes.iter().rev().take(18).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let before = bytes.len().checked_sub(digits + 1).and_then(|at| bytes.get(at));
    (8..=17).contains(&digits) && before == Some(&b'-')
}

/// All that may be asked of a text without [marking](Marks::mark) it.
fn class(text: &str) -> u8 {
    let all = [
        text.is_empty(),
        text.len() > MAX_NAME,
        text == HIDDEN,
        is_arn(text),
        is_encoded_arn(text),
        is_managed_key(text),
        may_be_id(text),
        text == "true",
    ];
    all.iter().enumerate().fold(0, |class, (at, is)| class | (u8::from(*is) << at))
}

/// The plain texts of one value that were looked at, by where they begin.
#[derive(Debug, Default)]
pub struct Marks {
    opened: Cell<bool>,
    texts: RefCell<SmallVec<[u32; 8]>>,
}

impl Marks {
    /// The value was looked at.
    pub fn open(&self) {
        self.opened.set(true);
    }

    /// Whether it was.
    #[must_use]
    pub fn opened(&self) -> bool {
        self.opened.get()
    }

    /// The text that begins there was looked at.
    pub fn mark(&self, at: u32) {
        let mut texts = self.texts.borrow_mut();
        if !texts.contains(&at) {
            texts.push(at);
        }
    }

    /// A piece of the value was looked at, which is one of its texts.
    pub fn mark_in(&self, value: &str, piece: &str) {
        let at = piece.as_ptr().addr().checked_sub(value.as_ptr().addr());
        self.mark(at.and_then(|at| u32::try_from(at).ok()).unwrap_or(u32::MAX));
    }

    /// The marked texts as bits, by their number in the value; the last of `width` bits stands for all that come later.
    #[must_use]
    pub fn bits(&self, sketch: &Sketch, width: usize) -> u64 {
        let last = width.saturating_sub(1);
        let bit = |at: &u32| match sketch.texts.binary_search_by_key(at, |(from, _)| *from) {
            Ok(number) => 1u64 << number.min(last),
            Err(_) => (1u64 << width) - 1,
        };
        self.texts.borrow().iter().fold(0, |bits, at| bits | bit(at))
    }
}

/// Where texts begin and end.
pub type Spans = SmallVec<[(u32, u32); 12]>;

/// What stands for a value beside its plain texts, and where those are.
#[derive(Clone, Debug)]
pub struct Sketch {
    /// What stands for it.
    pub hash: Wide,
    texts: Spans,
}

impl Sketch {
    /// The sketch of JSON whose plain texts are these, without its keys; `scratch` is overwritten.
    #[must_use]
    pub fn with(raw: &str, spans: &Spans, scratch: &mut Vec<u8>) -> Self {
        scratch.clear();
        if u32::try_from(raw.len()).is_err() || memchr::memmem::find(raw.as_bytes(), b"\"omitted\"").is_some()
        {
            return Self { hash: Wide::of(raw.as_bytes()), texts: Spans::new() };
        }
        let mut copied = 0;
        for (from, end) in spans {
            scratch.extend(raw.as_bytes().get(copied..*from as usize).unwrap_or_default());
            scratch.push(class(raw.get(*from as usize..*end as usize).unwrap_or("")));
            copied = *end as usize;
        }
        scratch.extend(raw.as_bytes().get(copied..).unwrap_or_default());
        Self { hash: Wide::of(scratch), texts: spans.clone() }
    }

    /// The sketch of JSON that is known to be valid; `scratch` is overwritten.
    #[must_use]
    pub fn of(raw: &str, scratch: &mut Vec<u8>) -> Self {
        scratch.clear();
        let mut texts = Spans::new();
        let (bytes, mut at, mut copied) = (raw.as_bytes(), 0, 0);
        // What may stand for omitted parameters is read as a whole, and so is what is beyond counting.
        let whole = u32::try_from(raw.len()).is_err() || raw.contains("\"omitted\"");
        while let Some(quote) = bytes.get(at..).filter(|_| !whole).and_then(|rest| memchr::memchr(b'"', rest))
        {
            let from = at + quote + 1;
            let Some(len) = bytes.get(from..).and_then(special) else { break };
            let end = from + len;
            if bytes.get(end) != Some(&b'"') {
                at = past(bytes, end);
                continue;
            }
            at = end + 1;
            let next = bytes.get(at..).and_then(|rest| rest.iter().find(|b| !b.is_ascii_whitespace()));
            if next != Some(&b':') {
                scratch.extend(bytes.get(copied..from).unwrap_or_default());
                scratch.push(class(raw.get(from..end).unwrap_or("")));
                copied = end;
                texts.push((u32::try_from(from).unwrap_or(0), u32::try_from(end).unwrap_or(0)));
            }
        }
        scratch.extend(bytes.get(copied..).unwrap_or_default());
        Self { hash: Wide::of(scratch), texts }
    }

    /// Those of the value's texts whose bits are set; the last of `width` stands for all that come later.
    pub fn each<'r>(&self, raw: &'r str, (bits, width): (u64, usize), mut take: impl FnMut(&'r str)) {
        for (number, (from, end)) in self.texts.iter().enumerate() {
            if bits & (1u64 << number.min(width.saturating_sub(1))) != 0 {
                take(raw.get(*from as usize..*end as usize).unwrap_or(""));
            }
        }
    }

    /// What stands for those of the value's texts whose bits are set; the last of `width` stands for all that come later.
    #[must_use]
    pub fn of_texts(&self, raw: &str, bits: u64, width: usize, scratch: &mut Vec<u8>) -> Wide {
        scratch.clear();
        for (number, (from, end)) in self.texts.iter().enumerate() {
            if bits & (1u64 << number.min(width.saturating_sub(1))) != 0 {
                let text = raw.as_bytes().get(*from as usize..*end as usize).unwrap_or_default();
                // The length keeps neighbours apart.
                scratch.extend((end - from).to_le_bytes());
                scratch.extend(text);
            }
        }
        Wide::of(scratch)
    }
}

/// Where the string ends that has an escape at `at`: behind its closing quote.
fn past(bytes: &[u8], mut at: usize) -> usize {
    loop {
        match bytes.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(raw: &str) -> Sketch {
        Sketch::of(raw, &mut Vec::new())
    }

    #[test]
    fn texts_stand_as_their_class_and_all_else_as_it_is() {
        let one = r#"{"a":"x","b":["y z",1,true],"c":"a\"b" , "d" : "arn:aws:s3:::b"}"#;
        let same = r#"{"a":"longer","b":["",1,true],"c":"a\"b" , "d" : "arn:aws:s3:::c"}"#
            .replace("[\"\"", "[\"q\"");
        assert_eq!(of(one).hash, of(&same).hash);
        assert_eq!(of(one).texts.len(), 3, "no key, and nothing with an escape");
        for other in [
            one.replace("\"a\":", "\"e\":"),
            one.replace("\"x\"", "\"\""),
            one.replace("\"x\"", "\"true\""),
            one.replace("\"x\"", "\"i-0123456789\""),
            one.replace("\"x\"", &format!("\"{HIDDEN}\"")),
            one.replace("1,", "2,"),
            one.replace("a\\\"b", "a\\\"c"),
            one.replace("arn:aws:s3:::b", "b"),
            one.replace("\"x\"", "7"),
        ] {
            assert_ne!(of(one).hash, of(&other).hash, "{other}");
        }
        assert!(of(r#"{"omitted":true,"a":"x"}"#).texts.is_empty());
    }

    #[test]
    fn marked_texts_decide() {
        let (one, other) = (r#"{"a":"x","b":"y"}"#, r#"{"a":"x","b":"zz"}"#);
        let (sketch, theirs) = (of(one), of(other));
        let marks = Marks::default();
        marks.mark(u32::try_from(one.find('x').unwrap()).unwrap());
        let bits = marks.bits(&sketch, 8);
        assert_eq!(bits, 1);
        let texts = |sketch: &Sketch, raw: &str, bits| sketch.of_texts(raw, bits, 8, &mut Vec::new());
        assert_eq!(texts(&sketch, one, bits), texts(&theirs, other, bits));
        marks.mark(u32::try_from(one.find('y').unwrap()).unwrap());
        let bits = marks.bits(&sketch, 8);
        assert_eq!(bits, 3);
        assert_ne!(texts(&sketch, one, bits), texts(&theirs, other, bits));
        assert_eq!(marks.bits(&sketch, 1), 1, "the last bit stands for all that come later");
        marks.mark(0);
        assert_eq!(marks.bits(&sketch, 8), 0xff, "what is not known stands for everything");
    }
}
