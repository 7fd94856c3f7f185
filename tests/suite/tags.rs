//! Tags given at creation go onto what is made: a sweep over every service that has a type called after what a call
//! creates.

use crate::support::read_text;
use leastgrant::catalog;
use leastgrant::catalog::table::{AccessLevel, Service};
use leastgrant::wire::leaves::normal;
use serde_json::{Value, json};

/// A call with tags, and with as many names as the parents and siblings of what it makes could be confused by.
fn record(service: &str, event: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventTime": "2026-11-03T09:05:00Z", "awsRegion": "eu-central-1",
        "eventSource": format!("{service}.amazonaws.com"), "eventName": event,
        "userIdentity": { "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/run-1",
            "accountId": "111122223333",
            "sessionContext": { "sessionIssuer": { "type": "Role", "arn": "arn:aws:iam::111122223333:role/app" } } },
        "requestParameters": { "name": "one", "clusterName": "two", "functionName": "three", "databaseName": "four",
            "applicationId": "five", "serverId": "s-0123456789abcdef0", "tags": [{ "key": "team", "value": "data" }] },
        "eventID": "00000000-0000-4000-8000-000000000001", "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
    })
}

/// Actions that tag, with the types that they take.
fn taggable(service: &Service) -> impl Iterator<Item = &str> {
    let tagging =
        service.actions.iter().filter(|a| a.level == AccessLevel::Tagging && a.name == "TagResource");
    tagging.flat_map(|a| &a.types).map(|(at, _)| service.types[*at].name)
}

#[test]
fn tags_go_onto_what_is_made() {
    let table = catalog::aws().table;
    let (mut swept, mut wrong) = (0, Vec::new());
    for service in table.prefixes().filter_map(|prefix| table.service(prefix)) {
        for action in service.actions.iter().filter(|a| a.name.starts_with("Create")) {
            let made = normal(action.name.strip_prefix("Create").unwrap());
            // A row of infer.toml may say that the tags go onto something else.
            let rows = &catalog::aws().infer.tag;
            let stated = rows
                .iter()
                .any(|row| row.service == service.prefix && row.actions.iter().any(|a| a == action.name));
            if stated || !taggable(service).any(|name| normal(name) == made) {
                continue;
            }
            let lines = read_text(&record(service.prefix, action.name).to_string()).lines;
            let lines = lines.iter().map(|line| serde_json::from_str::<Value>(&line.text()).unwrap());
            let tagged: Vec<Value> =
                lines.filter(|l| l["action"] == format!("{}:TagResource", service.prefix)).collect();
            swept += usize::from(!tagged.is_empty());
            for line in tagged {
                let on = line["resource"].as_str().or(line["pattern"].as_str()).unwrap();
                // Types may share a form; the one that is made must be among those that fit best.
                let fits = |at: usize| service.is_type(at, on) && normal(service.types[at].name) == made;
                if !(0..service.types.len()).any(fits) {
                    wrong.push(format!("{}: {on}", action.full));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} calls tag what they do not make:\n{}", wrong.len(), wrong.join("\n"));
    assert!(swept > 400, "only {swept} calls were looked at");
}
