//! Schema of `passrole.toml`: which roles a call hands to a service, and where the log says which.

use super::overlay::Several;
use serde::Deserialize;
use std::collections::BTreeMap;

/// To which service principal an action passes a role.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassedTo {
    /// IAM prefix of the action.
    pub service: String,
    /// Action names; none: all.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Normalised ends of the paths of parameters that hold the role, or kinds of what is referred to; none: any.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Service principals.
    pub to: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Actions whose request names a role that is not passed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotPassed {
    /// IAM prefix.
    pub service: String,
    /// Action names; none: all.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Where a request names a role that it passes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleGiven {
    /// Normalised parameter names that hold a role though they are not called so.
    pub keys: Vec<String>,
    /// Free settings in which a role may be named all the same; `prefix:` before it limits that to a service.
    pub settings: Vec<String>,
    /// First words of action names that pass no role.
    pub not: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// A parameter of certain actions that holds a passed role, though its name or form does not show it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleParameter {
    /// IAM prefix.
    pub service: String,
    /// Action names; none: all that write.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Normalised names of the parameters.
    pub keys: Vec<String>,
    /// Whether they also take the bare name of a role.
    #[serde(default)]
    pub names: bool,
    /// Whether they take a document in which roles stand.
    #[serde(default)]
    pub within: bool,
    /// Request path → `present`, `absent` or a literal.
    #[serde(default)]
    pub when: BTreeMap<String, String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Actions that pass the roles of something that the request refers to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refer {
    /// IAM prefix.
    pub service: String,
    /// Action names.
    pub actions: Vec<String>,
    /// What it refers to, one of the `kind` rows.
    pub kind: String,
    /// Paths of its name, first hit wins.
    pub from: Several,
    /// Request path → `present`, `absent` or a literal.
    #[serde(default)]
    pub when: BTreeMap<String, String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Events that tell which roles something holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// Event source without `.amazonaws.com`.
    pub source: String,
    /// Event names after suffix stripping.
    pub events: Vec<String>,
    /// The service that must have called, where it matters.
    pub by: Option<String>,
    /// What it is, one of the `kind` rows.
    pub kind: String,
    /// Paths of its names; each hit is one.
    pub from: Several,
    /// Whether what it holds only shows the roles where the log knows more of it: one of many that may.
    #[serde(default)]
    pub hint: bool,
    /// What it holds, one of the `kind` rows; none: roles.
    pub holds: Option<String>,
    /// Paths of what it holds.
    pub values: Several,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Something that holds roles for others to refer to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleHolder {
    /// How the other rows call it.
    pub name: String,
    /// Its full name, with `${Name}` for what requests say.
    pub arn: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// `passrole.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassRoleFile {
    /// Exceptions to `<prefix>.amazonaws.com`.
    #[serde(default)]
    pub passed_to: Vec<PassedTo>,
    /// Where requests name a role that they pass.
    #[serde(default)]
    pub given: Vec<RoleGiven>,
    /// Roles in the request that are not passed.
    #[serde(default)]
    pub ignore: Vec<NotPassed>,
    /// Parameters that hold a passed role, whatever the rows above say.
    #[serde(default)]
    pub role: Vec<RoleParameter>,
    /// Requests that refer to something which holds the roles.
    #[serde(default)]
    pub refer: Vec<Refer>,
    /// Records that tell which roles such a thing holds.
    #[serde(default)]
    pub register: Vec<Register>,
    /// What such things are called.
    #[serde(default)]
    pub kind: Vec<RoleHolder>,
}
