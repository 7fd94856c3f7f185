//! What entries come wrapped in, and the dialects they are written in there: one normaliser, so that an entry is the same
//! whether it was read from the API, a bucket, a topic, a table or a download.

use super::sheet;
use crate::model::time::Timestamp;
use serde_json::{Map, Value};

/// Keys that name an entry, in one dialect or another.
const ENTRY: [&str; 5] = ["logName", "log_name", "protoPayload", "protopayload_auditlog", "proto_payload"];
/// Keys of what carries one: Pub/Sub pushed, pulled or stored in a table, and events of Eventarc.
const ENVELOPE: [&str; 9] = [
    "message",
    "data",
    "data_base64",
    "ackId",
    "ack_id",
    "specversion",
    "subscription",
    "subscription_name",
    "messageId",
];
/// What envelopes hold their content under, the outer first.
const CONTENT: [&str; 3] = ["message", "data", "data_base64"];
/// How deep an envelope may lie in others.
const DEPTH: u8 = 4;
/// What callers and services fill as they like: left as it is.
const OPAQUE: [&str; 5] = ["labels", "request", "response", "metadata", "serviceData"];

/// What a value turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// An audit entry, as Google writes it.
    Entry(String),
    /// An entry of another log.
    Other,
    /// No entry at all.
    Nothing,
}

/// Whether an object with this key carries an entry or is one in another dialect.
pub(super) fn carries(key: &str) -> bool {
    ENVELOPE.contains(&key)
        || ENTRY.contains(&key)
        || matches!(key, "insert_id" | "receive_timestamp" | "json_payload" | "text_payload")
}

/// Whether an object with this key lists entries or envelopes.
pub(super) fn lists(key: &str) -> bool {
    matches!(key, "entries" | "receivedMessages" | "received_messages")
}

/// Whether a value that names a log can be a row of a table all the same.
pub(super) fn table(raw: &str) -> bool {
    raw.contains("protopayload_auditlog") || raw.contains("proto_payload")
}

/// Opens a value that does not read as an audit entry.
pub(super) fn open(raw: &str) -> Found {
    let Ok(value) = serde_json::from_str::<Value>(raw) else { return Found::Nothing };
    let known = [
        "insertId",
        "insert_id",
        "receiveTimestamp",
        "receive_timestamp",
        "textPayload",
        "jsonPayload",
        "httpRequest",
    ];
    let other = known.iter().any(|key| value.get(key).is_some());
    let Some(entry) = unwrap(value, DEPTH) else { return if other { Found::Other } else { Found::Nothing } };
    let method = entry.get("protoPayload").and_then(|payload| payload.get("methodName"));
    if method.is_some_and(Value::is_string) {
        Found::Entry(Value::Object(entry).to_string())
    } else {
        Found::Other
    }
}

fn unwrap(value: Value, depth: u8) -> Option<Map<String, Value>> {
    let Value::Object(mut object) = parsed(value) else { return None };
    if ENTRY.iter().any(|key| object.contains_key(*key)) {
        return Some(canonical(object));
    }
    let below = depth.checked_sub(1)?;
    CONTENT.iter().find_map(|key| unwrap(object.remove(*key)?, below))
}

/// A value that is JSON in a string, plain or in base64.
fn parsed(value: Value) -> Value {
    let Value::String(text) = &value else { return value };
    let text = text.trim();
    let plain = if text.starts_with('{') { Some(text.to_owned()) } else { base64(text) };
    plain.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or(value)
}

fn base64(text: &str) -> Option<String> {
    let (mut bytes, mut bits, mut have) = (Vec::with_capacity(text.len() / 4 * 3), 0u32, 0u32);
    for byte in text.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b'=') {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        have += 6;
        if have >= 8 {
            have -= 8;
            bytes.push(u8::try_from((bits >> have) & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The entry of a BigQuery or Log Analytics row; one that is written as the API does stays as it is.
fn canonical(mut row: Map<String, Value>) -> Map<String, Value> {
    if row.contains_key("logName") && row.contains_key("protoPayload") {
        return row;
    }
    let columns = ["protopayload_auditlog", "proto_payload", "protoPayload"];
    let payload = columns.iter().find_map(|key| row.remove(*key).filter(|value| !value.is_null()));
    let payload = match payload.map(parsed) {
        Some(Value::Object(mut object)) => {
            let inner = object.remove("audit_log").or_else(|| object.remove("auditLog"));
            inner.map_or(Value::Object(object), parsed)
        }
        _ => Value::Null,
    };
    let mut entry: Map<String, Value> = match camel(Value::Object(row)) {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    for key in ["timestamp", "receiveTimestamp"] {
        if let Some(at) = entry.get(key).and_then(time) {
            entry.insert(key.to_owned(), Value::String(at));
        }
    }
    if !payload.is_null() {
        entry.insert("protoPayload".to_owned(), camel(payload));
    }
    entry
}

/// The value with its keys as the API writes them, without what is null, and JSON columns read.
fn camel(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let fields = object.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(fields.map(|(key, value)| field(&key, value)).collect())
        }
        Value::Array(all) => Value::Array(all.into_iter().map(camel).collect()),
        other => other,
    }
}

fn field(key: &str, value: Value) -> (String, Value) {
    let name = camel_case(key);
    if let Some(plain) = name.strip_suffix("Json").filter(|plain| OPAQUE.contains(plain)) {
        return (plain.to_owned(), parsed(value));
    }
    if OPAQUE.contains(&name.as_str()) {
        return (name, parsed(value));
    }
    let flag = value.as_str().filter(|_| matches!(name.as_str(), "granted" | "first" | "last"));
    let value = match flag.map(str::to_ascii_lowercase).as_deref() {
        Some("true") => Value::Bool(true),
        Some("false") => Value::Bool(false),
        _ => camel(value),
    };
    (name, value)
}

fn camel_case(key: &str) -> String {
    let mut words = key.split('_');
    let mut name = words.next().unwrap_or("").to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

/// A time as tables write it: with a blank, with or without a zone (then UTC), or as seconds since 1970.
fn time(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    if Timestamp::parse(&text).is_some() {
        return None;
    }
    let plain = text.strip_suffix("UTC").map_or(text.as_str(), str::trim_end);
    let dated = plain.replacen(' ', "T", 1);
    let zoned = [dated.clone(), format!("{dated}Z"), format!("{dated}:00")];
    if let Some(at) = zoned.into_iter().find(|at| Timestamp::parse(at).is_some()) {
        return Some(at);
    }
    // Not by way of a float where the digits are written out: it would lose microseconds.
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let micros = match (whole.parse::<i64>(), part.bytes().all(|b| b.is_ascii_digit())) {
        (Ok(seconds), true) => {
            let digits: String = part.chars().chain("000000".chars()).take(6).collect();
            seconds.checked_mul(1_000_000)?.checked_add(digits.parse().ok()?)?
        }
        _ => exponent(&text)?,
    };
    Some(Timestamp(micros).to_string())
}

/// Seconds in the notation with an exponent, such as `1.762161161182466E9`, as microseconds.
fn exponent(text: &str) -> Option<i64> {
    let (digits, power) = text.split_once(['E', 'e'])?;
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let power: usize = power.trim_start_matches('+').parse().ok().filter(|power| *power < 12)?;
    let micros: String = part.chars().chain(std::iter::repeat('0')).take(power + 6).collect();
    format!("{whole}{micros}").parse().ok()
}

/// JSON lines of a text that holds entries as YAML documents or as a sheet; none where it is neither.
pub(super) fn transcribe(text: &str) -> Option<String> {
    if text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    if sheet::is(text) {
        return Some(sheet::lines(text));
    }
    let heads = ["insertId:", "insert_id:"].into_iter().chain(ENTRY);
    let heads: Vec<&str> = heads.collect();
    let entry = |line: &str| {
        let line = line.strip_prefix("- ").unwrap_or(line);
        heads.iter().any(|head| {
            line.strip_prefix(head.trim_end_matches(':')).is_some_and(|rest| rest.starts_with(':'))
        })
    };
    text.lines().any(entry).then(|| yaml(text))
}

/// One line for each YAML document, or element of a list of entries. What does not parse becomes a value that counts as
/// a malformed record.
fn yaml(text: &str) -> String {
    let (mut out, mut document) = (String::new(), String::new());
    for line in text.lines() {
        let ends = line == "---" || line == "..." || line.starts_with("--- ");
        if ends || line.starts_with("- ") {
            flush(&mut document, &mut out);
        }
        if !ends {
            document.push_str(&quoted(line));
            document.push('\n');
        }
    }
    flush(&mut document, &mut out);
    out
}

fn flush(document: &mut String, out: &mut String) {
    let empty = document.lines().all(|line| line.trim().is_empty() || line.starts_with('#'));
    if !empty {
        let value: Value = serde_saphyr::from_str(document).unwrap_or(Value::Null);
        let value = match value {
            Value::Array(mut all) if all.len() == 1 => all.pop().unwrap_or(Value::Null),
            other => other,
        };
        let value = if value.is_object() { value } else { Value::Null };
        out.push_str(&value.to_string());
        out.push('\n');
    }
    document.clear();
}

/// An id of digits and an `e` is no number.
fn quoted(line: &str) -> std::borrow::Cow<'_, str> {
    let id = ["insertId: ", "- insertId: "].iter().find_map(|head| Some((*head, line.strip_prefix(head)?)));
    match id {
        Some((head, id)) if !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            format!("{head}\"{id}\"").into()
        }
        _ => line.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn opened(value: &Value) -> Value {
        match open(&value.to_string()) {
            Found::Entry(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{value}: {other:?}"),
        }
    }

    #[test]
    fn rows_read_as_the_entries_they_were() {
        let want = json!({ "logName": "projects/p/logs/x", "timestamp": "2026-11-03T09:12:41.182466Z",
            "resource": { "labels": { "project_id": "p" } },
            "protoPayload": { "methodName": "m", "metadata": { "@type": "t", "a_b": 1 },
                "authorizationInfo": [{ "granted": true, "resourceAttributes": { "name": "n" } }] } });
        let bigquery = json!({ "logName": "projects/p/logs/x", "timestamp": "2026-11-03 09:12:41.182466 UTC", "severity": null,
            "resource": { "labels": { "project_id": "p" } },
            "protopayload_auditlog": { "methodName": "m", "metadataJson": "{\"@type\":\"t\",\"a_b\":1}", "status": null,
                "authorizationInfo": [{ "granted": "true", "resourceAttributes": { "name": "n" } }] } });
        assert_eq!(opened(&bigquery), want);
        let analytics = json!({ "log_name": "projects/p/logs/x", "timestamp": "2026-11-03T09:12:41.182466Z",
            "resource": { "labels": { "project_id": "p" } },
            "proto_payload": { "audit_log": { "method_name": "m", "metadata": { "@type": "t", "a_b": 1 },
                "authorization_info": [{ "granted": true, "resource_attributes": { "name": "n" } }] } } });
        assert_eq!(opened(&analytics), want);
        let pushed = json!({ "message": { "data": want.to_string() }, "subscription": "s" });
        assert_eq!(opened(&pushed), want);
        assert_eq!(opened(&json!({ "specversion": "1.0", "data": want })), want);
    }

    #[test]
    fn what_is_no_entry_is_told_from_entries_of_other_logs() {
        for text in [
            r#"{"message":"hello"}"#,
            r#"{"data":[1]}"#,
            r#"{"data":{"data":{"data":{"data":{"data":{}}}}}}"#,
        ] {
            assert_eq!(open(text), Found::Nothing, "{text}");
        }
        for text in [r#"{"insertId":"a","textPayload":"x"}"#, r#"{"log_name":"l","proto_payload":null}"#] {
            assert_eq!(open(text), Found::Other, "{text}");
        }
    }

    #[test]
    fn times_of_tables() {
        let of = |text: &str| time(&json!(text)).unwrap_or_else(|| text.to_owned());
        for text in [
            "2026-11-03 09:12:41.182466 UTC",
            "2026-11-03 09:12:41.182466",
            "2026-11-03 09:12:41.182466+00",
            "1793697161.182466",
            "1.793697161182466E9",
        ] {
            assert_eq!(
                Timestamp::parse(&of(text)).unwrap().to_string(),
                "2026-11-03T09:12:41.182466Z",
                "{text}"
            );
        }
        assert_eq!(time(&json!("2026-11-03T09:12:41Z")), None);
        assert_eq!(time(&json!("soon")), None);
    }

    #[test]
    fn base64_in_both_alphabets() {
        assert_eq!(base64("eyJhIjoiPz4_In0="), Some(r#"{"a":"?>?"}"#.to_owned()));
        assert_eq!(base64("eyJhIjoiPz4/In0"), Some(r#"{"a":"?>?"}"#.to_owned()));
        assert_eq!(base64("no, text"), None);
    }

    #[test]
    fn yaml_documents_become_lines() {
        let text =
            "---\ninsertId: 12e3\nlogName: a\n---\ninsertId: b\nlogName: [\n---\nlogName: c\nlabels: {}\n";
        assert_eq!(
            transcribe(text).unwrap(),
            "{\"insertId\":\"12e3\",\"logName\":\"a\"}\nnull\n{\"logName\":\"c\",\"labels\":{}}\n"
        );
        let list = "- insertId: a\n  logName: x\n- insertId: b\n  logName: y\n";
        assert_eq!(transcribe(list).unwrap().lines().count(), 2);
        assert_eq!(transcribe("bindings:\n- members: []\n"), None);
        assert_eq!(transcribe("{\"insertId\":1}"), None);
    }
}
