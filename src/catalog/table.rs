//! The generated table of AWS services: actions, access levels, resource types, condition keys.
//!
//! One sorted text; a service is parsed when first asked for. Lines: `S prefix name`, `K key…`,
//! `R type template|… keys`, `A action level type*,… keys`, tab separated, trailing empty columns left out.

use super::template::{Template, own_part};
use crate::wire::leaves::normal;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What an action does to its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessLevel {
    /// Lists names.
    List,
    /// Reads.
    Read,
    /// Changes.
    Write,
    /// Changes tags.
    Tagging,
    /// Changes who may do what.
    Permissions,
}

impl AccessLevel {
    /// Whether it leaves everything as it is.
    #[must_use]
    pub fn reads(self) -> bool {
        matches!(self, Self::List | Self::Read)
    }

    /// The field's usual word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Write => "write",
            Self::Tagging => "tagging",
            Self::Permissions => "permissions management",
        }
    }
}

/// A resource type of a service.
#[derive(Debug)]
pub struct ResourceType {
    /// Name as in the Service Authorization Reference.
    pub name: &'static str,
    /// `prefix:name`.
    pub full: String,
    /// Its name as parameters are called: lower-case letters and digits.
    pub kind: String,
    /// The part of its name before the first slash, written alike.
    pub head: String,
    /// ARN templates, usually one.
    pub templates: Vec<Template>,
}

impl ResourceType {
    /// Whether `arn` is of the form of this type, also where another type fits it better.
    #[must_use]
    pub fn fits(&self, arn: &str) -> bool {
        self.fit(arn, own_part(arn)).is_some()
    }

    /// How well `arn` fits: literal characters shared with the best template.
    fn fit(&self, arn: &str, own: Option<&str>) -> Option<usize> {
        self.templates.iter().filter_map(|t| t.matches_own(arn, own)).max()
    }
}

/// An IAM action.
#[derive(Debug)]
pub struct Action {
    /// `prefix:Name`, canonical case.
    pub full: String,
    /// `Name`.
    pub name: &'static str,
    /// Access level.
    pub level: AccessLevel,
    /// Indexes of resource types, and whether the type is required.
    pub types: Vec<(usize, bool)>,
    /// Condition keys of the action itself.
    pub keys: Vec<&'static str>,
}

/// A service as IAM knows it.
#[derive(Debug)]
pub struct Service {
    /// IAM prefix.
    pub prefix: &'static str,
    /// Its name in words.
    pub name: &'static str,
    /// Resource types, sorted by name.
    pub types: Vec<ResourceType>,
    /// Actions, sorted by lower-cased name.
    pub actions: Vec<Action>,
    /// Whether a template has a placeholder next to a letter, a digit or a dash: what it matches does not end where words end.
    pub glued: bool,
    /// Places of actions, by their names as they are written.
    named: FxHashMap<&'static str, usize>,
}

impl Service {
    /// The action of that name, whatever its case.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&Action> {
        if let Some(at) = self.named.get(name) {
            return self.actions.get(*at);
        }
        let folded = |text: &'_ str| {
            text.bytes().map(|b| b.to_ascii_lowercase()).collect::<smallvec::SmallVec<[u8; 64]>>()
        };
        let wanted = folded(name);
        let order =
            |action: &Action| action.name.bytes().map(|b| b.to_ascii_lowercase()).cmp(wanted.iter().copied());
        let at = self.actions.binary_search_by(order).ok()?;
        self.actions.get(at)
    }

    /// The resource type of that name.
    #[must_use]
    pub fn resource(&self, name: &str) -> Option<&ResourceType> {
        self.types.iter().find(|t| t.name == name)
    }

    /// The type whose template fits `arn` best; the index is that of [`Service::types`].
    #[must_use]
    pub fn type_of(&self, arn: &str) -> Option<usize> {
        let own = own_part(arn);
        let fits = self.types.iter().enumerate();
        let fits = fits.filter_map(|(at, resource)| Some((resource.fit(arn, own)?, std::cmp::Reverse(at))));
        fits.max().map(|(_, std::cmp::Reverse(at))| at)
    }

    /// Whether no type of the service fits `arn` better than the one at `at`; several may have the same template.
    #[must_use]
    pub fn is_type(&self, at: usize, arn: &str) -> bool {
        let part = own_part(arn);
        let Some(own) = self.types.get(at).and_then(|resource| resource.fit(arn, part)) else { return false };
        self.types.iter().all(|resource| resource.fit(arn, part).is_none_or(|other| other <= own))
    }
}

/// All services, by prefix.
#[derive(Debug)]
pub struct Table {
    services: BTreeMap<&'static str, (&'static str, OnceLock<Service>)>,
}

/// What a service begins with.
const HEAD: &[u8] = b"\nS\t";

impl Table {
    /// Indexes the text without parsing the services.
    #[must_use]
    pub fn index(text: &'static str) -> Self {
        let mut services = BTreeMap::new();
        let mut starts =
            memchr::memmem::find_iter(text.as_bytes(), HEAD).map(|at| at + HEAD.len()).peekable();
        while let Some(from) = starts.next() {
            let to = starts.peek().map_or(text.len(), |next| next - HEAD.len());
            let block = text.get(from..to).unwrap_or("");
            let prefix = block.split(['\t', '\n']).next().unwrap_or("");
            services.insert(prefix, (block, OnceLock::new()));
        }
        Self { services }
    }

    /// The service with that IAM prefix.
    #[must_use]
    pub fn service(&self, prefix: &str) -> Option<&Service> {
        let (block, cell) = self.services.get(prefix)?;
        Some(cell.get_or_init(|| parse(block)))
    }

    /// Names and ARN templates of all resource types, as they are written.
    pub fn forms(&self) -> impl Iterator<Item = &'static str> + '_ {
        // Actions stand last.
        let before = |block: &'static str| block.lines().take_while(|line| !line.starts_with('A'));
        let lines = self.services.values().flat_map(move |(block, _)| before(block));
        lines.filter_map(|line| line.strip_prefix("R\t"))
    }

    /// All prefixes.
    pub fn prefixes(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.services.keys().copied()
    }

    /// `prefix:Name` in canonical case, if IAM knows the action.
    #[must_use]
    pub fn action(&self, full: &str) -> Option<(&Service, &Action)> {
        let (prefix, name) = full.split_once(':')?;
        let service = self.service(&prefix.to_ascii_lowercase())?;
        Some((service, service.action(name)?))
    }
}

fn parse(block: &'static str) -> Service {
    let mut lines = block.lines();
    let (prefix, name) = lines.next().and_then(|l| l.split_once('\t')).unwrap_or(("", ""));
    let (types, actions, named, glued) = (Vec::new(), Vec::new(), FxHashMap::default(), false);
    let mut service = Service { prefix, name, types, actions, glued, named };
    let mut known: Vec<&'static str> = Vec::new();
    let mut places: FxHashMap<&'static str, usize> = FxHashMap::default();
    for line in lines {
        let mut columns = line.split('\t');
        let kind = columns.next().unwrap_or("");
        if kind == "K" {
            known = columns.collect();
            continue;
        }
        let [name, second, third, fourth] = std::array::from_fn(|_| columns.next().unwrap_or(""));
        if kind == "R" {
            let templates: Vec<Template> = second.split('|').map(Template::parse).collect();
            service.glued |= templates.iter().any(Template::is_glued);
            let (full, kind) = ([prefix, ":", name].concat(), normal(name));
            let head = normal(name.split('/').next().unwrap_or(""));
            places.entry(name).or_insert(service.types.len());
            service.types.push(ResourceType { name, full, kind, head, templates });
        } else if kind == "A" {
            let types = third.split(',').filter_map(|t| type_ref(&places, t)).collect();
            let keys =
                fourth.split(',').filter_map(|k| known.get(k.parse::<usize>().ok()?).copied()).collect();
            let full = [prefix, ":", name].concat();
            service.named.insert(name, service.actions.len());
            service.actions.push(Action { full, name, level: level_of(second), types, keys });
        }
    }
    service
}

fn type_ref(places: &FxHashMap<&str, usize>, text: &str) -> Option<(usize, bool)> {
    let at = places.get(text.trim_end_matches('*'))?;
    Some((*at, text.ends_with('*')))
}

fn level_of(letter: &str) -> AccessLevel {
    match letter {
        "L" => AccessLevel::List,
        "R" => AccessLevel::Read,
        "T" => AccessLevel::Tagging,
        "P" => AccessLevel::Permissions,
        _ => AccessLevel::Write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_actions_levels_and_types() {
        let table = &crate::catalog::aws().table;
        let (_, put) = table.action("S3:putobject").unwrap();
        assert_eq!((put.full.as_str(), put.level), ("s3:PutObject", AccessLevel::Write));
        let (ec2, run) = table.action("ec2:RunInstances").unwrap();
        assert!(run.types.iter().any(|(at, required)| ec2.types[*at].name == "subnet" && *required));
        assert_eq!(table.action("iam:AttachRolePolicy").unwrap().1.level, AccessLevel::Permissions);
        assert!(table.action("s3:NoSuchThing").is_none());
        assert!(table.prefixes().count() > 400);
    }

    #[test]
    fn the_most_specific_type_wins() {
        let dynamodb = crate::catalog::aws().table.service("dynamodb").unwrap();
        let index = dynamodb.type_of("arn:aws:dynamodb:eu-central-1:111122223333:table/t/index/i").unwrap();
        assert_eq!(dynamodb.types[index].name, "index");
    }
}
