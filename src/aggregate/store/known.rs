//! The records that a store holds already, by the hashes of their ids and contents. Only those of days that are read again
//! are loaded.

use super::super::dedup::Dedup;
use super::index::Segment;
use super::{Damage, StoreError, file};
use crate::model::time::Day;
use polars::prelude::*;
use rustc_hash::FxHashSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError, RwLock};

const ID: &str = "id";
const CONTENT: &str = "content";

/// The records of one ingest and of the days it touches.
#[derive(Debug)]
pub struct Known {
    root: PathBuf,
    pub(super) dedup: Dedup,
    ready: RwLock<FxHashSet<Day>>,
    /// Segments that were not loaded yet.
    waiting: Mutex<Vec<Segment>>,
    damage: Mutex<Option<Damage>>,
}

impl Known {
    pub(super) fn new(root: PathBuf, segments: Vec<Segment>) -> Self {
        Self {
            root,
            dedup: Dedup::default(),
            ready: RwLock::default(),
            waiting: Mutex::new(segments),
            damage: Mutex::default(),
        }
    }

    /// Loads the records of a day.
    pub(super) fn prepare(&self, day: Day) {
        if self.ready.read().unwrap_or_else(PoisonError::into_inner).contains(&day) {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (wanted, rest) = std::mem::take(&mut *waiting).into_iter().partition(|one| one.may_hold(day));
        *waiting = rest;
        let wanted: Vec<Segment> = wanted;
        for segment in wanted {
            if let Err(damage) = self.load(&segment) {
                *self.damage.lock().unwrap_or_else(PoisonError::into_inner) = Some(damage);
            }
        }
        self.ready.write().unwrap_or_else(PoisonError::into_inner).insert(day);
    }

    fn load(&self, segment: &Segment) -> Result<(), Damage> {
        let frame = file::read(&self.root, &segment.events, Some(&[ID, CONTENT]))?;
        let column = |name: &str| frame.column(name).and_then(|column| column.u64().cloned());
        let foreign = |why: PolarsError| Damage { path: segment.events.path.clone(), why: why.to_string() };
        let (ids, contents) = (column(ID).map_err(foreign)?, column(CONTENT).map_err(foreign)?);
        for (id, content) in ids.iter().zip(contents.iter()) {
            if let (Some(id), Some(content)) = (id, content) {
                self.dedup.add(id, content);
            }
        }
        Ok(())
    }

    /// What kept records from being known again, if anything did: then what was read must not be kept.
    pub(super) fn damage(&self) -> Option<Damage> {
        self.damage.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The records of a segment as a table, by day.
pub(super) fn table(mut events: Vec<(Day, u64, u64)>) -> Result<DataFrame, StoreError> {
    events.sort_unstable();
    let days: Vec<Option<i32>> = events.iter().map(|(day, ..)| day.known().map(|day| day.0)).collect();
    let ids: Vec<u64> = events.iter().map(|(_, id, _)| *id).collect();
    let contents: Vec<u64> = events.iter().map(|(.., content)| *content).collect();
    let columns = vec![
        Column::new(super::table::DAY.into(), days),
        Column::new(ID.into(), ids),
        Column::new(CONTENT.into(), contents),
    ];
    Ok(DataFrame::new(events.len(), columns)?)
}

/// Records that share an id with another, but not its content.
pub(super) fn reused(frames: Vec<DataFrame>) -> Result<u64, StoreError> {
    let Some(all) = super::table::stack(frames)? else { return Ok(0) };
    let records = all.height() as u64;
    let ids = all.lazy().select([col(ID).n_unique().cast(DataType::UInt64).alias(ID)]).collect()?;
    let ids = ids.column(ID)?.u64()?.get(0).unwrap_or(records);
    Ok(records.saturating_sub(ids))
}

/// The columns that [`reused`] asks for.
pub(super) const IDS: [&str; 1] = [ID];
