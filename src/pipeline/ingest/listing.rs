//! What the inputs hold, as their listing shows it.

use super::Ingest;
use crate::aggregate::store::Identity;
use crate::source::{Asked, Object};
use rustc_hash::FxHashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// What a listing showed.
#[derive(Default)]
pub(super) struct Listing {
    /// The objects.
    pub(super) identities: FxHashSet<u64>,
    /// Their uris.
    pub(super) names: FxHashSet<u64>,
    /// Other versions of what was read.
    pub(super) changed: Vec<Identity>,
}

impl Listing {
    /// Whether the object, or another version of it, is still there.
    pub(super) fn has(&self, identity: &Identity) -> bool {
        self.names.contains(&identity.name)
    }

    fn note(&mut self, identity: Identity) {
        self.identities.insert(identity.whole);
        self.names.insert(identity.name);
    }
}

/// Says of an object whether it is read.
pub(super) type Wanted = dyn Fn(&Object, Identity, &mut Listing) -> bool + Send + Sync;

/// A listing as it is shared with the sources.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Listing>>);

impl Shared {
    /// What the sources are asked for.
    pub(super) fn asked(&self, ingest: &Ingest, wanted: Box<Wanted>) -> Asked {
        let to = self.clone();
        let wanted = move |object: &Object| {
            let identity = identity(object);
            let mut seen = to.0.lock().unwrap_or_else(PoisonError::into_inner);
            seen.note(identity);
            wanted(object, identity, &mut seen)
        };
        Asked {
            filter: ingest.listed.clone(),
            wanted: Some(Arc::new(wanted)),
            stop: Arc::clone(&ingest.stop),
            requester_pays: ingest.requester_pays,
        }
    }

    /// What was listed.
    pub(super) fn taken(&self) -> Listing {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where an object is, whatever folder it was asked for from.
pub(super) fn place(uri: &str) -> String {
    if uri == "-" || uri.contains("://") {
        return uri.to_owned();
    }
    std::path::absolute(uri).map_or_else(|_| uri.to_owned(), |path| path.display().to_string())
}

fn identity(object: &Object) -> Identity {
    Identity::of(&place(&object.uri), object.size, object.version.as_deref().unwrap_or(""))
}
