//! `intent check`: is the intent file right?

#![expect(clippy::disallowed_methods, reason = "reads the intent file")]

use super::{Exit, Failure, output};
use crate::cloud::{self, CLOUDS};
use crate::intent::{self, Intent, Problem};
use std::path::{Path, PathBuf};

/// The file that says what people decided
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Validate an intent file: fields, times, networks, actions
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
    let problems = match intent::parse(&name, &text) {
        Ok(intent) => {
            let problems = unknown_actions(&intent);
            if problems.is_empty() {
                return Ok(intent);
            }
            problems
        }
        Err(problems) => problems,
    };
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Err(lines.join("\n").into())
}

/// Kept actions that no cloud knows, with what may be meant.
fn unknown_actions(intent: &Intent) -> Vec<Problem> {
    let mut problems = Vec::new();
    for keep in &intent.keep {
        for action in
            keep.actions.iter().filter(|action| CLOUDS.iter().all(|c| c.canonical(action).is_none()))
        {
            let meant =
                cloud::alike(action).map(|like| format!(": did you mean `{like}`?")).unwrap_or_default();
            problems.push(Problem {
                file: keep.meta.file.clone(),
                line: keep.meta.line,
                text: format!("`{action}` is no known action{meant}"),
            });
        }
    }
    problems
}
