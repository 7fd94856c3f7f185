//! The manifest as memory (semantics rules 11 and 16): what a former run granted, where it stood, on which days it was seen.
//! Documents are never parsed for it.

use crate::model::document::{Conditions, Layout, Statement};
use crate::model::event::EventId;
use crate::model::few::Few;
use crate::model::grant::{Evidence, Grant, On, Widening};
use crate::model::identity::{Kind, PrincipalUse, Vouched};
use crate::model::pattern::Pattern;
use crate::model::time::{Day, Timestamp};
use crate::model::usage::{Basis, Level, Seen};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The version of what is remembered.
const VERSION: u32 = 1;

/// All that a former run left, by cloud and principal.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    principals: BTreeMap<(String, String), Remembered>,
}

/// What is remembered of one principal.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// Its id and kind.
    pub who: PrincipalUse,
    /// Its folder.
    pub slug: String,
    /// Two of the sessions of each sensitive action.
    pub sensitive: BTreeMap<String, BTreeSet<u64>>,
    /// What it was granted.
    pub grants: Vec<Grant>,
    /// What was held back for a person.
    pub review: Vec<Grant>,
    /// Where that stood.
    pub layout: Vec<Layout>,
    /// Whether uses of it may never have been logged.
    pub doubted: bool,
}

/// What a manifest keeps of one principal.
#[derive(Clone, Debug)]
pub struct Kept<'p> {
    /// The principal.
    pub who: &'p PrincipalUse,
    /// Its folder.
    pub slug: &'p str,
    /// Two of the sessions of each sensitive action.
    pub sensitive: BTreeMap<String, BTreeSet<u64>>,
    /// What it is granted.
    pub grants: Vec<&'p Grant>,
    /// What waits for a person.
    pub review: Vec<&'p Grant>,
    /// Where that stands.
    pub layout: Vec<Layout>,
    /// Whether uses of it may never have been logged.
    pub doubted: bool,
}

/// Why a manifest cannot be used as memory.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// It is no manifest.
    #[error("is no manifest of this program: {0}")]
    NotOne(#[from] serde_json::Error),
    /// It was written with pseudonyms.
    #[error("is redacted and holds no memory: use the folder of a run without `--redact`")]
    Redacted,
    /// It was written by a later version.
    #[error(
        "was written by a newer version (memory {found}, this program knows {VERSION}): update leastgrant"
    )]
    TooNew {
        /// The version found.
        found: u32,
    },
}

#[derive(Deserialize)]
struct ManifestFile {
    #[serde(default)]
    memory: Option<MemoryFile>,
    #[serde(default)]
    redacted: bool,
}

/// The manifest's `memory`.
#[derive(Clone, Debug, Deserialize)]
pub struct MemoryFile {
    version: u32,
    principals: Vec<PrincipalFile>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct PrincipalFile {
    principal: String,
    slug: String,
    cloud: String,
    kind: String,
    account: String,
    vouched: u8,
    first: Timestamp,
    last: Timestamp,
    days: BTreeMap<Day, usize>,
    /// Sensitive action → two of its sessions, as hashes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    sensitive: BTreeMap<String, BTreeSet<u64>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    doubted: bool,
    grants: Vec<GrantFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    review: Vec<GrantFile>,
    documents: Vec<DocumentFile>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct GrantFile {
    action: Arc<str>,
    /// None where the action takes no resource.
    on: Option<String>,
    scope: Arc<str>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    when: BTreeMap<String, BTreeSet<String>>,
    first: Timestamp,
    last: Timestamp,
    sample_at: Timestamp,
    sample: EventId,
    rules: Few<Arc<str>>,
    bases: Few<String>,
    level: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    widened: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    intent: BTreeSet<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct DocumentFile {
    name: String,
    statements: Vec<StatementFile>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct StatementFile {
    id: String,
    actions: Vec<String>,
    resources: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    conditions: Conditions,
}

impl Memory {
    /// Reads the memory of a manifest; one without any is empty.
    ///
    /// # Errors
    /// When the text is no manifest, or one of a newer version.
    pub fn read(manifest: &str, clouds: &[&'static str]) -> Result<Self, MemoryError> {
        let file: ManifestFile = serde_json::from_str(manifest)?;
        if file.redacted {
            return Err(MemoryError::Redacted);
        }
        let Some(memory) = file.memory else { return Ok(Self::default()) };
        if memory.version > VERSION {
            return Err(MemoryError::TooNew { found: memory.version });
        }
        let all = memory.principals.into_iter().filter_map(|file| remembered(file, clouds));
        Ok(Self { principals: all.map(|r| ((r.who.cloud.to_owned(), r.who.id.clone()), r)).collect() })
    }

    /// Leaves all grants remembered, but not in which statements they stood.
    pub fn forget_places(&mut self) {
        self.principals.values_mut().for_each(|one| one.layout.clear());
    }

    /// What is remembered of a principal.
    #[must_use]
    pub fn of(&self, cloud: &str, id: &str) -> Option<&Remembered> {
        self.principals.get(&(cloud.to_owned(), id.to_owned()))
    }

    /// All that are remembered, by cloud and id.
    pub fn all(&self) -> impl Iterator<Item = &Remembered> {
        self.principals.values()
    }

    /// Two of the sessions of each sensitive action of a principal, those `now` seen among them.
    #[must_use]
    pub fn sensitive(
        &self,
        cloud: &str,
        id: &str,
        now: &BTreeMap<(String, String), BTreeSet<u64>>,
    ) -> BTreeMap<String, BTreeSet<u64>> {
        let mut all = self.of(cloud, id).map(|old| old.sensitive.clone()).unwrap_or_default();
        for ((_, action), sessions) in now.iter().filter(|((who, _), _)| who == id) {
            let known: &mut BTreeSet<u64> = all.entry(action.clone()).or_default();
            let fresh = sessions.iter().filter(|session| !known.contains(session)).copied();
            let room = 2_usize.saturating_sub(known.len());
            let fresh: Vec<u64> = fresh.take(room).collect();
            known.extend(fresh);
        }
        all
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.principals.is_empty()
    }
}

/// What the manifest keeps of one principal. Grants that only a person's word made are not kept: the word is.
#[must_use]
pub fn text(kept: Kept<'_>) -> String {
    serde_json::to_string(&of(kept)).unwrap_or_default()
}

/// What stands around the [texts](text()) of all principals, which a comma parts.
#[must_use]
pub fn frame() -> (String, &'static str) {
    (format!("{{\"version\":{VERSION},\"principals\":["), "]}")
}

fn of(kept: Kept<'_>) -> PrincipalFile {
    PrincipalFile {
        principal: kept.who.id.clone(),
        slug: kept.slug.to_owned(),
        cloud: kept.who.cloud.to_owned(),
        kind: kept.who.kind.as_str().to_owned(),
        account: kept.who.home.clone(),
        vouched: kept.who.vouched.0,
        first: kept.who.span.0,
        last: kept.who.span.1,
        days: kept.who.calendar.clone(),
        sensitive: kept.sensitive,
        doubted: kept.doubted,
        grants: kept.grants.into_iter().filter(|grant| !grant.only_kept()).map(grant_file).collect(),
        review: kept.review.into_iter().map(grant_file).collect(),
        documents: kept.layout.into_iter().map(document_file).collect(),
    }
}

fn grant_file(grant: &Grant) -> GrantFile {
    let evidence = &grant.evidence;
    GrantFile {
        action: grant.action.clone(),
        on: grant.on.pattern().map(ToString::to_string),
        scope: grant.scope.clone(),
        when: grant.when.clone(),
        first: evidence.seen.first,
        last: evidence.seen.last,
        sample_at: evidence.seen.sample.0,
        sample: evidence.seen.sample.1.clone(),
        rules: evidence.rules.clone(),
        bases: evidence.bases.iter().map(|basis| (*basis).to_owned()).collect(),
        level: evidence.level.as_str().to_owned(),
        widened: grant.widened.iter().map(|w| (w.pass.to_string(), w.reason.clone())).collect(),
        intent: grant.intent.clone(),
    }
}

fn document_file(layout: Layout) -> DocumentFile {
    let statements = layout.statements.into_iter().map(|statement| StatementFile {
        id: statement.id,
        actions: statement.actions,
        resources: statement.resources,
        conditions: statement.conditions,
    });
    DocumentFile { name: layout.name, statements: statements.collect() }
}

fn remembered(file: PrincipalFile, clouds: &[&'static str]) -> Option<Remembered> {
    let cloud = clouds.iter().copied().find(|known| *known == file.cloud)?;
    let who = PrincipalUse {
        id: file.principal,
        cloud,
        kind: Kind::ALL.into_iter().find(|kind| kind.as_str() == file.kind)?,
        home: file.account,
        vouched: Vouched(file.vouched),
        events: 0,
        actions: 0,
        calendar: file.days,
        span: (file.first, file.last),
    };
    let statement = |s: StatementFile| Statement {
        id: s.id,
        effect: "Allow",
        actions: s.actions,
        resources: s.resources,
        except: Vec::new(),
        conditions: s.conditions,
    };
    let layout = file
        .documents
        .into_iter()
        .map(|d| Layout { name: d.name, statements: d.statements.into_iter().map(statement).collect() });
    Some(Remembered {
        who,
        slug: file.slug,
        sensitive: file.sensitive,
        grants: file.grants.into_iter().map(grant).collect(),
        review: file.review.into_iter().map(grant).collect(),
        layout: layout.collect(),
        doubted: file.doubted,
    })
}

/// A grant as it was; its uses are not counted again.
fn grant(file: GrantFile) -> Grant {
    let basis = |word: &String| {
        let known = [Basis::Event, Basis::Inferred, Basis::Implied, Basis::Trust].map(Basis::as_str);
        known.into_iter().chain(["intent"]).find(|known| known == word)
    };
    let level = [Level::Named, Level::Service, Level::All, Level::Partial, Level::Unseen];
    Grant {
        action: file.action,
        on: file.on.map_or(On::Service, |text| On::Resource(Pattern::parse(&text))),
        scope: file.scope,
        when: file.when,
        evidence: Evidence {
            seen: Seen {
                count: 0,
                first: file.first,
                last: file.last,
                sample: (file.sample_at, file.sample),
            },
            rules: file.rules,
            bases: file.bases.iter().filter_map(basis).collect(),
            level: level.into_iter().find(|level| level.as_str() == file.level).unwrap_or(Level::Named),
        },
        widened: file
            .widened
            .into_iter()
            .map(|(pass, reason)| Widening { pass: Cow::Owned(pass), reason })
            .collect(),
        intent: file.intent,
    }
}
