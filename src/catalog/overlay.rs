//! Schemas of the hand-written files under `data/aws/`. Unknown fields are errors.

use serde::Deserialize;
use std::collections::BTreeMap;

/// One value or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Several {
    /// One.
    One(String),
    /// Several, first hit wins.
    Many(Vec<String>),
}

impl Several {
    /// As a list.
    #[must_use]
    pub fn list(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A permission that an event uses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UseRule {
    /// `prefix:Name`.
    pub action: String,
    /// Only where the request has this: path → `present`, `absent`, `has TEXT`, `lacks TEXT`, `not TEXT` or a literal.
    #[serde(default)]
    pub when: BTreeMap<String, String>,
    /// Only this resource type.
    #[serde(rename = "type")]
    pub resource_type: Option<String>,
    /// Placeholder → request paths.
    #[serde(default)]
    pub fill: BTreeMap<String, Several>,
    /// Request path that holds the ARN.
    pub arn: Option<Several>,
    /// Whether the call is authorised without a resource, though the action has resource types: on `*`.
    #[serde(default)]
    pub unscoped: bool,
    /// `inferred` or `implied` where the use is not the event itself.
    pub basis: Option<String>,
}

/// What one event, or several alike, means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRule {
    /// Event names after suffix stripping.
    pub names: Vec<String>,
    /// Request path → `present`, `absent`, `has TEXT`, `lacks TEXT`, `not TEXT` or a literal.
    #[serde(default)]
    pub when: BTreeMap<String, String>,
    /// The permissions used.
    #[serde(default)]
    pub uses: Vec<UseRule>,
    /// Reason to skip the event instead.
    pub skip: Option<String>,
    /// `trust` where the event is evidence for a trust policy.
    pub basis: Option<String>,
    /// List in the request whose elements choose the action.
    pub each: Option<String>,
    /// Request path whose first word chooses the action.
    pub verb: Option<String>,
    /// Element key or word → action.
    #[serde(default)]
    pub choose: BTreeMap<String, String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// `event/<source>.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFile {
    /// Rules, the first that fits wins.
    #[serde(default)]
    pub event: Vec<EventRule>,
}

/// Which IAM prefixes an event source carries.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Event source without `.amazonaws.com`.
    pub host: String,
    /// IAM prefixes; the first that knows the action wins.
    pub prefixes: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Where the value of a placeholder stands in the request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fill {
    /// `prefix:type`.
    pub resource: String,
    /// Placeholder of its ARN template.
    pub placeholder: String,
    /// Request paths, first hit wins.
    pub from: Several,
    /// Only for these actions (names without prefix).
    #[serde(default)]
    pub actions: Vec<String>,
    /// Its constant names the resource also where nothing in the request does.
    #[serde(default)]
    pub alone: bool,
    /// All paths give names, not the first that hits.
    #[serde(default)]
    pub all: bool,
    /// The paths name something of this kind (a row of `passrole.toml`), and other records tell what it stands for.
    #[serde(default)]
    pub held_by: Option<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// An EC2 id prefix.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdPrefix {
    /// `vol-`.
    pub prefix: String,
    /// `volume`.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// Placeholder of its ARN template.
    pub placeholder: String,
    /// Why.
    #[serde(default)]
    pub because: String,
    /// Where that is documented.
    #[serde(default)]
    pub link: String,
}

/// A condition key that a request attests.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextRule {
    /// `prefix:Name`.
    pub actions: Vec<String>,
    /// Condition key.
    pub key: String,
    /// Request paths, first hit wins.
    pub from: Several,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// A permission that no event names, but a request or an answer proves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Infer {
    /// `prefix:Name` of the uses that may prove it.
    pub actions: Vec<String>,
    /// Request path → `present`, `absent` or a literal.
    #[serde(default)]
    pub when: BTreeMap<String, String>,
    /// Error codes of the answer, one of which must be there.
    #[serde(default)]
    pub codes: Vec<String>,
    /// `prefix:Name` it proves.
    pub adds: String,
    /// ARN template it is on, where the request does not name it.
    pub arn: Option<String>,
    /// It is on what stands before this in the ARN of the use that proves it.
    pub before: Option<String>,
    /// `inferred` or `implied`.
    pub basis: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// The permission that tags at creation need, where it is not `TagResource`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagRule {
    /// IAM prefix.
    pub service: String,
    /// Action names; none: all.
    #[serde(default)]
    pub actions: Vec<String>,
    /// `prefix:Name`; empty: none is needed.
    pub adds: String,
    /// Resource types of the service that the tags go onto, where the call names others beside; none: any.
    #[serde(default)]
    pub types: Vec<String>,
    /// Condition key that tells the creating action.
    pub key: Option<String>,
    /// Where the ARN of what is made stands as a part of a path, percent-encoded: what stands before it.
    pub path: Option<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Writes that need no person's eye when the log does not name their resource.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewRule {
    /// First words of action names that make something new.
    pub makes: Vec<String>,
    /// Services whose ARNs name no account though they reach into others'.
    pub shared: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// `infer.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InferFile {
    /// Permissions proved by request or answer.
    #[serde(default)]
    pub infer: Vec<Infer>,
    /// Tags at creation.
    #[serde(default)]
    pub tag: Vec<TagRule>,
    /// What may have its whole type.
    #[serde(default)]
    pub review: Vec<ReviewRule>,
}

/// A second form of a type's ARN.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qualifier {
    /// `prefix:type`.
    pub resource: String,
    /// Pattern behind the ARN.
    pub suffix: String,
    /// Actions that are checked without it.
    #[serde(default)]
    pub except: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Resource types that the generated table does not have for some actions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoreTypes {
    /// `prefix:Name`.
    pub actions: Vec<String>,
    /// Type names of the same service.
    pub types: Vec<String>,
    /// The types that the table has stay required.
    #[serde(default)]
    pub beside: bool,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Actions whose resource types are alternatives.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    /// `prefix:Name`.
    pub actions: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

macro_rules! list_file {
    ($(#[$doc:meta])* $file:ident, $field:ident, $row:ty) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $file {
            /// Rows.
            #[serde(default)]
            pub $field: Vec<$row>,
        }
    };
}

pub(super) use list_file;

list_file!(
    /// `source.toml`.
    SourceFile, source, Source
);
list_file!(
    /// `fill.toml`.
    FillFile, fill, Fill
);
list_file!(
    /// `ec2-ids.toml`.
    IdFile, id, IdPrefix
);
list_file!(
    /// `context.toml`.
    ContextFile, context, ContextRule
);
list_file!(
    /// `qualifier.toml`.
    QualifierFile, qualifier, Qualifier
);
list_file!(
    /// `alternative.toml`.
    AlternativeFile, alternative, Alternative
);
list_file!(
    /// `types.toml`.
    TypesFile, types, MoreTypes
);
