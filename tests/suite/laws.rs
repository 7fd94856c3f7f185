//! The laws of the architecture, on generated data and on every scenario.

use crate::support::{code, fixture, plans, read, read_text, run, stderr, tree};
use leastgrant::aggregate::Rules;
use leastgrant::aggregate::dedup::Dedup;
use leastgrant::aggregate::{Shard, Usage, Worker};
use leastgrant::cloud::{self, CLOUDS};
use leastgrant::model::pattern::{Pattern, escape};
use leastgrant::model::time::Timestamp;
use leastgrant::model::usage::{Level, Row, Seen, Target};
use leastgrant::pipeline::{Fate, Plan};
use leastgrant::verify;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

const SCENARIOS: [&str; 4] = ["aws/sam-deploy", "aws/organization", "aws/landing-zone", "gcp/data-team"];

/// A CloudTrail record from a few small numbers.
fn record(n: u32) -> Value {
    let role = ["web", "batch", "ci/deploy"][(n % 3) as usize];
    let day = 1 + n % 5;
    let bucket = format!("bucket-{}", n % 4);
    let (name, source, parameters) = match n % 7 {
        0 => ("GetObject", "s3", json!({ "bucketName": bucket, "key": format!("a/{}", n % 11) })),
        1 => ("PutObject", "s3", json!({ "bucketName": bucket, "key": format!("b/{}", n % 5) })),
        2 => ("ListBuckets", "s3", Value::Null),
        3 => ("DescribeTable", "dynamodb", json!({ "tableName": format!("t{}", n % 3) })),
        4 => (
            "CreateFunction20150331",
            "lambda",
            json!({ "functionName": format!("f{}", n % 3),
              "role": format!("arn:aws:iam::111122223333:role/fn-{}", n % 2) }),
        ),
        5 => ("DeleteVolume", "ec2", json!({ "volumeId": format!("vol-0000{}", n % 3) })),
        _ => ("GetCallerIdentity", "sts", Value::Null),
    };
    let error = match n % 13 {
        0 => json!("AccessDenied"),
        1 => json!("ThrottlingException"),
        _ => Value::Null,
    };
    json!({
        "eventVersion": "1.11", "eventTime": format!("2026-11-0{day}T0{}:00:00Z", n % 9), "awsRegion": "eu-central-1",
        "eventSource": format!("{source}.amazonaws.com"), "eventName": name, "requestParameters": parameters,
        "errorCode": error, "eventID": format!("event-{n}"), "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        "userIdentity": { "type": "AssumedRole", "accountId": "111122223333",
            "accessKeyId": format!("ASIAEXAMPLE{}", n % 6),
            "sessionContext": { "sessionIssuer": { "arn": format!("arn:aws:iam::111122223333:role/{role}") } } },
    })
}

/// What a shard came to, as text.
fn facts(shard: Shard) -> String {
    let usage = shard.finish();
    let lines: Vec<String> = usage.lines.iter().map(leastgrant::aggregate::line::Line::text).collect();
    format!("{:?}\n{:?}\n{:?}\n{:?}\n{lines:?}", usage.rows, usage.principals, usage.tally, usage.observed)
}

fn shard_of(dedup: &Arc<Dedup>, numbers: &[u32]) -> Shard {
    let mut shard = Shard::new(Arc::new(Rules::default()), Arc::clone(dedup), true);
    let text: String = numbers.iter().map(|n| format!("{}\n", record(*n))).collect();
    if !text.is_empty() {
        leastgrant::decode::decode(&text, &CLOUDS, &mut Worker(&mut shard)).unwrap();
    }
    shard
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Laws 1 and 2: merging is associative and commutative, and any split gives the same.
    #[test]
    fn any_split_and_order_gives_the_same(numbers in prop::collection::vec(0u32..500, 1..60), a in 0usize..60, b in 0usize..60) {
        let whole = facts(shard_of(&Arc::default(), &numbers));
        let (a, b) = (a.min(numbers.len()), b.min(numbers.len()));
        let (a, b) = (a.min(b), a.max(b));
        let dedup = Arc::default();
        let parts = || [&numbers[..a], &numbers[a..b], &numbers[b..]].map(|part| shard_of(&dedup, part));
        let [mut x, y, z] = parts();
        x.merge(y);
        x.merge(z);
        prop_assert_eq!(&facts(x), &whole);
        let dedup = Arc::default();
        let [x, mut y, mut z] = [&numbers[..a], &numbers[a..b], &numbers[b..]].map(|part| shard_of(&dedup, part));
        y.merge(x);
        z.merge(y);
        prop_assert_eq!(facts(z), whole);
    }

    /// Law 3: every record ends somewhere.
    #[test]
    fn records_are_conserved(numbers in prop::collection::vec(0u32..200, 1..80)) {
        let usage = shard_of(&Arc::default(), &numbers).finish();
        prop_assert_eq!(usage.tally.records(), numbers.len() as u64);
        let skipped = usage.lines.iter().filter(|line| line.skipped.is_some()).count() as u64;
        prop_assert_eq!(usage.tally.records() - usage.tally.total_used(), skipped);
    }

    /// Laws 4 and 5: what was used is allowed; what was not used is not.
    #[test]
    fn documents_allow_what_was_used_and_no_more(numbers in prop::collection::vec(0u32..2_000, 1..80)) {
        let usage = shard_of(&Arc::default(), &numbers).finish();
        let plans = plans(&usage);
        for plan in &plans {
            let Fate::Written(verified) = &plan.fate else { continue };
            let texts: Vec<String> = verified.documents().iter().filter(|d| d.kind.as_str() == "policy").map(|d| d.text.clone()).collect();
            let evaluator = cloud::by_id("aws").unwrap().evaluator(&texts).unwrap();
            for row in &usage.rows {
                let own = *row.principal == *plan.who.id && verify::must_allow(row);
                let same = plan.grants.iter().any(|g| g.action == row.action)
                    && plan.rows.iter().any(|r| verify::must_allow(r) && r.action == row.action && r.target == row.target);
                prop_assert_eq!(evaluator.allows(row), own || same, "{:?}", row);
            }
        }
    }

    /// Law 8: a pattern that synthesis writes means the same to the evaluator: exactly the one name.
    #[test]
    fn escaped_names_grant_only_themselves(name in "[a-c*?${}:/.-]{1,12}", other in "[a-c*?${}:/.-]{1,12}") {
        let (pattern, _) = Pattern::literal(&name).within_charset();
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "s3:GetObject", "Resource": pattern.to_string() } ] }).to_string();
        let evaluator = cloud::by_id("aws").unwrap().evaluator(&[policy]).unwrap();
        let ask = |name: &str| Row { target: Target::named(name.to_owned()), ..crate::support::ask("p", "s3:GetObject", None, &[]) };
        prop_assert!(evaluator.allows(&ask(&name)));
        prop_assert_eq!(evaluator.allows(&ask(&other)), name == other);
        prop_assert_eq!(pattern.to_string(), escape(&name));
    }

    /// Law 1, for sightings.
    #[test]
    fn sightings_merge_in_any_order(times in prop::collection::vec((0i64..1000, "[a-d]"), 1..20), cut in 0usize..20) {
        let all = |part: &[(i64, String)]| {
            let mut seen: Option<Seen> = None;
            for (at, event) in part {
                match &mut seen {
                    Some(seen) => seen.add(Timestamp(*at), event),
                    None => seen = Some(Seen::once(Timestamp(*at), event)),
                }
            }
            seen
        };
        let (a, b) = times.split_at(cut.min(times.len()));
        let joined = match (all(b), all(a)) {
            (Some(mut b), Some(a)) => { b.merge(&a); Some(b) }
            (one, None) | (None, one) => one,
        };
        prop_assert_eq!(joined, all(&times));
    }

    /// Law 8: the walker finds what a plain parser finds, in any container.
    #[test]
    fn every_container_gives_the_same_uses(numbers in prop::collection::vec(0u32..500, 1..20)) {
        let records: Vec<Value> = numbers.iter().map(|n| record(*n)).collect();
        let uses = |text: &str| {
            let usage = read_text(text);
            usage.lines.iter().map(leastgrant::aggregate::line::Line::text).collect::<Vec<String>>()
        };
        let lines: String = records.iter().map(|r| format!("{r}\n")).collect();
        let expected = uses(&lines);
        prop_assert_eq!(&uses(&json!({ "Records": records }).to_string()), &expected);
        prop_assert_eq!(&uses(&format!("{:#}", json!({ "x": 1, "Records": records, "y": [] }))), &expected);
        prop_assert_eq!(&uses(&json!(records).to_string()), &expected);
        let looked_up: Vec<Value> = records.iter().map(|r| json!({ "EventId": r["eventID"], "CloudTrailEvent": r.to_string() })).collect();
        prop_assert_eq!(&uses(&json!({ "Events": looked_up, "NextToken": "t" }).to_string()), &expected);
        let bridged: String = records.iter().map(|r| format!("{}\n", json!({ "version": "0", "id": "x", "detail-type": "AWS API Call via CloudTrail", "detail": r }))).collect();
        prop_assert_eq!(&uses(&bridged), &expected);
    }

    /// Any text is read without a panic, and its records add up.
    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,200}|[\\[\\]{}\",:a-z0-9\\\\\n ]{0,200}") {
        let mut shard = Shard::new(Arc::new(Rules::default()), Arc::default(), true);
        let _ = leastgrant::decode::decode(&text, &CLOUDS, &mut Worker(&mut shard));
        let usage = shard.finish();
        prop_assert_eq!(usage.tally.total_used(), 0);
    }
}

fn probes<'u>(usage: &'u Usage, plan: &Plan<'_>) -> Vec<&'u Row> {
    usage.rows.iter().filter(|row| row.cloud == plan.who.cloud && *row.principal != *plan.who.id).collect()
}

/// Law 5 on the scenarios: what other principals did is allowed only where this one has the evidence for it too.
#[test]
fn nothing_widens_silently() {
    for scenario in SCENARIOS {
        let usage = read(&[fixture(&format!("{scenario}/logs"))], 2);
        for plan in plans(&usage).iter() {
            let Fate::Written(verified) = &plan.fate else { continue };
            let documents = verified.documents().iter().filter(|d| d.kind.as_str() == "policy");
            let texts: Vec<String> = documents.map(|d| d.text.clone()).collect();
            let evaluator = cloud::by_id(plan.who.cloud).unwrap().evaluator(&texts).unwrap();
            for row in probes(&usage, plan) {
                let asked = Row { principal: plan.who.id.as_str().into(), ..row.clone() };
                if !evaluator.allows(&asked) {
                    continue;
                }
                let grants: Vec<_> = plan.grants.iter().filter(|g| g.action == row.action).collect();
                let exact = plan.rows.iter().any(|own| own.action == row.action && own.target == row.target);
                let scope = row.cloud == "gcp" && grants.iter().any(|g| g.scope == row.scope);
                let widened =
                    grants.iter().any(|g| !g.widened.is_empty() || g.evidence.level != Level::Named);
                assert!(exact || scope || widened, "{}: {row:?}", plan.who.id);
            }
        }
    }
}

/// Law 2 on the scenarios: threads, and the order in which inputs are named, change no byte.
#[test]
fn threads_and_order_change_no_byte() {
    let inputs: Vec<String> = SCENARIOS.iter().map(|s| fixture(&format!("{s}/logs"))).collect();
    let mut backwards = inputs.clone();
    backwards.reverse();
    let mut outs = Vec::new();
    for (threads, inputs) in [("1", &inputs), ("2", &backwards), ("7", &inputs)] {
        let out = tempfile::tempdir().unwrap();
        let path = out.path().display().to_string();
        let mut args = vec![
            "generate",
            "--out",
            &path,
            "--threads",
            threads,
            "-q",
            "--target",
            "aws-policy",
            "--target",
            "aws-terraform",
            "--target",
            "gcp-terraform",
        ];
        args.extend(inputs.iter().map(String::as_str));
        let got = run(&args);
        assert_eq!(code(&got), 0, "{}", stderr(&got));
        let mut uses = vec!["uses", "--skipped", "--threads", threads];
        uses.extend(inputs.iter().map(String::as_str));
        outs.push((tree(out.path()), run(&uses).stdout));
    }
    assert!(outs.windows(2).all(|pair| pair[0] == pair[1]));
}

/// Law 4 after every pass: all rows to be granted are allowed; and each pass changes the documents of some scenario.
#[test]
fn every_pass_keeps_the_law_of_replay_and_does_something() {
    use leastgrant::cloud::Subject;
    use leastgrant::model::document::Packing;
    use leastgrant::synthesize::{Ctx, PASSES, World, run};
    let mut changed = std::collections::BTreeSet::new();
    // These need an intent file or a former run; `widening.rs` shows that they matter.
    let elsewhere = ["freed", "keep", "prefix", "loosen", "remember"];
    for scenario in SCENARIOS {
        let usage = read(&[fixture(&format!("{scenario}/logs"))], 2);
        let intent = leastgrant::intent::Intent::default();
        let shaping = leastgrant::config::Shaping::default();
        for plan in
            plans(&usage).iter().filter(|plan| plan.disposition.documented() && !plan.grants.is_empty())
        {
            let cloud = cloud::by_id(plan.who.cloud).unwrap();
            let subject = Subject { principal: &plan.who.id, kind: plan.who.kind, slug: &plan.slug };
            let world = World::new(usage.rows.iter().filter(|row| row.cloud == plan.who.cloud), cloud);
            let who = plan.who.id.as_str();
            let ctx = Ctx {
                cloud,
                who,
                intent: &intent,
                world: &world,
                memory: &[],
                freed: &[],
                shaping: &shaping,
            };
            for upto in 1..=PASSES.len() {
                let grants = run(&PASSES[..upto], &plan.rows, &ctx);
                let documents = cloud.package(&subject, &grants, &[], &Packing::default()).unwrap();
                let verified = verify::verify(cloud, documents, &plan.rows, &|_| false);
                assert!(verified.is_ok(), "{} after {}: {verified:?}", plan.who.id, PASSES[upto - 1].0);
            }
            for (at, (name, _)) in PASSES.iter().enumerate() {
                let without: Vec<_> = PASSES[..at].iter().chain(&PASSES[at + 1..]).copied().collect();
                if run(&without, &plan.rows, &ctx) != plan.grants {
                    changed.insert(*name);
                }
            }
        }
    }
    assert_eq!(
        changed,
        PASSES.iter().map(|(name, _)| *name).filter(|name| !elsewhere.contains(name)).collect(),
        "a pass that changes nothing is not tested"
    );
}

/// Law 6: generating twice changes nothing.
#[test]
fn generating_again_is_silent() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().display().to_string();
    let logs = fixture("aws/organization/logs");
    assert_eq!(code(&run(&["generate", &logs, "--out", &path, "-q"])), 0);
    let first = tree(out.path());
    assert_eq!(code(&run(&["generate", &logs, "--out", &path, "-q"])), 0);
    assert_eq!(tree(out.path()), first);
}

/// A bucket with more names than a policy could hold stays bounded, whatever the split, and says so.
#[test]
fn object_names_are_bounded_and_said_to_be() {
    let object = |n: u32| {
        let mut record = record(7);
        record["eventName"] = json!("GetObject");
        record["eventSource"] = json!("s3.amazonaws.com");
        record["errorCode"] = Value::Null;
        record["eventID"] = json!(format!("object-{n}"));
        record["requestParameters"] =
            json!({ "bucketName": "example-bucket", "key": format!("2026/{n}.json") });
        record
    };
    let read_all = |numbers: &[u32]| {
        let mut shard = Shard::new(Arc::new(Rules::default()), Arc::default(), false);
        for part in numbers.chunks(400) {
            let mut own = Shard::new(Arc::new(Rules::default()), Arc::default(), false);
            let text: String = part.iter().map(|n| format!("{}\n", object(*n))).collect();
            leastgrant::decode::decode(&text, &CLOUDS, &mut Worker(&mut own)).unwrap();
            shard.merge(own);
        }
        shard.finish()
    };
    let mut numbers: Vec<u32> = (0..1_500).collect();
    let usage = read_all(&numbers);
    numbers.reverse();
    assert_eq!(usage.rows, read_all(&numbers).rows);
    assert_eq!(usage.rows.len(), 1, "one prefix");
    assert_eq!(usage.rows[0].target.text, "arn:aws:s3:::example-bucket/2026/*");
    assert_eq!(usage.rows[0].seen.count, 1_500);
    assert!(usage.notes.iter().any(|note| note.code.as_str() == "collapsed"));
    let plans = plans(&usage);
    assert!(plans[0].grants[0].widened[0].reason.contains("object names"), "{:?}", plans[0].grants);
    assert!(matches!(plans[0].fate, Fate::Written(_)));
}

/// Law 7: what was rendered as JSON reads back to the document that was proved.
#[test]
fn rendered_policies_read_back() {
    for scenario in ["aws/sam-deploy", "aws/organization"] {
        let usage = read(&[fixture(&format!("{scenario}/logs"))], 1);
        let expected = tree(&crate::support::root().join(format!("fixtures/{scenario}/expected")));
        for plan in plans(&usage) {
            let Fate::Written(verified) = &plan.fate else { continue };
            for document in verified.documents() {
                let name = format!("{}/{}.json", plan.folder(), document.name);
                let (_, text) =
                    expected.iter().find(|(path, _)| *path == name).unwrap_or_else(|| panic!("{name}"));
                let (read, proved): (Value, Value) =
                    (serde_json::from_str(text).unwrap(), serde_json::from_str(&document.text).unwrap());
                assert_eq!(read, proved, "{name}");
            }
        }
    }
}
