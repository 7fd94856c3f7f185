//! Roles that a call passes without naming them: other records of the log tell which they are.

use crate::support::read_text;
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::111122223333:role/";
const PROFILE: &str = "arn:aws:iam::111122223333:role/<arn:aws:iam::111122223333:instance-profile/web>";

/// A record of `app` in eu-central-1; the number is its id.
fn record(id: usize, source: &str, name: &str, request: &Value, response: &Value) -> Value {
    json!({ "eventVersion": "1.11", "eventTime": "2026-11-03T09:05:00Z", "eventName": name, "eventID": format!("e{id}"),
            "eventSource": format!("{source}.amazonaws.com"), "awsRegion": "eu-central-1", "eventType": "AwsApiCall",
            "requestParameters": request, "responseElements": response, "recipientAccountId": "111122223333",
            "userIdentity": { "type": "IAMUser", "accountId": "111122223333", "userName": "app",
                              "arn": "arn:aws:iam::111122223333:user/app" } })
}

/// What is passed in a log, resource or pattern with its exemption; rows and single uses agree.
fn passed(records: &[Value]) -> Vec<(String, Option<String>)> {
    let mut usage = read_text(&json!({ "Records": records }).to_string());
    leastgrant::resolve::resolve(&mut usage);
    let lines: Vec<Value> =
        usage.lines.iter().map(|line| serde_json::from_str(&line.text()).unwrap()).collect();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let of = |line: &Value| {
        assert_eq!(line["basis"], "inferred");
        (text(&line["resource"]).or(text(&line["pattern"])).unwrap(), text(&line["exempt"]))
    };
    let mut all: Vec<_> = lines.iter().filter(|line| line["action"] == "iam:PassRole").map(of).collect();
    all.sort();
    all.dedup();
    let rows = usage.rows.iter().filter(|row| *row.action == *"iam:PassRole");
    let mut rows: Vec<_> =
        rows.map(|row| (row.target.text.to_string(), row.exempt.map(str::to_owned))).collect();
    rows.sort();
    rows.dedup();
    assert_eq!(all, rows);
    all
}

fn named(roles: &[&str]) -> Vec<(String, Option<String>)> {
    roles.iter().map(|role| (format!("{ROLE}{role}"), None)).collect()
}

fn task(id: usize, roles: &Value) -> Value {
    let mut definition = roles.clone();
    definition["taskDefinitionArn"] = json!("arn:aws:ecs:eu-central-1:111122223333:task-definition/web:7");
    record(id, "ecs", "RegisterTaskDefinition", roles, &json!({ "taskDefinition": definition }))
}

fn run_task(id: usize) -> Value {
    record(id, "ecs", "RunTask", &json!({ "taskDefinition": "web:7" }), &Value::Null)
}

fn launch(id: usize) -> Value {
    let answer = json!({ "instancesSet": { "items": [{ "instanceId": "i-0abc" }] } });
    record(id, "ec2", "RunInstances", &json!({ "iamInstanceProfile": { "name": "web" } }), &answer)
}

fn session(id: usize, role: &str, by: &str) -> Value {
    let request = json!({ "roleArn": format!("{ROLE}{role}"), "roleSessionName": "i-0abc" });
    let mut record = record(id, "sts", "AssumeRole", &request, &Value::Null);
    record["userIdentity"] = json!({ "type": "AWSService", "invokedBy": by });
    record
}

fn fill(id: usize, role: &str) -> Value {
    let request = json!({ "instanceProfileName": "web", "roleName": role });
    record(id, "iam", "AddRoleToInstanceProfile", &request, &Value::Null)
}

#[test]
fn a_task_passes_the_roles_of_its_definition() {
    let roles =
        json!({ "taskRoleArn": format!("{ROLE}web-task"), "executionRoleArn": format!("{ROLE}web-start") });
    // In any order: the definition may be registered in a later file.
    for records in [[task(1, &roles), run_task(2)], [run_task(2), task(1, &roles)]] {
        assert_eq!(passed(&records), named(&["web-start", "web-task"]));
    }
    let without = passed(&[task(1, &json!({})), run_task(2)]);
    assert!(without.is_empty(), "a definition without roles passes none: {without:?}");
}

#[test]
fn a_service_that_is_only_scaled_passes_nothing() {
    let answer = json!({ "service": { "taskDefinition": "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:7" } });
    let scaled = record(1, "ecs", "UpdateService", &json!({ "service": "web", "desiredCount": 2 }), &answer);
    assert!(passed(&[scaled]).is_empty());
    let moved =
        record(2, "ecs", "UpdateService", &json!({ "service": "web", "taskDefinition": "web" }), &answer);
    let hole = "arn:aws:iam::111122223333:role/<arn:aws:ecs:eu-central-1:111122223333:task-definition/web:7>";
    assert_eq!(passed(&[moved]), [(hole.to_owned(), Some("review".to_owned()))]);
}

#[test]
fn an_unresolved_role_is_a_hole_for_review_and_never_every_role() {
    assert_eq!(passed(&[launch(1)]), [(PROFILE.to_owned(), Some("review".to_owned()))]);
    // Some other profile tells nothing.
    let other = json!({ "instanceProfileName": "batch", "roleName": "batch" });
    let other = record(2, "iam", "AddRoleToInstanceProfile", &other, &Value::Null);
    assert!(passed(&[launch(1), other]).contains(&(PROFILE.to_owned(), Some("review".to_owned()))));
}

#[test]
fn a_profile_is_its_role_where_the_log_says_so() {
    assert_eq!(passed(&[fill(1, "web-role"), launch(2)]), named(&["web-role"]));
    // EC2 assumes the role in a session called after the instance; both records may name it, one with its path.
    assert_eq!(
        passed(&[launch(1), session(2, "tools/web-role", "ec2.amazonaws.com")]),
        named(&["tools/web-role"])
    );
    assert_eq!(
        passed(&[launch(1), fill(2, "web-role"), session(3, "tools/web-role", "ec2.amazonaws.com")]),
        named(&["tools/web-role"])
    );
}

#[test]
fn contradictions_and_forged_sessions_fill_nothing() {
    let held = (PROFILE.to_owned(), Some("review".to_owned()));
    assert!(passed(&[fill(1, "one"), fill(2, "two"), launch(3)]).contains(&held));
    assert_eq!(
        passed(&[launch(1), session(2, "admin", "lambda.amazonaws.com")]),
        std::slice::from_ref(&held)
    );
    let mut refused = fill(1, "admin");
    refused["errorCode"] = json!("AccessDenied");
    assert!(passed(&[refused, launch(2)]).contains(&held), "what was refused did not happen");
}

#[test]
fn launch_templates_are_followed_to_the_role() {
    let profile = json!({ "LaunchTemplateData": { "IamInstanceProfile": { "Name": "web" } } });
    let made = json!({ "CreateLaunchTemplateResponse": {
        "launchTemplate": { "launchTemplateId": "lt-0abc", "launchTemplateName": "web-servers" } } });
    let template =
        record(1, "ec2", "CreateLaunchTemplate", &json!({ "CreateLaunchTemplateRequest": profile }), &made);
    let group = |id, key: &str, name: &str| {
        let request =
            json!({ "autoScalingGroupName": "web", "launchTemplate": { key: name, "version": "1" } });
        record(id, "autoscaling", "CreateAutoScalingGroup", &request, &Value::Null)
    };
    for (key, name) in [("launchTemplateId", "lt-0abc"), ("launchTemplateName", "web-servers")] {
        let records = [template.clone(), group(2, key, name), fill(3, "web-role")];
        assert_eq!(passed(&records), named(&["web-role"]));
    }
    // Another version with another profile: which one was meant is not told.
    let request = json!({ "CreateLaunchTemplateVersionRequest": {
        "LaunchTemplateData": { "IamInstanceProfile": { "Name": "admin" } } } });
    let answer = json!({ "CreateLaunchTemplateVersionResponse": { "launchTemplateVersion": {
        "launchTemplateId": "lt-0abc" } } });
    let version = record(4, "ec2", "CreateLaunchTemplateVersion", &request, &answer);
    let open = passed(&[template, version, group(2, "launchTemplateId", "lt-0abc"), fill(3, "web-role")]);
    let hole =
        "arn:aws:iam::111122223333:role/<arn:aws:ec2:eu-central-1:111122223333:launch-template/lt-0abc>";
    assert!(open.contains(&(hole.to_owned(), Some("review".to_owned()))), "{open:?}");
    // What CloudTrail leaves out is not nothing.
    let masked = json!({ "CreateLaunchTemplateRequest": { "LaunchTemplateData": "<sensitiveDataRemoved>" } });
    let masked = record(1, "ec2", "CreateLaunchTemplate", &masked, &made);
    let open = passed(&[masked, group(2, "launchTemplateId", "lt-0abc")]);
    assert_eq!(open, [(hole.to_owned(), Some("review".to_owned()))]);
    let bare = record(1, "ec2", "CreateLaunchTemplate", &json!({}), &made);
    assert!(passed(&[bare, group(2, "launchTemplateId", "lt-0abc")]).is_empty());
}
