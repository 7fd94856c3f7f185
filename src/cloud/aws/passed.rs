//! Roles that a call hands to a service: those that stand in the request, and those of what the request refers to, which
//! other records tell. The facts stand in `passrole.toml`; `resolve` joins the two.

use super::infer::{make, scoped};
use super::map::{first_word, operation};
use super::record::Record;
use super::resource::{Ctx, Found};
use crate::catalog;
use crate::catalog::passrole::{Register, RoleGiven, RoleParameter};
use crate::catalog::table::{AccessLevel, Action, Service};
use crate::catalog::template::Template;
use crate::cloud::Sink;
use crate::model::usage::{Basis, Outcome, Target, Use};
use crate::wire::leaves::Leaf;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Joins several possible values of one condition key.
pub(super) const VALUES: char = '\u{1f}';

/// Where roles live.
const ROLES: &str = "arn:${Partition}:iam::${Account}:role/";

/// Adds the roles that `action` passes.
pub(super) fn add<'a>(
    ctx: &Ctx<'a>,
    service: &Service,
    action: &Action,
    outcome: Outcome,
    uses: &mut Vec<Use<'a>>,
) {
    let mut found = by_row(ctx, service, action);
    if guessed(service, action) {
        let roles = ctx.request.all.iter().filter(|leaf| settings(service, leaf) && passes(leaf.key()));
        found.extend(
            roles
                .filter(|leaf| leaf.is_arn() && is_role(leaf.value()))
                .map(|leaf| Passed::given(leaf, leaf.value())),
        );
    }
    found.extend(referred(ctx, service, action));
    found.sort();
    found.dedup();
    if found.is_empty() {
        return;
    }
    let Some((_, pass)) = catalog::aws().table.action("iam:PassRole") else { return };
    uses.extend(found.into_iter().map(|Passed { found, key }| {
        let context = vec![("iam:PassedToService", Cow::Owned(receivers(service, action, &key)))];
        make(ctx, pass, outcome, Basis::Inferred, context, found)
    }));
}

/// A role that is passed, with the parameter or the kind of holder that gives it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Passed {
    found: Found,
    key: String,
}

impl Passed {
    fn given(leaf: &Leaf<'_>, role: &str) -> Self {
        Self { found: (Target::named(role.to_owned()), "role-in-request"), key: leaf.path.clone() }
    }
}

fn fits(service: &Service, action: &Action, row_service: &str, row_actions: &[String]) -> bool {
    row_service == service.prefix && (row_actions.is_empty() || row_actions.iter().any(|a| a == action.name))
}

/// The services that may be given the role of one parameter, as one text; a row that names the parameter comes first.
fn receivers(service: &Service, action: &Action, key: &str) -> String {
    let rows = catalog::aws().pass_role.passed_to.iter();
    let rows = rows.filter(|row| fits(service, action, &row.service, &row.actions));
    let mut rows: Vec<_> =
        rows.filter(|row| row.keys.is_empty() || row.keys.iter().any(|known| ends_in(key, known))).collect();
    rows.sort_by_key(|row| (row.keys.is_empty(), row.actions.is_empty()));
    let to = rows.first().map_or_else(|| vec![format!("{}.amazonaws.com", service.prefix)], |r| r.to.clone());
    to.join(&VALUES.to_string())
}

/// Whether a path ends in another, key by key.
fn ends_in(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|head| head.is_empty() || head.ends_with('.'))
}

/// Whether a role in a parameter that is called so is a role passed.
fn guessed(service: &Service, action: &Action) -> bool {
    let facts = &catalog::aws().pass_role;
    let ignored = facts.ignore.iter().any(|row| fits(service, action, &row.service, &row.actions));
    let not = facts.given.iter().flat_map(|row| &row.not).any(|verb| verb == first_word(action.name));
    writes(action) && !ignored && !not
}

fn writes(action: &Action) -> bool {
    matches!(action.level, AccessLevel::Write | AccessLevel::Permissions)
}

/// Roles in the parameters that rows name for the action.
fn by_row(ctx: &Ctx<'_>, service: &Service, action: &Action) -> Vec<Passed> {
    let rows = catalog::aws().pass_role.role.iter();
    let rows = rows.filter(|row| fits(service, action, &row.service, &row.actions) && ctx.holds(&row.when));
    // A row for a whole service is about what it runs with the role; a read must be named.
    let rows = rows.filter(|row| !row.actions.is_empty() || writes(action));
    let leaves = |row: &'static RoleParameter| {
        // A bare word in what users write at will is no role's name.
        let named =
            |leaf: &&Leaf<'_>| row.keys.iter().any(|key| key == leaf.key()) && !(row.names && leaf.free);
        let leaves = ctx.request.all.iter().filter(named);
        leaves.flat_map(|leaf| {
            let roles = roles(ctx, row, leaf.value()).into_iter();
            roles.map(|role| Passed::given(leaf, &role)).collect::<Vec<_>>()
        })
    };
    rows.flat_map(leaves).collect()
}

/// The roles that a parameter's value gives.
fn roles(ctx: &Ctx<'_>, row: &RoleParameter, value: &str) -> Vec<String> {
    if is_role(value) {
        return vec![value.to_owned()];
    }
    if row.names && is_name(value) {
        let head = scoped(ctx, ROLES).into_iter();
        return head.map(|head| head + value.trim_start_matches('/')).collect();
    }
    let words = value.split(|c: char| c != ':' && !of_name(c)).filter(|_| row.within);
    words.filter(|word| is_role(word)).map(str::to_owned).collect()
}

/// Holes for the roles of what the request refers to: [`Target::hole`].
fn referred(ctx: &Ctx<'_>, service: &Service, action: &Action) -> Vec<Passed> {
    let rows = catalog::aws().pass_role.refer.iter();
    let rows = rows.filter(|row| fits(service, action, &row.service, &row.actions) && ctx.holds(&row.when));
    let holes = rows.flat_map(|row| {
        let names = row.from.list().iter().map(|path| ctx.values(path)).find(|hits| !hits.is_empty());
        let names = names.unwrap_or_default();
        let holders = names.into_iter().filter_map(|name| holder(ctx, &row.kind, &name));
        holders.map(|arn| (arn, &row.kind)).collect::<Vec<_>>()
    });
    let Some(head) = scoped(ctx, ROLES) else { return Vec::new() };
    let hole = |arn: &str| (Target::hole(&head, arn), "roles-of");
    holes.map(|(arn, kind)| Passed { found: hole(&arn), key: kind.clone() }).collect()
}

/// The full name of something that holds roles.
pub(super) fn holder(ctx: &Ctx<'_>, kind: &str, name: &str) -> Option<String> {
    let row = catalog::aws().pass_role.kind.iter().find(|row| row.name == kind)?;
    scoped(ctx, &row.arn).filter(|_| !name.is_empty()).map(|arn| arn.replace("${Name}", name))
}

/// Tells which roles something holds, where the record says so.
pub(super) fn tell(record: &Record<'_>, sink: &mut dyn Sink) {
    let (host, event) = (record.host(), operation(record.event_name.or_empty()));
    let caller = record.user_identity.0.invoked_by.or_empty();
    let rows = catalog::aws().pass_role.register.iter();
    let rows = rows.filter(|row| row.source == host && row.events.iter().any(|e| e == event));
    let mut rows = rows.filter(|row| row.by.as_deref().is_none_or(|by| by == caller)).peekable();
    if rows.peek().is_none() || record.error_code.filled().is_some() {
        return;
    }
    let Some(ctx) = Ctx::new(record) else { return };
    for row in rows {
        let values: Vec<String> = row.values.list().iter().flat_map(|path| held(&ctx, row, path)).collect();
        if values.is_empty() && masked(&ctx, row) {
            continue;
        }
        for name in row.from.list().iter().flat_map(|path| ctx.values(path)) {
            if let Some(key) = holder(&ctx, &row.kind, &name) {
                sink.holds(&key, &values, !row.hint);
            }
        }
    }
}

/// Whether something stands in the place of what would say what is held.
fn masked(ctx: &Ctx<'_>, row: &Register) -> bool {
    let normal = |path: &str| path.split('.').map(crate::wire::leaves::normal).collect::<Vec<_>>().join(".");
    let paths = row.values.list().iter().map(|path| normal(path.split('|').next().unwrap_or("")));
    let mut paths = paths.map(|path| path + ".");
    let stands = |path: &str| {
        ctx.request
            .all
            .iter()
            .any(|leaf| path.strip_prefix(&leaf.path).is_some_and(|rest| rest.starts_with('.')))
    };
    ctx.request.hidden || paths.any(|path| stands(&path))
}

/// What a path of a record names as held: roles, or other holders.
fn held(ctx: &Ctx<'_>, row: &Register, path: &str) -> Vec<String> {
    let full = |value: Cow<'_, str>| match &row.holds {
        Some(kind) => holder(ctx, kind, &value),
        None if is_role(&value) => Some(value.into_owned()),
        None => {
            scoped(ctx, ROLES).filter(|_| is_name(&value)).map(|head| head + value.trim_start_matches('/'))
        }
    };
    ctx.values(path).into_iter().filter_map(full).collect()
}

/// A job's parameters and an application's input may name the role it runs as; other free text may not.
fn settings(service: &Service, leaf: &Leaf<'_>) -> bool {
    let of = |key: &str| {
        given(|row| &row.settings, key) || given(|row| &row.settings, &format!("{}:{key}", service.prefix))
    };
    !leaf.free || leaf.path.split('.').any(of)
}

/// Parameters in which services take the role they are to act as.
fn passes(key: &str) -> bool {
    key.contains("role") || given(|row| &row.keys, key)
}

/// Whether a list of `passrole.toml` has the key.
fn given(list: impl Fn(&RoleGiven) -> &Vec<String>, key: &str) -> bool {
    catalog::aws().pass_role.given.iter().any(|row| list(row).iter().any(|known| known == key))
}

fn is_role(value: &str) -> bool {
    static ROLE: LazyLock<Template> =
        LazyLock::new(|| Template::parse("arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}"));
    ROLE.matches(value).is_some()
}

/// Characters of a role's path and name.
fn of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c)
}

fn is_name(value: &str) -> bool {
    !value.trim_matches('/').is_empty() && value.chars().all(of_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns_of_roles_are_told_from_other_text() {
        assert!(is_role("arn:aws:iam::111122223333:role/service-role/etl"));
        assert!(!is_role("arn:aws:iam::111122223333:user/etl"));
        assert!(is_name("service-role/etl") && is_name("etl_1+=,.@-"));
        for other in ["", "/", "two words", "arn:aws:iam::111122223333:role/etl", "${etl}", "etl\n", "*"] {
            assert!(!is_name(other), "{other:?}");
        }
    }
}
