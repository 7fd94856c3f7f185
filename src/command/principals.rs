//! `principals`: who is in the logs.

use super::input::{Ask, Input};
use super::output::{self, Format};
use super::{Exit, Failure};
use crate::cloud;
use crate::model::identity::PrincipalUse;
use crate::report::coverage;
use crate::report::redact::Redactor;
use crate::report::table;
use serde_json::{Value, json};

/// List who is in the logs
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    /// Table or JSON lines
    #[arg(long)]
    format: Option<Format>,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let redactor = args.input.redactor()?;
    let (usage, _) = args.input.read(Ask::default())?;
    let redactor = redactor.knowing(&usage);
    let text = match output::format(args.format) {
        Format::Json => table::lines(&redactor.rows(usage.principals.iter().map(value).collect())),
        Format::Table => {
            let head = ["principal", "kind", "account", "events", "actions", "first", "last", "disposition"];
            let rows: Vec<Vec<String>> = usage.principals.iter().map(|who| cells(who, &redactor)).collect();
            table::table(&head, &rows) + "\n"
        }
    };
    output::print(&text)?;
    // Who is not seen may only not be logged: said beside the table, and by `generate` in the manifest.
    let said: Vec<String> = coverage::lines(&usage).iter().map(|line| redactor.text(line)).collect();
    if matches!(output::format(args.format), Format::Table) && !args.input.quiet && !said.is_empty() {
        output::message(&said.join("\n"));
    }
    Ok(args.input.unreadable(&usage))
}

fn disposition(who: &PrincipalUse) -> &'static str {
    cloud::by_id(who.cloud).map_or("", |cloud| cloud.dispose(&who.id, who.kind).as_str())
}

fn value(who: &PrincipalUse) -> Value {
    json!({ "principal": (!who.id.is_empty()).then_some(&who.id), "cloud": who.cloud, "kind": who.kind.as_str(),
            "account": who.home, "events": who.events, "actions": who.actions, "sessions": who.sessions(),
            "days": who.days(), "first": who.span.0.to_string(), "last": who.span.1.to_string(),
            "disposition": disposition(who) })
}

fn cells(who: &PrincipalUse, redactor: &Redactor) -> Vec<String> {
    let id = if who.id.is_empty() { "(not said)".to_owned() } else { redactor.id(&who.id) };
    let (first, last) = (who.span.0.day().to_string(), who.span.1.day().to_string());
    let (events, actions) = (who.events.to_string(), who.actions.to_string());
    vec![
        id,
        who.kind.as_str().into(),
        redactor.text(&who.home),
        events,
        actions,
        first,
        last,
        disposition(who).into(),
    ]
}
