//! What an audit entry says of the log it stands in, and what IAM policies say of data access logs.

use super::map;
use super::record::Entry;
use crate::catalog;
use crate::catalog::platform::glob;
use crate::cloud::{Cloud, Logging, Sink};
use crate::model::coverage::{
    Access, Bound, Declaration, KINDS, Plane, Reach, Says, Selector, Services, Sighting,
};
use crate::model::time::Timestamp;
use crate::wire::fingerprint;
use crate::wire::frame::{self, Broken};
use crate::wire::text::{Lenient, OneOrMany, Text};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Entries of one download from the Logs Explorer (<https://docs.cloud.google.com/logging/docs/view/logs-explorer-interface>).
const DOWNLOAD: u64 = 10_000;

/// How Cloud Audit Logs speak of it.
pub(super) static LOGGING: Logging = Logging {
    optional: "data access logs",
    proof: "audit configuration",
    kinds: &ACCESS,
    name,
    most: Some(DOWNLOAD),
};

const ACCESS: [(Plane, Access); 3] =
    [(Plane::Management, Access::Read), (Plane::Data, Access::Read), (Plane::Data, Access::Write)];

fn name(plane: Plane, access: Access) -> &'static str {
    match (plane, access) {
        (Plane::Management, Access::Read) => "ADMIN_READ",
        (Plane::Management, Access::Write) => "ADMIN_WRITE",
        (Plane::Data, Access::Read) => "DATA_READ",
        (Plane::Data, Access::Write) => "DATA_WRITE",
    }
}

/// The kind of calls behind a log type or a permission's type.
fn kind(word: &str) -> Option<(Plane, Access)> {
    KINDS.into_iter().find(|(plane, access)| name(*plane, *access) == word)
}

/// Whether such calls are logged whatever is configured.
pub(super) fn always(service: &str, plane: Plane, access: Access) -> bool {
    let log = if (plane, access) == (Plane::Management, Access::Write) { "activity" } else { "data_access" };
    catalog::gcp().always.iter().any(|row| row.log == log && glob(&row.service, service))
}

/// Counts an entry of the log.
pub(super) fn sight(entry: &Entry<'_>, at: Option<Timestamp>, sink: &mut dyn Sink) {
    let mut kinds: Vec<(Plane, Access)> = Vec::new();
    if entry.in_log("activity") {
        kinds.push((Plane::Management, Access::Write));
    } else if entry.in_log("data_access") {
        kinds = read(entry);
    }
    let payload = &entry.proto_payload.0;
    // An entry that leaves its service out names it by the permission, or by that of its method.
    let row =
        || payload.authorization_info.0.iter().find_map(|row| row.permission.filled()).map(str::to_owned);
    let of_method = || map::map(entry).ok()?.into_iter().next().map(|used| used.action.into_owned());
    let permission = || row().or_else(of_method);
    let stated = payload.service_name.filled().map(str::to_owned);
    let service = stated.or_else(|| {
        let full = catalog::gcp().limits.full(&permission()?).clone();
        full.split_once('/').map(|(service, _)| service.to_owned())
    });
    let service = service.unwrap_or_default();
    if service.is_empty() {
        kinds.clear();
    }
    sink.sighting(
        "gcp",
        &Sighting {
            account: entry.project().unwrap_or(entry.container()),
            region: "",
            service: &service,
            kinds: &kinds,
            at,
            aggregated: false,
            truncated: false,
            history: false,
            expects: None,
        },
    );
}

/// The kinds of an entry of the data access log: what it says, else what is documented, else what its name says.
fn read(entry: &Entry<'_>) -> Vec<(Plane, Access)> {
    let payload = &entry.proto_payload.0;
    let stated = payload.authorization_info.0.iter().filter_map(|row| kind(row.permission_type.filled()?));
    let mut kinds: Vec<(Plane, Access)> = stated.collect();
    let method = payload.method_name.or_empty();
    if kinds.is_empty() {
        let documented = catalog::gcp().method(method).into_iter().flat_map(|method| &method.permissions);
        kinds.extend(documented.filter_map(|(_, short)| match *short {
            "AR" => Some((Plane::Management, Access::Read)),
            "DR" => Some((Plane::Data, Access::Read)),
            "DW" => Some((Plane::Data, Access::Write)),
            _ => None,
        }));
    }
    if kinds.is_empty() {
        let first = payload.authorization_info.0.iter().find_map(|row| row.permission.filled());
        let reads = super::Gcp.level(first.unwrap_or(method)) == "read";
        kinds.push((Plane::Data, if reads { Access::Read } else { Access::Write }));
    }
    // What changes a resource is in the activity log; here it only stands beside.
    kinds.retain(|kind| *kind != (Plane::Management, Access::Write));
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// An IAM policy, alone or as one of a project and its ancestors.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy<'a> {
    #[serde(default, borrow)]
    audit_configs: OneOrMany<Config<'a>>,
    #[serde(default, borrow)]
    bindings: OneOrMany<Binding<'a>>,
    #[serde(default, borrow)]
    etag: Text<'a>,
    #[serde(default, borrow)]
    id: Text<'a>,
    #[serde(default, borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default, borrow)]
    policy: Option<Lenient<Inner<'a>>>,
    #[serde(default, borrow)]
    project_id: Text<'a>,
    #[serde(default, borrow)]
    parent: Option<Lenient<Parent<'a>>>,
}

/// What a project lies in.
#[derive(Debug, Default, Deserialize)]
struct Parent<'a> {
    #[serde(default, borrow)]
    id: Text<'a>,
    #[serde(default, borrow, rename = "type")]
    kind: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inner<'a> {
    #[serde(default, borrow)]
    audit_configs: OneOrMany<Config<'a>>,
    #[serde(default, borrow)]
    bindings: OneOrMany<Binding<'a>>,
}

/// Who holds a role.
#[derive(Debug, Default, Deserialize)]
struct Binding<'a> {
    #[serde(default, borrow)]
    role: Text<'a>,
    #[serde(default, borrow)]
    members: Option<Vec<Text<'a>>>,
    #[serde(default)]
    condition: Option<serde::de::IgnoredAny>,
}

fn bound(all: &OneOrMany<Binding<'_>>) -> Vec<Bound> {
    let one = |binding: &Binding<'_>| {
        let members = binding.members.iter().flatten().filter_map(Text::filled);
        Some(Bound {
            role: binding.role.filled()?.to_owned(),
            members: members.map(str::to_owned).collect(),
            conditional: binding.condition.is_some(),
        })
    };
    all.0.iter().filter_map(one).collect()
}

fn binds(sink: &mut dyn Sink, of: &str, all: Vec<Bound>) {
    if !all.is_empty() {
        say(sink, of, Says::Binds(all));
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    #[serde(default, borrow)]
    service: Text<'a>,
    #[serde(default, borrow)]
    audit_log_configs: OneOrMany<LogType<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogType<'a> {
    #[serde(default, borrow)]
    log_type: Text<'a>,
    #[serde(default, borrow)]
    exempted_members: Option<Vec<Text<'a>>>,
}

fn selectors(configs: &[Config<'_>]) -> Vec<Selector> {
    let mut all = Vec::new();
    for config in configs {
        let services = match config.service.or_empty() {
            "allServices" => Services::All,
            service => Services::Only(BTreeSet::from([service.to_owned()])),
        };
        for log in &config.audit_log_configs.0 {
            let Some((plane, access)) = kind(log.log_type.or_empty()) else { continue };
            let members = log.exempted_members.iter().flatten().filter_map(Text::filled);
            all.push(Selector {
                plane,
                access: Some(access),
                services: services.clone(),
                whole: true,
                exempt: members.map(str::to_owned).collect(),
            });
        }
    }
    all
}

fn policy(rest: &str) -> Result<Option<(Policy<'_>, usize)>, Broken> {
    match frame::value::<Policy<'_>>(rest) {
        Ok(read) => Ok(Some(read)),
        Err(Broken::Cut) => Err(Broken::Cut),
        Err(Broken::Syntax) => Ok(None),
    }
}

fn say(sink: &mut dyn Sink, of: &str, says: Says) {
    sink.declare(Declaration { cloud: "gcp", of: of.to_owned(), at: None, says });
}

/// Takes what `get-iam-policy` or `get-ancestors-iam-policy` printed. Of the first nobody can tell whose it is; the
/// second lists a project and then what it lies in.
pub(super) fn describe(rest: &str, sink: &mut dyn Sink) -> Result<Option<usize>, Broken> {
    let Some((first, mut len)) = policy(rest)? else { return Ok(None) };
    if let (Some(id), Some(parent)) = (first.project_id.filled(), &first.parent) {
        // `gcloud projects list`: where each lies, and nothing of its log.
        if let (Some(kind), Some(number)) = (parent.0.kind.filled(), parent.0.id.filled()) {
            say(sink, &format!("projects/{id}"), Says::Within(format!("{kind}s/{number}")));
        }
        return Ok(Some(len));
    }
    let Some(Lenient(inner)) = &first.policy else {
        // Every policy has an etag; something else may have bindings.
        if first.etag.filled().is_none() && first.audit_configs.0.is_empty() {
            return Ok(None);
        }
        let content = || fingerprint::of_json(rest.get(..len).unwrap_or(rest));
        let mark = first.etag.filled().map_or_else(|| format!("{:016x}", content()), str::to_owned);
        say(sink, &format!("IAM policy {mark}"), Says::Selects(selectors(&first.audit_configs.0)));
        binds(sink, "", bound(&first.bindings));
        return Ok(Some(len));
    };
    let (Some(id), Some(kind)) = (first.id.filled(), first.kind.filled()) else { return Ok(None) };
    let of = format!("{kind}s/{id}");
    say(sink, &of, Says::Selects(selectors(&inner.audit_configs.0)));
    binds(sink, &of, bound(&inner.bindings));
    if kind != "project" {
        return Ok(Some(len));
    }
    let here = Reach { account: Some(id.to_owned()), region: None, without: BTreeSet::new() };
    say(sink, &of, Says::Reach(here.clone()));
    while let Some((above, inner, held, end)) = above(rest, len) {
        binds(sink, &above, held);
        let of = format!("{above} above projects/{id}");
        say(sink, &of, Says::Reach(here.clone()));
        say(sink, &of, Says::Selects(inner));
        say(sink, &format!("projects/{id}"), Says::Within(above));
        len = end;
    }
    Ok(Some(len))
}

/// The next policy of a list, of a folder or an organization, and where it ends.
fn above(rest: &str, at: usize) -> Option<(String, Vec<Selector>, Vec<Bound>, usize)> {
    let next = rest.get(at..)?.trim_start().strip_prefix(',')?.trim_start();
    let (read, len) = policy(next).ok()??;
    let (id, kind) = (read.id.filled()?, read.kind.filled().filter(|kind| *kind != "project")?);
    let policy = &read.policy.as_ref()?.0;
    let of = selectors(&policy.audit_configs.0);
    Some((format!("{kind}s/{id}"), of, bound(&policy.bindings), rest.len() - next.len() + len))
}

/// Largest policy in YAML that is read.
const LARGEST: usize = 4 << 20;

/// Takes what `get-iam-policy` prints when it is not asked for JSON.
pub(super) fn describe_text(text: &str, sink: &mut dyn Sink) -> bool {
    let heads = ["auditConfigs:", "bindings:"];
    if text.len() > LARGEST || !text.lines().any(|line| heads.iter().any(|head| line.starts_with(head))) {
        return false;
    }
    let Ok(value) = serde_saphyr::from_str::<serde_json::Value>(text) else { return false };
    describe(&value.to_string(), sink).is_ok_and(|len| len.is_some())
}
