//! `own-policy`: the least that leastgrant itself needs to read the given inputs.

use super::{Exit, Failure, output};
use crate::source::Address;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Print the least privilege that leastgrant needs to read these inputs
///
/// For AWS a policy document, for Google Cloud a custom role and the bindings that it needs; of both clouds, one after the
/// other, apart by a line of `---`. Nothing is asked of any cloud.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The inputs that are to be read; files and folders need nothing
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
    /// Key that objects in S3 are encrypted with, as an ARN (repeatable)
    #[arg(long, value_name = "ARN", value_parser = key)]
    kms_key: Vec<String>,
    /// Partition of AWS
    #[arg(long, default_value = "aws", value_parser = ["aws", "aws-cn", "aws-us-gov"])]
    partition: String,
    /// Print no hints
    #[arg(short, long)]
    quiet: bool,
}

fn key(text: &str) -> Result<String, String> {
    let whole = text.starts_with("arn:") && text.split(':').nth(2) == Some("kms") && text.contains(":key/");
    whole.then(|| text.to_owned()).ok_or_else(|| {
        "a key is arn:aws:kms:REGION:ACCOUNT:key/ID; an alias does not do in a policy's Resource".to_owned()
    })
}

/// Prefixes by bucket.
type Buckets = BTreeMap<String, Vec<String>>;

/// What the inputs are.
#[derive(Default)]
struct Needs {
    s3: Buckets,
    regions: Vec<String>,
    gcs: Buckets,
    parents: Vec<String>,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let mut needs = Needs::default();
    for input in &args.inputs {
        match Address::parse(input)? {
            Some(Address::S3 { bucket, prefix }) => needs.s3.entry(bucket).or_default().push(prefix),
            Some(Address::Gcs { bucket, prefix }) => needs.gcs.entry(bucket).or_default().push(prefix),
            Some(Address::Lookup { region }) => needs.regions.push(region),
            Some(Address::Logging { parent }) => needs.parents.push(parent),
            None => {}
        }
    }
    for prefixes in needs.s3.values_mut().chain(needs.gcs.values_mut()) {
        outermost(prefixes);
    }
    [&mut needs.regions, &mut needs.parents].into_iter().for_each(|list| {
        list.sort();
        list.dedup();
    });
    let mut documents = Vec::new();
    if !needs.s3.is_empty() || !needs.regions.is_empty() {
        documents.push(format!("{:#}\n", policy(&needs, args)));
    }
    if !needs.gcs.is_empty() || !needs.parents.is_empty() {
        documents.push(role(&needs));
    }
    output::print(&documents.join("---\n"))?;
    if args.quiet {
        return Ok(Exit::Done);
    }
    if documents.is_empty() {
        output::message("files and folders need no permission of any cloud");
    }
    if !needs.s3.is_empty() && args.kms_key.is_empty() {
        output::message(
            "where objects are encrypted with a KMS key of your own (SSE-KMS), name it with `--kms-key ARN`; the key's \
             policy must allow kms:Decrypt, too",
        );
    }
    Ok(Exit::Done)
}

/// Prefixes without those that lie in another one.
fn outermost(prefixes: &mut Vec<String>) {
    prefixes.iter_mut().for_each(|prefix| *prefix = prefix.trim_end_matches('/').to_owned());
    prefixes.sort();
    prefixes.dedup();
    let all = prefixes.clone();
    let inside = |inner: &String| {
        let holds = |outer: &&String| {
            outer.is_empty() || inner.strip_prefix(outer.as_str()).is_some_and(|r| r.starts_with('/'))
        };
        all.iter().filter(|outer| *outer != inner).any(|outer| holds(&outer))
    };
    prefixes.retain(|prefix| !inside(prefix));
}

/// A name as IAM reads it literally in a resource.
fn literal(text: &str) -> String {
    text.replace('$', "${$}").replace('*', "${*}").replace('?', "${?}")
}

fn policy(needs: &Needs, args: &Args) -> Value {
    let mut statements = Vec::new();
    let arn = |bucket: &str| format!("arn:{}:s3:::{}", args.partition, literal(bucket));
    for (at, (bucket, prefixes)) in needs.s3.iter().enumerate() {
        let sid = |word: &str| if at == 0 { word.to_owned() } else { format!("{word}{}", at + 1) };
        let mut list = json!({
            "Sid": sid("ListLogs"),
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": arn(bucket),
        });
        if !prefixes.iter().any(String::is_empty) {
            // What the input names, and what lies in it; whatever else is asked for is asked in vain.
            let values: Vec<String> = prefixes
                .iter()
                .flat_map(|prefix| [literal(prefix), format!("{}/*", literal(prefix))])
                .collect();
            if let Some(list) = list.as_object_mut() {
                list.insert("Condition".to_owned(), json!({"StringLike": {"s3:prefix": values}}));
            }
        }
        statements.push(list);
        let objects: Vec<String> = prefixes
            .iter()
            .flat_map(|prefix| match prefix.as_str() {
                "" => vec![format!("{}/*", arn(bucket))],
                prefix => vec![
                    format!("{}/{}", arn(bucket), literal(prefix)),
                    format!("{}/{}/*", arn(bucket), literal(prefix)),
                ],
            })
            .collect();
        statements.push(
            json!({"Sid": sid("ReadLogs"), "Effect": "Allow", "Action": "s3:GetObject", "Resource": objects}),
        );
    }
    if !needs.s3.is_empty() && !args.kms_key.is_empty() {
        let keys = &args.kms_key;
        let regions: Vec<String> = keys.iter().filter_map(|key| key.split(':').nth(3)).map(via).collect();
        statements.push(json!({
            "Sid": "DecryptLogs",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": keys,
            "Condition": {"StringEquals": {"kms:ViaService": regions}},
        }));
    }
    if !needs.regions.is_empty() {
        statements.push(json!({
            "Sid": "LookupEvents",
            "Effect": "Allow",
            "Action": "cloudtrail:LookupEvents",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:RequestedRegion": needs.regions}},
        }));
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn via(region: &str) -> String {
    format!("s3.{region}.amazonaws.com")
}

/// A custom role as `gcloud iam roles create --file` reads it, and who binds it where, as comments.
fn role(needs: &Needs) -> String {
    let mut permissions = Vec::new();
    if !needs.parents.is_empty() {
        permissions.extend(["logging.logEntries.list", "logging.privateLogEntries.list"]);
    }
    if !needs.gcs.is_empty() {
        permissions.extend(["storage.objects.get", "storage.objects.list"]);
    }
    let mut text =
        "# What leastgrant needs, for `gcloud iam roles create leastgrantReader --file`. Bind it:\n"
            .to_owned();
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    for bucket in needs.gcs.keys() {
        // Listing is checked on the bucket, so that a prefix cannot narrow it.
        line(format!(
            "#   on the bucket: gcloud storage buckets add-iam-policy-binding {}",
            quoted(&format!("gs://{bucket}"))
        ));
    }
    for parent in &needs.parents {
        let (kind, id) = parent.split_once('/').unwrap_or(("projects", parent));
        let command = match kind {
            "projects" => "gcloud projects add-iam-policy-binding",
            "folders" => "gcloud resource-manager folders add-iam-policy-binding",
            "organizations" => "gcloud organizations add-iam-policy-binding",
            _ => "gcloud billing accounts add-iam-policy-binding",
        };
        line(format!("#   on {parent}: {command} {}", quoted(id)));
    }
    if needs.parents.iter().any(|parent| !parent.starts_with("projects/")) {
        line("# A role that is bound to a folder or an organization is made in the organization: `--organization=ID`.".to_owned());
    }
    line("title: leastgrant reader".to_owned());
    line("description: Reads audit logs for leastgrant".to_owned());
    line("stage: GA".to_owned());
    line("includedPermissions:".to_owned());
    for permission in permissions {
        line(format!("- {permission}"));
    }
    text
}

/// A word of a shell, on the one line of a comment.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    let shown: String = word.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    format!("'{}'", shown.replace('\'', r"'\''"))
}
