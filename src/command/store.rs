//! `store`: what a store holds, and what it is to hold no longer.

use super::output::{self, Format};
use super::{Exit, Failure};
use crate::aggregate::store::{Info, Store};
use crate::model::time::Day;
use crate::report::table;
use clap::Subcommand;
use indicatif::HumanBytes;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Look at a store, forget old days, join its files
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what it holds, what is missing and what is damaged
    Info {
        /// The store
        dir: PathBuf,
        /// Text or one line of JSON
        #[arg(long)]
        format: Option<Format>,
    },
    /// Forget all days before one; what was read is not read again
    Forget {
        /// The store
        dir: PathBuf,
        /// The first day that stays: 2026-11-03
        #[arg(long, value_name = "DATE", value_parser = day)]
        before: Day,
    },
    /// Join its files; ingest does so by itself when there are many
    Compact {
        /// The store
        dir: PathBuf,
    },
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| format!("`{text}` is no day: write 2026-11-03"))
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.what {
        What::Info { dir, format } => info(dir, *format),
        What::Forget { dir, before } => {
            writable(dir)?.forget(*before)?;
            Ok(Exit::Done)
        }
        What::Compact { dir } => {
            let mut store = writable(dir)?;
            if store.compact(true)? {
                store.commit()?;
            }
            Ok(Exit::Done)
        }
    }
}

/// Opens a store that is there.
fn writable(dir: &Path) -> Result<Store, Failure> {
    Store::open(dir)?;
    let waiting = || {
        output::message(&format!(
            "`{}`: another process writes to it: waiting until it is done",
            dir.display()
        ));
    };
    Ok(Store::writable(dir, &waiting)?)
}

fn info(dir: &Path, asked: Option<Format>) -> Result<Exit, Failure> {
    let info = Store::open(dir)?.info()?;
    let text = match output::format(asked) {
        Format::Json => table::lines(&[value(&info)]),
        Format::Table => text(&info),
    };
    output::print(&text)?;
    let whole = info.missing.is_empty() && info.damaged.is_empty();
    Ok(if whole { Exit::Done } else { Exit::Partial })
}

fn value(info: &Info) -> serde_json::Value {
    let day = |day: Day| day.to_string();
    let missing: Vec<_> =
        info.missing.iter().map(|(path, why)| json!({ "path": path, "why": why })).collect();
    let damaged: Vec<_> =
        info.damaged.iter().map(|one| json!({ "path": one.path, "why": one.why })).collect();
    json!({ "format": info.format, "segments": info.segments, "objects": info.objects, "records": info.records,
            "rows": info.rows, "bytes": info.bytes, "first": info.days.map(|(first, _)| day(first)),
            "last": info.days.map(|(_, last)| day(last)), "forgotten_before": info.forgotten.map(day),
            "excludes": info.excludes, "conditions": info.conditions, "catalogs": info.catalogs,
            "missing": missing, "damaged": damaged })
}

fn text(info: &Info) -> String {
    let days = info.days.map_or_else(|| "none".to_owned(), |(first, last)| format!("{first} to {last}"));
    let mut rows = vec![
        ("format", info.format.to_string()),
        ("days", days),
        ("records", info.records.to_string()),
        ("rows", info.rows.to_string()),
        ("objects", info.objects.to_string()),
        ("segments", format!("{}, {}", info.segments, HumanBytes(info.bytes))),
        ("[[exclude]] entries", info.excludes.to_string()),
        ("condition keys", info.conditions.join(", ")),
        ("made with", info.catalogs.join(", ")),
    ];
    rows.extend(info.forgotten.map(|day| ("forgotten before", day.to_string())));
    rows.extend(info.missing.iter().map(|(path, why)| ("missing", format!("{path}: {why}"))));
    rows.extend(info.damaged.iter().map(|damage| ("damaged", damage.to_string())));
    let cells: Vec<Vec<String>> =
        rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    table::table(&["", ""], &cells) + "\n"
}
