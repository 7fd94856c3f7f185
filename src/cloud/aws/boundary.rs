//! A permissions boundary (semantics rule 20): a limit of reach, not a second list of grants.

use super::package::document;
use crate::catalog;
use crate::cloud::Subject;
use crate::model::document::{Conditions, Document, DocumentKind, DoesNotFit, Statement};
use std::collections::BTreeSet;

/// The boundary for a principal with these policies.
pub(super) fn boundary(who: &Subject<'_>, documents: &[Document]) -> Result<Document, DoesNotFit> {
    let granted: BTreeSet<&str> =
        documents.iter().flat_map(|d| &d.statements).flat_map(|s| &s.actions).map(String::as_str).collect();
    let services: BTreeSet<&str> = granted.iter().filter_map(|a| a.split(':').next()).collect();
    let allow = Statement {
        id: "ServicesInUse".to_owned(),
        effect: "Allow",
        actions: services.iter().map(|service| format!("{service}:*")).collect(),
        resources: vec!["*".to_owned()],
        conditions: Conditions::new(),
    };
    let mut statements = vec![allow];
    let mut notes =
        vec!["limits services only: no name prefix was declared to limit resources by".to_owned()];
    for deny in catalog::aws().boundary.iter() {
        let (kept, refused): (Vec<&String>, Vec<&String>) =
            deny.actions.iter().partition(|a| granted.contains(a.as_str()));
        if !kept.is_empty() {
            let kept: Vec<&str> = kept.iter().map(|a| a.as_str()).collect();
            notes.push(format!("{} leaves out {}: this principal uses them", deny.id, kept.join(", ")));
        }
        if !refused.is_empty() {
            statements.push(Statement {
                id: deny.id.clone(),
                effect: "Deny",
                actions: refused.into_iter().cloned().collect(),
                resources: vec!["*".to_owned()],
                conditions: Conditions::new(),
            });
        }
    }
    let mut document = document(who, DocumentKind::Boundary, format!("{}-boundary", who.slug), statements);
    document.notes = notes;
    let (size, limit) = document.size;
    if size > limit {
        return Err(DoesNotFit::new(format!(
            "the boundary needs {size} characters; one document holds {limit}"
        )));
    }
    Ok(document)
}
