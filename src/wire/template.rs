//! Records that are written alike: the text of one stands for all that differ from it only in the values of some strings.
//!
//! Most of a record is the same as in the one before it: keys, their order, names of types and places. What follows the
//! text of a [`Template`] but for the strings (and whole numbers) that were seen to vary is JSON where the template is, with
//! the same members, so that it needs no parsing. What does not follow it is left to a parser.

use super::members::special;

/// A value that may be anything: nobody reads it.
pub const FREE: u16 = 1;
/// A value that must be what it is; any other bits of a role say who reads it.
pub const FIXED: u16 = 0;

/// How deep values may lie.
const DEPTH: usize = 64;

/// A string (without its quotes) or a whole number.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: usize,
    to: usize,
    role: u16,
    number: bool,
    varies: bool,
}

/// The text of one record, and where others differ from it.
#[derive(Debug)]
pub struct Template {
    text: Box<str>,
    spans: Vec<Span>,
    /// Places of those that vary.
    holes: Vec<usize>,
}

impl Template {
    /// The template of an object that is known to be JSON; `role` says of the path of keys what its value is for. None where
    /// it is too deep.
    #[must_use]
    pub fn of(text: &str, role: &dyn Fn(&[&str]) -> u16) -> Option<Self> {
        let mut walk = Walk { text, at: 0, path: Vec::new(), spans: Vec::new(), role };
        walk.value(0)?;
        let spans = walk.spans;
        (walk.at == text.len()).then(|| Self { text: text.into(), spans, holes: Vec::new() })
    }

    /// How many values vary: as long as they are as many, they are the same.
    #[must_use]
    pub fn varying(&self) -> usize {
        self.holes.len()
    }

    /// The length of what starts `rest`, if it follows the template; the values that vary and are read are put into `took`.
    pub fn fits<'t>(&mut self, rest: &'t str, took: &mut impl Extend<(u16, &'t str)>) -> Option<usize> {
        let (mut at, mut done, mut hole) = (0, 0, 0);
        loop {
            let next = self.holes.get(hole).and_then(|span| self.spans.get(*span)).copied();
            let literal = self.text.as_bytes().get(done..next.map_or(self.text.len(), |span| span.from));
            let (literal, here) = (literal?, rest.as_bytes().get(at..)?);
            if !here.starts_with(literal) {
                let same = literal.iter().zip(here).take_while(|(a, b)| a == b).count();
                // The value at hand may be a part of the literal no longer: it is read once more from its start.
                let start = self.vary(done + same, done, hole)?;
                at += start - done;
                done = start;
                continue;
            }
            at += literal.len();
            let Some(span) = next else { return Some(at) };
            let here = rest.as_bytes().get(at..).unwrap_or(&[]);
            let len = if span.number { number(here) } else { string(here, span.role == FREE) }?;
            if span.role != FREE {
                took.extend(rest.get(at..at + len).map(|value| (span.role, value)));
            }
            (at, done, hole) = (at + len, span.to, hole + 1);
        }
    }

    /// Lets the value vary that a difference is in; returns where it starts. It is the next hole, or behind it.
    fn vary(&mut self, differs: usize, done: usize, hole: usize) -> Option<usize> {
        let index = self.spans.partition_point(|span| span.to < differs);
        let span = self.spans.get_mut(index)?;
        if span.varies || span.role == FIXED || span.from > differs || span.from < done {
            return None;
        }
        span.varies = true;
        self.holes.insert(hole, index);
        Some(span.from)
    }

    /// The values that are read and did not vary, as `fits` would have them.
    pub fn standing(&self) -> impl Iterator<Item = (u16, &str)> {
        let all = self.spans.iter().filter(|span| !span.varies && span.role > FREE);
        all.filter_map(|span| Some((span.role, self.text.get(span.from..span.to)?)))
    }
}

/// Length of the string that starts here, up to its closing quote; what is read has no escapes.
fn string(bytes: &[u8], escapes: bool) -> Option<usize> {
    let mut at = 0;
    loop {
        at += special(bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' if escapes => match bytes.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => at += 6,
                _ => return None,
            },
            _ => return None,
        }
    }
}

/// Length of the whole number that starts here.
fn number(bytes: &[u8]) -> Option<usize> {
    let sign = usize::from(bytes.first() == Some(&b'-'));
    let digits = bytes.get(sign..)?.iter().take_while(|b| b.is_ascii_digit()).count();
    let leading = digits > 1 && bytes.get(sign) == Some(&b'0');
    let goes_on = matches!(bytes.get(sign + digits), Some(b'.' | b'e' | b'E'));
    (digits > 0 && digits < 19 && !leading && !goes_on).then_some(sign + digits)
}

/// A walk over a value that is known to be JSON.
struct Walk<'a, 'r> {
    text: &'a str,
    at: usize,
    path: Vec<&'a str>,
    spans: Vec<Span>,
    role: &'r dyn Fn(&[&str]) -> u16,
}

impl<'a> Walk<'a, '_> {
    fn byte(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// The string at hand.
    fn string(&mut self) -> Option<(usize, usize)> {
        let from = self.at + 1;
        let to = from + string(self.text.as_bytes().get(from..)?, true)?;
        self.at = to + 1;
        Some((from, to))
    }

    fn span(&mut self, (from, to): (usize, usize), number: bool) {
        let role = (self.role)(&self.path);
        let plain = role == FREE || self.text.get(from..to).is_some_and(|text| !text.contains('\\'));
        let role = if plain && (!number || role == FREE) { role } else { FIXED };
        self.spans.push(Span { from, to, role, number, varies: false });
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.byte()? {
            b'"' => {
                let at = self.string()?;
                self.span(at, false);
            }
            open @ (b'{' | b'[') if depth < DEPTH => self.members(depth, open == b'{')?,
            b'{' | b'[' => return None,
            _ => {
                let rest = self.text.as_bytes().get(self.at..)?;
                let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b)).count();
                if number(rest) == Some(len) {
                    self.span((self.at, self.at + len), true);
                }
                self.at += len.max(1);
            }
        }
        Some(())
    }

    /// The members of an object, or the elements of a list.
    fn members(&mut self, depth: usize, keys: bool) -> Option<()> {
        self.at += 1;
        loop {
            match self.byte()? {
                b'}' | b']' => break,
                b',' => self.at += 1,
                _ if keys => {
                    let (from, to) = self.string()?;
                    // Spelled with an escape, it may be one that is read.
                    self.path.push(self.text.get(from..to).filter(|key| !key.contains('\\'))?);
                    (self.byte()? == b':').then(|| self.at += 1)?;
                    self.value(depth + 1)?;
                    self.path.pop();
                }
                _ => self.value(depth + 1)?,
            }
        }
        self.at += 1;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const READ: u16 = 2;

    fn role(path: &[&str]) -> u16 {
        match path {
            ["read", ..] => READ,
            ["fixed", ..] => FIXED,
            _ => FREE,
        }
    }

    fn template(text: &str) -> Template {
        Template::of(text, &role).expect("a template")
    }

    #[test]
    fn values_vary_and_nothing_else() {
        let mut all = template(r#"{"read":"a","fixed":"f", "free":["x",1,true],"e":""}"#);
        let mut fits = |text: &str| {
            let mut took = Vec::new();
            all.fits(text, &mut took)
                .map(|len| (len, took.into_iter().map(|(_, v)| v.to_owned()).collect::<Vec<_>>()))
        };
        let same = r#"{"read":"a","fixed":"f", "free":["x",1,true],"e":""}, more"#;
        assert_eq!(fits(same), Some((same.len() - 6, vec![])));
        let other = r#"{"read":"abc","fixed":"f", "free":["\\ \" \u00e9",-12,true],"e":"z"}"#;
        assert_eq!(fits(other), Some((other.len(), vec!["abc".to_owned()])));
        assert_eq!(fits(same), Some((same.len() - 6, vec!["a".to_owned()])));
        for odd in [
            r#"{"read":"a\n","fixed":"f", "free":["x",1,true],"e":""}"#,
            r#"{"read":"a","fixed":"g", "free":["x",1,true],"e":""}"#,
            r#"{"read":"a","fixed":"f","free":["x",1,true],"e":""}"#,
            r#"{"read":"a","fixed":"f", "free":["x",1,false],"e":""}"#,
            r#"{"read":"a","fixed":"f", "free":["x",01,true],"e":""}"#,
            r#"{"read":"a","fixed":"f", "free":["x",1.5,true],"e":""}"#,
            r#"{"read":"a","fixed":"f", "free":["\x",1,true],"e":""}"#,
            r#"{"read":"a","fixed":"f", "free":["x",1,true],"e":"""#,
            r#"{"read":null,"fixed":"f", "free":["x",1,true],"e":""}"#,
            "",
        ] {
            assert_eq!(fits(odd), None, "{odd}");
        }
        assert!(Template::of(r#"{"r\u0065ad":"a"}"#, &role).is_none(), "a key that may be another");
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            "[\"\\\\\u{1}a-zé{}\\[\\],:]{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map("(read|fixed|[a-z]{0,3})", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// The value without its strings and numbers.
    fn bare(value: &Value) -> Value {
        match value {
            Value::String(_) => json!("s"),
            Value::Number(_) => json!(0),
            Value::Array(all) => all.iter().map(bare).collect(),
            Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), bare(v))).collect()),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn what_follows_is_json_of_the_same_form(
            value in prop::collection::hash_map("(read|fixed|[a-z]{0,3})", json(), 0..5),
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..4, "[\"\\\\a0-9.eE{}\\[\\],: \u{1}-]{0,3}"), 1..20),
        ) {
            let text = Value::Object(value.into_iter().collect()).to_string();
            let Some(mut all) = Template::of(&text, &role) else { return Ok(()) };
            prop_assert_eq!(all.fits(&text, &mut Vec::new()), Some(text.len()));
            for (at, cut, put) in edits {
                let marks: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
                let from = at.index(marks.len());
                let (from, to) = (marks[from], marks[(from + cut).min(marks.len() - 1)]);
                let edited = format!("{}{put}{}", text.get(..from).unwrap(), text.get(to..).unwrap());
                if let Some(len) = all.fits(&edited, &mut Vec::new()) {
                    let other: Value = serde_json::from_str(edited.get(..len).unwrap()).expect("JSON");
                    prop_assert_eq!(bare(&other), bare(&serde_json::from_str(&text).expect("JSON")));
                }
            }
        }
    }
}
