//! Where decoded records go, and what is told of those that are like others.

use super::Wide;
use crate::model::coverage::{Declaration, Sighting};
use crate::model::identity::{Actor, Vouched};
use crate::model::tally::Skip;
use crate::model::time::Timestamp;
use crate::model::usage::Reading;
use crate::wire::outline::Outline;

/// What stands for a record in all that is read of it but its time and its id: who acts, and what is called. Two records
/// with the same calls come to the same, whoever acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Like {
    /// Who acts.
    pub actor: Wide,
    /// What is called, by how much of the record decides it.
    pub call: Wide,
}

/// What a sink knows of records like one at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    No,
    /// That these parts of the record, as bits, decide as well.
    Ask(u64),
    /// All but who acts.
    Call,
    /// All that is to be known.
    All,
}

/// Who acts, for a sink that knows the call.
#[derive(Clone, Copy, Debug)]
pub struct Stranger<'a> {
    /// The actor, or the reason for which nobody is to be tightened.
    pub actor: &'a Result<Actor<'a>, Skip>,
    /// Service that called on the principal's behalf.
    pub via: Option<&'a str>,
    /// Account or project the record belongs to.
    pub account: &'a str,
    /// Region.
    pub region: &'a str,
}

/// Where a use can be granted, and why no document carries it.
pub type Settled = (String, Option<&'static str>);

/// Where decoded records go.
pub trait Sink {
    /// What is known of records like this one.
    fn known(&self, _like: &Like) -> Known {
        Known::No
    }
    /// Learns who acts in a record whose call is known.
    fn meet(&mut self, _cloud: &'static str, _like: &Like, _who: &Stranger<'_>) {}
    /// Takes a new record of which all is known; `leads` joins it to copies that stand back.
    fn repeat(&mut self, _like: &Like, _at: Option<Timestamp>, _event: Option<&str>, _leads: Option<u64>) {}
    /// Whether calls may be told without the names of the objects they are about.
    fn names(&self) -> bool {
        false
    }
    /// Takes a new record of which all is known but the name of its object.
    fn repeat_named(&mut self, _like: &Like, _at: Option<Timestamp>, _event: Option<&str>, _name: &str) {}
    /// What is told from now on is what a record comes to that differs from its like in the name of its object.
    fn watch_named(&mut self, _name: &str) {}
    /// What is told from now on is what a record comes to, until [`Sink::learn`].
    fn watch(&mut self) {}
    /// All records with this call come to what was told since [`Sink::watch`]; with `idle`, because of who acts.
    fn learn(&mut self, _actor: Wide, _call: Wide, _idle: bool) {}
    /// Whether calls that are about to be read are to be outlined.
    fn outlines(&mut self) -> bool;
    /// Makes a call known that differs from one before only in names; says whether it did.
    fn outlined(&mut self, call: Wide, outline: &Outline<'_>) -> bool;
    /// All calls with this outline come to what the call came to that was just learned, but for names.
    fn learn_outline(&mut self, call: Wide, outline: &Outline<'_>);
    /// More of records with this call decides what they come to.
    fn ask(&mut self, _call: Wide, _parts: u64) {}
    /// Counts a copy of a record that was taken already and returns false; otherwise true. `id` and `content` are
    /// hashes; a record without an id is always new.
    fn is_new(
        &mut self,
        id: Option<u64>,
        content: &dyn Fn() -> u64,
        at: Option<Timestamp>,
        event: Option<&str>,
    ) -> bool;
    /// Counts a fresh record of an audit log, before anything else is said of it.
    fn sighting(&mut self, cloud: &'static str, seen: &Sighting<'_>);
    /// Takes what is declared to be logged.
    fn declare(&mut self, declaration: Declaration);
    /// Takes a record that proves uses.
    fn reading(&mut self, cloud: &'static str, reading: &Reading<'_>);
    /// Takes what a record that is counted proves of somebody else than its actor.
    fn beside(&mut self, cloud: &'static str, reading: &Reading<'_>);
    /// Takes what a record without uses says was refused; the record is counted by [`Sink::skip`].
    fn refused(&mut self, cloud: &'static str, reading: &Reading<'_>);
    /// Counts a record that proves none. `detail` says what was not understood, for `unmapped`.
    fn skip(&mut self, at: Option<Timestamp>, event: Option<&str>, why: Skip, detail: &str);
    /// Counts a permission that a record names but no rule knows.
    fn unknown(&mut self, what: &str);
    /// Counts a record of something else than an audit log.
    fn stranger(&mut self, event: Option<&str>);
    /// Counts a record that could not be understood.
    fn malformed(&mut self, event: Option<&str>);
    /// Learns that a file holds as many records as a download can.
    fn full(&mut self) {}
    /// Condition keys that were asked for beside those that are always attested.
    fn conditions(&self) -> &[String];
    /// Learns how sessions of a principal come about.
    fn link(&mut self, principal: &str, vouched: Vouched);
    /// Learns what something holds that other records refer to: the names that fill a
    /// [hole](crate::model::usage::Target::hole). None: it holds nothing. What is not `sure` is passed over where it leads
    /// nowhere.
    fn holds(&mut self, key: &str, values: &[String], sure: bool);
    /// Learns that something of that name stands, whoever uses it.
    fn stands(&mut self, _cloud: &'static str, _name: &str) {}
}
