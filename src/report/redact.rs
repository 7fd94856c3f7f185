//! Identities as stable pseudonyms, for what is shown to others (semantics rule 23).
//!
//! Who acted, where, and in which session is replaced: names of roles, users, groups and permission sets, sessions, e-mail
//! addresses, access keys, accounts and projects. A name that the log knows as a principal's is replaced wherever it stands
//! as a word; it is better to hide a word too many. Actions, times and ids of records stay.

use super::scan::{self, Found};
use crate::aggregate::Usage;
use crate::cloud;
use crate::model::identity::PrincipalUse;
use crate::pipeline::Plan;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Fields whose values are words of the program or the clouds, times, or ids of records.
const KEPT: [&str; 27] = [
    "Action",
    "Effect",
    "access",
    "action",
    "actions",
    "at",
    "basis",
    "by",
    "cloud",
    "code",
    "denied_by",
    "disposition",
    "drift",
    "event",
    "first",
    "kind",
    "last",
    "level",
    "outcome",
    "path",
    "plane",
    "rule",
    "rules",
    "sample",
    "sha256",
    "status",
    "target",
];
/// Letters of a pseudonym: none of them makes an account id.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// How many of them it has.
const LENGTH: usize = 10;
/// Bytes that SHA-256 takes at once.
const BLOCK: usize = 64;

/// Replaces identities; one that is off changes nothing.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    on: bool,
    key: Vec<u8>,
    /// Words that stand for somebody, and what is written instead.
    known: BTreeMap<String, String>,
    /// Lengths of those words.
    lengths: BTreeSet<usize>,
}

impl Redactor {
    /// One that replaces. Without a key, whoever guesses an identity can check the guess.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let key = if key.len() > BLOCK { Sha256::digest(key).to_vec() } else { key.to_vec() };
        Self { on: true, key, ..Self::default() }
    }

    /// Whether anything is replaced.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Takes in who is in the log, and where.
    #[must_use]
    pub fn knowing(mut self, usage: &Usage) -> Self {
        if self.on {
            for row in &usage.rows {
                self.place(&row.scope);
            }
            usage.principals.iter().for_each(|who| self.principal(who));
        }
        self
    }

    /// Takes in who has a folder, and under which name.
    #[must_use]
    pub fn with(mut self, plans: &[Plan<'_>]) -> Self {
        if self.on {
            for plan in plans {
                self.principal(&plan.who);
                let instead = tail(&self.id(&plan.who.id));
                // Names of roles have no hyphens.
                self.learn(&plan.slug.replace('-', "_"), instead.replace('-', "_"));
                self.learn(&plan.slug, instead);
            }
        }
        self
    }

    fn learn(&mut self, word: &str, instead: String) {
        if !word.is_empty() {
            self.lengths.insert(word.len());
            self.known.entry(word.to_owned()).or_insert(instead);
        }
    }

    fn place(&mut self, scope: &str) {
        let name = scope.strip_prefix("projects/").unwrap_or(scope);
        // Other scopes say what they are.
        if !name.is_empty() && !name.contains('/') {
            let instead =
                if scan::account(name) { self.name("account", name) } else { self.name("project", name) };
            self.learn(name, instead);
        }
    }

    fn principal(&mut self, who: &PrincipalUse) {
        self.place(&who.home);
        if who.id.is_empty() {
            return;
        }
        let instead = self.id(&who.id);
        if instead == who.id {
            return;
        }
        let name = cloud::by_id(who.cloud).map(|cloud| cloud.place(&who.id, &who.home));
        if let Some((_, name)) = name.filter(|(_, name)| !scan::account(name) && !who.id.ends_with(":root")) {
            self.learn(name, tail(&instead));
        }
    }

    /// The pseudonym of a name; an e-mail address is the same person under any label.
    #[must_use]
    pub fn name(&self, label: &str, name: &str) -> String {
        let lower = name.to_lowercase();
        let (label, name) = if scan::is_email(name) { ("email", lower.as_str()) } else { (label, name) };
        format!("{label}-{}", self.code(name))
    }

    fn code(&self, text: &str) -> String {
        let pad = |with: u8| {
            let mut block = [with; BLOCK];
            block.iter_mut().zip(&self.key).for_each(|(b, k)| *b ^= k);
            block
        };
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text.as_bytes()).finalize();
        let mac = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
        let letter =
            |byte: &u8| LETTERS.get(usize::from(byte & 31)).map_or('a', |letter| char::from(*letter));
        mac.iter().take(LENGTH).map(letter).collect()
    }

    /// The longest known word that the text begins with.
    fn word(&self, rest: &str) -> Found {
        let all = self.lengths.iter().rev().filter_map(|length| {
            let (word, after) = rest.split_at_checked(*length)?;
            let mut next = after.chars();
            let end = next.next();
            let inside = end.is_some_and(char::is_alphanumeric);
            // `lambda:InvokeFunction` names a service, whoever else is called so.
            let action = end == Some(':') && next.next().is_some_and(|c| c.is_ascii_uppercase());
            if inside || action { None } else { Some((*length, self.known.get(word)?.clone())) }
        });
        let mut all = all;
        all.next()
    }

    /// A text with its identities replaced.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        if !self.on {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        let (mut rest, mut before) = (text, None::<char>);
        while let Some(next) = rest.chars().next() {
            let found = self.at(rest, before).filter(|(length, _)| *length > 0);
            let (length, new) = found.unwrap_or_else(|| (next.len_utf8(), next.to_string()));
            let Some((taken, after)) = rest.split_at_checked(length) else { break };
            out.push_str(&new);
            before = taken.chars().next_back();
            rest = after;
        }
        out
    }

    fn at(&self, rest: &str, before: Option<char>) -> Found {
        let starts = !before.is_some_and(char::is_alphanumeric);
        if !starts {
            // Accounts are glued to names of buckets; any twelve digits are not accounts.
            let digits = scan::digits(rest).filter(|run| scan::account(run) && self.known.contains_key(*run));
            let run = digits.filter(|_| !before.is_some_and(|c| c.is_ascii_digit()))?;
            return Some((run.len(), self.name("account", run)));
        }
        let name = |label: &str, text: &str| self.name(label, text);
        scan::structured(rest, &name).or_else(|| self.word(rest))
    }

    /// The id of a principal, or an actor as logged: what nothing in it explains is replaced as a whole.
    #[must_use]
    pub fn id(&self, id: &str) -> String {
        if !self.on || id.is_empty() || id.ends_with(":root") && id.starts_with("arn:") {
            return self.text(id);
        }
        let known = [
            "arn:",
            "permission-set/",
            "account/",
            "user:",
            "serviceAccount:",
            "principal:",
            "principalSet:",
        ];
        let told = scan::is_email(id) || known.iter().any(|known| id.starts_with(known));
        let redacted = self.text(id);
        if told && redacted != id {
            return redacted;
        }
        // `AROA…:session`, `111122223333:name`
        match id.split_once(':').filter(|(head, _)| scan::account(head) || scan::unique_id(head)) {
            Some((head, session)) => format!("{}:{}", self.text(head), self.name("session", session)),
            None => self.name("actor", id),
        }
    }

    /// A value with the identities in its texts replaced.
    #[must_use]
    pub fn value(&self, value: Value) -> Value {
        if !self.on {
            return value;
        }
        match value {
            Value::String(text) => json!(self.text(&text)),
            Value::Array(all) => all.into_iter().map(|one| self.value(one)).collect(),
            Value::Object(map) => map.into_iter().map(|(key, value)| self.field(key, value)).collect(),
            other => other,
        }
    }

    fn field(&self, key: String, value: Value) -> (String, Value) {
        let value = match value {
            Value::String(id) if matches!(key.as_str(), "principal" | "actor") => json!(self.id(&id)),
            value if KEPT.contains(&key.as_str()) => value,
            value => self.value(value),
        };
        (key, value)
    }

    /// The same for rows of a table or lines of JSON.
    #[must_use]
    pub fn rows(&self, rows: Vec<Value>) -> Vec<Value> {
        rows.into_iter().map(|row| self.value(row)).collect()
    }

    /// The folder of a principal's files.
    #[must_use]
    pub fn folder(&self, plan: &Plan<'_>) -> String {
        if !self.on {
            return plan.folder();
        }
        format!("{}/{}/{}", plan.who.cloud, self.text(&plan.account), tail(&self.id(&plan.who.id)))
    }

    /// The manifest: without the memory, which pseudonyms would make useless, and marked so that none looks for it.
    #[must_use]
    pub fn manifest(&self, manifest: Value) -> Value {
        let mut manifest = self.value(manifest);
        if let Some(map) = manifest.as_object_mut().filter(|_| self.on) {
            map.insert("redacted".to_owned(), json!(true));
            let lists = ["principals", "tally"].map(|key| map.get_mut(key).map(Value::take));
            let [mut principals, mut tally] = lists;
            for who in principals.iter_mut().filter_map(Value::as_array_mut).flatten() {
                if let Some(state) = who.get_mut("documents").filter(|state| **state == "written") {
                    *state = json!("left-out");
                }
            }
            let unreadable = tally.as_mut().and_then(|tally| tally.get_mut("unreadable"));
            for path in unreadable
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
                .filter_map(|u| u.get_mut("path"))
            {
                *path = json!(self.text(path.as_str().unwrap_or("")));
            }
            for (key, list) in [("principals", principals), ("tally", tally)] {
                if let (Some(place), Some(list)) = (map.get_mut(key), list) {
                    *place = list;
                }
            }
        }
        manifest
    }
}

/// The last part of an id, fit for a folder's name.
fn tail(id: &str) -> String {
    let last = id.rsplit(['/', ':']).next().unwrap_or(id);
    let fit = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    last.chars().map(fit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_keyed_hash_of_the_standard() {
        // RFC 4231, test case 2: 5bdcc146bf60754e6a04…
        let first = [0x5b_u8, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04];
        let wanted: String = first.iter().map(|b| char::from(LETTERS[usize::from(b & 31)])).collect();
        assert_eq!(Redactor::new(b"Jefe").code("what do ya want for nothing?"), wanted);
    }

    #[test]
    fn what_is_off_changes_nothing() {
        let text = "arn:aws:iam::111122223333:user/ana";
        assert_eq!(Redactor::default().text(text), text);
        assert_eq!(Redactor::default().id(text), text);
    }

    #[test]
    fn identities_are_found_in_larger_texts() {
        let redactor = Redactor::new(b"a key of some length");
        let hidden =
            ["ana", "alpha", "ops", "i-am-a-session", "111122223333", "acme", "example.com", "AKIA", "AROA"];
        for text in [
            "arn:aws:iam::111122223333:user/ops/ana",
            "arn:aws-cn:iam::111122223333:role/alpha and arn:aws:sts::111122223333:assumed-role/alpha/i-am-a-session, too",
            "arn:aws:iam::111122223333:role/<arn:aws:ecs:eu-west-1:111122223333:task-definition/x>",
            "AROAEXAMPLEEXAMPLE12:i-am-a-session",
            "the key AKIAIOSFODNN7EXAMPLE of ana@example.com",
            "user:ana@example.com",
            "//iam.googleapis.com/projects/acme-prod/serviceAccounts/alpha@acme-prod.iam.gserviceaccount.com",
            "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/repo:acme/x",
            "permission-set/ana",
            "arn:aws:s3:::cf-templates-111122223333-eu-west-1/ana@example.com/x",
        ] {
            let got = redactor.text(text);
            for word in hidden {
                assert!(!got.contains(word), "{text}: {got}");
            }
            assert_eq!(got, redactor.text(text));
        }
        assert_eq!(
            redactor.text("arn:aws:s3:::data/2026 s3:GetObject 1234567890123"),
            "arn:aws:s3:::data/2026 s3:GetObject 1234567890123"
        );
        assert_eq!(
            redactor.text("arn:aws:iam::aws:policy/ReadOnlyAccess"),
            "arn:aws:iam::aws:policy/ReadOnlyAccess"
        );
    }

    #[test]
    fn an_actor_that_nothing_explains_is_replaced_as_a_whole() {
        let redactor = Redactor::new(b"");
        assert!(redactor.id("somebody").starts_with("actor-"));
        assert!(redactor.id("111122223333:bob").starts_with("account-"));
        assert!(!redactor.id("111122223333:bob").contains("bob"));
        let session = redactor.id("arn:aws:sts::111122223333:assumed-role/app/ana@example.com");
        let email = redactor.id("Ana@example.com");
        assert!(session.ends_with(&email), "{session} {email}");
        assert_ne!(email, Redactor::new(b"another").id("ana@example.com"));
    }

    #[test]
    fn words_that_stand_for_somebody_are_replaced_and_actions_are_not() {
        let mut redactor = Redactor::new(b"");
        redactor.learn("lambda", "role-x".to_owned());
        redactor.learn("111122223333", "account-y".to_owned());
        assert_eq!(
            redactor.text("lambda-logs lambda:InvokeFunction lambdas"),
            "role-x-logs lambda:InvokeFunction lambdas"
        );
        assert!(!redactor.text("logs111122223333x").contains("111122223333"));
        let value = redactor.value(json!({"action": "lambda", "resource": ["lambda"], "principal": null}));
        assert_eq!(value, json!({"action": "lambda", "resource": ["role-x"], "principal": null}));
    }
}
