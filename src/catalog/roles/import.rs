//! What `gcloud iam roles` prints, into the form of the imported table.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// A role as `gcloud iam roles` prints it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Printed {
    name: String,
    title: String,
    stage: String,
    included_permissions: Vec<String>,
}

/// A file of roles.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Listed {
    Wrapped { roles: Vec<Printed> },
    Many(Vec<Printed>),
    One(Printed),
}

/// What was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The table.
    pub text: String,
    /// How many roles it has.
    pub roles: usize,
    /// How many permissions.
    pub permissions: usize,
}

/// Whether a text looks like roles of Google Cloud.
#[must_use]
pub fn is_roles(text: &str) -> bool {
    let named = |role: &Printed| role.name.starts_with("roles/");
    match serde_json::from_str(text) {
        Ok(Listed::Wrapped { roles } | Listed::Many(roles)) => roles.iter().any(named),
        // A list of texts would be taken for the fields of one.
        Ok(Listed::One(role)) => text.trim_start().starts_with('{') && named(&role),
        Err(_) => false,
    }
}

/// The table of the predefined roles in these files, each with its name.
///
/// # Errors
/// What is wrong, with the file.
pub fn snapshot(files: &[(String, String)]) -> Result<Snapshot, String> {
    let mut all: BTreeMap<String, Printed> = BTreeMap::new();
    for (file, text) in files {
        let listed: Listed = serde_json::from_str(text)
            .map_err(|_| format!("`{file}`: no roles as `gcloud iam roles` prints them"))?;
        let roles = match listed {
            Listed::Wrapped { roles } | Listed::Many(roles) => roles,
            Listed::One(role) => vec![role],
        };
        // A list that says what roles hold says of some that it is nothing.
        let full = roles.iter().any(|role| !role.included_permissions.is_empty());
        let told = |role: &Printed| full || !role.included_permissions.is_empty();
        for role in roles.into_iter().filter(|role| role.name.starts_with("roles/") && told(role)) {
            let plain = |text: &str| !text.contains(['\t', '\n', '\r']);
            if let Some(bad) = role.included_permissions.iter().find(|one| !one.contains('.') || !plain(one))
            {
                return Err(format!("`{file}`: {} holds `{bad}`, which is no permission", role.name));
            }
            let known = all.get(&role.name).is_some_and(|known| !known.included_permissions.is_empty());
            if !known {
                all.insert(role.name.clone(), role);
            }
        }
    }
    if all.values().all(|role| role.included_permissions.is_empty()) {
        return Err(
            "no role says what it holds (`includedPermissions`): `gcloud iam roles list` leaves that out, so save what \
             `gcloud iam roles describe ROLE --format=json` prints for each"
                .to_owned(),
        );
    }
    let names: BTreeSet<&str> =
        all.values().flat_map(|role| &role.included_permissions).map(String::as_str).collect();
    let ids: BTreeMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (*name, at)).collect();
    let mut text: String = names.iter().map(|name| format!("P\t{name}\n")).collect();
    let clean = |text: &str| text.replace(['\t', '\n', '\r'], " ");
    for role in all.values() {
        let held: BTreeSet<usize> =
            role.included_permissions.iter().filter_map(|one| ids.get(one.as_str()).copied()).collect();
        let stage = if role.stage.is_empty() { "GA" } else { &role.stage };
        let columns = ["R", &clean(&role.name), &clean(stage), &clean(&role.title), &spans(&held)].join("\t");
        text.push_str(&columns);
        text.push('\n');
    }
    Ok(Snapshot { roles: all.len(), permissions: names.len(), text })
}

/// The other way round.
fn spans(ids: &BTreeSet<usize>) -> String {
    let mut all: Vec<(usize, usize)> = Vec::new();
    for id in ids {
        match all.last_mut() {
            Some((_, last)) if *last + 1 == *id => *last = *id,
            _ => all.push((*id, *id)),
        }
    }
    let text = |(first, last): (usize, usize)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    all.into_iter().map(text).collect::<Vec<_>>().join(",")
}
