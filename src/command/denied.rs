//! `denied`: what was refused, by which kind of policy, and what would mend it.

use super::input::{Ask, Input};
use super::output::{self, Format};
use super::{Exit, Failure};
use crate::cloud::CLOUDS;
use crate::report::denials::{self, Refusal};
use crate::report::redact::Redactor;
use crate::report::table;
use serde_json::Value;

/// Show what was denied, by which kind of policy, and what would mend it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    /// A pasted AccessDenied or PERMISSION_DENIED message instead of logs
    #[arg(long, value_name = "TEXT", conflicts_with = "inputs")]
    message: Option<String>,
    /// Text or JSON lines
    #[arg(long)]
    format: Option<Format>,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let redactor = args.input.redactor()?;
    if let Some(text) = &args.message {
        print(args, &[pasted(text)?], &redactor)?;
        return Ok(Exit::Done);
    }
    let (usage, _) = args.input.read(Ask::default())?;
    let all = denials::of_log(&usage);
    print(args, &all, &redactor.knowing(&usage))?;
    if all.is_empty() && !args.input.quiet {
        output::message("no refused call in the log");
    }
    Ok(args.input.unreadable(&usage))
}

fn pasted(text: &str) -> Result<Refusal, Failure> {
    // Terminals wrap lines, and tools print the answer as JSON.
    let text = serde_json::from_str::<Value>(text)
        .ok()
        .and_then(|value| said(&value))
        .unwrap_or_else(|| text.to_owned());
    let text = text.lines().map(str::trim).collect::<Vec<&str>>().join(" ");
    let denial = CLOUDS.iter().find_map(|cloud| cloud.pasted(&text));
    let one = denial.and_then(|denial| denials::join(&[denial]).pop());
    one.ok_or_else(|| {
        "--message: names no action and no policy: paste the whole answer, or give the log that has the event as INPUT"
            .into()
    })
}

/// The message of an error that was printed as JSON.
fn said(value: &Value) -> Option<String> {
    let keys = ["message", "Message", "errorMessage", "error", "Error", "status", "protoPayload"];
    if let Value::String(text) = value {
        return Some(text.clone());
    }
    let text = keys.iter().find_map(|key| value.get(key).and_then(said))?;
    // The details of Google's answers name what the message may leave out.
    let details = value.get("details").and_then(Value::as_array).into_iter().flatten();
    let named = details
        .flat_map(|one| ["permission", "resource"].map(|key| one.pointer(&format!("/metadata/{key}"))));
    let more = named.flatten().filter_map(Value::as_str).filter(|word| !text.contains(word));
    Some(more.fold(text.clone(), |all, word| format!("{all} {word}")))
}

fn print(args: &Args, all: &[Refusal], redactor: &Redactor) -> Result<(), Failure> {
    let text = match output::format(args.format) {
        Format::Json => table::lines(&redactor.rows(all.iter().map(Refusal::value).collect())),
        Format::Table => all.iter().map(|one| redactor.text(&one.text())).collect::<Vec<String>>().join("\n"),
    };
    output::print(&text)
}
