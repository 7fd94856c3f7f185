//! One folder per cloud: the only code that knows a cloud's dialect. Files are named after the stages they serve.
//!
//! To add a cloud: copy the shape of `gcp/`, implement [`Cloud`], add it to [`CLOUDS`]. No stage file changes.

pub mod aws;
pub mod gcp;
mod piece;
mod sink;
mod token;

pub use piece::Piece;

use crate::catalog::user::Provenance;
use crate::model::access_boundary::{AccessBoundary, Shown, Wanted};
use crate::model::coverage::{Access, Plane, Within};
use crate::model::denial::{Advice, Denial};
use crate::model::document::{Document, DoesNotFit, Layout, Packing};
use crate::model::grant::{Grant, On};
use crate::model::identity::{Disposition, Kind};
use crate::model::pattern::Pattern;
use crate::model::usage::{COLLAPSED, Level, Row};
use crate::wire::frame::{Broken, Shape};
use std::collections::{BTreeMap, BTreeSet};

pub use crate::wire::fingerprint::Wide;
pub use sink::{Known, Like, Settled, Sink, Stranger};
pub use token::Token;

/// What one principal may do, as an evaluator reads it from documents.
pub trait Evaluator {
    /// Whether `action` on the resource (a name, or a pattern all of whose names are asked for) is allowed.
    fn allows(&self, row: &Row) -> bool;
    /// Why a use that is not allowed may be allowed all the same: what the documents name and do not tell.
    fn doubts(&self, _row: &Row) -> Vec<String> {
        Vec::new()
    }
    /// What refuses a use that is not allowed: `policy`, `deny` or `pab`.
    fn refuser(&self, _row: &Row) -> &'static str {
        "policy"
    }
}

/// Everything one cloud adds.
pub trait Cloud: Sync {
    /// Whether policies are replayed against the use though no document is ever written for its principal: these name such.
    fn replays(&self, _row: &Row, _documents: &[String]) -> bool {
        false
    }
    /// Short name: `aws`, `gcp`.
    fn id(&self) -> &'static str;
    /// What an object with this key is.
    fn shape(&self, key: &str) -> Option<Shape>;
    /// Decodes and maps the record that starts `rest`; returns its length.
    ///
    /// # Errors
    /// Where the record is not whole JSON.
    fn read(&self, rest: &str, sink: &mut dyn Sink) -> Result<usize, Broken>;
    /// Takes the description of what is logged that starts `rest`; returns its length, or none where it is no such
    /// thing.
    ///
    /// # Errors
    /// Where the description is not whole JSON.
    fn describe(&self, rest: &str, sink: &mut dyn Sink) -> Result<Option<usize>, Broken>;
    /// Takes a description that is no JSON; false where it is none.
    fn describe_text(&self, _text: &str, _sink: &mut dyn Sink) -> bool {
        false
    }
    /// Records, one a line, of a text that holds them in another notation than JSON; none where it holds none.
    fn transcribe(&self, _text: &str) -> Option<String> {
        None
    }
    /// The kinds of calls that a service has and this cloud can log.
    fn kinds(&self, service: &str) -> &'static [(Plane, Access)];
    /// Whether such calls are always logged.
    fn always(&self, _service: &str, _plane: Plane, _access: Access) -> bool {
        false
    }
    /// Whether logging can be configured for the service: a log may name any, or none.
    fn loggable(&self, service: &str) -> bool {
        !service.is_empty()
    }
    /// How this cloud speaks of what it logs.
    fn logging(&self) -> &'static Logging;
    /// What becomes of a principal.
    fn dispose(&self, principal: &str, kind: Kind) -> Disposition;
    /// Turns one principal's grants into documents within the cloud's limits; what stood in `layout` keeps its place.
    ///
    /// # Errors
    /// When no split fits.
    fn package(
        &self,
        who: &Subject<'_>,
        grants: &[Grant],
        layout: &[Layout],
        packing: &Packing,
    ) -> Result<Vec<Document>, DoesNotFit>;
    /// Weighs documents: characters of all that these grants need, or the most there is where they fit into none.
    fn scales<'g>(&'g self, who: &'g Subject<'g>, grants: &'g [Grant]) -> Scales<'g>;
    /// Steps that would make these grants shorter.
    fn loosenings(&self, _grants: &[Grant]) -> Vec<Step> {
        Vec::new()
    }
    /// The pattern that takes a grant's place under one of [`Cloud::loosenings`].
    fn loosened(&self, _grant: &Grant, _step: &str) -> Option<Pattern> {
        None
    }
    /// What could stand in place of the documents of [`Cloud::package`]: ready-made roles of the cloud; none where it has
    /// none, or they are not known.
    fn alternatives(
        &self,
        _who: &Subject<'_>,
        _grants: &[Grant],
    ) -> Option<Result<Vec<Document>, DoesNotFit>> {
        None
    }
    /// What to tell of places that would get more by all these documents together than they hold.
    fn crowded(&self, _documents: &[&Document]) -> Vec<String> {
        Vec::new()
    }
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
    /// The limit of reach for a set of principals, where the cloud has such a thing.
    ///
    /// # Errors
    /// When it cannot be written.
    fn access_boundary<'r>(
        &self,
        _wanted: &Wanted,
        _shown: &Shown<'_, 'r>,
    ) -> Result<Option<AccessBoundary<'r>>, DoesNotFit> {
        Ok(None)
    }
    /// What is wrong with wanting such a limit, whatever the log shows; none where the cloud has no such thing.
    fn boundable(&self, _wanted: &Wanted) -> Option<Result<(), String>> {
        None
    }
    /// The documents with those that do not say where they hold holding at that place; none where all say it.
    fn placed(&self, _documents: &[String], _place: &str) -> Option<Vec<String>> {
        None
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
    /// Machine-made parts of a resource name, in order and apart.
    fn tokens(&self, _name: &str) -> Vec<Token> {
        Vec::new()
    }
    /// The unit of deployment whose name begins the names of what belongs to it, where a resource name tells one.
    fn unit<'n>(&self, _name: &'n str) -> Option<&'n str> {
        None
    }
    /// Whether the name stays as it is, but for a recognised suffix.
    fn stays_exact(&self, _name: &str) -> bool {
        false
    }
    /// Where the object's own name starts in the name of an object-like resource, behind its bucket.
    fn object(&self, _name: &str) -> Option<usize> {
        None
    }
    /// Whether the pattern stands for all of a type in its account and region.
    fn whole_type(&self, _pattern: &Pattern) -> bool {
        false
    }
    /// Where the part of a name starts that people and machines choose.
    fn own_part(&self, _name: &str) -> usize {
        0
    }
    /// The account that owns the resource, by its name, and where that account must allow the action to another's
    /// principal; `None` where the name does not tell, or nobody needs to. `told` is what records say of whose it is.
    fn foreign<'a>(
        &self,
        _action: &str,
        _home: &str,
        _name: &'a str,
        _told: &dyn Fn(&'a str) -> Option<&'a str>,
    ) -> Option<(&'a str, &'static str)> {
        None
    }
    /// Where a use can be granted and why no document carries it, by what is said of where things lie.
    fn settle(&self, _row: &Row, _within: &Within) -> Option<Settled> {
        None
    }
    /// The same for what was refused.
    fn settle_denial(&self, _denial: &mut Denial, _within: &Within) {}
    /// Whose the resource of a row is that is not ours to grant, and where that owner must allow it.
    fn owner<'r>(&self, _row: &'r Row) -> Option<(&'r str, &'static str)> {
        None
    }
    /// Short names of resources whose full name is among the `known` ones, unmistakably.
    fn synonyms(&self, _known: &BTreeSet<&str>) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
    /// Whether the action hands out power, issues credentials or hides what was done.
    fn sensitive(&self, action: &str) -> bool;
    /// The action as the catalog writes it, whatever its letter case.
    fn canonical(&self, action: &str) -> Option<String>;
    /// Actions of the same service, or all where the service is unknown.
    fn neighbours(&self, action: &str) -> Vec<String>;
    /// Why no document can give the action there; empty where one can.
    fn ungivable(&self, _action: &str, _scope: &str) -> &'static str {
        ""
    }
    /// What is wrong with keeping a known action on a resource; none: on no resource.
    ///
    /// # Errors
    /// When it would grant nothing, or more than it says.
    fn keepable(&self, action: &str, on: Option<&Pattern>) -> Result<(), String>;
    /// Whether a known action is one of those that the pattern, in lower case, stands for.
    fn any_action(&self, wanted: &Pattern) -> bool;
    /// Whether a text may name, or be a pattern over, resources.
    fn resource_like(&self, _text: &str) -> bool {
        true
    }
    /// Whether one of [`Cloud::loosenings`] can be called so.
    fn is_step(&self, _step: &str) -> bool {
        false
    }
    /// Where something kept by hand is granted to a principal; none where it is not its place.
    fn keeps(&self, who: &str, on: &On) -> Option<String>;
    /// Whether a grant for one use is a grant for the other, whatever else is granted.
    fn same_grant(&self, kept: &Row, withheld: &Row) -> bool {
        // Where the log names only a type or a part of it, the grant cannot be narrower.
        let wide = kept.target.level != Level::Named || kept.rule.contains("+response-");
        // Joined object names excuse what they may take in, and nothing beside it.
        let joined = kept.target.level == Level::Partial && kept.rule.ends_with(COLLAPSED);
        let theirs = || match withheld.target.level {
            Level::Named => Pattern::literal(&withheld.target.text),
            _ => Pattern::parse(&withheld.target.text),
        };
        let reaches = || !joined || Pattern::parse(&kept.target.text).overlaps(&theirs());
        kept.action == withheld.action && ((wide && reaches()) || kept.target == withheld.target)
    }
    /// What a pasted answer says was refused, where it is one of this cloud's and names anything.
    fn pasted(&self, message: &str) -> Option<Denial>;
    /// What can be done about a refusal.
    fn advise(&self, denial: &Denial) -> Advice;
    /// What the documents grant, one by one, as a person would add it.
    fn statements(&self, documents: &[Document]) -> Vec<serde_json::Value>;
    /// What a principal created, and what its later life may need that was never seen; for a person to read. `former` is
    /// what only the memory of a former run knows.
    fn lifecycle(&self, _rows: &[&Row], _former: &[&Grant]) -> Vec<Lifecycle> {
        Vec::new()
    }
    /// Condition keys that its logs attest on request.
    fn conditions(&self) -> Vec<&'static str> {
        Vec::new()
    }
    /// Whether the action is one of the service that a condition names as the caller.
    fn calls(&self, _action: &str, _caller: &str) -> bool {
        false
    }
    /// Which catalog is in use.
    fn catalog(&self) -> Provenance;
    /// Whether the action means anything on what a document's resource text stands for.
    fn means(&self, _action: &str, _resource: &str) -> bool {
        true
    }
    /// Whether the catalog knows the action.
    fn knows(&self, action: &str) -> bool;
    /// The account or project part of the output path, and the name part.
    fn place<'a>(&self, principal: &'a str, home: &'a str) -> (String, &'a str);
    /// A name, cut where it says in which partition, region and account something is.
    fn pieces<'a>(&self, name: &'a str) -> Vec<Piece<'a>> {
        vec![Piece::Text(name)]
    }
    /// Access level of an action, in words.
    fn level(&self, action: &str) -> &'static str;
}

/// Weighs the documents for some grants, those at the given places on the given patterns.
pub type Scales<'g> = Box<dyn FnMut(&BTreeMap<usize, Pattern>) -> usize + 'g>;

/// A way to make grants shorter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name, as `[[loosen]]` takes it.
    pub name: String,
    /// What it allows more.
    pub breadth: String,
    /// Which of the grants get which pattern.
    pub opened: Vec<(usize, Pattern)>,
}

/// How a cloud speaks of what it logs.
#[derive(Debug)]
pub struct Logging {
    /// The calls that are logged only when told to.
    pub optional: &'static str,
    /// What proves that they are.
    pub proof: &'static str,
    /// The kinds that they are.
    pub kinds: &'static [(Plane, Access)],
    /// The name of a kind of calls.
    pub name: fn(Plane, Access) -> &'static str,
    /// Records that a download holds at most: a file of just so many may lack the rest.
    pub most: Option<u64>,
}

impl Logging {
    /// Whether such calls are logged only when told to.
    #[must_use]
    pub fn asked_for(&self, plane: Plane, access: Access) -> bool {
        self.kinds.contains(&(plane, access))
    }
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

/// Resources of one type that were created, with the same actions seen and never seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifecycle {
    /// Their type.
    pub kind: String,
    /// Their names, sorted.
    pub resources: Vec<String>,
    /// Actions of their lifecycle that were seen on them.
    pub seen: Vec<String>,
    /// Actions that an update may need.
    pub update: Vec<String>,
    /// Actions that a deletion may need.
    pub delete: Vec<String>,
    /// Those of the last two that change who may do what.
    pub cautious: Vec<String>,
}

/// What the user declares to be the principal's own, and what the log shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reach<'a> {
    /// Name prefixes; none: names are not limited.
    pub prefixes: &'a [String],
    /// Actions that the log shows in use, also those that were not granted for it.
    pub used: &'a [&'a str],
}

/// All clouds.
pub static CLOUDS: [&dyn Cloud; 2] = [&aws::Aws, &gcp::Gcp];

/// The cloud of that name.
#[must_use]
pub fn by_id(id: &str) -> Option<&'static dyn Cloud> {
    CLOUDS.iter().copied().find(|cloud| cloud.id() == id)
}

/// The known action that is spelled most like this one, if any is near.
#[must_use]
pub fn alike(action: &str) -> Option<String> {
    let all = CLOUDS.iter().flat_map(|cloud| cloud.neighbours(action));
    let near = all.map(|known| {
        (strsim::damerau_levenshtein(&known.to_ascii_lowercase(), &action.to_ascii_lowercase()), known)
    });
    near.filter(|(distance, _)| *distance <= 4).min().map(|(_, known)| known)
}
