//! Every folder `fixtures/rules/<rule>`: one run after another into the same folders, as nights follow each other, each with
//! hard expectations. What a night must not change is compared byte by byte.

use crate::support::{ask, code, program, root, stderr, tree};
use leastgrant::cloud;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    rules: Vec<u8>,
    about: String,
    principal: String,
    run: Vec<Step>,
}

/// One run of the program. A probe is `ACTION [RESOURCE] [KEY=VALUE]… [as PRINCIPAL]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Step {
    command: Option<String>,
    /// Files of the folder, or `@keys COUNT PREFIX`, `@tables COUNT`: logs too large to keep.
    inputs: Vec<String>,
    intent: Option<String>,
    /// `{NAME}` is the path of the folder that steps with `out = NAME` write into.
    args: Vec<String>,
    out: Option<String>,
    exit: i32,
    must_allow: Vec<String>,
    must_not_allow: Vec<String>,
    must_be_withheld: Vec<String>,
    /// Parts of paths (`*`: every path) of files, but the manifest, that stay as they were.
    must_not_change: Vec<String>,
    statements_added: Option<usize>,
    statements_gone: usize,
    /// Statements, all of them in one document.
    statements_at_most: Option<usize>,
    /// The names of all statements, in order.
    sids: Vec<String>,
    /// File → texts that it holds.
    must_hold: BTreeMap<String, Vec<String>>,
    /// Texts that no file of the folder holds.
    must_not_hold: Vec<String>,
    /// The names of statements stay.
    same_sids: bool,
    files: Vec<String>,
    says: Vec<String>,
    says_not: Vec<String>,
    /// JSON pointer → value; the word `absent` for nothing there.
    manifest: BTreeMap<String, Value>,
}

struct Runner<'a> {
    /// Each run reads a store of its inputs.
    stored: bool,
    folder: &'a Path,
    temp: &'a Path,
    principal: &'a str,
    wrong: Vec<String>,
}

impl Runner<'_> {
    fn input(&self, name: &str) -> String {
        let words: Vec<&str> = name.split(' ').collect();
        let text = match words.as_slice() {
            ["@keys", count, prefix] => keys(count.parse().unwrap(), prefix),
            ["@tables", count] => tables(count.parse().unwrap()),
            _ => return self.folder.join(name).display().to_string(),
        };
        let path = self.temp.join(name.replace([' ', '@'], "-"));
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// The inputs of a run, or a store of them.
    fn inputs(&self, step: &Step, command: &str) -> Vec<String> {
        let inputs: Vec<String> = step.inputs.iter().map(|input| self.input(input)).collect();
        if !self.stored || inputs.is_empty() || command == "intent check" {
            return inputs;
        }
        let store = tempfile::tempdir_in(self.temp).unwrap().keep().join("store");
        let mut ingest = program();
        ingest.current_dir(self.folder).arg("ingest").args(&inputs).arg("--store").arg(&store);
        ingest.args(["-q", "--commit-every", "1", "--intent"]);
        ingest.arg(step.intent.as_ref().map_or(self.temp.join("none.toml"), PathBuf::from));
        let conditions = step.args.iter().skip_while(|arg| *arg != "--condition");
        let output = ingest.args(conditions.take(2)).output().unwrap();
        self.ingested(&output);
        vec![store.display().to_string()]
    }

    fn ingested(&self, output: &std::process::Output) {
        assert!([0, 3].contains(&code(output)), "{}: {}", self.folder.display(), stderr(output));
    }

    fn step(&mut self, step: &Step) {
        let out = self.temp.join(step.out.as_deref().unwrap_or("out"));
        let name = step.command.as_deref().unwrap_or("generate");
        let before = if out.is_dir() { tree(&out) } else { Vec::new() };
        let stood = statements(&out);
        let free = self.temp.join("none.toml");
        std::fs::write(&free, "").unwrap();
        let mut command = program();
        command.current_dir(self.folder).args(name.split(' '));
        command.args(self.inputs(step, name));
        if matches!(name, "generate" | "drift") {
            command.arg("--out").arg(&out);
        }
        if name != "intent check" {
            let intent = step.intent.as_ref().map_or(free, PathBuf::from);
            command.arg("--intent").arg(intent);
        }
        let filled = |arg: &String| match arg.strip_prefix('{').and_then(|a| a.strip_suffix('}')) {
            Some(folder) => self.temp.join(folder).display().to_string(),
            None => arg.clone(),
        };
        let output = command.args(step.args.iter().map(filled)).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
        self.check(code(&output) == step.exit, &format!("exit {}:\n{said}", code(&output)));
        for text in &step.says {
            self.check(said.contains(text), &format!("does not say `{text}`:\n{said}"));
        }
        for text in &step.says_not {
            self.check(!said.contains(text), &format!("says `{text}`:\n{said}"));
        }
        if name == "generate" && out.is_dir() {
            self.unchanged(step, &before, &tree(&out));
            self.compare(step, &stood, &statements(&out));
            self.probe(step, &out);
            self.kept(step, &out);
        }
    }

    fn check(&mut self, right: bool, what: &str) {
        if !right {
            self.wrong.push(what.chars().take(1_500).collect());
        }
    }

    fn unchanged(&mut self, step: &Step, before: &[(String, String)], after: &[(String, String)]) {
        for part in &step.must_not_change {
            let is_meant =
                |path: &str| path != "manifest.json" && (part == "*" || path.contains(part.as_str()));
            let meant: Vec<_> =
                before.iter().filter(|(path, _)| is_meant(path) && !path.ends_with(".partial")).collect();
            self.check(!meant.is_empty(), &format!("nothing stood that `{part}` means"));
            for (path, text) in meant {
                let now = after.iter().find(|(other, _)| other == path);
                self.check(now.is_some_and(|(_, now)| now == text), &format!("{path} changed: {now:?}"));
            }
        }
        for file in &step.files {
            self.check(after.iter().any(|(path, _)| path == file), &format!("no {file}"));
        }
    }

    /// Statements that came and went; those that stayed are in the same order.
    fn compare(&mut self, step: &Step, before: &[(String, Value)], after: &[(String, Value)]) {
        let Some(wanted) = step.statements_added.map(|added| (added, step.statements_gone)) else { return };
        let missing = |of: &[(String, Value)], from: &[(String, Value)]| {
            of.iter().filter(|one| !from.contains(one)).count()
        };
        let got = (missing(after, before), missing(before, after));
        self.check(got == wanted, &format!("{got:?} statements came and went: {before:#?}\n{after:#?}"));
        let common = |all: &[(String, Value)], other: &[(String, Value)]| -> Vec<(String, Value)> {
            all.iter().filter(|one| other.contains(one)).cloned().collect()
        };
        self.check(common(before, after) == common(after, before), "statements moved");
        let sids =
            |all: &[(String, Value)]| -> Vec<Value> { all.iter().map(|(_, s)| s["Sid"].clone()).collect() };
        self.check(!step.same_sids || sids(before) == sids(after), &format!("other names: {after:#?}"));
    }

    /// What files say and do not say.
    fn kept(&mut self, step: &Step, out: &Path) {
        let sids: Vec<String> =
            statements(out).iter().map(|(_, s)| s["Sid"].as_str().unwrap_or("").to_owned()).collect();
        self.check(step.sids.is_empty() || step.sids == sids, &format!("statements are {sids:?}"));
        let all = statements(out);
        let one = all.iter().all(|(path, _)| all.first().is_some_and(|(first, _)| first == path));
        let fits = step.statements_at_most.is_none_or(|most| one && all.len() <= most);
        self.check(fits, &format!("{} statements", all.len()));
        for (path, wanted) in &step.must_hold {
            let text = std::fs::read_to_string(out.join(path)).unwrap_or_default();
            for wanted in wanted.iter().filter(|wanted| !text.contains(wanted.as_str())) {
                self.check(false, &format!("{path} does not hold `{wanted}`: {text}"));
            }
        }
        for (path, text) in tree(out) {
            for hidden in step.must_not_hold.iter().filter(|hidden| text.contains(hidden.as_str())) {
                self.check(false, &format!("{path} holds `{hidden}`"));
            }
        }
    }

    fn probe(&mut self, step: &Step, out: &Path) {
        let text = std::fs::read_to_string(out.join("manifest.json")).unwrap_or_else(|_| "{}".to_owned());
        let manifest: Value = serde_json::from_str(&text).unwrap();
        for (wanted, probes) in [(true, &step.must_allow), (false, &step.must_not_allow)] {
            for probe in probes {
                let got = allowed(out, &manifest, self.principal, probe);
                self.check(
                    got == wanted,
                    &format!("{probe}: {}", if got { "allowed" } else { "not allowed" }),
                );
            }
        }
        for (pointer, wanted) in &step.manifest {
            let got = manifest.pointer(pointer).cloned().unwrap_or_else(|| json!("absent"));
            self.check(got == *wanted, &format!("manifest {pointer}: {got}"));
        }
        if !step.must_be_withheld.is_empty() {
            let mut command = program();
            command.current_dir(self.folder).arg("uses").args(step.inputs.iter().map(|i| self.input(i)));
            let uses = command.arg("--intent").arg(step.intent.as_deref().unwrap_or("")).output().unwrap();
            let rows: Vec<Value> = crate::support::lines(&uses);
            for wanted in &step.must_be_withheld {
                let is = |row: &Value| {
                    format!("{} {}", row["action"], row["resource"]).replace('"', "") == *wanted
                };
                let held = rows.iter().filter(|row| is(row)).any(|row| row["outcome"] == "withheld");
                self.check(held, &format!("{wanted} is not withheld: {}", stderr(&uses)));
            }
        }
    }
}

/// Statements of all applied policies, with their files.
fn statements(out: &Path) -> Vec<(String, Value)> {
    let Ok(manifest) = std::fs::read_to_string(out.join("manifest.json")) else { return Vec::new() };
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let all = policies(out, &manifest, None).into_iter().flat_map(|(path, text)| {
        let document: Value = serde_json::from_str(&text).unwrap();
        let all = document["Statement"].as_array().cloned().unwrap_or_default();
        all.into_iter().map(move |statement| (path.clone(), statement))
    });
    all.collect()
}

/// Paths and texts of policies to be applied, of one principal or all.
fn policies(out: &Path, manifest: &Value, who: Option<&str>) -> Vec<(String, String)> {
    let all = manifest["artifacts"].as_array().into_iter().flatten();
    let meant = all.filter(|a| a["applies"] == true && a["target"] == "aws-policy");
    let meant = meant.filter(|a| who.is_none_or(|who| a["principal"] == who));
    let path = |a: &Value| a["path"].as_str().unwrap().to_owned();
    meant.map(path).map(|path| (path.clone(), std::fs::read_to_string(out.join(path)).unwrap())).collect()
}

/// Whether the policies of a principal that stand to be applied allow what the probe asks.
fn allowed(out: &Path, manifest: &Value, principal: &str, probe: &str) -> bool {
    let (probe, who) = probe.split_once(" as ").unwrap_or((probe, principal));
    let mut words = probe.split(' ');
    let action = words.next().unwrap();
    let (context, names): (Vec<&str>, Vec<&str>) = words.partition(|word| word.contains('='));
    let context: Vec<(String, String)> =
        context.iter().filter_map(|c| c.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let texts: Vec<String> = policies(out, manifest, Some(who)).into_iter().map(|(_, text)| text).collect();
    let evaluator = cloud::by_id("aws").unwrap().evaluator(&texts).unwrap();
    evaluator.allows(&ask(who, action, names.first().copied(), &context))
}

fn record(n: usize, id: &str, role: &str, source: &str, event: &str, parameters: &Value) -> Value {
    json!({ "eventVersion": "1.11", "eventTime": format!("2026-11-03T09:{:02}:00Z", n % 60), "awsRegion": "eu-central-1",
        "eventSource": source, "eventName": event, "requestParameters": parameters, "eventID": id,
        "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
        "userIdentity": { "type": "AssumedRole", "accountId": "111122223333", "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
            "sessionContext": { "sessionIssuer": { "type": "Role", "arn": format!("arn:aws:iam::111122223333:role/{role}") } } } })
}

/// As many objects of one prefix of a bucket, and one of another.
fn keys(count: usize, prefix: &str) -> String {
    let mut text = String::new();
    let object = |n, id: &str, key: String| {
        record(n, id, "app", "s3.amazonaws.com", "GetObject", &json!({ "bucketName": "lake", "key": key }))
    };
    for n in 0..count {
        writeln!(text, "{}", object(n, &format!("{prefix}-{n}"), format!("{prefix}/{n}.json"))).unwrap();
    }
    writeln!(text, "{}", object(0, &format!("{prefix}-settings"), "settings/a.json".to_owned())).unwrap();
    text
}

/// A role that reads as many tables, and another that reads one.
fn tables(count: usize) -> String {
    let table = |n, role, name: &str| {
        let parameters = json!({ "tableName": name });
        record(n, &format!("{role}-{n}"), role, "dynamodb.amazonaws.com", "DescribeTable", &parameters)
    };
    let mut text = format!("{}\n", table(0, "app", "ledger"));
    for n in 0..count {
        writeln!(text, "{}", table(n, "wide", &format!("t-{n}-of-the-shop"))).unwrap();
    }
    text
}

/// What is wrong in one folder, and the rules it is about.
fn case(folder: &Path, stored: bool) -> (Vec<u8>, String) {
    let name = folder.file_name().unwrap().display();
    let case = std::fs::read_to_string(folder.join("case.toml")).unwrap();
    let case: Case = toml::from_str(&case).unwrap_or_else(|why| panic!("{name}: {why}"));
    assert!(!case.about.is_empty() && !case.run.is_empty(), "{name}");
    let temp = tempfile::tempdir().unwrap();
    let mut runner =
        Runner { stored, folder, temp: temp.path(), principal: &case.principal, wrong: Vec::new() };
    let mut wrong = String::new();
    for (at, step) in case.run.iter().enumerate() {
        runner.step(step);
        for what in runner.wrong.drain(..) {
            writeln!(wrong, "{name}, run {}: {what}", at + 1).unwrap();
        }
    }
    (case.rules, wrong)
}

#[test]
fn every_rule_has_a_case_that_holds() {
    rules(false);
}

#[test]
fn every_case_holds_for_stores_of_its_logs() {
    rules(true);
}

/// Runs every folder, or that of `RULE`; what is wrong in any of them is one message.
fn rules(stored: bool) {
    let all = root().join("fixtures/rules").read_dir().unwrap();
    let only = std::env::var("RULE").unwrap_or_default();
    let mut folders: Vec<PathBuf> = all.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| only.is_empty() || folder.ends_with(&only));
    folders.sort();
    let done: Vec<(Vec<u8>, String)> = std::thread::scope(|scope| {
        let parts = folders.chunks(folders.len().div_ceil(4));
        let threads: Vec<_> = parts
            .map(|part| {
                scope.spawn(move || part.iter().map(|folder| case(folder, stored)).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let wrong: String = done.iter().map(|(_, wrong)| wrong.as_str()).collect();
    assert!(wrong.is_empty(), "{wrong}");
    let has = |rule: &u8| done.iter().any(|(rules, _)| rules.contains(rule));
    let missing: Vec<u8> = (1..=23).filter(|rule| !has(rule)).collect();
    assert!(!only.is_empty() || missing.is_empty(), "rules without a case: {missing:?}");
}
