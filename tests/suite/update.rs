//! `catalog update`: what is imported, what is refused, and that a table is used whole or not at all.

use crate::support::{code, corpus, fixture, lines, program, stderr};
use leastgrant::catalog::{self, import, table::AccessLevel};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

/// Runs the program with a data folder of its own.
fn run_in(data: &Path, args: &[&str]) -> Output {
    program().env_remove("LEASTGRANT_CATALOG").env("LEASTGRANT_DATA", data).args(args).output().unwrap()
}

fn service(name: &str) -> Value {
    json!({
        "Name": name, "Version": "v1.4",
        "Actions": [
            { "Name": "PolishThing", "Resources": [{ "Name": "thing", "ConditionKeys": ["demo:Colour"] }],
              "ActionConditionKeys": ["aws:RequestTag/${TagKey}"],
              "Annotations": { "Properties": { "IsWrite": true, "IsList": false, "IsPermissionManagement": false,
                                               "IsTaggingOnly": false } } },
            { "Name": "ListThings", "Annotations": { "Properties": { "IsList": true } } },
            { "Name": "ShareThing", "Annotations": { "Properties": { "IsWrite": true, "IsPermissionManagement": true } } },
            { "Name": "Unmarked" },
        ],
        "Resources": [{ "Name": "thing", "ARNFormats": ["arn:${Partition}:demo:${Region}:${Account}:thing/${ThingName}"] }],
        "ConditionKeys": [{ "Name": "demo:Colour", "Types": ["String"] }],
        "Operations": [{ "Name": "PolishThing" }],
    })
}

fn snapshot(folder: &Path, files: &[(&str, &Value)]) -> String {
    let root = folder.join("reference");
    for (name, content) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content.to_string()).unwrap();
    }
    root.display().to_string()
}

/// A log of one call that only the imported table knows.
fn log(folder: &Path) -> String {
    let record = json!({
        "eventVersion": "1.11", "eventTime": "2026-11-03T09:00:00Z", "awsRegion": "eu-central-1",
        "eventSource": "demo.amazonaws.com", "eventName": "PolishThing", "eventID": "polish-1", "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333", "requestParameters": { "thingName": "door" },
        "userIdentity": { "type": "AssumedRole", "accountId": "111122223333", "sessionContext":
            { "sessionIssuer": { "arn": "arn:aws:iam::111122223333:role/polisher" } } },
    });
    let path = folder.join("log.json");
    std::fs::write(&path, record.to_string()).unwrap();
    path.display().to_string()
}

#[test]
fn an_imported_table_is_used_in_place_of_the_embedded_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let list = json!([{ "service": "demo", "url": "https://example.com/v1/demo/demo.json" }]);
    let from = snapshot(folder.path(), &[("demo/demo.json", &service("demo")), ("index.json", &list)]);
    let log = log(folder.path());
    assert!(lines(&run_in(&data, &["uses", &log])).is_empty(), "the embedded table has no such service");

    let refused = run_in(&data, &["catalog", "update", "--from", &from]);
    assert_eq!(code(&refused), 1);
    assert!(stderr(&refused).contains("looks incomplete") && stderr(&refused).contains("--force"));
    assert!(!data.exists(), "nothing is written");

    let done = run_in(&data, &["catalog", "update", "--from", &from, "--force"]);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    assert!(stderr(&done).contains("imported 1 services with 4 actions, 4 of them new"), "{}", stderr(&done));
    let used = lines(&run_in(&data, &["uses", &log]));
    assert_eq!(used.len(), 1);
    assert_eq!(used[0]["resource"], "arn:aws:demo:eu-central-1:111122223333:thing/door");
    let info = &lines(&run_in(&data, &["catalog", "info"]))[0]["aws"];
    assert_eq!((info["actions"].as_u64(), info["services"].as_u64()), (Some(4), Some(1)));
    assert!(info["table"]["from"].as_str().unwrap().ends_with("reference"), "{info}");
    assert!(info["table"]["date"].as_str().unwrap() >= "2026-", "{info}");
    let words = run_in(&data, &["catalog", "info", "--format", "table"]);
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(
        words.contains("imported") && words.contains("0 days old") && words.contains("delete it"),
        "{words}"
    );

    let out = folder.path().join("out").display().to_string();
    assert_eq!(code(&run_in(&data, &["generate", &log, "--out", &out, "-q"])), 0);
    let manifest = std::fs::read_to_string(Path::new(&out).join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let used = &manifest["catalog"]["aws"];
    assert_eq!((&used["table"], &used["sha256"]), (&json!("imported"), &info["table"]["sha256"]));

    // The head is not part of the digest, so that a test can make an import old.
    let table = data.join("aws-services.tsv");
    let text = std::fs::read_to_string(&table).unwrap();
    let date = text.lines().find(|line| line.starts_with("# date")).unwrap().to_owned();
    std::fs::write(&table, text.replace(&date, "# date\t2020-01-31")).unwrap();
    let words = run_in(&data, &["catalog", "info", "--format", "table"]);
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.contains("ships with the program is newer"), "{words}");

    let choice = |value: &str| {
        let mut run = program();
        run.env("LEASTGRANT_DATA", &data)
            .env("LEASTGRANT_CATALOG", value)
            .args(["uses", &log])
            .output()
            .unwrap()
    };
    assert!(lines(&choice("embedded")).is_empty(), "the imported one is left aside");
    assert!(code(&choice("mine")) == 1 && stderr(&choice("mine")).contains("only choice"));
}

#[test]
fn a_broken_table_stops_the_run_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let from = snapshot(folder.path(), &[("demo.json", &service("demo"))]);
    assert_eq!(code(&run_in(&data, &["catalog", "update", "--from", &from, "--force"])), 0);
    let table = data.join("aws-services.tsv");
    let whole = std::fs::read_to_string(&table).unwrap();
    let sam = fixture("aws/sam-deploy/logs");
    for broken in [
        whole.split_inclusive('\n').take(9).collect(),
        whole.replace("PolishThing", "DeleteAll"),
        String::new(),
    ] {
        std::fs::write(&table, broken).unwrap();
        let got = run_in(&data, &["uses", &sam]);
        assert!(code(&got) == 1 && got.stdout.is_empty(), "the embedded table does not step in unasked");
        let said = stderr(&got);
        assert!(said.contains("aws-services.tsv") && said.contains("catalog update"), "{said}");
        assert!(said.contains("LEASTGRANT_CATALOG=embedded"), "{said}");
        assert_eq!(code(&run_in(&data, &["targets"])), 0, "what needs no catalog runs");
    }
    assert_eq!(
        code(&run_in(&data, &["catalog", "update", "--from", &from, "--force"])),
        0,
        "it can be mended"
    );
    assert_eq!(std::fs::read_to_string(&table).unwrap(), whole, "the same input, the same bytes");
}

#[test]
fn what_is_no_service_reference_is_refused_with_file_and_field() {
    let with = |path: &str, value: Value| {
        let mut changed = service("demo");
        *changed.pointer_mut(path).unwrap() = value;
        changed
    };
    let google = json!({ "roles": [{ "name": "projects/p/roles/own", "includedPermissions": ["a.b.c"] }] });
    let mut double = service("demo");
    double["Actions"].as_array_mut().unwrap().push(json!({ "Name": "LISTTHINGS" }));
    for (content, wanted) in [
        (google, "missing field `Name`"),
        (json!(["roles/viewer"]), "not a service"),
        (with("/Version", json!("v2.0")), "update leastgrant"),
        (with("/Name", json!("../demo")), "Name `../demo`"),
        (with("/Actions/0/Name", json!("Get\nA\tDeleteAll")), "Actions[].Name `Get\\nA\\tDeleteAll`"),
        (with("/Actions/0/Name", json!("*")), "Actions[].Name"),
        (with("/Actions/0/ActionConditionKeys/0", json!("a:b\tc")), "ActionConditionKeys"),
        (with("/Resources/0/Name", json!("a,b*")), "Resources[].Name"),
        (with("/Resources/0/ARNFormats/0", json!("arn:x\nS\ts3\tmine")), "ARNFormats"),
        (with("/Resources/0/ARNFormats/0", json!("${Anything}")), "ARNFormats"),
        (with("/ConditionKeys/0/Name", json!("nothing")), "ConditionKeys[].Name"),
        (double, "the action `demo:LISTTHINGS` is there twice"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let from = snapshot(folder.path(), &[("demo.json", &content)]);
        let data = folder.path().join("data");
        let got = run_in(&data, &["catalog", "update", "--from", &from, "--force"]);
        let said = stderr(&got);
        assert!(code(&got) == 1 && said.contains(wanted) && said.contains("demo.json"), "{wanted}: {said}");
        assert!(said.contains("accepted are") && !data.exists(), "{said}");
    }
    let folder = tempfile::tempdir().unwrap();
    let same = [("a.json", &service("demo")), ("b.json", &service("demo"))];
    let from = snapshot(folder.path(), &same);
    let said = stderr(&run_in(folder.path(), &["catalog", "update", "--from", &from, "--force"]));
    assert!(said.contains("b.json") && said.contains("the service `demo` is there twice"), "{said}");
    for (from, wanted) in [
        ("no/such/folder", "no such folder"),
        ("ftp://example.com/", "must be an https address"),
        ("http://example.com/", "must be an https address"),
        ("https://user@example.com/", "must be an https address"),
    ] {
        let got = run_in(folder.path(), &["catalog", "update", "--from", from]);
        assert!(code(&got) == 1 && stderr(&got).contains(wanted), "{from}: {}", stderr(&got));
    }
    let empty = tempfile::tempdir().unwrap();
    let got = run_in(folder.path(), &["catalog", "update", "--from", &empty.path().display().to_string()]);
    assert!(stderr(&got).contains("no JSON file"), "{}", stderr(&got));
}

/// Answers each request with the body of its path, as often as it is asked; the address to ask.
fn serve(pages: impl Fn(&str) -> Vec<(&'static str, String)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let site = format!("http://{}", listener.local_addr().unwrap());
    let pages = pages(&site);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            reader.read_line(&mut request).unwrap();
            let mut header = String::new();
            while reader.read_line(&mut header).unwrap() > 2 {
                header.clear();
            }
            let path = request.split(' ').nth(1).unwrap_or("");
            let page = pages.iter().find(|(known, _)| *known == path);
            let (status, body) = page.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", body.as_str()));
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    site
}

#[test]
fn a_list_is_fetched_from_its_own_host_only() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let list = |urls: &[(&str, String)]| {
        let all: Vec<Value> = urls.iter().map(|(name, url)| json!({ "service": name, "url": url })).collect();
        Value::from(all).to_string()
    };
    let site = serve(|site| {
        vec![
            (
                "/",
                list(&[("demo", format!("{site}/v1/demo/demo.json")), ("more", "/v1/more/more.json".into())]),
            ),
            ("/elsewhere", list(&[("demo", "https://example.com/v1/demo/demo.json".into())])),
            ("/longer", list(&[("demo", format!("{site}9/v1/demo/demo.json"))])),
            ("/gone", list(&[("demo", "/v1/gone.json".into())])),
            ("/page", "<html>".into()),
            ("/v1/demo/demo.json", service("demo").to_string()),
            ("/v1/more/more.json", service("more").to_string()),
        ]
    });
    let update =
        |path: &str| run_in(&data, &["catalog", "update", "--force", "--from", &format!("{site}{path}")]);
    for (path, wanted) in [
        ("/elsewhere", "another host"),
        ("/longer", "another host"),
        ("/gone", "v1/gone.json`: http status: 404"),
        ("/page", "not the list"),
    ] {
        let got = update(path);
        assert!(code(&got) == 1 && stderr(&got).contains(wanted), "{path}: {}", stderr(&got));
        assert!(!data.exists(), "{path}");
    }
    let done = update("/");
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let info = &lines(&run_in(&data, &["catalog", "info"]))[0]["aws"];
    assert_eq!((info["services"].as_u64(), &info["table"]["from"]), (Some(2), &json!(format!("{site}/"))));
}

#[test]
fn levels_and_required_types_are_never_weaker_than_what_ships() {
    let iam = json!({ "Name": "iam", "Actions": [
        { "Name": "AttachRolePolicy", "Resources": [{ "Name": "role" }],
          "Annotations": { "Properties": { "IsWrite": true } } }],
        "Resources": [{ "Name": "role", "ARNFormats": ["arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}"] }] });
    let files =
        [("iam.json".to_owned(), iam.to_string()), ("demo.json".to_owned(), service("demo").to_string())];
    let made = import::snapshot(&files, catalog::aws().table, true).unwrap();
    assert!(made.text.contains("A\tAttachRolePolicy\tP\trole*\n"), "{}", made.text);
    assert!(
        made.text.contains("A\tPolishThing\tW\tthing\t0,1\n"),
        "a new action requires no type: {}",
        made.text
    );
    assert!(
        made.text.contains("A\tShareThing\tP\n") && made.text.contains("A\tUnmarked\tW\n"),
        "{}",
        made.text
    );
}

/// Files of a tar archive.
fn untar(mut bytes: &[u8]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    while bytes.len() > 512 && bytes[0] != 0 {
        let text = |range: std::ops::Range<usize>| {
            String::from_utf8_lossy(&bytes[range]).trim_matches(['\0', ' ']).to_owned()
        };
        let (name, size) = (text(0..100), usize::from_str_radix(&text(124..136), 8).unwrap());
        if name.ends_with(".json") {
            files.push((name, String::from_utf8(bytes[512..512 + size].to_vec()).unwrap()));
        }
        bytes = &bytes[512 + size.div_ceil(512) * 512..];
    }
    files
}

#[test]
fn a_real_snapshot_makes_the_table_that_ships() {
    let Some(root) = corpus() else { return };
    let Ok(packed) = std::fs::File::open(root.join("data/aws-service-reference.tar.zst")) else { return };
    let mut bytes = Vec::new();
    zstd::stream::Decoder::new(packed).unwrap().read_to_end(&mut bytes).unwrap();
    let known = &catalog::aws().table;
    let made = import::snapshot(&untar(&bytes), known, false).unwrap();
    assert_eq!((made.services, made.actions), (466, 21_983));
    assert_eq!(
        (made.new, made.gone.len()),
        (300, 638),
        "a snapshot two months older than the embedded table"
    );
    let text: &'static str = Box::leak(format!("#\n{}", made.text).into_boxed_str());
    let table = leastgrant::catalog::table::Table::index(text);
    let (mut common, mut same) = (0, 0);
    for prefix in known.prefixes() {
        let (Some(ours), Some(theirs)) = (known.service(prefix), table.service(prefix)) else { continue };
        for kind in &ours.types {
            let Some(other) = theirs.resource(kind.name) else { continue };
            let arns = |kind: &catalog::table::ResourceType| format!("{:?}", kind.templates);
            assert_eq!(arns(kind), arns(other), "{}", kind.full);
        }
        for action in &ours.actions {
            let Some(other) = theirs.action(action.name) else { continue };
            let types = |service: &catalog::table::Service, action: &catalog::table::Action| {
                let named =
                    action.types.iter().map(|(at, must)| format!("{}{must}", service.types[*at].name));
                named.collect::<std::collections::BTreeSet<String>>()
            };
            assert_eq!(action.full, other.full);
            let weaker = action.level == AccessLevel::Permissions && other.level != AccessLevel::Permissions;
            assert!(!weaker, "{}", action.full);
            common += 1;
            same += usize::from(types(ours, action) == types(theirs, other) && action.level == other.level);
        }
    }
    assert_eq!(common, 21_683);
    assert!(same * 100 >= common * 99, "{same} of {common} have the same level and types");
}
