//! Values that were seen before, told by their bytes without being parsed: sessions and requests come again and again.

use super::fingerprint::{Wide, of_member};
use super::members::Value;
use std::hash::Hasher;

/// Bytes by which a value is looked for; it is compared as a whole.
const HEAD: usize = 256;
/// Longer values are not kept.
const LONGEST: usize = 4096;

/// A value that was seen.
#[derive(Clone, Debug)]
pub struct Seen<T> {
    /// Length of its text.
    pub len: usize,
    /// What stands for it.
    pub hash: Wide,
    /// What it adds to the fingerprint of its record.
    pub print: u64,
    /// What was made of it.
    pub made: T,
}

/// Values of one member, the last at each place.
#[derive(Debug)]
pub struct Repeats<T> {
    key: &'static str,
    places: Vec<Option<(Box<str>, Seen<T>)>>,
    /// What was last seen at each place: only what comes a second time is kept.
    last: Vec<Wide>,
}

impl<T: Clone> Repeats<T> {
    /// None yet; `size` is a power of two.
    #[must_use]
    pub fn new(key: &'static str, size: usize) -> Self {
        let places = std::iter::repeat_with(|| None).take(size).collect();
        Self { key, places, last: vec![Wide::of(b""); size] }
    }

    /// The place of a value that starts `rest`: by its bytes up to the first that can end it, so that what stands behind the
    /// value has no part in it.
    fn place(&self, rest: &str) -> usize {
        let head = rest.as_bytes();
        let head = head.get(..HEAD).unwrap_or(head);
        let end = memchr::memchr(b'}', head).unwrap_or(head.len());
        let mut hasher = rustc_hash::FxHasher::default();
        hasher.write(head.get(..end).unwrap_or(head));
        usize::try_from(hasher.finish()).unwrap_or(0) & (self.places.len() - 1)
    }

    /// The object that starts `rest`, if it was seen: an object ends where it ends, whatever comes after.
    #[must_use]
    pub fn find(&self, rest: &str) -> Option<Seen<T>> {
        let (text, seen) = self.places.get(self.place(rest))?.as_ref()?;
        rest.starts_with(&**text).then(|| seen.clone())
    }

    /// Keeps an object for later, when it comes again.
    pub fn keep(&mut self, text: &str, made: T) -> Seen<T> {
        let (hash, print) = (Wide::of(text.as_bytes()), of_member(self.key, Value::Json(text)));
        let seen = Seen { len: text.len(), hash, print, made };
        if !text.starts_with('{') || text.len() > LONGEST {
            return seen;
        }
        let place = self.place(text);
        if let (Some(known), Some(last)) = (self.places.get_mut(place), self.last.get_mut(place)) {
            if *last == hash {
                *known = Some((text.into(), seen.clone()));
            }
            *last = hash;
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_known_again_wherever_they_stand() {
        let mut repeats = Repeats::new("k", 4);
        let seen = repeats.keep(r#"{"a":1}"#, 7);
        assert!(repeats.find(r#"{"a":1}"#).is_none(), "most come once");
        repeats.keep(r#"{"a":1}"#, 7);
        assert_eq!(
            repeats.find(r#"{"a":1},"next":2"#).map(|s| (s.len, s.hash, s.made)),
            Some((7, seen.hash, 7))
        );
        assert!(repeats.find(r#"{"a":12}"#).is_none());
        repeats.keep("\"plain\"", 1);
        repeats.keep("\"plain\"", 1);
        assert!(repeats.find("\"plain\"").is_none(), "only objects say where they end");
    }
}
