//! Texts without the names in them: what differs from another only in its names comes to the same, with other names.
//!
//! A name is a run of ASCII letters, digits, `-` and `_` that means nothing to the rules: no [word](Words) of theirs. An [`Outline`] has everything else as it stands, which names are the same as others, and the order of the texts.
//! What looks at a name beyond that (for what it begins with, say) must not be outlined.

use super::fingerprint::Wide;
use super::lanes;
use rustc_hash::{FxHashSet, FxHasher};
use smallvec::SmallVec;
use std::hash::Hasher;
use wide::u8x16;

/// So many names are told apart.
pub const MOST: usize = 64;
/// So many texts are put into order.
const TEXTS: usize = 8;

/// Stands before the number of a name; no UTF-8 has it.
const NAME: u8 = 0xff;
/// Stands behind a text.
const END: u8 = 0xfe;

fn of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Where what starts `bytes` and is made of a name's characters ends.
fn name_end(bytes: &[u8]) -> usize {
    lanes::first(bytes, |x| {
        let letters = lanes::within(x | u8x16::splat(0x20), b'a', b'z');
        !(letters | lanes::within(x, b'0', b'9') | lanes::is(x, b'-') | lanes::is(x, b'_'))
    })
}

/// The pieces of a text: runs of a name's characters, and what stands between them. Where objects are told, the name of an
/// object in a bucket is one piece up to a colon or a space, behind which something else may begin; where the bucket is a word,
/// it is none.
struct Pieces<'a, 'w> {
    rest: &'a str,
    within: Within,
    words: Option<&'w Words>,
    objects: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Text,
    /// Behind the name of the service.
    S3,
    Bucket,
    Object,
}

/// What a piece is by its form.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Name,
    Object,
    Other,
}

fn pieces<'a, 'w>(text: &'a str, words: Option<&'w Words>, objects: bool) -> Pieces<'a, 'w> {
    Pieces { rest: text, within: Within::Text, words, objects }
}

/// Where the name of an object ends that starts `rest`.
fn object_end(rest: &str) -> usize {
    let ends = |c: char| matches!(c, '"' | '\\' | ':') || c.is_whitespace() || c.is_control();
    let may = |x| {
        let marks = lanes::is(x, b'"') | lanes::is(x, b'\\') | lanes::is(x, b':');
        marks | lanes::within(x, 0, b' ') | lanes::within(x, 0x7f, 0xff)
    };
    let at = lanes::first(rest.as_bytes(), may);
    at + rest.get(at..).map_or(0, |rest| rest.find(ends).unwrap_or(rest.len()))
}

impl<'a> Iterator for Pieces<'a, '_> {
    type Item = (Is, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let inside = of_name(*self.rest.as_bytes().first()?);
        let object = self.within == Within::Object;
        let end = match (object, inside) {
            (true, _) => object_end(self.rest),
            (_, true) => name_end(self.rest.as_bytes()),
            _ => self.rest.bytes().position(of_name).unwrap_or(self.rest.len()),
        };
        if object && end == 0 {
            self.within = Within::Text;
            return self.next();
        }
        let (piece, after) = self.rest.split_at_checked(end)?;
        self.rest = after;
        self.within = match (self.within, inside) {
            _ if object => Within::Text,
            (Within::Text | Within::S3, true) if self.objects && piece == "s3" => Within::S3,
            (Within::S3, true) => Within::Text,
            (Within::Bucket, true) if self.words.is_some_and(|words| !words.names(piece)) => Within::Text,
            (within, true) => within,
            (Within::S3, false) if piece == ":::" => Within::Bucket,
            (Within::Bucket, false) if piece == "." => Within::Bucket,
            (Within::Bucket, false) if piece == "/" => Within::Object,
            _ => Within::Text,
        };
        Some((
            if object {
                Is::Object
            } else if inside {
                Is::Name
            } else {
                Is::Other
            },
            piece,
        ))
    }
}

/// Words that mean something to the rules, whatever their case; and beginnings of names that do.
#[derive(Debug, Default)]
pub struct Words {
    known: FxHashSet<u64>,
    heads: FxHashSet<u64>,
}

impl Words {
    /// All words of these texts, and these beginnings.
    pub fn of<'t>(texts: impl Iterator<Item = &'t str>, heads: impl Iterator<Item = &'t str>) -> Self {
        let words = texts.flat_map(|text| pieces(text, None, true)).filter(|(is, _)| *is != Is::Other);
        Self { known: words.map(|(_, word)| folded(word)).collect(), heads: heads.map(folded).collect() }
    }

    /// Whether it is a name to the rules.
    fn names(&self, piece: &str) -> bool {
        !self.known.contains(&folded(piece))
    }

    /// Whether rules may ask what begins with these characters, which end in a dash.
    #[must_use]
    pub fn is_head(&self, text: &str) -> bool {
        text.find('-') == text.len().checked_sub(1) && self.heads.contains(&folded(text))
    }

    /// What a name begins with that means something, up to its first dash and up to its last.
    fn heads<'p>(&self, name: &'p str) -> [&'p str; 2] {
        let bytes = name.as_bytes();
        [memchr::memchr(b'-', bytes), memchr::memrchr(b'-', bytes)].map(|dash| {
            let head = dash.and_then(|dash| name.get(..=dash)).unwrap_or("");
            if !head.is_empty() && self.heads.contains(&folded(head)) { head } else { "" }
        })
    }
}

/// A hash in which case does not count. Other characters may be the same in it as well: what has the hash of a word is
/// taken for one.
fn folded(word: &str) -> u64 {
    const CASE: u64 = 0x2020_2020_2020_2020;
    let mut hasher = FxHasher::default();
    let (chunks, rest) = word.as_bytes().as_chunks::<8>();
    for chunk in chunks {
        hasher.write_u64(u64::from_le_bytes(*chunk) | CASE);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        hasher.write_u64(u64::from_le_bytes(last) | CASE);
    }
    hasher.finish()
}

/// What rules ask of a name, as bits: whether it ends as those do that have six characters added, whether those could be a
/// word, whether it is an account, whether a dash joins two parts of it or joins it to what stands beside it.
fn class(name: &str) -> u8 {
    let added = name.len().checked_sub(7).and_then(|at| name.as_bytes().get(at..)).unwrap_or_default();
    let fits = added
        .split_first()
        .is_some_and(|(first, six)| *first == b'-' && six.iter().all(u8::is_ascii_alphanumeric));
    let word = !added.iter().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let account = name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit());
    let joined = name.get(1..name.len().saturating_sub(1)).is_some_and(|inner| inner.contains('-'));
    let all = [fits, word, account, joined, name.starts_with('-'), name.ends_with('-')];
    all.into_iter().fold(0, |bits, is| (bits << 1) | u8::from(is))
}

/// What stands for texts beside their names, and those names.
#[derive(Clone, Debug)]
pub struct Outline<'a> {
    /// What stands for the rest.
    pub hash: Wide,
    /// The names, each once, as they come.
    pub names: SmallVec<[&'a str; 24]>,
    /// Whether names of objects are among them.
    pub objects: bool,
}

/// Takes texts one by one.
#[derive(Debug)]
pub struct Outliner<'a, 'w> {
    words: &'w Words,
    out: &'w mut Vec<u8>,
    names: SmallVec<[&'a str; 24]>,
    texts: SmallVec<[&'a str; TEXTS]>,
    /// Names of objects, by number.
    objects: SmallVec<[usize; 4]>,
    objects_told: bool,
    odd: bool,
}

impl<'a, 'w> Outliner<'a, 'w> {
    /// Starts with none; `scratch` is overwritten. With `objects`, nothing looks into the name of an object in a bucket: it is
    /// one name, whatever it holds.
    pub fn new(words: &'w Words, scratch: &'w mut Vec<u8>, objects: bool) -> Self {
        scratch.clear();
        Self {
            words,
            out: scratch,
            names: SmallVec::new(),
            texts: SmallVec::new(),
            objects: SmallVec::new(),
            objects_told: objects,
            odd: false,
        }
    }

    /// Takes a text that is a name or a word as a whole, whatever it holds.
    pub fn given(&mut self, text: &'a str) {
        match !text.is_empty() && name_end(text.as_bytes()) == text.len() && self.words.names(text) {
            true => self.name(text, Is::Name),
            false => self.out.extend(text.as_bytes()),
        }
        self.out.push(END);
    }

    /// Takes a text as it stands in JSON, without its quotes.
    pub fn text(&mut self, text: &'a str) {
        for (is, piece) in pieces(text, Some(self.words), self.objects_told) {
            match is != Is::Other && self.words.names(piece) {
                true => self.name(piece, is),
                false => self.out.extend(piece.as_bytes()),
            }
        }
        self.out.push(END);
        self.texts.push(text);
    }

    fn name(&mut self, name: &'a str, is: Is) {
        let known = self.names.iter().position(|known| *known == name);
        let number = known.unwrap_or(self.names.len());
        if known.is_none() {
            // Names that only their case tells apart are the same to some rules.
            self.odd |= number >= MOST || self.names.iter().any(|known| known.eq_ignore_ascii_case(name));
            self.names.push(name);
        }
        self.out.extend([NAME, u8::try_from(number).unwrap_or(u8::MAX)]);
        if is == Is::Object {
            return self.objects.push(number);
        }
        self.out.push(class(name));
        for head in self.words.heads(name) {
            self.out.extend(head.as_bytes());
            self.out.push(END);
        }
    }

    /// The outline; none where the texts cannot have one.
    #[must_use]
    pub fn outline(self) -> Option<Outline<'a>> {
        if self.odd || self.texts.len() > TEXTS || self.texts.iter().any(|text| text.contains('\\')) {
            return None;
        }
        // Rules that take several names take them in order.
        for (at, text) in self.texts.iter().enumerate() {
            let before = self.texts.iter().take(at);
            self.out.push(before.fold(0, |bits, other| {
                (bits << 2) | (u8::from(other < text) << 1) | u8::from(other == text)
            }));
        }
        // Elsewhere the same object may stand as several names.
        for object in self.objects.iter().filter_map(|number| self.names.get(*number)) {
            self.out.extend(self.texts.iter().map(|text| u8::from(text.ends_with(object))));
        }
        Some(Outline { hash: Wide::of(self.out), names: self.names, objects: self.objects_told })
    }
}

/// A text in which names can be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stencil(Box<[Part]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Name(usize),
}

impl Stencil {
    /// A text with these names in it; none where it has none of them.
    #[must_use]
    pub fn of<S: AsRef<str>>(text: &str, names: &[S], objects: bool) -> Option<Self> {
        let (mut parts, mut plain, mut found) = (Vec::new(), String::new(), false);
        for (is, piece) in pieces(text, None, objects) {
            let number = names.iter().position(|name| name.as_ref() == piece).filter(|_| is != Is::Other);
            let Some(number) = number else {
                plain.push_str(piece);
                continue;
            };
            found = true;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain).into()));
            }
            parts.push(Part::Name(number));
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain.into()));
        }
        found.then(|| Self(parts.into()))
    }

    /// Writes it with other names.
    pub fn write(&self, names: &[&str], out: &mut String) {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Name(number) => out.push_str(names.get(*number).copied().unwrap_or("")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        Words::of(["arn:aws:s3::: table/", "Role"].into_iter(), ["i-", "tgw-attach-"].into_iter())
    }

    fn of<'a>(texts: &[&'a str]) -> Option<Outline<'a>> {
        let (words, mut scratch) = (words(), Vec::new());
        let mut all = Outliner::new(&words, &mut scratch, true);
        all.given("eu-west-1");
        texts.iter().for_each(|text| all.text(text));
        all.outline()
    }

    #[test]
    fn names_are_all_that_may_differ() {
        let one = of(&["arn:aws:s3:::logs/a.txt", "logs"]).unwrap();
        assert_eq!(one.names.as_slice(), ["eu-west-1", "logs", "a.txt"]);
        let alike = of(&["arn:aws:s3:::media/2025/01/b-1é.csv", "media"]).unwrap();
        assert_eq!(one.hash, alike.hash);
        for other in [
            ["arn:aws:s3:::logs/a.txt", "other"],
            ["arn:aws:sns:::logs/a", "logs"],
            ["arn:aws:s3::logs/a.txt", "logs"],
            ["arn:aws:r53:::logs/a.txt", "logs"],
            ["arn:aws:s3:::table/a.txt", "table"],
            ["arn:aws:s3:::TABLE/a.txt", "TABLE"],
            ["arn:aws:s3:::111122223333/a.txt", "111122223333"],
            ["arn:aws:s3:::eu-west-1/a.txt", "eu-west-1"],
            ["arn:aws:s3:::logs-abcdef/a.txt", "logs-abcdef"],
            ["arn:aws:s3:::logs-abcde1/a.txt", "logs-abcde1"],
            ["arn:aws:s3:::i-0123/a.txt", "i-0123"],
            ["arn:aws:s3:::i-a-b/a.txt", "i-a-b"],
            ["arn:aws:s3:::tgw-attach-b/a.txt", "tgw-attach-b"],
            ["arn:aws:s3:::lo-gs/a.txt", "lo-gs"],
            ["arn:aws:s3:::-logs/a.txt", "-logs"],
            ["arn:aws:s3:::logs-/a.txt", "logs-"],
            ["arn:aws:s3:::logs/a.txt:1", "logs"],
            ["arn:aws:s3:::logs/a.txt,b 1", "logs"],
            ["arn:aws:s3:::logs/a.txt", "logs "],
            ["arn:aws:s3:::é/a.txt", "é"],
        ] {
            assert_ne!(of(&other).unwrap().hash, one.hash, "{other:?}");
        }
        let [role, alike] =
            ["arn:aws:s3:::role/a/b", "arn:aws:s3:::role/c/d"].map(|text| of(&[text]).unwrap());
        assert_eq!(alike.names.as_slice(), ["eu-west-1", "c", "d"], "a bucket that is a word");
        assert_eq!(role.hash, alike.hash);
        let own = |key: &str| of(&["arn:aws:s3:::logs/a/b", key]).unwrap().hash;
        assert_ne!(own("a/b"), own("a/c"), "the object once more");
        assert_ne!(of(&["a", "b"]).unwrap().hash, of(&["b", "a"]).unwrap().hash, "order");
        assert!(of(&["Logs/logs"]).is_none(), "told apart by case only");
        assert!(of(&["a\\nb"]).is_none(), "an escape");
        assert!(of(&["a"; TEXTS + 1]).is_none());
    }

    #[test]
    fn names_are_replaced() {
        let stencil = Stencil::of("arn:aws:sns::logs/x/logs.txt", &["logs", "x"], true).unwrap();
        let mut out = String::new();
        stencil.write(&["media", "y"], &mut out);
        assert_eq!(out, "arn:aws:sns::media/y/media.txt");
        assert!(Stencil::of("arn:aws:s3:::logs-2", &["logs", "x"], true).is_none());
    }
}
