//! Where a principal's documents are at home, so that templates can refer to it instead of naming it.
//!
//! A partition or a region is a document's own where it is the only one that the principal's documents name; an account
//! where it is the principal's: in the fields of names, and as a word of its own within them (`logs-111122223333`). All
//! else is text and stays as it is.

use super::view::object;
use crate::cloud::{self, Cloud, Piece};
use crate::model::document::{Document, DocumentKind};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a principal's documents may refer to.
pub struct Place {
    cloud: Option<&'static dyn Cloud>,
    partition: Option<String>,
    region: Option<String>,
    account: Option<String>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Place({:?}, {:?}, {:?})", self.partition, self.region, self.account)
    }
}

impl Place {
    /// The place of a principal with these documents.
    #[must_use]
    pub fn of(cloud: &str, principal: &str, documents: &[Document]) -> Self {
        let cloud = cloud::by_id(cloud);
        let pieces = |text| cloud.map_or_else(Vec::new, |cloud| cloud.pieces(text));
        let (mut partitions, mut regions) = (BTreeSet::new(), BTreeSet::new());
        for piece in
            documents.iter().filter(|d| d.kind == DocumentKind::Policy).flat_map(texts).flat_map(pieces)
        {
            match piece {
                Piece::Partition(name) if is_plain(name) => _ = partitions.insert(name),
                Piece::Region(name) if is_plain(name) => _ = regions.insert(name),
                _ => {}
            }
        }
        let account = pieces(principal).into_iter().find_map(|piece| match piece {
            Piece::Account(name) if is_plain(name) => Some(name.to_owned()),
            _ => None,
        });
        Self { cloud, partition: only(&partitions), region: only(&regions), account }
    }

    /// The principal's account, if it has one of its own.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// The only region, if there is just one.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// What templates see of it.
    #[must_use]
    pub fn value(&self) -> Value {
        json!({ "partition": self.partition, "region": self.region, "account": self.account })
    }

    /// A resource's name or a condition's value in parts: texts, and what is the principal's own.
    #[must_use]
    pub fn parts(&self, text: &str) -> Value {
        let pieces = self.cloud.map_or_else(|| vec![Piece::Text(text)], |cloud| cloud.pieces(text));
        let mut parts: Vec<Value> = Vec::new();
        let mut literal = String::new();
        for piece in pieces.into_iter().flat_map(|piece| self.words(piece)) {
            let Some(own) = self.own(piece) else {
                literal.push_str(piece.text());
                continue;
            };
            if !literal.is_empty() {
                parts.push(object([("text", Value::String(std::mem::take(&mut literal)))]));
            }
            parts.push(object([("own", own.into())]));
        }
        let own = !parts.is_empty();
        if !literal.is_empty() {
            parts.push(object([("text", Value::String(literal))]));
        }
        object([("text", text.into()), ("own", own.into()), ("parts", Value::Array(parts))])
    }

    /// The parts alone, as they are the same for the same thing in another place.
    #[must_use]
    pub fn shape(&self, text: &str) -> Value {
        self.parts(text).get("parts").cloned().unwrap_or_default()
    }

    /// A text, cut where it names the principal's account or region.
    fn words<'a>(&self, piece: Piece<'a>) -> Vec<Piece<'a>> {
        let Piece::Text(mut rest) = piece else { return vec![piece] };
        let names = [(&self.account, true), (&self.region, false)];
        let names = names.iter().filter_map(|(name, is_account)| Some((name.as_deref()?, *is_account)));
        if names.clone().all(|(name, _)| rest.len() < name.len()) {
            return vec![piece];
        }
        let next = |text: &'a str| {
            let found =
                names.clone().filter_map(|(name, is_account)| Some((word(text, name)?, name, is_account)));
            found.min_by_key(|(at, _, _)| *at)
        };
        let mut all = Vec::new();
        while let Some((at, name, is_account)) = next(rest) {
            let (before, after) = rest.split_at(at);
            let (own, after) = after.split_at(name.len());
            all.push(Piece::Text(before));
            all.push(if is_account { Piece::Account(own) } else { Piece::Region(own) });
            rest = after;
        }
        all.push(Piece::Text(rest));
        all
    }

    fn own(&self, piece: Piece<'_>) -> Option<&'static str> {
        let is = |own: &Option<String>, name: &str| own.as_deref() == Some(name);
        match piece {
            Piece::Partition(name) if is(&self.partition, name) => Some("partition"),
            Piece::Region(name) if is(&self.region, name) => Some("region"),
            Piece::Account(name) if is(&self.account, name) => Some("account"),
            _ => None,
        }
    }
}

/// The texts of a document that may name a place.
fn texts(document: &Document) -> impl Iterator<Item = &str> {
    document.statements.iter().flat_map(|statement| {
        let values = statement.conditions.values().flat_map(|keys| keys.values().flatten());
        statement.resources.iter().chain(values).map(String::as_str)
    })
}

/// Where a text has the name as a word of its own: not next to a letter or digit, but of a percent escape.
fn word(text: &str, name: &str) -> Option<usize> {
    let ends = |before: &str| {
        let mut last = before.bytes().rev();
        let escape = matches!(
            (last.next(), last.next(), last.next()),
            (Some(low), Some(high), Some(b'%')) if low.is_ascii_hexdigit() && high.is_ascii_hexdigit()
        );
        escape || !before.ends_with(|c: char| c.is_alphanumeric())
    };
    let mut found = text.match_indices(name).map(|(at, _)| text.split_at(at));
    let (before, _) = found.find(|(before, rest)| {
        ends(before) && !rest.get(name.len()..).is_some_and(|after| after.starts_with(char::is_alphanumeric))
    })?;
    Some(before.len())
}

/// Whether a field is a name, not a pattern, an escape or nothing.
fn is_plain(field: &str) -> bool {
    !field.is_empty() && field.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn only(names: &BTreeSet<&str>) -> Option<String> {
    let first = names.first().filter(|_| names.len() == 1)?;
    Some((*first).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::document::Statement;
    use std::collections::BTreeMap;

    fn document(resources: &[&str]) -> Document {
        Document {
            kind: DocumentKind::Policy,
            name: "app".to_owned(),
            scope: String::new(),
            principal: String::new(),
            statements: vec![Statement {
                id: "S".to_owned(),
                effect: "Allow",
                actions: vec!["sqs:SendMessage".to_owned()],
                resources: resources.iter().map(|r| (*r).to_owned()).collect(),
                except: Vec::new(),
                conditions: BTreeMap::new(),
            }],
            inline: false,
            text: String::new(),
            size: (0, 0),
            notes: Vec::new(),
        }
    }

    fn shown(place: &Place, text: &str) -> String {
        let value = place.parts(text);
        let part = |part: &Value| match part["own"].as_str() {
            Some(own) => format!("<{own}>"),
            None => part["text"].as_str().unwrap().to_owned(),
        };
        value["parts"].as_array().unwrap().iter().map(part).collect()
    }

    #[test]
    fn only_what_is_the_principals_own_is_referred_to() {
        let near = "arn:aws:sqs:eu-central-1:111122223333:jobs";
        let far = "arn:aws:sqs:eu-central-1:444455556666:111122223333";
        let place = Place::of("aws", "arn:aws:iam::111122223333:role/app", &[document(&[near, far, "*"])]);
        assert_eq!(shown(&place, near), "arn:<partition>:sqs:<region>:<account>:jobs");
        assert_eq!(shown(&place, far), "arn:<partition>:sqs:<region>:444455556666:<account>");
        assert_eq!(shown(&place, "arn:aws:s3:::b"), "arn:<partition>:s3:::b");
        assert_eq!(
            shown(&place, "arn:aws:s3:::cdk-assets-111122223333-eu-central-1/x"),
            "arn:<partition>:s3:::cdk-assets-<account>-<region>/x"
        );
        assert_eq!(shown(&place, "a1111222233334-eu-central-1a"), "a1111222233334-eu-central-1a");
        assert_eq!(shown(&place, "s3.eu-central-1.amazonaws.com"), "s3.<region>.amazonaws.com");
        assert_eq!(
            shown(&place, "/tags/arn%3Aaws%3Aapigateway%3Aeu-central-1%3A%3A"),
            "/tags/arn%3Aaws%3Aapigateway%3A<region>%3A%3A"
        );
        assert_eq!(shown(&place, "*"), "*");
        assert_eq!(place.parts("*")["own"], false);
    }

    #[test]
    fn two_regions_are_named() {
        let all = [
            document(&["arn:aws:sqs:eu-central-1:111122223333:jobs"]),
            document(&["arn:aws:sns:us-east-1:111122223333:t"]),
        ];
        let place = Place::of("aws", "arn:aws:iam::111122223333:role/app", &all);
        assert_eq!(
            shown(&place, "arn:aws:sns:us-east-1:111122223333:t"),
            "arn:<partition>:sns:us-east-1:<account>:t"
        );
        let any =
            Place::of("aws", "arn:aws:iam::111122223333:role/app", &[document(&["arn:aws:sqs:*:*:jobs"])]);
        assert_eq!(shown(&any, "arn:aws:sqs:*:*:jobs"), "arn:<partition>:sqs:*:*:jobs");
    }

    #[test]
    fn a_permission_set_is_in_no_account() {
        let place = Place::of(
            "aws",
            "permission-set/Ops",
            &[document(&["arn:aws:sqs:eu-central-1:111122223333:jobs"])],
        );
        assert_eq!(
            shown(&place, "arn:aws:sqs:eu-central-1:111122223333:jobs"),
            "arn:<partition>:sqs:<region>:111122223333:jobs"
        );
    }
}
