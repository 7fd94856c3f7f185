//! Where text goes: results to stdout, everything else to stderr.

use super::Failure;
use std::io::{IsTerminal, Write};

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// One JSON object a line.
    Json,
}

/// The format asked for; by default a table on a terminal, else JSON lines.
pub(super) fn format(asked: Option<Format>) -> Format {
    asked.unwrap_or_else(|| if std::io::stdout().is_terminal() { Format::Table } else { Format::Json })
}

/// Prints results; a reader that went away is no error.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Tells the person at the terminal something.
pub(super) fn message(text: &str) {
    let safe: Vec<String> = text.lines().map(crate::render::escape::terminal).collect();
    // Nothing can be done about a closed stderr.
    let _ = writeln!(std::io::stderr().lock(), "{}", safe.join("\n"));
}
