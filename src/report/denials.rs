//! Who was refused what, by which kind of policy, and the smallest grant that would mend it.

use crate::aggregate::Usage;
use crate::cloud::{self, Cloud, Subject};
use crate::model::denial::{Advice, Denial, Encoded};
use crate::model::document::Packing;
use crate::model::identity::Kind;
use crate::model::time::Timestamp;
use crate::model::usage::{Basis, Level, Outcome, Row, Seen};
use crate::render::escape::terminal;
use crate::synthesize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One line of `denied`: refusals that differ in nothing a reader sees.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The first of them, with all sightings.
    denial: Denial,
    rows: Vec<Row>,
    advice: Advice,
    /// When the principal was last allowed the same after the last refusal.
    allowed: Option<Timestamp>,
}

/// What makes refusals one line.
type Key = (&'static str, String, String, String, &'static str, Option<bool>, Option<String>);

/// The refusals of a log, sorted.
#[must_use]
pub fn of_log(usage: &Usage) -> Vec<Refusal> {
    let mut allowed: BTreeMap<(&str, &str, &str), Timestamp> = BTreeMap::new();
    for row in usage.rows.iter().filter(|row| row.outcome.grants()) {
        let last = allowed.entry((&row.principal, &row.action, &row.target.text)).or_insert(row.seen.last);
        *last = last.later(row.seen.last);
    }
    let mut all = join(&usage.denials);
    for one in &mut all {
        let what = (
            one.denial.principal.as_str(),
            one.denial.refused.action.as_str(),
            &*one.denial.refused.target.text,
        );
        let last = one.denial.seen.as_ref().map_or(Timestamp::UNKNOWN, |seen| seen.last);
        one.allowed = allowed.get(&what).copied().filter(|at| last.is_known() && *at > last);
    }
    all
}

/// Refusals as lines.
#[must_use]
pub fn join(denials: &[Denial]) -> Vec<Refusal> {
    let mut all: BTreeMap<Key, Refusal> = BTreeMap::new();
    for denial in denials {
        let Some(cloud) = cloud::by_id(denial.cloud) else { continue };
        let refused = &denial.refused;
        let target = format!("{}\u{1f}{}", refused.target.text, refused.target.level.as_str());
        let key = (
            denial.cloud,
            denial.principal.clone(),
            refused.action.clone(),
            target,
            refused.by,
            refused.explicit,
            refused.policy.clone(),
        );
        let known = all.entry(key).or_insert_with(|| Refusal {
            denial: Denial { seen: None, ..denial.clone() },
            rows: Vec::new(),
            advice: cloud.advise(denial),
            allowed: None,
        });
        known.rows.push(row(denial));
        match (&mut known.denial.seen, &denial.seen) {
            (Some(seen), Some(more)) => seen.merge(more),
            (seen, more) => seen.clone_from(more),
        }
    }
    all.into_values().collect()
}

/// The refusal as a use that was allowed: what a grant for it would stand on.
fn row(denial: &Denial) -> Row {
    let refused = &denial.refused;
    let held = refused.exempt.filter(|why| matches!(*why, "review" | "trust"));
    Row {
        cloud: denial.cloud,
        principal: denial.principal.as_str().into(),
        action: refused.action.as_str().into(),
        target: refused.target.clone(),
        scope: refused.scope.as_str().into(),
        context: Arc::new(refused.context.clone()),
        outcome: Outcome::Allowed,
        basis: Basis::Event,
        via: None,
        rule: if refused.told { "denied" } else { "denied-untold" }.into(),
        exempt: held,
        seen: denial.seen.clone().unwrap_or_else(|| Seen::once(Timestamp::UNKNOWN, "")),
    }
}

/// The smallest statements that grant the rows, and why there are none.
fn statements(cloud: &dyn Cloud, principal: &str, rows: &[&Row]) -> (Vec<Value>, Option<String>) {
    let tells = |row: &&&Row| row.target.level == Level::Service || !row.target.text.is_empty();
    let known = |row: &&&Row| cloud.knows(&row.action);
    let rows: Vec<&Row> = rows.iter().filter(tells).filter(known).copied().collect();
    let grants = synthesize::exact(&rows, cloud);
    if grants.is_empty() {
        return (Vec::new(), None);
    }
    let who = Subject { principal, kind: Kind::Unknown, slug: "denied" };
    match cloud.package(&who, &grants, &[], &Packing::default()) {
        Ok(documents) => (cloud.statements(&documents), None),
        Err(why) => (Vec::new(), Some(why.to_string())),
    }
}

impl Refusal {
    /// The principal that was refused.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.denial.principal
    }

    /// The statement that would mend it, and what to know and do.
    fn mend(&self) -> (Value, Vec<String>) {
        let mut text = Vec::new();
        if let Some(at) = self.allowed {
            text.push(format!("it was allowed later, last at {at}: it may be mended already"));
        }
        text.extend(self.advice.text.iter().cloned());
        let Some(cloud) = cloud::by_id(self.denial.cloud).filter(|_| self.advice.mends) else {
            return (Value::Null, text);
        };
        let rows: Vec<&Row> = self.rows.iter().collect();
        let (mut all, why) = statements(cloud, &self.denial.principal, &rows);
        text.extend(why);
        let refused = &self.denial.refused;
        if all.is_empty() && refused.action.is_empty() {
            text.push("the action is not told, so no statement can be written".to_owned());
        } else if all.is_empty() && !cloud.knows(&refused.action) {
            text.push("the catalog does not know the action, so no statement is written".to_owned());
        } else if all.is_empty() && refused.target.text.is_empty() && refused.exempt != Some("review") {
            text.push("the resource is not told: a log with the event may name it".to_owned());
        }
        let mend = if all.len() > 1 { json!(all) } else { all.pop().unwrap_or(Value::Null) };
        (mend, text)
    }

    /// As a line of JSON.
    #[must_use]
    pub fn value(&self) -> Value {
        let (mend, advice) = self.mend();
        let refused = &self.denial.refused;
        let filled = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
        let named = refused.target.level == Level::Named;
        let text = refused.target.text.as_ref();
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        put("principal", filled(&self.denial.principal));
        put("cloud", json!(self.denial.cloud));
        put("action", filled(&refused.action));
        put("resource", if named { json!(text) } else { Value::Null });
        put("pattern", if named { Value::Null } else { filled(text) });
        put("by", json!(refused.by));
        put("explicit", json!(refused.explicit));
        put("policy", json!(refused.policy));
        put("told", json!(refused.told));
        put("encoded", json!(!matches!(refused.encoded, Encoded::No)));
        let seen = self.denial.seen.as_ref();
        put("count", json!(seen.map(|seen| seen.count)));
        let time = |at: Timestamp| at.is_known().then(|| at.to_string());
        put("first", json!(seen.and_then(|seen| time(seen.first))));
        put("last", json!(seen.and_then(|seen| time(seen.last))));
        put("event", seen.map_or(Value::Null, |seen| filled(&seen.sample.1.text())));
        put("allowed", json!(self.allowed.map(|at| at.to_string())));
        put("mend", mend);
        put("advice", json!(advice));
        Value::Object(map)
    }

    /// For a person to read; an encoded message is not repeated.
    #[must_use]
    pub fn text(&self) -> String {
        let refused = &self.denial.refused;
        let (mend, advice) = self.mend();
        let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
        let on = match refused.target.level {
            Level::Service => "*",
            _ => refused.target.text.as_ref(),
        };
        let mut lines = vec![
            or(&self.denial.principal, "(principal not said)"),
            format!("  {} on {}", or(&refused.action, "(action not said)"), or(on, "(resource not said)")),
        ];
        let how = match refused.explicit {
            Some(true) => ", by a deny",
            Some(false) => ", because nothing in it allows",
            None => "",
        };
        let policy = refused.policy.as_ref().map_or(String::new(), |policy| format!(": {policy}"));
        lines.push(format!("    refused by {}{how}{policy}", refused.by));
        if let Some(seen) = &self.denial.seen {
            let times = if seen.count == 1 { "once".to_owned() } else { format!("{} times", seen.count) };
            let sample = seen.sample.1.text();
            let sample = or(&sample, "(no id)");
            lines.push(format!("    {times}, {} to {}, for example event {sample}", seen.first, seen.last));
        }
        if !mend.is_null() {
            lines.push(format!("    would mend it: {mend}"));
        }
        let blob = if let Encoded::Whole(blob) = &refused.encoded { blob.as_str() } else { "" };
        let short =
            |text: &String| if blob.is_empty() { text.clone() } else { text.replace(blob, "MESSAGE") };
        lines.extend(advice.iter().map(|text| format!("    {}", short(text))));
        lines.iter().map(|line| terminal(line) + "\n").collect()
    }
}

/// The file of one principal's refusals: an attempt is no need, so it is marked and is no policy as it stands.
#[must_use]
pub fn document(principal: &str, refusals: &[&Refusal]) -> Value {
    let mends = refusals.iter().filter(|one| one.advice.mends);
    let rows: Vec<&Row> = mends.flat_map(|one| &one.rows).collect();
    let cloud = refusals.first().and_then(|one| cloud::by_id(one.denial.cloud));
    let (statements, why) = cloud.map_or((Vec::new(), None), |cloud| statements(cloud, principal, &rows));
    let denied: Vec<Value> = refusals.iter().map(|one| one.value()).collect();
    json!({ "about": "Not to be applied: these calls were refused, and an attempt is no need. The statements are what a \
                      person who decides that all of them should have been allowed would add.",
            "principal": principal, "denied": denied, "statements": statements, "why": why })
}
