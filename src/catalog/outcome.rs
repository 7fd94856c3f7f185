//! Which error code proves what (semantics rule 1): `data/*/outcome.toml`.

use crate::model::pattern::Pattern;
use crate::model::usage::Outcome;
use serde::Deserialize;

/// Codes of one outcome.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeRule {
    /// `failed`, `unproven` or `denied`.
    pub outcome: String,
    /// Codes; `*` allowed at either end.
    pub codes: Vec<String>,
    /// Only where the whole message is like this; `*` for what varies.
    pub message: Option<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// How else a code is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spelling {
    /// The code.
    pub code: String,
    /// What stands in its place.
    pub written: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Codes with which something beside the permissions refuses a call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusing {
    /// The codes.
    pub codes: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// `outcome.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeFile {
    /// Rows.
    #[serde(default)]
    pub code: Vec<CodeRule>,
    /// Other spellings of codes.
    #[serde(default)]
    pub spelling: Vec<Spelling>,
    /// Codes of refusals.
    #[serde(default)]
    pub refusing: Vec<Refusing>,
}

/// One code of a row.
#[derive(Debug)]
struct Code {
    /// What it is without stars, in small letters.
    core: String,
    /// Whether anything may stand before it, and behind it.
    open: (bool, bool),
    message: Option<Pattern>,
    outcome: Outcome,
}

/// The codes, ready to look up.
#[derive(Debug, Default)]
pub struct Outcomes {
    codes: Vec<Code>,
    spellings: Vec<Spelling>,
    refusing: Vec<Refusing>,
}

impl Outcomes {
    /// Prepares the table.
    #[must_use]
    pub fn new(file: OutcomeFile) -> Self {
        let mut all = Vec::new();
        for rule in file.code {
            let Some(outcome) = parse(&rule.outcome) else { continue };
            let message = rule.message.as_deref().map(Pattern::parse);
            all.extend(rule.codes.into_iter().map(|code| Code {
                core: code.trim_matches('*').to_ascii_lowercase(),
                open: (code.starts_with('*'), code.ends_with('*')),
                message: message.clone(),
                outcome,
            }));
        }
        Self { codes: all, spellings: file.spelling, refusing: file.refusing }
    }

    /// The code that is also written so.
    #[must_use]
    pub fn spelled(&self, written: &str) -> Option<&str> {
        let row = self.spellings.iter().find(|row| row.written.iter().any(|one| one == written))?;
        Some(&row.code)
    }

    /// Whether something beside the permissions may have refused with this code.
    #[must_use]
    pub fn refuses(&self, code: &str) -> bool {
        self.refusing.iter().any(|row| row.codes.iter().any(|one| one == code))
    }

    /// The outcome of `code`; the longest literal match wins, an exact one first, and a row that knows the message before
    /// those that do not.
    #[must_use]
    pub fn get(&self, code: &str, message: &str) -> Option<Outcome> {
        let code = code.to_ascii_lowercase();
        let code = ["client.", "server."].iter().find_map(|p| code.strip_prefix(p)).unwrap_or(&code);
        let said = |row: &Code| row.message.as_ref().is_none_or(|known| known.matches(message));
        let fits = self.codes.iter().filter_map(|row| {
            let score = row.score(code)?;
            said(row).then_some((row.message.is_some(), score, row.outcome))
        });
        fits.max().map(|(_, _, outcome)| outcome)
    }
}

fn parse(word: &str) -> Option<Outcome> {
    match word {
        "failed" => Some(Outcome::Failed),
        "unproven" => Some(Outcome::Unproven),
        "denied" => Some(Outcome::Denied),
        _ => None,
    }
}

impl Code {
    /// How much of a code it says, where it fits.
    fn score(&self, code: &str) -> Option<usize> {
        let core = self.core.as_str();
        let fits = match self.open {
            (true, true) => code.contains(core),
            (true, false) => code.ends_with(core),
            (false, true) => code.starts_with(core),
            (false, false) => code == core,
        };
        fits.then_some(if self.open == (false, false) { usize::MAX } else { core.len() })
    }
}
