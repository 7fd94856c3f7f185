//! What the log covers: for the manifest, and in a few lines for the last screen of a run.

use crate::aggregate::Usage;
use crate::cloud;
use crate::coverage::signs::CHANGED;
use crate::coverage::{Coverage, Sign, Span, State, assess};
use crate::model::coverage::{Access, Declaration, Plane, Reach, Says, Selector, Services};
use crate::model::time::{Day, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Runs of days, services and signs that fit into a line of the screen.
const LISTED: usize = 4;

/// The manifest's `coverage`.
#[must_use]
pub fn coverage(usage: &Usage) -> Value {
    let coverage = assess(usage);
    let times =
        |of: fn(&crate::model::usage::Row) -> Timestamp| usage.rows.iter().map(of).filter(|at| at.is_known());
    let (first, last) = (times(|row| row.seen.first).min(), times(|row| row.seen.last).max());
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let signs = coverage.signs.iter().map(
        |sign| json!({ "code": sign.code, "cloud": sign.cloud, "account": sign.account, "text": sign.text }),
    );
    let mut value = json!({ "first": text(first), "last": text(last),
            "accounts": coverage.spans.iter().map(account).collect::<Vec<Value>>(),
            "classes": null,
            "declared": coverage.declared.iter().map(|d| declared(d)).collect::<Vec<Value>>(),
            "signs": signs.collect::<Vec<Value>>(),
            "aggregated": usage.observed.aggregated, "truncated": usage.observed.truncated,
            "unmapped": usage.unmapped.values().sum::<u64>() });
    // Long: moved into its place, not copied.
    if let Some(place) = value.get_mut("classes") {
        *place = Value::Array(classes(&coverage));
    }
    value
}

fn account(span: &Span) -> Value {
    json!({ "cloud": span.cloud, "account": span.account, "first": span.first.to_string(),
            "last": span.last.to_string(), "missing": span.missing(),
            "gaps": span.gaps.iter().map(run).collect::<Vec<String>>() })
}

fn run((from, to): &(Day, Day)) -> String {
    if from == to { from.to_string() } else { format!("{from}..{to}") }
}

fn classes(coverage: &Coverage<'_>) -> Vec<Value> {
    let one = |plane: Plane, kinds: &[(Plane, Access, State)]| {
        let of = kinds.iter().filter(|(p, ..)| *p == plane);
        of.map(|(_, access, state)| (access.as_str().to_owned(), json!(state.as_str())))
            .collect::<Map<String, Value>>()
    };
    let all = coverage.classes.iter().map(|(place, kinds)| {
        let mut class = json!({ "cloud": place.cloud, "account": place.account, "region": place.region,
                                "service": place.service });
        for plane in [Plane::Management, Plane::Data] {
            let states = one(plane, kinds);
            if let (false, Some(class)) = (states.is_empty(), class.as_object_mut()) {
                class.insert(plane.as_str().to_owned(), Value::Object(states));
            }
        }
        class
    });
    all.collect()
}

fn declared(declaration: &Declaration) -> Value {
    let says = match &declaration.says {
        Says::Logging(on) => json!({ "logging": on }),
        Says::Within(place) => json!({ "within": place }),
        Says::Binds(all) => json!({ "binds": all.len() }),
        Says::Reach(reach) => json!({ "reach": where_to(reach) }),
        Says::Home(reach) => json!({ "home": where_to(reach) }),
        Says::Selects(all) => json!({ "selects": all.iter().map(selector).collect::<Vec<Value>>() }),
    };
    let mut out = json!({ "cloud": declaration.cloud, "of": declaration.of,
                          "at": declaration.at.map(|at| at.to_string()) });
    if let (Some(out), Value::Object(says)) = (out.as_object_mut(), says) {
        out.extend(says);
    }
    out
}

/// Null stands for all.
fn where_to(reach: &Reach) -> Value {
    json!({ "account": reach.account, "region": reach.region, "without": reach.without })
}

fn selector(selector: &Selector) -> Value {
    let (only, except) = match &selector.services {
        Services::All => (Value::Null, Value::Null),
        Services::Only(services) => (json!(services), Value::Null),
        Services::Except(services) => (Value::Null, json!(services)),
    };
    json!({ "plane": selector.plane.as_str(), "access": selector.access.map(Access::as_str), "services": only,
            "except": except, "whole": selector.whole, "exempt": selector.exempt })
}

/// At most four lines: the window and its gaps, what nobody can tell of, signs, what was not taken.
#[must_use]
pub fn lines(usage: &Usage) -> Vec<String> {
    let coverage = assess(usage);
    let mut all: Vec<String> = window(&coverage.spans).into_iter().collect();
    all.extend(unknown(&coverage));
    all.extend(suspected(&coverage.signs));
    let odd = [
        (
            usage.observed.aggregated,
            "sum up data events, which proves that they are logged and grants nothing",
        ),
        (usage.observed.truncated, "have parameters too long for the log: what they name is not in it"),
    ];
    let odd: Vec<String> =
        odd.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} records {what}")).collect();
    if !odd.is_empty() {
        all.push(format!("  {}", odd.join("; ")));
    }
    all
}

fn window(spans: &[Span]) -> Option<String> {
    let first = spans.iter().map(|span| span.first).min()?;
    let last = spans.iter().map(|span| span.last).max()?;
    let gaps: Vec<String> = spans
        .iter()
        .filter(|span| !span.gaps.is_empty() && !span.account.is_empty())
        .map(|span| {
            let runs: Vec<String> = span.gaps.iter().map(run).collect();
            let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
            let days = if span.missing() == 1 { "day" } else { "days" };
            format!("no record on {} {days} in {} ({})", span.missing(), span.account, some(&runs, ", "))
        })
        .collect();
    let gaps: Vec<&str> = gaps.iter().map(String::as_str).collect();
    let gaps = if gaps.is_empty() { "no day without a record".to_owned() } else { some(&gaps, "; ") };
    Some(format!("Coverage: {first} to {last}; {gaps}."))
}

/// The signs; many changes of trails are one of them.
fn suspected(signs: &[Sign]) -> Option<String> {
    let (changes, others): (Vec<&Sign>, Vec<&Sign>) = signs.iter().partition(|sign| sign.code == CHANGED);
    let mut texts: Vec<String> = others.into_iter().map(|sign| sign.text.clone()).collect();
    match changes.as_slice() {
        [] => {}
        [one] => texts.insert(0, one.text.clone()),
        many => texts.insert(0, format!("what is logged was changed {} times, see the manifest", many.len())),
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    (!texts.is_empty()).then(|| format!("  signs: {}", some(&texts, "; ")))
}

/// Of which services nobody can tell whether what is logged only when told to is logged.
fn unknown(coverage: &Coverage<'_>) -> Option<String> {
    let mut of: BTreeMap<&'static str, BTreeSet<&str>> = BTreeMap::new();
    for (place, kinds) in &coverage.classes {
        let Some(logging) = cloud::by_id(place.cloud).map(cloud::Cloud::logging) else { continue };
        let open = |(plane, access, state): &(Plane, Access, State)| {
            *state == State::Unknown && logging.asked_for(*plane, *access)
        };
        if kinds.iter().any(open) {
            of.entry(logging.optional).or_default().insert(&place.service);
        }
    }
    let parts: Vec<String> = of
        .into_iter()
        .map(|(what, services)| {
            let services: Vec<&str> = services.into_iter().collect();
            format!("{what} of {}", some(&services, ", "))
        })
        .collect();
    let parts = parts.join("; ");
    (!parts.is_empty()).then(|| format!("  not proven to be logged, so not seen is not unused: {parts}"))
}

fn some(texts: &[&str], between: &str) -> String {
    let shown: Vec<&str> = texts.iter().take(LISTED).copied().collect();
    let more = texts.len().saturating_sub(LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(between))
}
