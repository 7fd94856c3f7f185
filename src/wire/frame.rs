//! Finds the records in a text without parsing them twice: JSON lines, concatenated values, arrays and wrapper
//! objects (`{"Records": [...]}`), in one pass.

use serde::de::IgnoredAny;

/// Why a record could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The text ends inside the record.
    Cut,
    /// It is no JSON.
    Syntax,
}

impl Broken {
    /// Tells a text that ends too early from one that is wrong.
    #[must_use]
    pub fn from_json(error: &serde_json::Error) -> Self {
        if error.is_eof() { Self::Cut } else { Self::Syntax }
    }
}

/// What the object at hand turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A record.
    Record,
    /// A wrapper whose named member lists records.
    Wrapper,
    /// A companion file without records.
    Companion,
    /// Perhaps a description of what is logged.
    Description,
}

/// The receiver of a walk.
pub trait Receiver {
    /// What the presence of `key` says of the object that has it; `None`: nothing, look at the next key.
    fn shape(&self, key: &str) -> Option<Shape>;
    /// Takes the record that starts `rest`; returns its length.
    ///
    /// # Errors
    /// Where the record is not whole JSON.
    fn record(&mut self, rest: &str) -> Result<usize, Broken>;
    /// Takes the description that starts `rest`; returns its length, or none where it is no such thing.
    ///
    /// # Errors
    /// Where the description is not whole JSON.
    fn description(&mut self, rest: &str) -> Result<Option<usize>, Broken>;
    /// Counts a value where a record should stand that is none.
    fn stranger(&mut self);
    /// Counts a record that is no JSON.
    fn malformed(&mut self);
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At the end of the text.
    Whole,
    /// The text ends, or stops being JSON, at this byte.
    Broken(Broken, usize),
    /// A companion file: nothing to read, nothing wrong.
    Companion,
}

/// Parses one value of type `T` at the start of `text`; returns it with its length.
///
/// # Errors
/// Where the value is not whole JSON.
pub fn value<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<(T, usize), Broken> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<T>();
    match stream.next() {
        Some(Ok(value)) => Ok((value, stream.byte_offset())),
        Some(Err(error)) => Err(Broken::from_json(&error)),
        None => Err(Broken::Cut),
    }
}

fn skip(text: &str) -> Result<usize, Broken> {
    value::<IgnoredAny>(text).map(|(_, len)| len)
}

fn space(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_whitespace).count()
}

fn from(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or("")
}

/// Walks all records of `text`, which is `alone`, or one of several pieces.
pub fn walk(text: &str, alone: bool, receiver: &mut impl Receiver) -> End {
    let mut at = 0;
    loop {
        at += space(from(text, at));
        let rest = from(text, at);
        let Some(first) = rest.chars().next() else { return End::Whole };
        let step = match first {
            '[' => array(rest, receiver),
            '{' => object(rest, receiver),
            _ => skip(rest).map(|len| {
                receiver.malformed();
                Step::Past(len)
            }),
        };
        match step {
            Ok(Step::Past(len)) => at += len,
            Ok(Step::Broken(kind, offset)) => return End::Broken(kind, at + offset),
            Ok(Step::Companion) => return End::Companion,
            // JSON lines: one bad line is one bad record, the next line stands on its own.
            Err(broken) => match next_line(rest) {
                Some(len) => {
                    receiver.malformed();
                    at += len;
                }
                None if broken == Broken::Syntax
                    && (at > 0 || !alone && first == '{')
                    && !rest.trim_ascii_end().contains('\n') =>
                {
                    receiver.malformed();
                    return End::Whole;
                }
                None => return End::Broken(broken, at),
            },
        }
    }
}

/// Where the elements of the list of records begin that `text` is, or is a wrapper around; and in how many brackets.
pub fn list(text: &str, receiver: &impl Receiver) -> Option<(usize, usize)> {
    let at = space(text);
    let rest = from(text, at);
    match rest.chars().next()? {
        '[' => Some((at + 1, 1)),
        '{' => match shape_of(rest, receiver).ok()? {
            (Some(Shape::Wrapper), list) => Some((at + list + 1, 2)),
            _ => None,
        },
        _ => None,
    }
}

enum Step {
    Past(usize),
    Broken(Broken, usize),
    Companion,
}

/// Offset of the next line that can start a value.
fn next_line(rest: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        at += from(rest, at).find('\n')? + 1;
        match from(rest, at).chars().next() {
            Some('\n' | '\r') => {}
            Some(' ' | '\t' | '}' | ']') | None => return None,
            Some(_) => return Some(at),
        }
    }
}

/// An array of records. Behind the first record errors are final, as nothing says where the next one starts.
fn array(text: &str, receiver: &mut impl Receiver) -> Result<Step, Broken> {
    let (mut at, mut records, mut odd, mut separated) = (1, 0usize, 0usize, true);
    let broken = loop {
        at += space(from(text, at));
        let first = from(text, at).chars().next();
        let taken = match first {
            Some(']') => break None,
            Some(',') => {
                separated = true;
                at += 1;
                continue;
            }
            None => break Some(Broken::Cut),
            Some(_) if !separated => break Some(Broken::Syntax),
            Some('{') => element(from(text, at), receiver).inspect(|_| records += 1),
            Some(_) => skip(from(text, at)).inspect(|_| odd += 1),
        };
        match taken {
            Ok(len) => at += len,
            Err(broken) => break Some(broken),
        }
        separated = false;
    };
    if let (Some(broken), 0) = (broken, records) {
        return Err(broken);
    }
    (0..odd).for_each(|_| receiver.malformed());
    Ok(broken.map_or(Step::Past(at + 1), |broken| Step::Broken(broken, at)))
}

fn element(text: &str, receiver: &mut impl Receiver) -> Result<usize, Broken> {
    match shape_of(text, receiver)? {
        (Some(Shape::Record), _) => receiver.record(text),
        (Some(Shape::Description), _) => described(text, receiver),
        _ => {
            receiver.stranger();
            skip(text)
        }
    }
}

/// A description, or else a stranger.
fn described(text: &str, receiver: &mut impl Receiver) -> Result<usize, Broken> {
    if let Some(len) = receiver.description(text)? {
        return Ok(len);
    }
    let len = skip(text)?;
    receiver.stranger();
    Ok(len)
}

/// The shape of the object that starts `text`, and where the value of the deciding key begins.
fn shape_of(text: &str, receiver: &impl Receiver) -> Result<(Option<Shape>, usize), Broken> {
    let mut at = 1;
    loop {
        at += space(from(text, at));
        match from(text, at).chars().next() {
            Some('"') => {}
            Some(',') => {
                at += 1;
                continue;
            }
            Some('}') => return Ok((None, at)),
            Some(_) => return Err(Broken::Syntax),
            None => return Err(Broken::Cut),
        }
        let (key, len) = value::<std::borrow::Cow<'_, str>>(from(text, at))?;
        at += len;
        at += space(from(text, at));
        match from(text, at).chars().next() {
            Some(':') => at += 1,
            Some(_) => return Err(Broken::Syntax),
            None => return Err(Broken::Cut),
        }
        at += space(from(text, at));
        match receiver.shape(&key) {
            Some(Shape::Wrapper) if !from(text, at).starts_with('[') => {}
            Some(shape) => return Ok((Some(shape), at)),
            None => {}
        }
        at += skip(from(text, at))?;
    }
}

/// A top-level object: a record, a wrapper around a list of them, or something else.
fn object(text: &str, receiver: &mut impl Receiver) -> Result<Step, Broken> {
    match shape_of(text, receiver)? {
        (Some(Shape::Record), _) => receiver.record(text).map(Step::Past),
        (Some(Shape::Companion), _) => Ok(Step::Companion),
        (Some(Shape::Description), _) => described(text, receiver).map(Step::Past),
        (Some(Shape::Wrapper), at) => match array(from(text, at), receiver) {
            Ok(Step::Past(len)) => Ok(after_wrapper(text, at + len)),
            Ok(Step::Broken(kind, offset)) => Ok(Step::Broken(kind, at + offset)),
            Ok(Step::Companion) => Ok(Step::Companion),
            Err(kind) => Ok(Step::Broken(kind, at)),
        },
        (None, _) => {
            let len = skip(text)?;
            receiver.stranger();
            Ok(Step::Past(len))
        }
    }
}

/// Skips what follows the list in its wrapper.
fn after_wrapper(text: &str, mut at: usize) -> Step {
    loop {
        at += space(from(text, at));
        match from(text, at).chars().next() {
            Some('}') => return Step::Past(at + 1),
            Some(',' | ':') => at += 1,
            Some(_) => match skip(from(text, at)) {
                Ok(len) => at += len,
                Err(broken) => return Step::Broken(broken, at),
            },
            None => return Step::Broken(Broken::Cut, at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Counts {
        descriptions: usize,
        records: Vec<String>,
        strangers: usize,
        malformed: usize,
    }

    impl Receiver for Counts {
        fn shape(&self, key: &str) -> Option<Shape> {
            match key {
                "id" => Some(Shape::Record),
                "Records" => Some(Shape::Wrapper),
                "digest" => Some(Shape::Companion),
                "trails" => Some(Shape::Description),
                _ => None,
            }
        }
        fn record(&mut self, rest: &str) -> Result<usize, Broken> {
            let len = skip(rest)?;
            self.records.push(from(rest, 0).chars().take(len).collect());
            Ok(len)
        }
        fn description(&mut self, rest: &str) -> Result<Option<usize>, Broken> {
            let len = skip(rest)?;
            let is = rest.starts_with(r#"{"trails":["#);
            self.descriptions += usize::from(is);
            Ok(is.then_some(len))
        }
        fn stranger(&mut self) {
            self.strangers += 1;
        }
        fn malformed(&mut self) {
            self.malformed += 1;
        }
    }

    fn check(text: &str, records: usize, strangers: usize, malformed: usize, end: End) {
        let mut counts = Counts::default();
        let got = walk(text, true, &mut counts);
        assert_eq!(
            (counts.records.len(), counts.strangers, counts.malformed, got),
            (records, strangers, malformed, end),
            "{text}"
        );
    }

    #[test]
    fn every_container() {
        check(r#"{"Records":[{"id":1},{"id":2}]}"#, 2, 0, 0, End::Whole);
        check(
            "{\"next\":{\"a\":[1]},\"Records\":[ {\"id\":1} , {\"id\":2} ],\"x\":1}\n",
            2,
            0,
            0,
            End::Whole,
        );
        check(r#"[{"id":1},{"x":1},7]"#, 1, 1, 1, End::Whole);
        check("{\"id\":1}\n{\"id\":2}\n", 2, 0, 0, End::Whole);
        check("{\"id\":1}{\"Records\":[{\"id\":2}]}", 2, 0, 0, End::Whole);
        check(r#"{"Records":[]}"#, 0, 0, 0, End::Whole);
        check(r#"{"foo":[1,2]}"#, 0, 1, 0, End::Whole);
        check(r#"{"a":1,"digest":"x"}"#, 0, 0, 0, End::Companion);
        check("", 0, 0, 0, End::Whole);
    }

    #[test]
    fn descriptions_are_no_records() {
        let text = "{\"trails\":[1]}\n{\"id\":1}\n[{\"trails\":[]},{\"trails\":7},{\"id\":2}]";
        let mut counts = Counts::default();
        assert_eq!(walk(text, true, &mut counts), End::Whole);
        assert_eq!((counts.descriptions, counts.records.len(), counts.strangers), (2, 2, 1));
        check(r#"{"trails":[1"#, 0, 0, 0, End::Broken(Broken::Cut, 0));
    }

    #[test]
    fn what_is_broken_is_counted_and_the_rest_is_read() {
        check("{\"id\":1}\n{\"id\":\n{\"id\":3}\n", 2, 0, 1, End::Whole);
        check("{\"id\":1}\nnot json\n{\"id\":3}\n", 2, 0, 1, End::Whole);
        check(r#"{"Records":[{"id":1},{"id""#, 1, 0, 0, End::Broken(Broken::Cut, 21));
        check(r#"{"Records":[{"id":1},{"id"?]}"#, 1, 0, 0, End::Broken(Broken::Syntax, 21));
        check("{\"id\":1}\n42\n[1,2\n{\"id\":3}\n", 2, 0, 2, End::Whole);
        check("{\"id\":1}\n{\"id\"?1}\n", 1, 0, 1, End::Whole);
        let mut counts = Counts::default();
        assert_eq!(walk("{\"id\"?1}\n", false, &mut counts), End::Whole, "a bad line among others");
        assert_eq!(counts.malformed, 1);
        check("{\"id\"?1}\n", 0, 0, 0, End::Broken(Broken::Syntax, 0));
        check("plain text", 0, 0, 0, End::Broken(Broken::Syntax, 0));
        check("{\"id\":1}\n{\"id\":", 1, 0, 0, End::Broken(Broken::Cut, 9));
    }
}
