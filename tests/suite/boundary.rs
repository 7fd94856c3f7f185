//! Permissions boundaries: a superset of the policies, within declared prefixes, in one document.

use crate::support::{ask, corpus, fixture, plans, read, root};
use leastgrant::catalog;
use leastgrant::cloud::{self, Cloud, Evaluator, Reach, Subject};
use leastgrant::model::document::Document;
use leastgrant::model::document::Packing;
use leastgrant::model::few::Few;
use leastgrant::model::grant::{Evidence, Grant, On};
use leastgrant::model::identity::Kind;
use leastgrant::model::pattern::Pattern;
use leastgrant::model::time::Timestamp;
use leastgrant::model::usage::{Level, Row, Seen, Target};
use leastgrant::pipeline::Fate;
use leastgrant::verify;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const ROLE: &str = "arn:aws:iam::111122223333:role/ci/github-sam-deploy";

fn aws() -> &'static dyn Cloud {
    cloud::by_id("aws").unwrap()
}

fn subject(principal: &str, kind: Kind) -> Subject<'_> {
    Subject { principal, kind, slug: "deploy" }
}

fn write(who: &Subject<'_>, policies: &[Document], prefixes: &[&str]) -> (Document, Box<dyn Evaluator>) {
    let prefixes: Vec<String> = prefixes.iter().map(|p| (*p).to_owned()).collect();
    let document = aws().boundary(who, policies, Reach { prefixes: &prefixes, used: &[] }).unwrap().unwrap();
    let limit = aws().evaluator(std::slice::from_ref(&document.text)).unwrap();
    (document, limit)
}

fn grant(action: &str, on: Option<&str>, when: &[(&str, &str)]) -> Grant {
    let one = |(key, value): &(&str, &str)| ((*key).to_owned(), BTreeSet::from([(*value).to_owned()]));
    Grant {
        action: action.into(),
        on: on.map_or(On::Service, |name| On::Resource(Pattern::parse(name))),
        scope: "".into(),
        when: when.iter().map(one).collect(),
        evidence: Evidence {
            seen: Seen::once(Timestamp(0), ""),
            rules: Few::default(),
            bases: Few::default(),
            level: Level::Named,
        },
        widened: Vec::new(),
        intent: std::collections::BTreeSet::new(),
    }
}

fn may(limit: &dyn Evaluator, action: &str, on: &str, context: &[(&str, &str)]) -> bool {
    let context: Vec<(String, String)> =
        context.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    limit.allows(&ask(ROLE, action, Some(on).filter(|on| *on != "*"), &context))
}

/// The policies of the fixture's deployer.
fn deployer() -> Vec<Document> {
    let usage = read(&[fixture("aws/sam-deploy/logs")], 2);
    let plans = plans(&usage);
    let plan = plans.iter().find(|plan| plan.who.id == ROLE).unwrap();
    let Fate::Written(verified) = &plan.fate else { panic!("{:?}", plan.fate) };
    verified.documents().iter().filter(|d| d.kind.as_str() == "policy").cloned().collect()
}

const LAMBDA: &str = "arn:aws:lambda:eu-central-1:111122223333";
const OWN: &str = "arn:aws:iam::111122223333:policy/deploy-boundary";

#[test]
fn a_deployer_with_a_prefix_reaches_its_next_deploy_and_no_further() {
    let policies = deployer();
    let (document, limit) = write(&subject(ROLE, Kind::Role), &policies, &["orders-dev-"]);
    assert!(verify::covered(limit.as_ref(), cloud::by_id("aws").unwrap(), &policies).unwrap() > 50);
    golden(&document);
    assert!(document.size.0 <= document.size.1, "{:?}", document.size);
    let bounded = [("iam:PermissionsBoundary", OWN)];
    let passed = [("iam:PassedToService", "lambda.amazonaws.com")];
    let role = "arn:aws:iam::111122223333:role/orders-dev-NewFunctionRole-ZZ";
    let mapping = |name: &str| {
        let function = format!("{LAMBDA}:function:{name}");
        may(limit.as_ref(), "lambda:CreateEventSourceMapping", "*", &[("lambda:FunctionArn", &function)])
    };
    assert!(mapping("orders-dev-New") && !mapping("billing-dev-New"));
    for (action, on, context) in [
        ("lambda:CreateFunction", &format!("{LAMBDA}:function:orders-dev-New"), &[][..]),
        ("lambda:DeleteFunction", &format!("{LAMBDA}:function:orders-dev-New"), &[]),
        ("lambda:PublishLayerVersion", &format!("{LAMBDA}:layer:orders-dev-libs"), &[]),
        (
            "cloudformation:DeleteStack",
            &format!("arn:aws:cloudformation:eu-central-1:111122223333:stack/orders-dev/{}", "1"),
            &[],
        ),
        ("s3:PutObject", &"arn:aws:s3:::orders-dev-new/k".to_owned(), &[]),
        (
            "s3:PutObject",
            &"arn:aws:s3:::aws-sam-cli-managed-default-samclisourcebucket-k1j2h3g4f5d6/orders/new".to_owned(),
            &[],
        ),
        ("apigateway:DELETE", &"arn:aws:apigateway:eu-central-1::/restapis/zzz".to_owned(), &[]),
        (
            "logs:CreateLogGroup",
            &"arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/orders-dev-New".to_owned(),
            &[],
        ),
        ("iam:CreateRole", &role.to_owned(), &bounded),
        ("iam:CreateRole", &role.to_owned(), &[]),
        ("iam:PassRole", &role.to_owned(), &passed),
    ] {
        assert!(may(limit.as_ref(), action, on, context), "must reach {action} on {on}");
    }
    let other = "arn:aws:iam::111122223333:role/billing-admin";
    for (action, on, context) in [
        ("lambda:UpdateFunctionCode", format!("{LAMBDA}:function:billing-dev-Api"), &[][..]),
        (
            "lambda:UpdateFunctionCode",
            "arn:aws:lambda:eu-west-1:111122223333:function:orders-dev-Api".to_owned(),
            &[],
        ),
        (
            "lambda:UpdateFunctionCode",
            "arn:aws:lambda:eu-central-1:444455556666:function:orders-dev-Api".to_owned(),
            &[],
        ),
        (
            "s3:DeleteBucket",
            "arn:aws:s3:::aws-sam-cli-managed-default-samclisourcebucket-k1j2h3g4f5d6".to_owned(),
            &[],
        ),
        ("dynamodb:DeleteTable", "arn:aws:dynamodb:eu-central-1:111122223333:table/billing".to_owned(), &[]),
        ("ec2:RunInstances", "arn:aws:ec2:eu-central-1:111122223333:instance/*".to_owned(), &[]),
        ("iam:CreateRole", other.to_owned(), &[]),
        ("iam:PassRole", other.to_owned(), &passed),
        ("iam:PassRole", role.to_owned(), &[("iam:PassedToService", "ec2.amazonaws.com")]),
        ("iam:PutRolePolicy", ROLE.to_owned(), &bounded),
        ("iam:CreatePolicyVersion", OWN.to_owned(), &[]),
        ("iam:DeleteRolePermissionsBoundary", role.to_owned(), &[]),
        ("iam:CreateAccessKey", "arn:aws:iam::111122223333:user/orders-dev-x".to_owned(), &[]),
        ("lambda:CreateCodeSigningConfig", "*".to_owned(), &[]),
        (
            "cloudtrail:StopLogging",
            "arn:aws:cloudtrail:eu-central-1:111122223333:trail/orders-dev-t".to_owned(),
            &[],
        ),
    ] {
        assert!(!may(limit.as_ref(), action, &on, context), "must not reach {action} on {on}");
    }
    let notes = document.notes.join("\n");
    for told in
        ["`orders-dev-`", "apigateway", "transform/Serverless", "DenyUnboundedRoles does not hold for", OWN]
    {
        assert!(notes.contains(told), "{told} is not told in\n{notes}");
    }
}

/// `BLESS=1` writes it; read the difference before you commit it.
fn golden(document: &Document) {
    let path = root().join("fixtures/boundary/sam-deploy.txt");
    let text = format!("{}\n{}\n", document.text, document.notes.join("\n"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap(), "{}: look, then BLESS=1", path.display());
}

#[test]
fn without_a_prefix_it_says_that_it_limits_services_only() {
    let policies = deployer();
    let (document, limit) = write(&subject(ROLE, Kind::Role), &policies, &[]);
    assert!(document.notes[0].contains("services only"), "{:?}", document.notes);
    assert!(verify::covered(limit.as_ref(), cloud::by_id("aws").unwrap(), &policies).is_ok());
    assert!(may(limit.as_ref(), "lambda:DeleteFunction", &format!("{LAMBDA}:function:other"), &[]));
    let other = "arn:aws:iam::111122223333:role/other";
    assert!(!may(limit.as_ref(), "iam:PassRole", other, &[("iam:PassedToService", "lambda.amazonaws.com")]));
    assert!(!may(limit.as_ref(), "iam:CreateRole", other, &[]), "only with this boundary on it");
    let own = "arn:aws:iam::111122223333:policy/deploy-boundary";
    assert!(may(limit.as_ref(), "iam:CreateRole", other, &[("iam:PermissionsBoundary", own)]));
}

/// Sixty roles that are passed cannot all be listed as what stays free.
#[test]
fn without_a_prefix_too_it_fits_and_says_how() {
    let role =
        |at: usize| format!("arn:aws:iam::111122223333:role/{}-{at}", "a-long-name-of-a-role".repeat(3));
    let grants: Vec<Grant> = (0..60).map(|at| grant("iam:PassRole", Some(&role(at)), &[])).collect();
    let who = subject(ROLE, Kind::Role);
    let policies = aws().package(&who, &grants, &[], &Packing::default()).unwrap();
    let (document, limit) = write(&who, &policies, &[]);
    assert!(document.size.0 <= document.size.1);
    assert!(
        verify::covered(limit.as_ref(), cloud::by_id("aws").unwrap(), &policies).is_ok(),
        "{}",
        document.text
    );
    let notes = document.notes.join("\n");
    assert!(notes.contains("DenyOtherRoles leaves out iam:PassRole"), "{notes}");
    assert!(!notes.contains("accounts and regions"), "it never limited them: {notes}");
    assert!(!may(limit.as_ref(), "sts:AssumeRole", &role(0), &[]));
}

#[test]
fn a_permission_set_names_its_boundary_in_any_account() {
    let who = subject("permission-set/Deploy", Kind::PermissionSet);
    let grants = [
        grant("lambda:GetFunction", Some(&format!("{LAMBDA}:function:shop-a")), &[]),
        grant("lambda:GetFunction", Some("arn:aws:lambda:eu-west-1:444455556666:function:shop-a"), &[]),
        grant("iam:GetRole", Some("arn:aws:iam::444455556666:role/shop-a"), &[]),
    ];
    let policies = aws().package(&who, &grants, &[], &Packing::default()).unwrap();
    let (document, limit) = write(&who, &policies, &["shop-"]);
    assert!(
        verify::covered(limit.as_ref(), cloud::by_id("aws").unwrap(), &policies).is_ok(),
        "{}",
        document.text
    );
    let role = "arn:aws:iam::444455556666:role/shop-new";
    let key = |arn: &'static str| [("iam:PermissionsBoundary", arn)];
    let with = |arn| may(limit.as_ref(), "iam:CreateRole", role, &key(arn));
    assert!(with("arn:aws:iam::444455556666:policy/deploy-boundary"));
    assert!(!with("arn:aws:iam::444455556666:policy/other"));
}

#[test]
fn a_user_of_the_refused_keeps_only_what_its_policies_name() {
    let role = "arn:aws:iam::111122223333:role/app";
    let grants = [
        grant("iam:DeleteRolePermissionsBoundary", Some(role), &[]),
        grant(
            "iam:CreateRole",
            Some(role),
            &[("iam:PermissionsBoundary", "arn:aws:iam::111122223333:policy/team")],
        ),
        grant("cloudtrail:StopLogging", Some("arn:aws:cloudtrail:eu-central-1:111122223333:trail/t"), &[]),
        grant("organizations:LeaveOrganization", None, &[]),
        grant("iam:PutRolePolicy", Some(ROLE), &[]),
    ];
    let who = subject(ROLE, Kind::Role);
    let policies = aws().package(&who, &grants, &[], &Packing::default()).unwrap();
    let (document, limit) = write(&who, &policies, &[]);
    assert!(
        verify::covered(limit.as_ref(), cloud::by_id("aws").unwrap(), &policies).is_ok(),
        "{}",
        document.text
    );
    let limit = limit.as_ref();
    assert!(may(limit, "iam:DeleteRolePermissionsBoundary", role, &[]));
    assert!(!may(limit, "iam:DeleteRolePermissionsBoundary", ROLE, &[]));
    assert!(may(
        limit,
        "iam:CreateRole",
        role,
        &[("iam:PermissionsBoundary", "arn:aws:iam::111122223333:policy/team")]
    ));
    assert!(!may(limit, "iam:CreateRole", role, &[]));
    assert!(!may(
        limit,
        "cloudtrail:StopLogging",
        "arn:aws:cloudtrail:eu-central-1:111122223333:trail/u",
        &[]
    ));
    let notes = document.notes.join("\n");
    assert!(notes.contains("leaves out organizations:LeaveOrganization"), "{notes}");
    assert!(notes.contains("DenyChangingItself leaves out iam:PutRolePolicy"), "{notes}");
}

#[test]
fn names_are_limited_where_they_stand() {
    let on = |s: &str| format!("arn:aws:{s}");
    let grants = [
        grant("s3:GetObject", Some(&on("s3:::shared-assets/Shop-web/*")), &[]),
        grant("s3:GetObject", Some(&on("s3:::lonely/a/b")), &[]),
        grant("s3:GetObject", Some(&on("s3:::lonely/c")), &[]),
        grant("ssm:GetParameter", Some(&on("ssm:eu-west-1:111122223333:parameter/prod/Shop-x")), &[]),
        grant("kms:Decrypt", Some(&on("kms:eu-west-1:444455556666:key/k")), &[]),
        grant("sqs:SendMessage", Some(&on("sqs:eu-west-1:111122223333:a${*}b")), &[]),
    ];
    let who = subject(ROLE, Kind::Role);
    let policies = aws().package(&who, &grants, &[], &Packing::default()).unwrap();
    let (document, limit) = write(&who, &policies, &["Shop-", "x${"]);
    let limit = limit.as_ref();
    assert!(verify::covered(limit, cloud::by_id("aws").unwrap(), &policies).is_ok(), "{}", document.text);
    for (action, resource, reached) in [
        ("s3:PutObject", "s3:::shared-assets/Shop-web/new", true),
        ("s3:PutObject", "s3:::shared-assets/other", false),
        ("s3:PutObject", "s3:::shop-new/k", true),
        ("s3:GetObject", "s3:::lonely/d", true),
        ("s3:PutObject", "s3:::lonely/d", false),
        ("ssm:PutParameter", "ssm:eu-west-1:111122223333:parameter/prod/Shop-y", true),
        ("ssm:PutParameter", "ssm:eu-west-1:111122223333:parameter/prod/other", false),
        ("kms:Decrypt", "kms:eu-west-1:444455556666:key/k", true),
        ("kms:Decrypt", "kms:eu-west-1:444455556666:key/l", false),
        ("kms:Encrypt", "kms:eu-west-1:111122223333:key/l", true),
        ("sqs:DeleteQueue", "sqs:eu-west-1:111122223333:x${y", true),
        ("sqs:SendMessage", "sqs:eu-west-1:111122223333:aXb", false),
    ] {
        assert_eq!(may(limit, action, &on(resource), &[]), reached, "{action} on {resource}");
    }
}

#[test]
fn what_does_not_fit_is_loosened_in_order_and_told() {
    let services =
        ["sns", "sqs", "dynamodb", "lambda", "states", "ecr", "logs", "kinesis", "ssm", "rds", "glue"];
    let mut grants = Vec::new();
    for (at, prefix) in services.iter().enumerate() {
        let service = catalog::aws().table.service(prefix).unwrap();
        for action in service.actions.iter().filter(|a| !a.types.is_empty()).take(30) {
            let name = format!("arn:aws:{prefix}:eu-west-1:111122223333:some/thing-{at}-{}", action.name);
            grants.push(grant(&action.full, Some(&name), &[]));
        }
    }
    let who = subject(ROLE, Kind::Role);
    let mut last = 0;
    for count in [1, 20, 60, 120, 240] {
        let Ok(policies) = aws().package(&who, &grants[..count], &[], &Packing::default()) else { break };
        let (document, limit) = write(&who, &policies, &["shop-"]);
        assert!(document.size.0 <= document.size.1);
        assert!(
            verify::covered(limit.as_ref(), cloud::by_id("aws").unwrap(), &policies).is_ok(),
            "{}",
            document.text
        );
        let told = document.notes.iter().filter(|n| n.starts_with("to fit into one document")).count();
        assert!(told >= last, "more grants need no fewer steps");
        last = told;
    }
    assert!(last >= 4, "{last}");
}

/// With a prefix out of the principal's own names: what is theirs, what is shared, what cannot be limited.
#[test]
fn every_principal_of_the_real_logs_keeps_what_it_has() {
    let Some(corpus) = corpus() else { return };
    let usage = read(&[corpus.join("logs/aws").display().to_string()], 2);
    let mut written = 0;
    for plan in plans(&usage).iter().filter(|plan| plan.who.cloud == "aws") {
        let Fate::Written(verified) = &plan.fate else { continue };
        let policies: Vec<Document> =
            verified.documents().iter().filter(|d| d.kind.as_str() == "policy").cloned().collect();
        let resources = policies.iter().flat_map(|d| &d.statements).flat_map(|s| &s.resources);
        let names =
            resources.filter_map(|r| r.rsplit([':', '/']).next()).map(|n| n.chars().take(4).collect());
        let prefixes: BTreeSet<String> = names.filter(|n: &String| !n.contains(['*', '$'])).take(2).collect();
        let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
        let who = subject(&plan.who.id, plan.who.kind);
        let (document, limit) = write(&who, &policies, &prefixes);
        let covered = verify::covered(limit.as_ref(), cloud::by_id("aws").unwrap(), &policies);
        assert!(covered.is_ok(), "{}: {covered:?}\n{}", plan.who.id, document.text);
        let denied = plan.rows.iter().find(|row| verify::must_allow(row) && !limit.allows(row));
        assert!(denied.is_none(), "{}: {denied:?}", plan.who.id);
        written += 1;
    }
    assert!(written > 50, "{written}");
}

/// Actions with a resource that fits one of their types, from numbers.
fn any_grant(seed: (usize, usize, u8, usize)) -> Grant {
    const SERVICES: [&str; 14] = [
        "iam",
        "lambda",
        "s3",
        "dynamodb",
        "ec2",
        "apigateway",
        "cloudformation",
        "sqs",
        "logs",
        "events",
        "sts",
        "organizations",
        "ecs",
        "kms",
    ];
    let (service, action, form, name) = seed;
    let service = catalog::aws().table.service(SERVICES[service % SERVICES.len()]).unwrap();
    let action = &service.actions[action % service.actions.len()];
    let name = ["shop-a", "shop-*", "other", "path/shop-b", "*", "it${*}s"][name % 6];
    let Some((at, _)) = action.types.get(usize::from(form) % action.types.len().max(1)) else {
        return grant(&action.full, None, &[]);
    };
    let template = &service.types[*at].templates[0];
    let account = if form % 5 == 0 { "444455556666" } else { "111122223333" };
    let region = if form % 3 == 0 { "us-east-1" } else { "eu-central-1" };
    let arn = template.fill(|var| {
        Some(match var {
            "Partition" => "aws".into(),
            "Region" => region.into(),
            "Account" => account.into(),
            _ => name.into(),
        })
    });
    let when: &[(&str, &str)] = if action.full == "iam:PassRole" && form % 2 == 0 {
        &[("iam:PassedToService", "lambda.amazonaws.com")]
    } else {
        &[]
    };
    grant(&action.full, arn.as_deref(), when)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A boundary takes nothing from the policies, whatever they are.
    #[test]
    fn a_boundary_is_a_superset_of_the_policies(
        seeds in prop::collection::vec((0usize..14, 0usize..1000, any::<u8>(), 0usize..6), 1..40),
        prefixed in any::<bool>(),
        set in any::<bool>(),
    ) {
        let grants: BTreeMap<String, Grant> =
            seeds.into_iter().map(any_grant).map(|g| (format!("{}{:?}", g.action, g.on), g)).collect();
        let grants: Vec<Grant> = grants.into_values().collect();
        let who = if set { subject("permission-set/Deploy", Kind::PermissionSet) } else { subject(ROLE, Kind::Role) };
        let policies = aws().package(&who, &grants, &[], &Packing::default()).unwrap();
        let (document, limit) = write(&who, &policies, if prefixed { &["shop-"] } else { &[] });
        prop_assert!(document.size.0 <= document.size.1);
        let covered = verify::covered(limit.as_ref(), cloud::by_id("aws").unwrap(), &policies);
        prop_assert!(covered.is_ok(), "{covered:?}\n{}", document.text);
        let ids: BTreeSet<&str> = document.statements.iter().map(|s| s.id.as_str()).collect();
        prop_assert_eq!(ids.len(), document.statements.len(), "ids repeat: {}", document.text);
        let away = Row { target: Target::named("arn:aws:iam::111122223333:policy/deploy-boundary"),
            ..ask(ROLE, "iam:DeletePolicyVersion", None, &[]) };
        let granted = grants.iter().any(|g| g.action == away.action);
        prop_assert!(granted || !limit.allows(&away));
    }
}
