//! `catalog`: what the program knows, and from where.

use super::output::{self, Format};
use super::{Exit, Failure};
use crate::catalog;
use crate::report::table;
use serde_json::json;

/// Show what is known of the clouds' permissions, and where it comes from
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show counts and sources
    Info {
        /// Table or JSON
        #[arg(long)]
        format: Option<Format>,
    },
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let Command::Info { format } = &args.command;
    let (aws, gcp) = (catalog::aws(), catalog::gcp());
    let services: Vec<_> = aws.table.prefixes().filter_map(|prefix| aws.table.service(prefix)).collect();
    let actions: usize = services.iter().map(|s| s.actions.len()).sum();
    let types: usize = services.iter().map(|s| s.types.len()).sum();
    let sources: toml::Value = toml::from_str(catalog::SOURCES)?;
    let sources = sources.get("source").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let text = match output::format(*format) {
        Format::Json => {
            let value = json!({ "aws": { "services": services.len(), "actions": actions, "resource_types": types },
                "gcp": { "permissions": gcp.permissions(), "methods": gcp.methods() }, "sources": sources });
            table::lines(&[value])
        }
        Format::Table => {
            let field = |source: &toml::Value, name: &str| {
                source.get(name).and_then(toml::Value::as_str).unwrap_or("").to_owned()
            };
            let rows: Vec<Vec<String>> = sources
                .iter()
                .map(|s| {
                    ["name", "version", "date", "licence", "taken"]
                        .iter()
                        .map(|name| field(s, name))
                        .collect()
                })
                .collect();
            format!(
                "AWS: {} services, {actions} actions, {types} resource types\nGoogle Cloud: {} permissions, {} documented methods\n\n{}\n",
                services.len(),
                gcp.permissions(),
                gcp.methods(),
                table::table(&["source", "version", "date", "licence", "taken"], &rows)
            )
        }
    };
    output::print(&text)?;
    Ok(Exit::Done)
}
