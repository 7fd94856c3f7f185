//! `check`: replay the log against given policies.

#![expect(clippy::disallowed_methods, reason = "reads the policies to check")]

use super::input::{Ask, Input};
use super::output::{self, Format};
use super::{Exit, Failure};
use crate::cloud::{self, Cloud, Evaluator};
use crate::model::usage::{Level, Outcome, Row};
use crate::render;
use crate::report::redact::Redactor;
use crate::report::table;
use crate::verify;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Replay the log against policies: which observed uses would they deny?
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    /// Policy document, or a Google role and its binding (repeatable; they hold together)
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    policy: Vec<PathBuf>,
    /// Where a policy holds that does not say it, as `get-iam-policy` prints it: projects/ID, folders/N or organizations/N
    #[arg(long, value_name = "PLACE")]
    on: Option<String>,
    /// Permissions boundary that also has to allow
    #[arg(long, value_name = "FILE")]
    boundary: Option<PathBuf>,
    /// Table or JSON lines
    #[arg(long)]
    format: Option<Format>,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let redactor = args.input.redactor()?;
    let files = args.policy.iter().map(file).collect::<Result<Vec<(String, String)>, Failure>>()?;
    let (cloud, texts) = told_by_content(&files, args)?;
    let limits = args.boundary.iter().map(file).collect::<Result<Vec<(String, String)>, Failure>>()?;
    let limit = |(_, text): &(String, String)| cloud.evaluator(std::slice::from_ref(text));
    let boundary = limits.first().map(limit).transpose();
    let boundary = boundary.map_err(|why| {
        let path = args.boundary.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        format!("--boundary `{path}`: {why}")
    })?;
    let named = |key: &&&str| files.iter().chain(&limits).any(|(_, text)| names(text, key));
    let conditions = cloud.conditions().iter().filter(named).map(|key| (*key).to_owned()).collect();
    let (usage, intent) = args.input.read(Ask { conditions, ..Ask::default() })?;
    let replayed = |row: &&Row| verify::must_allow(row) || cloud.replays(row, &texts);
    let asked: Vec<&Row> = usage.rows.iter().filter(|row| row.cloud == cloud.id()).filter(replayed).collect();
    if asked.is_empty() {
        return Err(format!("no use of {} to replay: check --principal and the inputs", cloud.id()).into());
    }
    let policies = cloud.evaluator(&placed(cloud, texts, &asked, args)?)?;
    let limit = |row: &Row| boundary.as_ref().is_none_or(|b| b.allows(row));
    let denied: Vec<&&Row> = asked.iter().filter(|row| !(policies.allows(row) && limit(row))).collect();
    let withheld: Vec<&Row> =
        usage.rows.iter().filter(|row| row.cloud == cloud.id() && row.outcome == Outcome::Withheld).collect();
    let kept = |row: &Row| intent.keeps(row);
    let needed = |row: &Row| kept(row) || asked.iter().any(|other| cloud.same_grant(other, row));
    let open = withheld.iter().filter(|row| policies.allows(row) && limit(row) && !needed(row));
    let open: Vec<&&Row> = open.collect();
    print(args, &denied, &open, policies.as_ref(), &redactor.knowing(&usage))?;
    if !args.input.quiet {
        output::message(&format!("{} of {} observed uses would be denied", denied.len(), asked.len()));
        unknown(&denied, policies.as_ref());
        if !withheld.is_empty() {
            output::message(&format!(
                "{} of {} withheld uses would be allowed though no other use needs them",
                open.len(),
                withheld.len()
            ));
        }
    }
    let unreadable = args.input.unreadable(&usage);
    Ok(if denied.is_empty() && open.is_empty() { unreadable } else { Exit::Refused })
}

/// Whether a policy names a condition key, whatever its case: then the log is asked for it.
fn names(text: &str, key: &str) -> bool {
    text.to_ascii_lowercase().contains(&key.to_ascii_lowercase())
}

/// A file's name without its ending, and its text.
fn file(path: &PathBuf) -> Result<(String, String), Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|e| format!("`{}`: cannot be read: {e}", path.display()))?;
    Ok((render::stem(&path.display().to_string()), text))
}

type Told = (&'static dyn Cloud, Vec<String>);

/// Says what nobody can tell, and what would tell it.
fn unknown(denied: &[&&Row], policies: &dyn Evaluator) {
    let mut doubts: BTreeMap<String, usize> = BTreeMap::new();
    for doubt in denied.iter().flat_map(|row| policies.doubts(row)) {
        *doubts.entry(doubt).or_default() += 1;
    }
    for (doubt, count) in &doubts {
        output::message(&format!("{count} of them may be allowed: {doubt}"));
    }
    if doubts.keys().any(|doubt| doubt.ends_with("is not known")) {
        output::message(
            "for roles, add what `gcloud iam roles describe ROLE --format=json` prints, or import the predefined ones with \
             `leastgrant catalog update --from`",
        );
    }
}

/// The documents, each holding somewhere: where the user says, else in the one project that the log has.
fn placed(
    cloud: &dyn Cloud,
    texts: Vec<String>,
    asked: &[&Row],
    args: &Args,
) -> Result<Vec<String>, Failure> {
    let Some(_) = cloud.placed(&texts, "") else { return Ok(texts) };
    let placed = |place: &str| cloud.placed(&texts, place).unwrap_or_default();
    if let Some(on) = &args.on {
        let place = on.trim_start_matches("//cloudresourcemanager.googleapis.com/");
        let known = ["projects/", "folders/", "organizations/"].iter().any(|kind| place.starts_with(kind));
        return if known {
            Ok(placed(place))
        } else {
            Err(format!("--on is `{on}`: write projects/ID, folders/N or organizations/N").into())
        };
    }
    let places: BTreeSet<&str> = asked.iter().filter_map(|row| container(&row.scope)).collect();
    match (places.first(), places.len()) {
        (Some(place), 1) => {
            if !args.input.quiet {
                output::message(&format!("a policy does not say where it holds: taken to be that of {place}"));
            }
            Ok(placed(place))
        }
        _ => Err(format!(
            "a policy does not say where it holds, and what was used lies in {} places ({}): say it with --on, or give \
             what `gcloud projects get-ancestors-iam-policy` prints",
            places.len(),
            places.into_iter().take(5).collect::<Vec<_>>().join(", ")
        )
        .into()),
    }
}

/// `projects/ID` of `projects/ID/serviceAccounts/A`
fn container(scope: &str) -> Option<&str> {
    let end = scope.match_indices('/').nth(1).map_or(scope.len(), |(at, _)| at);
    scope.get(..end).filter(|place| !place.is_empty())
}

/// The first cloud that can read all the files.
fn told_by_content(files: &[(String, String)], args: &Args) -> Result<Told, Failure> {
    let mut whys: Vec<String> = Vec::new();
    for cloud in cloud::CLOUDS {
        match cloud.documents(files).and_then(|texts| cloud.evaluator(&texts).map(|_| texts)) {
            Ok(texts) => return Ok((cloud, texts)),
            Err(why) => whys.push(format!("\n  as a policy of {}: {why}", cloud.id())),
        }
    }
    let names: Vec<String> = args.policy.iter().map(|p| p.display().to_string()).collect();
    Err(format!("--policy {}: cannot be read{}", names.join(", "), whys.concat()).into())
}

fn print(
    args: &Args,
    denied: &[&&Row],
    open: &[&&Row],
    policies: &dyn Evaluator,
    redactor: &Redactor,
) -> Result<(), Failure> {
    let by = |row: &Row| match row.outcome {
        Outcome::Withheld => "nobody: withheld, yet allowed",
        _ if policies.allows(row) => "boundary",
        _ if !policies.doubts(row).is_empty() => "unknown",
        _ => policies.refuser(row),
    };
    let all = denied.iter().chain(open);
    let text = match output::format(args.format) {
        Format::Json => {
            table::lines(&redactor.rows(all.map(|row| value(row, by(row), &policies.doubts(row))).collect()))
        }
        Format::Table if denied.is_empty() && open.is_empty() => String::new(),
        Format::Table => {
            let cells = |row: &&&Row| {
                vec![
                    redactor.id(&row.principal),
                    row.action.to_string(),
                    redactor.text(&row.target.text),
                    row.seen.count.to_string(),
                    by(row).to_owned(),
                ]
            };
            let rows: Vec<Vec<String>> = all.map(cells).collect();
            table::table(&["principal", "action", "resource", "count", "denied by"], &rows) + "\n"
        }
    };
    output::print(&text)
}

fn value(row: &Row, by: &str, doubts: &[String]) -> Value {
    let named = row.target.level == Level::Named;
    json!({ "principal": row.principal, "action": row.action,
            "resource": if named { json!(row.target.text) } else { Value::Null },
            "pattern": if named || row.target.text.is_empty() { Value::Null } else { json!(row.target.text) },
            "context": row.context, "outcome": row.outcome.as_str(), "count": row.seen.count,
            "first": row.seen.first.to_string(), "last": row.seen.last.to_string(), "event": row.seen.sample.1,
            "denied_by": by, "doubts": doubts })
}
