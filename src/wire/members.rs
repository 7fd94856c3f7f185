//! The members of one object as they stand in the text, without parsing what they hold.
//!
//! It is as strict as `serde_json`: what it reads is JSON, and what it does not understand at once (escapes in keys,
//! numbers that are texts) it gives back, to be parsed in full.

use super::{fingerprint, frame, lanes, walk};
use serde::de::IgnoredAny;

/// A member's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string without escapes, without its quotes.
    Plain(&'a str),
    /// Any other JSON.
    Json(&'a str),
}

impl<'a> Value<'a> {
    /// The text of a scalar, none of `null`; an error for anything that must be parsed.
    ///
    /// # Errors
    /// Where only a parser can tell.
    pub fn scalar(self) -> Result<Option<&'a str>, Odd> {
        match self {
            Self::Plain(text) | Self::Json(text @ ("true" | "false")) => Ok(Some(text)),
            Self::Json("null") => Ok(None),
            Self::Json(_) => Err(Odd),
        }
    }
}

/// What this reader leaves to a parser, whether it is JSON or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Odd;

/// A walk over the members of the object that starts a text.
#[derive(Debug)]
pub struct Members<'a> {
    text: &'a str,
    at: usize,
    first: bool,
}

impl<'a> Members<'a> {
    /// Starts a walk.
    ///
    /// # Errors
    /// When the text does not start with an object.
    pub fn of(text: &'a str) -> Result<Self, Odd> {
        if text.starts_with('{') { Ok(Self { text, at: 1, first: true }) } else { Err(Odd) }
    }

    /// The next key; none behind the last member. The value must be taken before the key that follows.
    ///
    /// # Errors
    /// Where only a parser can tell.
    pub fn key(&mut self) -> Result<Option<&'a str>, Odd> {
        self.space();
        match (self.byte(), self.first) {
            (Some(b'}'), _) => {
                self.at += 1;
                return Ok(None);
            }
            (Some(b','), false) => {
                self.at += 1;
                self.space();
            }
            (_, true) => {}
            _ => return Err(Odd),
        }
        self.first = false;
        let key = self.plain().ok_or(Odd)?;
        self.space();
        if self.byte() != Some(b':') {
            return Err(Odd);
        }
        self.at += 1;
        self.space();
        Ok(Some(key))
    }

    /// Takes the key that is `written` so, with quotes and colon, if it is the next.
    pub(super) fn take(&mut self, written: &str) -> bool {
        let Some(rest) = self.text.as_bytes().get(self.at..) else { return false };
        let rest = if self.first { Some(rest) } else { rest.strip_prefix(b",") };
        let Some(rest) = rest.and_then(|rest| rest.strip_prefix(written.as_bytes())) else { return false };
        self.at = self.text.len() - rest.len();
        self.first = false;
        self.space();
        true
    }

    /// The text from here on: behind a key, from its value.
    #[must_use]
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Passes over a value whose length is known.
    pub fn past(&mut self, len: usize) {
        self.at += len;
    }

    /// Length of what was walked.
    #[must_use]
    pub fn walked(&self) -> usize {
        self.at
    }

    /// The value of the key at hand.
    ///
    /// # Errors
    /// Where it is no JSON.
    pub fn value(&mut self) -> Result<Value<'a>, Odd> {
        if let Some(text) = self.plain() {
            return Ok(Value::Plain(text));
        }
        let rest = self.rest();
        for word in ["null", "true", "false"] {
            if rest.starts_with(word) && rest.as_bytes().get(word.len()).is_some_and(|b| b",}".contains(b)) {
                self.at += word.len();
                return Ok(Value::Json(rest.get(..word.len()).unwrap_or("")));
            }
        }
        let len = match walk::length(rest) {
            Some(len) => len,
            None => frame::value::<IgnoredAny>(rest).map_err(|_| Odd)?.1,
        };
        self.at += len;
        Ok(Value::Json(rest.get(..len).unwrap_or("")))
    }

    /// The value of the key at hand, to which `path` leads, with what it adds to the fingerprint of its record.
    ///
    /// # Errors
    /// Where it is no JSON.
    pub fn printed(&mut self, path: u64) -> Result<(Value<'a>, u64), Odd> {
        let rest = self.rest();
        if rest.starts_with(['{', '['])
            && let Some(walked) = walk::walk(path, rest, |_, _| {})
        {
            self.at += walked.len;
            return Ok((Value::Json(rest.get(..walked.len).unwrap_or("")), walked.print));
        }
        let value = self.value()?;
        Ok((value, fingerprint::of_member(path, value)))
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while self.byte().is_some_and(|b| matches!(b, b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// The string at hand, if it is one without escapes.
    fn plain(&mut self) -> Option<&'a str> {
        if self.byte() != Some(b'"') {
            return None;
        }
        let from = self.at + 1;
        let bytes = self.text.as_bytes().get(from..)?;
        let end = special(bytes)?;
        if bytes.get(end) != Some(&b'"') {
            return None;
        }
        self.at = from + end + 1;
        self.text.get(from..from + end)
    }
}

/// Index of the first quote, backslash or control character.
pub(super) fn special(bytes: &[u8]) -> Option<usize> {
    let marks = |x| lanes::is(x, b'"') | lanes::is(x, b'\\') | lanes::within(x, 0, 0x1f);
    Some(lanes::first(bytes, marks)).filter(|at| *at < bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::value::RawValue;
    use std::collections::HashMap;

    /// Members, and the length of their object.
    type Walked<'a> = (Vec<(&'a str, Value<'a>)>, usize);

    /// All members, or what stopped the walk.
    fn walk(text: &str) -> Result<Walked<'_>, Odd> {
        let mut members = Members::of(text)?;
        let mut all = Vec::new();
        while let Some(key) = members.key()? {
            all.push((key, members.value()?));
        }
        Ok((all, members.walked()))
    }

    /// What the walk reads, `serde_json` reads alike.
    fn check(text: &str) {
        let Ok((all, len)) = walk(text) else { return };
        let mut stream = serde_json::Deserializer::from_str(text).into_iter::<HashMap<String, &RawValue>>();
        let known = stream.next().expect("an object").expect("JSON");
        assert_eq!(stream.byte_offset(), len, "{text}");
        let mut mine: HashMap<String, String> = HashMap::new();
        for (key, value) in all {
            let raw = match value {
                Value::Plain(text) => format!("\"{text}\""),
                Value::Json(text) => text.to_owned(),
            };
            mine.insert(key.to_owned(), raw);
        }
        let known: HashMap<String, String> =
            known.into_iter().map(|(k, v)| (k, v.get().to_owned())).collect();
        assert_eq!(mine, known, "{text}");
    }

    #[test]
    fn members_are_found_and_what_is_odd_is_given_back() {
        let text =
            r#"{"a":"x","b" : {"c":[1,"}"]} ,"n":null,"t":true,"f":false,"e":"\"","u":"é—😀 long enough"}, "#;
        let (all, len) = walk(text).unwrap();
        assert_eq!(len, text.len() - 2);
        assert_eq!(all[0], ("a", Value::Plain("x")));
        assert_eq!(all[1], ("b", Value::Json(r#"{"c":[1,"}"]}"#)));
        assert_eq!(all[5], ("e", Value::Json(r#""\"""#)));
        assert_eq!(all[6].1, Value::Plain("é—😀 long enough"));
        assert_eq!(walk("{}"), Ok((vec![], 2)));
        for odd in [
            "",
            "[",
            "{",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            "{\"a\":\"\n\"}",
            r#"{"a":"\q"}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"\u0061":1}"#,
            r#"{"a":nul}"#,
            r#"{"a":truex}"#,
            r#"{"a":[1,]}"#,
        ] {
            assert_eq!(walk(odd), Err(Odd), "{odd}");
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            "\\PC{0,24}".prop_map(Into::into),
            "[\"\\\\\u{0}-\u{1f}a-z{}\\[\\],:]{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map("[a-zA-Z\"\\\\ ]{0,6}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_ends_a_plain_text_is_found(
            bytes in prop::collection::vec(prop_oneof![8 => any::<u8>(), 1 => prop::sample::select(b"\"\\\n\x1f \x7f\xff".to_vec())], 0..70)
        ) {
            let plainly = bytes.iter().position(|b| *b < 0x20 || matches!(b, b'"' | b'\\'));
            prop_assert_eq!(special(&bytes), plainly);
        }

        #[test]
        fn valid_objects_read_as_serde_reads_them(
            map in prop::collection::hash_map("[a-z]{0,9}", json(), 0..6), pretty in any::<bool>(), tail in "[ ,}\\]a]{0,3}"
        ) {
            let object = serde_json::Value::Object(map.into_iter().collect());
            let text = if pretty { format!("{object:#}") } else { object.to_string() } + &tail;
            prop_assert!(walk(&text).is_ok(), "{text}");
            check(&text);
        }

        #[test]
        fn nothing_is_read_that_is_no_json(
            map in prop::collection::hash_map("[a-z]{0,9}", json(), 0..4), cut in 0usize..80, put in "[\"{}\\[\\],:\\\\a1 ]{0,2}"
        ) {
            let mut text = serde_json::Value::Object(map.into_iter().collect()).to_string();
            let at = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(text.len());
            if let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
                text.replace_range(at..at + c.len_utf8(), &put);
            }
            check(&text);
        }
    }
}
