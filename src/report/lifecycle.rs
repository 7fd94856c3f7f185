//! `lifecycle.json`: what a log of creations does not show of updates, deletions and rollbacks.

use crate::cloud;
use crate::cloud::Lifecycle;
use crate::pipeline::Plan;
use serde_json::{Map, Value, json};

/// Names listed of resources with the same lifecycle; the rest is counted.
const LISTED: usize = 50;

const ABOUT: &str = "Not to be applied as it is, and not verified. The logs read so far show that these were created, but not every \
action that changing or removing them needs. CloudFormation may use the actions under never_seen, on the same names; that \
is an upper bound, of which a plain resource needs few. What CloudFormation calls on other resources counts as seen \
wherever it was used. Rolling back a creation or a replacement needs delete, rolling \
back an update needs update. Actions under changes_permissions change who may do what: add them only with a permissions \
boundary.";

/// The lifecycle file of one principal; none where it created nothing that is known.
#[must_use]
pub fn lifecycle(plan: &Plan<'_>) -> Option<Value> {
    let all = cloud::by_id(plan.who.cloud)?.lifecycle(&plan.rows, &plan.ageing());
    let open = all.iter().filter(|one| !(one.update.is_empty() && one.delete.is_empty()));
    let created: Vec<Value> = open.map(created).collect();
    (!created.is_empty()).then(|| json!({ "about": ABOUT, "principal": plan.who.id, "created": created }))
}

fn created(one: &Lifecycle) -> Value {
    let mut map = Map::new();
    let mut add = |key: &str, value: Value| map.insert(key.to_owned(), value);
    add("type", json!(one.kind));
    add("resources", json!(one.resources.iter().take(LISTED).collect::<Vec<_>>()));
    if one.resources.len() > LISTED {
        add("more_resources", json!(one.resources.len() - LISTED));
    }
    add("seen", json!(one.seen));
    add("never_seen", json!({ "update": one.update, "delete": one.delete }));
    if !one.cautious.is_empty() {
        add("changes_permissions", json!(one.cautious));
    }
    Value::Object(map)
}
