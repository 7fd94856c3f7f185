//! Targets: folders with a `target.toml` and templates, embedded or the user's own.

#![expect(clippy::disallowed_methods, reason = "reads the user's template folders")]

use super::escape::Escape;
use super::helpers::Parsed;
use include_dir::{Dir, include_dir};
use serde::Deserialize;
use std::path::Path;

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// The version of the view that templates are written for.
pub const VIEW: u32 = 1;

/// What a file is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// Each principal.
    Principal,
    /// Each document of a principal.
    Document,
    /// Each principal's boundary.
    Boundary,
    /// Each principal, or once for principals of several accounts whose documents are the same but for the place.
    Alike,
    /// Each account folder.
    Account,
    /// Each principal for which ready-made roles were found that could stand in place of its documents.
    Alternative,
    /// Each of those roles.
    Instead,
    /// Each principal that holds other roles today.
    Standing,
    /// Each account of which calls may not be logged.
    Logging,
    /// Each set of principals with a limit of its own.
    Set,
}

impl Per {
    /// Whether it can only be rendered when all principals are known.
    #[must_use]
    pub fn together(self) -> bool {
        matches!(self, Self::Alike | Self::Account)
    }
}

/// One file of a target.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRule {
    /// Template file in the target's folder.
    pub template: String,
    /// Output path below the principal's (or account's) folder; a template itself. Where it is empty, nothing is written.
    pub path: String,
    /// What it is written for.
    pub per: Per,
    /// How values are escaped.
    #[serde(default)]
    pub escape: Escape,
    /// Whether it is meant to be applied as it is.
    #[serde(default = "yes")]
    pub applies: bool,
    /// The template's text.
    #[serde(skip)]
    pub text: String,
    /// Path and text, once they are rendered.
    #[serde(skip)]
    pub(super) parsed: [Parsed; 2],
}

fn yes() -> bool {
    true
}

/// A target.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its name, equal to the folder's.
    pub id: String,
    /// The cloud it is for.
    pub cloud: String,
    /// Version of the view it is written for.
    pub view: u32,
    /// One line for `leastgrant targets`.
    pub about: String,
    /// Whether it is written when no target is asked for.
    #[serde(default)]
    pub default: bool,
    /// Whether its files are documents as the cloud takes them, so that they are replayed once more.
    #[serde(default)]
    pub reads_back: bool,
    /// Its files.
    #[serde(rename = "file")]
    pub files: Vec<FileRule>,
    /// Where it comes from.
    #[serde(skip)]
    pub origin: String,
}

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Its description is wrong.
    #[error("`{path}`: {why}")]
    Wrong {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// Nobody knows it.
    #[error("unknown target `{wanted}`; known are {known}")]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: String,
    },
}

/// All targets, the user's own before those that ship, sorted by id.
///
/// # Errors
/// When a folder of the user's is no target.
pub fn all(user: Option<&Path>) -> Result<Vec<Target>, TargetError> {
    let mut targets = Vec::new();
    if let Some(root) = user {
        own(root, &mut targets)?;
    }
    for dir in EMBEDDED.dirs() {
        let read = |name: &str| {
            dir.get_file(dir.path().join(name)).and_then(|file| file.contents_utf8()).map(str::to_owned)
        };
        let folder = dir.path().display().to_string();
        let target = parse(&folder, &read, "built in")?;
        if !targets.iter().any(|known: &Target| known.id == target.id) {
            targets.push(target);
        }
    }
    targets.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(targets)
}

/// Targets in the folders below `root`.
fn own(root: &Path, targets: &mut Vec<Target>) -> Result<(), TargetError> {
    let wrong = |path: &Path, why: String| TargetError::Wrong { path: path.display().to_string(), why };
    let entries = std::fs::read_dir(root).map_err(|e| wrong(root, format!("cannot be listed: {e}")))?;
    let mut folders: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|p| p.join("target.toml").is_file()).collect();
    folders.sort();
    if folders.is_empty() {
        return Err(wrong(root, "has no folder with a `target.toml`".to_owned()));
    }
    for folder in folders {
        let name = folder.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
        targets.push(parse(&name, &read, &folder.display().to_string())?);
    }
    Ok(())
}

fn parse(folder: &str, read: &dyn Fn(&str) -> Option<String>, origin: &str) -> Result<Target, TargetError> {
    let wrong = |file: &str, why: String| TargetError::Wrong { path: format!("{folder}/{file}"), why };
    let text = read("target.toml").ok_or_else(|| wrong("target.toml", "is missing".to_owned()))?;
    let mut target: Target = toml::from_str(&text).map_err(|e| wrong("target.toml", e.to_string()))?;
    if target.id != folder {
        return Err(wrong("target.toml", format!("`id` is `{}`, the folder is `{folder}`", target.id)));
    }
    if target.view > VIEW {
        let why =
            format!("is written for view {}, this program knows {VIEW}: update leastgrant", target.view);
        return Err(wrong("target.toml", why));
    }
    if target.reads_back && target.files.iter().any(|rule| rule.per.together()) {
        let why = "`reads_back` is for files per principal or document".to_owned();
        return Err(wrong("target.toml", why));
    }
    for rule in &mut target.files {
        rule.text = read(&rule.template).ok_or_else(|| wrong(&rule.template, "is missing".to_owned()))?;
    }
    origin.clone_into(&mut target.origin);
    Ok(target)
}

/// The targets asked for, or the default ones.
///
/// # Errors
/// When one is unknown.
pub fn pick(all: Vec<Target>, wanted: &[String]) -> Result<Vec<Target>, TargetError> {
    if wanted.is_empty() {
        return Ok(all.into_iter().filter(|target| target.default).collect());
    }
    for id in wanted {
        if !all.iter().any(|target| target.id == *id) {
            let known: Vec<&str> = all.iter().map(|t| t.id.as_str()).collect();
            return Err(TargetError::Unknown { wanted: id.clone(), known: known.join(", ") });
        }
    }
    Ok(all.into_iter().filter(|target| wanted.contains(&target.id)).collect())
}
