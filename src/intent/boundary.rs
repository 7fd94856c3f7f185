//! Access boundaries that people asked for.

use super::Meta;
use super::file::{Many, Reader, When};
use crate::model::access_boundary::Wanted;
use serde::Deserialize;
use toml::Spanned;

/// A limit of reach for a set of principals.
#[derive(Clone, Debug)]
pub struct Boundary {
    /// Who decided.
    pub meta: Meta,
    /// What is wanted.
    pub wanted: Wanted,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    organization: Option<String>,
    #[serde(alias = "principal_set")]
    bind: Option<String>,
    #[serde(default)]
    tight: bool,
    allow: Option<Many>,
    exempt: Option<Many>,
    #[serde(alias = "enforcement_version")]
    version: Option<u32>,
    owner: Option<String>,
    reason: Option<String>,
    expires: Option<When>,
}

pub(super) fn read(reader: &mut Reader<'_>, entry: Spanned<Entry>) -> Boundary {
    let at = entry.span().start;
    let e = entry.into_inner();
    let meta = reader.meta(at, (e.owner, e.reason, e.expires));
    let all = |many: Option<Many>| many.map(Many::all).unwrap_or_default();
    let wanted = Wanted {
        organization: e.organization.map(|id| match id.strip_prefix("organizations/") {
            Some(number) => number.to_owned(),
            None => id,
        }),
        bind: e.bind,
        tight: e.tight,
        allow: all(e.allow),
        exempt: all(e.exempt),
        version: e.version,
    };
    Boundary { meta, wanted }
}
