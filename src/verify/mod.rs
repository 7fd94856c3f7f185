//! The law of replay (semantics rule 6): what was used is allowed, what is withheld is not. Only what passes here can
//! be rendered.

pub mod probe;

use crate::cloud::{Cloud, Evaluator};
use crate::model::document::{Conditions, Document, DocumentKind};
use crate::model::time::Timestamp;
use crate::model::usage::{Basis, Level, Outcome, Row, Seen, Target};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Documents that passed; nothing else can make one.
#[derive(Clone, Debug)]
pub struct Verified {
    documents: Vec<Document>,
    replayed: usize,
    shared: Vec<String>,
}

impl Verified {
    /// Withheld uses that are allowed all the same, since a kept one needs the same grant.
    #[must_use]
    pub fn shared(&self) -> &[String] {
        &self.shared
    }

    /// The documents.
    #[must_use]
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// Rows that were replayed.
    #[must_use]
    pub fn replayed(&self) -> usize {
        self.replayed
    }
}

/// Why documents did not pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// A use would be denied.
    #[error("replay: {count} uses would be denied, the first is {first}")]
    Denies {
        /// How many.
        count: usize,
        /// `action on resource`.
        first: String,
    },
    /// A withheld use would be allowed.
    #[error("replay: a withheld use would be allowed: {0}")]
    AllowsWithheld(String),
    /// A use that is never to be granted would be allowed.
    #[error("replay: `[[never]]` forbids what would be allowed: {0}")]
    AllowsNever(String),
    /// An action that the catalog does not know.
    #[error("`{0}` is no known action")]
    UnknownAction(String),
    /// The evaluator cannot read the document.
    #[error("the document cannot be read back: {0}")]
    Unreadable(String),
    /// The limit denies what the policy allows.
    #[error("the boundary or deny policy would deny {0}")]
    Boundary(String),
    /// The boundary allows what it should refuse.
    #[error("the boundary or deny policy would allow {0}")]
    Opens(String),
}

/// Whether replay asks a row to be allowed.
#[must_use]
pub fn must_allow(row: &Row) -> bool {
    matches!(row.outcome, Outcome::Allowed | Outcome::Failed) && row.exempt.is_none()
}

/// A row as messages name it.
#[must_use]
pub fn describe(row: &Row) -> String {
    if row.target.text.is_empty() {
        row.action.to_string()
    } else {
        format!("{} on {}", row.action, row.target.text)
    }
}

/// Checks documents against the rows of their principal.
///
/// # Errors
/// What would go wrong were they applied.
pub fn verify(
    cloud: &dyn Cloud,
    documents: Vec<Document>,
    rows: &[&Row],
    kept: Kept<'_>,
) -> Result<Verified, Rejected> {
    for action in documents.iter().flat_map(|d| &d.statements).flat_map(|s| &s.actions) {
        if !action.ends_with(":*") && !cloud.knows(action) {
            return Err(Rejected::UnknownAction(action.clone()));
        }
    }
    let texts = |kind: DocumentKind| -> Vec<String> {
        documents.iter().filter(|d| d.kind == kind).map(|d| d.text.clone()).collect()
    };
    let policies = cloud.evaluator(&texts(DocumentKind::Policy)).map_err(Rejected::Unreadable)?;
    let (replayed, shared) = replay(cloud, policies.as_ref(), rows, kept)?;
    let instead = texts(DocumentKind::Alternative);
    if !instead.is_empty() {
        let instead = cloud.evaluator(&instead).map_err(Rejected::Unreadable)?;
        replay(cloud, instead.as_ref(), rows, kept)?;
    }
    let boundaries = texts(DocumentKind::Boundary);
    if !boundaries.is_empty() {
        let limit = cloud.evaluator(&boundaries).map_err(Rejected::Unreadable)?;
        let denied = rows.iter().find(|row| must_allow(row) && !limit.allows(row));
        if let Some(row) = denied {
            return Err(Rejected::Boundary(describe(row)));
        }
        covered(limit.as_ref(), cloud, &documents)?;
    }
    Ok(Verified { documents, replayed, shared })
}

/// Checks a limit that holds for many principals: it must refuse just the uses that it is said to refuse. `beside`: what
/// its evaluator must know.
///
/// # Errors
/// Where it does something else than it says.
pub fn limit(
    cloud: &dyn Cloud,
    document: Document,
    beside: &[String],
    rows: &[&Row],
    refuses: &dyn Fn(&Row) -> bool,
) -> Result<Verified, Rejected> {
    let texts = [std::slice::from_ref(&document.text), beside].concat();
    let evaluator = cloud.evaluator(&texts).map_err(Rejected::Unreadable)?;
    for row in rows {
        match (evaluator.allows(row), refuses(row)) {
            (false, false) => return Err(Rejected::Boundary(describe(row))),
            (true, true) => return Err(Rejected::Opens(describe(row))),
            _ => {}
        }
    }
    Ok(Verified { documents: vec![document], replayed: rows.len(), shared: Vec::new() })
}

/// Says of a use whether a person keeps it.
pub type Kept<'k> = &'k dyn Fn(&Row) -> bool;

/// Checks that a boundary takes nothing from the policies: each action of theirs is asked for on each resource, patterns
/// as a whole, with the conditions' values attested.
///
/// # Errors
/// The first that the boundary would deny.
pub fn covered(limit: &dyn Evaluator, cloud: &dyn Cloud, documents: &[Document]) -> Result<usize, Rejected> {
    let policies = documents.iter().filter(|d| d.kind == DocumentKind::Policy);
    let mut asked = 0;
    for (document, statement) in policies.flat_map(|d| d.statements.iter().map(move |s| (d, s))) {
        let context = attested(&statement.conditions);
        for action in &statement.actions {
            for resource in statement.resources.iter().filter(|r| cloud.means(action, r)) {
                let row = probe(cloud.id(), document, action, resource, context.clone());
                if !limit.allows(&row) {
                    return Err(Rejected::Boundary(describe(&row)));
                }
                asked += 1;
            }
        }
    }
    Ok(asked)
}

/// What a request within the conditions attests: any of the values.
fn attested(conditions: &Conditions) -> BTreeMap<String, String> {
    let plain = |value: &String| value.replace("${*}", "*").replace("${?}", "?").replace("${$}", "$");
    let keys = conditions.iter().filter(|(operator, _)| !operator.contains("Not")).flat_map(|(_, keys)| keys);
    keys.map(|(key, values)| (key.clone(), values.iter().map(plain).collect::<Vec<_>>().join("\u{1f}")))
        .collect()
}

fn probe(
    cloud: &'static str,
    document: &Document,
    action: &str,
    resource: &str,
    context: BTreeMap<String, String>,
) -> Row {
    Row {
        cloud,
        principal: document.principal.as_str().into(),
        action: action.into(),
        target: Target::pattern(Level::Partial, resource.to_owned()),
        scope: document.scope.as_str().into(),
        context: Arc::new(context),
        outcome: Outcome::Allowed,
        basis: Basis::Event,
        via: None,
        rule: "".into(),
        exempt: None,
        seen: Seen::once(Timestamp::UNKNOWN, ""),
    }
}

/// Checks rendered files, by their names without endings, the same way.
///
/// # Errors
/// What would go wrong were they applied.
pub fn verify_files(
    cloud: &dyn Cloud,
    files: &[(String, String)],
    rows: &[&Row],
    kept: Kept<'_>,
) -> Result<usize, Rejected> {
    let texts = cloud.documents(files).map_err(Rejected::Unreadable)?;
    let evaluator = cloud.evaluator(&texts).map_err(Rejected::Unreadable)?;
    replay(cloud, evaluator.as_ref(), rows, kept).map(|(replayed, _)| replayed)
}

/// How many rows were replayed, and which withheld uses are allowed for the sake of a kept one.
fn replay(
    cloud: &dyn Cloud,
    evaluator: &dyn Evaluator,
    rows: &[&Row],
    kept: Kept<'_>,
) -> Result<(usize, Vec<String>), Rejected> {
    let asked: Vec<&Row> = rows.iter().copied().filter(|row| must_allow(row)).collect();
    let denied: Vec<&&Row> = asked.iter().filter(|row| !evaluator.allows(row)).collect();
    if let Some(first) = denied.first() {
        return Err(Rejected::Denies { count: denied.len(), first: describe(first) });
    }
    let never = rows.iter().find(|row| row.exempt == Some("never") && evaluator.allows(row));
    if let Some(row) = never {
        return Err(Rejected::AllowsNever(describe(row)));
    }
    let mut shared = Vec::new();
    for row in rows.iter().filter(|row| row.outcome == Outcome::Withheld && evaluator.allows(row)) {
        if !kept(row) && !asked.iter().any(|other| cloud.same_grant(other, row)) {
            return Err(Rejected::AllowsWithheld(describe(row)));
        }
        shared.push(describe(row));
    }
    shared.dedup();
    Ok((asked.len(), shared))
}
