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
/// More short segments than these are joined.
const MANY: usize = 24;
/// So many of the shortest at a time.
const JOINED: usize = 12;
/// Lines of all its tables that a segment has at least which is joined with others only on request: so many are held in
/// memory.
const LONG: u64 = 100_000;

impl Store {
    /// Writes a segment, without the days that are forgotten.
    pub(super) fn write(&mut self, segment: Segment, mut tables: Tables) -> Result<Segment, StoreError> {
        self.write_each(segment, |_, table| {
            Ok(match table {
                Table::Rows => tables.rows.take(),
                Table::Facts => tables.facts.take(),
                Table::Events => tables.events.take(),
                Table::Objects => tables.objects.take(),
            })
        })
    }

    /// Writes a segment table by table, so that one at a time is in memory.
    fn write_each(
        &mut self,
        segment: Segment,
        mut of: impl FnMut(&Self, Table) -> Frame,
    ) -> Result<Segment, StoreError> {
        let id = self.index.next;
        self.index.next += 1;
        let floor = self.index.forgotten;
        let path = |table: &str| format!("{SEGMENTS}/{id:08}-{table}.parquet");
        let settle = |frame: Option<DataFrame>, texts: &[&str]| {
            let frame = frame.map_or_else(|| table::Builder::new(texts).finish(), Ok)?;
            table::settled(from(frame, floor)?, texts)
        };
        let (mut spans, mut undated) = (Vec::new(), false);
        let mut write = |name: &str, mut frame: DataFrame, dated: bool| {
            if name != "objects" {
                spans.push(table::span(&frame)?);
            }
            undated |= dated && frame.column(DAY)?.null_count() > 0;
            Ok::<_, StoreError>((frame.height() as u64, file::write(&self.root, &path(name), &mut frame)?))
        };
        let (_, rows) = write("rows", settle(of(self, Table::Rows)?, &ROW_TEXTS)?, true)?;
        let (_, facts) = write("facts", settle(of(self, Table::Facts)?, &FACT_TEXTS)?, false)?;
        let events = of(self, Table::Events)?.map_or_else(|| known::table(Vec::new()), Ok)?;
        let events =
            from(events, floor)?.lazy().sort([DAY, "id"], SortMultipleOptions::default()).collect()?;
        let (records, events) = write("events", events, true)?;
        let objects = of(self, Table::Objects)?.map_or_else(|| objects::table(Vec::new()), Ok)?;
        let (_, objects) = write("objects", objects, false)?;
        let days = spans.into_iter().flatten().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        Ok(Segment { id, days, undated, records, rows, facts, events, objects, ..segment })
    }

    /// What some segments hold together.
    fn joined(&self, segments: &[Segment], pick: fn(&Segment) -> &file::Entry) -> Frame {
        let read = segments.iter().map(|one| file::read(&self.root, pick(one), None));
        let frames: Vec<DataFrame> = read.collect::<Result<_, _>>().map_err(StoreError::Damaged)?;
        table::stack(frames)
    }

    /// Writes what some segments hold as one.
    fn join(&mut self, segment: Segment, segments: &[Segment]) -> Result<Segment, StoreError> {
        self.write_each(segment, |store, table| match table {
            Table::Rows => store.joined(segments, |one| &one.rows),
            Table::Facts => store.joined(segments, |one| &one.facts),
            Table::Events => store.joined(segments, |one| &one.events),
            Table::Objects => store.joined(segments, |one| &one.objects),
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
                let rules = (segment.group, segment.excludes.clone(), segment.catalogs.clone());
                alike.entry(rules).or_default().push(segment.clone());
            }
            if !whole {
                alike.values_mut().for_each(|group| group.retain(|one| lines(one) < LONG));
            }
            let enough = if whole { 1 } else { MANY };
            let Some(((of, excludes, catalogs), mut group)) =
                alike.into_iter().find(|(_, group)| group.len() > enough)
            else {
                return Ok(changed);
            };
            if !whole {
                group.sort_by_key(|segment| (lines(segment), segment.id));
                let mut held = 0;
                let fits = |segment: &&Segment| {
                    held += lines(segment);
                    held <= 2 * LONG
                };
                // Two always fit.
                group.truncate(group.iter().take(JOINED).take_while(fits).count());
            }
            self.index.segments.retain(|segment| !group.contains(segment));
            let of = of.filter(|of| self.index.segments.iter().any(|one| one.group == Some(*of)));
            let joined = Segment { group: of, excludes, catalogs, ..Segment::default() };
            let joined = self.join(joined, &group)?;
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
            let cut = self.join(segment.clone(), std::slice::from_ref(&segment))?;
            self.index.segments.push(cut);
        }
        self.commit()
    }
}

/// What segments are made by: parts of which object, if of one only, `[[exclude]]` entries and catalogs. Only those made by
/// the same can be joined.
type Rules = (Option<u64>, Vec<index::Applied>, BTreeMap<String, String>);

/// A table, if there is anything for it.
type Frame = Result<Option<DataFrame>, StoreError>;

/// Which of the tables of a segment.
#[derive(Clone, Copy)]
enum Table {
    Rows,
    Facts,
    Events,
    Objects,
}

/// Lines of all its tables.
fn lines(segment: &Segment) -> u64 {
    segment.files().iter().map(|entry| entry.lines).sum()
}

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
