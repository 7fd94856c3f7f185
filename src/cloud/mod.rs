//! One folder per cloud: the only code that knows a cloud's dialect. Files are named after the stages they serve.
//!
//! To add a cloud: copy the shape of `gcp/`, implement [`Cloud`], add it to [`CLOUDS`]. No stage file changes.

pub mod aws;
pub mod gcp;

use crate::model::document::{Document, DoesNotFit};
use crate::model::grant::Grant;
use crate::model::identity::{Disposition, Kind, Vouched};
use crate::model::pattern::Pattern;
use crate::model::tally::Skip;
use crate::model::time::Timestamp;
use crate::model::usage::{Reading, Row};
use crate::wire::frame::{Broken, Shape};
use std::collections::{BTreeMap, BTreeSet};

/// Where decoded records go.
pub trait Sink {
    /// Counts a copy of a record that was taken already and returns false; otherwise true. `id` and `content` are
    /// hashes; a record without an id is always new.
    fn is_new(
        &mut self,
        id: Option<u64>,
        content: &dyn Fn() -> u64,
        at: Option<Timestamp>,
        event: Option<&str>,
    ) -> bool;
    /// Takes a record that proves uses.
    fn reading(&mut self, cloud: &'static str, reading: &Reading<'_>);
    /// Counts a record that proves none. `detail` says what was not understood, for `unmapped`.
    fn skip(&mut self, at: Option<Timestamp>, event: Option<&str>, why: Skip, detail: &str);
    /// Counts a permission that a record names but no rule knows.
    fn unknown(&mut self, what: &str);
    /// Counts a record of something else than an audit log.
    fn stranger(&mut self, event: Option<&str>);
    /// Counts a record that could not be understood.
    fn malformed(&mut self, event: Option<&str>);
    /// Learns how sessions of a principal come about.
    fn link(&mut self, principal: &str, vouched: Vouched);
}

/// What one principal may do, as an evaluator reads it from documents.
pub trait Evaluator {
    /// Whether `action` on the resource (a name, or a pattern all of whose names are asked for) is allowed.
    fn allows(&self, row: &Row) -> bool;
}

/// Everything one cloud adds.
pub trait Cloud: Sync {
    /// Short name: `aws`, `gcp`.
    fn id(&self) -> &'static str;
    /// What an object with this key is.
    fn shape(&self, key: &str) -> Option<Shape>;
    /// Decodes and maps the record that starts `rest`; returns its length.
    ///
    /// # Errors
    /// Where the record is not whole JSON.
    fn read(&self, rest: &str, sink: &mut dyn Sink) -> Result<usize, Broken>;
    /// What becomes of a principal.
    fn dispose(&self, principal: &str, kind: Kind) -> Disposition;
    /// Turns one principal's grants into documents within the cloud's limits.
    ///
    /// # Errors
    /// When no split fits.
    fn package(&self, who: &Subject<'_>, grants: &[Grant]) -> Result<Vec<Document>, DoesNotFit>;
    /// The limit of reach for a principal with these documents, where the cloud has such a thing.
    ///
    /// # Errors
    /// When it does not fit into one document.
    fn boundary(
        &self,
        _who: &Subject<'_>,
        _documents: &[Document],
        _reach: Reach<'_>,
    ) -> Result<Option<Document>, DoesNotFit> {
        Ok(None)
    }
    /// Documents for [`Cloud::evaluator`] out of files, each with its name without endings.
    ///
    /// # Errors
    /// When a file holds nothing of this cloud's.
    fn documents(&self, files: &[(String, String)]) -> Result<Vec<String>, String> {
        Ok(files.iter().map(|(_, text)| text.clone()).collect())
    }
    /// Reads documents the way the cloud would; shares nothing with [`Cloud::package`].
    ///
    /// # Errors
    /// When a document is none of this cloud's.
    fn evaluator(&self, documents: &[String]) -> Result<Box<dyn Evaluator>, String>;
    /// The pattern as this cloud's documents can hold it, and why it is wider where it is.
    fn writable(&self, pattern: &Pattern) -> (Pattern, Option<&'static str>) {
        (pattern.clone(), None)
    }
    /// The pattern of what a create makes, where the action is one and its resource's id was the service's choice.
    fn created(&self, _action: &str, _made: &Pattern) -> Option<Pattern> {
        None
    }
    /// Further patterns that one resource is checked under, with the reason.
    fn qualify(&self, _action: &str, _pattern: &Pattern) -> Option<(Pattern, &'static str)> {
        None
    }
    /// Short names of resources whose full name is among the `known` ones, unmistakably.
    fn synonyms(&self, _known: &BTreeSet<&str>) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
    /// Whether the catalog knows the action.
    fn knows(&self, action: &str) -> bool;
    /// The account or project part of the output path, and the name part.
    fn place<'a>(&self, principal: &'a str, home: &'a str) -> (String, &'a str);
    /// Access level of an action, in words.
    fn level(&self, action: &str) -> &'static str;
}

/// The principal that documents are made for.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Principal id.
    pub principal: &'a str,
    /// Its kind.
    pub kind: Kind,
    /// Name for files and policies: `[a-z0-9-]`, unique in its account.
    pub slug: &'a str,
}

/// What the user declares to be the principal's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reach<'a> {
    /// Name prefixes; none: names are not limited.
    pub prefixes: &'a [String],
}

/// All clouds.
pub static CLOUDS: [&dyn Cloud; 2] = [&aws::Aws, &gcp::Gcp];

/// The cloud of that name.
#[must_use]
pub fn by_id(id: &str) -> Option<&'static dyn Cloud> {
    CLOUDS.iter().copied().find(|cloud| cloud.id() == id)
}
