//! Verified documents into files, by handlebars templates.
//!
//! A target is a folder: `target.toml` and its templates. See `templates/` for those that ship.

pub mod alike;
pub mod escape;
pub mod helpers;
pub mod place;
pub mod target;
pub mod view;
pub mod write;

use target::{FileRule, Per, Target};
use view::View;

/// One rendered file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Target that made it.
    pub target: String,
    /// Path below the principal's folder.
    pub path: String,
    /// Content.
    pub text: String,
    /// Whether it is meant to be applied as it is.
    pub applies: bool,
    /// Whether the cloud's evaluator can read it back as it is.
    pub reads_back: bool,
}

/// Why a template could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// Handlebars says so.
    #[error("template `{template}` of target `{target}`: {why}")]
    Template {
        /// Target id.
        target: String,
        /// Template file.
        template: String,
        /// What handlebars says.
        why: String,
    },
}

/// A file's name without folders and without its ending: `lp` of `a/lp.yaml`.
#[must_use]
pub fn stem(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
}

/// Renders what a target has for one principal.
///
/// # Errors
/// When a template does not fit the view.
pub fn render(target: &Target, view: &View<'_>) -> Result<Vec<Artifact>, RenderError> {
    let mut all = Vec::new();
    for rule in &target.files {
        for value in values(rule, view) {
            let mut made = artifact(target, rule, value)?;
            // What takes away waits until the evidence is enough.
            if let Some(artifact) = made.as_mut().filter(|_| rule.per == Per::Standing) {
                artifact.applies &= view.who().reasons.is_empty();
            }
            all.extend(made);
        }
    }
    Ok(all)
}

/// Renders what a target has for one set of principals.
///
/// # Errors
/// When a template does not fit the view.
pub fn render_set(target: &Target, view: &View<'_>) -> Result<Vec<Artifact>, RenderError> {
    let mut all = Vec::new();
    for rule in target.files.iter().filter(|rule| rule.per == Per::Set) {
        if let Some(value) = view.boundary() {
            all.extend(artifact(target, rule, value.clone())?);
        }
    }
    Ok(all)
}

/// Renders what a target has for the logging of one account.
///
/// # Errors
/// When a template does not fit the view.
pub fn render_logging(target: &Target, value: &serde_json::Value) -> Result<Vec<Artifact>, RenderError> {
    let mut all = Vec::new();
    for rule in target.files.iter().filter(|rule| rule.per == Per::Logging) {
        all.extend(artifact(target, rule, value.clone())?);
    }
    Ok(all)
}

/// One file, unless its path says that there is none.
fn artifact(
    target: &Target,
    rule: &FileRule,
    value: serde_json::Value,
) -> Result<Option<Artifact>, RenderError> {
    let fail = |why: handlebars::RenderError| RenderError::Template {
        target: target.id.clone(),
        template: rule.template.clone(),
        why: why.to_string(),
    };
    let context = helpers::context(value);
    let [path, text] = &rule.parsed;
    let path = path.render(&rule.path, escape::Escape::None, &context).map_err(fail)?;
    if path.is_empty() {
        return Ok(None);
    }
    let text = text.render(&rule.text, rule.escape, &context).map_err(fail)?;
    Ok(Some(Artifact {
        target: target.id.clone(),
        path,
        text,
        applies: rule.applies,
        reads_back: target.reads_back && rule.applies,
    }))
}

/// What a file rule is rendered with: once, or once for each document.
fn values(rule: &FileRule, view: &View<'_>) -> Vec<serde_json::Value> {
    match rule.per {
        Per::Principal => view.principal().into_iter().collect(),
        Per::Document => view.documents(),
        Per::Boundary => view.boundary().into_iter().collect(),
        Per::Alternative => view.alternative().into_iter().collect(),
        Per::Instead => view.instead(),
        Per::Standing => view.standing().into_iter().collect(),
        Per::Alike | Per::Account | Per::Set | Per::Logging => Vec::new(),
    }
}
