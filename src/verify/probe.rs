//! How wide documents are: what they allow that nobody saw their principal do.

use crate::cloud::Evaluator;
use crate::model::usage::{Level, Row, Target};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Probes of others for one principal; more say little more.
const OTHERS: usize = 200;
/// Sibling names.
const SIBLINGS: usize = 100;

/// How many probes were asked, and which were allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Width {
    /// Probes: uses of other principals, and names beside those that this one used.
    pub probes: usize,
    /// How many of them the documents allow.
    pub allowed: usize,
    /// The first few of those.
    pub examples: Vec<String>,
}

/// Asks the documents for what others did, and for names beside its own.
#[must_use]
pub fn width(evaluator: &dyn Evaluator, who: &str, own: &[&Row], others: &[&Row]) -> Width {
    let used: BTreeSet<(&str, &str)> =
        own.iter().map(|row| (&*row.action, row.target.text.as_ref())).collect();
    let step = others.len().div_ceil(OTHERS).max(1);
    let who: Arc<str> = who.into();
    let foreign =
        others.iter().step_by(step).map(|row| Row { principal: Arc::clone(&who), ..(*row).clone() });
    let named: Vec<&&Row> = own.iter().filter(|row| row.target.level == Level::Named).collect();
    let step = named.len().div_ceil(SIBLINGS).max(1);
    let siblings = named.iter().step_by(step).map(|row| {
        let target = Target::named(format!("{}-sibling", row.target.text));
        Row { target, ..(**row).clone() }
    });
    let mut width = Width::default();
    for probe in foreign.chain(siblings) {
        if used.contains(&(&*probe.action, probe.target.text.as_ref())) {
            continue;
        }
        width.probes += 1;
        if evaluator.allows(&probe) {
            width.allowed += 1;
            if width.examples.len() < 3 {
                width.examples.push(super::describe(&probe));
            }
        }
    }
    width
}
