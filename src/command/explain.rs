//! `explain`: why each statement stands.

use super::input::{Conditions, Input};
use super::output::{self, Format};
use super::{Exit, Failure};
use crate::pipeline::{self, Fate};
use crate::report::{evidence, table};
use serde_json::Value;

/// Show why each statement stands: rule, counts, sample event, what was widened
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    /// Only this action
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    #[command(flatten)]
    conditions: Conditions,
    /// Text or JSON lines
    #[arg(long)]
    format: Option<Format>,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let minimums = args.input.minimums()?;
    let usage = args.input.read_attesting(&args.conditions)?;
    let plans = pipeline::plan(&usage, &minimums, false);
    if plans.is_empty() {
        return Err("no principal matches: `leastgrant principals INPUT` lists them".into());
    }
    let mut rows: Vec<Value> = Vec::new();
    for plan in &plans {
        if let Fate::Refused(why) | Fate::Nothing(why) = &plan.fate {
            output::message(&format!("{}: no document: {why}", plan.who.id));
        }
        rows.extend(evidence::evidence(plan, args.action.as_deref()));
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
