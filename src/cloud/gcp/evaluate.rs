//! Google's reading of roles and bindings, written from its documentation and from nothing else in this program.

use crate::cloud::Evaluator;
use crate::model::usage::Row;
use serde_json::Value;
use std::collections::BTreeSet;

/// One role bound somewhere.
#[derive(Debug)]
struct Bound {
    scope: String,
    members: BTreeSet<String>,
    permissions: BTreeSet<String>,
}

/// Roles and bindings that hold together.
#[derive(Debug)]
pub(super) struct Bindings(Vec<Bound>);

impl Evaluator for Bindings {
    fn allows(&self, row: &Row) -> bool {
        self.0.iter().any(|bound| {
            bound.scope == row.scope
                && bound.members.contains(&row.principal)
                && bound.permissions.contains(&row.action)
        })
    }
}

impl Bindings {
    /// Reads `{"role": …, "binding": …}` documents.
    pub(super) fn parse(documents: &[String]) -> Result<Self, String> {
        documents.iter().map(|text| bound(text)).collect::<Result<_, _>>().map(Self)
    }
}

fn bound(text: &str) -> Result<Bound, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| format!("not a role with its binding: {e}"))?;
    let at = |path: &str| {
        value.pointer(path).ok_or_else(|| format!("not a role with its binding: `{path}` is missing"))
    };
    let texts = |path: &str| {
        let list = at(path)?.as_array().ok_or_else(|| format!("`{path}` must be a list"))?;
        Ok::<_, String>(
            list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect::<BTreeSet<String>>(),
        )
    };
    let (role, bound_role) = (at("/role/name")?, at("/binding/role")?);
    if role != bound_role {
        return Err(format!("the binding is for {bound_role}, the role is {role}"));
    }
    let scope = at("/binding/resource")?.as_str().unwrap_or("").to_owned();
    Ok(Bound { scope, members: texts("/binding/members")?, permissions: texts("/role/includedPermissions")? })
}
