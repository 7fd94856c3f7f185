//! The id of a record in little room: each row names a record.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// Where the dashes of a UUID stand.
const DASHES: [usize; 4] = [8, 13, 18, 23];
/// Characters of a UUID.
const UUID: usize = 36;

/// An id as the log has it; empty where there is none. Ids compare as their texts do.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "String")]
pub struct EventId(Form);

/// One text has one form.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    /// Lower-case hexadecimal digits with their dashes, as nearly all ids are.
    Uuid([u8; 16]),
    Text(Box<str>),
}

impl EventId {
    /// As the log has it.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Form::Uuid(_) => Cow::Owned(self.to_string()),
            Form::Text(text) => Cow::Borrowed(text),
        }
    }

    /// Whether the record has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Form::Text(text) if text.is_empty())
    }

    /// How it compares with an id as the log has it.
    #[must_use]
    pub fn cmp_text(&self, text: &str) -> Ordering {
        match (&self.0, uuid(text)) {
            // The dashes are the same, and digits come in the order of their values.
            (Form::Uuid(mine), Some(theirs)) => mine.cmp(&theirs),
            (Form::Uuid(mine), None) => written(*mine).as_slice().cmp(text.as_bytes()),
            (Form::Text(mine), _) => (**mine).cmp(text),
        }
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    let bytes = text.as_bytes();
    if bytes.len() != UUID || DASHES.iter().any(|at| bytes.get(*at) != Some(&b'-')) {
        return None;
    }
    let mut digits =
        bytes.iter().enumerate().filter(|(at, _)| !DASHES.contains(at)).map(|(_, byte)| digit(*byte));
    let mut all = [0; 16];
    for byte in &mut all {
        *byte = (digits.next()?? << 4) | digits.next()??;
    }
    Some(all)
}

/// The text of a UUID, all of it ASCII.
fn written(bytes: [u8; 16]) -> [u8; UUID] {
    let mut text = [b'-'; UUID];
    let digits = bytes.into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let places = text.iter_mut().enumerate().filter(|(at, _)| !DASHES.contains(at));
    for ((_, place), digit) in places.zip(digits) {
        *place = if digit < 10 { b'0' + digit } else { b'a' - 10 + digit };
    }
    text
}

impl From<&str> for EventId {
    fn from(text: &str) -> Self {
        Self(uuid(text).map_or_else(|| Form::Text(text.into()), Form::Uuid))
    }
}

impl From<String> for EventId {
    fn from(text: String) -> Self {
        Self(uuid(&text).map_or_else(|| Form::Text(text.into()), Form::Uuid))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Uuid(bytes) => f.write_str(std::str::from_utf8(&written(*bytes)).unwrap_or("")),
            Form::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text(), f)
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl Ord for EventId {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Uuid(mine), Form::Uuid(theirs)) => mine.cmp(theirs),
            _ => self.cmp_text(&other.text()),
        }
    }
}

impl PartialOrd for EventId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_and_compare_as_their_texts_do() {
        let all = [
            "",
            "0",
            "00000000-0000-0000-0000-000000000000",
            "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
            "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8fa",
            "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f",
            "0A1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
            "0a1b2c3d4e5f-6071-8293-a4b5c6d7-e8f9",
            "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8fg",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "é0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8",
            "1n2m3o4p5q",
        ];
        for one in all {
            let id = EventId::from(one);
            assert_eq!(id.text(), one);
            assert_eq!(EventId::from(one.to_owned()), id);
            assert_eq!(id.is_empty(), one.is_empty());
            assert_eq!(serde_json::from_str::<EventId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
            for other in all {
                assert_eq!(id.cmp(&EventId::from(other)), one.cmp(other), "{one} {other}");
                assert_eq!(id.cmp_text(other), one.cmp(other), "{one} {other}");
            }
        }
        assert_eq!(size_of::<EventId>(), 24);
    }
}
