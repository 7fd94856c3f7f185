//! The usage table on disk: what reading yields, by day, as Parquet files that are never changed, and one index that is
//! replaced in one step.
//!
//! A *segment* is what one step of an ingest read: some objects, and all that they yielded, in four files. `rows` is the
//! usage table by day; `facts` everything else that later stages need; `events` hashes by which a record is known again;
//! `objects` what was read. Reading joins the segments' lines by the law of [`table`], so that neither their order nor their
//! number shows. Nothing is settled before a store is read: copies still wait for their leading ones, families of names are
//! joined anew, reviews are held by all sessions. That is why a store answers as its logs do.
//!
//! Whatever happens to a process, the index names only files that were whole on disk before; files it does not name are
//! taken away by the next that writes. One process writes at a time, readers need no lock.

mod change;
mod declared;
mod facts;
mod file;
mod index;
mod known;
mod load;
mod objects;
mod recorder;
mod rows;
mod segments;
mod table;
mod text;

pub use change::{Batch, Sealed};
pub use index::{FORMAT, MARKER};
pub use known::Known;
pub use objects::{Identity, Listed, Objects, Read, Span};
pub use recorder::Recorder;

use super::{Rules, Shard};
use crate::intent::Intent;
use crate::model::tally::Unreadable;
use crate::model::time::Day;
use file::Lock;
use index::{Index, Segment};
use load::Loader;
use polars::prelude::DataFrame;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How often a reader begins anew when files are replaced under it.
const TRIES: usize = 8;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder is none.
    #[error("`{0}` is no store: it holds no {MARKER}; `leastgrant ingest INPUT --store {0}` makes one")]
    None(String),
    /// A folder with other things in it.
    #[error("`{0}` holds other files and no {MARKER}: give a new or empty folder")]
    Occupied(String),
    /// A later version made it.
    #[error(
        "`{path}` has format {format}, this version knows up to {FORMAT}: use a newer leastgrant, or another folder"
    )]
    TooNew {
        /// The store.
        path: String,
        /// Its format.
        format: u32,
    },
    /// The index cannot be understood.
    #[error("`{path}`: {why}; put it back from a backup, or remove the folder and ingest anew")]
    Index {
        /// The index.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The system says no.
    #[error("`{path}`: {what}: {why}")]
    Io {
        /// File or folder.
        path: String,
        /// What was tried.
        what: &'static str,
        /// What the system says.
        why: String,
    },
    /// A file is not what was written.
    #[error("{0}; `leastgrant ingest INPUT --store DIR --rebuild` reads its logs again")]
    Damaged(Damage),
    /// A table cannot be made or understood.
    #[error("the store's tables: {0}")]
    Table(String),
    /// Another intent file.
    #[error(
        "`{0}` was made with other [[exclude]] entries: run `leastgrant ingest` into it with this intent file first"
    )]
    Intent(String),
    /// Condition keys that were not attested.
    #[error(
        "`{path}` was made without the condition key `{key}`: ingest with `--condition {key}` into a new folder, or with \
         --rebuild into this one"
    )]
    Condition {
        /// The store.
        path: String,
        /// The key.
        key: String,
    },
    /// Hashes of another version.
    #[error("`{0}` knows its records by other hashes than this version makes: ingest with --rebuild")]
    Hashes(String),
}

impl StoreError {
    fn io(path: &Path, what: &'static str, why: &std::io::Error) -> Self {
        Self::Io { path: path.display().to_string(), what, why: why.to_string() }
    }
}

impl From<polars::prelude::PolarsError> for StoreError {
    fn from(why: polars::prelude::PolarsError) -> Self {
        Self::Table(why.to_string())
    }
}

/// A file that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` {why}")]
pub struct Damage {
    /// The file.
    pub path: String,
    /// What is wrong with it.
    pub why: String,
}

/// A store.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    index: Index,
    /// Held by the one who writes.
    _lock: Option<Lock>,
}

/// What a store says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Its format.
    pub format: u32,
    /// Segments that count.
    pub segments: usize,
    /// Objects that were read.
    pub objects: u64,
    /// Different records.
    pub records: u64,
    /// Lines of the usage table, one for each different use and day.
    pub rows: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// First and last day.
    pub days: Option<(Day, Day)>,
    /// Days before this one were forgotten.
    pub forgotten: Option<Day>,
    /// Entries of `[[exclude]]` that were applied.
    pub excludes: usize,
    /// Condition keys attested beside those that always are.
    pub conditions: Vec<String>,
    /// Which catalogs it was made with.
    pub catalogs: Vec<String>,
    /// What could not be read, with the reason.
    pub missing: Vec<(String, String)>,
    /// Files that are not what was written.
    pub damaged: Vec<Damage>,
}

impl Store {
    /// Whether the folder is a store.
    #[must_use]
    pub fn is_at(path: &Path) -> bool {
        path.join(MARKER).is_file()
    }

    /// Opens a store to read it.
    ///
    /// # Errors
    /// When the folder is none, or a later version made it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let none = || StoreError::None(path.display().to_string());
        let index = Index::read(path)?.ok_or_else(none)?;
        Ok(Self { root: path.to_owned(), index, _lock: None })
    }

    fn name(&self) -> String {
        self.root.display().to_string()
    }

    /// What reading the logs in it would have left.
    ///
    /// # Errors
    /// When the store was made by other rules, so that it cannot answer for these. What is damaged is in the tally.
    pub fn load(&mut self, rules: &Arc<Rules>, lines: bool) -> Result<Shard, StoreError> {
        let mut tries = 0;
        loop {
            let (shard, damaged) = self.load_once(rules, lines)?;
            tries += 1;
            if !damaged || tries == TRIES {
                return Ok(shard);
            }
            // Somebody may have replaced what the index named.
            let fresh = Self::open(&self.root)?;
            if fresh.index.generation == self.index.generation {
                return Ok(shard);
            }
            self.index = fresh.index;
        }
    }

    fn load_once(&self, rules: &Arc<Rules>, lines: bool) -> Result<(Shard, bool), StoreError> {
        self.answers(rules)?;
        let mut shard = Shard::new(Arc::clone(rules), Arc::default(), lines);
        let unreadable = &mut shard.tally.unreadable;
        let missing = self.index.missing.iter().chain(&self.index.lost);
        unreadable.extend(missing.map(|(path, why)| Unreadable { path: path.clone(), why: why.clone() }));
        unreadable.extend(self.stale(&rules.intent)?);
        let mut damaged = Vec::new();
        let (mut rows, mut facts, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for segment in &self.index.segments {
            // Rows are the most: only those of one segment are in memory, and only once all of it is known to be whole.
            let its_facts = file::whole(&self.root, &segment.rows)
                .and_then(|()| file::read(&self.root, &segment.facts, None));
            match its_facts {
                Ok(its_facts) => {
                    rows.push(&segment.rows);
                    facts.push(its_facts);
                }
                Err(damage) => {
                    damaged.push(damage);
                    continue;
                }
            }
            match file::read(&self.root, &segment.events, Some(&known::IDS)) {
                Ok(frame) => ids.push(frame),
                Err(damage) => damaged.push(damage),
            }
        }
        shard.tally.unreadable.extend(damaged.iter().map(|damage| Unreadable {
            path: damage.path.clone(),
            why: format!(
                "{}; `leastgrant ingest INPUT --store {} --rebuild` reads its logs again",
                damage.why,
                self.name()
            ),
        }));
        shard.tally.id_reused = known::reused(ids)?;
        let mut loader = Loader::new(&mut shard, &self.index.conditions);
        if let Some(facts) = table::stack(facts)? {
            loader.facts(facts)?;
        }
        if lines {
            // Each day's lines are joined over all segments.
            let read = rows.into_iter().map(|rows| file::read(&self.root, rows, None));
            let read: Vec<DataFrame> = read.collect::<Result<_, _>>().map_err(StoreError::Damaged)?;
            table::stack(read)?.map_or(Ok(()), |all| loader.rows(all, lines))?;
        } else {
            for rows in rows {
                let rows = file::read(&self.root, rows, None).map_err(StoreError::Damaged)?;
                loader.rows(rows, lines)?;
            }
        }
        loader.settle();
        shard.tally.unreadable.sort();
        Ok((shard, !damaged.is_empty()))
    }

    /// Whether the store was made so that it can answer.
    fn answers(&self, rules: &Rules) -> Result<(), StoreError> {
        let missing = rules.filter.conditions.iter().find(|key| !self.index.conditions.contains(key));
        match missing {
            Some(key) => Err(StoreError::Condition { path: self.name(), key: key.clone() }),
            None => Ok(()),
        }
    }

    /// Segments whose objects are gone, so that the intent file as it is now could not be applied to them.
    fn stale(&self, intent: &Intent) -> Result<Option<Unreadable>, StoreError> {
        let wanted = index::applied(intent);
        let stale: Vec<&Segment> =
            self.index.segments.iter().filter(|segment| !segment.applied(&wanted)).collect();
        if stale.is_empty() {
            return Ok(None);
        }
        if self.index.excludes != wanted {
            return Err(StoreError::Intent(self.name()));
        }
        let days = stale.iter().filter_map(|segment| segment.days);
        let days = days.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)));
        let of =
            days.map_or_else(String::new, |(first, last)| format!(" of {} to {}", Day(first), Day(last)));
        Ok(Some(Unreadable {
            path: self.name(),
            why: format!(
                "the logs{of} are gone, so the [[exclude]] entries as they are now could not be applied to them"
            ),
        }))
    }

    /// What the store says of itself.
    ///
    /// # Errors
    /// Never for damage, which is part of what it says.
    pub fn info(&self) -> Result<Info, StoreError> {
        let index = &self.index;
        let sum = |pick: fn(&Segment) -> u64| index.segments.iter().map(pick).sum();
        let days = index.segments.iter().filter_map(|segment| segment.days);
        let days = days.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)));
        let files = || index.segments.iter().flat_map(Segment::files);
        let whole = |entry: &file::Entry| file::read(&self.root, entry, None).err();
        let mut catalogs: Vec<String> = index
            .segments
            .iter()
            .flat_map(|segment| segment.catalogs.iter().map(|(cloud, made)| format!("{cloud} {made}")))
            .collect();
        catalogs.sort();
        catalogs.dedup();
        Ok(Info {
            format: index.format,
            segments: index.segments.len(),
            objects: sum(|segment| segment.objects.lines),
            records: sum(|segment| segment.records),
            rows: sum(|segment| segment.rows.lines),
            bytes: files().map(|entry| entry.bytes).sum(),
            days: days.map(|(first, last)| (Day(first), Day(last))),
            forgotten: index.forgotten.map(Day),
            excludes: index.excludes.len(),
            conditions: index.conditions.clone(),
            catalogs,
            missing: index.missing.clone().into_iter().chain(index.lost.clone()).collect(),
            damaged: files().filter_map(whole).collect(),
        })
    }
}
