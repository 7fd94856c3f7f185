//! One pass over a JSON value: how long it is, what it adds to the fingerprint of its record, where its plain texts are.
//!
//! As strict as `serde_json` on what it takes; escapes, numbers that are no plain integers and whatever else is rare it gives
//! back, to be read by slower means.

use super::fingerprint::{hash, join};
use super::members::special;
use smallvec::SmallVec;

/// A value that was walked over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walked {
    /// Length of its text.
    pub len: usize,
    /// Its fingerprint, as [`of_json`](super::fingerprint::of_json) has it but for the path.
    pub print: u64,
}

/// Walks over the value that starts `text` and stands at `path`; `each` is told where texts begin and end.
#[must_use]
pub fn walk(path: u64, text: &str, each: impl FnMut(usize, usize)) -> Option<Walked> {
    Walk::<_, true> { text, at: 0, print: 0, each }.value(path)
}

/// Length of the value that starts `text`.
#[must_use]
pub fn length(text: &str) -> Option<usize> {
    Walk::<_, false> { text, at: 0, print: 0, each: |_, _| {} }.value(0).map(|walked| walked.len)
}

struct Walk<'a, F, const PRINT: bool> {
    text: &'a str,
    at: usize,
    print: u64,
    each: F,
}

impl<'a, F: FnMut(usize, usize), const PRINT: bool> Walk<'a, F, PRINT> {
    fn value(mut self, path: u64) -> Option<Walked> {
        // What holds the value at hand: its path, and whether it is an object.
        let mut outer: SmallVec<[(u64, bool); 16]> = SmallVec::new();
        let mut path = path;
        loop {
            let opened = match self.next()? {
                b'"' => {
                    let from = self.at;
                    let text = self.string()?;
                    self.add(path, text);
                    (self.each)(from, from + text.len());
                    false
                }
                open @ (b'{' | b'[') => {
                    outer.push((path, open == b'{'));
                    true
                }
                first => {
                    let text = self.literal(first)?;
                    self.add(path, text);
                    false
                }
            };
            path = self.following(&mut outer, opened)?;
            if outer.is_empty() {
                return Some(Walked { len: self.at, print: self.print });
            }
        }
    }

    /// Goes on to the next value; returns its path. Nothing holds it where the walk is at its end.
    fn following(&mut self, outer: &mut SmallVec<[(u64, bool); 16]>, opened: bool) -> Option<u64> {
        let mut first = opened;
        loop {
            let Some(&(path, object)) = outer.last() else { return Some(0) };
            let close = if object { b'}' } else { b']' };
            let mut byte = self.next()?;
            if byte == close {
                outer.pop();
                first = false;
                continue;
            }
            if !first {
                if byte != b',' {
                    return None;
                }
                if !object {
                    return Some(path);
                }
                byte = self.next()?;
            }
            if !object {
                self.at -= 1;
                return Some(path);
            }
            let key = if byte == b'"' { self.string()? } else { return None };
            if self.next()? != b':' {
                return None;
            }
            return Some(if PRINT { join(path, hash(key)) } else { 0 });
        }
    }

    fn add(&mut self, path: u64, text: &str) {
        if PRINT {
            self.print = self.print.wrapping_add(join(path, hash(text)));
        }
    }

    /// The next byte that is no space; it is passed.
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            self.at += 1;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
        }
    }

    /// The string whose quote was passed, if it has no escape; its other quote is passed.
    fn string(&mut self) -> Option<&'a str> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let len = special(rest)?;
        if rest.get(len) != Some(&b'"') {
            return None;
        }
        let text = self.text.get(self.at..self.at + len)?;
        self.at += len + 1;
        Some(text)
    }

    /// `true`, `false`, `null` or an integer, the first byte of which was passed.
    fn literal(&mut self, first: u8) -> Option<&'a str> {
        let from = self.at - 1;
        let rest = self.text.as_bytes().get(from..)?;
        let len = match first {
            b't' if rest.starts_with(b"true") => 4,
            b'f' if rest.starts_with(b"false") => 5,
            b'n' if rest.starts_with(b"null") => 4,
            b'0' => 1,
            b'1'..=b'9' => rest.iter().take_while(|byte| byte.is_ascii_digit()).count(),
            _ => return None,
        };
        // What goes on is no such thing.
        if rest.get(len).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(byte)) {
            return None;
        }
        self.at = from + len;
        self.text.get(from..from + len)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fingerprint::of_json;
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    fn check(text: &str) -> bool {
        let mut spans = Vec::new();
        let walked = walk(0, text, |from, end| spans.push((from, end)));
        assert_eq!(walked.map(|walked| walked.len), length(text), "{text}");
        let Some(Walked { len, print }) = walked else { return false };
        let mut stream = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
        assert!(stream.next().is_some_and(|value| value.is_ok()), "{text}");
        assert_eq!(stream.byte_offset(), len, "{text}");
        let raw = text.split_at(len).0;
        assert_eq!(print, of_json(raw), "{text}");
        let texts: Vec<&str> = spans.iter().filter_map(|(from, end)| text.get(*from..*end)).collect();
        assert_eq!(texts.len(), spans.len(), "{text}");
        fn strings(value: &serde_json::Value, all: &mut Vec<String>) {
            match value {
                serde_json::Value::String(text) => all.push(text.clone()),
                serde_json::Value::Array(list) => list.iter().for_each(|value| strings(value, all)),
                serde_json::Value::Object(map) => map.values().for_each(|value| strings(value, all)),
                _ => {}
            }
        }
        let mut all = Vec::new();
        // Members that stand twice are one to the parser.
        if let Ok(value) = serde_json::from_str::<serde_json::Value>(raw) {
            strings(&value, &mut all);
            assert!(
                all.len() > texts.len()
                    || all == texts
                    || all.iter().all(|text| texts.contains(&text.as_str())),
                "{text}"
            );
        }
        true
    }

    #[test]
    fn what_is_plain_is_walked_and_all_else_given_back() {
        for plain in [
            r#"{"a":"x","b":[1,true,null,{"c":"é"}],"d":{},"e":[]} ,"#,
            "[]",
            "{}",
            "\"x\" ",
            "0,",
            " [ [ ] , [ 1 ] ] x",
            "null",
        ] {
            assert!(check(plain), "{plain}");
        }
        for other in [
            "",
            "{",
            "[",
            "{,}",
            "[,]",
            "[1,]",
            r#"{"a":1,}"#,
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1]"#,
            "[1}",
            "[1 2]",
            "01",
            "-1",
            "1.5",
            "1e3",
            "tru",
            "truex",
            r#""\n""#,
            "\"a\nb\"",
            r#"{1:2}"#,
            r#"{"a" 1}"#,
            "}",
            "]",
            "+1",
            r#"["a"#,
        ] {
            assert!(!check(other), "{other}");
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            "\\PC{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map("[a-zA-Z ]{0,6}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_walked_is_what_serde_reads(
            value in json(), pretty in any::<bool>(), cut in prop::option::of(0usize..60), put in "[\"{}\\[\\],:\\\\a1 ]{0,2}"
        ) {
            let mut text = if pretty { format!("{value:#}") } else { value.to_string() };
            if let Some(at) = cut.and_then(|cut| text.char_indices().map(|(at, _)| at).nth(cut)) {
                let len = text.split_at(at).1.chars().next().map_or(0, char::len_utf8);
                text.replace_range(at..at + len, &put);
            }
            check(&text);
        }
    }
}
