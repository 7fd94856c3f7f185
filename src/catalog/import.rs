//! AWS's Service Reference into the form of the generated table.
//!
//! The reference says which actions, resource types and condition keys there are; it does not say which types an action
//! requires, nor which actions policy authors count as permissions management beyond AWS's own mark. Both are kept from
//! the embedded table where it knows the action. For a new action no type is required, which names the fewest resources.

use super::table::{AccessLevel, Action, Table};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// One file of the Service Reference.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    name: String,
    #[serde(default)]
    version: String,
    actions: Vec<Listed>,
    #[serde(default)]
    resources: Vec<Kind>,
    #[serde(default)]
    condition_keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    name: String,
    #[serde(default)]
    action_condition_keys: Vec<String>,
    #[serde(default)]
    resources: Vec<On>,
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Annotations {
    properties: Option<Properties>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "the form of the reference")]
struct Properties {
    is_list: bool,
    is_permission_management: bool,
    is_tagging_only: bool,
    is_write: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct On {
    name: String,
    #[serde(default)]
    condition_keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "ARNFormats", default)]
    arn_formats: Vec<String>,
    #[serde(rename = "ConditionKeys", default)]
    condition_keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    name: String,
}

/// Why a snapshot cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Not a file of the reference.
    #[error("`{file}`: not a service of AWS's Service Reference: {why}")]
    NotAService {
        /// The file.
        file: String,
        /// What was wrong.
        why: String,
    },
    /// A field holds what no service has.
    #[error("`{file}`: {field} `{value}` is not what AWS's Service Reference holds there")]
    Field {
        /// The file.
        file: String,
        /// The field, as a path.
        field: String,
        /// Its value, made safe to print.
        value: String,
    },
    /// Two files describe the same service, or one lists an action twice.
    #[error("`{file}`: {what} is there twice")]
    Twice {
        /// The later file.
        file: String,
        /// What was repeated.
        what: String,
    },
    /// Too little of what is known is in it.
    #[error(
        "the snapshot holds {have} of the {known} actions that the program ships with ({services} services): it looks \
         incomplete; complete it, or pass --force to use it nevertheless"
    )]
    Incomplete {
        /// Known actions that it has.
        have: usize,
        /// Known actions.
        known: usize,
        /// Services in it.
        services: usize,
    },
}

/// A table made from a snapshot, and how it compares with the one that ships.
#[derive(Debug)]
pub struct Snapshot {
    /// The table, as [`Table::index`] reads it.
    pub text: String,
    /// Services.
    pub services: usize,
    /// Actions.
    pub actions: usize,
    /// Actions that the program did not know.
    pub new: usize,
    /// Actions that the program ships with and the snapshot lacks.
    pub gone: Vec<String>,
}

/// Of the actions that the program ships with, the percentage that a complete snapshot has at least: AWS retires whole
/// services now and then, but never a tenth of them.
const ENOUGH: usize = 90;
/// What a file of the reference says in its `Version` that this reader understands.
const SCHEMA: &str = "v1.";

/// Makes the table of a snapshot: file name and text of each service. `force` takes one that looks incomplete.
///
/// # Errors
/// When a file is none of the reference's, or too many actions are missing.
pub fn snapshot(files: &[(String, String)], known: &Table, force: bool) -> Result<Snapshot, ImportError> {
    let mut blocks: BTreeMap<String, String> = BTreeMap::new();
    let (mut actions, mut new) = (0, 0);
    let mut have: BTreeSet<String> = BTreeSet::new();
    for (file, text) in files {
        let service: Service = serde_json::from_str(text)
            .map_err(|e| ImportError::NotAService { file: file.clone(), why: e.to_string() })?;
        let check = Check { file };
        check.service(&service)?;
        actions += service.actions.len();
        for action in &service.actions {
            let full = format!("{}:{}", service.name, action.name);
            if let Some((_, action)) = known.action(&full) {
                have.insert(action.full.clone());
            } else {
                new += 1;
            }
        }
        let block = block(&service, known);
        if blocks.insert(service.name.clone(), block).is_some() {
            return Err(check.twice(&format!("the service `{}`", service.name)));
        }
    }
    let all = known.prefixes().filter_map(|prefix| known.service(prefix)).flat_map(|s| &s.actions);
    let all: Vec<&str> = all.map(|action| action.full.as_str()).collect();
    if have.len() * 100 < all.len() * ENOUGH && !force {
        return Err(ImportError::Incomplete { have: have.len(), known: all.len(), services: blocks.len() });
    }
    let gone = all.into_iter().filter(|action| !have.contains(*action)).map(str::to_owned).collect();
    let services = blocks.len();
    Ok(Snapshot { text: blocks.into_values().collect(), services, actions, new, gone })
}

/// Holds each field to what the table can carry.
struct Check<'f> {
    file: &'f str,
}

impl Check<'_> {
    fn service(&self, service: &Service) -> Result<(), ImportError> {
        let version = &service.version;
        if !version.is_empty() && !version.starts_with(SCHEMA) {
            return Err(ImportError::NotAService {
                file: self.file.to_owned(),
                why: format!(
                    "its schema is `{}`, this program reads {SCHEMA}x: update leastgrant",
                    version.escape_debug()
                ),
            });
        }
        let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        self.word("Name", &service.name, &lower)?;
        let mut seen = BTreeSet::new();
        for action in &service.actions {
            let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            self.word("Actions[].Name", &action.name, &name)?;
            self.keys("Actions[].ActionConditionKeys[]", &action.action_condition_keys)?;
            for on in &action.resources {
                self.keys("Actions[].Resources[].ConditionKeys[]", &on.condition_keys)?;
            }
            if !seen.insert(action.name.to_ascii_lowercase()) {
                return Err(self.twice(&format!("the action `{}:{}`", service.name, action.name)));
            }
        }
        for kind in &service.resources {
            let name = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, ',' | '*');
            self.word("Resources[].Name", &kind.name, &name)?;
            for arn in &kind.arn_formats {
                let arn = arn.trim();
                let plain = arn.chars().all(|c| !c.is_control() && c != '|');
                if !plain || !(arn == "*" || arn.starts_with("arn:")) {
                    return Err(self.field("Resources[].ARNFormats[]", arn));
                }
            }
            self.keys("Resources[].ConditionKeys[]", &kind.condition_keys)?;
        }
        service.condition_keys.iter().try_for_each(|key| self.key("ConditionKeys[].Name", &key.name))
    }

    fn word(&self, field: &str, value: &str, fits: &dyn Fn(char) -> bool) -> Result<(), ImportError> {
        let sane = !value.is_empty() && value.len() <= 128 && value.chars().all(fits);
        if sane { Ok(()) } else { Err(self.field(field, value)) }
    }

    fn keys(&self, field: &str, keys: &[String]) -> Result<(), ImportError> {
        keys.iter().try_for_each(|key| self.key(field, key))
    }

    fn key(&self, field: &str, key: &str) -> Result<(), ImportError> {
        let sane = key.contains(':') && key.len() <= 256 && !key.chars().any(char::is_control);
        if sane { Ok(()) } else { Err(self.field(field, key)) }
    }

    fn field(&self, field: &str, value: &str) -> ImportError {
        let value = value.chars().take(80).flat_map(char::escape_debug).collect();
        ImportError::Field { file: self.file.to_owned(), field: field.to_owned(), value }
    }

    fn twice(&self, what: &str) -> ImportError {
        ImportError::Twice { file: self.file.to_owned(), what: what.to_owned() }
    }
}

/// The lines of one service.
fn block(service: &Service, known: &Table) -> String {
    let embedded = known.service(&service.name);
    let keys = all_keys(service);
    let index: BTreeMap<&str, usize> = keys.iter().enumerate().map(|(at, key)| (*key, at)).collect();
    let numbers = |keys: &BTreeSet<&str>| {
        let numbers: BTreeSet<usize> = keys.iter().filter_map(|key| index.get(key).copied()).collect();
        numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
    };
    let title = embedded.map_or(service.name.as_str(), |known| known.name);
    let mut lines = vec![format!("S\t{}\t{title}", service.name)];
    if !keys.is_empty() {
        let keys: Vec<&str> = keys.iter().copied().collect();
        lines.push(format!("K\t{}", keys.join("\t")));
    }
    let mut kinds: Vec<&Kind> = service.resources.iter().collect();
    kinds.sort_by(|a, b| a.name.cmp(&b.name));
    for kind in kinds {
        let arns: Vec<&str> = kind.arn_formats.iter().map(|arn| arn.trim()).collect();
        let own = kind.condition_keys.iter().map(String::as_str).collect();
        lines.push(format!("R\t{}\t{}\t{}", kind.name, arns.join("|"), numbers(&own)));
    }
    let mut actions: Vec<&Listed> = service.actions.iter().collect();
    actions.sort_by_cached_key(|action| action.name.to_ascii_lowercase());
    for action in actions {
        let before = embedded.and_then(|known| known.action(&action.name));
        let types = types(action, before.map(|before| (embedded, before)));
        let level = level(action, before);
        lines.push(format!("A\t{}\t{level}\t{types}\t{}", action.name, numbers(&keys_of(service, action))));
    }
    lines.iter().map(|line| line.trim_end_matches('\t').to_owned() + "\n").collect()
}

fn all_keys(service: &Service) -> BTreeSet<&str> {
    let of_types = service.resources.iter().flat_map(|kind| &kind.condition_keys).map(String::as_str);
    let of_actions = service.actions.iter().flat_map(|action| keys_of(service, action));
    let listed = service.condition_keys.iter().map(|key| key.name.as_str());
    listed.chain(of_types).chain(of_actions).collect()
}

/// Keys of the action, and keys it knows for a type beyond those of the type itself.
fn keys_of<'s>(service: &'s Service, action: &'s Listed) -> BTreeSet<&'s str> {
    let mut keys: BTreeSet<&str> = action.action_condition_keys.iter().map(String::as_str).collect();
    for on in &action.resources {
        let own = service.resources.iter().find(|kind| kind.name == on.name);
        let own = |key: &String| own.is_some_and(|kind| kind.condition_keys.contains(key));
        keys.extend(on.condition_keys.iter().filter(|key| !own(key)).map(String::as_str));
    }
    keys
}

/// `name*` where the embedded table says that the action requires the type.
fn types(action: &Listed, before: Option<(Option<&super::table::Service>, &Action)>) -> String {
    let required = |name: &str| {
        let Some((Some(service), before)) = before else { return false };
        let named = |at: usize| service.types.get(at).is_some_and(|kind| kind.name == name);
        before.types.iter().any(|(at, required)| *required && named(*at))
    };
    let names: BTreeSet<&str> = action.resources.iter().map(|on| on.name.as_str()).collect();
    let marked = names.into_iter().map(|name| format!("{name}{}", if required(name) { "*" } else { "" }));
    marked.collect::<Vec<_>>().join(",")
}

/// The stronger of what AWS says and what is known; an action that AWS has not annotated counts as a change.
fn level(action: &Listed, before: Option<&Action>) -> char {
    let before = before.map(|before| before.level);
    let Some(says) = &action.annotations.properties else {
        return before.map_or('W', letter);
    };
    let permissions = says.is_permission_management || before == Some(AccessLevel::Permissions);
    match says {
        _ if permissions => 'P',
        Properties { is_tagging_only: true, .. } => 'T',
        Properties { is_write: true, .. } => 'W',
        Properties { is_list: true, .. } => 'L',
        _ => 'R',
    }
}

fn letter(level: AccessLevel) -> char {
    match level {
        AccessLevel::List => 'L',
        AccessLevel::Read => 'R',
        AccessLevel::Write => 'W',
        AccessLevel::Tagging => 'T',
        AccessLevel::Permissions => 'P',
    }
}
