//! `ingest`: what is new in the logs, into a store.

use super::input::Input;
use super::{Exit, Failure, output, progress};
use crate::aggregate::Rules;
use crate::config::Filter;
use crate::pipeline::{self, Ingest, Ingested};
use crate::source::Meter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Read only what is new, and keep what it proves as a store that every command takes as INPUT
///
/// A store answers as the logs in it do. It keeps uses by day, so that windows, accounts, regions and principals can be asked
/// for later; `[[exclude]]` entries of the intent file and condition keys are applied now. Each run reads objects that were
/// not read before, and those that have changed; the same record twice counts once.
#[derive(Debug, clap::Args)]
#[command(mut_arg("principal", |arg| arg.hide(true)), mut_arg("cloud", |arg| arg.hide(true)))]
#[command(mut_arg("redact", |arg| arg.hide(true)), mut_arg("redact_key", |arg| arg.hide(true)))]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    /// Folder of the store; it is made where there is none
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Condition keys to attest beside those that always are (repeatable)
    #[arg(long, value_name = "KEY", value_parser = super::input::condition)]
    condition: Vec<String>,
    /// Objects after which what was read is kept for good, however the run ends
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    commit_every: u64,
    /// Read again what is damaged, or was made with other catalogs or condition keys
    #[arg(long)]
    rebuild: bool,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let input = &args.input;
    if let Some(flag) = input.narrows() {
        return Err(format!(
            "{flag}: a store keeps everybody's uses as they are; give it to the command that reads the store"
        )
        .into());
    }
    let mut conditions = input.conditions()?;
    conditions.extend(args.condition.iter().cloned());
    let rules = Rules {
        filter: Filter { conditions, ..Filter::default() },
        intent: input.intent()?,
        accept_review: false,
    };
    let meter = Arc::new(Meter::default());
    let ingest = Ingest {
        inputs: input.inputs.clone(),
        store: args.store.clone(),
        listed: input.filter(Vec::new())?,
        rules,
        rebuild: args.rebuild,
        step: args.commit_every,
        threads: input.threads()?,
        meter: Arc::clone(&meter),
        stop: progress::interruptible()?,
        requester_pays: input.requester_pays,
    };
    if !input.quiet {
        input.rounded().iter().for_each(|note| output::message(&note.text));
    }
    let shown = progress::Shown::new(&meter, input.quiet);
    let name = args.store.display().to_string();
    let ingested = pipeline::ingest(&ingest, &|| {
        output::message(&format!("`{name}`: another process writes to it: waiting until it is done"));
    });
    drop(shown);
    if !input.quiet {
        meter.notes().iter().for_each(|note| output::message(note));
    }
    let ingested = ingested?;
    tell(&ingested, input.quiet, meter.known.load(Ordering::Relaxed), &name);
    Ok(if ingested.partial() { Exit::Partial } else { Exit::Done })
}

fn tell(ingested: &Ingested, quiet: bool, known: u64, store: &str) {
    for one in &ingested.unreadable {
        output::message(&format!("leastgrant: {}: {}", one.path, one.why));
    }
    for problem in &ingested.problems {
        output::message(&format!("leastgrant: {problem}"));
    }
    if ingested.stopped {
        output::message("leastgrant: interrupted; what was read is kept: run it again to read the rest");
    }
    if !quiet {
        let again =
            if ingested.again == 0 { String::new() } else { format!(", {} of them again", ingested.again) };
        output::message(&format!(
            "{store}: {} objects read{again}, {} new records; {known} objects were known",
            ingested.objects, ingested.records
        ));
    }
}
