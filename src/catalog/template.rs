//! ARN templates of the Service Authorization Reference: `arn:${Partition}:s3:::${BucketName}/${ObjectName}`.

use crate::wire::leaves::normal;

/// One part of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// These characters.
    Text(&'static str),
    /// `${Name}`.
    Var(&'static str),
}

/// A parsed template.
#[derive(Clone, Debug)]
pub struct Template {
    /// Its parts in order.
    pub parts: Vec<Part>,
    /// Placeholders beside partition, region and account, with the names that parameters may have for them.
    own: Vec<(&'static str, String)>,
    /// Literal characters.
    literal: usize,
    /// What a name must have right behind its fifth colon: told before anything else is compared.
    first: Option<&'static str>,
}

/// Placeholders that are the same in every template.
pub const PARTITION: &str = "Partition";
/// See [`PARTITION`].
pub const REGION: &str = "Region";
/// See [`PARTITION`].
pub const ACCOUNT: &str = "Account";
const ACCOUNT_ID: &str = "AccountId";

impl Template {
    /// Reads a template; text after a broken `${` stands for itself, and a `*` is a placeholder without a name.
    #[must_use]
    pub fn parse(mut text: &'static str) -> Self {
        let (mut parts, mut colons) = (Vec::new(), 0);
        while let Some((before, after)) = text.split_once("${") {
            let Some((name, rest)) = after.split_once('}') else { break };
            literal(before, &mut parts);
            colons += before.matches(':').count();
            // A few services write the account field so; elsewhere it is a name like any other.
            parts.push(Part::Var(if name == ACCOUNT_ID && colons == 4 { ACCOUNT } else { name }));
            text = rest;
        }
        literal(text, &mut parts);
        let own = parts.iter().filter_map(|part| match part {
            Part::Var(name) if ![PARTITION, REGION, ACCOUNT].contains(name) => Some(*name),
            _ => None,
        });
        let core =
            |name: &str| normal(name.trim_end_matches("WithPath").trim_end_matches("WithoutLeadingSlash"));
        let own = own.map(|name| (name, core(name))).collect();
        let literal = parts.iter().map(|p| if let Part::Text(t) = p { t.len() } else { 0 }).sum();
        let first = first(&parts);
        Self { parts, own, literal, first }
    }

    /// The service that stands in the template, where it is no placeholder.
    #[must_use]
    pub fn service(&self) -> Option<&'static str> {
        match self.parts.get(2) {
            Some(Part::Text(text)) => text.strip_prefix(':')?.split(':').next(),
            _ => None,
        }
    }

    /// Whether a letter, a digit, a dash or an underscore stands next to a placeholder, but for a dash between two.
    #[must_use]
    pub fn is_glued(&self) -> bool {
        let of_name = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        self.parts.windows(2).any(|pair| match pair {
            [Part::Text(text), Part::Var(_)] => *text != "-" && of_name(text.chars().next_back()),
            [Part::Var(_), Part::Text(text)] => *text != "-" && of_name(text.chars().next()),
            _ => true,
        })
    }

    /// Placeholders beside partition, region and account.
    pub fn own_vars(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.own.iter().map(|(name, _)| *name)
    }

    /// The normalised name of a placeholder, as parameters are called.
    #[must_use]
    pub fn core(&self, var: &str) -> &str {
        self.own.iter().find(|(name, _)| *name == var).map_or("", |(_, core)| core)
    }

    /// Writes the template with every placeholder replaced; `None` as soon as one has no value.
    pub fn fill<'v>(
        &self,
        mut value: impl FnMut(&'static str) -> Option<std::borrow::Cow<'v, str>>,
    ) -> Option<String> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Var(name) => out.push_str(&value(name)?),
            }
        }
        Some(out)
    }

    /// How many literal characters `arn` shares with the template; `None` when it does not match.
    ///
    /// A placeholder matches anything but nothing, `${Partition}`, `${Region}` and `${Account}` no colon. The more
    /// literal characters, the more specific the type.
    #[must_use]
    pub fn matches(&self, arn: &str) -> Option<usize> {
        self.matches_own(arn, own_part(arn))
    }

    /// The same, where the name's [`own_part`] is known.
    #[must_use]
    pub fn matches_own(&self, arn: &str, own: Option<&str>) -> Option<usize> {
        if let Some(first) = self.first
            && !own?.starts_with(first)
        {
            return None;
        }
        matches_from(&self.parts, arn).then_some(self.literal)
    }
}

/// What stands behind the fifth colon of an ARN.
#[must_use]
pub fn own_part(arn: &str) -> Option<&str> {
    let (at, _) = arn.bytes().enumerate().filter(|(_, byte)| *byte == b':').nth(4)?;
    arn.get(at + 1..)
}

/// The literal text behind the fifth colon, where nothing before it may hold a colon of its own.
fn first(parts: &[Part]) -> Option<&'static str> {
    let mut colons = 0;
    for part in parts {
        match part {
            Part::Var(name) if [PARTITION, REGION, ACCOUNT].contains(name) => {}
            Part::Var(_) => return None,
            Part::Text(text) => match text.bytes().enumerate().filter(|(_, b)| *b == b':').nth(4 - colons) {
                Some((at, _)) => return text.get(at + 1..),
                None => colons += text.matches(':').count(),
            },
        }
    }
    None
}

fn literal(text: &'static str, parts: &mut Vec<Part>) {
    for (at, piece) in text.split('*').enumerate() {
        if at > 0 {
            parts.push(Part::Var("*"));
        }
        if !piece.is_empty() {
            parts.push(Part::Text(piece));
        }
    }
}

fn matches_from(parts: &[Part], text: &str) -> bool {
    match parts.split_first() {
        None => text.is_empty(),
        Some((Part::Text(literal), rest)) => {
            text.strip_prefix(literal).is_some_and(|t| matches_from(rest, t))
        }
        Some((Part::Var(name), rest)) => {
            let scope = [PARTITION, REGION, ACCOUNT].contains(name);
            if scope {
                let end = text.find(':').unwrap_or(text.len());
                return matches_from(rest, text.get(end..).unwrap_or(""));
            }
            if rest.is_empty() {
                return !text.is_empty();
            }
            text.char_indices().skip(1).any(|(at, _)| matches_from(rest, text.get(at..).unwrap_or("")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_and_tells_the_more_specific() {
        let table = Template::parse("arn:${Partition}:dynamodb:${Region}:${Account}:table/${TableName}");
        let index = Template::parse(
            "arn:${Partition}:dynamodb:${Region}:${Account}:table/${TableName}/index/${IndexName}",
        );
        let arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders/index/by-date";
        assert!(index.matches(arn) > table.matches(arn));
        assert_eq!(index.matches("arn:aws:dynamodb:eu-central-1:111122223333:table/orders"), None);
        assert_eq!(table.matches("arn:aws:dynamodb:eu-central-1:111122223333:table/"), None);
        assert_eq!(table.own_vars().collect::<Vec<_>>(), ["TableName"]);
    }

    #[test]
    fn what_is_told_at_first_is_what_would_be_told_at_last() {
        let aws = crate::catalog::aws();
        let services = aws.table.prefixes().filter_map(|prefix| aws.table.service(prefix));
        let kinds: Vec<_> = services.flat_map(|service| &service.types).collect();
        let filled = |template: &Template| template.fill(|name| Some(format!("{name}:x").into()));
        let names: Vec<String> =
            kinds.iter().flat_map(|kind| &kind.templates).step_by(37).filter_map(filled).collect();
        let names = names.iter().map(String::as_str).chain([
            "",
            "arn:",
            "a:b:c:d:e",
            "arn:aws:s3:::b/k",
            "arn:aws:s3:::*",
        ]);
        for name in names {
            for template in kinds.iter().flat_map(|kind| &kind.templates) {
                let slowly = matches_from(&template.parts, name).then_some(template.literal);
                assert_eq!(template.matches(name), slowly, "{name} {template:?}");
            }
        }
    }

    #[test]
    fn fills() {
        let object = Template::parse("arn:${Partition}:s3:::${BucketName}/${ObjectName}");
        let filled = object.fill(|name| Some(name.to_lowercase().into()));
        assert_eq!(filled.as_deref(), Some("arn:partition:s3:::bucketname/objectname"));
        assert_eq!(object.fill(|_| None), None);
    }
}
