//! What only the whole log can tell about a use: facts that one record states and another leaves out.
//!
//! A resolver reads the finished table and changes rows and single uses alike, so that `uses` and `generate` agree.

mod holes;
mod managed_keys;
mod places;
mod service_roles;
mod synonyms;

use crate::aggregate::Usage;

/// Runs all resolvers.
pub fn resolve(usage: &mut Usage) {
    holes::holes(usage);
    synonyms::synonyms(usage);
    managed_keys::managed_keys(usage);
    service_roles::service_roles(usage);
    places::places(usage);
}
