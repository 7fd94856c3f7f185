//! Records as trails deliver them, read member by member: what their like came to before is repeated, and only the others
//! are parsed and mapped. What stands in another form is given back, to be parsed as a whole.
//!
//! What a call comes to depends on the members in [`Parts::like`], on the caller only as [`salt`] has it, and on texts of the
//! request and of the answer only where they were looked at ([`Marks`]). Whoever makes the mapping look at more must add it
//! there. Calls that change what trails log look at more: each of them is read.

mod alike;
mod slots;

use super::record::{Identity, Record, Resource};
use super::take::{Form, taken};
use super::{coverage, identity, take, trail};
use crate::cloud::{Known, Like, Sink, Stranger};
use crate::model::time::Timestamp;
use crate::wire::fingerprint::{self, Wide};
use crate::wire::members::{Members, Odd};
use crate::wire::order::{Key, Order};
use crate::wire::repeats::{Repeats, Seen};
use crate::wire::sketch::{Marks, Sketch, Spans};
use crate::wire::text::{Lenient, OneOrMany, Text};
use alike::Caller;
use serde_json::value::RawValue;
use slots::{
    ADDITIONAL, ADDRESS, AGENT, CATEGORY, CODE, CONSOLE, ENDPOINT, ENVELOPE, ID, IDENTITY, MANAGES, MESSAGE,
    NAME, OWNER, READS, RECIPIENT, REGION, REQUEST, RESOURCES, RESPONSE, SHARED, SOURCE, TEXTS, TIME, TYPE,
    UNREAD, slot,
};
use std::borrow::Cow;
use std::cell::RefCell;

/// The answer decides as well: a bit of [`Known::Ask`].
const ANSWER: u64 = 1;
/// So does the whole of who calls.
const CALLER: u64 = 2;
/// So do these texts of the request: so many bits, from here on.
const ASKED: (usize, usize) = (32, 2);
/// So do these texts of the answer.
const ANSWERED: (usize, usize) = (20, 34);
/// A name was looked at beyond what its outline has.
const PRIED: u64 = 1 << 54;

/// What the records before were like, and their sub-documents.
struct Recent {
    order: Order,
    identities: Repeats<Caller>,
    requests: Repeats<Sketch>,
    resources: Repeats<()>,
    key: Vec<u8>,
    other: Vec<u8>,
}

thread_local! {
    static RECENT: RefCell<Recent> = RefCell::new(Recent {
        order: Order::new(slot),
        identities: Repeats::new("userIdentity", 1 << 10),
        requests: Repeats::new("requestParameters", 1 << 12),
        resources: Repeats::new("resources", 1 << 12),
        key: Vec::new(),
        other: Vec::new(),
    });
}

/// One record, not parsed.
#[derive(Default)]
struct Parts<'a> {
    len: usize,
    /// The fingerprint of all members.
    print: u64,
    texts: [Option<&'a str>; TEXTS.len()],
    /// Which members were seen: one that stands twice is an error.
    seen: u32,
    identity: Option<(&'a str, Seen<Caller>)>,
    request: Option<(&'a str, Sketch)>,
    resources: Option<(&'a str, Wide)>,
    message: Option<&'a str>,
    answer: Option<&'a str>,
    additional: Option<&'a str>,
    /// What additional data prove.
    expects: Option<&'static str>,
}

/// Reads the record that starts `rest`; returns its length, or none where it must be parsed as a whole.
pub(super) fn read(rest: &str, sink: &mut dyn Sink) -> Option<usize> {
    let (parts, mut like) = RECENT
        .with_borrow_mut(|recent| {
            let mut parts = Parts::scan(rest, recent)?;
            let source = parts.texts.get(SOURCE).copied().flatten().unwrap_or("");
            parts.expects = coverage::expects(source, parts.additional);
            let like = parts.like(&mut recent.key, !sink.conditions().is_empty());
            Ok::<_, Odd>((parts, like))
        })
        .ok()?;
    let first = like.call;
    let (mut known, mut asked) = (sink.known(&like), None);
    if let Known::Ask(more) = known {
        (like.call, asked) = (parts.with(first, more), Some(more));
        known = sink.known(&like);
    }
    let mut outlines = None;
    if known == Known::No && *outlines.insert(sink.outlines()) {
        known = parts.alike(sink, &mut like, first, &mut asked);
    }
    if known == Known::Call {
        known = parts.meet(sink, &like).ok()?;
    }
    if known != Known::All {
        let outlines = outlines.unwrap_or_else(|| sink.outlines());
        return parts.slowly(sink, &like, first, (asked, outlines));
    }
    let text = |at: usize| parts.texts.get(at).copied().flatten().filter(|text| !text.is_empty());
    let at = text(TIME).and_then(Timestamp::parse);
    let event = text(ID);
    if sink.is_new(event.map(fingerprint::hash), &|| parts.print, at, event) {
        sink.repeat(&like, at, event, text(SHARED).map(fingerprint::hash));
    }
    Some(parts.len)
}

impl<'a> Parts<'a> {
    fn scan(rest: &'a str, recent: &mut Recent) -> Result<Self, Odd> {
        let mut parts = Self::default();
        let (mut members, mut last) = (Members::of(rest)?, None);
        while let Some(key) = recent.order.key(&mut members, last)? {
            last = Some(key);
            match key.slot {
                IDENTITY => {
                    let (raw, seen) = recent.identities.read(&mut members, |raw, _| Caller::of(raw))?;
                    parts.print = parts.print.wrapping_add(seen.print);
                    parts.identity = Some((raw, seen));
                }
                REQUEST => {
                    let Recent { requests, key, .. } = recent;
                    let mut sketch = |raw: &str, texts: Option<&Spans>| match texts {
                        Some(texts) => Sketch::with(raw, texts, key),
                        None => Sketch::of(raw, key),
                    };
                    let (raw, seen) = requests.read(&mut members, |raw, texts| Ok(sketch(raw, texts)))?;
                    parts.print = parts.print.wrapping_add(seen.print);
                    parts.request = Some((raw, seen.made));
                }
                RESOURCES => {
                    let (raw, seen) = recent.resources.read(&mut members, |_, _| Ok(()))?;
                    parts.print = parts.print.wrapping_add(seen.print);
                    parts.resources = Some((raw, seen.hash));
                }
                ENVELOPE => return Err(Odd),
                _ => parts.other(key, &mut members)?,
            }
            let bit = 1u32 << key.slot;
            if key.slot != UNREAD && parts.seen & bit != 0 {
                return Err(Odd);
            }
            parts.seen |= bit;
        }
        parts.len = members.walked();
        Ok(parts)
    }

    /// Takes any other member.
    fn other(&mut self, key: Key, members: &mut Members<'a>) -> Result<(), Odd> {
        let rest = members.rest();
        let from = members.walked();
        let (value, print) = members.printed(key.path)?;
        self.print = self.print.wrapping_add(print);
        let slot = match key.slot {
            MESSAGE => &mut self.message,
            RESPONSE => &mut self.answer,
            ADDITIONAL => &mut self.additional,
            at => {
                if let Some(text) = self.texts.get_mut(at) {
                    *text = value.scalar()?;
                }
                return Ok(());
            }
        };
        *slot = rest.get(..members.walked() - from).filter(|raw| *raw != "null");
        Ok(())
    }

    fn text(&self, at: usize) -> Text<'a> {
        Text(self.texts.get(at).copied().flatten().map(Cow::Borrowed))
    }

    /// Writes what decides the call beside its caller, its request and where it was made.
    fn deciding(&self, key: &mut Vec<u8>, place: &[usize]) {
        key.clear();
        let mut put = |text: Option<&str>| {
            // The length keeps neighbours apart.
            key.extend(text.map_or(u32::MAX, |text| u32::try_from(text.len()).unwrap_or(0)).to_le_bytes());
            key.extend(text.unwrap_or("").as_bytes());
        };
        for at in [SOURCE, NAME, CODE, TYPE, READS, MANAGES, CATEGORY].iter().chain(place) {
            put(self.texts.get(*at).copied().flatten());
        }
        put(self.message);
        let short = self.answer.filter(|raw| coverage::may_omit(raw));
        put(short.or(self.answer.map(|_| "")));
        put(self.expects);
    }

    /// What stands for the record in all that decides what it comes to.
    fn like(&self, key: &mut Vec<u8>, conditions: bool) -> Like {
        let place = [REGION, RECIPIENT, ENDPOINT, OWNER];
        self.deciding(key, place.get(..if conditions { 4 } else { 2 }).unwrap_or_default());
        let none = Wide::of(b"");
        let (raw, who) = self.identity.as_ref().map_or((none, none), |(_, seen)| (seen.hash, seen.made.salt));
        let call = Wide::of(key).and(who).and(self.request.as_ref().map_or(none, |(_, sketch)| sketch.hash));
        let mut actor =
            raw.and(Wide::of(self.texts.get(RECIPIENT).copied().flatten().unwrap_or("").as_bytes()));
        if let Some(console) = self.texts.get(CONSOLE).copied().flatten() {
            actor = actor.and(Wide::of(console.as_bytes()));
        }
        Like { actor, call }
    }

    /// The call where these parts decide as well.
    fn with(&self, call: Wide, parts: u64) -> Wide {
        let mut call = call.and(Wide::of(&parts.to_le_bytes()));
        if let Some((_, hash)) = self.resources {
            call = call.and(hash);
        }
        let bits = |(width, from): (usize, usize)| (parts >> from) & ((1 << width) - 1);
        RECENT.with_borrow_mut(|Recent { key, .. }| {
            if let Some((raw, sketch)) = self.request.as_ref().filter(|_| bits(ASKED) != 0) {
                call = call.and(sketch.of_texts(raw, bits(ASKED), ASKED.0, key));
            }
            if let Some(raw) = self.answer.filter(|_| parts & ANSWER != 0) {
                let sketch = Sketch::of(raw, key);
                call = call.and(sketch.hash).and(sketch.of_texts(raw, bits(ANSWERED), ANSWERED.0, key));
            }
        });
        if parts & CALLER != 0 {
            call = call.and(self.identity.as_ref().map_or(call, |(_, seen)| seen.hash));
        }
        call
    }

    /// Parses and maps the record, and lets the sink remember what it comes to.
    fn slowly(
        &self,
        sink: &mut dyn Sink,
        like: &Like,
        first: Wide,
        (asked, outlines): (Option<u64>, bool),
    ) -> Option<usize> {
        let record = Record { outlined: outlines, ..self.record().ok()? };
        let content = || self.print;
        if take::not_a_call(&record).is_some() || trail::change(&record).is_some() {
            taken(&record, &content, sink, Form::Delivered);
            return Some(self.len);
        }
        sink.watch();
        let idle = taken(&record, &content, sink, Form::Delivered);
        let parts = asked.unwrap_or(0)
            | self.looked(&record)
            | if record.answered.opened() { ANSWER } else { 0 }
            | if record.named.get() { CALLER } else { 0 }
            | if record.pried.get() { PRIED } else { 0 };
        let call = self.with(first, parts);
        if asked != Some(parts) {
            sink.ask(first, parts);
        }
        sink.learn(like.actor, call, idle);
        if outlines && self.message.is_none() {
            let kin = self.kin();
            sink.ask(kin, parts);
            self.outlined(kin, parts, |outline| sink.learn_outline(call, outline));
        }
        Some(self.len)
    }

    /// The texts that were looked at.
    fn looked(&self, record: &Record<'a>) -> u64 {
        let bits =
            |marks: &Marks, sketch: &Sketch, (width, from): (usize, usize)| marks.bits(sketch, width) << from;
        let asked = self.request.as_ref().map_or(0, |(_, sketch)| bits(&record.asked, sketch, ASKED));
        let answer = self.answer.filter(|_| record.answered.opened());
        let answer = answer.map(|raw| RECENT.with_borrow_mut(|recent| Sketch::of(raw, &mut recent.key)));
        let answered = answer.map_or(0, |sketch| bits(&record.answered, &sketch, ANSWERED));
        asked | answered
    }

    /// Tells the sink who acts, where it knows all of the call but that; returns what it knows then.
    fn meet(&self, sink: &mut dyn Sink, like: &Like) -> Result<Known, Odd> {
        let record = Record {
            user_identity: self.who()?,
            recipient_account_id: self.text(RECIPIENT),
            session_credential_from_console: self.text(CONSOLE),
            ..Record::default()
        };
        let region = self.text(REGION);
        let via = record.user_identity.0.invoked_by.filled();
        let actor = identity::identify(&record);
        let who = Stranger { actor: &actor, via, account: record.account(), region: region.or_empty() };
        sink.meet("aws", like, &who);
        Ok(sink.known(like))
    }

    fn who(&self) -> Result<Lenient<Identity<'a>>, Odd> {
        match &self.identity {
            Some((text, _)) => serde_json::from_str(text).map_err(|_| Odd),
            None => Ok(Lenient::default()),
        }
    }

    fn record(&self) -> Result<Record<'a>, Odd> {
        let raw = |text: Option<&'a str>| -> Result<Option<&'a RawValue>, Odd> {
            text.map_or(Ok(None), |text| serde_json::from_str(text).map_err(|_| Odd))
        };
        let resources: OneOrMany<Resource<'a>> = match self.resources {
            Some((text, _)) => serde_json::from_str(text).map_err(|_| Odd)?,
            None => OneOrMany::default(),
        };
        let message: Text<'a> = match self.message {
            Some(text) => serde_json::from_str(text).map_err(|_| Odd)?,
            None => Text::default(),
        };
        Ok(Record {
            user_identity: self.who()?,
            event_time: self.text(TIME),
            event_source: self.text(SOURCE),
            event_name: self.text(NAME),
            aws_region: self.text(REGION),
            error_code: self.text(CODE),
            error_message: message,
            request_parameters: raw(self.request.as_ref().map(|(text, _)| *text))?,
            response_elements: raw(self.answer)?,
            resources,
            event_id: self.text(ID),
            event_type: self.text(TYPE),
            recipient_account_id: self.text(RECIPIENT),
            shared_event_id: self.text(SHARED),
            vpc_endpoint_id: self.text(ENDPOINT),
            vpc_endpoint_account_id: self.text(OWNER),
            read_only: self.text(READS),
            management_event: self.text(MANAGES),
            event_category: self.text(CATEGORY),
            additional_event_data: raw(self.additional)?,
            source_ip_address: self.text(ADDRESS),
            user_agent: self.text(AGENT),
            session_credential_from_console: self.text(CONSOLE),
            ..Record::default()
        })
    }
}
