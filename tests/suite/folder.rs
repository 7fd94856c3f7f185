//! The folder between runs: files that somebody changed or removed, files that must go, what intent files may say.

use super::support::{code, lines, run, stderr, tree};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

struct Folder {
    root: tempfile::TempDir,
}

fn record(role: &str, n: usize, table: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventTime": format!("2026-11-{:02}T09:00:00Z", n + 1), "awsRegion": "eu-central-1",
        "eventSource": "dynamodb.amazonaws.com", "eventName": "DescribeTable", "eventID": format!("{role}-{n}"),
        "eventType": "AwsApiCall", "recipientAccountId": "111122223333", "requestParameters": { "tableName": table },
        "userIdentity": { "type": "AssumedRole", "accountId": "111122223333", "sessionContext":
            { "sessionIssuer": { "arn": format!("arn:aws:iam::111122223333:role/{role}") } } },
    })
}

impl Folder {
    fn new(records: &[Value]) -> Self {
        let folder = Self { root: tempfile::tempdir().unwrap() };
        folder.log(records);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn log(&self, records: &[Value]) {
        let text: String = records.iter().map(|r| format!("{r}\n")).collect();
        std::fs::create_dir_all(self.path("logs")).unwrap();
        std::fs::write(self.path("logs/log.jsonl"), text).unwrap();
    }

    fn generate(&self, more: &[&str]) -> String {
        let (logs, out) = (self.text("logs"), self.text("out"));
        let got = run(&[&["generate", &logs, "--out", &out], more].concat());
        assert!([0, 3].contains(&code(&got)), "{}", stderr(&got));
        stderr(&got)
    }

    /// Kind and path of each row of `drift`, and its exit code.
    fn drift(&self, more: &[&str]) -> (Vec<(String, String)>, i32) {
        let got =
            run(&[&["drift", &self.text("logs"), "--out", &self.text("out"), "--format", "json"], more]
                .concat());
        let word = |row: &Value, key: &str| row[key].as_str().unwrap_or("").to_owned();
        (lines(&got).iter().map(|row| (word(row, "drift"), word(row, "path"))).collect(), code(&got))
    }

    fn manifest(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.path("out/manifest.json")).unwrap()).unwrap()
    }
}

const APP: &str = "aws/111122223333/app/app.json";

fn app() -> Vec<Value> {
    (0..3).map(|n| record("app", n, "orders")).collect()
}

fn row(kind: &str, path: &str) -> (Vec<(String, String)>, i32) {
    (vec![(kind.to_owned(), path.to_owned())], 5)
}

#[test]
fn drift_sees_files_that_a_hand_changed_or_removed() {
    let folder = Folder::new(&app());
    folder.generate(&[]);
    assert_eq!(folder.drift(&[]), (Vec::new(), 0));
    let path = folder.path("out").join(APP);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("DescribeTable", "*")).unwrap();
    assert_eq!(folder.drift(&[]), row("changed-by-hand", APP));
    let args = ["drift", &folder.text("logs"), "--out", &folder.text("out"), "--format", "table"];
    let shown = String::from_utf8(run(&args).stdout).unwrap();
    assert!(
        shown.contains("changed by hand") && shown.contains("+        \"dynamodb:DescribeTable\"")
            || shown.contains("dynamodb:*"),
        "{shown}"
    );
    std::fs::remove_file(&path).unwrap();
    assert_eq!(folder.drift(&[]), row("missing", APP));
    folder.generate(&[]);
    // A new use explains that the file changes; a hand's change is told beside it.
    folder.log(&[app(), vec![record("app", 4, "billing")]].concat());
    assert_eq!(folder.drift(&[]), row("needs-more", ""));
    std::fs::write(&path, "{}").unwrap();
    let (rows, exit) = folder.drift(&[]);
    let kinds: Vec<&str> = rows.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!((kinds, exit), (vec!["needs-more", "changed-by-hand"], 5));
}

#[test]
fn drift_follows_the_targets_of_the_folder() {
    let folder = Folder::new(&app());
    folder.generate(&["--target", "aws-terraform"]);
    assert_eq!(folder.drift(&[]), (Vec::new(), 0), "no file of another target is asked for");
    let name =
        tree(&folder.path("out")).into_iter().map(|(name, _)| name).find(|n| n.ends_with(".tf")).unwrap();
    std::fs::write(folder.path("out").join(&name), "# mine\n").unwrap();
    assert_eq!(folder.drift(&[]), row("changed-by-hand", &name));
    folder.generate(&["--target", "aws-terraform"]);
    let (rows, exit) = folder.drift(&["--inline"]);
    assert!(exit == 0 || rows.iter().all(|(kind, _)| kind == "would-change" || kind == "stale"), "{rows:?}");
    let manifest = folder.manifest().to_string().replace("aws-terraform", "mine");
    std::fs::write(folder.path("out/manifest.json"), manifest).unwrap();
    let got = run(&["drift", &folder.text("logs"), "--out", &folder.text("out")]);
    assert!(code(&got) == 1 && stderr(&got).contains("target `mine`: give --templates"), "{}", stderr(&got));
}

#[test]
fn shared_files_have_one_row() {
    let other = |value: &Value| -> Value {
        let text = value.to_string().replace("111122223333", "444455556666").replace("app-", "far-");
        serde_json::from_str(&text).unwrap()
    };
    let both = [app(), app().iter().map(other).collect()].concat();
    let folder = Folder::new(&both);
    folder.generate(&["--target", "aws-terraform"]);
    assert_eq!(folder.drift(&[]), (Vec::new(), 0));
    let shared = folder.manifest();
    let shared =
        shared["artifacts"].as_array().unwrap().iter().find(|a| a.get("shared_with").is_some()).unwrap();
    let path = shared["path"].as_str().unwrap();
    std::fs::remove_file(folder.path("out").join(path)).unwrap();
    assert_eq!(folder.drift(&[]), row("missing", path));
}

#[test]
fn files_that_must_go_are_named_until_they_are_gone() {
    let folder = Folder::new(&app());
    folder.generate(&[]);
    assert_eq!(folder.manifest()["stale"], json!([]));
    folder.log(&[app(), vec![record("other", 1, "orders")]].concat());
    let intent = folder.text("intent.toml");
    std::fs::write(&intent, "[[break_glass]]\nprincipal = '*role/app'\n").unwrap();
    let (rows, exit) = folder.drift(&["--intent", &intent]);
    assert!(exit == 5 && rows.contains(&("stale".to_owned(), APP.to_owned())), "{rows:?}");
    for _ in 0..2 {
        let said = folder.generate(&["--intent", &intent]);
        assert!(said.contains(&format!("remove {}/{APP} by hand", folder.text("out"))), "{said}");
        assert_eq!(folder.manifest()["stale"][0]["path"], APP);
        assert!(folder.path("out").join(APP).is_file(), "it is somebody's file now");
    }
    std::fs::remove_file(folder.path("out").join(APP)).unwrap();
    assert!(!folder.generate(&["--intent", &intent]).contains("by hand"));
    assert_eq!(folder.manifest()["stale"], json!([]));
}

#[test]
fn a_partial_run_leaves_nothing_behind_for_long() {
    let folder = Folder::new(&app());
    folder.generate(&[]);
    std::fs::write(folder.path("logs/broken.json.gz"), b"\x1f\x8bno gzip").unwrap();
    let out = folder.path("out");
    // Without memory it is not known that nothing is lost.
    let mut manifest = folder.manifest();
    manifest.as_object_mut().unwrap().remove("memory");
    std::fs::write(out.join("manifest.json"), manifest.to_string()).unwrap();
    folder.log(&[record("app", 1, "billing")]);
    folder.generate(&[]);
    let beside = out.join(format!("{APP}.partial"));
    assert!(beside.is_file());
    let said = folder.generate(&[]);
    assert!(!said.contains("by hand"), "{said}");
    std::fs::remove_file(folder.path("logs/broken.json.gz")).unwrap();
    folder.generate(&[]);
    assert!(!beside.exists() && out.join(APP).is_file());
}

#[test]
fn stacks_may_be_written_as_patterns_and_idle_ones_are_told() {
    let records: Vec<Value> = (0..3).map(|n| record("app", n, "orders-jobs")).collect();
    let folder = Folder::new(&records);
    let said = folder.generate(&["--stack", "orders-*", "--stack", "billing"]);
    let policy = std::fs::read_to_string(folder.path("out").join(APP)).unwrap();
    assert!(policy.contains("table/orders-*\""), "{policy}");
    assert!(
        said.contains("  --stack billing matches nothing") && !said.contains("--stack orders matches"),
        "{said}"
    );
    let got = run(&["generate", &folder.text("logs"), "--out", &folder.text("out"), "--stack", "*"]);
    assert!(code(&got) == 2 && stderr(&got).contains("name the stack itself"), "{}", stderr(&got));
}

fn check(path: &Path, text: &str) -> (i32, String) {
    std::fs::write(path, text).unwrap();
    let got = run(&["intent", "check", &path.display().to_string()]);
    (code(&got), stderr(&got))
}

#[test]
fn an_intent_file_that_would_do_nothing_is_wrong() {
    let folder = Folder::new(&app());
    let path = folder.path("intent.toml");
    let keep = |rest: &str| format!("[[keep]]\nowner = 'ana'\nreason = 'x'\n{rest}\n");
    let role = "arn:aws:iam::111122223333:role/app";
    let wrong = [
        ("[[never]]\naction = 's3:DeletBucket'\n".to_owned(), "did you mean `s3:DeleteBucket`?"),
        ("[[never]]\naction = 's3:*'\nresource = 'orders'\n".to_owned(), "names no resource"),
        ("[[loosen]]\nprincipal = '*'\nstep = 'tipe x'\n".to_owned(), "`step` is `tipe x`"),
        (keep("action = 's3:PutObject'"), "would hold on everything"),
        (keep("action = 's3:PutObject'\nresource = '*'"), "would hold on everything"),
        (
            keep("action = 's3:PutObject'\nresource = 'arn:aws:s3:::orders'"),
            "(s3 bucket): it takes accesspointobject, object",
        ),
        (keep("action = 'iam:PassRole'\nresource = 'orders'"), "is no ARN"),
        (keep("action = 'storage.objects.get'"), "needs a `resource`"),
        (keep("action = 'storage.objects.get'\nresource = 'buckets/b'"), "projects/NAME"),
        (
            keep(&format!("action = 'iam:PassRole'\nresource = '{role}'\n[[never]]\naction = 'iam:*'")),
            "forbidden by [[never]] in line 6",
        ),
    ];
    for (text, says) in &wrong {
        let (exit, said) = check(&path, text);
        assert!(exit == 1 && said.contains("line 1: ") && said.contains(says), "{text}{said}");
    }
    let args = [
        "generate",
        &folder.text("logs"),
        "--out",
        &folder.text("out"),
        "--intent",
        &path.display().to_string(),
    ];
    assert!(code(&run(&args)) == 1, "a run takes no such file either");
    let right = [
        keep(&format!(
            "action = 'iam:PassRole'\nresource = '{role}'\nprincipal = '*app'\n[[never]]\naction = 'iam:*'\nprincipal = '*other'"
        )),
        keep("action = 'storage.objects.get'\nresource = 'projects/orders-prod'"),
        keep(
            "action = 's3:ListAllMyBuckets'\n[[loosen]]\nprincipal = '*'\nstep = 'objects orders'\n[[never]]\naction = ['*:Delete*', 'storage.buckets.delete']",
        ),
    ];
    for text in &right {
        assert_eq!(check(&path, text).0, 0, "{text}{}", check(&path, text).1);
    }
}
