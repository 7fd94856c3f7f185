//! Content hashes of records that do not depend on white space, key order or container.
//!
//! The same record is delivered compact by one exporter and pretty-printed, with its keys sorted, by another. The
//! fingerprint is a sum over the record's strings and literals, each bound to the keys that lead to it.

use super::members::Value;
use smallvec::SmallVec;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

/// A hash wide enough to stand for what was hashed. Its keys are the process's own: nobody can write a log in which two
/// texts have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Wide(u64, u64);

static KEYS: LazyLock<[u64; 4]> = LazyLock::new(|| std::array::from_fn(|_| RandomState::new().hash_one(0)));

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of a product")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

impl Wide {
    /// The hash of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let [k0, k1, k2, k3] = *KEYS;
        let (mut a, mut b) = (k0 ^ bytes.len() as u64, k1.wrapping_add(bytes.len() as u64));
        let mut take = |chunk: &[u8; 16]| {
            let (low, high) = chunk.split_at(8);
            let word = |half: &[u8]| half.first_chunk::<8>().map_or(0, |half| u64::from_le_bytes(*half));
            let (x, y) = (word(low), word(high));
            a = fold(a ^ x, k2 ^ y);
            b = fold(b.rotate_left(29) ^ y, k3 ^ x);
        };
        let mut chunks = bytes.chunks_exact(16);
        for chunk in chunks.by_ref() {
            if let Some(chunk) = chunk.first_chunk::<16>() {
                take(chunk);
            }
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            let mut last = [0u8; 16];
            last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            take(&last);
        }
        Self(fold(a ^ k1, b ^ k2), fold(b ^ k0, a ^ k3))
    }

    /// This hash and another, in this order.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let [k0, k1, k2, k3] = *KEYS;
        let (a, b) = (fold(self.0 ^ k0, other.0 ^ k1), fold(self.1 ^ k2, other.1 ^ k3));
        Self(a ^ self.1.rotate_left(17), b.wrapping_add(other.0) ^ self.0.rotate_left(41))
    }

    /// A part of it, to find a place in a table by.
    #[must_use]
    pub fn low(self) -> u64 {
        self.0
    }
}

/// Hash of one piece of text, stable within a run.
#[must_use]
pub fn hash(text: &str) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(text.as_bytes());
    hasher.write_u8(0xff);
    mix(hasher.finish())
}

/// Joins two hashes, order counts.
#[must_use]
pub fn join(a: u64, b: u64) -> u64 {
    mix(a.rotate_left(23).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b)
}

fn mix(mut x: u64) -> u64 {
    x ^= x >> 32;
    x = x.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}

/// The fingerprint of one JSON value given as text.
#[must_use]
pub fn of_json(json: &str) -> u64 {
    of_value(0, json)
}

/// What a member, to which `path` leads, adds to the fingerprint of the record it stands in: that is the sum over its members.
#[must_use]
pub fn of_member(path: u64, value: Value<'_>) -> u64 {
    match value {
        Value::Plain(text) => join(path, hash(text)),
        Value::Json(json) => of_value(path, json),
    }
}

/// The path to a member of the record itself.
#[must_use]
pub fn member(key: &str) -> u64 {
    join(0, hash(key))
}

/// The fingerprint of a value that `path` leads to.
fn of_value(path: u64, json: &str) -> u64 {
    let bytes = json.as_bytes();
    // `place` is the path to the object or list at hand, `last` the path to the value that comes next.
    let (mut sum, mut last, mut at) = (0u64, path, 0usize);
    let mut place = 0u64;
    let mut outer: SmallVec<[u64; 16]> = SmallVec::new();
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let (end, escaped) = string_end(bytes, at + 1);
                let inner = json.get(at + 1..end).unwrap_or("");
                let piece = if escaped { hash_unescaped(inner) } else { hash(inner) };
                at = end + 1;
                while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
                    at += 1;
                }
                if bytes.get(at) == Some(&b':') {
                    last = join(place, piece);
                } else {
                    sum = sum.wrapping_add(join(last, piece));
                }
            }
            b'{' | b'[' => {
                outer.push(place);
                place = last;
                at += 1;
            }
            b'}' | b']' => {
                place = outer.pop().unwrap_or(0);
                last = place;
                at += 1;
            }
            b',' => {
                last = place;
                at += 1;
            }
            b':' | b' ' | b'\n' | b'\r' | b'\t' => at += 1,
            _ => {
                let rest = bytes.get(at..).unwrap_or(&[]);
                let len = rest
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
                    .count()
                    .max(1);
                sum = sum.wrapping_add(join(last, hash(json.get(at..at + len).unwrap_or(""))));
                at += len;
            }
        }
    }
    sum
}

/// Index of the quote that ends the string whose first byte is at `from`, and whether an escape stands before it.
fn string_end(bytes: &[u8], from: usize) -> (usize, bool) {
    let (mut at, mut escaped) = (from, false);
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or(&[])) {
        if bytes.get(at + found) == Some(&b'"') {
            return (at + found, escaped);
        }
        escaped = true;
        at += found + 2;
    }
    (bytes.len(), escaped)
}

fn hash_unescaped(inner: &str) -> u64 {
    match serde_json::from_str::<String>(&format!("\"{inner}\"")) {
        Ok(text) => hash(&text),
        Err(_) => hash(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_record_in_two_containers_is_one() {
        let compact = r#"{"a":"x","b":{"c":[1,true,null]},"d":"<\/é"}"#;
        let pretty =
            "{\n \"d\": \"\\u003c/\\u00e9\",\n \"b\": { \"c\": [ 1, true, null ] },\n \"a\": \"x\" }";
        assert_eq!(of_json(compact), of_json(pretty));
    }

    #[test]
    fn members_add_up_to_their_record() {
        let text = r#"{"a":"x","b":{"c":[1,true,{"d":"\u003c"}]},"e":"a\"b","n":null,"f":[]}"#;
        let mut members = super::super::members::Members::of(text).unwrap();
        let mut sum = 0u64;
        while let Some(key) = members.key().unwrap() {
            sum = sum.wrapping_add(of_member(member(key), members.value().unwrap()));
        }
        assert_eq!(sum, of_json(text));
    }

    #[test]
    fn wide_hashes_tell_texts_apart() {
        let texts = ["", "\0", "a", "a\0", "0123456789abcdef", "0123456789abcdef\0", "0123456789abcdeg"];
        let hashes: Vec<Wide> = texts.iter().map(|text| Wide::of(text.as_bytes())).collect();
        let apart: std::collections::BTreeSet<Wide> = hashes.iter().copied().collect();
        assert_eq!(apart.len(), texts.len());
        assert_ne!(hashes[2].and(hashes[3]), hashes[3].and(hashes[2]));
    }

    #[test]
    fn other_content_is_another() {
        let one = of_json(r#"{"from":"a","to":"b"}"#);
        assert_ne!(one, of_json(r#"{"from":"b","to":"a"}"#));
        assert_ne!(one, of_json(r#"{"from":"a","to":"c"}"#));
        assert_ne!(of_json(r#"{"x":{"v":"1"},"y":{"v":"2"}}"#), of_json(r#"{"x":{"v":"2"},"y":{"v":"1"}}"#));
        assert_ne!(of_json(r#"{"x":["1"],"y":"2"}"#), of_json(r#"{"x":["2"],"y":"1"}"#));
        assert_ne!(of_json(r#"{"n":1}"#), of_json(r#"{"n":2}"#));
    }
}
