//! The shape of the project: layering, size budgets, registries that equal folders, data that says why.

use crate::support::root;
use leastgrant::catalog::aws::Aws;
use leastgrant::catalog::gcp::Gcp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What each room may import, beside itself. An edge more is a decision: say why in the change that adds it.
const MAY: [(&str, &[&str]); 17] = [
    ("model", &[]),
    ("config", &["model"]),
    ("intent", &["model"]),
    ("wire", &[]),
    ("catalog", &["model", "wire"]),
    ("cloud", &["model", "wire", "catalog"]),
    // A source may leave out what the filters will, and objects say when they were written.
    ("source", &["model", "config"]),
    ("decode", &["model", "wire", "cloud"]),
    // The store keeps hashes of records, and tells by them whether another version means the same.
    ("aggregate", &["model", "config", "intent", "wire", "cloud"]),
    ("resolve", &["model", "cloud", "aggregate"]),
    ("coverage", &["model", "cloud", "aggregate"]),
    ("previous", &["model"]),
    ("synthesize", &["model", "config", "intent", "cloud"]),
    ("verify", &["model", "cloud"]),
    ("render", &["model", "cloud", "verify"]),
    (
        "pipeline",
        &[
            "model",
            "config",
            "cloud",
            "source",
            "decode",
            "aggregate",
            "resolve",
            "coverage",
            "previous",
            "synthesize",
            "verify",
            "intent",
        ],
    ),
    (
        "report",
        &[
            "model",
            "intent",
            "cloud",
            "previous",
            "aggregate",
            "coverage",
            "synthesize",
            "pipeline",
            "render",
        ],
    ),
];

/// Lines of code in a file, and in a function by clippy, before the tests.
const FILE_BUDGET: usize = 400;

fn sources() -> Vec<(String, String)> {
    let src = root().join("src");
    let mut all: Vec<(String, String)> = walkdir::WalkDir::new(&src)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| {
            let name = path.strip_prefix(&src).unwrap().display().to_string();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    all.sort();
    all
}

/// The code of a file without its unit tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

fn imports(text: &str) -> BTreeSet<String> {
    let after = code(text).split("crate::").skip(1);
    after.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}

#[test]
fn rooms_import_only_what_stands_above_them() {
    let order: Vec<&str> = MAY.iter().map(|(room, _)| *room).collect();
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let declared: Vec<&str> =
        lib.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(
        declared,
        [order.as_slice(), &["command"]].concat(),
        "lib.rs declares the rooms in the order of flow"
    );
    for (at, (room, may)) in MAY.iter().enumerate() {
        for other in *may {
            assert!(order[..at].contains(other), "{room} may import {other}, which does not stand above it");
        }
    }
    let may: BTreeMap<&str, &[&str]> = MAY.into_iter().collect();
    for (file, text) in sources() {
        let room = file.split(['/', '.']).next().unwrap();
        let Some(allowed) = may.get(room) else { continue };
        for used in imports(&text).iter().filter(|used| *used != room && declared.contains(&used.as_str())) {
            assert!(allowed.contains(&used.as_str()), "{file}: `{room}` must not use `{used}`");
        }
    }
}

#[test]
fn tables_on_disk_are_the_business_of_the_store_alone() {
    for (file, text) in sources() {
        assert!(
            !code(&text).contains("polars") || file.starts_with("aggregate/store/"),
            "{file} uses Polars"
        );
    }
}

#[test]
fn what_checks_shares_nothing_with_what_is_checked() {
    for (file, text) in sources() {
        if file.ends_with("evaluate.rs") || file.contains("/evaluate/") {
            for shared in ["package", "resource", "Pattern", "pattern", "boundary", "synthesize", "catalog"] {
                assert!(!code(&text).contains(&format!("{shared}::")), "{file} must not use `{shared}`");
            }
        }
        if file.starts_with("verify") {
            assert!(!code(&text).contains("Pattern"), "{file} must not use `Pattern`");
        }
    }
}

#[test]
fn files_say_what_they_are_for_and_stay_small() {
    for (file, text) in sources() {
        assert!(text.starts_with("//! "), "{file} has no first line that says what it is for");
        let lines = code(&text).lines().count();
        assert!(lines <= FILE_BUDGET, "{file} has {lines} lines, the budget is {FILE_BUDGET}");
        let todo = ["TO", "DO"].concat();
        assert!(!text.contains(&todo), "{file} has a {todo}");
    }
}

#[test]
fn clouds_are_matched_only_in_their_own_room() {
    for (file, text) in sources() {
        let told =
            ["\"aws\" =>", "\"gcp\" =>", "== \"aws\"", "== \"gcp\""].iter().any(|m| code(&text).contains(m));
        assert!(!told || file.starts_with("cloud"), "{file} tells clouds apart");
    }
}

#[test]
fn every_hand_written_entry_says_why_and_where() {
    let files = Aws::hand_written().into_iter().map(|(n, t)| (format!("aws/{n}"), t));
    let google = Gcp::hand_written().into_iter().map(|(n, t)| (format!("gcp/{n}"), t));
    for (name, text) in files.chain(google) {
        let parsed: toml::Table = toml::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        for (kind, rows) in parsed {
            let mut seen = BTreeSet::new();
            for row in rows.as_array().unwrap() {
                assert!(seen.insert(row.to_string()), "{name} [[{kind}]]: {row} stands twice");
                let word = |key: &str| row.get(key).and_then(toml::Value::as_str).unwrap_or("");
                assert!(!word("because").is_empty(), "{name} [[{kind}]]: {row} says no reason");
                assert!(word("link").starts_with("https://"), "{name} [[{kind}]]: {row} has no link");
            }
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one arm for each file")]
fn every_hand_written_file_is_read_as_its_schema_and_names_what_exists() {
    use leastgrant::catalog::{overlay as schema, passrole, platform};
    let table = &leastgrant::catalog::aws().table;
    let known =
        |action: &str, file: &str| assert!(table.action(action).is_some(), "{file}: `{action}` is no action");
    for (name, text) in Aws::hand_written() {
        let fail = |e: toml::de::Error| -> String { format!("{name}: {e}") };
        match name.as_str() {
            "source.toml" => drop(toml::from_str::<schema::SourceFile>(text).map_err(fail).unwrap()),
            "outcome.toml" => {
                drop(
                    toml::from_str::<leastgrant::catalog::outcome::OutcomeFile>(text).map_err(fail).unwrap(),
                );
            }
            "fill.toml" => {
                for fill in toml::from_str::<schema::FillFile>(text).map_err(fail).unwrap().fill {
                    let (prefix, kind) = fill.resource.split_once(':').unwrap();
                    let service = table.service(prefix).unwrap_or_else(|| panic!("{prefix}"));
                    let resource =
                        service.resource(kind).unwrap_or_else(|| panic!("{name}: {}", fill.resource));
                    let has = |t: &leastgrant::catalog::template::Template| {
                        ["Account", "Region"].contains(&fill.placeholder.as_str())
                            || t.own_vars().any(|v| v == fill.placeholder)
                    };
                    assert!(
                        resource.templates.iter().any(has),
                        "{name}: {} has no {}",
                        fill.resource,
                        fill.placeholder
                    );
                }
            }
            "ec2-ids.toml" => {
                for id in toml::from_str::<schema::IdFile>(text).map_err(fail).unwrap().id {
                    assert!(
                        table.service("ec2").unwrap().resource(&id.resource_type).is_some(),
                        "{}",
                        id.resource_type
                    );
                }
            }
            "context.toml" => {
                let file: schema::ContextFile = toml::from_str(text).map_err(fail).unwrap();
                file.context.iter().flat_map(|row| &row.actions).for_each(|action| known(action, &name));
            }
            "infer.toml" => {
                let file: schema::InferFile = toml::from_str(text).map_err(fail).unwrap();
                file.infer
                    .iter()
                    .flat_map(|row| row.actions.iter().chain([&row.adds]))
                    .for_each(|a| known(a, &name));
                file.tag.iter().filter(|row| !row.adds.is_empty()).for_each(|row| known(&row.adds, &name));
            }
            "groups.toml" => {
                let file: platform::GroupFile = toml::from_str(text).map_err(fail).unwrap();
                for service in file.group.iter().flat_map(|g| &g.services) {
                    assert!(table.service(service).is_some(), "{name}: `{service}` is no service");
                }
            }
            "condition.toml" => {
                let file: platform::ConditionFile = toml::from_str(text).map_err(fail).unwrap();
                let plain = |action: &&String| !action.ends_with(":*");
                file.condition
                    .iter()
                    .flat_map(|row| row.except.iter().filter(plain))
                    .for_each(|action| known(action, &name));
            }
            "boundary.toml" => {
                let file: platform::BoundaryFile = toml::from_str(text).map_err(fail).unwrap();
                let acted = file.deny.iter().flat_map(|row| &row.actions);
                acted.chain(file.scoped.iter().flat_map(|row| &row.actions)).for_each(|a| known(a, &name));
                let kinds = file.named.iter().flat_map(|row| &row.resources);
                let kinds = kinds.chain(file.bare.iter().chain(&file.folded).flat_map(|row| &row.resources));
                let kinds = kinds.chain(file.head.iter().map(|row| &row.resource));
                let kinds =
                    kinds.chain(file.scoped.iter().flat_map(|r| [&r.names].into_iter().chain(&r.instead)));
                for kind in kinds {
                    let (prefix, own) = kind.split_once(':').unwrap();
                    let service = table.service(prefix).unwrap_or_else(|| panic!("{name}: {kind}"));
                    assert!(service.resource(own).is_some(), "{name}: {kind} is no resource type");
                }
            }
            "escalation.toml" => {
                let file: platform::SensitiveFile = toml::from_str(text).map_err(fail).unwrap();
                file.sensitive.iter().flat_map(|row| &row.actions).for_each(|action| known(action, &name));
            }
            "token.toml" => {
                let file: leastgrant::catalog::token::TokenFile = toml::from_str(text).map_err(fail).unwrap();
                let types =
                    file.token.iter().flat_map(|t| &t.types).chain(file.exact.iter().map(|e| &e.resource));
                for resource in types {
                    let (service, kind) = resource.split_once(':').unwrap();
                    assert!(table.service(service).unwrap().resource(kind).is_some(), "{name}: `{resource}`");
                }
                let count = file.token.len();
                assert_eq!(
                    leastgrant::catalog::token::Tokens::new(file).len(),
                    count,
                    "{name}: a broken pattern"
                );
            }
            "alternative.toml" => {
                let file: schema::AlternativeFile = toml::from_str(text).map_err(fail).unwrap();
                file.alternative.iter().flat_map(|row| &row.actions).for_each(|action| known(action, &name));
            }
            "types.toml" => {
                for row in toml::from_str::<schema::TypesFile>(text).map_err(fail).unwrap().types {
                    row.actions.iter().for_each(|action| known(action, &name));
                    let service = table.service(row.actions[0].split(':').next().unwrap()).unwrap();
                    row.types
                        .iter()
                        .for_each(|kind| assert!(service.resource(kind).is_some(), "{name}: {kind}"));
                }
            }
            "qualifier.toml" => drop(toml::from_str::<schema::QualifierFile>(text).map_err(fail).unwrap()),
            "denial.toml" => {
                let file: leastgrant::catalog::denial::DenialFile =
                    toml::from_str(text).map_err(fail).unwrap();
                for noun in file.noun.iter().filter(|noun| !noun.resource.is_empty()) {
                    let (prefix, kind) = noun.resource.split_once(':').unwrap();
                    assert!(table.service(prefix).unwrap().resource(kind).is_some(), "{name}: {kind}");
                }
                for row in &file.phrase {
                    assert!(file.kind(&row.by).is_some(), "{name}: `{}` is no kind", row.by);
                }
            }
            "coverage.toml" => {
                let file: leastgrant::catalog::coverage::TrailFile =
                    toml::from_str(text).map_err(fail).unwrap();
                let data = file.data.iter().map(|row| &row.service);
                let named = file.encrypted.iter().flat_map(|row| [&row.service, &row.expects]);
                for service in data.chain(file.global.iter().map(|row| &row.service)).chain(named) {
                    assert!(table.service(service).is_some(), "{name}: `{service}` is no service");
                }
                file.change.iter().for_each(|row| known(&format!("cloudtrail:{}", row.event), &name));
            }
            "passrole.toml" => {
                let file: passrole::PassRoleFile = toml::from_str(text).map_err(fail).unwrap();
                let rows = file.passed_to.iter().map(|row| (&row.service, &row.actions));
                let rows = rows.chain(file.ignore.iter().map(|row| (&row.service, &row.actions)));
                let rows = rows.chain(file.role.iter().map(|row| (&row.service, &row.actions)));
                let rows = rows.chain(file.refer.iter().map(|row| (&row.service, &row.actions)));
                for (service, actions) in rows {
                    assert!(table.service(service).is_some(), "{name}: `{service}` is no service");
                    actions.iter().for_each(|action| known(&format!("{service}:{action}"), &name));
                }
                let kinds: BTreeSet<&String> = file.kind.iter().map(|row| &row.name).collect();
                let held = file.register.iter().flat_map(|row| [Some(&row.kind), row.holds.as_ref()]);
                let asked = file.refer.iter().map(|row| &row.kind);
                for kind in held.flatten().chain(asked) {
                    assert!(kinds.contains(kind), "{name}: no [[kind]] is called `{kind}`");
                }
            }
            "infrastructure.toml" => {
                drop(toml::from_str::<platform::InfrastructureFile>(text).map_err(fail).unwrap())
            }
            event => {
                let file: schema::EventFile = toml::from_str(text).map_err(fail).unwrap();
                for rule in &file.event {
                    rule.uses
                        .iter()
                        .map(|u| &u.action)
                        .chain(rule.choose.values())
                        .for_each(|a| known(a, event));
                }
            }
        }
    }
}

#[test]
fn every_data_file_is_embedded_and_every_generated_one_has_a_source() {
    let data = root().join("src/catalog/data");
    let known: BTreeSet<String> = Aws::hand_written().into_iter().map(|(n, _)| format!("aws/{n}")).collect();
    let known: BTreeSet<String> =
        known.into_iter().chain(Gcp::hand_written().into_iter().map(|(n, _)| format!("gcp/{n}"))).collect();
    let sources = std::fs::read_to_string(data.join("SOURCES.toml")).unwrap();
    for entry in
        walkdir::WalkDir::new(&data).into_iter().map(|e| e.unwrap()).filter(|e| e.file_type().is_file())
    {
        let name = entry.path().strip_prefix(&data).unwrap().display().to_string().replace('\\', "/");
        let extension =
            entry.path().extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
        match extension.as_str() {
            "tsv" => assert!(sources.contains(&format!("\"{name}\"")), "{name} has no source"),
            "toml" if name != "SOURCES.toml" => assert!(known.contains(&name), "{name} is not read"),
            _ => {}
        }
    }
}

#[test]
fn targets_are_their_folders() {
    let folders: BTreeSet<String> = std::fs::read_dir(root().join("templates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let targets = leastgrant::render::target::all(None).unwrap();
    assert_eq!(targets.iter().map(|t| t.id.clone()).collect::<BTreeSet<String>>(), folders);
}

/// All text files of the project that a reader sees.
fn texts() -> Vec<(PathBuf, String)> {
    let skip = ["target", ".git", "expected"];
    walkdir::WalkDir::new(root())
        .into_iter()
        .filter_entry(|e| !skip.contains(&e.file_name().to_string_lossy().as_ref()))
        .map(|entry| entry.unwrap().into_path())
        .filter_map(|path| Some((path.clone(), std::fs::read_to_string(&path).ok()?)))
        .collect()
}

#[test]
fn fixtures_name_only_documentation_accounts_and_addresses() {
    let known = [
        "111122223333",
        "444455556666",
        "777788889999",
        "123456789012",
        "111111111111",
        "000000000000",
        "210987654321",
    ];
    for (path, text) in texts().into_iter().filter(|(p, _)| p.starts_with(root().join("fixtures"))) {
        for rest in text.split("arn:aws:iam::").skip(1) {
            let account: String = rest.chars().take_while(char::is_ascii_digit).collect();
            assert!(
                account.is_empty() || known.contains(&account.as_str()),
                "{}: account {account}",
                path.display()
            );
        }
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for (path, text) in texts().into_iter().filter(|(p, _)| p.extension().is_some_and(|e| e == "md")) {
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            assert!(path.parent().unwrap().join(target).exists(), "{} links {target}", path.display());
        }
    }
}

#[test]
fn the_project_speaks_of_itself_alone() {
    let words = [["/wo", "rk/"].concat(), ["/fa", "rm/"].concat(), ["before-", "stop"].concat()];
    for (path, text) in texts() {
        for word in &words {
            assert!(!text.contains(word.as_str()), "{} names `{word}`", path.display());
        }
    }
}
