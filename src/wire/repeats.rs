//! Values that were seen before, told by their bytes without being parsed: sessions and requests come again and again.

use super::fingerprint::{Wide, member, of_member};
use super::members::{Members, Odd, Value};
use super::sketch::Spans;
use super::walk::walk;
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
    path: u64,
    places: Vec<Option<(Box<str>, Seen<T>)>>,
    /// What was last seen at each place: only what comes a second time is kept.
    last: Vec<Wide>,
}

impl<T: Clone> Repeats<T> {
    /// None yet; `size` is a power of two.
    #[must_use]
    pub fn new(key: &str, size: usize) -> Self {
        let places = std::iter::repeat_with(|| None).take(size).collect();
        Self { path: member(key), places, last: vec![Wide::of(b""); size] }
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
    fn find(&self, place: usize, rest: &str) -> Option<Seen<T>> {
        let (text, seen) = self.places.get(place)?.as_ref()?;
        rest.starts_with(&**text).then(|| seen.clone())
    }

    /// Reads the value that starts `rest`: as it was read before, or by `make`, which is told its text and where in it plain
    /// texts stand, if that is known.
    ///
    /// # Errors
    /// Where only a parser can tell.
    pub fn read<'a>(
        &mut self,
        members: &mut Members<'a>,
        make: impl FnOnce(&'a str, Option<&Spans>) -> Result<T, Odd>,
    ) -> Result<(&'a str, Seen<T>), Odd> {
        let rest = members.rest();
        let place = self.place(rest);
        if let Some(seen) = self.find(place, rest) {
            members.past(seen.len);
            return Ok((rest.get(..seen.len).unwrap_or(""), seen));
        }
        let mut texts = Spans::new();
        let each = |from: usize, end: usize| {
            texts.push((u32::try_from(from).unwrap_or(u32::MAX), u32::try_from(end).unwrap_or(u32::MAX)));
        };
        if let Some(walked) = walk(self.path, rest, each) {
            members.past(walked.len);
            let raw = rest.get(..walked.len).unwrap_or("");
            return Ok((raw, self.keep((place, raw), walked.print, make(raw, Some(&texts))?)));
        }
        let Value::Json(raw) = members.value()? else { return Err(Odd) };
        let print = of_member(self.path, Value::Json(raw));
        Ok((raw, self.keep((place, raw), print, make(raw, None)?)))
    }

    /// Keeps an object for later, when it comes again.
    fn keep(&mut self, (place, text): (usize, &str), print: u64, made: T) -> Seen<T> {
        let hash = Wide::of(text.as_bytes());
        let seen = Seen { len: text.len(), hash, print, made };
        if !text.starts_with('{') || text.len() > LONGEST {
            return seen;
        }
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

    /// Reads a value with `made`; says what came of it.
    fn read(repeats: &mut Repeats<u8>, rest: &str, made: u8) -> (usize, u64, u8) {
        let text = format!("{{\"k\":{rest}");
        let mut members = Members::of(&text).unwrap();
        members.key().unwrap();
        let (raw, seen) = repeats.read(&mut members, |_, _| Ok(made)).unwrap();
        assert_eq!((raw.len(), members.rest()), (seen.len, rest.split_at(seen.len).1));
        (seen.len, seen.print, seen.made)
    }

    #[test]
    fn objects_are_known_again_wherever_they_stand() {
        for object in [r#"{"a":1}"#, r#"{"a":"b\"c"}"#] {
            let (mut repeats, len) = (Repeats::new("k", 4), object.len());
            let print = of_member(member("k"), Value::Json(object));
            assert_eq!(read(&mut repeats, object, 6), (len, print, 6));
            assert_eq!(read(&mut repeats, object, 7), (len, print, 7), "most come once");
            assert_eq!(read(&mut repeats, &format!("{object},\"next\":2"), 8), (len, print, 7));
            let longer = object.replace('}', " }");
            assert_eq!(read(&mut repeats, &longer, 9).2, 9);
        }
        let mut repeats = Repeats::new("k", 4);
        for made in 0..3 {
            assert_eq!(read(&mut repeats, "[1]", made).2, made, "only objects say where they end");
        }
    }
}
