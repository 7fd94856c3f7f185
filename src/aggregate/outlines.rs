//! What calls come to that differ from others only in names: the same, with those names.
//!
//! Every name is replaced only after a call that was read has proved that its replacement gives what reading gives: of the
//! calls of one outline, the first is kept, and each one that is read speaks for the names in which it differs.

use super::Key;
use super::Shard;
use super::intern::{Interner, Sym};
use super::memo::{Call, Comes};
use super::observe::Observer;
use crate::cloud::Wide;
use crate::model::identity::Vouched;
use crate::model::time::Day;
use crate::wire::outline::{MOST, Outline, Stencil};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Outlines that are remembered; then those are forgotten that did not come again among as many.
const OUTLINES: usize = 1 << 14;
/// So many calls are read before outlines are worth their while.
const READ: usize = 1 << 8;

/// What a record tells beside its uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tell {
    Link(String, Vouched),
    Holds(String, Vec<String>, bool),
    Stands(&'static str, String),
}

impl Tell {
    fn map(&self, each: &mut dyn FnMut(&str) -> String) -> Self {
        match self {
            Self::Link(who, vouched) => Self::Link(each(who), *vouched),
            Self::Holds(key, values, sure) => {
                Self::Holds(each(key), values.iter().map(|value| each(value)).collect(), *sure)
            }
            Self::Stands(cloud, name) => Self::Stands(cloud, each(name)),
        }
    }
}

/// The first call of an outline.
#[derive(Debug)]
struct Sample {
    names: Box<[Box<str>]>,
    /// Whether names of objects are among them.
    objects: bool,
    /// Names that may be replaced, as bits.
    proved: u64,
    call: Arc<Call>,
    /// Its texts that have names in them, in the order of [`texts`]; none before they are needed.
    stencils: Option<Box<[Option<Stencil>]>>,
}

#[derive(Debug)]
enum Form {
    Known(Sample),
    /// Replacing names does not give what reading gives.
    Never,
}

/// All outlines of one shard.
#[derive(Debug, Default)]
pub(super) struct Outlines {
    forms: FxHashMap<Wide, Form>,
    /// Those before.
    older: FxHashMap<Wide, Form>,
    read: usize,
}

impl Outlines {
    /// Whether they are worth their while: says that a call is about to be read. None where they are from now on.
    pub(super) fn wanted(&mut self) -> Option<bool> {
        self.read += 1;
        (self.read != READ).then_some(self.read > READ)
    }

    /// Keeps an outline that was remembered long ago, for its use.
    fn renew(&mut self, hash: &Wide) {
        if !self.forms.contains_key(hash)
            && let Some(form) = self.older.remove(hash)
        {
            self.put(*hash, form);
        }
    }

    fn put(&mut self, hash: Wide, form: Form) {
        if self.forms.len() >= OUTLINES {
            self.older = std::mem::take(&mut self.forms);
        }
        self.forms.insert(hash, form);
    }
}

/// The texts of a use that may hold names.
fn of_use(key: &Key) -> [Sym; 4] {
    [key.target, key.family, key.context, key.scope]
}

fn with(key: &Key, [target, family, context, scope]: [Sym; 4]) -> Key {
    Key { target, family, context, scope, ..*key }
}

fn uses(call: &Call) -> &[Key] {
    if let Comes::Uses(uses) = &call.comes { uses } else { &[] }
}

/// All texts of a call that may hold names.
fn texts<'c>(call: &'c Call, interner: &'c Interner, observer: &'c Observer) -> Vec<&'c str> {
    let place = observer.place(call.sighted);
    let of_uses = uses(call).iter().flat_map(of_use).map(|sym| interner.text(sym));
    let told = call.tells.iter().flat_map(|tell| match tell {
        Tell::Link(text, _) | Tell::Stands(_, text) => vec![text.as_str()],
        Tell::Holds(key, values, _) => std::iter::once(key).chain(values).map(String::as_str).collect(),
    });
    place.into_iter().chain(of_uses).chain(told).collect()
}

/// Writes a text with other names in it.
fn write(stencil: Option<&Option<Stencil>>, names: &[&str], text: &str, to: &mut String) {
    match stencil {
        Some(Some(stencil)) => stencil.write(names, to),
        _ => to.push_str(text),
    }
}

impl Sample {
    /// Where its names differ from others: bits.
    fn differs(&self, names: &[&str]) -> u64 {
        let pairs = self.names.iter().zip(names).enumerate();
        pairs.fold(0, |bits, (at, (mine, other))| bits | (u64::from(**mine != **other) << (at % MOST)))
    }

    /// Whether the call comes to what this one does, with its names in their places.
    fn gives(&self, call: &Call, names: &[&str], interner: &Interner, observer: &Observer) -> bool {
        // What is of the record alone, and what is written.
        let plain = |key: &Key| Key {
            principal: key.rule,
            via: key.rule,
            day: Day::UNKNOWN,
            ..with(key, [key.rule; 4])
        };
        let same = self.call.cloud == call.cloud
            && observer.alike(self.call.sighted, call.sighted)
            && self.call.grants == call.grants
            && match (&self.call.comes, &call.comes) {
                (Comes::Uses(mine), Comes::Uses(other)) => mine.iter().map(plain).eq(other.iter().map(plain)),
                (Comes::Skip(why, what), Comes::Skip(other, of)) => (why, what) == (other, of),
                (Comes::Unread, Comes::Unread) => true,
                _ => false,
            };
        let (mut blank, mut others) = (|_: &str| String::new(), |_: &str| String::new());
        let told = self.call.tells.iter().map(|tell| tell.map(&mut blank));
        let Some(stencils) = self.stencils.as_deref().filter(|_| same) else { return false };
        let (mine, theirs) = (texts(&self.call, interner, observer), texts(call, interner, observer));
        let mut out = String::new();
        let pairs = mine.iter().zip(stencils).zip(&theirs);
        told.eq(call.tells.iter().map(|tell| tell.map(&mut others))) && mine.len() == theirs.len() && {
            pairs
        }
        .all(|((mine, stencil), theirs)| match stencil {
            None => mine == theirs,
            Some(stencil) => {
                out.clear();
                stencil.write(names, &mut out);
                out == **theirs
            }
        })
    }
}

impl Shard {
    /// Remembers a call that was read by its outline.
    pub(super) fn learn_outline(&mut self, key: &Wide, outline: &Outline<'_>) {
        let Some(call) = self.memo.entry(key).filter(|call| call.read) else { return };
        self.outlines.renew(&outline.hash);
        let Some(form) = self.outlines.forms.get_mut(&outline.hash) else {
            let names = outline.names.iter().map(|name| Box::from(*name)).collect();
            let (objects, call) = (outline.objects, Arc::clone(call));
            let sample = Sample { names, objects, proved: 0, call, stencils: None };
            return self.outlines.put(outline.hash, Form::Known(sample));
        };
        match form {
            Form::Never => {}
            Form::Known(sample) if Arc::ptr_eq(&sample.call, call) => {}
            Form::Known(sample) => {
                let Sample { names, objects, call: first, stencils, .. } = sample;
                stencils.get_or_insert_with(|| {
                    let all = texts(first, &self.texts, &self.observer);
                    all.into_iter().map(|text| Stencil::of(text, names, *objects)).collect()
                });
                let gives = outline.names.len() == sample.names.len()
                    && sample.gives(call, &outline.names, &self.texts, &self.observer);
                match gives {
                    true => sample.proved |= sample.differs(&outline.names),
                    false => *form = Form::Never,
                }
            }
        }
    }

    /// Makes a call known that only differs from another in names which may be replaced; says whether it is.
    pub(super) fn outlined(&mut self, key: Wide, outline: &Outline<'_>) -> bool {
        self.outlines.renew(&outline.hash);
        let Some(Form::Known(sample)) = self.outlines.forms.get(&outline.hash) else { return false };
        let (names, Some(stencils)) = (outline.names.as_slice(), &sample.stencils) else { return false };
        if names.len() != sample.names.len() || sample.differs(names) & !sample.proved != 0 {
            return false;
        }
        let mut stencils = stencils.iter();
        let Self { texts, observer, .. } = self;
        let mut place = [String::new(), String::new()];
        for (to, text) in place.iter_mut().zip(observer.place(sample.call.sighted)) {
            write(stencils.next(), names, text, to);
        }
        let sighted = observer.moved(sample.call.sighted, place.each_ref().map(String::as_str));
        let [mut out, _] = place;
        let mut renamed = |sym: Sym| match stencils.next() {
            Some(Some(stencil)) => {
                out.clear();
                stencil.write(names, &mut out);
                texts.sym(&out)
            }
            _ => sym,
        };
        let comes = match &sample.call.comes {
            Comes::Uses(uses) => {
                Comes::Uses(uses.iter().map(|key| with(key, of_use(key).map(&mut renamed))).collect())
            }
            other => other.clone(),
        };
        let mut written = |text: &str| {
            let mut to = String::new();
            write(stencils.next(), names, text, &mut to);
            to
        };
        let tells: Box<[Tell]> = sample.call.tells.iter().map(|tell| tell.map(&mut written)).collect();
        let Call { cloud, grants, .. } = *sample.call;
        for tell in &tells {
            match tell {
                Tell::Link(who, vouched) => self.linked(who, *vouched),
                Tell::Holds(key, values, sure) => self.holdings.add(key, values, *sure),
                Tell::Stands(cloud, name) => self.bystanders.stands(cloud, name),
            }
        }
        // What was told is told; only a call that was read speaks for others.
        let call = Call { cloud, sighted, comes, grants, tells: Box::default(), read: false };
        self.memo.put(key, Arc::new(call));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rules;
    use super::super::dedup::Dedup;
    use super::*;
    use crate::wire::outline::{Outliner, Words};

    #[test]
    fn only_a_call_that_was_read_speaks_for_others() {
        let (words, mut scratch) = (Words::default(), Vec::new());
        let mut all = Outliner::new(&words, &mut scratch, true);
        all.text("orders");
        let outline = all.outline().unwrap();
        let key = Wide::of(b"call");
        let mut shard = Shard::new(Arc::new(Rules::default()), Arc::new(Dedup::default()), false);
        for (read, known) in [(false, 0), (true, 1)] {
            let call = Call {
                cloud: "aws",
                sighted: 0,
                comes: Comes::Unread,
                grants: false,
                tells: Box::default(),
                read,
            };
            shard.memo.put(key, Arc::new(call));
            shard.learn_outline(&key, &outline);
            assert_eq!(shard.outlines.forms.len(), known);
        }
    }
}
