//! The command line as a contract: fields, exit codes, filters, help.

use crate::support::{applied, code, fixture, lines, program, run, stderr, tree};
use serde_json::Value;

const SAM: &str = "arn:aws:iam::111122223333:role/ci/github-sam-deploy";

fn sam() -> String {
    fixture("aws/sam-deploy/logs")
}

#[test]
fn uses_have_the_fields_of_the_contract_in_order() {
    let got = lines(&run(&["uses", &sam(), &fixture("gcp/data-team/logs")]));
    let fields = [
        "event",
        "at",
        "cloud",
        "principal",
        "actor",
        "exempt",
        "action",
        "resource",
        "level",
        "outcome",
        "basis",
        "via",
        "context",
        "rule",
    ];
    let mut last = String::new();
    for line in &got {
        for field in fields {
            assert!(line.get(field).is_some(), "{field} is missing in {line}");
        }
        assert!(["named", "service", "all", "partial", "unseen"].contains(&line["level"].as_str().unwrap()));
        assert_eq!(line["resource"].is_string(), line["level"] == "named", "{line}");
        let at = line["at"].as_str().unwrap_or("").to_owned();
        assert!(last <= at, "sorted by time");
        last = at;
    }
    assert!(got.iter().any(|l| l["cloud"] == "gcp") && got.iter().any(|l| l["cloud"] == "aws"));
}

#[test]
fn skipped_lines_account_for_every_record() {
    let got = lines(&run(&["uses", &sam(), "--skipped"]));
    let skipped = got.iter().filter(|line| line.get("skipped").is_some()).count();
    assert_eq!(skipped, 12, "152 records, 140 of them used");
    assert_eq!(got.iter().filter(|line| line["skipped"] == "duplicate").count(), 1);
}

#[test]
fn filters_skip_as_filtered_and_lose_nothing() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().display().to_string();
    for filter in [
        vec!["--principal", "*github-sam*"],
        vec!["--since", "2026-11-04"],
        vec!["--since", "0d"],
        vec!["--until", "2026-11-03T12:00:00Z"],
        vec!["--region", "us-east-1"],
    ] {
        let logs = sam();
        let mut args = vec!["generate", &logs, "--out", &path, "-q"];
        args.extend(&filter);
        let got = run(&args);
        assert_eq!(code(&got), 0, "{filter:?}: {}", stderr(&got));
        let manifest: Value =
            serde_json::from_str(&std::fs::read_to_string(out.path().join("manifest.json")).unwrap())
                .unwrap();
        assert_eq!(manifest["tally"]["records"], 152, "{filter:?}");
        assert!(
            manifest["tally"]["skipped"]["filtered"].as_u64().unwrap() > 0,
            "{filter:?}: {}",
            manifest["tally"]
        );
    }
    assert_eq!(code(&run(&["uses", &sam(), "--since", "soon"])), 2);
}

#[test]
fn check_agrees_with_generate_and_finds_what_is_missing() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().display().to_string();
    assert_eq!(
        code(&run(&[
            "generate",
            &sam(),
            "--out",
            &path,
            "--target",
            "aws-policy",
            "--target",
            "aws-boundary",
            "-q"
        ])),
        0
    );
    let files = tree(out.path());
    let policies: Vec<String> =
        applied(out.path(), "github-sam-deploy").into_iter().map(|(path, _)| path).collect();
    let logs = sam();
    let mut args = vec!["check", &logs, "--principal", SAM];
    args.extend(policies.iter().flat_map(|p| ["--policy", p.as_str()]));
    let boundary = files.iter().find(|(name, _)| name.ends_with("github-sam-deploy-boundary.json")).unwrap();
    let boundary = out.path().join(&boundary.0).display().to_string();
    args.extend(["--boundary", &boundary]);
    let got = run(&args);
    assert_eq!((code(&got), got.stdout.len()), (0, 0), "{}", stderr(&got));
    let cut = out.path().join("cut.json");
    let text = std::fs::read_to_string(&policies[0]).unwrap().replace("orders-dev-OrdersTable-", "other-");
    std::fs::write(&cut, text).unwrap();
    let got = run(&["check", &logs, "--principal", SAM, "--policy", &cut.display().to_string()]);
    assert_eq!(code(&got), 4, "another table's policy denies something: {}", stderr(&got));
    let denied = lines(&got);
    assert!(denied.iter().all(|line| line["principal"] == SAM && line["denied_by"] == "policy"));
    assert!(stderr(&got).contains("observed uses would be denied"));
}

#[test]
fn check_reads_google_roles_and_bindings() {
    let logs = fixture("gcp/data-team/logs");
    let folder =
        fixture("gcp/data-team/expected/gcp/example-data-dev/report-runner/projects-example-data-dev");
    let files = tree(std::path::Path::new(&folder));
    let all: Vec<String> = files.iter().map(|(name, _)| format!("{folder}/{name}")).collect();
    let check = |who: &str, files: &[String]| {
        let mut args = vec!["check", &logs, "--principal", who, "--policy"];
        args.extend(files.iter().map(String::as_str));
        run(&args)
    };
    let got = check("serviceAccount:report-runner@*", &all);
    assert_eq!(code(&got), 0, "{}", stderr(&got));
    let got = check("serviceAccount:deployer@*", &all);
    assert_eq!(code(&got), 4, "another's role allows nothing: {}", stderr(&got));
    let role = all.iter().find(|name| name.ends_with(".yaml")).unwrap();
    let got = run(&["check", &logs, "--policy", role]);
    assert!(code(&got) == 1 && stderr(&got).contains("without a binding"), "{}", stderr(&got));
}

#[test]
fn explain_names_statement_rule_and_sample() {
    let got = lines(&run(&["explain", &sam(), "--principal", SAM, "--action", "iam:passrole"]));
    assert!(!got.is_empty());
    for line in &got {
        assert_eq!(line["granted"], true);
        assert!(line["statement"].as_str().unwrap().contains("PassRole"), "{line}");
        assert_eq!(line["basis"][0], "inferred");
        assert!(line["sample"].as_str().unwrap().len() > 10 && line["count"].as_u64().unwrap() > 0);
    }
    let denied = lines(&run(&["explain", &sam(), "--principal", SAM]));
    assert!(
        denied.iter().any(|l| l["granted"] == false && l["outcome"] == "unproven"),
        "throttled calls are explained"
    );
    assert!(denied.iter().any(|l| !l["widened"].as_array().is_none_or(Vec::is_empty)), "widenings are named");
    let text = run(&["explain", &sam(), "--principal", SAM, "--format", "table"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("seen "), "a text for people");
    assert_eq!(code(&run(&["explain", &sam(), "--principal", "nobody"])), 1);
}

#[test]
fn principals_targets_catalog_completions_and_man() {
    let who = lines(&run(&["principals", &sam()]));
    assert_eq!(
        who.iter().filter(|l| l["principal"] == SAM && l["kind"] == "role" && l["sessions"] == 3).count(),
        1
    );
    let targets: Vec<Value> = lines(&run(&["targets"]));
    let ids: Vec<&str> = targets.iter().map(|t| t["id"].as_str().unwrap()).collect();
    assert_eq!(
        ids,
        [
            "aws-boundary",
            "aws-cloudformation",
            "aws-policy",
            "aws-terraform",
            "gcp-audit",
            "gcp-deny",
            "gcp-pab",
            "gcp-predefined",
            "gcp-remove",
            "gcp-role",
            "gcp-terraform"
        ]
    );
    let info = &lines(&run(&["catalog", "info"]))[0];
    assert!(info["aws"]["actions"].as_u64().unwrap() > 20_000 && info["sources"][0]["sha256"].is_string());
    for args in [["completions", "bash"], ["completions", "zsh"]] {
        assert!(String::from_utf8_lossy(&run(&args).stdout).contains("leastgrant"));
    }
    assert!(String::from_utf8_lossy(&run(&["man"]).stdout).contains(".TH leastgrant"));
    for table in [vec!["targets", "--format", "table"], vec!["catalog", "info", "--format", "table"]] {
        assert!(String::from_utf8_lossy(&run(&table).stdout).contains("ABOUT") || table[0] == "catalog");
    }
}

#[test]
fn wrong_usage_is_2_and_a_missing_path_is_1() {
    assert_eq!(code(&run(&["generate"])), 2);
    assert_eq!(code(&run(&["frobnicate"])), 2);
    assert_eq!(code(&run(&["uses", "no/such/file.json"])), 1);
    assert_eq!(code(&run(&["uses", "no/such/*.json"])), 1);
    assert_eq!(code(&run(&["uses", "s3://example-bucket/AWSLogs"])), 1);
    let got = run(&["generate", &sam(), "--out", "/dev/null/x", "-q"]);
    assert_eq!(code(&got), 1, "{}", stderr(&got));
    let got = run(&["generate", &sam(), "--out", "unused", "--target", "nope"]);
    assert!(code(&got) == 1 && stderr(&got).contains("known are aws-boundary"), "{}", stderr(&got));
}

#[test]
fn stdin_and_globs_are_inputs() {
    use std::io::Write;
    let text = std::fs::read(fixture("bad/good.json")).unwrap();
    let mut child = program()
        .args(["uses", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&text).unwrap();
    let by_stdin = child.wait_with_output().unwrap();
    let by_glob = run(&["uses", &fixture("bad/goo*.json")]);
    assert_eq!(by_stdin.stdout, by_glob.stdout);
    assert_eq!(lines(&by_glob).len(), 3);
}

#[test]
fn user_templates_are_rendered_strictly() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("mine");
    std::fs::create_dir(&target).unwrap();
    let toml = "id = \"mine\"\ncloud = \"aws\"\nview = 1\nabout = \"x\"\n[[file]]\ntemplate = \"a.hbs\"\npath = \"{{document.name}}.txt\"\nper = \"document\"\n";
    std::fs::write(target.join("target.toml"), toml).unwrap();
    std::fs::write(target.join("a.hbs"), "{{#each document.statements}}{{this.id}}\n{{/each}}").unwrap();
    let out = folder.path().join("out");
    let (templates, path) = (folder.path().display().to_string(), out.display().to_string());
    let args = ["generate", &sam(), "--out", &path, "--templates", &templates, "--target", "mine", "-q"];
    assert_eq!(code(&run(&args)), 0);
    assert!(tree(&out).iter().any(|(name, text)| name.ends_with(".txt") && text.contains("IamPassRole")));
    std::fs::write(target.join("a.hbs"), "{{document.no_such_thing}}").unwrap();
    let got = run(&args);
    assert!(code(&got) == 1 && stderr(&got).contains("a.hbs"), "{}", stderr(&got));
    std::fs::write(target.join("target.toml"), toml.replace("view = 1", "view = 99")).unwrap();
    assert!(stderr(&run(&args)).contains("update leastgrant"));
    let together = toml.replace("per = \"document\"", "per = \"alike\"").replace("{{document.name}}", "all");
    std::fs::write(target.join("target.toml"), format!("reads_back = true\n{together}")).unwrap();
    assert!(stderr(&run(&args)).contains("`reads_back` is for files per principal or document"));
    let place = "{{#each documents}}{{#each this.statements}}{{#each this.resource_parts}}{{parts this.parts region=\"R\" account=\"A\"}}{{/each}}{{/each}}{{/each}}";
    std::fs::write(target.join("target.toml"), &together).unwrap();
    std::fs::write(target.join("a.hbs"), place).unwrap();
    let got = run(&args);
    assert!(
        code(&got) == 1 && stderr(&got).contains("`parts` is not told its `partition`"),
        "{}",
        stderr(&got)
    );
    std::fs::write(target.join("target.toml"), together.replace("path = \"all.txt\"", "path = \"\""))
        .unwrap();
    let empty = folder.path().join("empty").display().to_string();
    let args = ["generate", &sam(), "--out", &empty, "--templates", &templates, "--target", "mine", "-q"];
    assert_eq!(code(&run(&args)), 0);
    let files = tree(std::path::Path::new(&empty));
    let rendered =
        files.iter().filter(|(name, _)| !name.ends_with("review.json") && !name.ends_with("lifecycle.json"));
    assert_eq!(rendered.count(), 1, "a file without a path is none: the manifest alone");
}

#[test]
fn what_fits_nowhere_is_refused_and_the_rest_is_written() {
    let record = |n: usize, role: &str, table: String| {
        serde_json::json!({
            "eventVersion": "1.11", "eventTime": "2026-11-03T09:00:00Z", "awsRegion": "eu-central-1",
            "eventSource": "dynamodb.amazonaws.com", "eventName": "DescribeTable", "eventID": format!("{role}-{n}"),
            "eventType": "AwsApiCall", "recipientAccountId": "111122223333", "requestParameters": { "tableName": table },
            "userIdentity": { "type": "AssumedRole", "accountId": "111122223333", "sessionContext":
                { "sessionIssuer": { "arn": format!("arn:aws:iam::111122223333:role/{role}") } } },
        })
    };
    let many = (0..600).map(|n| record(n, "many", format!("table-with-a-rather-long-name-{n}")));
    let few = (0..3).map(|n| record(n, "few", format!("t{n}")));
    let folder = tempfile::tempdir().unwrap();
    let (logs, out) = (folder.path().join("log.jsonl"), folder.path().join("out"));
    std::fs::write(&logs, many.chain(few).map(|r| format!("{r}\n")).collect::<String>()).unwrap();
    let got = run(&["generate", &logs.display().to_string(), "--out", &out.display().to_string()]);
    assert_eq!(code(&got), 4, "{}", stderr(&got));
    assert!(stderr(&got).contains("refused") && stderr(&got).contains("6144 characters"), "{}", stderr(&got));
    let files = tree(&out);
    assert!(files.iter().any(|(name, _)| name == "aws/111122223333/few/few.json"));
    assert!(!files.iter().any(|(name, _)| name.contains("/many/")));
    let manifest: Value =
        serde_json::from_str(&files.iter().find(|(name, _)| name == "manifest.json").unwrap().1).unwrap();
    let refused =
        manifest["principals"].as_array().unwrap().iter().find(|p| p["documents"] == "refused").unwrap();
    assert!(refused["principal"].as_str().unwrap().ends_with("role/many"), "{refused}");
}

#[test]
fn help_is_short_and_says_the_exit_codes() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for command in
        ["generate", "uses", "principals", "explain", "check", "targets", "catalog", "completions", "man"]
    {
        assert!(help.contains(command), "{help}");
    }
    assert!(help.contains("Exit codes: 0 done"));
    assert!(help.lines().count() < 40);
}
