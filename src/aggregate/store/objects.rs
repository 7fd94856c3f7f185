//! What was read: objects by uri, size and version, so that nothing is read twice.

use super::index::Segment;
use super::{Damage, StoreError, file};
use crate::model::time::Day;
use crate::wire::fingerprint;
use polars::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use std::path::Path;

const URI: &str = "uri";
const SIZE: &str = "size";
const VERSION: &str = "version";
const NAME: &str = "name";
const IDENTITY: &str = "identity";
/// How versions begin that are made from contents.
const CONTENT: &str = "content ";

/// Days of the records of one object.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// First and last of them.
    pub days: Option<(Day, Day)>,
    /// Whether some record does not say when it was written.
    pub undated: bool,
}

impl Span {
    /// Days of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let days = self.days.into_iter().chain(other.days);
        Self {
            days: days.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1))),
            undated: self.undated || other.undated,
        }
    }

    pub(super) fn add(&mut self, day: Day) {
        let Some(day) = day.known() else {
            self.undated = true;
            return;
        };
        self.days = Some(self.days.map_or((day, day), |(first, last)| (first.min(day), last.max(day))));
    }
}

/// An object that was read.
#[derive(Clone, Debug)]
pub struct Read {
    /// Where it is, the same however it was asked for.
    pub uri: String,
    /// Bytes as stored.
    pub size: u64,
    /// What tells one content from another.
    pub version: String,
    /// Days of its records.
    pub span: Span,
}

/// Hashes of what tells an object from all others, and from its other versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Of its uri.
    pub name: u64,
    /// Of uri, size and version.
    pub whole: u64,
}

impl Identity {
    /// The version of what has none of its own: its content.
    #[must_use]
    pub fn content(text: &str) -> String {
        Self::of_content(fingerprint::hash(text))
    }

    /// The same, by the hash of the content.
    #[must_use]
    pub fn of_content(hash: u64) -> String {
        format!("{CONTENT}{hash:016x}")
    }

    /// Of an object.
    #[must_use]
    pub fn of(uri: &str, size: u64, version: &str) -> Self {
        let name = fingerprint::hash(uri);
        Self { name, whole: fingerprint::join(fingerprint::join(name, size), fingerprint::hash(version)) }
    }
}

/// Objects of a segment as a table.
pub(super) fn table(mut objects: Vec<Read>) -> Result<DataFrame, StoreError> {
    objects.sort_by(|a, b| a.uri.cmp(&b.uri));
    let identity = |one: &Read| Identity::of(&one.uri, one.size, &one.version);
    let day = |one: &Read, pick: fn((Day, Day)) -> Day| one.span.days.map(|days| pick(days).0);
    let column = |name: &str, values: Vec<u64>| Column::new(name.into(), values);
    let text = |name: &str, values: Vec<String>| Column::new(name.into(), values);
    let names: Vec<Identity> = objects.iter().map(identity).collect();
    let days =
        |pick: fn((Day, Day)) -> Day| objects.iter().map(|one| day(one, pick)).collect::<Vec<Option<i32>>>();
    let columns = vec![
        text(URI, objects.iter().map(|one| one.uri.clone()).collect()),
        column(SIZE, objects.iter().map(|one| one.size).collect()),
        text(VERSION, objects.iter().map(|one| one.version.clone()).collect()),
        Column::new("first_day".into(), days(|(first, _)| first)),
        Column::new("last_day".into(), days(|(_, last)| last)),
        column(NAME, names.iter().map(|one| one.name).collect()),
        column(IDENTITY, names.iter().map(|one| one.whole).collect()),
    ];
    Ok(DataFrame::new(objects.len(), columns)?)
}

/// The objects of some segments.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    identities: FxHashSet<u64>,
    names: FxHashMap<u64, u64>,
}

impl Objects {
    /// Adds those of a segment.
    pub(super) fn add(&mut self, root: &Path, segment: &Segment) -> Result<(), Damage> {
        let frame = file::read(root, &segment.objects, Some(&[NAME, IDENTITY]))?;
        let column = |name: &str| frame.column(name).and_then(|column| column.u64().cloned());
        let foreign = |why: PolarsError| Damage { path: segment.objects.path.clone(), why: why.to_string() };
        let (names, identities) = (column(NAME).map_err(foreign)?, column(IDENTITY).map_err(foreign)?);
        for (name, identity) in names.iter().zip(identities.iter()) {
            if let (Some(name), Some(whole)) = (name, identity) {
                self.identities.insert(whole);
                self.names.insert(name, segment.id);
            }
        }
        Ok(())
    }

    /// Adds one that has just been read.
    pub fn insert(&mut self, identity: Identity) {
        self.identities.insert(identity.whole);
        self.names.insert(identity.name, u64::MAX);
    }

    /// Whether this very version was read.
    #[must_use]
    pub fn holds(&self, identity: Identity) -> bool {
        self.identities.contains(&identity.whole)
    }

    /// The segment that holds some version of it.
    #[must_use]
    pub fn segment(&self, identity: Identity) -> Option<u64> {
        self.names.get(&identity.name).copied()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.identities.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty()
    }
}

/// An object of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it is, or was.
    pub uri: String,
    /// Its hashes.
    pub identity: Identity,
    /// Whether the same can be had again under its uri: not what came through a pipe, nor a page of an API.
    pub lasting: bool,
}

/// The objects of a segment.
pub(super) fn list(root: &Path, segment: &Segment) -> Result<Vec<Listed>, Damage> {
    let frame = file::read(root, &segment.objects, Some(&[URI, VERSION, NAME, IDENTITY]))?;
    let foreign = |why: PolarsError| Damage { path: segment.objects.path.clone(), why: why.to_string() };
    let text = |name: &str| frame.column(name).and_then(|column| column.str().cloned());
    let number = |name: &str| frame.column(name).and_then(|column| column.u64().cloned());
    let (uris, versions) = (text(URI).map_err(foreign)?, text(VERSION).map_err(foreign)?);
    let (names, identities) = (number(NAME).map_err(foreign)?, number(IDENTITY).map_err(foreign)?);
    let one = |at: usize| {
        let identity = Identity { name: names.get(at)?, whole: identities.get(at)? };
        let lasting = !versions.get(at)?.starts_with(CONTENT);
        Some(Listed { uri: uris.get(at)?.to_owned(), identity, lasting })
    };
    Ok((0..frame.height()).filter_map(one).collect())
}
