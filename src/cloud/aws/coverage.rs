//! What a CloudTrail record says of the log it stands in.

use super::record::Record;
use super::trail;
use crate::catalog;
use crate::catalog::coverage::DataAccess;
use crate::cloud::{Logging, Sink};
use crate::model::coverage::{Access, KINDS, Plane, Sighting};
use crate::model::time::Timestamp;
use crate::wire::members::Members;
use crate::wire::text::{Lenient, OneOrMany, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// How CloudTrail speaks of it.
pub(super) static LOGGING: Logging =
    Logging { optional: "data events", proof: "trail description", kinds: &DATA, name, most: None };

const DATA: [(Plane, Access); 2] = [(Plane::Data, Access::Read), (Plane::Data, Access::Write)];

fn name(plane: Plane, access: Access) -> &'static str {
    match (plane, access) {
        (Plane::Management, Access::Read) => "management reads",
        (Plane::Management, Access::Write) => "management writes",
        (Plane::Data, Access::Read) => "reads",
        (Plane::Data, Access::Write) => "writes",
    }
}

/// Management calls, and writes of data.
const WRITES: [(Plane, Access); 3] =
    [(Plane::Management, Access::Read), (Plane::Management, Access::Write), (Plane::Data, Access::Write)];

/// The kinds of calls that CloudTrail can log of a service: data events only where it has them.
pub(super) fn kinds(service: &str) -> &'static [(Plane, Access)] {
    match catalog::aws().trails.data.iter().find(|row| row.service == service).map(|row| row.access) {
        None => KINDS.get(..2).unwrap_or_default(),
        Some(Some(DataAccess::Write)) => &WRITES,
        Some(None) => &KINDS,
    }
}

/// Longest value that stands for omitted parameters.
const OMISSION: usize = 1024;

/// Counts a record of the log, and takes what it changes of it.
pub(super) fn sight(record: &Record<'_>, at: Option<Timestamp>, history: bool, sink: &mut dyn Sink) {
    let service = trail::service(record.event_source.or_empty());
    let aggregated = record.event_type.get() == Some("AwsAggregatedEvent");
    let at = at.or_else(|| {
        let window = record.time_window.filter(|_| aggregated)?;
        Timestamp::parse(serde_json::from_str::<Window<'_>>(window.get()).ok()?.start.filled()?)
    });
    let one = plane(record, service).map(|plane| [(plane, access(record, service))]);
    let summed = if aggregated { summed(record, service) } else { Vec::new() };
    sink.sighting(
        "aws",
        &Sighting {
            account: record.account_id.filled().filter(|_| aggregated).unwrap_or(record.account()),
            region: record.aws_region.or_empty(),
            service,
            kinds: if aggregated { &summed } else { one.as_ref().map_or(&[], |one| one.as_slice()) },
            at,
            aggregated,
            truncated: omitted(record.request_parameters) || omitted(record.response_elements),
            history,
            expects: expects(record.event_source.or_empty(), record.additional_event_data.map(RawValue::get)),
        },
    );
    trail::changed(record, at, sink);
}

/// Whether CloudTrail left the value out because it was too long.
fn omitted(raw: Option<&RawValue>) -> bool {
    let short = raw.filter(|raw| may_omit(raw.get()));
    short.is_some_and(|raw| {
        serde_json::from_str::<Lenient<Omission<'_>>>(raw.get()).is_ok_and(|value| value.0.omitted.is_true())
    })
}

/// Whether a value is of the form that stands for omitted parameters.
pub(super) fn may_omit(raw: &str) -> bool {
    raw.len() <= OMISSION && raw.contains("\"omitted\"")
}

#[derive(Debug, Default, Deserialize)]
struct Omission<'a> {
    #[serde(default, borrow)]
    omitted: Text<'a>,
}

/// What a record is about; none for a category of its own, such as network activity. Old records do not say what they
/// are: those of an object are data events.
fn plane(record: &Record<'_>, service: &str) -> Option<Plane> {
    let data = match (record.event_category.filled(), record.management_event.get()) {
        (Some("Data"), _) => true,
        (Some("Management"), _) => false,
        (Some(_), _) => return None,
        (None, Some(management)) => management == "false",
        (None, None) => {
            let of_service = catalog::aws().trails.data.iter().filter(|row| row.service == service);
            let kinds: Vec<&str> = of_service.map(|row| row.kind.as_str()).collect();
            // Only what is never a resource of management events: an object, a snapshot's block.
            record.resources.0.iter().any(|on| {
                on.kind.filled().is_some_and(|kind| kind.ends_with("::Object") && kinds.contains(&kind))
            })
        }
    };
    Some(if data { Plane::Data } else { Plane::Management })
}

fn access(record: &Record<'_>, service: &str) -> Access {
    match record.read_only.get() {
        Some("true") => Access::Read,
        Some("false") => Access::Write,
        _ => by_name(service, record.event_name.or_empty()),
    }
}

fn by_name(service: &str, event: &str) -> Access {
    let action = catalog::aws().table.action(&format!("{service}:{}", event.trim()));
    let reads = action.is_some_and(|(_, action)| matches!(action.level.as_str(), "read" | "list"));
    if reads { Access::Read } else { Access::Write }
}

/// The service that additional data prove to have been called as well.
pub(super) fn expects(source: &str, additional: Option<&str>) -> Option<&'static str> {
    let (raw, service) = (additional?, trail::service(source));
    let rows = catalog::aws().trails.encrypted.iter().filter(|row| row.service == service);
    rows.filter(|row| raw.contains(row.field.as_str())).find_map(|row| {
        let says = said(raw, &row.field)?;
        row.values.iter().any(|value| value == says).then_some(row.expects.as_str())
    })
}

/// The plain text of a member.
fn said<'r>(raw: &'r str, wanted: &str) -> Option<&'r str> {
    let mut members = Members::of(raw).ok()?;
    while let Some(key) = members.key().ok()? {
        let value = members.value().ok()?;
        if key == wanted {
            return value.scalar().ok()?;
        }
    }
    None
}

#[derive(Debug, Default, Deserialize)]
struct Window<'a> {
    #[serde(default, borrow, rename = "windowStart")]
    start: Text<'a>,
}

/// The summary of an aggregated event: statistics by dimension.
#[derive(Debug, Default, Deserialize)]
struct Summary<'a> {
    #[serde(default, borrow, rename = "primaryDimension")]
    primary: OneOrMany<Dimension<'a>>,
    #[serde(default, borrow)]
    details: OneOrMany<Dimension<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct Dimension<'a> {
    #[serde(default, borrow)]
    dimension: Text<'a>,
    #[serde(default, borrow)]
    statistics: OneOrMany<Statistic<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct Statistic<'a> {
    #[serde(default, borrow)]
    name: Text<'a>,
}

/// The kinds of calls that an aggregated event sums up, as far as it names them.
fn summed(record: &Record<'_>, service: &str) -> Vec<(Plane, Access)> {
    let summary = record.summary.and_then(|raw| serde_json::from_str::<Lenient<Summary<'_>>>(raw.get()).ok());
    let Lenient(summary) = summary.unwrap_or(Lenient(Summary::default()));
    let dimensions = summary.primary.0.iter().chain(&summary.details.0);
    let names = dimensions
        .filter(|dimension| dimension.dimension.get() == Some("eventName"))
        .flat_map(|dimension| dimension.statistics.0.iter().filter_map(|one| one.name.filled()));
    let mut all: Vec<_> = names.map(|event| (Plane::Data, by_name(service, event))).collect();
    all.sort_unstable();
    all.dedup();
    all
}
