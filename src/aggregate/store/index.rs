//! What a store consists of: one small file, replaced in one step. A file it does not name does not count.

use super::StoreError;
use super::file::Entry;
pub use crate::config::STORE_MARKER as MARKER;
use crate::intent::{Exclude, Intent};
use crate::model::time::Day;
use crate::wire::fingerprint;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The format that this program writes, and the newest it reads.
pub const FORMAT: u32 = 1;

/// The index.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Index {
    /// Format of the whole store.
    pub(super) format: u32,
    /// Grows with every change.
    pub(super) generation: u64,
    /// Number of the next segment.
    pub(super) next: u64,
    /// Tells whether hashes of another version of the program mean the same.
    pub(super) probe: u64,
    /// Condition keys that were attested beside those that always are.
    pub(super) conditions: Vec<String>,
    /// The `[[exclude]]` entries that the last ingest applied.
    pub(super) excludes: Vec<Applied>,
    /// What counts.
    pub(super) segments: Vec<Segment>,
    /// Segments that replace others as soon as all is read again that those hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) staged: Vec<Segment>,
    /// Numbers of the segments that are being read again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) replaced: Vec<u64>,
    /// Days before this one, since the Unix epoch, are forgotten and stay so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) forgotten: Option<i32>,
    /// Objects that could not be read, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) missing: BTreeMap<String, String>,
    /// Objects that were read once, of which nothing is left.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) lost: BTreeMap<String, String>,
}

/// What one step of an ingest read: some objects, and everything that they yielded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Segment {
    /// Its number, never used twice.
    pub(super) id: u64,
    /// The number of the first of all that hold parts of the same object, where several do: they stand and fall together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<u64>,
    /// First and last day of its records; none where no record says.
    pub(super) days: Option<(i32, i32)>,
    /// Whether some record does not say when it was written.
    pub(super) undated: bool,
    /// The `[[exclude]]` entries that were applied to it.
    pub(super) excludes: Vec<Applied>,
    /// Which catalogs it was made with.
    pub(super) catalogs: BTreeMap<String, String>,
    /// Records that were read.
    pub(super) records: u64,
    /// Rows of the usage table.
    pub(super) rows: Entry,
    /// Everything else.
    pub(super) facts: Entry,
    /// Hashes of the records, to know them again.
    pub(super) events: Entry,
    /// What was read.
    pub(super) objects: Entry,
}

impl Segment {
    /// Its files.
    pub(super) fn files(&self) -> [&Entry; 4] {
        [&self.rows, &self.facts, &self.events, &self.objects]
    }

    /// Whether some of its records may be of that day.
    pub(super) fn may_hold(&self, day: Day) -> bool {
        match day.known() {
            None => self.undated,
            Some(day) => self.days.is_some_and(|(first, last)| first <= day.0 && day.0 <= last),
        }
    }

    /// Whether the entry can select some of its records.
    pub(super) fn touched(&self, entry: &Applied) -> bool {
        self.days.is_some_and(|(first, last)| {
            entry.first.is_none_or(|from| last >= from) && entry.last.is_none_or(|to| first <= to)
        }) || self.undated
    }

    /// Whether all of these were applied to it that can select some of its records, and no others.
    pub(super) fn applied(&self, wanted: &[Applied]) -> bool {
        let differs = |one: &&Applied| self.touched(one);
        !wanted.iter().filter(|one| !self.excludes.contains(one)).any(|one| differs(&one))
            && !self.excludes.iter().filter(|one| !wanted.contains(one)).any(|one| differs(&one))
    }
}

/// An `[[exclude]]` entry that was applied to records: no more of it than tells it from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Applied {
    /// Hash of what it selects.
    pub(super) selects: String,
    /// Days since the Unix epoch that it can select; none: without end.
    pub(super) first: Option<i32>,
    pub(super) last: Option<i32>,
}

impl Applied {
    fn of(entry: &Exclude) -> Self {
        let (first, last) = entry.days();
        let cell = |day: Option<Day>| day.and_then(Day::known).map(|day| day.0);
        Self { selects: selects(entry), first: cell(first), last: cell(last) }
    }
}

/// The hash of what an entry selects.
pub(super) fn selects(entry: &Exclude) -> String {
    format!("{:016x}", fingerprint::hash(&entry.selector()))
}

/// The entries of an intent file, as a store knows them.
pub(super) fn applied(intent: &Intent) -> Vec<Applied> {
    let all: BTreeSet<Applied> = intent.exclude.iter().map(Applied::of).collect();
    all.into_iter().collect()
}

/// Only the format, whatever else the file holds.
#[derive(Deserialize)]
struct Formatted {
    format: u32,
}

impl Index {
    /// A store without anything.
    pub(super) fn new() -> Self {
        Self { format: FORMAT, probe: probe(), ..Self::default() }
    }

    /// Reads the index; none where the folder is no store.
    pub(super) fn read(root: &Path) -> Result<Option<Self>, StoreError> {
        let path = root.join(MARKER);
        let Some(text) = super::file::text(&path)? else { return Ok(None) };
        let name = path.display().to_string();
        let broken = |why: serde_json::Error| StoreError::Index { path: name.clone(), why: why.to_string() };
        let Formatted { format } = serde_json::from_str(&text).map_err(broken)?;
        if format > FORMAT {
            return Err(StoreError::TooNew { path: root.display().to_string(), format });
        }
        Ok(Some(serde_json::from_str(&text).map_err(broken)?))
    }

    /// Puts this index in the place of the one that stands.
    pub(super) fn commit(&mut self, root: &Path) -> Result<(), StoreError> {
        self.generation += 1;
        let text = serde_json::to_string_pretty(self)
            .map_err(|why| StoreError::Index { path: MARKER.to_owned(), why: why.to_string() })?;
        super::file::put(root, MARKER, (text + "\n").as_bytes())
    }

    /// Whether a file of the segments' folder belongs to the store.
    pub(super) fn names(&self, file: &str) -> bool {
        let all = self.segments.iter().chain(&self.staged).flat_map(Segment::files);
        all.into_iter().any(|entry| entry.path.rsplit('/').next() == Some(file))
    }
}

/// A hash of known content, by every function whose results a store keeps.
pub(super) fn probe() -> u64 {
    let record = r#"{"eventID":"e","requestParameters":{"a":[1,"x\n",null]},"n":-1.5e3}"#;
    fingerprint::join(fingerprint::hash("arn:aws:iam::123456789012:role/r"), fingerprint::of_json(record))
}
