//! The intent file as people write it: TOML in, checked entries out, problems with their line.

use super::entry::{Entries, Wrong};
use super::{BreakGlass, Ci, Exclude, Intent, Keep, Loosen, Meta, Never, Prefix, boundary};
use crate::model::pattern::Pattern;
use crate::model::time::{Day, Timestamp};
use globset::{GlobBuilder, GlobMatcher};
use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

/// Something wrong with one entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: line {line}: {text}")]
pub struct Problem {
    /// Name of the file.
    pub file: String,
    /// Line, from one.
    pub line: usize,
    /// What is wrong, and what to do.
    pub text: String,
}

/// One value or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "write a text, or a list of texts")]
pub(super) enum Many {
    One(String),
    List(Vec<String>),
}

impl Many {
    pub(super) fn all(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::List(all) => all,
        }
    }
}

/// A time as TOML's own type or as text.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "write a day as 2027-03-31")]
pub(super) enum When {
    Time(toml::value::Datetime),
    Text(String),
}

impl When {
    fn text(&self) -> String {
        match self {
            Self::Time(time) => time.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantEntry {
    principal: Option<String>,
    action: Many,
    resource: Option<String>,
    owner: Option<String>,
    reason: Option<String>,
    expires: Option<When>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExcludeEntry {
    principal: Option<String>,
    session: Option<String>,
    #[serde(alias = "access_key_id")]
    access_key: Option<String>,
    #[serde(alias = "source_ip")]
    cidr: Option<Many>,
    user_agent: Option<String>,
    #[serde(alias = "from")]
    since: Option<When>,
    #[serde(alias = "to")]
    until: Option<When>,
    #[serde(alias = "event_ids", alias = "event")]
    events: Option<Many>,
    owner: Option<String>,
    reason: Option<String>,
    expires: Option<When>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrincipalEntry {
    principal: String,
    owner: Option<String>,
    reason: Option<String>,
    expires: Option<When>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrefixEntry {
    principal: Option<String>,
    #[serde(alias = "prefix", alias = "name")]
    value: String,
    owner: Option<String>,
    reason: Option<String>,
    expires: Option<When>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoosenEntry {
    principal: String,
    step: String,
    owner: Option<String>,
    reason: Option<String>,
    expires: Option<When>,
}

/// Reads an intent file: the entries that can be read, and everything that is wrong, each with its line.
#[must_use]
pub fn parse(name: &str, text: &str) -> (Intent, Vec<Problem>) {
    let mut reader = Reader { name, text, problems: Vec::new() };
    let mut file = match Entries::parse(text) {
        Ok(file) => file,
        Err(wrong) => {
            reader.tell(wrong);
            return (Intent::default(), reader.problems);
        }
    };
    let intent = Intent {
        keep: file.take("keep").into_iter().filter_map(|e| reader.keep(e)).collect(),
        never: file.take("never").into_iter().filter_map(|e| reader.never(e)).collect(),
        exclude: file.take("exclude").into_iter().filter_map(|e| reader.exclude(e)).collect(),
        break_glass: reader
            .principals(file.take("break_glass"), |meta, principal| BreakGlass { meta, principal }),
        prefix: file.take("prefix").into_iter().filter_map(|e| reader.prefix(e)).collect(),
        ci: reader.principals(file.take("ci"), |meta, principal| Ci { meta, principal }),
        loosen: file.take("loosen").into_iter().filter_map(|e| reader.loosen(e)).collect(),
        access_boundary: file
            .take("access_boundary")
            .into_iter()
            .map(|e| boundary::read(&mut reader, e))
            .collect(),
    };
    reader.tell(file.finish());
    reader.problems.sort_by_key(|problem| problem.line);
    (intent, reader.problems)
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

pub(super) struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

type Said = (Option<String>, Option<String>, Option<When>);

impl Reader<'_> {
    fn wrong(&mut self, line: usize, text: String) {
        self.problems.push(Problem { file: self.name.to_owned(), line, text });
    }

    fn tell(&mut self, all: Vec<Wrong>) {
        for (at, text) in all {
            self.wrong(line_of(self.text, at), text);
        }
    }

    pub(super) fn meta(&mut self, at: usize, (owner, reason, expires): Said) -> Meta {
        let line = line_of(self.text, at);
        let expires = expires.and_then(|when| {
            let day = Day::parse(&when.text());
            if day.is_none() {
                self.wrong(line, format!("`expires` is `{}`: write a day as 2027-03-31", when.text()));
            }
            day
        });
        let filled = |text: Option<String>| text.filter(|t| !t.trim().is_empty());
        Meta { file: self.name.to_owned(), line, owner: filled(owner), reason: filled(reason), expires }
    }

    fn glob(&mut self, line: usize, field: &str, text: &str) -> Option<GlobMatcher> {
        match GlobBuilder::new(text).literal_separator(false).backslash_escape(true).build() {
            Ok(glob) => Some(glob.compile_matcher()),
            Err(why) => {
                self.wrong(line, format!("`{field}` is `{text}`, which is no pattern: {}", why.kind()));
                None
            }
        }
    }

    fn optional(
        &mut self,
        line: usize,
        field: &str,
        text: Option<String>,
    ) -> Result<Option<GlobMatcher>, ()> {
        text.map(|text| self.glob(line, field, &text).ok_or(())).transpose()
    }

    fn actions(&mut self, line: usize, action: Many) -> Vec<String> {
        let all: Vec<String> = action.all();
        if all.is_empty() || all.iter().any(|a| a.trim().is_empty()) {
            self.wrong(line, "`action` is empty: name at least one action".to_owned());
        }
        all
    }

    fn keep(&mut self, entry: Spanned<GrantEntry>) -> Option<Keep> {
        let at = entry.span().start;
        let e = entry.into_inner();
        let meta = self.meta(at, (e.owner, e.reason, e.expires));
        let line = meta.line;
        for (field, missing) in [("owner", meta.owner.is_none()), ("reason", meta.reason.is_none())] {
            if missing {
                let text = format!(
                    "[[keep]] grants without evidence: `{field}` must say who answers for it, and why"
                );
                self.wrong(line, text);
            }
        }
        let principal = self.optional(line, "principal", e.principal).ok()?;
        let actions = self.actions(line, e.action);
        if let Some(wild) = actions.iter().find(|a| a.contains(['*', '?'])) {
            self.wrong(line, format!("`action` is `{wild}`: [[keep]] takes whole actions, no wildcards"));
        }
        if e.resource.as_deref() == Some("") {
            self.wrong(
                line,
                "`resource` is empty: leave it out for actions without resource types".to_owned(),
            );
        }
        let resource = e.resource.filter(|r| r != "*").map(|r| Pattern::parse(&r));
        Some(Keep { meta, principal, actions, resource })
    }

    fn never(&mut self, entry: Spanned<GrantEntry>) -> Option<Never> {
        let at = entry.span().start;
        let e = entry.into_inner();
        let meta = self.meta(at, (e.owner, e.reason, e.expires));
        let principal = self.optional(meta.line, "principal", e.principal).ok()?;
        let actions = self.actions(meta.line, e.action);
        if e.resource.is_none() && actions.iter().any(|action| is_any(action)) {
            let text = "[[never]] of every action would leave nothing: name services (`iam:*`) or a `resource`; \
                        principals that are to get no document go under [[break_glass]]";
            self.wrong(meta.line, text.to_owned());
        }
        let actions = actions.iter().map(|a| Pattern::parse(&a.to_ascii_lowercase())).collect();
        let resource = e.resource.map(|r| Pattern::parse(&r));
        Some(Never { meta, principal, actions, resource })
    }

    fn time(&mut self, line: usize, field: &str, when: Option<When>, end: bool) -> Option<Timestamp> {
        let text = when?.text();
        let whole = if end { "T23:59:59.999999Z" } else { "T00:00:00Z" };
        let at = Timestamp::parse(&text).or_else(|| Timestamp::parse(&format!("{text}{whole}")));
        if at.is_none() {
            self.wrong(line, format!("`{field}` is `{text}`: write 2026-11-03 or 2026-11-03T09:00:00Z"));
        }
        at
    }

    fn exclude(&mut self, entry: Spanned<ExcludeEntry>) -> Option<Exclude> {
        let at = entry.span().start;
        let e = entry.into_inner();
        let meta = self.meta(at, (e.owner, e.reason, e.expires));
        let line = meta.line;
        let mut networks = Vec::new();
        for text in e.cidr.map(Many::all).unwrap_or_default() {
            match network(&text) {
                Some(network) => networks.push(network),
                None => self.wrong(line, format!("`cidr` is `{text}`: write 203.0.113.0/24 or one address")),
            }
        }
        let exclude = Exclude {
            principal: self.optional(line, "principal", e.principal).ok()?,
            session: self.optional(line, "session", e.session).ok()?,
            user_agent: self.optional(line, "user_agent", e.user_agent).ok()?,
            access_key: e.access_key,
            networks,
            since: self.time(line, "since", e.since, false),
            until: self.time(line, "until", e.until, true),
            events: e.events.map(Many::all).unwrap_or_default(),
            meta,
        };
        if let (Some(since), Some(until)) = (exclude.since, exclude.until)
            && since > until
        {
            self.wrong(line, "`since` is after `until`: no time lies between them".to_owned());
        }
        let selectors = [&exclude.principal, &exclude.session, &exclude.user_agent];
        let narrows = selectors.into_iter().flatten().any(|glob| !is_any(glob.glob().glob()));
        if exclude.selects() && !narrows && !exclude.selects_otherwise() {
            self.wrong(line, "[[exclude]] selects every event: say which".to_owned());
        }
        if !exclude.selects() {
            let text = "[[exclude]] selects nothing: give session, access_key, principal, cidr, user_agent, since, until or events";
            self.wrong(line, text.to_owned());
        }
        Some(exclude)
    }

    fn principals<T>(
        &mut self,
        entries: Vec<Spanned<PrincipalEntry>>,
        make: impl Fn(Meta, GlobMatcher) -> T,
    ) -> Vec<T> {
        let mut all = Vec::new();
        for entry in entries {
            let at = entry.span().start;
            let e = entry.into_inner();
            let meta = self.meta(at, (e.owner, e.reason, e.expires));
            if is_any(&e.principal) {
                self.wrong(
                    meta.line,
                    format!(
                        "`principal` is `{}`, which is everybody: name those that are meant",
                        e.principal
                    ),
                );
            }
            if let Some(principal) = self.glob(meta.line, "principal", &e.principal) {
                all.push(make(meta, principal));
            }
        }
        all
    }

    fn prefix(&mut self, entry: Spanned<PrefixEntry>) -> Option<Prefix> {
        let at = entry.span().start;
        let e = entry.into_inner();
        let meta = self.meta(at, (e.owner, e.reason, e.expires));
        let principal = self.optional(meta.line, "principal", e.principal).ok()?;
        let value = e.value.trim_end_matches('*').to_owned();
        if value.chars().filter(char::is_ascii_alphanumeric).count() < 2 {
            self.wrong(
                meta.line,
                format!("[[prefix]] is `{value}`: a prefix needs at least two letters or digits"),
            );
        }
        Some(Prefix { meta, principal, value })
    }

    fn loosen(&mut self, entry: Spanned<LoosenEntry>) -> Option<Loosen> {
        let at = entry.span().start;
        let e = entry.into_inner();
        let meta = self.meta(at, (e.owner, e.reason, e.expires));
        let principal = self.glob(meta.line, "principal", &e.principal)?;
        Some(Loosen { meta, principal, step: e.step })
    }
}

/// Whether a pattern leaves nothing out.
fn is_any(pattern: &str) -> bool {
    pattern.contains('*') && pattern.chars().all(|c| matches!(c, '*' | '?' | ':'))
}

fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<(usize, String)> {
        parse("intent.toml", text).1.into_iter().map(|p| (p.line, p.text)).collect()
    }

    #[test]
    fn every_problem_has_its_line() {
        let text = "\n[[keep]]\naction = 's3:*'\nowner = 'ana'\n\n[[exclude]]\ncidr = '10.0.0.0/40'\n\n[[exclude]]\nowner = 'x'\n";
        let found = problems(text);
        assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 2, 6, 6, 9], "{found:?}");
        let (line, text) = problems("[[never]]\naction = 'iam:*'\nprincipel = 'x'\n").remove(0);
        assert_eq!(line, 3);
        assert!(text.contains("principel") && text.contains("principal"), "{text}");
        assert_eq!(problems("[[keep]\n").len(), 1);
    }

    #[test]
    fn entries_expire_after_their_last_day() {
        let text = "[[never]]\naction = 'iam:*'\nexpires = 2026-11-03\n[[ci]]\nprincipal = '*ci*'\n";
        let day = |text| Day::parse(text).unwrap();
        let (intent, wrong) = parse("intent.toml", text);
        assert_eq!(wrong, []);
        assert!(intent.clone().on(day("2026-11-03")).1.is_empty());
        let (left, gone) = intent.on(day("2026-11-04"));
        assert_eq!(
            (left.never.len(), left.ci.len(), gone),
            (0, 1, vec!["intent.toml line 1 [[never]]".to_owned()])
        );
    }
}
