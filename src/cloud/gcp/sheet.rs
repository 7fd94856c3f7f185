//! Entries as a sheet: comma separated values, as the Logs Explorer and Log Analytics download them, a column for each field.

use serde_json::{Map, Value};

/// Whether the text is a sheet of log entries: its first line names the fields.
pub(super) fn is(text: &str) -> bool {
    let head = text.lines().next().unwrap_or("");
    let has = |name: &str| head.split(',').any(|column| column.trim_matches('"').starts_with(name));
    let ids = ["logName", "insertId", "log_name", "insert_id"];
    let fields = ["protoPayload", "proto_payload", "timestamp"];
    head.contains(',') && ids.iter().any(|id| has(id)) && fields.iter().any(|field| has(field))
}

/// One JSON object a row; a row with more cells than the head becomes a value that counts as a malformed record.
pub(super) fn lines(text: &str) -> String {
    let mut rows = Rows { rest: text };
    let head = rows.next().unwrap_or_default();
    let mut out = String::new();
    for row in rows.filter(|row| row.iter().any(|cell| !cell.is_empty())) {
        let mut entry = Value::Object(Map::new());
        for (column, cell) in head.iter().zip(&row).filter(|(_, cell)| !cell.is_empty()) {
            put(&mut entry, column, cell);
        }
        let entry = if row.len() > head.len() { Value::Null } else { entry };
        out.push_str(&entry.to_string());
        out.push('\n');
    }
    out
}

/// Puts a cell where its column says; what is JSON is read.
fn put(entry: &mut Value, column: &str, cell: &str) {
    let mut at = entry;
    for name in column.trim().split('.') {
        let (name, places) = indexed(name);
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(object) = at else { return };
        at = object.entry(name).or_insert(Value::Null);
        for place in places {
            if !at.is_array() {
                *at = Value::Array(Vec::new());
            }
            let Value::Array(list) = at else { return };
            list.resize(list.len().max(place + 1), Value::Null);
            let Some(element) = list.get_mut(place) else { return };
            at = element;
        }
    }
    let json = cell.starts_with(['{', '[']).then(|| serde_json::from_str(cell).ok()).flatten();
    *at = json.unwrap_or_else(|| Value::String(cell.to_owned()));
}

/// A list's longest, as columns can say: nobody makes a sheet of more.
const LONGEST: usize = 1_000;

/// A name with the places in lists behind it: `authorizationInfo[0]`.
fn indexed(name: &str) -> (&str, Vec<usize>) {
    let Some((head, rest)) = name.split_once('[') else { return (name, Vec::new()) };
    let places = rest.strip_suffix(']').map(|inner| inner.split("][").map(str::parse::<usize>));
    let places: Option<Vec<usize>> =
        places.and_then(|all| all.map(|one| one.ok().filter(|at| *at < LONGEST)).collect());
    places.map_or((name, Vec::new()), |places| (head, places))
}

/// Rows of cells; a quoted cell may hold commas, line ends and doubled quotes.
struct Rows<'a> {
    rest: &'a str,
}

impl Iterator for Rows<'_> {
    type Item = Vec<String>;

    fn next(&mut self) -> Option<Vec<String>> {
        if self.rest.is_empty() {
            return None;
        }
        let (mut row, mut cell, mut quoted) = (Vec::new(), String::new(), false);
        let mut letters = self.rest.char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' if quoted && letters.peek().is_some_and(|(_, next)| *next == '"') => {
                    letters.next();
                    cell.push('"');
                }
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(std::mem::take(&mut cell)),
                '\r' if !quoted => {}
                '\n' if !quoted => {
                    row.push(cell);
                    self.rest = self.rest.get(at + 1..).unwrap_or("");
                    return Some(row);
                }
                other => cell.push(other),
            }
        }
        row.push(cell);
        self.rest = "";
        Some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_where_their_columns_say() {
        let text = "insertId,logName,protoPayload.methodName,protoPayload.authorizationInfo\r\n\
            a,l,\"m,\"\"n\"\"\",\"[{\"\"granted\"\":true}]\"\r\n\
            b,l,,\"not\n[json\"\r\n\
            c,l,m,x,too many\r\n";
        assert!(is(text));
        assert_eq!(
            lines(text).lines().collect::<Vec<_>>(),
            [
                r#"{"insertId":"a","logName":"l","protoPayload":{"methodName":"m,\"n\"","authorizationInfo":[{"granted":true}]}}"#,
                r#"{"insertId":"b","logName":"l","protoPayload":{"authorizationInfo":"not\n[json"}}"#,
                "null",
            ]
        );
        let text = "insert_id,log_name,proto_payload.audit_log.authorization_info[1].granted,x[0][1].y,z[no],w[99999999]\n\
            a,l,true,v,w,x\n";
        assert!(is(text));
        assert_eq!(
            lines(text).trim(),
            r#"{"insert_id":"a","log_name":"l","proto_payload":{"audit_log":{"authorization_info":[null,{"granted":"true"}]}},"x":[[null,{"y":"v"}]],"z[no]":"w","w[99999999]":"x"}"#
        );
        assert!(!is("logName: a, insertId"));
        assert!(!is("name,age\n"));
    }
}
