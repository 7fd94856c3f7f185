//! `drift`: what would change.

#![expect(clippy::disallowed_methods, reason = "reads the documents that stand")]

use super::folder::{self, Differs, Due};
use super::input::Input;
use super::output::{self, Format};
use super::shape::Shape;
use super::{Exit, Failure};
use crate::pipeline;
use crate::render::escape::terminal;
use crate::render::target::{self, Target};
use crate::report::manifest::{ArtifactEntry, Former};
use crate::report::{drift, table};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Show what the log needs more than the folder grants, and what could be lost
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    shape: Shape,
    /// Folder that `generate` wrote
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Folder with targets of your own, where the folder was written with it
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
    /// Text or JSON lines
    #[arg(long)]
    format: Option<Format>,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    if !args.out.join("manifest.json").is_file() {
        return Err(format!(
            "`{}` holds no manifest.json: run `leastgrant generate` into it first",
            args.out.display()
        )
        .into());
    }
    let redactor = args.input.redactor()?;
    let former = folder::former(&args.out);
    let targets = targets(args.templates.as_deref(), &former)?;
    let (mut usage, intent) = args.input.read(args.shape.ask(&args.input)?)?;
    let mut planning = args.shape.planning(&args.input, &usage, intent, Some(&args.out))?;
    folder::ask(&mut planning, &targets);
    pipeline::recall(&mut usage, &planning.memory);
    let plans = pipeline::plan(&usage, &planning);
    let sets = pipeline::access_boundaries(&usage, &planning);
    let redactor = redactor.knowing(&usage).with(&plans);
    let wanted = args.input.wanted()?;
    let worlds = drift::worlds(&usage);
    let shown = plans.iter().filter(|plan| wanted(&plan.who.id));
    let mut rows: Vec<Value> = shown.flat_map(|plan| drift::rows(plan, &usage, &worlds)).collect();
    let due = folder::due(&plans, (&usage, &sets), &targets)?;
    let mut files = Files { root: &args.out, former, rows: Vec::new(), diff: String::new() };
    due.iter()
        .filter(|due| wanted(&due.of) || due.plans.iter().any(|plan| wanted(&plan.who.id)))
        .for_each(|due| files.file(due));
    // A partial log does not tell what is no longer needed.
    if usage.tally.unreadable.is_empty() {
        let goes =
            |entry: &ArtifactEntry| wanted(&entry.principal) && folder::must_go(entry, &plans, &targets);
        files.left(&due, &goes);
    }
    rows.append(&mut files.rows);
    let mut rows = redactor.rows(rows);
    // The path of what is written without --redact names whom it is for.
    for path in rows.iter_mut().filter_map(|row| row.get_mut("path")) {
        *path = json!(redactor.text(path.as_str().unwrap_or("")));
    }
    output::print(&match output::format(args.format) {
        Format::Json => table::lines(&rows),
        Format::Table => drift::text(&rows) + &redactor.text(&files.diff),
    })?;
    if !args.input.quiet && rows.is_empty() {
        output::message("nothing would change");
    }
    let unreadable = args.input.unreadable(&usage);
    Ok(if rows.is_empty() { unreadable } else { Exit::Drift })
}

/// The targets that the folder was written with.
fn targets(templates: Option<&Path>, former: &Former) -> Result<Vec<Target>, Failure> {
    let known = target::all(templates)?;
    let ids: BTreeSet<&str> = former.artifacts.iter().map(|entry| entry.target.as_str()).collect();
    // Files of the report, which no target makes.
    let ids: BTreeSet<&str> =
        ids.into_iter().filter(|id| !["review", "lifecycle", "denied"].contains(id)).collect();
    if let Some(id) = ids.iter().find(|id| !known.iter().any(|target| target.id == **id)) {
        return Err(format!("the folder was written with the target `{id}`: give --templates as then").into());
    }
    Ok(known.into_iter().filter(|target| ids.contains(target.id.as_str())).collect())
}

/// The files of the folder beside those that are due.
struct Files<'a> {
    root: &'a Path,
    former: Former,
    rows: Vec<Value>,
    /// The lines that would change.
    diff: String,
}

impl Files<'_> {
    fn file(&mut self, due: &Due<'_, '_>) {
        let entries: BTreeMap<&str, &ArtifactEntry> =
            self.former.artifacts.iter().map(|entry| (entry.path.as_str(), entry)).collect();
        let held_back = entries.contains_key(format!("{}{}", due.path, folder::BESIDE).as_str());
        let stands = std::fs::read_to_string(self.root.join(&due.path)).ok();
        let known = entries.get(due.path.as_str()).copied();
        let Some(differs) = folder::differs(due, stands.as_deref(), known) else { return };
        let (kind, why) = match differs {
            _ if held_back => ("held-back", "a partial run left its content beside it"),
            Differs::Missing => ("missing", "the last run wrote it; the next one writes it again"),
            Differs::ByHand => ("changed-by-hand", "the next run writes over it"),
            Differs::Now => {
                ("would-change", "settings, decisions or knowledge are others than in the last run")
            }
        };
        let stands = stands.unwrap_or_default();
        let diff = similar::TextDiff::from_lines(&stands, &due.artifact.text);
        let diff = diff.unified_diff().context_radius(2).header(&due.path, &due.path).to_string();
        self.diff.extend(diff.lines().map(|line| terminal(line) + "\n"));
        // What is needed more has rows of its own, and changes the file.
        let needs_more = due.plans.iter().any(|plan| !plan.fresh.is_empty());
        if !(differs == Differs::Now && needs_more && !held_back) {
            let with = due.plans.iter().skip(1).map(|plan| plan.who.id.clone()).collect();
            self.row(&due.of, kind, &due.path, why, with);
        }
    }

    /// Files that the next run would not write.
    fn left(&mut self, due: &[Due<'_, '_>], goes: &impl Fn(&ArtifactEntry) -> bool) {
        let written = due.iter().map(|due| due.path.clone()).collect();
        let left = folder::left(self.root, self.former.clone(), &written);
        for entry in left.into_iter().filter(goes) {
            let why = "no document of this run: remove it by hand";
            self.row(&entry.principal, "stale", &entry.path, why, entry.shared_with);
        }
    }

    fn row(&mut self, principal: &str, kind: &str, path: &str, why: &str, with: Vec<String>) {
        let mut row = json!({ "principal": principal, "drift": kind, "path": path, "why": why });
        if let Some(row) = row.as_object_mut().filter(|_| !with.is_empty()) {
            row.insert("shared_with".to_owned(), json!(with));
        }
        self.rows.push(row);
    }
}
