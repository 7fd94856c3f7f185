//! The command line: one file for each command. No stage below sees these types.

mod catalog;
mod check;
mod decided;
mod drift;
mod denied;
mod data;
mod explain;
mod folder;
mod generate;
mod ingest;
mod input;
mod intent;
mod output;
mod own_policy;
mod principals;
mod progress;
mod shape;
mod shell;
mod store;
mod targets;
mod update;
mod uses;

use clap::{Parser, Subcommand};
use std::process::{ExitCode, Termination};

/// Reads cloud audit logs and writes the least privilege they prove.
#[derive(Debug, Parser)]
#[command(name = "leastgrant", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done · 1 failed · 2 wrong usage · 3 some input was unreadable, the rest is done · \
4 for some principal nothing applicable could be written, or `check` found uses that would be denied · 5 `drift` found something"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Generate(generate::Args),
    Uses(uses::Args),
    Principals(principals::Args),
    Explain(explain::Args),
    Check(check::Args),
    Drift(drift::Args),
    Intent(intent::Args),
    Ingest(ingest::Args),
    Store(store::Args),
    #[command(mut_arg("inputs", |arg| arg.required(false).required_unless_present("message")))]
    Denied(denied::Args),
    OwnPolicy(own_policy::Args),
    Targets(targets::Args),
    Catalog(catalog::Args),
    Completions(shell::Completions),
    Man(shell::Man),
}

impl Command {
    /// Whether what is known of the clouds decides what it does.
    fn knows_the_clouds(&self) -> bool {
        match self {
            Self::OwnPolicy(_) | Self::Targets(_) | Self::Completions(_) | Self::Man(_) => false,
            Self::Catalog(args) => !args.updates(),
            _ => true,
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Some input was unreadable; the rest is done.
    Partial = 3,
    /// For some principal nothing could be written, or uses would be denied.
    Refused = 4,
    /// The log and the folder differ.
    Drift = 5,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

/// What stops a command.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs one command line.
#[must_use]
pub fn run(cli: &Cli) -> Exit {
    let ready = if cli.command.knows_the_clouds() { data::install() } else { Ok(()) };
    let result = ready.and_then(|()| match &cli.command {
        Command::Generate(args) => generate::run(args),
        Command::Uses(args) => uses::run(args),
        Command::Principals(args) => principals::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Check(args) => check::run(args),
        Command::Drift(args) => drift::run(args),
        Command::Intent(args) => intent::run(args),
        Command::Ingest(args) => ingest::run(args),
        Command::Store(args) => store::run(args),
        Command::Denied(args) => denied::run(args),
        Command::OwnPolicy(args) => own_policy::run(args),
        Command::Targets(args) => targets::run(args),
        Command::Catalog(args) => catalog::run(args),
        Command::Completions(args) => shell::completions(args),
        Command::Man(args) => shell::man(args),
    });
    result.unwrap_or_else(|error| {
        output::message(&format!("leastgrant: {error}"));
        Exit::Failed
    })
}
