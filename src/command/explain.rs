//! `explain`: why each statement stands.

use super::input::Input;
use super::output::{self, Format};
use super::shape::Shape;
use super::{Exit, Failure};
use crate::pipeline::{self, Fate};
use crate::report::{evidence, table};
use serde_json::Value;

/// Show why each statement stands: rule, counts, sample event, what was widened
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    shape: Shape,
    /// Shares of grants by how wide they are, for each principal
    #[arg(long)]
    summary: bool,
    /// Only this action
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Text or JSON lines
    #[arg(long)]
    format: Option<Format>,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let redactor = args.input.redactor()?;
    let (mut usage, intent) = args.input.read(args.shape.ask(&args.input)?)?;
    let planning = args.shape.planning(&args.input, &usage, intent, None)?;
    pipeline::recall(&mut usage, &planning.memory);
    let plans = pipeline::plan(&usage, &planning);
    let redactor = redactor.knowing(&usage).with(&plans);
    if plans.is_empty() {
        return Err("no principal matches: `leastgrant principals INPUT` lists them".into());
    }
    if args.summary {
        let rows: Vec<Value> = redactor.rows(evidence::summary(&plans));
        let text = match output::format(args.format) {
            Format::Json => table::lines(&rows),
            Format::Table => evidence::summary_text(&rows),
        };
        output::print(&text)?;
        return Ok(args.input.unreadable(&usage));
    }
    let mut rows: Vec<Value> = Vec::new();
    for plan in &plans {
        if let Fate::Refused(why) | Fate::Nothing(why) = &plan.fate {
            output::message(&redactor.text(&format!("{}: no document: {why}", plan.who.id)));
        }
        let rows_of = evidence::evidence(plan, args.action.as_deref(), &planning.intent, &usage.withheld);
        rows.extend(redactor.rows(rows_of));
    }
    if rows.is_empty() {
        return Err("nothing in the log matches: check the action's name".into());
    }
    let text = match output::format(args.format) {
        Format::Json => table::lines(&rows),
        Format::Table => evidence::text(&rows),
    };
    output::print(&text)?;
    Ok(args.input.unreadable(&usage))
}
