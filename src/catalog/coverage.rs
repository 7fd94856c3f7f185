//! Schemas of the hand-written files about what is logged, and what changes that. Unknown fields are errors.

use super::overlay::list_file;
use serde::Deserialize;

/// What data events do, where they all do the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataAccess {
    /// They change something.
    Write,
}

/// The resource type under which a service's data events are logged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataEvents {
    /// IAM prefix.
    pub service: String,
    /// `resources.type` of event selectors.
    #[serde(rename = "type")]
    pub kind: String,
    /// What they all do; none: some read and some write.
    pub access: Option<DataAccess>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// A CloudTrail call that changes what is logged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Event name.
    pub event: String,
    /// Whether the trail logs from then on.
    pub logging: Option<bool>,
    /// It states regions and accounts.
    #[serde(default)]
    pub reach: bool,
    /// It states what is selected.
    #[serde(default)]
    pub selects: bool,
    /// The trail selects what a new one does.
    #[serde(default)]
    pub default: bool,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// A service whose events are global.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalService {
    /// IAM prefix.
    pub service: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// A record that proves a call of another service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encrypted {
    /// IAM prefix of the record's service.
    pub service: String,
    /// Field of `additionalEventData`.
    pub field: String,
    /// Its values.
    pub values: Vec<String>,
    /// IAM prefix of the other service.
    pub expects: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// `aws/coverage.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrailFile {
    /// Data events.
    #[serde(default)]
    pub data: Vec<DataEvents>,
    /// Calls that change what is logged.
    #[serde(default)]
    pub change: Vec<Change>,
    /// Global services.
    #[serde(default)]
    pub global: Vec<GlobalService>,
    /// Records that prove another call.
    #[serde(default)]
    pub encrypted: Vec<Encrypted>,
}

/// A log that Google always writes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlwaysLogged {
    /// Service, `*` for all.
    pub service: String,
    /// `activity` or `data_access`.
    pub log: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

list_file!(
    /// `gcp/coverage.toml`.
    AlwaysFile, always, AlwaysLogged
);
