//! `uses`: every exercised permission, one a line.

use super::input::{Ask, Input};
use super::{Exit, Failure, output};

/// Print every exercised permission as a line of JSON
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    /// Print the records that gave no use, with the reason
    #[arg(long)]
    skipped: bool,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let redactor = args.input.redactor()?;
    let (usage, _) = args.input.read(Ask { lines: true, ..Ask::default() })?;
    let redactor = redactor.knowing(&usage);
    let mut text = String::new();
    for line in usage.lines.iter().filter(|line| args.skipped || line.skipped.is_none()) {
        if redactor.is_on() {
            text += &redactor.value(serde_json::from_str(&line.text())?).to_string();
        } else {
            text += &line.text();
        }
        text.push('\n');
    }
    output::print(&text)?;
    Ok(args.input.unreadable(&usage))
}
