//! `targets`: what can be written.

use super::output::{self, Format};
use super::{Exit, Failure};
use crate::render::target;
use crate::report::table;
use serde_json::{Value, json};
use std::path::PathBuf;

/// List what can be written
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder with targets of your own
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
    /// Table or JSON lines
    #[arg(long)]
    format: Option<Format>,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let all = target::all(args.templates.as_deref())?;
    let text = match output::format(args.format) {
        Format::Json => {
            let value = |t: &target::Target| json!({ "id": t.id, "cloud": t.cloud, "about": t.about, "default": t.default, "origin": t.origin });
            table::lines(&all.iter().map(value).collect::<Vec<Value>>())
        }
        Format::Table => {
            let default = |t: &target::Target| if t.default { "yes" } else { "" }.to_owned();
            let rows: Vec<Vec<String>> = all
                .iter()
                .map(|t| vec![t.id.clone(), default(t), t.about.clone(), t.origin.clone()])
                .collect();
            table::table(&["target", "default", "about", "from"], &rows) + "\n"
        }
    };
    output::print(&text)?;
    Ok(Exit::Done)
}
