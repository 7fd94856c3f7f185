//! What changes a store: segments that are added and replaced. Each change is one commit of the index.

use super::file::{self, Lock};
use super::index::{self, Index, Segment};
use super::objects::{self, Listed, Objects, Read};
use super::recorder::Recorder;
use super::segments::{SEGMENTS, Tables, catalogs};
use super::{Damage, Known, Store, StoreError, facts, table};
use crate::intent::Intent;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The file that whoever writes has locked.
const LOCK: &str = "lock";

/// What one step of an ingest read.
#[derive(Default)]
pub struct Batch {
    /// The workers.
    pub recorders: Vec<Recorder>,
    /// The objects.
    pub objects: Vec<Read>,
    /// The number of the first segment of an object that has several.
    pub group: Option<u64>,
}

/// Whether what was read counts at once, or replaces what it was read again for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// It counts.
    Added,
    /// It counts once all is read.
    Staged,
}

impl Store {
    /// Opens a store to write it, and makes it where there is none. `waiting` is told when another process writes.
    ///
    /// # Errors
    /// When the folder holds other things, a later version made it, or the system says no.
    pub fn writable(path: &Path, waiting: &dyn Fn()) -> Result<Self, StoreError> {
        if !Self::is_at(path) && path.is_dir() {
            let listed = path.read_dir().map_err(|why| StoreError::io(path, "cannot be listed", &why))?;
            let ours = |name: &str| name == LOCK || name == SEGMENTS || name.starts_with(file::PENDING);
            if listed.flatten().any(|entry| !ours(&entry.file_name().to_string_lossy())) {
                return Err(StoreError::Occupied(path.display().to_string()));
            }
        }
        file::folder(&path.join(SEGMENTS))?;
        let lock = Lock::take(&path.join(LOCK), waiting)?;
        let index = match Index::read(path)? {
            Some(index) => index,
            None => {
                // From now on the folder is told for what it is.
                let mut index = Index::new();
                index.commit(path)?;
                index
            }
        };
        file::sweep(&path.join(SEGMENTS), |name| index.names(name))?;
        file::sweep(path, |name| !name.starts_with(file::PENDING))?;
        Ok(Self { root: path.to_owned(), index, _lock: Some(lock) })
    }

    /// Whether nothing was ever read into it.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.index.segments.is_empty()
    }

    /// Whether no record was ever read into it.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        let bare = |one: &Segment| one.records == 0 && one.rows.lines == 0;
        self.index.forgotten.is_none() && self.index.segments.iter().all(bare)
    }

    /// Whether records can be added as the program is and as it is asked.
    ///
    /// # Errors
    /// When they would not fit those that are there.
    pub fn takes(&self, conditions: &[String]) -> Result<(), StoreError> {
        if self.is_new() {
            return Ok(());
        }
        if self.index.probe != index::probe() {
            return Err(StoreError::Hashes(self.name()));
        }
        let missing = conditions.iter().find(|key| !self.index.conditions.contains(key));
        missing.map_or(Ok(()), |key| Err(StoreError::Condition { path: self.name(), key: key.clone() }))
    }

    /// Condition keys that are attested beside those that always are.
    #[must_use]
    pub fn conditions(&self) -> &[String] {
        &self.index.conditions
    }

    /// Numbers of all segments.
    #[must_use]
    pub fn all(&self) -> BTreeSet<u64> {
        self.index.segments.iter().map(|segment| segment.id).collect()
    }

    /// Segments that were made with other `[[exclude]]` entries than apply to them now.
    #[must_use]
    pub fn outdated(&self, intent: &Intent) -> BTreeSet<u64> {
        let wanted = index::applied(intent);
        self.index.segments.iter().filter(|one| !one.applied(&wanted)).map(|one| one.id).collect()
    }

    /// Segments with a file that is missing or has another size; with `closely`, also those whose content is another.
    #[must_use]
    pub fn damaged(&self, closely: bool) -> BTreeMap<u64, Damage> {
        let look = |entry: &file::Entry| {
            if closely {
                file::read(&self.root, entry, None).err()
            } else {
                file::check(&self.root, entry).err()
            }
        };
        let of = |segment: &Segment| Some((segment.id, segment.files().into_iter().find_map(look)?));
        self.index.segments.iter().filter_map(of).collect()
    }

    /// Whether what is in it was made with other condition keys, or its records are known by other hashes.
    #[must_use]
    pub fn unlike(&self, conditions: &[String]) -> bool {
        self.index.conditions != conditions || self.index.probe != index::probe()
    }

    /// Segments that were made with other catalogs than are in use now.
    #[must_use]
    pub fn other_catalogs(&self) -> BTreeSet<u64> {
        let now = catalogs();
        self.index.segments.iter().filter(|one| one.catalogs != now).map(|one| one.id).collect()
    }

    /// The number of the next segment.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.index.next
    }

    /// Takes back what was read of an object that could not be read to its end.
    pub fn drop_group(&mut self, group: u64) {
        let stays = |segment: &Segment| segment.group != Some(group);
        self.index.segments.retain(stays);
        self.index.staged.retain(stays);
    }

    /// The segments in sets that can only be read again together: they hold parts of one object.
    #[must_use]
    pub fn together(&self, ids: &BTreeSet<u64>) -> BTreeSet<BTreeSet<u64>> {
        let of = |id: &u64| {
            let group =
                self.index.segments.iter().find(|segment| segment.id == *id).and_then(|one| one.group);
            let same = |segment: &&Segment| segment.id == *id || group.is_some() && segment.group == group;
            self.index.segments.iter().filter(same).map(|segment| segment.id).collect()
        };
        ids.iter().map(of).collect()
    }

    /// Begins to read the segments again; what was read again before is kept where they are still the same.
    pub fn replace(&mut self, ids: &BTreeSet<u64>, intent: &Intent) {
        let wanted = index::applied(intent);
        let ids: Vec<u64> = ids.iter().copied().collect();
        let same = self.index.replaced == ids && self.index.staged.iter().all(|one| one.excludes == wanted);
        if !same {
            self.index.staged.clear();
            self.index.replaced = ids;
        }
    }

    /// Puts what was read again in the place of what it was read again for.
    pub fn flip(&mut self) {
        let replaced = std::mem::take(&mut self.index.replaced);
        self.index.segments.retain(|segment| !replaced.contains(&segment.id));
        self.index.segments.append(&mut self.index.staged);
    }

    /// Leaves everything as it was before [`Store::replace`]. True where something was read again in vain.
    pub fn abandon(&mut self) -> bool {
        self.index.replaced.clear();
        !std::mem::take(&mut self.index.staged).is_empty()
    }

    /// Everything that counts or is staged, but for the segments that are read again.
    fn standing(&self, without: &BTreeSet<u64>) -> impl Iterator<Item = &Segment> {
        let all = self.index.segments.iter().filter(|segment| !without.contains(&segment.id));
        all.chain(&self.index.staged)
    }

    /// The records of those segments.
    #[must_use]
    pub fn known(&self, without: &BTreeSet<u64>) -> Known {
        Known::new(self.root.clone(), self.standing(without).cloned().collect())
    }

    /// The objects of those segments.
    ///
    /// # Errors
    /// When a list of objects is damaged.
    pub fn objects(&self, without: &BTreeSet<u64>) -> Result<Objects, StoreError> {
        let mut all = Objects::default();
        for segment in self.standing(without) {
            all.add(&self.root, segment).map_err(StoreError::Damaged)?;
        }
        Ok(all)
    }

    /// The objects of one segment, by uri; none where their list is damaged.
    #[must_use]
    pub fn objects_of(&self, id: u64) -> Option<Vec<Listed>> {
        let segment = self.index.segments.iter().find(|segment| segment.id == id)?;
        objects::list(&self.root, segment).ok()
    }

    /// What could not be read, with the reason.
    pub fn missing(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.index.missing
    }

    /// Remembers that nothing is left of an object.
    pub fn lose(&mut self, uri: &str, why: &str) {
        self.index.lost.insert(uri.to_owned(), why.to_owned());
    }

    /// Notes that an object, under its uri as given and as known, was read. True where it was missing.
    pub fn found(&mut self, given: &str, uri: &str) -> bool {
        let missing = self.index.missing.remove(given).is_some();
        self.index.lost.remove(uri).is_some() || missing
    }

    /// Remembers the rules that are applied now.
    pub fn settle(&mut self, intent: &Intent, conditions: &[String]) -> bool {
        let excludes = index::applied(intent);
        let probe = index::probe();
        let same = self.index.excludes == excludes
            && self.index.conditions == conditions
            && self.index.probe == probe
            && self.index.generation > 0;
        self.index.excludes = excludes;
        self.index.conditions = conditions.to_vec();
        self.index.probe = probe;
        !same
    }

    /// Writes what was read as a segment. It counts with the next [`Store::commit`].
    ///
    /// # Errors
    /// When the records that are known could not be looked at, or a file cannot be written.
    pub fn seal(
        &mut self,
        batch: Batch,
        known: &Known,
        intent: &Intent,
        how: Sealed,
    ) -> Result<(), StoreError> {
        if let Some(damage) = known.damage() {
            return Err(StoreError::Damaged(damage));
        }
        let group = batch.group;
        if batch.objects.is_empty() && group.is_none() {
            return Ok(());
        }
        // Each worker's memory is given back as soon as its tables stand.
        let read: Vec<_> = batch.recorders.into_par_iter().map(facts::tables).collect::<Result<_, _>>()?;
        let (mut rows, mut facts, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for (its_rows, its_facts, its_events) in read {
            rows.push(its_rows);
            facts.push(its_facts);
            events.push(its_events);
        }
        let tables = Tables {
            rows: table::stack(rows)?,
            facts: table::stack(facts)?,
            events: table::stack(events)?,
            objects: Some(objects::table(batch.objects)?),
        };
        let segment =
            Segment { group, excludes: index::applied(intent), catalogs: catalogs(), ..Segment::default() };
        let segment = self.write(segment, tables)?;
        match how {
            Sealed::Added => self.index.segments.push(segment),
            Sealed::Staged => self.index.staged.push(segment),
        }
        Ok(())
    }

    /// Makes everything since the last commit count, in one step.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        self.index.commit(&self.root)?;
        let index = &self.index;
        file::sweep(&self.root.join(SEGMENTS), |name| index.names(name))
    }
}
