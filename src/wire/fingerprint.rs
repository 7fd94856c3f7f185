//! Content hashes of records that do not depend on white space, key order or container.
//!
//! The same record is delivered compact by one exporter and pretty-printed, with its keys sorted, by another. The
//! fingerprint is a sum over the record's strings and literals, each bound to the keys that lead to it.

use smallvec::SmallVec;
use std::hash::Hasher;

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
    let bytes = json.as_bytes();
    // `place` is the path to the object or list at hand, `last` the path to the value that comes next.
    let (mut sum, mut last, mut at) = (0u64, 0u64, 0usize);
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
    fn other_content_is_another() {
        let one = of_json(r#"{"from":"a","to":"b"}"#);
        assert_ne!(one, of_json(r#"{"from":"b","to":"a"}"#));
        assert_ne!(one, of_json(r#"{"from":"a","to":"c"}"#));
        assert_ne!(of_json(r#"{"x":{"v":"1"},"y":{"v":"2"}}"#), of_json(r#"{"x":{"v":"2"},"y":{"v":"1"}}"#));
        assert_ne!(of_json(r#"{"x":["1"],"y":"2"}"#), of_json(r#"{"x":["2"],"y":"1"}"#));
        assert_ne!(of_json(r#"{"n":1}"#), of_json(r#"{"n":2}"#));
    }
}
