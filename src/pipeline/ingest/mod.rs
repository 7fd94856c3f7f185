//! Inputs into a store: only what is new is read, and what must be read again.

mod again;
mod listing;
mod long;
mod step;

use super::read::ReadError;
use crate::aggregate::Rules;
use crate::aggregate::store::{Identity, Sealed, Store, StoreError};
use crate::config::{Edge, Filter};
use crate::model::tally::Unreadable;
use crate::source::{self, Meter, Object};
use listing::{Listing, Shared, place};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What to ingest, and how.
pub struct Ingest {
    /// Inputs as given.
    pub inputs: Vec<String>,
    /// The store's folder.
    pub store: PathBuf,
    /// What sources may leave out unread.
    pub listed: Filter,
    /// What is applied to every record: the intent file and condition keys.
    pub rules: Rules,
    /// Whether what is damaged, or was made by other rules, is read again.
    pub rebuild: bool,
    /// Objects after which a step is written, if its bytes are not enough for one.
    pub step: u64,
    /// Worker threads; none: as many as the machine has.
    pub threads: Option<usize>,
    /// How far reading is.
    pub meter: Arc<Meter>,
    /// Set from outside to stop: what was read until then stays.
    pub stop: Arc<AtomicBool>,
    /// Whether reading is paid for where the owner of a bucket asks for that.
    pub requester_pays: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Ingested {
    /// Objects that were read.
    pub objects: u64,
    /// Records that were new.
    pub records: u64,
    /// Objects that were read again, since something about them has changed.
    pub again: u64,
    /// What could not be read.
    pub unreadable: Vec<Unreadable>,
    /// What could not be done.
    pub problems: Vec<String>,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

impl Ingested {
    /// Whether something is missing in the store.
    #[must_use]
    pub fn partial(&self) -> bool {
        self.stopped || !self.unreadable.is_empty() || !self.problems.is_empty()
    }
}

/// One run.
struct Run<'i> {
    ingest: &'i Ingest,
    store: Store,
    rules: Arc<Rules>,
    out: Ingested,
    /// Whether anything is to be committed.
    dirty: bool,
}

/// Ingests; `waiting` is told when another process writes to the store.
///
/// # Errors
/// When the store cannot be used or an input does not exist.
pub fn ingest(ingest: &Ingest, waiting: &dyn Fn()) -> Result<Ingested, ReadError> {
    // A wrong input must not leave a folder behind.
    if !Store::is_at(&ingest.store) {
        let asked = Shared::default().asked(ingest, Box::new(|_, _, _| false));
        source::open(&ingest.inputs, asked, &Arc::default())?;
    }
    let store = Store::writable(&ingest.store, waiting)?;
    let mut conditions = ingest.rules.filter.conditions.clone();
    if !ingest.rebuild {
        store.takes(&conditions)?;
        conditions.extend_from_slice(store.conditions());
    }
    conditions.sort();
    conditions.dedup();
    // A window without an end: days are told apart.
    let since = Some(Edge::Back(i32::MAX));
    let filter = Filter { conditions: conditions.clone(), since, ..Filter::default() };
    let rules = Rules { filter, intent: ingest.rules.intent.clone(), accept_review: true };
    let mut run = Run { ingest, store, rules: Arc::new(rules), out: Ingested::default(), dirty: false };
    run.refuse_damage()?;
    // What was made by other rules is found out before these take their place.
    let again = run.again()?;
    run.dirty |= run.store.settle(&ingest.rules.intent, &conditions);
    run.all(&again)?;
    Ok(run.out)
}

impl Run<'_> {
    /// Adding to a damaged store could count records twice.
    fn refuse_damage(&self) -> Result<(), ReadError> {
        let damaged = self.store.damaged(false);
        match damaged.into_values().next() {
            Some(damage) if !self.ingest.rebuild => Err(StoreError::Damaged(damage).into()),
            _ => Ok(()),
        }
    }

    /// Segments that must be read again.
    fn again(&self) -> Result<BTreeSet<u64>, ReadError> {
        let mut again = self.store.outdated(&self.ingest.rules.intent);
        if self.ingest.rebuild {
            again.extend(self.store.damaged(true).into_keys());
            if self.store.unlike(&self.rules.filter.conditions) {
                again = self.store.all();
            }
            again.extend(self.store.other_catalogs());
        }
        Ok(again)
    }

    fn all(&mut self, again: &BTreeSet<u64>) -> Result<(), ReadError> {
        if !again.is_empty() {
            let listing = self.survey()?;
            if !self.out.stopped {
                self.reread(again, &listing)?;
            }
        }
        if !self.out.stopped {
            self.dirty |= self.store.abandon();
            self.fresh()?;
        }
        self.dirty |= self.store.compact(false)?;
        if self.dirty {
            self.store.commit()?;
        }
        if !self.out.stopped && self.store.is_bare() {
            let whys = self.out.unreadable.iter().map(|one| format!("\n  {}: {}", one.path, one.why));
            return Err(ReadError::NoRecords { files: self.out.objects, why: whys.collect() });
        }
        Ok(())
    }

    /// Looks what is there, and reads nothing.
    fn survey(&mut self) -> Result<Listing, ReadError> {
        let seen = Shared::default();
        let asked = seen.asked(self.ingest, Box::new(|_, _, _| false));
        let feed = source::open(&self.ingest.inputs, asked, &Arc::default())?;
        while feed.next().is_some() {}
        self.out.stopped = feed.stopped();
        Ok(seen.taken())
    }

    /// Reads what was not read before.
    fn fresh(&mut self) -> Result<(), ReadError> {
        let none = BTreeSet::new();
        let objects = Arc::new(self.store.objects(&none)?);
        let known = Arc::clone(&objects);
        let wanted = move |object: &Object, identity: Identity, seen: &mut Listing| {
            if known.holds(identity) {
                return false;
            }
            let changed = object.version.is_some() && known.segment(identity).is_some();
            if changed {
                seen.changed.push(identity);
            }
            !changed
        };
        let listing = self.pass(&objects, &none, Sealed::Added, Box::new(wanted))?.listing;
        if self.out.stopped {
            return Ok(());
        }
        if listing.identities.is_empty() {
            return Err(ReadError::NoFiles(self.ingest.inputs.join(", ")));
        }
        if !listing.changed.is_empty() {
            self.changed(&listing)?;
        }
        self.forget_missing(&listing);
        Ok(())
    }

    /// What could not be read before and is not there any more is not missing any more.
    fn forget_missing(&mut self, listing: &Listing) {
        let inputs: Vec<String> = self.ingest.inputs.iter().map(|input| place(input)).collect();
        let missing = self.store.missing();
        let before = missing.len();
        missing.retain(|uri, _| {
            let place = place(uri);
            let asked = inputs.iter().any(|input| place.starts_with(input.as_str()));
            !asked || listing.has(&Identity::of(&place, 0, ""))
        });
        self.dirty |= missing.len() != before;
    }
}
