//! Terraform and CloudFormation refer to their own account, region and partition: put in, they say what the JSON says.

use crate::support::{code, fixture, run, stderr, tree};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const SCENARIOS: [&str; 3] = ["aws/sam-deploy", "aws/organization", "aws/landing-zone"];

/// Where a file is deployed: partition, region, account.
type Place = [String; 3];

/// The blocks of a Terraform file that matter here: a reader of its own, for what the templates write.
struct Hcl<'a> {
    rest: &'a str,
    place: &'a Place,
}

impl Hcl<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\n', ',']);
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.split_at(bytes).1;
    }

    fn take(&mut self, word: &str) -> bool {
        self.space();
        let found = self.rest.strip_prefix(word);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    /// A quoted string, its references put in.
    fn string(&mut self) -> String {
        let mut out = String::new();
        loop {
            let c = self.rest.chars().next().unwrap();
            self.skip(c.len_utf8());
            let doubled = format!("{c}{{");
            match c {
                '"' => return out,
                '\\' => out.push(self.escape()),
                '$' | '%' if self.rest.starts_with(&doubled) => {
                    self.skip(2);
                    out.push_str(&doubled);
                }
                '$' if self.rest.starts_with('{') => {
                    let (name, rest) = self.rest.trim_start_matches('{').split_once('}').unwrap();
                    self.rest = rest;
                    out.push_str(match name {
                        "data.aws_partition.current.partition" => &self.place[0],
                        "data.aws_region.current.region" => &self.place[1],
                        "data.aws_caller_identity.current.account_id" => &self.place[2],
                        other => panic!("a reference to {other}"),
                    });
                }
                '%' if self.rest.starts_with('{') => panic!("a directive: {}", self.rest),
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self) -> char {
        let c = self.rest.chars().next().unwrap();
        let digits = match c {
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        let code = self.rest.chars().skip(1).take(digits).collect::<String>();
        self.skip(1 + digits);
        match c {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '"' | '\\' => c,
            'u' | 'U' => char::from_u32(u32::from_str_radix(&code, 16).unwrap()).unwrap(),
            other => panic!("an escape \\{other}"),
        }
    }

    fn value(&mut self) -> Value {
        self.space();
        if self.take("\"") {
            return json!(self.string());
        }
        if self.take("[") {
            let mut all = Vec::new();
            while !self.take("]") {
                all.push(self.value());
            }
            return json!(all);
        }
        assert!(self.take("{"), "a value: {}", self.rest);
        let mut map = Map::new();
        while !self.take("}") {
            let key = if self.take("\"") {
                self.string()
            } else {
                let end = self.rest.find(' ').unwrap();
                let (key, rest) = self.rest.split_at(end);
                self.rest = rest;
                key.to_owned()
            };
            assert!(self.take("="), "after {key}: {}", self.rest);
            let value = self.value();
            assert!(map.insert(key, value).is_none(), "a key twice");
        }
        Value::Object(map)
    }
}

/// Name → document of a Terraform file's policies.
fn terraform(text: &str, place: &Place) -> BTreeMap<String, Value> {
    let blocks = text.split("\nresource \"aws_iam_policy\" ").skip(1);
    blocks
        .map(|block| {
            let (_, name) = block.split_once("  name = \"").unwrap();
            let (_, body) = block.split_once("policy = jsonencode(").unwrap();
            let document = Hcl { rest: body, place }.value();
            (Hcl { rest: name, place }.string(), document)
        })
        .collect()
}

/// What `Fn::Sub` makes of a text.
fn substituted(text: &str, place: &Place) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        if let Some(literal) = after.strip_prefix('!') {
            out.push_str("${");
            rest = literal;
            continue;
        }
        let (name, after) = after.split_once('}').unwrap();
        out.push_str(match name {
            "AWS::Partition" => &place[0],
            "AWS::Region" => &place[1],
            "AWS::AccountId" => &place[2],
            other => panic!("a reference to {other}"),
        });
        rest = after;
    }
    out + rest
}

fn resolved(value: Value, place: &Place) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix("\u{1}") {
            Some(text) => json!(substituted(text, place)),
            None => json!(text),
        },
        Value::Array(all) => all.into_iter().map(|value| resolved(value, place)).collect(),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, value)| (key, resolved(value, place))).collect())
        }
        other => other,
    }
}

/// Name → document of a CloudFormation template's policies.
fn cloudformation(text: &str, place: &Place) -> BTreeMap<String, Value> {
    // A quote inside a string is escaped, so that a tag before one is none of a name's.
    let marked = text.replace("!Sub \"", "\"\\u0001").replace("!Ref ", "");
    let template: Value = serde_saphyr::from_str(&marked).unwrap();
    let resources = template["Resources"].as_object().unwrap();
    assert_eq!(template["Outputs"].as_object().unwrap().len(), resources.len());
    let properties = resources.values().map(|resource| &resource["Properties"]);
    properties
        .map(|p| {
            let name = p["ManagedPolicyName"].as_str().unwrap().to_owned();
            (name, resolved(p["PolicyDocument"].clone(), place))
        })
        .collect()
}

/// Lists in one order: it says nothing.
fn ordered(value: &Value) -> Value {
    match value {
        Value::Array(all) => {
            let mut all: Vec<Value> = all.iter().map(ordered).collect();
            all.sort_by_cached_key(Value::to_string);
            Value::Array(all)
        }
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), ordered(v))).collect()),
        other => other.clone(),
    }
}

/// All ARNs of a document, cut into fields.
fn fields(value: &Value, at: usize, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let all: Vec<&str> = text.splitn(6, ':').collect();
            let field = all.get(at).filter(|field| all.len() == 6 && !field.is_empty());
            into.extend(field.map(|field| (*field).to_owned()));
        }
        Value::Array(all) => all.iter().for_each(|value| fields(value, at, into)),
        Value::Object(map) => map.values().for_each(|value| fields(value, at, into)),
        _ => {}
    }
}

fn generate(logs: &str, out: &Path) -> Value {
    let out = out.display().to_string();
    let targets = ["--target", "aws-policy", "--target", "aws-terraform", "--target", "aws-cloudformation"];
    let got = run(&[&["generate", logs, "--out", &out, "-q"], &targets[..]].concat());
    assert_eq!(code(&got), 0, "{}", stderr(&got));
    serde_json::from_str(&std::fs::read_to_string(Path::new(&out).join("manifest.json")).unwrap()).unwrap()
}

/// Checks all files of a run; returns how many documents were compared and how many references there are.
fn check(out: &Path, manifest: &Value) -> (usize, usize) {
    let files: BTreeMap<String, String> = tree(out).into_iter().collect();
    let (mut compared, mut references) = (0, 0);
    let artifacts = manifest["artifacts"].as_array().unwrap();
    for artifact in artifacts {
        let path = artifact["path"].as_str().unwrap();
        let read = match path.rsplit('/').next().unwrap() {
            "policy.tf" => terraform,
            "policy.yaml" => cloudformation,
            _ => continue,
        };
        let text = &files[path];
        references += text.matches("${data.aws_").count() + text.matches("${AWS::").count();
        let others = artifact["shared_with"].as_array().into_iter().flatten();
        for principal in std::iter::once(&artifact["principal"]).chain(others) {
            let own =
                artifacts.iter().filter(|a| a["target"] == "aws-policy" && a["principal"] == *principal);
            let wanted: BTreeMap<String, Value> = own
                .map(|a| {
                    let path = a["path"].as_str().unwrap();
                    let name = path.rsplit('/').next().unwrap().trim_end_matches(".json").to_owned();
                    (name, serde_json::from_str(&files[path]).unwrap())
                })
                .collect();
            let account = principal.as_str().unwrap().split(':').nth(4).unwrap_or("none").to_owned();
            let only = |at| {
                let mut found = BTreeSet::new();
                wanted.values().for_each(|document| fields(document, at, &mut found));
                if found.len() == 1 { found.into_iter().next().unwrap() } else { "none".to_owned() }
            };
            let got = read(text, &[only(1), only(3), account]);
            assert_eq!(got.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "{path}");
            for (name, document) in &wanted {
                assert_eq!(ordered(&got[name]), ordered(document), "{path}: {name}");
                compared += 1;
            }
        }
    }
    (compared, references)
}

#[test]
fn put_in_place_they_say_what_the_json_says() {
    for scenario in SCENARIOS {
        let out = tempfile::tempdir().unwrap();
        let manifest = generate(&fixture(&format!("{scenario}/logs")), out.path());
        let (compared, references) = check(out.path(), &manifest);
        let documents =
            manifest["artifacts"].as_array().unwrap().iter().filter(|a| a["target"] == "aws-policy").count();
        assert_eq!(compared, 2 * documents, "{scenario}");
        assert!(references > documents, "{scenario}: {references}");
    }
}

#[test]
fn hostile_names_stay_themselves_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("log.json");
    std::fs::write(&logs, crate::hostile::log()).unwrap();
    let out = folder.path().join("out");
    let manifest = generate(&logs.display().to_string(), &out);
    let (compared, references) = check(&out, &manifest);
    assert!(compared >= 2 && references > 20, "{compared} documents, {references} references");
}

#[test]
fn accounts_that_are_alike_share_a_module() {
    let out = tempfile::tempdir().unwrap();
    let manifest = generate(&fixture("aws/landing-zone/logs"), out.path());
    let files: BTreeMap<String, String> = tree(out.path()).into_iter().collect();
    let role = |account: &str| format!("arn:aws:iam::{account}:role/config-export");
    for name in ["policy.tf", "policy.yaml"] {
        let shared = format!("aws/modules/config-export/{name}");
        let entries = manifest["artifacts"].as_array().unwrap().iter();
        let entry: Vec<&Value> = entries.filter(|a| a["path"] == shared.as_str()).collect();
        assert_eq!(entry.len(), 1, "{shared} is listed once");
        assert_eq!(entry[0]["principal"], role("111122223333").as_str());
        assert_eq!(entry[0]["shared_with"], json!([role("444455556666")]));
        assert!(!files.contains_key(&format!("aws/111122223333/config-export/{name}")));
        assert!(files.contains_key(&format!("aws/123456789012/config-export/{name}")), "it does more");
        let said: String = files[&shared].lines().filter(|line| !line.starts_with('#')).collect();
        assert!(!said.contains(":111122223333:") && said.contains(":777788889999:"), "{shared}");
    }
    let source = |account: &str| {
        let root = &files[&format!("aws/{account}/main.tf")];
        let (_, module) = root.split_once("module \"config_export\" {\n  source = \"").unwrap();
        module.split_once('"').unwrap().0.to_owned()
    };
    assert_eq!(source("111122223333"), "../modules/config-export");
    assert_eq!(source("444455556666"), "../modules/config-export");
    assert_eq!(source("123456789012"), "./config-export", "the address stays, whatever the source");
}

#[test]
fn an_account_that_is_called_modules_keeps_its_folder() {
    let text = std::fs::read_to_string(
        walkdir::WalkDir::new(fixture("aws/landing-zone/logs"))
            .into_iter()
            .flatten()
            .map(walkdir::DirEntry::into_path)
            .find(|path| path.is_file() && path.display().to_string().contains("123456789012"))
            .unwrap(),
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    for account in ["111122223333", "444455556666", "modules"] {
        let more = if account == "modules" { "other" } else { "config-export" };
        let named = text.replace("123456789012", account).replace("config-export", more);
        let ids = named.replace("\"eventID\": \"", &format!("\"eventID\": \"{account}"));
        std::fs::write(logs.join(format!("{account}.json")), ids).unwrap();
    }
    let manifest = generate(&logs.display().to_string(), &folder.path().join("out"));
    let paths: Vec<&str> =
        manifest["artifacts"].as_array().unwrap().iter().map(|a| a["path"].as_str().unwrap()).collect();
    for path in
        ["aws/modules-2/config-export/policy.tf", "aws/modules/other/policy.tf", "aws/modules/main.tf"]
    {
        assert!(paths.contains(&path), "{path}: {paths:?}");
    }
}

/// Addresses of the policies of one role that uses `tables` tables and `functions` functions.
fn addresses(tables: usize, functions: usize) -> BTreeSet<String> {
    let record = |at: usize, source: &str, event: &str, parameters: Value| {
        json!({ "eventVersion": "1.11", "eventTime": "2026-11-03T09:00:00Z", "awsRegion": "eu-central-1",
            "eventSource": source, "eventName": event, "eventID": format!("{event}-{at}"), "eventType": "AwsApiCall",
            "recipientAccountId": "111122223333", "requestParameters": parameters, "userIdentity": { "type": "AssumedRole",
            "accountId": "111122223333", "sessionContext": { "sessionIssuer": { "arn": "arn:aws:iam::111122223333:role/app" } } } })
    };
    let long = "a-name-as-long-as-people-make-them-in-earnest";
    let table = |at| {
        record(at, "dynamodb.amazonaws.com", "DescribeTable", json!({ "tableName": format!("{long}-{at}") }))
    };
    let function =
        |at| record(at, "lambda.amazonaws.com", "Invoke", json!({ "functionName": format!("{long}-{at}") }));
    let folder = tempfile::tempdir().unwrap();
    let (logs, out) = (folder.path().join("log.json"), folder.path().join("out"));
    let records: Vec<Value> = (0..tables).map(table).chain((0..functions).map(function)).collect();
    std::fs::write(&logs, json!({ "Records": records }).to_string()).unwrap();
    generate(&logs.display().to_string(), &out);
    let text = std::fs::read_to_string(out.join("aws/111122223333/app/policy.tf")).unwrap();
    let blocks = text.split("resource \"aws_iam_policy\" \"").skip(1);
    blocks.map(|block| block.split_once('"').unwrap().0.to_owned()).collect()
}

#[test]
fn a_document_more_renames_none() {
    let one = addresses(20, 0);
    let both = addresses(20, 20);
    let (split, more) = (addresses(40, 40), addresses(50, 50));
    assert_eq!(one, BTreeSet::from(["app".to_owned()]));
    assert_eq!(both, one, "still one document");
    assert_eq!(split, BTreeSet::from(["app".to_owned(), "app_data".to_owned()]));
    assert_eq!(more, split);
}

/// Asked for, the documents are written into their principals: one policy, its own limit, nothing to look up by name.
#[test]
fn inline_policies_are_written_into_their_principals() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().display().to_string();
    let logs = fixture("aws/organization/logs");
    let targets = ["--target", "aws-terraform", "--target", "aws-cloudformation"];
    let got = run(&[&["generate", &logs, "--out", &path, "--inline", "-q"][..], &targets].concat());
    assert_eq!(code(&got), 0, "{}", stderr(&got));
    let files = tree(out.path());
    let text =
        |end: &str| &files.iter().find(|(name, _)| name.ends_with(end)).unwrap_or_else(|| panic!("{end}")).1;
    assert!(text("ingest/policy.tf").contains("resource \"aws_iam_role_policy\" \"ingest\""));
    assert!(text("bob/policy.tf").contains("resource \"aws_iam_user_policy\" \"bob\""));
    assert!(text("ingest/policy.yaml").contains("Type: AWS::IAM::RolePolicy"));
    let set = text("dataengineer/permission-set/attachment.tf");
    assert!(set.contains("aws_ssoadmin_permission_set_inline_policy") && !set.contains("customer_managed"));
    assert!(
        !files.iter().any(|(name, _)| name.ends_with("dataengineer/policy.tf")),
        "nothing to look up by name"
    );
}
