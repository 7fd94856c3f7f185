//! Properties of what turns rows into grants, grants into documents, and one night into the next, on generated logs; and
//! that the passes which need a person's word or a former night do something.

use crate::support::{code, fixture, lines, plans, read_text, root, run, stderr};
use leastgrant::aggregate::Usage;
use leastgrant::cloud::{self, Subject};
use leastgrant::config::Shaping;
use leastgrant::intent::{self, Intent};
use leastgrant::model::document::{DocumentKind, Layout, Packing};
use leastgrant::model::grant::{Grant, On};
use leastgrant::model::usage::Row;
use leastgrant::pipeline::{self, Fate, Planning};
use leastgrant::previous::Memory;
use leastgrant::report::manifest;
use leastgrant::synthesize::{self, Ctx, PASSES, World};
use leastgrant::verify;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const APP: &str = "arn:aws:iam::111122223333:role/app";

/// One record: who, what, and a name that is made by a person, a stack, a date or a bucket.
#[derive(Clone, Debug)]
struct Use {
    other: bool,
    what: usize,
    name: usize,
    night: usize,
    withheld: bool,
}

fn uses(most: usize) -> impl Strategy<Value = Vec<Use>> {
    let one = (prop::bool::weighted(0.2), 0usize..9, 0usize..14, 0usize..4, prop::bool::weighted(0.1))
        .prop_map(|(other, what, name, night, withheld)| Use { other, what, name, night, withheld });
    prop::collection::vec(one, 1..most)
}

const NAMES: [&str; 14] = [
    "ledger",
    "orders",
    "orders-eu",
    "orders-Table-1N2P3Q4R5S6T",
    "orders-Table-9P8Q7R6S5T4U",
    "orders-Table-backup",
    "export-2026-11-03",
    "export-2026-11-04",
    "export-latest",
    "6f1ed002ab5595859014ebf0951522d9",
    "pr-17",
    "pr-18",
    "shop-pr-17-Table-1N2P3Q4R5S6T",
    "shop-pr-18-Table-9P8Q7R6S5T4U",
];

fn record(one: &Use) -> Value {
    let name = NAMES[one.name];
    let table = json!({ "tableName": name });
    let role = |n: usize| format!("arn:aws:iam::111122223333:role/worker-{}", n % 2);
    let function = json!({ "functionName": name, "role": role(one.name) });
    let task = json!({ "family": name, "taskRoleArn": role(one.name), "containerDefinitions": [] });
    let key = |part: &str| json!({ "bucketName": "lake", "key": format!("{part}{name}") });
    let (source, event, parameters) = match one.what {
        0 => ("dynamodb", "DescribeTable", table),
        1 => ("dynamodb", "UpdateTable", table),
        2 => ("dynamodb", "DeleteTable", table),
        3 => ("lambda", "CreateFunction20150331", function),
        4 => ("ecs", "RegisterTaskDefinition", task),
        5 => ("s3", "GetObject", key("in/")),
        6 => ("s3", "GetObject", key("")),
        7 => ("dynamodb", "DescribeTable", Value::Null),
        _ => ("dynamodb", "ListTables", Value::Null),
    };
    let who = if one.other { "other" } else { "app" };
    let key = if one.withheld { "ASIAI44QH8DHBEXAMPLE" } else { "ASIAIOSFODNN7EXAMPLE" };
    json!({ "eventVersion": "1.11", "eventTime": format!("2026-11-{:02}T09:00:00Z", 3 + one.night), "awsRegion": "eu-central-1",
        "eventSource": format!("{source}.amazonaws.com"), "eventName": event, "requestParameters": parameters,
        "eventID": format!("{one:?}"), "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
        "userIdentity": { "type": "AssumedRole", "accountId": "111122223333", "accessKeyId": key,
            "sessionContext": { "sessionIssuer": { "type": "Role", "arn": format!("arn:aws:iam::111122223333:role/{who}") } } } })
}

/// Reads the records; those of the stolen key are withheld, as an entry of an intent file would have it.
fn usage(uses: &[&Use]) -> Usage {
    use leastgrant::model::usage::Outcome;
    let (stolen, own): (Vec<&Use>, Vec<&Use>) = uses.iter().partition(|one| one.withheld);
    // A log is never empty: a call that needs no permission stands in each.
    let mut idle = record(&Use { other: true, what: 8, name: 0, night: 0, withheld: false });
    idle["eventName"] = json!("GetCallerIdentity");
    idle["eventSource"] = json!("sts.amazonaws.com");
    idle["eventID"] = json!("idle");
    let text = |part: &[&Use]| {
        format!("{idle}\n") + &part.iter().map(|one| format!("{}\n", record(one))).collect::<String>()
    };
    let mut usage = read_text(&text(&own));
    let mut withheld = read_text(&text(&stolen)).rows;
    withheld.iter_mut().for_each(|row| row.outcome = Outcome::Withheld);
    usage.rows.extend(withheld);
    usage
}

struct Shop {
    intent: Intent,
    shaping: Shaping,
}

impl Shop {
    fn new(intent: &str) -> Self {
        Self { intent: intent::parse("intent.toml", intent).0, shaping: Shaping::default() }
    }

    fn grants(
        &self,
        usage: &Usage,
        memory: &[Grant],
        passes: &[(&str, synthesize::Pass)],
        backwards: bool,
    ) -> Vec<Grant> {
        let world = World::new(usage.rows.iter(), cloud::by_id("aws").unwrap());
        let mut rows: Vec<&Row> = usage.rows.iter().filter(|row| *row.principal == *APP).collect();
        if backwards {
            rows.reverse();
        }
        let cloud = cloud::by_id("aws").unwrap();
        let (intent, shaping) = (&self.intent, &self.shaping);
        synthesize::run(
            passes,
            &rows,
            &Ctx { cloud, who: APP, intent, world: &world, memory, freed: &[], shaping },
        )
    }
}

/// Whether some of the grants is for the use.
fn granted(grants: &[Grant], row: &Row) -> bool {
    grants.iter().any(|grant| {
        grant.action == row.action
            && match &grant.on {
                On::Service => true,
                On::Resource(pattern) => {
                    pattern.covers(&leastgrant::model::pattern::Pattern::parse(&row.target.text))
                }
            }
            && grant.when.iter().all(|(key, values)| {
                row.context
                    .get(key)
                    .is_some_and(|attested| attested.split('\u{1f}').all(|v| values.contains(v)))
            })
    })
}

fn same(a: &[Grant], b: &[Grant]) -> bool {
    let plain = |all: &[Grant]| -> BTreeSet<String> {
        all.iter().map(|g| format!("{} {:?} {:?} {}", g.action, g.on, g.when, g.scope)).collect()
    };
    plain(a) == plain(b)
}

const INTENT: &str = "[[never]]\naction = 'dynamodb:DeleteTable'\nresource = '*table/orders*'\n";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Generalising keeps every use, matches no vetoed name, and does not depend on order or on being done once more.
    #[test]
    fn generalising_loses_nothing_and_takes_nothing_foreign(uses in uses(40)) {
        let usage = usage(&uses.iter().collect::<Vec<_>>());
        let shop = Shop::new(INTENT);
        let grants = shop.grants(&usage, &[], &PASSES, false);
        prop_assert!(same(&grants, &shop.grants(&usage, &[], &PASSES, true)));
        let again = shop.grants(&usage, &grants, &PASSES, false);
        prop_assert!(same(&grants, &again), "{:#?}\n{:#?}", grants, again);
        let own: Vec<&Row> = usage.rows.iter().filter(|row| *row.principal == *APP).collect();
        for row in own.iter().filter(|row| synthesize::asks(row)) {
            prop_assert!(granted(&grants, row) || shop.intent.never.iter().any(|n| n.matches(row)), "{:?}", row);
        }
        for grant in &grants {
            let On::Resource(pattern) = &grant.on else { continue };
            let by = |pass: &str| grant.widened.iter().any(|w| w.pass == pass);
            if grant.widened.is_empty() {
                continue;
            }
            prop_assert!(shop.intent.forbids(APP, &grant.action, Some(pattern)).is_none(), "{:?}", grant);
            let needed = |row: &Row| by("seed") || own.iter().any(|o| synthesize::asks(o) && o.action == row.action && o.target == row.target);
            for row in usage.rows.iter().filter(|row| pattern.matches(&row.target.text)) {
                let foreign = *row.principal != *APP && !own.iter().any(|o| o.outcome.grants() && o.target == row.target);
                prop_assert!(!(foreign && by("tokens")), "{:?} takes in {:?}", grant, row);
                let withheld = row.outcome.as_str() == "withheld" && *row.principal == *APP && *row.action == *grant.action;
                prop_assert!(!withheld || needed(row), "{:?} takes in {:?}", grant, row);
            }
        }
    }

    /// Packing changes no meaning: with nothing before, with fewer grants before, and with more.
    #[test]
    fn packing_changes_no_meaning(uses in uses(40), before in uses(40)) {
        let cloud = cloud::by_id("aws").unwrap();
        let who = Subject { principal: APP, kind: leastgrant::model::identity::Kind::Role, slug: "app" };
        let shop = Shop::new("");
        let (now, then) = (usage(&uses.iter().collect::<Vec<_>>()), usage(&before.iter().collect::<Vec<_>>()));
        let (grants, old) = (shop.grants(&now, &[], &PASSES, false), shop.grants(&then, &[], &PASSES, false));
        let packed = |grants: &[Grant], layout: &[Layout]| cloud.package(&who, grants, layout, &Packing::default()).unwrap();
        let layout: Vec<Layout> =
            packed(&old, &[]).into_iter().map(|d| Layout { name: d.name, statements: d.statements }).collect();
        for layout in [&[][..], &layout] {
            let documents = packed(&grants, layout);
            let texts: Vec<String> = documents.iter().map(|d| d.text.clone()).collect();
            let evaluator = cloud.evaluator(&texts).unwrap();
            let probes = now.rows.iter().chain(&then.rows).filter(|row| cloud.means(&row.action, &row.target.text));
            for row in probes {
                prop_assert_eq!(evaluator.allows(row), granted(&grants, row), "{:?}\n{}", row, texts.concat());
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    /// One night after another: nothing is ever lost, no statement that needs nothing new changes, and a night again is silent.
    #[test]
    fn nights_only_add(uses in uses(60), growing in any::<bool>()) {
        let mut memory = Memory::default();
        let mut stood: Vec<Layout> = Vec::new();
        let mut allowed: Vec<Row> = Vec::new();
        for night in 0..4 {
            let here = |one: &&Use| !one.withheld && (one.night == night || growing && one.night < night);
            let usage = usage(&uses.iter().filter(here).collect::<Vec<_>>());
            let step = |memory: &Memory| {
                let planning = Planning { memory: memory.clone(), ..Planning::default() };
                let plans = pipeline::plan(&usage, &planning);
                let memory = manifest::memory(&usage, &plans, &planning);
                let manifest = manifest::manifest(&usage, (&plans, &[]), &[], (&[], &[]), &planning, &[]);
                let manifest = manifest::pieces(manifest, std::iter::empty(), Some(memory)).collect::<String>();
                let app = plans.iter().find(|plan| plan.who.id == APP);
                let refused = plans.iter().any(|plan| matches!(plan.fate, Fate::Refused(_)));
                (Memory::read(&manifest, &["aws"]).unwrap(), app.map(|app| app.layout()).unwrap_or_default(), refused)
            };
            let (next, layout, refused) = step(&memory);
            prop_assert!(!refused);
            let asked = usage.rows.into_iter().filter(|row| *row.principal == *APP && verify::must_allow(row));
            let fresh: Vec<Row> = asked.collect();
            let evaluator = |layout: &[Layout]| {
                let texts: Vec<String> = layout.iter().map(text).collect();
                cloud::by_id("aws").unwrap().evaluator(&texts).unwrap()
            };
            let (was, now) = (evaluator(&stood), evaluator(&layout));
            for row in allowed.iter().chain(&fresh) {
                prop_assert!(now.allows(row), "night {}: lost {:?}", night, row);
            }
            if fresh.iter().all(|row| was.allows(row)) && layout != stood {
                // Only a series that has become one may take its members' place.
                let wildcards = |layout: &[Layout]| layout.iter().flat_map(|d| &d.statements).flat_map(|s| &s.resources).filter(|r| r.contains(['*', '?'])).count();
                prop_assert!(wildcards(&layout) > wildcards(&stood), "{:#?}\n{:#?}", stood, layout);
            }
            allowed.extend(fresh);
            memory = next;
            stood = layout;
        }
    }
}

/// A document as it stands, for the evaluator.
fn text(layout: &Layout) -> String {
    let one = |s: &leastgrant::model::document::Statement| json!({ "Effect": s.effect, "Action": s.actions, "Resource": s.resources, "Condition": s.conditions });
    json!({ "Version": "2012-10-17", "Statement": layout.statements.iter().map(one).collect::<Vec<_>>() })
        .to_string()
}

/// The passes that the scenarios cannot show to matter: each needs an intent file or a former night.
#[test]
fn passes_that_need_a_word_or_a_former_night_do_something() {
    let one = |what, name, night| Use { other: false, what, name, night, withheld: false };
    let tonight = usage(&[&one(0, 0, 1), &one(0, 1, 1), &one(0, 2, 1)]);
    let before = Shop::new("").grants(&usage(&[&one(1, 0, 0)]), &[], &PASSES, false);
    let step = cloud::by_id("aws").unwrap().loosenings(&Shop::new("").grants(&tonight, &[], &PASSES, false));
    let keep = "[[keep]]\naction = 'dynamodb:UpdateTable'\nresource = 'arn:aws:dynamodb:eu-central-1:111122223333:table/ledger'\nowner = 'ana'\nreason = 'yearly'\n";
    let loosen = format!("[[loosen]]\nprincipal = '*'\nstep = '{}'\n", step[0].name);
    for (pass, intent, memory) in [
        ("keep", keep, &[][..]),
        ("prefix", "[[prefix]]\nvalue = 'orders'\n", &[]),
        ("loosen", &loosen, &[]),
        ("remember", "", &before),
    ] {
        let shop = Shop::new(intent);
        let without: Vec<_> = PASSES.iter().filter(|(name, _)| *name != pass).copied().collect();
        assert_eq!(without.len() + 1, PASSES.len(), "{pass}");
        let with = shop.grants(&tonight, memory, &PASSES, false);
        assert!(!same(&with, &shop.grants(&tonight, memory, &without, false)), "{pass} does nothing");
        let evidence = tonight.rows.iter().filter(|row| *row.principal == *APP);
        assert!(evidence.into_iter().all(|row| granted(&with, row)), "after {pass} a use is lost");
    }
}

/// `fixtures/aws/sam-deploy`: learned from the first deploy alone, the second replays but for what it does anew.
#[test]
fn the_second_deploy_needs_only_what_is_new() {
    // Calls of IAM are logged in us-east-1.
    let logs = |day: &str| {
        ["eu-central-1", "us-east-1"].map(|region| {
            fixture(&format!("aws/sam-deploy/logs/AWSLogs/111122223333/CloudTrail/{region}/2026/11/{day}"))
        })
    };
    let ([first, first_iam], [second, second_iam]) = (logs("03"), logs("04"));
    let role = "arn:aws:iam::111122223333:role/ci/github-sam-deploy";
    let out = tempfile::tempdir().unwrap();
    let path = out.path().display().to_string();
    // One deploy is one session: that it may attach policies is for a person to accept.
    let learned =
        run(&["generate", &first, &first_iam, "--out", &path, "--principal", role, "--accept-review"]);
    assert_eq!(code(&learned), 0, "{}", stderr(&learned));
    let applied = crate::support::applied(out.path(), "github-sam-deploy");
    assert_eq!(applied.len(), 1, "one managed policy");
    let document: Value = serde_json::from_str(&applied[0].1).unwrap();
    assert!(document["Statement"].as_array().unwrap().len() <= 15, "{document:#}");
    assert!(document.to_string().len() <= 6_144);
    let replayed = run(&[
        "check",
        &second,
        &second_iam,
        "--policy",
        &applied[0].0,
        "--principal",
        role,
        "--format",
        "json",
    ]);
    let denied: BTreeSet<String> = lines(&replayed)
        .iter()
        .map(|row| format!("{} {}", row["action"], row["resource"]).replace('"', ""))
        .collect();
    let listed = std::fs::read_to_string(root().join("fixtures/aws/sam-deploy/second-deploy.txt")).unwrap();
    let listed: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
    assert_eq!(denied, listed, "{:#?}", lines(&replayed));
}

/// What `--exact` grants allows nothing without evidence, on every scenario; what is wider says why.
#[test]
fn width_is_none_for_exact_grants_and_explained_for_the_rest() {
    for scenario in ["aws/sam-deploy", "aws/organization", "aws/landing-zone"] {
        let usage = crate::support::read(&[fixture(&format!("{scenario}/logs"))], 2);
        for plan in plans(&usage) {
            let Fate::Written(verified) = &plan.fate else { continue };
            assert!(verified.documents().iter().any(|d| d.kind == DocumentKind::Policy));
            let wide = plan.grants.iter().filter(|g| matches!(&g.on, On::Resource(on) if !on.is_exact()));
            for grant in wide {
                let named = grant.evidence.level != leastgrant::model::usage::Level::Named;
                assert!(named || !grant.widened.is_empty(), "{}: {grant:?}", plan.who.id);
            }
        }
        let shaping = Shaping { exact: true, ..Shaping::default() };
        for plan in pipeline::plan(&usage, &Planning { shaping, ..Planning::default() }) {
            let exact = plan.grants.iter().all(|g| {
                g.widened.is_empty()
                    && g.evidence.level != leastgrant::model::usage::Level::All
                    && matches!(&g.on, On::Resource(on) if on.is_exact())
                    || g.on == On::Service
            });
            assert!(!exact || plan.width.allowed == 0, "{}: {:?}", plan.who.id, plan.width);
        }
    }
}
