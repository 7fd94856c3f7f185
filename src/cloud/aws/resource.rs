//! Which resources an event was about, type by type of the action: [`super::namer`] asks a cascade of rules, each named
//! on the result.
//!
//! - what a hand-written rule says of the very event
//! - `resources[]` of the record
//! - the type's own parameter: an ARN, or a hand-written fill
//! - an ARN in the answer
//! - a parameter called like the placeholder, or a value with the type's EC2 id prefix
//! - any other ARN of the type's form in the request
//! - ids in the answer
//!
//! What users write at will (descriptions, items, tags, filters) names nothing. What stays open is `all` for lists
//! without a selector, else `unseen`.

use super::namer::Namer;
use super::percent::percent_decode;
use super::record::Record;
use crate::catalog;
use crate::catalog::overlay::{Several, UseRule};
use crate::catalog::table::{AccessLevel, Action, ResourceType, Service};
use crate::catalog::template::{ACCOUNT, PARTITION, REGION, Template};
use crate::model::pattern::escape;
use crate::model::usage::{Level, Target};
use crate::wire::leaves::{Leaf, Leaves, normal, of_answer};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// The record with what rules look at.
pub(super) struct Ctx<'a> {
    pub(super) record: &'a Record<'a>,
    pub(super) request: Leaves<'a>,
    response: OnceCell<Leaves<'a>>,
    /// Only one element of a list is looked at, so `resources[]` of the whole record says nothing.
    pub(super) element: bool,
}

/// A resource with the rule that named it.
pub(super) type Found = (Target<'static>, &'static str);

impl<'a> Ctx<'a> {
    /// Parses the request; `None` when it is nested too deep.
    pub(super) fn new(record: &'a Record<'a>) -> Option<Self> {
        let request = crate::wire::leaves::of(record.request_parameters, &record.asked)?;
        let ctx = Self { record, request, response: OnceCell::new(), element: false };
        // What stands for a colon is a part of the word behind it.
        ctx.pry(ctx.request.all.iter().any(Leaf::is_encoded_arn));
        Some(ctx)
    }

    /// The answer, parsed when first asked for; one that is nested too deep names nothing.
    pub(super) fn response(&self) -> &Leaves<'a> {
        let answer = |record: &'a Record<'a>| of_answer(record.response_elements, &record.answered);
        self.response.get_or_init(|| {
            let answer = answer(self.record).unwrap_or_default();
            self.pry(answer.all.iter().any(Leaf::is_encoded_arn));
            answer
        })
    }

    /// The same record, seen through one element of a list in the request, with what stands in no list.
    pub(super) fn within(&self, element: usize) -> Self {
        let request = self.request.within(element);
        Self { record: self.record, request, response: OnceCell::from(Leaves::default()), element: true }
    }

    /// Values at a rule's path: `key.key | filter …`; `response.` looks into the answer,
    /// `caller.user` is the name of the user who calls, `resources.first` and `resources.last` stand in `resources[]`.
    pub(super) fn values(&self, spec: &str) -> Vec<Cow<'_, str>> {
        let mut steps = spec.split('|').map(str::trim);
        let path = steps.next().unwrap_or("");
        let filters: Vec<&str> = steps.collect();
        if path == "caller.user" {
            self.record.named.set(true);
            let arn = self.record.user_identity.0.arn.or_empty();
            return arn.split_once(":user/").map(|(_, name)| Cow::Borrowed(name)).into_iter().collect();
        }
        let cut = |value: &str| filters.iter().try_fold(value.to_owned(), |value, f| self.filter(&value, f));
        if let Some(end) = path.strip_prefix("resources.") {
            let mut listed = self.record.resources.0.iter().filter_map(|one| one.arn.filled());
            let one = if end == "first" { listed.next() } else { listed.next_back() };
            return one.and_then(cut).map(Cow::Owned).into_iter().collect();
        }
        let leaves: Vec<&Leaf<'_>> = match path.strip_prefix("response.") {
            Some(path) => self.response().at(path).collect(),
            None => self.request.at(path).collect(),
        };
        leaves.into_iter().filter_map(|leaf| cut(leaf.value()).map(Cow::Owned)).collect()
    }

    /// Whether all conditions of a rule hold.
    pub(super) fn holds(&self, when: &std::collections::BTreeMap<String, String>) -> bool {
        let sought = when.values().filter_map(|wanted| wanted.split_once(' '));
        self.pry(sought.into_iter().any(|(how, text)| how != "not" && !within_words(text)));
        when.iter().all(|(path, wanted)| match wanted.as_str() {
            "present" => self.request.has(path),
            "absent" => !self.request.has(path),
            "hidden" => self.request.hidden_at.iter().any(|hidden| *hidden == normal(path)),
            literal => match literal.split_once(' ') {
                Some(("has", text)) => self.request.at(path).any(|leaf| leaf.value().contains(text)),
                Some(("not", text)) => {
                    self.request.has(path) && !self.request.at(path).any(|leaf| leaf.value() == text)
                }
                Some(("lacks", text)) => !self.request.at(path).any(|leaf| leaf.value().contains(text)),
                _ => self.request.at(path).any(|leaf| leaf.value() == literal),
            },
        })
    }

    /// Says that a name was looked at beyond what its outline has.
    pub(super) fn pry(&self, pried: bool) {
        self.record.pried.set(self.record.pried.get() || pried);
    }

    /// Whether outlines have what begins with a text. All words of the catalog are asked for only where that matters.
    fn is_beginning(&self, text: &str) -> bool {
        ends_word(text) || (self.record.outlined && catalog::aws().words.is_head(text))
    }

    /// One filter of a rule's path; `None` where the value is not of the form that the filter asks for.
    fn filter(&self, value: &str, step: &str) -> Option<String> {
        let (name, text) = step.split_once(' ').unwrap_or((step, ""));
        self.pry(match name {
            "before" | "after" | "last" | "but-last" => !within_words(text),
            "strip" | "only" => !text.split(' ').all(|text| self.is_beginning(text)),
            "unless" | "blank" | "public" => !self.is_beginning(text),
            "lower" | "decode" => true,
            // All others take values as they are, put them together, or compare their words.
            _ => false,
        });
        Some(match name {
            "before" => value.split_once(text).map_or(value, |(head, _)| head).to_owned(),
            "after" => value.split_once(text)?.1.to_owned(),
            "last" => value.rsplit(text).next()?.to_owned(),
            "but-last" => value.rsplit(text).nth(1)?.to_owned(),
            "below" => {
                let above = self.request.at(text).next().map_or("", |leaf| leaf.value().trim_matches('/'));
                if above.is_empty() { value.to_owned() } else { format!("{above}/{value}") }
            }
            "prepend" => format!("{text}{value}"),
            "strip" => text.split(' ').find_map(|head| value.strip_prefix(head)).unwrap_or(value).to_owned(),
            "unless" => Some(value).filter(|value| !value.starts_with(text))?.to_owned(),
            "only" => Some(value).filter(|v| text.split(' ').any(|head| v.starts_with(head)))?.to_owned(),
            "lower" => value.to_ascii_lowercase(),
            "map" => text.split(' ').find_map(|pair| pair.strip_prefix(value)?.strip_prefix('='))?.to_owned(),
            "following" => following(value, text)?.next()?.to_owned(),
            "following-below" => following(value, text)?.nth(1)?.to_owned(),
            "blank" => Some("").filter(|_| value.starts_with(text))?.to_owned(),
            "with" => format!("{value}:{}", self.request.at(text).next()?.value()),
            "lacks" => Some(value).filter(|_| !self.request.has(text))?.to_owned(),
            "decode" => percent_decode(value),
            "account" => account_of(value)?.to_owned(),
            "unowned" => {
                account_of(value).map_or(value, |id| value.get(id.len() + 1..).unwrap_or(value)).to_owned()
            }
            "public" if value.starts_with(text) => String::new(),
            "public" => self.record.account().to_owned(),
            "not" => Some(value).filter(|value| *value != text)?.to_owned(),
            "beside" => {
                let (path, wanted) = text.split_once(' ')?;
                let is = |leaf: &Leaf<'_>| leaf.value().rsplit('/').next() == Some(wanted);
                Some(value).filter(|_| self.request.at(path).any(is))?.to_owned()
            }
            _ => return None,
        })
    }

    /// Fills a template's scope; other placeholders come from `own`.
    pub(super) fn fill<'v>(
        &'v self,
        template: &Template,
        mut own: impl FnMut(&str) -> Option<Cow<'v, str>>,
    ) -> Option<String> {
        template.fill(|name| match name {
            PARTITION => Some(Cow::Borrowed(self.record.partition())),
            REGION => self.record.aws_region.filled().map(Cow::Borrowed),
            ACCOUNT => Some(self.record.account()).filter(|a| !a.is_empty()).map(Cow::Borrowed),
            name => own(name),
        })
    }

    /// The type's pattern in this account and region.
    pub(super) fn whole_type(&self, resource: &ResourceType) -> Option<String> {
        let template = resource.templates.first()?;
        template.fill(|name| match name {
            PARTITION => Some(escape(self.record.partition()).into()),
            REGION => Some(self.record.aws_region.filled().map_or(Cow::Borrowed("*"), |r| escape(r).into())),
            ACCOUNT => Some(
                Some(self.record.account())
                    .filter(|a| !a.is_empty())
                    .map_or("*".into(), |a| escape(a).into()),
            ),
            _ => Some(Cow::Borrowed("*")),
        })
    }
}

/// Whether a text ends where words end, so that what begins with it does so by whole words.
fn ends_word(text: &str) -> bool {
    text.ends_with(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c))
}

/// Whether it begins there as well.
fn within_words(text: &str) -> bool {
    ends_word(text) && text.starts_with(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c))
}

/// The parts of the name behind the first of `words` in a statement, without their quotes: `"table"."index"`.
fn following<'t>(statement: &'t str, words: &str) -> Option<impl Iterator<Item = &'t str>> {
    let mut tokens = statement.split_whitespace();
    tokens.find(|token| words.split(' ').any(|word| word.eq_ignore_ascii_case(token)))?;
    Some(tokens.next()?.split(['"', '.', '\'', '(']).filter(|part| !part.is_empty()))
}

/// The account id that a value is, or begins with before a colon.
fn account_of(value: &str) -> Option<&str> {
    let id = value.split(':').next()?;
    (id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit())).then_some(id)
}

/// All resources of one action, by the cascade; never empty.
pub(super) fn resolve(
    ctx: &Ctx<'_>,
    service: &Service,
    action: &Action,
    event: &str,
    rule: Option<&UseRule>,
) -> Vec<Found> {
    ctx.pry(service.glued);
    if rule.is_some_and(|rule| rule.unscoped) {
        return vec![(Target::service(), "event-rule")];
    }
    if let Some(arns) = rule.and_then(|r| r.arn.as_ref()) {
        let mut named = first_hit(ctx, arns);
        // A short name is none of a resource: the rest of the cascade may find the whole.
        named.retain(|name| name.starts_with("arn:"));
        if !named.is_empty() {
            return named.into_iter().map(|arn| (Target::named(arn.into_owned()), "event-rule")).collect();
        }
    }
    let wanted = |at: usize| {
        let only = rule.and_then(|r| r.resource_type.as_deref());
        only.is_none_or(|only| service.types.get(at).is_some_and(|t| t.name == only))
    };
    let types: Vec<(usize, bool)> =
        types_of(service, action).into_iter().filter(|(at, _)| wanted(*at)).collect();
    if types.is_empty() {
        return vec![(Target::service(), "no-resource-type")];
    }
    let (mut found, mut open) = (Vec::new(), Vec::new());
    for &(at, required) in &types {
        let Some(resource) = service.types.get(at) else { continue };
        let names = Namer {
            ctx,
            service,
            action,
            event,
            rule,
            at,
            resource,
            required,
            alone: required || types.len() == 1,
        };
        let names = names.names();
        if names.is_empty() && required {
            open.push(resource);
        }
        found.extend(names);
    }
    // Tags go onto one resource of any of the types: they are alternatives, whatever the table says.
    let alternatives =
        alternatives(action) || action.level == AccessLevel::Tagging || action.name.starts_with("ListTags");
    if (alternatives || by_one_for_all(ctx, &found)) && !found.is_empty() {
        open.clear();
    }
    if found.is_empty() && open.is_empty() {
        open = likely(service, &types, event);
    }
    found.extend(unnamed(ctx, action, &open));
    if found.is_empty() {
        found.push((Target::pattern(Level::Unseen, whole_service(ctx, service)), "not-logged"));
    }
    if found.len() > 1 {
        let mut seen = BTreeSet::new();
        found.retain(|(target, _)| seen.insert(target.clone()));
    }
    found
}

/// Parameters that take a resource of any type.
const ANY_TYPE: [&str; 6] =
    ["arn", "entityarn", "policysourcearn", "resource", "resourcearn", "resourceidentifier"];

/// Whether one parameter for resources of any type named what was found: then no other type is meant.
fn by_one_for_all(ctx: &Ctx<'_>, found: &[Found]) -> bool {
    let given = |target: &Target<'_>| {
        let mut leaves = ctx.request.naming().filter(|leaf| ANY_TYPE.contains(&leaf.path.as_str()));
        leaves.any(|leaf| *leaf.value() == *target.text)
    };
    found.iter().any(|(target, _)| given(target))
}

/// Whether an action's types are alternatives, though the table marks them all as required.
pub(super) fn alternatives(action: &Action) -> bool {
    catalog::aws().alternatives.iter().any(|row| row.actions.contains(&action.full))
}

/// The types of an action, with those that the generated table does not have: then all are alternatives.
pub(super) fn types_of(service: &Service, action: &Action) -> Vec<(usize, bool)> {
    let row = catalog::aws().types.iter().find(|row| row.actions.contains(&action.full));
    let Some(row) = row else { return action.types.clone() };
    let more = row.types.iter().filter_map(|name| service.types.iter().position(|t| t.name == name));
    let own = action.types.iter().map(|(at, required)| (*at, *required && row.beside));
    own.chain(more.map(|at| (at, false))).collect()
}

/// Optional types an unnamed resource is likely of: those the event is called after, else all when they are few.
fn likely<'s>(service: &'s Service, types: &[(usize, bool)], event: &str) -> Vec<&'s ResourceType> {
    let all: Vec<&ResourceType> = types.iter().filter_map(|(at, _)| service.types.get(*at)).collect();
    let event = normal(event);
    let called: Vec<&ResourceType> =
        all.iter().copied().filter(|t| event.contains(&normal(t.name))).collect();
    match (called.is_empty(), all.len() <= 3) {
        (false, _) => called,
        (true, true) => all,
        (true, false) => Vec::new(),
    }
}

fn unnamed(ctx: &Ctx<'_>, action: &Action, open: &[&ResourceType]) -> Vec<Found> {
    let lists = action.level == AccessLevel::List
        || ["Describe", "List", "Search"].iter().any(|verb| action.name.starts_with(verb))
        || (action.name.starts_with("Get") && action.name.ends_with('s') && !action.name.ends_with("ss"));
    let ranges = lists && action.level.reads() && !has_selector(&ctx.request);
    let (level, rule) = if ranges { (Level::All, "whole-type") } else { (Level::Unseen, "not-logged") };
    // There is but one of a type whose ARN leaves nothing open.
    let single = |resource: &ResourceType| {
        let fixed = resource.templates.iter().all(|t| t.own_vars().next().is_none()) && !alternatives(action);
        resource.templates.first().filter(|_| fixed).and_then(|t| ctx.fill(t, |_| None))
    };
    let target = |resource: &ResourceType| match single(resource) {
        Some(arn) => Some((Target::named(arn), "fixed-name")),
        None => ctx.whole_type(resource).map(|pattern| (Target::pattern(level, pattern), rule)),
    };
    open.iter().filter_map(|resource| target(resource)).collect()
}

/// Everything of a service in this account and region, for actions on too many types to name one.
pub(super) fn whole_service(ctx: &Ctx<'_>, service: &Service) -> String {
    let pattern = service.types.first().and_then(|t| ctx.whole_type(t)).unwrap_or_default();
    let head: Vec<&str> = pattern.splitn(6, ':').take(5).collect();
    format!("{}:*", head.join(":"))
}

/// Parameters that page or shape an answer, but select nothing.
const PAGING: [&str; 16] = [
    "maxresults",
    "nexttoken",
    "marker",
    "limit",
    "maxitems",
    "pagesize",
    "pagetoken",
    "maxrecords",
    "nextmarker",
    "position",
    "maxkeys",
    "host",
    "dryrun",
    "clienttoken",
    "sortorder",
    "includeall",
];

fn has_selector(request: &Leaves<'_>) -> bool {
    request.hidden || request.all.iter().any(|leaf| !PAGING.contains(&leaf.key()))
}

fn first_hit<'c>(ctx: &'c Ctx<'_>, paths: &Several) -> Vec<Cow<'c, str>> {
    paths.list().iter().map(|path| ctx.values(path)).find(|values| !values.is_empty()).unwrap_or_default()
}
