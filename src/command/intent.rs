//! `intent check`: is the intent file right?

#![expect(clippy::disallowed_methods, reason = "reads the intent file")]

use super::{Exit, Failure, decided, output};
use crate::intent::{self, Intent};
use std::path::{Path, PathBuf};

/// The file that says what people decided
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Validate an intent file: fields, times, networks, actions, resources, contradictions
    Check {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let Command::Check { file } = &args.command;
    let intent = load(file)?;
    let entries = intent.entries();
    let mut unsigned = Vec::new();
    for (kind, meta) in &entries {
        if meta.owner.is_none() || meta.reason.is_none() {
            unsigned.push(format!("  {}: says no owner or no reason", meta.name(kind)));
        }
    }
    for entry in intent.keep.iter().filter(|entry| entry.principal.is_none()) {
        let (name, actions) = (entry.meta.name("keep"), entry.actions.join(", "));
        unsigned
            .push(format!("  {name}: grants {actions} to every principal; `principal` would say to whom"));
    }
    output::print(&format!("{}: {} entries, all well formed\n", file.display(), entries.len()))?;
    for line in unsigned {
        output::message(&line);
    }
    Ok(Exit::Done)
}

/// Reads an intent file; all its problems are one error.
pub(super) fn load(path: &Path) -> Result<Intent, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| format!("`{name}`: cannot be read: {e}"))?;
    let (intent, mut problems) = intent::parse(&name, &text);
    problems.extend(decided::problems(&intent));
    if problems.is_empty() {
        return Ok(intent);
    }
    problems.sort_by_key(|problem| problem.line);
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Err(lines.join("\n").into())
}
