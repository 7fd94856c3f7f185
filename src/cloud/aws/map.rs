//! From a CloudTrail event to the permissions it used: hand-written rules first, then the API Gateway request line,
//! then the action of the same name. What no event names is added by [`super::infer`].

use super::infer;
use super::namer::UNFIT;
use super::percent::percent_encode;
use super::record::Record;
use super::resource::{Ctx, Found, resolve};
use crate::catalog;
use crate::catalog::overlay::{EventRule, UseRule};
use crate::catalog::table::{AccessLevel, Action, Service};
use crate::model::pattern::escape;
use crate::model::tally::Skip;
use crate::model::usage::{Basis, Context, Level, Outcome, Target, Use};
use crate::wire::leaves::Leaf;
use smallvec::SmallVec;
use std::borrow::Cow;

/// What one record came to.
pub(super) enum Mapped<'a> {
    /// These permissions.
    Uses(Vec<Use<'a>>),
    /// None.
    Skip(Skip),
    /// It cannot be understood.
    Malformed,
}

/// One action of an event, before its resources are named.
struct Exercise<'c> {
    service: &'c Service,
    action: &'c Action,
    rule: Option<&'c UseRule>,
    basis: Basis,
    /// The element of a list in the request that this is about.
    element: Option<usize>,
    /// Names the rule in output.
    id: String,
}

/// An event name as the API knows it: no date suffix, no stray space.
pub(super) fn operation(name: &str) -> &str {
    let name = name.trim();
    let version = name.rfind('v').filter(|at| {
        let tail = name.get(at + 1..).unwrap_or("");
        !tail.is_empty() && tail.bytes().all(|b| b.is_ascii_digit())
    });
    for end in [Some(name.len()), version].into_iter().flatten() {
        let head = name.get(..end).unwrap_or(name);
        if let Some(stripped) = strip_date(head) {
            return stripped;
        }
    }
    name
}

/// Strips `2015_03_31`, `20150331` and an underscore before it.
fn strip_date(text: &str) -> Option<&str> {
    if !text.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    for len in [10, 8] {
        let cut = text.len().checked_sub(len)?;
        let date = text.get(cut..)?;
        let digits: String = date.chars().filter(char::is_ascii_digit).collect();
        let shape = if len == 10 { date.split('_').map(str::len).eq([4, 2, 2]) } else { true };
        let year = digits.get(..4).is_some_and(|y| y.starts_with("19") || y.starts_with("20"));
        if digits.len() == 8 && shape && year && cut > 0 {
            return text.get(..cut).map(|head| head.strip_suffix('_').unwrap_or(head));
        }
    }
    None
}

/// Maps one record.
pub(super) fn map<'a>(record: &'a Record<'a>) -> Mapped<'a> {
    let Some(ctx) = Ctx::new(record) else { return Mapped::Malformed };
    let event = operation(record.event_name.or_empty());
    let exercises = match exercises(&ctx, event) {
        Ok(exercises) => exercises,
        Err(skip) => return Mapped::Skip(skip),
    };
    let mut uses = Vec::new();
    for exercise in &exercises {
        let outcome = outcome(record, exercise.action.level);
        let part = exercise.element.map(|element| ctx.within(element));
        let ctx = part.as_ref().unwrap_or(&ctx);
        let found = rest_arns(ctx, exercise, event)
            .unwrap_or_else(|| resolve(ctx, exercise.service, exercise.action, event, exercise.rule));
        for resource in found {
            uses.push(make(ctx, exercise, outcome, resource));
        }
        infer::add(ctx, exercise.service, exercise.action, event, outcome, &mut uses);
    }
    uses.sort_by(|a, b| (&a.action, &a.target).cmp(&(&b.action, &b.target)));
    uses.dedup_by(|a, b| a.action == b.action && a.target == b.target && a.context == b.context);
    Mapped::Uses(uses)
}

fn make<'a>(ctx: &Ctx<'a>, exercise: &Exercise<'_>, outcome: Outcome, (target, rule): Found) -> Use<'a> {
    let action = exercise.action;
    let review = review(action, &target, rule);
    let managed_key = (exercise.service.prefix == "kms" && aws_managed_key(ctx)).then_some("aws-managed-key");
    Use {
        action: Cow::Owned(action.full.clone()),
        family: family(&target),
        target,
        scope: Cow::Borrowed(ctx.record.account()),
        outcome,
        basis: exercise.basis,
        context: context(ctx, &action.full),
        rule: format!("{}+{rule}", exercise.id).into(),
        exempt: managed_key.or(review),
    }
}

/// Why a use on an unnamed resource waits for a person (semantics rule 15): only reads and creates may have their
/// whole type, and only where its ARNs keep to the account.
pub(super) fn review(action: &Action, target: &Target<'_>, rule: &str) -> Option<&'static str> {
    if target.level != Level::Unseen {
        return None;
    }
    let rows = &catalog::aws().infer.review;
    let makes = rows.iter().flat_map(|row| &row.makes).any(|verb| first_word(action.name) == verb);
    let harmless = action.level.reads() || (makes && action.level != AccessLevel::Permissions);
    let service = target.text.split(':').nth(2).unwrap_or("");
    let account = target.text.split(':').nth(4).unwrap_or("");
    let shared = rows.iter().flat_map(|row| &row.shared).any(|known| known == service);
    let everywhere = shared && matches!(account, "" | "*");
    (!harmless || everywhere || rule == UNFIT).then_some("review")
}

/// `Delete` of `DeleteTable`.
pub(super) fn first_word(name: &str) -> &str {
    let end =
        name.char_indices().skip(1).find(|(_, c)| c.is_ascii_uppercase()).map_or(name.len(), |(at, _)| at);
    name.get(..end).unwrap_or(name)
}

/// Length of `arn:aws:s3:::bucket/`, for objects.
pub(super) fn family(target: &Target<'_>) -> Option<usize> {
    let name = target.text.strip_prefix("arn:").filter(|_| target.level == Level::Named)?;
    let (head, _) = name.split_once(":s3:::").and_then(|(_, rest)| rest.split_once('/'))?;
    target.text.find(":s3:::").map(|at| at + ":s3:::".len() + head.len() + 1)
}

fn aws_managed_key(ctx: &Ctx<'_>) -> bool {
    ctx.request.all.iter().any(Leaf::is_managed_key)
}

/// Condition keys that the request attests for an action.
fn context<'a>(ctx: &Ctx<'a>, action: &str) -> Context<'a> {
    let rules = catalog::aws().contexts.get(action).map_or(&[][..], Vec::as_slice);
    let attested = rules.iter().filter_map(|rule| {
        let value = rule
            .from
            .list()
            .iter()
            .find_map(|path| ctx.values(path).into_iter().next().map(Cow::into_owned))?;
        Some((rule.key.as_str(), Cow::Owned(value)))
    });
    attested.collect()
}

/// The actions of an event, or why it has none.
fn exercises<'c>(ctx: &Ctx<'_>, event: &str) -> Result<Vec<Exercise<'c>>, Skip> {
    let host = ctx.record.host();
    let catalog = catalog::aws();
    let listed = catalog.prefixes(host);
    let own = if listed.is_empty() { Some(host) } else { None };
    let prefixes: SmallVec<[&str; 4]> = own.into_iter().chain(listed.iter().map(String::as_str)).collect();
    let listed = listed.iter().map(String::as_str);
    for source in std::iter::once(host).chain(listed) {
        let rules = catalog.rules(source).map_or(&[][..], |rules| rules.of(event));
        if let Some(rule) = rules.iter().find(|rule| ctx.holds(&rule.when)) {
            return by_rule(ctx, source, rule);
        }
    }
    for prefix in &prefixes {
        if let Some((service, action)) =
            catalog.table.service(prefix).and_then(|s| Some((s, s.action(event)?)))
        {
            return Ok(vec![Exercise {
                service,
                action,
                rule: None,
                basis: Basis::Event,
                element: None,
                id: "same-name".into(),
            }]);
        }
    }
    if prefixes.contains(&"apigateway")
        && let Some(service) = catalog.table.service("apigateway")
        && let Some(action) = rest_line(ctx, event).and_then(|line| service.action(line.verb))
    {
        return Ok(vec![Exercise {
            service,
            action,
            rule: None,
            basis: Basis::Event,
            element: None,
            id: "request-line".into(),
        }]);
    }
    Err(Skip::Unmapped)
}

fn by_rule<'c>(ctx: &Ctx<'_>, source: &str, rule: &'c EventRule) -> Result<Vec<Exercise<'c>>, Skip> {
    if rule.skip.is_some() {
        return Err(Skip::NoPermission);
    }
    let id = format!("{source}/{}", rule.names.first().map_or("", String::as_str));
    let trust = if rule.basis.as_deref() == Some("trust") { Basis::Trust } else { Basis::Event };
    let exercise = |action: &str, spec: Option<&'c UseRule>, element: Option<usize>| {
        let (service, action) = catalog::aws().table.action(action)?;
        let basis = match spec.and_then(|s| s.basis.as_deref()) {
            Some("inferred") => Basis::Inferred,
            Some("implied") => Basis::Implied,
            _ => trust,
        };
        Some(Exercise { service, action, rule: spec, basis, element, id: id.clone() })
    };
    let said = rule.uses.iter().filter(|spec| ctx.holds(&spec.when));
    let mut all: Vec<Exercise<'c>> =
        said.filter_map(|spec| exercise(&spec.action, Some(spec), None)).collect();
    all.extend(chosen(ctx, rule).into_iter().filter_map(|(action, element)| exercise(action, None, element)));
    if all.is_empty() { Err(Skip::Unmapped) } else { Ok(all) }
}

/// Actions that the content of the request chooses, with the list element that chose them.
fn chosen<'c>(ctx: &Ctx<'_>, rule: &'c EventRule) -> Vec<(&'c String, Option<usize>)> {
    let by_word = |text: &str| {
        let word = text.split_whitespace().next()?;
        rule.choose.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, action)| action)
    };
    match (&rule.each, &rule.verb) {
        (Some(list), Some(verb)) => {
            let path = format!("{list}.{verb}");
            ctx.request
                .at(&path)
                .filter_map(|leaf| Some((by_word(leaf.value())?, Some(leaf.element))))
                .collect()
        }
        (Some(list), None) => {
            let under = |key: &str| {
                let elements = ctx.request.below(&format!("{list}.{key}")).map(|leaf| leaf.element);
                elements.collect::<std::collections::BTreeSet<usize>>()
            };
            // An element counts once, for the last of the keys that it has.
            let mut all = std::collections::BTreeMap::new();
            for (key, action) in &rule.choose {
                all.extend(under(key).into_iter().map(|element| (element, action)));
            }
            all.into_iter().map(|(element, action)| (action, Some(element))).collect()
        }
        (None, Some(verb)) => {
            let mut all: Vec<&String> = ctx.values(verb).iter().filter_map(|text| by_word(text)).collect();
            all.sort();
            all.dedup();
            all.into_iter().map(|action| (action, None)).collect()
        }
        (None, None) => Vec::new(),
    }
}

/// The request line of an API Gateway operation whose path parameters the request has, the longest first.
fn rest_line(ctx: &Ctx<'_>, event: &str) -> Option<catalog::aws::Rest> {
    let filled = |line: &&catalog::aws::Rest| rest_path(ctx, line.path).is_some();
    let lines = catalog::aws().rest(event);
    let best = lines.iter().filter(filled).max_by_key(|line| line.path.matches('{').count());
    best.or(lines.first()).copied()
}

fn rest_path(ctx: &Ctx<'_>, path: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}')?;
        out.push_str(before);
        let key = crate::wire::leaves::normal(name);
        let value = ctx.request.all.iter().find(|leaf| leaf.key() == key)?.value();
        // An ARN in a path is encoded, and IAM compares it so.
        out.push_str(&if value.starts_with("arn:") { percent_encode(value) } else { value.to_owned() });
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}

/// API Gateway's resources are the paths of its own API.
fn rest_arns(ctx: &Ctx<'_>, exercise: &Exercise<'_>, event: &str) -> Option<Vec<Found>> {
    if exercise.id != "request-line" {
        return None;
    }
    let line = rest_line(ctx, event)?;
    let (partition, region) = (ctx.record.partition(), ctx.record.aws_region.or_empty());
    let head = format!("arn:{partition}:apigateway:{region}::");
    Some(vec![match rest_path(ctx, line.path) {
        Some(path) => (Target::named(format!("{head}{path}")), "request-path"),
        None => (Target::pattern(Level::Unseen, escape(&head) + &open_path(line.path)), "request-path"),
    }])
}

/// A request path with `*` for its parameters.
fn open_path(path: &str) -> String {
    let mut pieces = path.split('{');
    let first = pieces.next().unwrap_or("").to_owned();
    pieces.fold(first, |out, piece| out + "*" + piece.split_once('}').map_or("", |(_, tail)| tail))
}

/// The outcome of a call (semantics rule 1).
pub(super) fn outcome(record: &Record<'_>, level: AccessLevel) -> Outcome {
    let message = record.error_message.or_empty();
    let refused = message.contains("is not authorized to perform")
        || message.contains("not authorized to perform this operation");
    match record.error_code.filled() {
        None if refused => Outcome::Denied,
        None => Outcome::Allowed,
        Some(code) => match catalog::aws().outcomes.get(code, message) {
            Some(known) => known,
            None if refused => Outcome::Denied,
            None if level.reads() => Outcome::Failed,
            None => Outcome::Unproven,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_suffixes_go_and_names_stay() {
        for (logged, wanted) in [
            ("GetFunction20150331v2", "GetFunction"),
            ("CreateFunction20150331", "CreateFunction"),
            ("UpdateDistribution2020_05_31", "UpdateDistribution"),
            ("SendSSHPublicKey ", "SendSSHPublicKey"),
            ("ListObjectsV2", "ListObjectsV2"),
            ("GetFindingsV2", "GetFindingsV2"),
            ("TagResource20170331v2", "TagResource"),
            ("20150331", "20150331"),
        ] {
            assert_eq!(operation(logged), wanted);
        }
    }
}
