//! The table that a user imported: a text with a head that says where it comes from and proves that it is whole.

use super::import::Snapshot;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The first line; its number changes with the form of the table.
const FORM: &str = "# leastgrant services 1";

/// Where a table of services comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The folder or address it was imported from; none: it ships with the program.
    pub from: Option<String>,
    /// The day of the import, or of the data set that the embedded table is made from; empty where unknown.
    pub date: String,
    /// SHA-256 of the table.
    pub sha256: String,
}

/// An imported table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Where it comes from.
    pub provenance: Provenance,
    /// The services, as [`super::table::Table::index`] reads them.
    pub services: String,
}

/// Why a file is no imported table.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserTableError {
    /// Another program's, or another version's.
    #[error("not a table that this version of the program wrote")]
    Form,
    /// A field of the head is missing.
    #[error("the head has no `{0}`")]
    Head(&'static str),
    /// The services are not those that were imported.
    #[error("the content is not what was imported: it was cut off or changed")]
    Digest,
}

impl Imported {
    /// The table with this text.
    #[must_use]
    pub fn of(text: String, from: &str, date: String) -> Self {
        let from: String = from.chars().filter(|c| !c.is_control()).collect();
        let sha256 = digest(&[&text]);
        Self { provenance: Provenance { from: Some(from), date, sha256 }, services: text }
    }

    /// The table of a snapshot that was read on `date` from `from`.
    #[must_use]
    pub fn new(snapshot: &Snapshot, from: &str, date: String) -> Self {
        Self::of(snapshot.text.clone(), from, date)
    }

    /// The whole file.
    #[must_use]
    pub fn text(&self) -> String {
        self.text_as(FORM)
    }

    /// The same for a table with another first line.
    #[must_use]
    pub fn text_as(&self, form: &str) -> String {
        let Provenance { from, date, sha256 } = &self.provenance;
        let from = from.as_deref().unwrap_or("");
        format!("{form}\n# from\t{from}\n# date\t{date}\n# sha256\t{sha256}\n{}", self.services)
    }

    /// Reads a file that [`Imported::text`] wrote.
    ///
    /// # Errors
    /// When it is none, or no longer whole.
    pub fn parse(text: &str) -> Result<Self, UserTableError> {
        Self::parse_as(text, FORM)
    }

    /// The same for a table with another first line.
    ///
    /// # Errors
    /// When it is none, or no longer whole.
    pub fn parse_as(text: &str, wanted: &str) -> Result<Self, UserTableError> {
        let (form, mut rest) = text.split_once('\n').ok_or(UserTableError::Form)?;
        if form != wanted {
            return Err(UserTableError::Form);
        }
        let mut field = |name: &'static str| {
            let (line, after) = rest.split_once('\n').ok_or(UserTableError::Head(name))?;
            let (key, value) = line.split_once('\t').ok_or(UserTableError::Head(name))?;
            rest = after;
            let known = key.strip_prefix("# ") == Some(name);
            if known { Ok(value.to_owned()) } else { Err(UserTableError::Head(name)) }
        };
        let (from, date, sha256) = (field("from")?, field("date")?, field("sha256")?);
        if digest(&[rest]) != sha256 {
            return Err(UserTableError::Digest);
        }
        let provenance = Provenance { from: Some(from), date, sha256 };
        Ok(Self { provenance, services: rest.to_owned() })
    }
}

/// SHA-256 of texts one after the other, in hexadecimal digits.
#[must_use]
pub fn digest(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    texts.iter().for_each(|text| hash.update(text.as_bytes()));
    hash.finalize().iter().fold(String::new(), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imported() -> Imported {
        let text = "S\tdemo\tDemo\nA\tGetThing\tR\n".to_owned();
        let snapshot = Snapshot { text, services: 1, actions: 1, new: 1, gone: Vec::new() };
        Imported::new(&snapshot, "a folder\n# sha256\tforged", "2026-11-22".to_owned())
    }

    #[test]
    fn what_is_written_reads_back_and_a_change_shows() {
        let written = imported();
        let text = written.text();
        assert_eq!(Imported::parse(&text), Ok(written));
        let cut = text.get(..text.len() - 3).unwrap();
        assert_eq!(Imported::parse(cut), Err(UserTableError::Digest));
        assert_eq!(Imported::parse(&text.replace("GetThing", "GetOther")), Err(UserTableError::Digest));
        assert_eq!(Imported::parse(&text.replace("services 1", "services 2")), Err(UserTableError::Form));
        assert_eq!(Imported::parse(&text.replace("# date", "# day")), Err(UserTableError::Head("date")));
        assert_eq!(Imported::parse(""), Err(UserTableError::Form));
    }

    #[test]
    fn the_digest_is_sha_256() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(&["a", "bc"]), known);
    }
}
