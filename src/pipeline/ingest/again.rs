//! What must be read again: because of damage, other `[[exclude]]` entries, or another version of an object.

use super::Run;
use super::listing::Listing;
use crate::aggregate::store::{Identity, Listed, Sealed};
use crate::pipeline::ReadError;
use crate::source::Object;
use rustc_hash::FxHashSet;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Segments that can be read again, and the objects of them.
#[derive(Default)]
struct Wanting {
    segments: BTreeSet<u64>,
    names: FxHashSet<u64>,
    /// Some list of objects is damaged: everything is wanted that no other segment holds.
    unlisted: bool,
}

/// Whether an object can be read again, in whatever version.
fn there(one: &Listed, listing: &Listing) -> bool {
    one.lasting && listing.has(&one.identity)
}

impl Run<'_> {
    /// Reads segments again whose objects are all still there; says so of the others.
    pub(super) fn reread(&mut self, again: &BTreeSet<u64>, listing: &Listing) -> Result<(), ReadError> {
        let damaged = self.store.damaged(self.ingest.rebuild);
        let mut wanting = Wanting::default();
        for segments in self.store.together(again) {
            let any = segments.iter().any(|id| damaged.contains_key(id));
            self.want(&segments, listing, any, &mut wanting);
        }
        let Wanting { segments, names, unlisted } = wanting;
        if segments.is_empty() {
            return Ok(());
        }
        // As long as they are not replaced, nothing is joined with them.
        self.store.replace(&segments, &self.ingest.rules.intent);
        let standing = Arc::new(self.store.objects(&segments)?);
        let known = Arc::clone(&standing);
        let wanted = move |_: &Object, identity: Identity, _: &mut Listing| {
            !known.holds(identity) && (unlisted || names.contains(&identity.name))
        };
        let before = self.out.objects;
        let pass = self.pass(&standing, &segments, Sealed::Staged, Box::new(wanted))?;
        if self.out.stopped {
            return Ok(());
        }
        if pass.failed > 0 && !segments.iter().any(|id| damaged.contains_key(id)) {
            self.store.abandon();
            self.out.problems.push(
                "not everything could be read again: what was learned before stands as it was".to_owned(),
            );
        } else {
            self.store.flip();
            self.out.again += self.out.objects - before;
        }
        self.dirty = false;
        Ok(self.store.commit()?)
    }

    fn want(&mut self, ids: &BTreeSet<u64>, listing: &Listing, damaged: bool, wanting: &mut Wanting) {
        let Some(objects) = self.objects_of(ids) else {
            wanting.segments.extend(ids);
            wanting.unlisted = true;
            return;
        };
        let gone: Vec<&String> =
            objects.iter().filter(|one| !there(one, listing)).map(|one| &one.uri).collect();
        if let Some(first) = gone.first() {
            let many = gone.len();
            if !damaged {
                self.out.problems.push(format!(
                    "{many} of the objects to read again are not in the inputs any more, `{first}` among them: what was \
                     learned from them stands as it was"
                ));
                return;
            }
            for uri in gone {
                let why = "was read before, but what was kept of it is damaged, and it is not in the inputs any more";
                self.store.lose(uri, why);
            }
        }
        wanting.names.extend(objects.iter().map(|one| one.identity.name));
        wanting.segments.extend(ids);
    }

    /// The objects of some segments; none where one of the lists is damaged.
    fn objects_of(&self, ids: &BTreeSet<u64>) -> Option<Vec<Listed>> {
        let lists: Option<Vec<Vec<Listed>>> = ids.iter().map(|id| self.store.objects_of(*id)).collect();
        Some(lists?.concat())
    }

    /// Reads what holds another version of an object again; where the rest of it is gone, the new version beside it.
    pub(super) fn changed(&mut self, listing: &Listing) -> Result<(), ReadError> {
        // Segments may have been joined since the listing.
        let held = self.store.objects(&BTreeSet::new())?;
        let changed: Vec<(u64, Identity)> =
            listing.changed.iter().filter_map(|one| Some((held.segment(*one)?, *one))).collect();
        let segments: BTreeSet<u64> = changed.iter().map(|(segment, _)| *segment).collect();
        let whole = |ids: &BTreeSet<u64>| {
            self.objects_of(ids).is_some_and(|objects| objects.iter().all(|one| there(one, listing)))
        };
        let rebuilt: BTreeSet<u64> =
            self.store.together(&segments).into_iter().filter(whole).flatten().collect();
        if !rebuilt.is_empty() {
            self.reread(&rebuilt, listing)?;
        }
        let beside = changed.iter().filter(|(segment, _)| !rebuilt.contains(segment));
        let beside: BTreeSet<u64> = beside.map(|(_, identity)| identity.whole).collect();
        if !beside.is_empty() && !self.out.stopped {
            let objects = Arc::new(self.store.objects(&BTreeSet::new())?);
            let wanted = move |_: &Object, one: Identity, _: &mut Listing| beside.contains(&one.whole);
            self.pass(&objects, &BTreeSet::new(), Sealed::Added, Box::new(wanted))?;
        }
        Ok(())
    }
}
