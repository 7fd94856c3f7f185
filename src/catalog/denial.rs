//! What refusals say and what can be done about them: `data/*/denial.toml`.

use super::platform::glob;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A kind of policy that refuses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyKind {
    /// The word scripts rely on.
    pub id: String,
    /// What messages call it.
    #[serde(default)]
    pub names: Vec<String>,
    /// Whether a further grant to the principal mends it where no deny statement matched.
    pub mends: bool,
    /// What to do where nothing allowed the call, or the message does not say.
    pub implicit: String,
    /// What to do where a deny statement matched.
    pub explicit: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// A whole answer, or a part of one, that tells who refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phrase {
    /// Text that the message contains, whatever its case.
    #[serde(default)]
    pub text: String,
    /// Error code or reason that the answer has.
    #[serde(default)]
    pub code: String,
    /// The kind of policy.
    pub by: String,
    /// Whether it tells of a deny statement.
    pub explicit: Option<bool>,
    /// The actions that lack, where they are not those of the call, each with the events it is about; none: all.
    #[serde(default)]
    pub needs: BTreeMap<String, Vec<String>>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Actions of which more is to be known, such as a second policy that has to allow them as well.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Also {
    /// Actions, `*` allowed.
    pub actions: Vec<String>,
    /// Only where that kind of policy refused.
    #[serde(default)]
    pub by: Option<String>,
    /// What else is needed, or possible.
    pub advice: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// A resource type as messages call it before a bare name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noun {
    /// The words.
    pub words: String,
    /// `prefix:type`; empty where the name is none of a resource.
    pub resource: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Words of answers in which the names of resources stand, `says = "query table {project}:{dataset}.{table}"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    /// The words, whatever their case; the names in braces are one word.
    pub says: String,
    /// The permission that such an answer is about, where the answer leaves it out.
    #[serde(default)]
    pub permission: String,
    /// The resource, with the same names.
    pub resource: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// What messages name that is no resource: the action is then authorised on `*`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoResource {
    /// Actions.
    pub actions: Vec<String>,
    /// How the name starts.
    pub starts: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// `denial.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenialFile {
    /// Kinds of policies.
    #[serde(default)]
    pub kind: Vec<PolicyKind>,
    /// Answers.
    #[serde(default)]
    pub phrase: Vec<Phrase>,
    /// Further needs.
    #[serde(default)]
    pub also: Vec<Also>,
    /// Types by their words.
    #[serde(default)]
    pub noun: Vec<Noun>,
    /// Resources by the words around their names.
    #[serde(default)]
    pub wording: Vec<Wording>,
    /// Names of what is no resource.
    #[serde(default)]
    pub no_resource: Vec<NoResource>,
}

/// The word for a refusal whose policy is not told.
pub const UNKNOWN: &str = "unknown";

impl Phrase {
    /// The actions that lack when the event is answered so, where they are not its own.
    pub fn needed<'a, 'e>(&'a self, event: &'e str) -> impl Iterator<Item = &'a str> + use<'a, 'e> {
        let fits =
            move |(_, events): &(_, &Vec<String>)| events.is_empty() || events.iter().any(|e| e == event);
        self.needs.iter().filter(fits).map(|(action, _)| action.as_str())
    }
}

impl Wording {
    /// The word of the answer that holds the names, and the resource they make.
    fn find<'t>(&self, text: &'t str) -> Option<(&'t str, String)> {
        let (lead, names) = self.says.split_at(self.says.find('{')?);
        let names = names.split_at(names.rfind('}')? + 1).0;
        let lower = text.to_ascii_lowercase();
        let ends = |c: char| c.is_whitespace() || "'\"`,()[]{}".contains(c);
        lower.match_indices(&lead.to_ascii_lowercase()).find_map(|(at, _)| {
            let whole = text.get(..at)?.chars().next_back().is_none_or(|c| !c.is_alphanumeric());
            let rest = text.get(at + lead.len()..).filter(|_| whole)?;
            let word = rest.split(ends).next()?.trim_end_matches(['.', ':', ';']);
            Some((word, filled(&self.resource, names, word)?))
        })
    }
}

/// The resource with the names that `word` has for `names`, read from the right: only the first may hold what parts them.
fn filled(resource: &str, names: &str, word: &str) -> Option<String> {
    let (mut names, mut word, mut resource) = (names, word, resource.to_owned());
    loop {
        let (before, name) = names.strip_suffix('}')?.rsplit_once('{')?;
        let parted = before.rsplit_once('}').map(|(_, parted)| parted);
        let (rest, own) = parted.map_or(Some(("", word)), |parted| word.rsplit_once(parted))?;
        if !is_name(name, own) {
            return None;
        }
        resource = resource.replace(&format!("{{{name}}}"), own);
        let Some(parted) = parted else { return Some(resource) };
        (names, word) = (before.strip_suffix(parted)?, rest);
    }
}

/// Whether the word can be the name of such a thing: ids of projects have six characters at least, addresses an `@`.
fn is_name(kind: &str, word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:@$".contains(c);
    let fits = match kind {
        "account" => word.contains('@'),
        "project" => word.len() >= 6 && !word.contains(|c: char| c.is_ascii_uppercase() || c == '_'),
        _ => true,
    };
    fits && !word.is_empty() && word.chars().all(plain)
}

impl DenialFile {
    /// The first wording that the answer has: with the word that holds the names, and the resource.
    #[must_use]
    pub fn worded<'t>(&self, text: &'t str) -> Option<(&Wording, &'t str, String)> {
        self.wording.iter().find_map(|row| row.find(text).map(|(word, resource)| (row, word, resource)))
    }

    /// The kind with that id.
    #[must_use]
    pub fn kind(&self, id: &str) -> Option<&PolicyKind> {
        self.kind.iter().find(|kind| kind.id == id)
    }

    /// The kind that a message calls so, whatever its case.
    #[must_use]
    pub fn called(&self, name: &str) -> Option<&PolicyKind> {
        self.kind.iter().find(|kind| kind.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
    }

    /// What else is to be known of an action that was refused so.
    pub fn also<'a>(&'a self, action: &'a str, by: &'a str) -> impl Iterator<Item = &'a str> {
        let fits = move |row: &&Also| {
            row.actions.iter().any(|known| glob(known, action))
                && row.by.as_deref().is_none_or(|kind| kind == by)
        };
        self.also.iter().filter(fits).map(|row| row.advice.as_str())
    }

    /// The first phrase that the answer fits.
    #[must_use]
    pub fn phrase(&self, message: &str, code: &str) -> Option<&Phrase> {
        let message = message.to_ascii_lowercase();
        self.phrase.iter().find(|row| {
            let text = !row.text.is_empty() && message.contains(&row.text.to_ascii_lowercase());
            text || (!row.code.is_empty() && row.code.eq_ignore_ascii_case(code))
        })
    }
}
