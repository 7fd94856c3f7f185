//! The entries of an intent file, each read on its own: nothing that is wrong in one hides what is wrong in another.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IntoDeserializer};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, Error};

/// Something wrong: where in the text it begins, and what it is.
pub(super) type Wrong = (usize, String);

/// What was not yet taken of a file.
pub(super) struct Entries<'a> {
    rest: DeTable<'a>,
    kinds: Vec<&'static str>,
    wrong: Vec<Wrong>,
}

impl<'a> Entries<'a> {
    /// # Errors
    /// When the text is no TOML: everything that is not.
    pub(super) fn parse(text: &'a str) -> Result<Self, Vec<Wrong>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Self { rest: table.into_inner(), kinds: Vec::new(), wrong: Vec::new() });
        }
        let wrong = |error: &Error| (error.span().map_or(0, |span| span.start), said(error));
        Err(errors.iter().map(wrong).collect())
    }

    /// All entries of a kind that can be read.
    pub(super) fn take<T: DeserializeOwned>(&mut self, kind: &'static str) -> Vec<Spanned<T>> {
        self.kinds.push(kind);
        let Some(value) = self.rest.remove(kind) else { return Vec::new() };
        let at = value.span().start;
        match value.into_inner() {
            DeValue::Array(all) => all.into_iter().filter_map(|entry| self.read(kind, entry)).collect(),
            DeValue::Table(_) => {
                self.wrong.push((at, format!("write [[{kind}]] with two brackets: there may be several")));
                Vec::new()
            }
            _ => {
                self.wrong.push((at, format!("`{kind}` must be entries of their own: write [[{kind}]]")));
                Vec::new()
            }
        }
    }

    /// Reads one entry; what is wrong with a field is told and the field left out, until the rest can be read.
    fn read<T: DeserializeOwned>(
        &mut self,
        kind: &str,
        mut entry: Spanned<DeValue<'_>>,
    ) -> Option<Spanned<T>> {
        let (mut whole, whole_span) = (true, entry.span());
        loop {
            let error = match Spanned::<T>::deserialize(entry.clone().into_deserializer()) {
                // Of an entry that lacks what it says, nothing more can be told.
                Ok(read) => return whole.then_some(read),
                Err(error) => error,
            };
            let span = error.span().unwrap_or_else(|| whole_span.clone());
            let DeValue::Table(fields) = entry.get_mut() else {
                self.wrong.push((span.start, format!("[[{kind}]] must be a table of fields")));
                return None;
            };
            let Some(key) = field(fields, &span) else {
                // Something is missing; it may have been told as wrong.
                if whole {
                    self.wrong.push((span.start, format!("[[{kind}]]: {}", said(&error))));
                }
                return None;
            };
            fields.remove(key.get_ref().as_ref());
            if let Some(known) = unknown(&error) {
                let name = key.get_ref();
                let text = format!("`{name}` is no field of [[{kind}]]{}", meant(name, &known));
                self.wrong.push((key.span().start, text));
            } else {
                self.wrong.push((span.start, format!("`{}`: {}", key.get_ref(), said(&error))));
                whole = false;
            }
        }
    }

    /// Everything that was wrong, with the kinds that nobody took.
    pub(super) fn finish(mut self) -> Vec<Wrong> {
        let kinds: Vec<String> = self.kinds.iter().map(|kind| (*kind).to_owned()).collect();
        for (key, value) in &self.rest {
            let kind = key.get_ref();
            let at = key.span().start.min(value.span().start);
            self.wrong.push((at, format!("`{kind}` is no kind of entry{}", meant(kind, &kinds))));
        }
        self.wrong
    }
}

/// The field that lies there.
fn field<'a>(fields: &DeTable<'a>, at: &Range<usize>) -> Option<Spanned<DeString<'a>>> {
    let lies = |span: Range<usize>| span.start <= at.start && at.end <= span.end;
    let found = fields.iter().find(|(key, value)| lies(key.span()) || lies(value.span()));
    found.map(|(key, _)| key.clone())
}

/// The fields there are, where the error is that there is no such field.
fn unknown(error: &Error) -> Option<Vec<String>> {
    let names = error.message().strip_prefix("unknown field ")?.split('`').skip(3).step_by(2);
    Some(names.map(str::to_owned).collect())
}

fn meant(name: &str, known: &[String]) -> String {
    let near = known.iter().map(|known| (strsim::damerau_levenshtein(known, name), known));
    match near.min().filter(|(distance, _)| *distance <= 2) {
        Some((_, known)) => format!(": did you mean `{known}`?"),
        None => format!(": there are {}", known.join(", ")),
    }
}

fn said(error: &Error) -> String {
    error.message().trim().replace('\n', " ")
}
