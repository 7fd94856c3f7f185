//! `generate`: the main job.

use super::input::Input;
use super::shape::Shape;
use super::{Exit, Failure, folder, output};
use crate::aggregate::Usage;
use crate::cloud;
use crate::model::usage::Row;
use crate::pipeline::{self, Fate, Plan};
use crate::previous::Memory;
use crate::render::target::{self, Target};
use crate::render::view::{View, Who};
use crate::render::{self, Artifact, alike, write};
use crate::report::cross_account;
use crate::report::denials::{self, Refusal};
use crate::report::lifecycle;
use crate::report::manifest::{self, ArtifactEntry};
use crate::report::redact::Redactor;
use crate::report::summary;
use crate::report::told::Told;
use crate::verify;
use rayon::prelude::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Write verified policies for every principal, and a manifest
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    shape: Shape,
    /// Folder to write into
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What to write (repeatable; `leastgrant targets` lists them)
    #[arg(long, value_name = "ID")]
    target: Vec<String>,
    /// Folder with targets of your own
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
    /// Also write what was denied, into a file of its own that is not to be applied
    #[arg(long)]
    include_denied: bool,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let redactor = args.input.redactor()?;
    if redactor.is_on() && holds_memory(&args.out) {
        return Err(format!(
            "`{}` holds the documents and the memory of a run without `--redact`: give --out another folder, and that one as \
             --previous",
            args.out.display()
        )
        .into());
    }
    let targets = target::pick(target::all(args.templates.as_deref())?, &args.target)?;
    let (mut usage, intent) = args.input.read(args.shape.ask(&args.input)?)?;
    let mut planning =
        args.shape.planning(&args.input, &usage, intent, (!redactor.is_on()).then_some(&*args.out))?;
    pipeline::recall(&mut usage, &planning.memory);
    folder::ask(&mut planning, &targets);
    let plans = pipeline::plan(&usage, &planning);
    pipeline::give_back(usage.tally.bytes);
    let sets = pipeline::access_boundaries(&usage, &planning);
    let redactor = redactor.knowing(&usage).with(&plans);
    let mut files = Files {
        root: &args.out,
        fresh: write::is_empty(&args.out),
        partial: !usage.tally.unreadable.is_empty(),
        // Only of this folder it is known what stands in it.
        memory: (args.shape.remembers(&args.out)).then_some(&planning.memory),
        redactor: &redactor,
        unwritten: BTreeSet::new(),
        entries: Vec::new(),
    };
    let refusals = if args.include_denied { denials::of_log(&usage) } else { Vec::new() };
    files.principals(&plans, &targets, &refusals)?;
    if !redactor.is_on() {
        files.beside(folder::sets(&sets, &targets)?);
        files.beside(folder::logging(&usage, &targets)?);
        files.together(&plans, &targets)?;
    }
    files.entries.sort();
    // A partial log does not tell what is no longer needed.
    let goes = |entry: &ArtifactEntry| !files.partial && folder::must_go(entry, &plans, &targets);
    let (stale, standing): (Vec<_>, Vec<_>) = files.left().into_iter().partition(goes);
    pipeline::give_back(usage.tally.bytes);
    let told = Told::of(&usage, &plans);
    let manifest = manifest::manifest(
        &usage,
        (&plans, &sets),
        &files.entries,
        (&stale, &standing),
        &planning,
        &told.crowd,
    );
    let manifest = redactor.manifest(manifest);
    let beyond = told.beyond.iter().map(|entry| redactor.value(cross_account::told(entry)));
    let memory = (!redactor.is_on()).then(|| manifest::memory(&usage, &plans, &planning));
    write::lasting(&args.out, "manifest.json", manifest::pieces(manifest, beyond, memory))?;
    if !args.input.quiet {
        let out = args.out.display().to_string();
        let text = summary::summary(
            &usage,
            (&plans, &sets),
            &files.entries,
            &stale,
            &planning,
            &out,
            (&told, &redactor),
        );
        output::message(&text);
    }
    let exit = exit(&usage, &plans, (&args.out, &redactor))?;
    Ok(if !files.unwritten.is_empty() { Exit::Refused } else { exit })
}

/// Whether the folder holds what a later run builds on.
fn holds_memory(out: &Path) -> bool {
    use crate::previous::{Memory, MemoryError};
    #[expect(clippy::disallowed_methods, reason = "reads the manifest that stands")]
    let stands = std::fs::read_to_string(out.join("manifest.json"));
    // What is no manifest of this program is not to be overwritten either.
    stands.is_ok_and(|text| !matches!(Memory::read(&text, &[]), Err(MemoryError::Redacted)))
}

fn exit(usage: &Usage, plans: &[Plan<'_>], (out, redactor): (&Path, &Redactor)) -> Result<Exit, Failure> {
    let refused = plans.iter().any(|plan| matches!(plan.fate, Fate::Refused(_)));
    if !pipeline::documented(plans) && !refused {
        let waits: Vec<&Plan<'_>> = plans.iter().filter(|plan| plan.waits() > 0).collect();
        if let Some(first) = waits.first() {
            let more =
                if waits.len() > 1 { format!(", and {} more", waits.len() - 1) } else { String::new() };
            let first = out.join(redactor.folder(first)).join("review.json");
            return Err(format!(
                "all that a policy could grant waits for review: {}{more} says what and why; `--accept-review` grants what \
                 can be granted",
                first.display()
            )
            .into());
        }
        return Err(
            "no principal has a use that a policy could grant: the manifest says what became of each".into(),
        );
    }
    Ok(if refused {
        Exit::Refused
    } else if usage.tally.unreadable.is_empty() {
        Exit::Done
    } else {
        Exit::Partial
    })
}

/// The output folder as it fills.
struct Files<'a> {
    root: &'a Path,
    /// Nothing stood in it.
    fresh: bool,
    /// Part of the input was unreadable: nothing that stands is narrowed.
    partial: bool,
    /// What is known to stand, so that nothing of it is lost.
    memory: Option<&'a Memory>,
    /// With pseudonyms there are no documents: they could not be applied.
    redactor: &'a Redactor,
    /// Files that could not be written.
    unwritten: BTreeSet<String>,
    entries: Vec<ArtifactEntry>,
}

/// A file of principals.
struct Drawn<'p> {
    whose: Vec<&'p Plan<'p>>,
    folder: String,
    artifact: Artifact,
}

/// What became of a file.
struct Placed {
    /// Where it stands, and whether it is to be applied.
    at: std::io::Result<(String, bool)>,
    /// Why what a partial run left beside it cannot be removed.
    left: std::io::Result<()>,
    sha256: String,
}

impl Files<'_> {
    /// Renders everything before anything is written.
    fn principals<'p>(
        &mut self,
        plans: &'p [Plan<'p>],
        targets: &[Target],
        refusals: &[Refusal],
    ) -> Result<(), Failure> {
        let drawn = |plan| Ok([self.principal(plan, targets)?, self.denied(plan, refusals)].concat());
        let drawn: Vec<Result<Vec<(String, Artifact)>, Failure>> =
            plans.par_iter().with_max_len(1).map(drawn).collect();
        let mut all = Vec::new();
        for (plan, drawn) in plans.iter().zip(drawn) {
            let one = |(folder, artifact)| Drawn { whose: vec![plan], folder, artifact };
            all.extend(drawn?.into_iter().map(one));
        }
        self.write(&all);
        Ok(())
    }

    fn principal(&self, plan: &Plan<'_>, targets: &[Target]) -> Result<Vec<(String, Artifact)>, Failure> {
        let mut all = Vec::new();
        if let Some(view) = view(plan) {
            for target in targets.iter().filter(|t| t.cloud == plan.who.cloud) {
                let artifacts = render::render(target, &view)?;
                read_back(plan, &artifacts)?;
                let artifacts = artifacts.into_iter().filter(|_| !self.redactor.is_on());
                all.extend(artifacts.map(|artifact| (plan.folder(), artifact)));
            }
        }
        let held = (plan.waits() > 0).then(|| manifest::review(plan));
        let written = matches!(plan.fate, Fate::Written(_));
        let lifecycle = written.then(|| lifecycle::lifecycle(plan)).flatten();
        for (target, value) in [("review", held), ("lifecycle", lifecycle)] {
            all.extend(value.map(|value| self.beside_documents(plan, target, value)));
        }
        Ok(all)
    }

    /// What was refused: marked, and never part of a document to apply.
    fn denied(&self, plan: &Plan<'_>, refusals: &[Refusal]) -> Vec<(String, Artifact)> {
        let own: Vec<&Refusal> = refusals.iter().filter(|one| one.principal() == plan.who.id).collect();
        let value = (!own.is_empty()).then(|| denials::document(&plan.who.id, &own));
        value.map(|value| self.beside_documents(plan, "denied", value)).into_iter().collect()
    }

    /// A file for people, in the principal's folder.
    fn beside_documents(&self, plan: &Plan<'_>, target: &str, value: Value) -> (String, Artifact) {
        let (path, text) = (format!("{target}.json"), format!("{:#}\n", self.redactor.value(value)));
        let artifact = Artifact { target: target.to_owned(), path, text, applies: false, reads_back: false };
        (self.redactor.folder(plan), artifact)
    }

    /// Limits for sets of principals, and what is of no principal.
    fn beside(&mut self, all: Vec<folder::OfSet>) {
        for folder::OfSet { set, cloud, path, artifact } in all {
            let placed = self.place(&path, &artifact, self.partial);
            if let Some((path, applies)) = self.placed(path, &placed) {
                self.entries.push(ArtifactEntry {
                    principal: set,
                    cloud: cloud.to_owned(),
                    target: artifact.target,
                    path,
                    applies,
                    shared_with: Vec::new(),
                    sha256: placed.sha256,
                });
            }
        }
    }

    /// Files of several principals.
    fn together(&mut self, plans: &[Plan<'_>], targets: &[Target]) -> Result<(), Failure> {
        if !targets.iter().any(|target| target.files.iter().any(|rule| rule.per.together())) {
            return Ok(());
        }
        let (plans, views): (Vec<&Plan<'_>>, Vec<View<'_>>) =
            plans.iter().filter_map(|plan| Some((plan, view(plan)?))).unzip();
        let groups = alike::groups(&views);
        let mut all = Vec::new();
        for target in targets {
            for (group, artifact) in alike::render(target, &views, &groups)? {
                let whose = group.members.iter().filter_map(|at| plans.get(*at).copied()).collect();
                all.push(Drawn { whose, folder: group.folder.clone(), artifact });
            }
        }
        self.write(&all);
        Ok(())
    }

    /// Files of former runs that this one did not write.
    fn left(&self) -> Vec<ArtifactEntry> {
        let written = self.entries.iter().map(|entry| {
            let beside = entry.path.strip_suffix(folder::BESIDE);
            beside.unwrap_or(&entry.path).to_owned()
        });
        folder::left(self.root, folder::former(self.root), &written.chain(self.unwritten.clone()).collect())
    }

    /// Writes one file, or what a partial log gives beside it; what a partial run left beside it is of no use once a
    /// complete run has written it.
    fn place(&self, path: &str, artifact: &Artifact, keep: bool) -> Placed {
        let sha256 = manifest::digest(&artifact.text);
        let written = match self.fresh {
            true => write::fresh(self.root, path, &artifact.text),
            false => write::file(self.root, path, &artifact.text, keep),
        };
        let left = match &written {
            Ok(write::Written::Whole) if !self.partial && !self.fresh => {
                write::remove(self.root, &format!("{path}{}", folder::BESIDE))
            }
            _ => Ok(()),
        };
        let at = written.map(|written| match written {
            write::Written::Whole => (path.to_owned(), artifact.applies),
            write::Written::Beside(beside) => (beside, false),
        });
        Placed { at, left, sha256 }
    }

    /// Says where a file stands. One principal's fault must not cost the others their documents.
    fn placed(&mut self, path: String, placed: &Placed) -> Option<(String, bool)> {
        if let Err(why) = &placed.left {
            let beside = self.root.join(format!("{path}{}", folder::BESIDE));
            output::message(&format!("leastgrant: `{}`: cannot be removed: {why}", beside.display()));
        }
        match &placed.at {
            Ok(at) => Some(at.clone()),
            Err(why) => {
                let path_of = self.root.join(&path);
                output::message(&format!("leastgrant: `{}`: cannot be written: {why}", path_of.display()));
                self.unwritten.insert(path);
                None
            }
        }
    }

    fn write(&mut self, all: &[Drawn<'_>]) {
        // What was granted before is granted still, unless something was dropped.
        let stands = |plan: &&Plan<'_>| {
            let known = self.memory.and_then(|memory| memory.of(plan.who.cloud, &plan.who.id));
            plan.dropped == 0 && known.is_some()
        };
        let path = |one: &Drawn<'_>| format!("{}/{}", one.folder, one.artifact.path);
        let place = |one: &Drawn<'_>| {
            self.place(&path(one), &one.artifact, self.partial && !one.whose.iter().all(stands))
        };
        let placed: Vec<Placed> = all.par_iter().with_max_len(1).map(place).collect();
        for (one, placed) in all.iter().zip(placed) {
            let Some((plan, others)) = one.whose.split_first() else { continue };
            let Some((path, applies)) = self.placed(path(one), &placed) else { continue };
            self.entries.push(ArtifactEntry {
                principal: plan.who.id.clone(),
                cloud: plan.who.cloud.to_owned(),
                target: one.artifact.target.clone(),
                path,
                applies,
                shared_with: others.iter().map(|other| other.who.id.clone()).collect(),
                sha256: placed.sha256,
            });
        }
    }
}

/// What templates see of a principal, where it has documents.
pub(super) fn view<'p>(plan: &'p Plan<'_>) -> Option<View<'p>> {
    let Fate::Written(verified) = &plan.fate else { return None };
    let who = Who {
        id: &plan.who.id,
        name: &plan.name,
        slug: &plan.slug,
        kind: plan.who.kind.as_str(),
        cloud: plan.who.cloud,
        account: &plan.account,
        disposition: plan.disposition.as_str(),
        reasons: &plan.lasting,
        holds: &plan.holds,
    };
    Some(View::new(who, verified))
}

/// What was rendered is read back and replayed once more: a template cannot change what was proved.
fn read_back(plan: &Plan<'_>, artifacts: &[Artifact]) -> Result<(), Failure> {
    let Fate::Written(verified) = &plan.fate else { return Ok(()) };
    let read = artifacts.iter().filter(|a| a.reads_back);
    let files: Vec<(String, String)> = read.map(|a| (render::stem(&a.path), a.text.clone())).collect();
    if let Some(cloud) = cloud::by_id(plan.who.cloud).filter(|_| !files.is_empty()) {
        let kept = |row: &Row| verified.shared().contains(&verify::describe(row));
        let replayed = verify::verify_files(cloud, &files, &plan.rows, &kept);
        replayed.map_err(|why| {
            format!("the rendered policy of {} does not do what was proved: {why}", plan.who.id)
        })?;
    }
    Ok(())
}
