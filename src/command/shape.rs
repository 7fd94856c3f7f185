//! Flags of the commands that make documents, and how they become a [`Planning`].

#![expect(clippy::disallowed_methods, reason = "reads the manifest of a former run")]

use super::Failure;
use super::input::{Ask, Input, condition};
use crate::aggregate::Usage;
use crate::cloud::CLOUDS;
use crate::config::Shaping;
use crate::intent::Intent;
use crate::pipeline::Planning;
use crate::previous::Memory;
use crate::render::stem;
use std::path::{Path, PathBuf};

/// How grants and documents are made.
#[derive(Debug, clap::Args)]
pub(super) struct Shape {
    /// Leave names as they were seen: no wildcard for suffixes, ids, dates and object keys
    #[arg(long)]
    exact: bool,
    /// Names of this stack are one thing: NAME-… becomes NAME-* (repeatable)
    #[arg(long, value_name = "NAME", value_parser = stack)]
    stack: Vec<String>,
    /// Folder of a former run: what it granted stays, where it stood [default: the folder written to]
    #[arg(long, value_name = "DIR")]
    previous: Option<PathBuf>,
    /// Group statements anew, where former runs left each where it stood
    #[arg(long)]
    regroup: bool,
    /// Drop grants that were not used for more than DAYS
    #[arg(long, value_name = "DAYS", num_args = 0..=1, require_equals = true, default_missing_value = "400",
          value_parser = clap::value_parser!(i32).range(1..))]
    prune: Option<i32>,
    /// Grant sensitive actions also where they were seen in one session only
    #[arg(long)]
    accept_review: bool,
    /// Also limit grants by this condition key where every use satisfies it, for example aws:CalledVia (repeatable)
    #[arg(long, value_name = "KEY", value_parser = condition)]
    condition: Vec<String>,
    /// One inline policy instead of managed ones
    #[arg(long)]
    inline: bool,
    /// Access boundary policy or policy binding that stands already, as gcloud prints it (repeatable)
    #[arg(long, value_name = "FILE")]
    bound: Vec<PathBuf>,
}

/// A stack's name, also where it is written as the pattern that it becomes.
fn stack(text: &str) -> Result<String, String> {
    let name = text.trim_end_matches(['*', '-']);
    if name.is_empty() || name.contains(['*', '?']) {
        return Err("name the stack itself: `orders` for `orders-*`".to_owned());
    }
    Ok(name.to_owned())
}

impl Shape {
    /// What is wanted of the log.
    pub(super) fn ask(&self, input: &Input) -> Result<Ask, Failure> {
        let conditions = [self.condition.as_slice(), &input.conditions()?].concat();
        Ok(Ask { lines: false, accept_review: self.accept_review, conditions })
    }

    /// Everything plans are made by. `out` is the folder that is written to, if any.
    pub(super) fn planning(
        &self,
        input: &Input,
        usage: &Usage,
        intent: Intent,
        out: Option<&Path>,
    ) -> Result<Planning, Failure> {
        let mut packing = input.packing()?;
        packing.inline |= self.inline;
        // A partial log must not take anything away.
        let prune = self.prune.filter(|_| usage.tally.unreadable.is_empty());
        let mut memory = self.memory(out)?;
        if self.regroup {
            memory.forget_places();
        }
        Ok(Planning {
            minimums: input.minimums()?,
            intent,
            memory,
            shaping: Shaping { exact: self.exact, stacks: self.stack.clone() },
            packing,
            prune,
            accept_review: self.accept_review,
            partial: !usage.tally.unreadable.is_empty(),
            boundaries: false,
            sets: false,
            alternatives: false,
            bound: self.bound()?,
        })
    }

    /// Access boundaries that stand already.
    fn bound(&self) -> Result<Vec<(String, String)>, Failure> {
        let read = |path: &PathBuf| {
            let text = std::fs::read_to_string(path)
                .map_err(|why| format!("--bound `{}`: cannot be read: {why}", path.display()))?;
            Ok((stem(&path.display().to_string()), text))
        };
        self.bound.iter().map(read).collect()
    }

    /// Whether the memory, if there is any, is of what stands in the folder.
    pub(super) fn remembers(&self, out: &Path) -> bool {
        self.previous.as_ref().is_none_or(|folder| folder == out)
    }

    /// What the former run left; nothing where there was none.
    fn memory(&self, out: Option<&Path>) -> Result<Memory, Failure> {
        let (folder, asked) = match (&self.previous, out) {
            (Some(folder), _) => (folder.as_path(), true),
            (None, Some(folder)) => (folder, false),
            (None, None) => return Ok(Memory::default()),
        };
        let path = folder.join("manifest.json");
        let clouds: Vec<&'static str> = CLOUDS.iter().map(|cloud| cloud.id()).collect();
        match std::fs::read_to_string(&path) {
            Ok(text) => Memory::read(&text, &clouds).map_err(|why| {
                format!("`{}` {why}; to start anew, write into an empty folder", path.display()).into()
            }),
            Err(why) if !asked && why.kind() == std::io::ErrorKind::NotFound => Ok(Memory::default()),
            Err(why) => Err(format!("`{}`: cannot be read: {why}", path.display()).into()),
        }
    }
}
