//! Schema of the hand-written file about names of methods. Unknown fields are errors.

use serde::Deserialize;

/// A verb of methods that permissions call otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verb {
    /// In names of methods, in lower case.
    pub method: String,
    /// In permissions.
    pub permission: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// An API whose permissions begin with another name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Its name, without domain.
    pub api: String,
    /// What its permissions begin with.
    pub permission: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Methods of every service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generic {
    /// Their names, `*` allowed.
    pub methods: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// Permissions that are checked but never granted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// Their names.
    pub permissions: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// A method that no page of its service lists.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Its name, in any letter case.
    pub method: String,
    /// The permission that its caller used.
    pub permission: String,
    /// What is needed with it, all of it.
    #[serde(default)]
    pub also: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// `method.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodFile {
    /// Verbs.
    #[serde(default)]
    pub verb: Vec<Verb>,
    /// APIs.
    #[serde(default)]
    pub service: Vec<Api>,
    /// Methods by their whole name.
    #[serde(default)]
    pub method: Vec<Known>,
    /// Mixins.
    #[serde(default)]
    pub generic: Vec<Generic>,
    /// Checks without grants.
    #[serde(default)]
    pub trust: Vec<Trust>,
}

impl MethodFile {
    /// What permissions of an API begin with.
    #[must_use]
    pub fn prefix<'a>(&'a self, api: &'a str) -> &'a str {
        self.service.iter().find(|row| row.api == api).map_or(api, |row| &row.permission)
    }

    /// What is written by hand of a method.
    #[must_use]
    pub fn known(&self, method: &str) -> Option<&Known> {
        self.method.iter().find(|row| row.method.eq_ignore_ascii_case(method))
    }

    /// The verb as permissions write it, in lower case like the verb itself.
    #[must_use]
    pub fn verb<'a>(&'a self, verb: &'a str) -> &'a str {
        self.verb.iter().find(|row| row.method == verb).map_or(verb, |row| &row.permission)
    }
}
