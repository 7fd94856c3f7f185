//! What stands where live sources are left out of the build.

use super::address::Address;
use super::feed::Meter;
use super::object::Arrival;
use super::{Asked, SourceError};
use std::sync::Arc;

/// No live source.
pub(super) struct Live;

impl Live {
    /// Refuses every address.
    pub(super) fn open(
        addresses: Vec<(Address, String)>,
        _asked: &Asked,
        _meter: &Arc<Meter>,
    ) -> Result<Self, SourceError> {
        addresses.into_iter().next().map_or(Ok(Self), |(_, input)| Err(SourceError::NotBuilt(input)))
    }

    #[expect(clippy::unused_self, reason = "as the live one")]
    pub(super) fn ready(&self) -> Option<Arrival> {
        None
    }

    #[expect(clippy::unused_self, reason = "as the live one")]
    pub(super) fn wait(&self) -> Option<Arrival> {
        None
    }

    #[expect(clippy::unused_self, reason = "as the live one")]
    pub(super) fn is_none(&self) -> bool {
        true
    }

    #[expect(clippy::unused_self, reason = "as the live one")]
    pub(super) fn problems(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}
