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
use crate::wire::text::Text;
use memchr::memmem::Finder;
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::hash::Hasher;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Decides what is called.
const CALL: u16 = 2;
/// Decides who acts.
const WHO: u16 = 4;
/// Is read, and decides nothing.
const READ: u16 = 64;
/// Names what is called on: in the entry itself, in a row, in the attributes of one.
const ENTRY: u16 = 128;
const ROW: u16 = 256;
const ATTRIBUTE: u16 = 512;
/// Who acts, and the project that the log is of.
const EMAIL: u16 = 1024;
const SUBJECT: u16 = 2048;
const PROJECT: u16 = 4096;
/// The three that entries are told apart by.
const LOG: u16 = 8;
const TIME: u16 = 16;
const ID: u16 = 32;

/// Methods whose templates are kept, templates of one method, and calls and callers that are kept; then all are forgotten.
const METHODS: usize = 1 << 10;
const FORMS: usize = 6;
const CONTENTS: usize = 1 << 15;
/// Longer entries are no templates, and where the name of the method is looked for.
const LONGEST: usize = 1 << 14;

/// What tells who acts, where nobody is impersonated.
const ACTOR: [u16; 4] = [EMAIL, SUBJECT, PROJECT, LOG];

/// What the value at a path of keys is for.
fn role(path: &[&str], reads_request: bool) -> u16 {
    match path {
        ["insertId"] => ID,
        ["timestamp"] => TIME,
        ["receiveTimestamp"] => READ,
        ["operation", ..] => FIXED,
        ["logName"] => LOG | CALL | WHO,
        ["resource", "labels", "project_id"] => CALL | WHO | PROJECT,
        ["resource", "labels", "email_id"] => CALL,
        ["protoPayload", rest @ ..] => match rest {
            ["serviceName" | "methodName"] | ["status", ..] => FIXED,
            ["authenticationInfo", "principalEmail"] => WHO | EMAIL,
            ["authenticationInfo", "principalSubject"] => WHO | SUBJECT,
            ["authenticationInfo", "serviceAccountDelegationInfo", ..] => WHO,
            ["resourceName"] => CALL | ENTRY,
            ["authorizationInfo", "resource"] => CALL | ROW,
            ["authorizationInfo", "resourceAttributes", "name"] => CALL | ATTRIBUTE,
            ["authorizationInfo", "permission" | "granted" | "permissionType"]
            | ["authorizationInfo", "resourceAttributes", "service"]
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
    /// The log, where it does not vary.
    log: Option<u64>,
    /// Whether a name that does not vary is called on.
    pinned: bool,
    /// Whether who acts is told by [`ACTOR`] alone, whatever the form; then those of it that do not vary.
    plain: bool,
    actor: Vec<(u16, String)>,
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

/// The bucket of an object's name, and its own name: what mapping makes of it is the same for all objects of the bucket.
fn in_bucket(name: &str) -> Option<(&str, &str)> {
    let (bucket, object) = name.strip_prefix("projects/_/buckets/")?.split_once("/objects/")?;
    let known = !bucket.is_empty() && !bucket.contains('/') && !object.is_empty();
    Some((name.strip_suffix(object)?, object)).filter(|_| known)
}

/// An entry that follows a form.
#[derive(Clone, Debug)]
pub(super) struct Found<'a> {
    pub(super) len: usize,
    like: Like,
    /// Who acts, also where that decides nothing.
    who: Wide,
    id: u64,
    time: &'a str,
    event: &'a str,
    /// What `like` leaves out: the name of an object in a bucket, and where it stands.
    object: Option<&'a str>,
    resource: Option<&'a str>,
    rows: SmallVec<[&'a str; 2]>,
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
pub(super) fn find<'a>(rest: &'a str, sink: &dyn Sink) -> Option<Found<'a>> {
    let method = method(rest)?;
    BEFORE.with_borrow_mut(|before| {
        let Before { methods, key, .. } = before;
        let forms = methods.get_mut(&method)?;
        for at in 0..forms.len() {
            let mut took: SmallVec<[(u16, &str); 16]> = SmallVec::new();
            let form = forms.get_mut(at)?;
            let Some(len) = form.template.fits(rest, &mut took) else { continue };
            let found = form.found(len, &took, sink.names(), key);
            forms.swap(0, at);
            return found;
        }
        None
    })
}

impl Form {
    fn number(&mut self) {
        if self.varying != self.template.varying() {
            self.varying = self.template.varying();
            self.number = NEXT.fetch_add(1, Ordering::Relaxed);
            let stands = |role: u16| self.template.standing().find(move |(of, _)| of & role != 0);
            let log = stands(LOG).filter(|(_, log)| !log.is_empty());
            self.log = log.map(|(_, log)| fingerprint::hash(log));
            self.pinned = stands(ENTRY | ROW | ATTRIBUTE).is_some();
            let actor = self.template.standing().filter(|(of, _)| of & WHO != 0);
            self.actor = actor.map(|(of, value)| (of, value.to_owned())).collect();
        }
    }

    /// The name of the object that is called on, where all names are of it.
    fn object<'a>(&self, took: &[(u16, &'a str)]) -> Option<&'a str> {
        // Where no row says what was asked for, the name itself may.
        took.iter().find(|(of, _)| of & ROW != 0)?;
        let mut names =
            took.iter().filter(|(of, _)| of & (ENTRY | ROW | ATTRIBUTE) != 0).map(|(_, name)| *name);
        let (_, object) = in_bucket(names.next().filter(|_| !self.pinned)?)?;
        names.all(|name| in_bucket(name).is_some_and(|(_, other)| other == object)).then_some(object)
    }

    /// Who acts on that day.
    fn actor(&self, took: &[(u16, &str)], day: &str, key: &mut Vec<u8>) -> Wide {
        key.clear();
        key.extend(day.as_bytes());
        for role in ACTOR {
            let stands = || self.actor.iter().find(|(of, _)| of & role != 0).map(|(_, value)| value.as_str());
            let value = took.iter().find(|(of, _)| of & role != 0).map(|(_, value)| *value).or_else(stands);
            let value = value.unwrap_or("");
            // Of the log, whose it is.
            let value = if role == LOG { value.split("/logs/").next().unwrap_or("") } else { value };
            key.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
            key.extend(value.as_bytes());
        }
        Wide::of(key)
    }

    fn found<'a>(
        &mut self,
        len: usize,
        took: &[(u16, &'a str)],
        names: bool,
        key: &mut Vec<u8>,
    ) -> Option<Found<'a>> {
        self.number();
        let varied = |role: u16| took.iter().find(|(of, _)| of & role != 0).map(|(_, value)| *value);
        let (time, event) = (varied(TIME)?, varied(ID)?);
        let log = varied(LOG).filter(|log| !log.is_empty()).map(fingerprint::hash).or(self.log)?;
        let day = time.get(..10)?;
        if event.is_empty() {
            return None;
        }
        let [time_hash, id] = [time, event].map(fingerprint::hash);
        let id = [log, time_hash, id].into_iter().fold(1, fingerprint::join);
        let object = if names { self.object(took) } else { None };
        let mut hash = |role: u16, first: &str| {
            key.clear();
            key.extend(self.number.to_le_bytes());
            key.push(u8::from(object.is_some()));
            key.extend(first.as_bytes());
            for (of, value) in took.iter().filter(|(of, _)| of & role != 0) {
                let named = object.is_some() && of & (ENTRY | ROW | ATTRIBUTE) != 0;
                let value = in_bucket(value).filter(|_| named).map_or(*value, |(bucket, _)| bucket);
                // The length keeps neighbours apart.
                key.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
                key.extend(value.as_bytes());
            }
            Wide::of(key)
        };
        let call = hash(CALL, "");
        let who = if self.plain { self.actor(took, day, key) } else { hash(WHO, day) };
        let like = Like { actor: if self.nobody { Wide::of(b"") } else { who }, call };
        let all = took.iter().filter(|(of, _)| of & ROW != 0);
        let rows = all.filter(|_| object.is_some()).map(|(_, name)| *name).collect();
        Some(Found { len, like, who, id, time, event, object, resource: varied(ENTRY), rows })
    }
}

/// Takes an entry of whose like all is known; returns whether it is.
pub(super) fn repeat(found: &Found<'_>, sink: &mut dyn Sink) -> bool {
    if sink.known(&found.like) != Known::All {
        return false;
    }
    let content = BEFORE.with_borrow(|before| {
        let who = before.callers.get(&found.who)?;
        let call = before.calls.get(&found.like.call)?;
        match found.object {
            Some(_) => Some(call.on(found.resource, &found.rows)?.by(*who)),
            None => Some(call.by(*who)),
        }
    });
    let (Some(content), Some(at)) = (content, Timestamp::parse(found.time)) else { return false };
    let event = Some(found.event);
    if sink.is_new(Some(found.id), &|| content, Some(at), event) {
        match found.object {
            Some(name) => sink.repeat_named(&found.like, Some(at), event, name),
            None => sink.repeat(&found.like, Some(at), event, None),
        }
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
    match found.object {
        Some(name) => sink.watch_named(name),
        None => sink.watch(),
    }
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
    let who = &payload.authentication_info.0;
    let texts = [
        &who.principal_email,
        &who.principal_subject,
        &entry.resource.0.labels.0.project_id,
        &entry.log_name,
    ];
    let told = |(role, text): (u16, &Text<'_>)| {
        let mut values = template.standing().filter(|(of, _)| of & role != 0).map(|(_, value)| value);
        values.next().unwrap_or("") == text.or_empty() && values.next().is_none()
    };
    // What is no string, or has escapes, is not told.
    let plain = who.service_account_delegation_info.0.is_empty() && ACTOR.into_iter().zip(texts).all(told);
    let form = Form {
        template,
        varying: usize::MAX,
        number: 0,
        nobody,
        log: None,
        pinned: true,
        plain,
        actor: Vec::new(),
    };
    BEFORE.with_borrow_mut(|Before { methods, .. }| {
        if methods.len() >= METHODS {
            methods.clear();
        }
        let forms = methods.entry(method).or_default();
        forms.truncate(FORMS - 1);
        forms.push(form);
    });
}
