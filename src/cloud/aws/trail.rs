//! Trails and their event selectors: as `describe-trails` and `get-event-selectors` print them, and as calls change them.

use super::record::Record;
use crate::catalog;
use crate::catalog::coverage::Change;
use crate::cloud::Sink;
use crate::model::coverage::{Access, Declaration, Plane, Reach, Says, Selector, Services};
use crate::model::time::Timestamp;
use crate::wire::frame::{self, Broken};
use crate::wire::text::{Lenient, OneOrMany, Text};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeSet;

/// What the AWS command line prints, and what calls ask and answer, which differs only in the case of names.
#[derive(Debug, Default, Deserialize)]
struct Described<'a> {
    #[serde(default, borrow, rename = "trailList")]
    list: Option<OneOrMany<Trail<'a>>>,
    #[serde(default, borrow, rename = "Trail")]
    one: Option<OneOrMany<Trail<'a>>>,
    #[serde(default, borrow, rename = "TrailARN", alias = "trailARN")]
    arn: Text<'a>,
    #[serde(default, borrow, rename = "EventSelectors", alias = "eventSelectors")]
    basic: OneOrMany<Basic<'a>>,
    #[serde(default, borrow, rename = "AdvancedEventSelectors", alias = "advancedEventSelectors")]
    advanced: OneOrMany<Advanced<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct Trail<'a> {
    #[serde(default, borrow, rename = "Name", alias = "name", alias = "trailName")]
    name: Text<'a>,
    #[serde(default, borrow, rename = "TrailARN", alias = "trailARN")]
    arn: Text<'a>,
    #[serde(default, borrow, rename = "HomeRegion")]
    home: Text<'a>,
    #[serde(default, borrow, rename = "IsMultiRegionTrail", alias = "isMultiRegionTrail")]
    multi_region: Text<'a>,
    #[serde(default, borrow, rename = "IsOrganizationTrail", alias = "isOrganizationTrail")]
    organization: Text<'a>,
    #[serde(default, borrow, rename = "IncludeGlobalServiceEvents", alias = "includeGlobalServiceEvents")]
    global: Text<'a>,
    #[serde(default, borrow, rename = "HasCustomEventSelectors")]
    custom: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Basic<'a> {
    #[serde(default, borrow, rename = "ReadWriteType", alias = "readWriteType")]
    access: Text<'a>,
    #[serde(default, borrow, rename = "IncludeManagementEvents", alias = "includeManagementEvents")]
    management: Text<'a>,
    #[serde(default, borrow, rename = "DataResources", alias = "dataResources")]
    data: OneOrMany<DataResource<'a>>,
    #[serde(
        default,
        borrow,
        rename = "ExcludeManagementEventSources",
        alias = "excludeManagementEventSources"
    )]
    exclude: Option<Vec<Text<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
struct DataResource<'a> {
    #[serde(default, borrow, rename = "Type", alias = "type")]
    kind: Text<'a>,
    #[serde(default, borrow, rename = "Values", alias = "values")]
    values: Option<Vec<Text<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
struct Advanced<'a> {
    #[serde(default, borrow, rename = "FieldSelectors", alias = "fieldSelectors")]
    fields: OneOrMany<Field<'a>>,
}

/// One condition on a field; only these two operators can leave whole classes in or out.
#[derive(Debug, Default, Deserialize)]
struct Field<'a> {
    #[serde(default, borrow, rename = "Field", alias = "field")]
    field: Text<'a>,
    #[serde(default, borrow, rename = "Equals", alias = "equals")]
    equals: Option<Vec<Text<'a>>>,
    #[serde(default, borrow, rename = "NotEquals", alias = "notEquals")]
    not_equals: Option<Vec<Text<'a>>>,
    #[serde(default, borrow, rename = "StartsWith", alias = "startsWith")]
    starts_with: Option<Vec<Text<'a>>>,
    #[serde(default, borrow, rename = "NotStartsWith", alias = "notStartsWith")]
    not_starts_with: Option<Vec<Text<'a>>>,
    #[serde(default, borrow, rename = "EndsWith", alias = "endsWith")]
    ends_with: Option<Vec<Text<'a>>>,
    #[serde(default, borrow, rename = "NotEndsWith", alias = "notEndsWith")]
    not_ends_with: Option<Vec<Text<'a>>>,
}

fn any(list: Option<&Vec<Text<'_>>>) -> bool {
    list.is_some_and(|list| !list.is_empty())
}

/// IAM prefix of an event source.
pub(super) fn service(source: &str) -> &str {
    let domains = [".amazonaws.com.cn", ".amazonaws.com"];
    let host = domains.iter().find_map(|domain| source.strip_suffix(domain)).unwrap_or(source);
    catalog::aws().prefixes(host).first().map_or(host, String::as_str)
}

fn services(sources: &[Text<'_>]) -> BTreeSet<String> {
    sources.iter().filter_map(Text::filled).map(|source| service(source).to_owned()).collect()
}

/// Services whose data events are logged under a resource type.
fn of_type(kind: &str) -> impl Iterator<Item = String> {
    let rows = catalog::aws().trails.data.iter().filter(move |row| row.kind == kind);
    rows.map(|row| row.service.clone())
}

/// `arn:aws:s3`, `arn:aws:s3:::`: an ARN that leaves all but the service open.
fn everything(arn: &str) -> bool {
    arn.starts_with("arn:") && arn.trim_end_matches(':').split(':').count() == 3
}

impl Basic<'_> {
    fn selectors(&self) -> Vec<Selector> {
        let access = match self.access.or_empty() {
            "ReadOnly" => Some(Access::Read),
            "WriteOnly" => Some(Access::Write),
            _ => None,
        };
        let make =
            |plane, services, whole| Selector { plane, access, services, whole, exempt: BTreeSet::new() };
        let excluded = services(self.exclude.as_deref().unwrap_or_default());
        let management = self.management.get() != Some("false");
        let mut all: Vec<Selector> =
            management.then(|| make(Plane::Management, except(excluded), true)).into_iter().collect();
        for data in &self.data.0 {
            let values: Vec<&str> = data.values.iter().flatten().filter_map(Text::filled).collect();
            let of: BTreeSet<String> = of_type(data.kind.or_empty()).collect();
            if !values.is_empty() && !of.is_empty() {
                all.push(make(Plane::Data, Services::Only(of), values.iter().any(|arn| everything(arn))));
            }
        }
        all
    }
}

fn except(services: BTreeSet<String>) -> Services {
    if services.is_empty() { Services::All } else { Services::Except(services) }
}

impl Field<'_> {
    /// Whether the only condition is `Equals`, or the only one is `NotEquals`.
    fn plain(&self) -> bool {
        let others = [&self.starts_with, &self.not_starts_with, &self.ends_with, &self.not_ends_with];
        !others.into_iter().any(|list| any(list.as_ref()))
            && any(self.equals.as_ref()) != any(self.not_equals.as_ref())
    }

    /// Whether it leaves nothing out that has the field.
    fn open(&self) -> bool {
        let only = |list: &Option<Vec<Text<'_>>>| {
            list.iter().flatten().any(|arn| arn.filled().is_some_and(everything))
        };
        self.field.get() == Some("resources.ARN")
            && only(&self.starts_with)
            && ![&self.equals, &self.not_equals, &self.not_starts_with, &self.ends_with, &self.not_ends_with]
                .into_iter()
                .any(|list| any(list.as_ref()))
    }

    fn access(&self) -> Option<Access> {
        let says = |list: &Option<Vec<Text<'_>>>, word: &str| {
            list.iter().flatten().any(|value| value.get() == Some(word))
        };
        let reads = says(&self.equals, "true") || says(&self.not_equals, "false");
        let writes = says(&self.equals, "false") || says(&self.not_equals, "true");
        match (reads, writes) {
            (true, false) => Some(Access::Read),
            (false, true) => Some(Access::Write),
            _ => None,
        }
    }
}

impl Advanced<'_> {
    /// The selector, unless it is about something else than calls.
    fn selector(&self) -> Option<Selector> {
        let mut made = Selector {
            plane: Plane::Management,
            access: None,
            services: Services::All,
            whole: true,
            exempt: BTreeSet::new(),
        };
        let mut plane = None;
        for field in &self.fields.0 {
            let equals = field.equals.as_deref().unwrap_or_default();
            let first = equals.first().and_then(Text::filled).unwrap_or("");
            match (field.field.or_empty(), field.plain()) {
                ("eventCategory", true) => {
                    plane = [("Management", Plane::Management), ("Data", Plane::Data)]
                        .into_iter()
                        .find_map(|(word, plane)| (word == first).then_some(plane));
                }
                ("readOnly", true) => made.access = field.access(),
                ("resources.type", true) if !equals.is_empty() => {
                    let kinds = equals.iter().filter_map(Text::filled);
                    made.services = Services::Only(kinds.flat_map(of_type).collect());
                }
                ("eventSource", true) if !equals.is_empty() => {
                    made.services = Services::Only(services(equals))
                }
                ("eventSource", true) => {
                    made.services = except(services(field.not_equals.as_deref().unwrap_or_default()));
                }
                _ => made.whole &= field.open(),
            }
        }
        made.plane = plane?;
        // A data selector without a type selects nothing.
        let nothing = made.plane == Plane::Data && !matches!(made.services, Services::Only(_));
        (!nothing).then_some(made)
    }
}

impl Described<'_> {
    fn selectors(&self) -> Vec<Selector> {
        let basic = self.basic.0.iter().flat_map(Basic::selectors);
        basic.chain(self.advanced.0.iter().filter_map(Advanced::selector)).collect()
    }
}

/// What a trail selects that was never told otherwise.
fn default_selectors() -> Vec<Selector> {
    Basic::default().selectors()
}

/// The ARN, if it is one.
fn named<'s>(arn: &'s Text<'_>) -> Option<&'s str> {
    arn.filled().filter(|arn| arn.starts_with("arn:"))
}

/// Account and region of a trail's ARN.
fn home(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.split(':');
    let (region, account) = (parts.nth(3)?, parts.next()?);
    Some((account, region))
}

impl Trail<'_> {
    fn reach(&self, arn: &str) -> Reach {
        let (account, region) = home(arn).unwrap_or_default();
        let globals = catalog::aws().trails.global.iter().map(|row| row.service.clone());
        let without = !self.multi_region.is_true() && self.global.get() == Some("false");
        Reach {
            account: (!self.organization.is_true()).then(|| account.to_owned()),
            region: (!self.multi_region.is_true()).then(|| self.home.filled().unwrap_or(region).to_owned()),
            without: if without { globals.collect() } else { BTreeSet::new() },
        }
    }

    fn states_reach(&self) -> bool {
        [&self.multi_region, &self.organization, &self.global].into_iter().any(|field| field.get().is_some())
    }
}

fn declare(sink: &mut dyn Sink, of: &str, at: Option<Timestamp>, says: Says) {
    sink.declare(Declaration { cloud: "aws", of: of.to_owned(), at, says });
}

/// Where a trail logs whatever else is known of it.
fn declare_home(sink: &mut dyn Sink, arn: &str) {
    if let Some((account, region)) = home(arn) {
        let (account, region) = (Some(account.to_owned()), Some(region.to_owned()));
        declare(sink, arn, None, Says::Home(Reach { account, region, without: BTreeSet::new() }));
    }
}

/// Takes what `describe-trails`, `get-trail` or `get-event-selectors` printed.
pub(super) fn describe(rest: &str, sink: &mut dyn Sink) -> Result<Option<usize>, Broken> {
    let (described, len) = match frame::value::<Described<'_>>(rest) {
        Ok(read) => read,
        Err(Broken::Cut) => return Err(Broken::Cut),
        Err(Broken::Syntax) => return Ok(None),
    };
    let lists = [&described.list, &described.one];
    if lists.iter().all(|list| list.is_none()) && named(&described.arn).is_none() {
        return Ok(None);
    }
    for trail in lists.into_iter().flatten().flat_map(|list| &list.0) {
        let Some(arn) = named(&trail.arn) else { continue };
        declare_home(sink, arn);
        declare(sink, arn, None, Says::Reach(trail.reach(arn)));
        if trail.custom.get() == Some("false") {
            declare(sink, arn, None, Says::Selects(default_selectors()));
        }
    }
    if let Some(arn) = named(&described.arn) {
        declare_home(sink, arn);
        declare(sink, arn, None, Says::Selects(described.selectors()));
    }
    Ok(Some(len))
}

/// Takes a call that changed a trail.
pub(super) fn changed(record: &Record<'_>, at: Option<Timestamp>, sink: &mut dyn Sink) {
    if record.error_code.filled().is_none()
        && let Some(at) = at
        && let Some(row) = change(record)
    {
        apply(row, record, at, sink);
    }
}

/// What a call changes in what trails log, if it is one that does: its time, its request and its answer say how, and nothing
/// stands for them where records are repeated.
pub(super) fn change(record: &Record<'_>) -> Option<&'static Change> {
    if record.host() != "cloudtrail" {
        return None;
    }
    let name = record.event_name.or_empty();
    catalog::aws().trails.change.iter().find(|row| row.event == name)
}

fn apply(row: &Change, record: &Record<'_>, at: Timestamp, sink: &mut dyn Sink) {
    let asked: Trail<'_> = read(record.request_parameters).0;
    let answer: Trail<'_> = read(record.response_elements).0;
    let named = asked.name.filled().unwrap_or("");
    let arn = match answer.arn.filled().or_else(|| Some(named).filter(|name| name.starts_with("arn:"))) {
        Some(arn) => arn.to_owned(),
        None => format!(
            "arn:{}:cloudtrail:{}:{}:trail/{named}",
            record.partition(),
            record.aws_region.or_empty(),
            record.account()
        ),
    };
    declare_home(sink, &arn);
    if let Some(logging) = row.logging {
        declare(sink, &arn, Some(at), Says::Logging(logging));
    }
    if row.default {
        declare(sink, &arn, Some(at), Says::Selects(default_selectors()));
    }
    if row.reach && (row.default || asked.states_reach()) {
        let stated = if answer.states_reach() { &answer } else { &asked };
        declare(sink, &arn, Some(at), Says::Reach(stated.reach(&arn)));
    }
    if row.selects {
        // Selectors that cannot be read prove nothing: the trail selects none that are known.
        let answer: Described<'_> = read(record.response_elements).0;
        let answered = answer.selectors();
        let selectors = if answered.is_empty() {
            read::<Described<'_>>(record.request_parameters).0.selectors()
        } else {
            answered
        };
        declare(sink, &arn, Some(at), Says::Selects(selectors));
    }
}

fn read<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> Lenient<T> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or(Lenient(T::default()))
}
