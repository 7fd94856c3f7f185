//! `drift`: what would change.

#![expect(clippy::disallowed_methods, reason = "reads the documents that stand")]

use super::input::Input;
use super::output::{self, Format};
use super::shape::Shape;
use super::{Exit, Failure};
use crate::pipeline::{self, Plan};
use crate::render::escape::terminal;
use crate::render::{self, target};
use crate::report::{drift, table};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Show what the log needs more than the folder grants, and what could be lost
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    shape: Shape,
    /// Folder that `generate` wrote
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Text or JSON lines
    #[arg(long)]
    format: Option<Format>,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    if !args.out.join("manifest.json").is_file() {
        return Err(format!(
            "`{}` holds no manifest.json: run `leastgrant generate` into it first",
            args.out.display()
        )
        .into());
    }
    let redactor = args.input.redactor()?;
    let (mut usage, intent) = args.input.read(args.shape.ask(&args.input)?)?;
    let planning = args.shape.planning(&args.input, &usage, intent, Some(&args.out))?;
    pipeline::recall(&mut usage, &planning.memory);
    let plans = pipeline::plan(&usage, &planning);
    let redactor = redactor.knowing(&usage).with(&plans);
    let wanted = args.input.wanted()?;
    let plans: Vec<&Plan<'_>> = plans.iter().filter(|plan| wanted(&plan.who.id)).collect();
    let rows: Vec<Value> = plans.iter().flat_map(|plan| redactor.rows(drift::rows(plan, &usage))).collect();
    let text = match output::format(args.format) {
        Format::Json => table::lines(&rows),
        Format::Table => {
            let mut text = drift::text(&rows);
            for plan in &plans {
                text.push_str(&redactor.text(&changed_lines(plan, &args.out)?));
            }
            text
        }
    };
    output::print(&text)?;
    if !args.input.quiet && rows.is_empty() {
        output::message("nothing would change");
    }
    let unreadable = args.input.unreadable(&usage);
    Ok(if rows.is_empty() { unreadable } else { Exit::Drift })
}

/// The lines of standing documents that would change, as a diff.
fn changed_lines(plan: &Plan<'_>, out: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    for target in target::pick(target::all(None)?, &[])?.iter().filter(|t| t.cloud == plan.who.cloud) {
        let Some(view) = super::generate::view(plan) else { continue };
        for artifact in render::render(target, &view)?.iter().filter(|artifact| artifact.applies) {
            let path = format!("{}/{}", plan.folder(), artifact.path);
            let stands = std::fs::read_to_string(out.join(&path)).unwrap_or_default();
            if stands == artifact.text {
                continue;
            }
            let diff = similar::TextDiff::from_lines(&stands, &artifact.text);
            let diff = diff.unified_diff().context_radius(2).header(&path, &path).to_string();
            text.extend(diff.lines().map(|line| terminal(line) + "\n"));
        }
    }
    Ok(text)
}
