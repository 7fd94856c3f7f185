//! Every command of the README is run, on the shipped fixtures.

use crate::support::{program, root};
use std::path::Path;

/// Lines of the README's `sh` blocks.
fn commands() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Words of a command line; the README quotes with `'` only.
fn words(line: &str) -> Vec<String> {
    let quoted = line.split('\'').enumerate();
    let parts = quoted.flat_map(|(at, part)| {
        if at % 2 == 1 { vec![part.to_owned()] } else { part.split_whitespace().map(str::to_owned).collect() }
    });
    parts.collect()
}

fn link(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(target).unwrap();
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn every_command_runs() {
    let folder = tempfile::tempdir().unwrap();
    link(&root().join("fixtures/aws/sam-deploy/logs"), &folder.path().join("logs"));
    link(&root().join("fixtures/aws/sam-deploy/logs"), &folder.path().join("fixtures/aws/sam-deploy/logs"));
    link(&root().join("fixtures/gcp/data-team/logs"), &folder.path().join("fixtures/gcp/data-team/logs"));
    let mut run = 0;
    for line in commands() {
        let words = words(&line);
        let args = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["cargo", "run", "--release", "--", ..] => words[4..].to_vec(),
            ["leastgrant", ..] => words[1..].to_vec(),
            // The test command is what runs this test.
            ["python3", "tests/run.py"] => {
                assert!(root().join("tests/run.py").is_file());
                continue;
            }
            _ => panic!("the README has a command that no test runs: {line}"),
        };
        let got = program().args(&args).current_dir(folder.path()).output().unwrap();
        assert!(got.status.success(), "{line}\n{}", String::from_utf8_lossy(&got.stderr));
        run += 1;
    }
    assert!(run >= 8, "{run} commands were run");
    assert!(folder.path().join("out/manifest.json").is_file());
}

#[test]
fn every_note_code_and_exit_code_is_documented() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    for code in ["0 done", "1 failed", "2 wrong usage", "3 some input", "4 for some principal", "5 `drift`"] {
        assert!(text.contains(code), "exit code {code}");
    }
    for code in leastgrant::model::note::Code::ALL {
        assert!(text.contains(&format!("`{}`", code.as_str())), "note {}", code.as_str());
    }
}
