//! What the tests share: running the program, reading logs through the library.

use leastgrant::aggregate::Usage;
use leastgrant::aggregate::dedup::Dedup;
use leastgrant::aggregate::{Rules, Shard, Worker};
use leastgrant::cloud::CLOUDS;
use leastgrant::model::usage::Row;
use leastgrant::pipeline::{self, Plan, Planning, Reader};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A path below `fixtures/`.
pub(crate) fn fixture(path: &str) -> String {
    root().join("fixtures").join(path).display().to_string()
}

/// The folder of real logs and oracles, if there is one.
pub(crate) fn corpus() -> Option<PathBuf> {
    let found = std::env::var_os("LEASTGRANT_CORPUS").map(PathBuf::from).filter(|p| p.join("logs").is_dir());
    if found.is_none() {
        // Not `eprintln!`, which is captured where a test passes.
        let _ = writeln!(std::io::stderr(), "skipped: LEASTGRANT_CORPUS names no folder with real logs");
    }
    found
}

/// The program, with what it ships with: tests know nothing of the user's own data folder.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leastgrant"));
    command.env("LEASTGRANT_CATALOG", "embedded");
    command
}

/// Runs the program.
pub(crate) fn run(args: &[&str]) -> Output {
    program().args(args).output().unwrap()
}

/// Its exit code.
pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// Its standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Its standard output as JSON lines.
pub(crate) fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All files below a folder with their content, by relative path.
pub(crate) fn tree(root: &Path) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = walkdir::WalkDir::new(root)
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(root).unwrap().display().to_string();
            (path, std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    all.sort();
    all
}

/// Reads inputs with the library.
pub(crate) fn read(inputs: &[String], threads: usize) -> Usage {
    let reader = Reader { inputs: inputs.to_vec(), lines: true, threads: Some(threads), ..Reader::default() };
    pipeline::read(&reader).unwrap().0
}

/// Reads one text with the library.
pub(crate) fn read_text(text: &str) -> Usage {
    let mut shard = Shard::new(Arc::new(Rules::default()), Arc::new(Dedup::default()), true);
    leastgrant::decode::decode(text, &CLOUDS, &mut Worker(&mut shard)).unwrap();
    shard.finish()
}

/// Plans for all principals.
pub(crate) fn plans(usage: &Usage) -> Vec<Plan<'_>> {
    pipeline::plan(usage, &Planning { boundaries: true, ..Planning::default() })
}

/// A row that asks whether `principal` may do something, as tests state it.
pub(crate) fn ask(
    principal: &str,
    action: &str,
    resource: Option<&str>,
    context: &[(String, String)],
) -> Row {
    use leastgrant::model::time::Timestamp;
    use leastgrant::model::usage::{Basis, Outcome, Seen, Target};
    let cloud = if action.contains(':') { "aws" } else { "gcp" };
    Row {
        cloud,
        principal: principal.into(),
        action: action.into(),
        target: resource.map_or_else(Target::service, |name| Target::named(name.to_owned())),
        scope: "".into(),
        context: std::sync::Arc::new(context.iter().cloned().collect()),
        outcome: Outcome::Allowed,
        basis: Basis::Event,
        via: None,
        rule: "".into(),
        exempt: None,
        seen: Seen::once(Timestamp(0), ""),
    }
}

/// Policies that the manifest says are to be applied, of principals whose folder is named so: path and text.
pub(crate) fn applied(out: &Path, folder: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(out.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let artifacts = manifest["artifacts"].as_array().unwrap();
    let wanted = artifacts.iter().filter(|a| a["applies"] == true && a["target"] == "aws-policy");
    let paths =
        wanted.map(|a| a["path"].as_str().unwrap()).filter(|path| path.contains(&format!("/{folder}/")));
    paths
        .map(|path| out.join(path))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}
