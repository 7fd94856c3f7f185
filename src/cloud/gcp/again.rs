//! Entries that are written like one before: what their like came to is repeated, and they are neither parsed nor mapped.
//!
//! An entry that follows a [`Template`] differs from it in values alone. What a call comes to depends on those that [`role`]
//! marks with [`CALL`], who acts on those with [`WHO`]; whoever makes mapping or identifying look at more must add it
//! there. Refusals, operations that wait for their end and calls that say something of others than their caller are never
//! remembered; entries that cannot be told from others by log, time and id are not read here.

use super::record::Entry;
use super::take::{self, CallContent};
use crate::cloud::{Known, Like, Sink, Wide};
use crate::model::tally::Skip;
use crate::model::time::Timestamp;
use crate::wire::fingerprint;
use crate::wire::template::{FIXED, FREE, Template};
use memchr::memmem::Finder;
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::hash::Hasher;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Decides what is called.
const CALL: u8 = 2;
/// Decides who acts.
const WHO: u8 = 4;
/// Is read, and decides nothing.
const READ: u8 = 64;
/// The three that entries are told apart by.
const LOG: u8 = 8;
const TIME: u8 = 16;
const ID: u8 = 32;

/// Methods whose templates are kept, templates of one method, and calls and callers that are kept; then all are forgotten.
const METHODS: usize = 1 << 10;
const FORMS: usize = 6;
const CONTENTS: usize = 1 << 15;
/// Longer entries are no templates, and where the name of the method is looked for.
const LONGEST: usize = 1 << 14;

/// What the value at a path of keys is for.
fn role(path: &[&str], reads_request: bool) -> u8 {
    match path {
        ["insertId"] => ID,
        ["timestamp"] => TIME,
        ["receiveTimestamp"] => READ,
        ["operation", ..] => FIXED,
        ["logName"] => LOG | CALL | WHO,
        ["resource", "labels", "project_id"] => CALL | WHO,
        ["resource", "labels", "email_id"] => CALL,
        ["protoPayload", rest @ ..] => match rest {
            ["serviceName" | "methodName"] | ["status", ..] => FIXED,
            ["authenticationInfo", "principalEmail" | "principalSubject"]
            | ["authenticationInfo", "serviceAccountDelegationInfo", ..] => WHO,
            ["resourceName"]
            | ["authorizationInfo", "resource" | "permission" | "granted" | "permissionType"]
            | ["authorizationInfo", "resourceAttributes", "service" | "name"]
            | ["metadata", "@type"]
            | ["policyViolationInfo", ..] => CALL,
            ["request", ..] if reads_request => CALL,
            ["authenticationInfo" | "requestMetadata" | "metadata", ..] => READ,
            _ => FREE,
        },
        _ => FREE,
    }
}

/// A template with what stands for all that is the same in what follows it.
struct Form {
    template: Template,
    /// How many values varied when it got its number.
    varying: usize,
    number: u64,
    /// Whether entries are about something else than IAM, whoever acts.
    nobody: bool,
}

/// What was read before.
#[derive(Default)]
struct Before {
    methods: FxHashMap<u64, Vec<Form>>,
    /// What calls and callers add to the content, by which copies are told.
    calls: FxHashMap<Wide, CallContent>,
    callers: FxHashMap<Wide, [u64; 2]>,
    key: Vec<u8>,
}

thread_local! {
    static BEFORE: RefCell<Before> = RefCell::default();
}

/// Numbers of forms: no two share one, on whatever threads they are.
static NEXT: AtomicU64 = AtomicU64::new(0);
static METHOD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"methodName\":"));

/// An entry that follows a form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) len: usize,
    like: Like,
    /// Who acts, also where that decides nothing.
    who: Wide,
    id: u64,
    time: &'a str,
    event: &'a str,
}

/// What stands for the method of the entry that starts `rest`; wrong answers only cost time.
fn method(rest: &str) -> Option<u64> {
    let bytes = rest.as_bytes();
    let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
    let behind = bytes.get(METHOD.find(bytes)? + METHOD.needle().len()..)?;
    let from = memchr::memchr(b'"', behind)? + 1;
    let name = behind.get(from..)?;
    let name = name.get(..memchr::memchr(b'"', name)?)?;
    let mut hasher = FxHasher::default();
    hasher.write(name);
    Some(hasher.finish())
}

/// The entry that starts `rest`, if it is like one before.
pub(super) fn find(rest: &str) -> Option<Found<'_>> {
    let method = method(rest)?;
    BEFORE.with_borrow_mut(|before| {
        let Before { methods, key, .. } = before;
        let forms = methods.get_mut(&method)?;
        for at in 0..forms.len() {
            let mut took: SmallVec<[(u8, &str); 16]> = SmallVec::new();
            let form = forms.get_mut(at)?;
            let Some(len) = form.template.fits(rest, &mut took) else { continue };
            let found = form.found(len, &took, key);
            forms.swap(0, at);
            return found;
        }
        None
    })
}

impl Form {
    fn found<'a>(&mut self, len: usize, took: &[(u8, &'a str)], key: &mut Vec<u8>) -> Option<Found<'a>> {
        if self.varying != self.template.varying() {
            self.varying = self.template.varying();
            self.number = NEXT.fetch_add(1, Ordering::Relaxed);
        }
        let varied = |role: u8| took.iter().find(|(of, _)| of & role != 0).map(|(_, value)| *value);
        let stands =
            |role: u8| self.template.standing().find(|(of, _)| of & role != 0).map(|(_, value)| value);
        let (time, event) = (varied(TIME)?, varied(ID)?);
        let log = varied(LOG).or_else(|| stands(LOG))?;
        let day = time.get(..10)?;
        if event.is_empty() || log.is_empty() {
            return None;
        }
        let id = [log, time, event].map(fingerprint::hash).into_iter().fold(1, fingerprint::join);
        let mut hash = |role: u8, first: &str| {
            key.clear();
            key.extend(self.number.to_le_bytes());
            key.extend(first.as_bytes());
            for (_, value) in took.iter().filter(|(of, _)| of & role != 0) {
                // The length keeps neighbours apart.
                key.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
                key.extend(value.as_bytes());
            }
            Wide::of(key)
        };
        let (call, who) = (hash(CALL, ""), hash(WHO, day));
        let like = Like { actor: if self.nobody { Wide::of(b"") } else { who }, call };
        Some(Found { len, like, who, id, time, event })
    }
}

/// Takes an entry of whose like all is known; returns whether it is.
pub(super) fn repeat(found: &Found<'_>, sink: &mut dyn Sink) -> bool {
    if sink.known(&found.like) != Known::All {
        return false;
    }
    let content = BEFORE.with_borrow(|before| {
        let who = before.callers.get(&found.who)?;
        Some(before.calls.get(&found.like.call)?.by(*who))
    });
    let (Some(content), Some(at)) = (content, Timestamp::parse(found.time)) else { return false };
    let event = Some(found.event);
    if sink.is_new(Some(found.id), &|| content, Some(at), event) {
        sink.repeat(&found.like, Some(at), event, None);
    }
    true
}

/// Takes a parsed entry, and lets the sink remember what it comes to where it is like one before; otherwise it is what
/// others may be like.
pub(super) fn take(entry: &Entry<'_>, raw: &str, found: Option<&Found<'_>>, sink: &mut dyn Sink) {
    let skipped = take::not_iam(entry);
    let nobody = matches!(skipped, Some(Skip::Kubernetes | Skip::Workspace | Skip::TestPermissions));
    let learns = skipped.is_none() || nobody;
    let Some(found) = found.filter(|found| learns && Timestamp::parse(found.time).is_some()) else {
        if found.is_none() && learns {
            keep(entry, raw, nobody);
        }
        take::take(entry, raw, sink);
        return;
    };
    sink.watch();
    let idle = take::take(entry, raw, sink);
    sink.learn(found.like.actor, found.like.call, idle);
    BEFORE.with_borrow_mut(|Before { calls, callers, .. }| {
        if calls.len() >= CONTENTS {
            calls.clear();
        }
        if callers.len() >= CONTENTS {
            callers.clear();
        }
        calls.entry(found.like.call).or_insert_with(|| CallContent::of(entry));
        callers.entry(found.who).or_insert_with(|| take::who(entry));
    });
}

/// Makes the entry a template.
fn keep(entry: &Entry<'_>, raw: &str, nobody: bool) {
    let (operation, payload) = (&entry.operation.0, &entry.proto_payload.0);
    let waits = operation.id.filled().is_some() || operation.first.is_true() || operation.last.is_true();
    let told =
        [&entry.log_name, &entry.timestamp, &entry.insert_id].iter().all(|text| text.filled().is_some());
    let Some(method) = method(raw).filter(|_| told && !waits && raw.len() < LONGEST) else { return };
    let reads_request = payload.service_name.or_empty() == "iamcredentials.googleapis.com";
    let Some(template) = Template::of(raw, &|path| role(path, reads_request)) else { return };
    let form = Form { template, varying: usize::MAX, number: 0, nobody };
    BEFORE.with_borrow_mut(|Before { methods, .. }| {
        if methods.len() >= METHODS {
            methods.clear();
        }
        let forms = methods.entry(method).or_default();
        forms.truncate(FORMS - 1);
        forms.push(form);
    });
}
