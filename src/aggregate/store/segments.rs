//! Segments as they are written, joined and cut.

use super::index::{self, Segment};
use super::table::{self, DAY, FACT_TEXTS, ROW_TEXTS};
use super::{Store, StoreError, file, known, objects};
use crate::cloud::CLOUDS;
use crate::model::time::Day;
use polars::prelude::*;
use std::collections::BTreeMap;

/// The folder of the tables.
pub(super) const SEGMENTS: &str = "segments";
/// More segments than these are joined.
const MANY: usize = 24;
/// So many of the smallest at a time.
const JOINED: usize = 12;

impl Store {
    /// Writes a segment, without the days that are forgotten.
    pub(super) fn write(&mut self, segment: Segment, tables: Tables) -> Result<Segment, StoreError> {
        let id = self.index.next;
        self.index.next += 1;
        let floor = self.index.forgotten;
        let path = |table: &str| format!("{SEGMENTS}/{id:08}-{table}.parquet");
        let settle = |frame: Option<DataFrame>, texts: &[&str]| {
            let frame = frame.map_or_else(|| table::Builder::new(texts).finish(), Ok)?;
            table::settled(from(frame, floor)?, texts)
        };
        let mut rows = settle(tables.rows, &ROW_TEXTS)?;
        let mut facts = settle(tables.facts, &FACT_TEXTS)?;
        let mut events = from(tables.events.map_or_else(|| known::table(Vec::new()), Ok)?, floor)?;
        events = events.lazy().sort([DAY, "id"], SortMultipleOptions::default()).collect()?;
        let mut objects = tables.objects.map_or_else(|| objects::table(Vec::new()), Ok)?;
        let spans = [table::span(&rows)?, table::span(&facts)?, table::span(&events)?];
        let days = spans.into_iter().flatten().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let undated = events.column(DAY)?.null_count() > 0 || rows.column(DAY)?.null_count() > 0;
        Ok(Segment {
            id,
            days,
            undated,
            records: events.height() as u64,
            rows: file::write(&self.root, &path("rows"), &mut rows)?,
            facts: file::write(&self.root, &path("facts"), &mut facts)?,
            events: file::write(&self.root, &path("events"), &mut events)?,
            objects: file::write(&self.root, &path("objects"), &mut objects)?,
            ..segment
        })
    }

    fn read(&self, segments: &[Segment]) -> Result<Tables, StoreError> {
        let all = |pick: fn(&Segment) -> &file::Entry| {
            let read = segments.iter().map(|one| file::read(&self.root, pick(one), None));
            let frames: Vec<DataFrame> = read.collect::<Result<_, _>>().map_err(StoreError::Damaged)?;
            table::stack(frames)
        };
        Ok(Tables {
            rows: all(|one| &one.rows)?,
            facts: all(|one| &one.facts)?,
            events: all(|one| &one.events)?,
            objects: all(|one| &one.objects)?,
        })
    }

    /// Joins segments where there are too many; with `whole`, all that were made by the same rules. True where it changed
    /// anything.
    ///
    /// # Errors
    /// When a file is damaged or cannot be written.
    pub fn compact(&mut self, whole: bool) -> Result<bool, StoreError> {
        let mut changed = false;
        loop {
            let mut alike: BTreeMap<Rules, Vec<Segment>> = BTreeMap::new();
            // What is being read again keeps its number until it is replaced.
            let replaced = &self.index.replaced;
            for segment in self.index.segments.iter().filter(|one| !replaced.contains(&one.id)) {
                let rules = (segment.excludes.clone(), segment.catalogs.clone());
                alike.entry(rules).or_default().push(segment.clone());
            }
            let enough = if whole { 1 } else { MANY };
            let Some(((excludes, catalogs), mut group)) =
                alike.into_iter().find(|(_, group)| group.len() > enough)
            else {
                return Ok(changed);
            };
            if !whole {
                group.sort_by_key(|segment| (segment.rows.bytes + segment.events.bytes, segment.id));
                group.truncate(JOINED);
            }
            let tables = self.read(&group)?;
            let joined = self.write(Segment { excludes, catalogs, ..Segment::default() }, tables)?;
            self.index.segments.retain(|segment| !group.contains(segment));
            self.index.segments.push(joined);
            changed = true;
        }
    }

    /// Forgets everything of the days before; what was read is still known, so that it does not come back.
    ///
    /// # Errors
    /// When a file is damaged or cannot be written.
    pub fn forget(&mut self, before: Day) -> Result<(), StoreError> {
        self.abandon();
        self.index.forgotten = self.index.forgotten.max(Some(before.0));
        let (gone, stays): (Vec<Segment>, Vec<Segment>) = std::mem::take(&mut self.index.segments)
            .into_iter()
            .partition(|segment| segment.days.is_some_and(|(first, _)| first < before.0));
        self.index.segments = stays;
        for segment in gone {
            let tables = self.read(std::slice::from_ref(&segment))?;
            let segment = self.write(segment, tables)?;
            self.index.segments.push(segment);
        }
        self.commit()
    }
}

/// What segments are made by: `[[exclude]]` entries and catalogs. Only those made by the same can be joined.
type Rules = (Vec<index::Applied>, BTreeMap<String, String>);

/// The four tables of a segment.
pub(super) struct Tables {
    pub(super) rows: Option<DataFrame>,
    pub(super) facts: Option<DataFrame>,
    pub(super) events: Option<DataFrame>,
    pub(super) objects: Option<DataFrame>,
}

/// What is not of a forgotten day.
fn from(frame: DataFrame, floor: Option<i32>) -> Result<DataFrame, StoreError> {
    let Some(floor) = floor else { return Ok(frame) };
    let stays = col(DAY).is_null().or(col(DAY).gt_eq(lit(floor)));
    Ok(frame.lazy().filter(stays).collect()?)
}

/// Which catalogs are in use.
pub(super) fn catalogs() -> BTreeMap<String, String> {
    CLOUDS
        .iter()
        .map(|cloud| {
            let made = cloud.catalog();
            let version = env!("CARGO_PKG_VERSION");
            let digest = made.sha256.get(..12).unwrap_or(&made.sha256);
            (cloud.id().to_owned(), format!("{} {digest} ({version})", made.date))
        })
        .collect()
}
