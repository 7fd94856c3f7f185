//! Calls that were never seen, but for names the same as others: what their [outline](crate::wire::outline) comes to is
//! written with their names.
//!
//! Where a call is made is a name as well: its region, its account, the caller's. Whoever makes the mapping look at less than
//! whole words of a name must say so by [`Ctx::pry`](super::super::resource::Ctx::pry).

use super::super::record::Identity;
use super::slots::{RECIPIENT, REGION, SOURCE};
use super::{ANSWER, ANSWERED, ASKED, CALLER, PRIED, Parts, RECENT, Recent};
use crate::catalog;
use crate::cloud::{Known, Like, Sink, Wide};
use crate::wire::members::{Members, Odd};
use crate::wire::outline::{Outline, Outliner};
use crate::wire::sketch::Sketch;
use crate::wire::text::{Lenient, Text};

impl<'a> Parts<'a> {
    /// What decides the call wherever it is made, but for texts: what decides which texts do.
    pub(super) fn kin(&self) -> Wide {
        RECENT.with_borrow_mut(|Recent { key, .. }| {
            self.deciding(key, &[]);
            let region = self.texts.get(REGION).copied().flatten().unwrap_or("");
            let partition = ["cn-", "us-gov-"].iter().position(|start| region.starts_with(start));
            key.push(partition.map_or(0, |at| if at == 0 { 1 } else { 2 }));
            let none = Wide::of(b"");
            let caller = self.identity.as_ref().map_or(none, |(_, seen)| seen.made.anywhere);
            Wide::of(key).and(caller).and(self.request.as_ref().map_or(none, |(_, sketch)| sketch.hash))
        })
    }

    /// Has the sink make the call known by one that differs only in names; returns what is known then.
    pub(super) fn alike(
        &self,
        sink: &mut dyn Sink,
        like: &mut Like,
        first: Wide,
        asked: &mut Option<u64>,
    ) -> Known {
        let kin = self.kin();
        let of_kin = sink.known(&Like { call: kin, ..*like });
        let more = if let Known::Ask(more) = of_kin { more | asked.unwrap_or(0) } else { return Known::No };
        if *asked != Some(more) {
            sink.ask(first, more);
            *asked = Some(more);
            like.call = self.with(first, more);
        }
        let known = sink.known(like);
        let outlined = known == Known::No
            && self.outlined(kin, more, |outline| sink.outlined(like.call, outline)) == Some(true);
        if outlined { sink.known(like) } else { known }
    }

    /// Has `then` take the outline of all that decides the call; none where there can be none.
    pub(super) fn outlined<T>(
        &self,
        kin: Wide,
        parts: u64,
        then: impl FnOnce(&Outline<'a>) -> T,
    ) -> Option<T> {
        // A message is of one call: it names who was refused what.
        if parts & (PRIED | CALLER) != 0 || self.message.is_some() {
            return None;
        }
        let text = |at: usize| self.texts.get(at).copied().flatten().unwrap_or("");
        RECENT.with_borrow_mut(|Recent { key, other, .. }| {
            // Elsewhere the ARN of an object is a value like any other: rules count its slashes, and look for words in it.
            let objects = text(SOURCE).split('.').next() == Some("s3");
            let mut all = Outliner::new(&catalog::aws().words, other, objects);
            let caller = self.identity.as_ref().map_or(Some(""), |(raw, seen)| seen.made.account(raw))?;
            [text(REGION), text(RECIPIENT), caller].into_iter().for_each(|one| all.given(one));
            let bits = |(width, from): (usize, usize)| ((parts >> from) & ((1 << width) - 1), width);
            if let Some((raw, sketch)) = &self.request {
                sketch.each(raw, bits(ASKED), |text| all.text(text));
            }
            let answer = self.answer.filter(|_| parts & ANSWER != 0);
            let answer = answer.map(|raw| (raw, Sketch::of(raw, key)));
            if let Some((raw, sketch)) = &answer {
                sketch.each(raw, bits(ANSWERED), |text| all.text(text));
            }
            if let Some((raw, _)) = self.resources {
                all.text(raw);
            }
            let mut outline = all.outline()?;
            let answer = answer.map_or(Wide::of(b""), |(_, sketch)| sketch.hash);
            outline.hash = outline.hash.and(kin).and(Wide::of(&parts.to_le_bytes())).and(answer);
            Some(then(&outline))
        })
    }
}

/// Members of an identity that decide.
const CALLER_TEXTS: [&str; 5] = ["type", "invokedBy", "identityProvider", "arn", "accountId"];

/// What of the caller decides what a call comes to, beside who it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) salt: Wide,
    /// The same without the account.
    pub(super) anywhere: Wide,
    /// Where the account begins and ends in the identity; none where it is no plain text.
    account: Option<(usize, usize)>,
}

impl Caller {
    pub(super) fn of(identity: &str) -> Result<Self, Odd> {
        let plain = plainly(identity);
        let account = plain.map(|[.., account]| {
            let account = account.unwrap_or("");
            let from = account.as_ptr().addr().wrapping_sub(identity.as_ptr().addr());
            if account.is_empty() { (0, 0) } else { (from, from + account.len()) }
        });
        let account = if identity.starts_with('{') { account } else { Some((0, 0)) };
        let (salt, anywhere) = match plain {
            Some(texts) => salt(texts),
            None => {
                let Lenient(who) =
                    serde_json::from_str::<Lenient<Identity<'_>>>(identity).map_err(|_| Odd)?;
                let texts = [&who.kind, &who.invoked_by, &who.identity_provider, &who.arn, &who.account_id];
                salt(texts.map(Text::get))
            }
        };
        Ok(Self { salt, anywhere, account })
    }

    fn account<'i>(&self, identity: &'i str) -> Option<&'i str> {
        let (from, end) = self.account?;
        identity.get(from..end)
    }
}

fn salt([kind, invoker, provider, arn, account]: [Option<&str>; 5]) -> (Wide, Wide) {
    let one = |text: Option<&str>| text.map_or(Wide::of(b"\xff"), |text| Wide::of(text.as_bytes()));
    let arn = arn.unwrap_or("");
    let partition = arn.strip_prefix("arn:").and_then(|rest| rest.split(':').next());
    let own_role = arn.ends_with("/AWSCloudFormation").then_some("");
    let all = [kind, invoker, provider, partition, own_role];
    let anywhere = all.into_iter().map(one).fold(Wide::of(b""), Wide::and);
    (anywhere.and(one(account)), anywhere)
}

/// The same texts where all of them are plain and none stands twice.
fn plainly(identity: &str) -> Option<[Option<&str>; 5]> {
    let mut members = Members::of(identity).ok()?;
    let (mut texts, mut seen) = ([None; 5], 0u8);
    while let Some(key) = members.key().ok()? {
        let value = members.value().ok()?;
        let Some(at) = CALLER_TEXTS.iter().position(|known| *known == key) else { continue };
        if seen & (1 << at) != 0 {
            return None;
        }
        seen |= 1 << at;
        if let Some(text) = texts.get_mut(at) {
            *text = value.scalar().ok()?;
        }
    }
    Some(texts)
}
