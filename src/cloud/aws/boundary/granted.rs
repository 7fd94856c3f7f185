//! What the policies of a principal allow, taken apart, and where the principal is at home.

use crate::cloud::Subject;
use crate::cloud::aws::meaning::may_apply;
use crate::model::document::{Conditions, Document};
use crate::model::pattern::Pattern;
use std::collections::{BTreeMap, BTreeSet};

/// One action on one resource, as the policies allow it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Granted<'a> {
    pub(super) action: &'a str,
    pub(super) service: &'a str,
    pub(super) resource: &'a str,
    pub(super) conditions: &'a Conditions,
}

impl<'a> Granted<'a> {
    /// All that the documents allow.
    pub(super) fn of(documents: &'a [Document]) -> Vec<Self> {
        let mut all = Vec::new();
        for statement in documents.iter().flat_map(|d| &d.statements).filter(|s| s.effect == "Allow") {
            // What no action is known for, as a function's version, was used all the same.
            let stray = |resource: &&String| !statement.actions.iter().any(|a| may_apply(a, resource));
            let strays: BTreeSet<&String> = statement.resources.iter().filter(stray).collect();
            for action in &statement.actions {
                let service = super::prefix(action);
                // Actions of several types may share a statement: each means something only on its own.
                let own = |resource: &String| {
                    strays.contains(resource) && resource.split(':').nth(2) == Some(service)
                };
                let meant = statement.resources.iter().filter(|r| may_apply(action, r) || own(r));
                all.extend(meant.map(|resource| Self {
                    action,
                    service,
                    resource,
                    conditions: &statement.conditions,
                }));
            }
        }
        all
    }

    /// The only values that the condition key may have.
    pub(super) fn values(&self, key: &str) -> Option<&'a [String]> {
        Some(self.conditions.get("StringEquals")?.get(key)?)
    }
}

/// Partition, accounts and regions of a principal.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) partition: String,
    pub(super) accounts: BTreeSet<String>,
    regions: BTreeSet<String>,
    by_service: BTreeMap<String, BTreeSet<String>>,
    /// `*` where the principal is not of one account.
    pub(super) account: String,
}

impl Home {
    /// A role or user is at home in its account; a permission set wherever its policies name one.
    pub(super) fn of(who: &Subject<'_>, granted: &[Granted<'_>]) -> Self {
        fn field(arn: &str, at: usize) -> Option<&str> {
            let mut all = arn.split(':').skip(at);
            let plain = all.next().filter(|text| !text.is_empty() && !text.contains(['*', '?', '$']))?;
            (all.next().is_some() && arn.starts_with("arn:")).then_some(plain)
        }
        let arns = || std::iter::once(who.principal).chain(granted.iter().map(|g| g.resource));
        let partition = arns().find_map(|arn| field(arn, 1)).unwrap_or("aws").to_owned();
        let number = |text: &&str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        let own = field(who.principal, 4).filter(number);
        let mut accounts: BTreeSet<String> = match own {
            Some(own) => BTreeSet::from([own.to_owned()]),
            None => arns().filter_map(|arn| field(arn, 4)).filter(number).map(str::to_owned).collect(),
        };
        let mut by_service: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for one in granted {
            if let Some(region) = field(one.resource, 3) {
                by_service.entry(one.service.to_owned()).or_default().insert(region.to_owned());
            }
        }
        let mut regions: BTreeSet<String> = by_service.values().flatten().cloned().collect();
        for unknown in [&mut accounts, &mut regions].into_iter().filter(|all| all.is_empty()) {
            unknown.insert("*".to_owned());
        }
        let account = own.unwrap_or("*").to_owned();
        Self { partition, accounts, regions, by_service, account }
    }

    /// Regions that the policies name for the service, else for any.
    pub(super) fn regions(&self, service: &str) -> &BTreeSet<String> {
        self.by_service.get(service).unwrap_or(&self.regions)
    }

    /// Whether the resource is in an account of the principal, or its ARN names none.
    pub(super) fn owns(&self, resource: &str) -> bool {
        let account = resource.split(':').nth(4).unwrap_or("");
        account.is_empty() || self.accounts.contains(account)
    }

    /// Where names are limited to, in words.
    pub(super) fn place(&self) -> String {
        let words = |all: &BTreeSet<String>, one: &str, any: &str| {
            let list: Vec<&str> = all.iter().map(String::as_str).collect();
            if list == ["*"] { any.to_owned() } else { format!("{one} {}", list.join(", ")) }
        };
        let (accounts, regions) =
            (words(&self.accounts, "account", "any account"), words(&self.regions, "region", "any region"));
        format!("{accounts}, {regions}")
    }
}

/// A name as a policy holds it.
pub(super) fn written(name: &str) -> String {
    Pattern::literal(name).within_charset().0.to_string()
}

/// Whether every name that fits `asked` fits `pattern`.
pub(super) fn covers(pattern: &str, asked: &str) -> bool {
    // Most pairs differ before the first wildcard: that is told without taking both apart.
    let plain = pattern.split(['*', '?', '$']).next().unwrap_or("");
    asked.starts_with(plain) && Pattern::parse(pattern).covers(&Pattern::parse(asked))
}
