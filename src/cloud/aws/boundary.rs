//! A permissions boundary (semantics rule 20): a limit of reach, not a second list of grants.
//!
//! Each service in use may do everything, on names that begin with a declared prefix, in the principal's accounts and
//! regions. What cannot be limited so is listed: names that the service makes, resources that the policies share with
//! others, actions that take no resource. When that is more than one document holds, it is cut and then loosened, step
//! by step, in the order of [`STEPS`].
//!
//! Regions stand in ARNs only: `aws:RequestedRegion` would break global services, which answer in one region, and
//! `aws:ResourceAccount` what AWS itself owns.

mod deny;
mod granted;
mod reach;

use super::package::document;
use super::statement::{alphanumeric, camel, prefix};
use crate::catalog;
use crate::catalog::platform::ScopedRule;
use crate::cloud::{Reach as Declared, Subject};
use crate::model::document::{Conditions, Document, DocumentKind, DoesNotFit, Statement};
use deny::Refusals;
use granted::{Granted, Home};
use reach::{Ground, Reach, Width};
use std::collections::{BTreeMap, BTreeSet};

/// How much a boundary spells out.
#[derive(Clone, Copy)]
struct Step {
    /// What this step gives up, against the one before.
    gives_up: &'static str,
    /// Only where names are limited.
    names: bool,
    /// Refuse also what no statement allows.
    idle: bool,
    /// One statement for all services whose actions never work on each other's resources.
    one: bool,
    /// Allow reads without resource types that the policies do not use.
    reads: bool,
    /// What is listed of a service; none: the service is all that is limited.
    width: Option<Width>,
    /// List actions and resources outside the prefixes by action.
    listed: bool,
    /// Free refused actions by resource.
    exact: bool,
}

const FIRST: Step = Step {
    gives_up: "",
    names: false,
    idle: true,
    one: false,
    reads: true,
    width: Some(Width::Types),
    listed: true,
    exact: true,
};

/// From the tightest to the loosest; the first that fits is written.
const STEPS: [Step; 10] = {
    let idle = Step {
        gives_up: "leaves out refusals for services that it does not allow anyway",
        idle: false,
        ..FIRST
    };
    let reads = Step {
        gives_up: "leaves out reads without resource types that the policies do not use",
        names: true,
        reads: false,
        ..idle
    };
    let one = Step {
        gives_up: "puts services into one statement, which changes nothing but how it reads",
        one: true,
        ..reads
    };
    let named = Step {
        gives_up: "of the types whose names the services make, allows only those that the policies' actions work on",
        width: Some(Width::Named),
        ..one
    };
    let touched = Step {
        gives_up: "of the types with chosen names too, allows only those that the policies' actions work on",
        width: Some(Width::Touched),
        ..named
    };
    let joined = Step {
        gives_up: "allows every action on what the policies name outside the prefixes",
        listed: false,
        ..touched
    };
    let places = Step {
        gives_up: "limits no names any more, only accounts and regions",
        width: Some(Width::Places),
        listed: true,
        ..touched
    };
    let services =
        Step { gives_up: "limits no accounts and regions any more, only services", width: None, ..places };
    let open = Step {
        gives_up: "refuses nothing any more of what the policies allow",
        names: false,
        exact: false,
        ..services
    };
    [FIRST, idle, reads, one, named, touched, joined, places, services, open]
};

/// The boundary for a principal with these policies.
pub(super) fn boundary(
    who: &Subject<'_>,
    documents: &[Document],
    declared: Declared<'_>,
) -> Result<Document, DoesNotFit> {
    let granted = Granted::of(documents);
    let home = Home::of(who, &granted);
    let prefixes: Vec<&str> =
        declared.prefixes.iter().map(String::as_str).filter(|p| !p.is_empty()).collect();
    let services: BTreeSet<&str> = granted.iter().map(|g| g.service).collect();
    let ground = Ground { home: &home, prefixes: &prefixes, granted: &granted, services: &services };
    let mut notes = vec![if prefixes.is_empty() {
        "limits services only: no name prefix was declared to limit resources by".to_owned()
    } else {
        let quoted: Vec<String> = prefixes.iter().map(|p| format!("`{p}`")).collect();
        format!("limits names to those that begin with {}, in {}", quoted.join(" or "), home.place())
    }];
    let mut least = (0, 0);
    for step in STEPS.iter().filter(|step| !prefixes.is_empty() || !step.names) {
        if !step.gives_up.is_empty() {
            notes.push(format!("to fit into one document, {}", step.gives_up));
        }
        let step = Step { width: step.width.filter(|_| !prefixes.is_empty()), ..*step };
        let (statements, more) = Draft { who, ground: &ground, step }.write();
        let mut document =
            document(who, DocumentKind::Boundary, format!("{}-boundary", who.slug), statements);
        least = document.size;
        if least.0 <= least.1 {
            notes.extend(more);
            document.notes = notes;
            return Ok(document);
        }
    }
    Err(DoesNotFit::new(format!("the boundary needs {} characters; one document holds {}", least.0, least.1)))
}

/// A boundary at one step.
struct Draft<'a> {
    who: &'a Subject<'a>,
    ground: &'a Ground<'a>,
    step: Step,
}

impl Draft<'_> {
    fn write(&self) -> (Vec<Statement>, Vec<String>) {
        let Some(width) = self.step.width else { return self.services_only() };
        let mut notes = Vec::new();
        let mut reaches: BTreeMap<&str, Reach> = BTreeMap::new();
        for name in self.ground.services {
            if let Some(service) = catalog::aws().table.service(name) {
                reaches.insert(name, self.ground.reach(service, width));
            }
        }
        let mut statements: Vec<Statement> = Vec::new();
        let mut together: Vec<&str> = Vec::new();
        for (service, reach) in reaches.iter().filter(|(_, reach)| !reach.patterns.is_empty()) {
            let (action, patterns) = (format!("{service}:*"), reach.patterns.iter().cloned());
            let joins = self.step.one && together.iter().all(|other| !reach::meet(service, other));
            if let Some(first) = statements.first_mut().filter(|_| joins && !together.is_empty()) {
                "WithinReach".clone_into(&mut first.id);
                first.actions.push(action);
                first.resources.extend(patterns);
            } else {
                statements.push(allow(camel(service), vec![action], patterns.collect()));
            }
            together.extend(joins.then_some(*service));
        }
        notes.extend(unlimited(&reaches, width));
        let outside = reach::outside(self.ground.granted, &reaches, self.ground.home);
        let scoped = self.scoped(width, &outside, &mut statements);
        self.outside(outside, &scoped, &mut statements, &mut notes);
        self.without_types(&scoped, &mut statements, &mut notes);
        let widen = |g: &Granted<'_>| {
            let cover = reaches.get(g.service).and_then(|reach| reach.cover(g.resource));
            cover.unwrap_or(g.resource).to_owned()
        };
        self.refuse(&widen, &mut statements, &mut notes);
        (statements, notes)
    }

    fn services_only(&self) -> (Vec<Statement>, Vec<String>) {
        let actions = self.ground.services.iter().map(|service| format!("{service}:*")).collect();
        let mut statements = vec![allow("ServicesInUse".to_owned(), actions, vec!["*".to_owned()])];
        let mut notes = Vec::new();
        self.refuse(&|g| g.resource.to_owned(), &mut statements, &mut notes);
        (statements, notes)
    }

    fn refuse(
        &self,
        widen: &dyn Fn(&Granted<'_>) -> String,
        statements: &mut Vec<Statement>,
        notes: &mut Vec<String>,
    ) {
        let refusals = Refusals {
            who: self.who,
            home: self.ground.home,
            granted: self.ground.granted,
            widen,
            only: (!self.step.idle).then_some(self.ground.services),
            exact: self.step.exact,
        };
        let refused = refusals.all();
        statements.extend(refused.statements);
        notes.extend(refused.notes);
    }

    /// Actions that a condition key of theirs limits; returns which.
    fn scoped(
        &self,
        width: Width,
        outside: &BTreeMap<&str, BTreeSet<String>>,
        statements: &mut Vec<Statement>,
    ) -> BTreeSet<&'static str> {
        let mut done = BTreeSet::new();
        for row in catalog::aws().boundary.scoped.iter().filter(|_| width != Width::Places) {
            let values = self.names(row, outside);
            if values.is_empty() {
                continue;
            }
            // The key is in every request for these; only an evaluator that does not know it needs the exception.
            let mut statement = allow(row.id.clone(), row.actions.clone(), vec!["*".to_owned()]);
            statement.conditions = deny::condition("ArnLikeIfExists", &row.key, values.into_iter().collect());
            statements.push(statement);
            done.extend(row.actions.iter().map(String::as_str));
        }
        done
    }

    /// ARNs that a condition key may have: within the prefixes, and what the policies name beside them.
    fn names(&self, row: &ScopedRule, outside: &BTreeMap<&str, BTreeSet<String>>) -> BTreeSet<String> {
        let known = row.names.split_once(':').and_then(|(service, name)| {
            let service = catalog::aws().table.service(service)?;
            Some((service, service.resource(name)?))
        });
        let Some((service, kind)) = known.filter(|(s, _)| self.ground.services.contains(s.prefix)) else {
            return BTreeSet::new();
        };
        let mut all: BTreeSet<String> =
            kind.templates.iter().flat_map(|t| self.ground.named(service, kind, t)).collect();
        let beside = outside.iter().filter(|(action, _)| prefix(action) == service.prefix);
        all.extend(beside.flat_map(|(_, names)| names).filter(|name| kind.fits(name)).cloned());
        all
    }

    /// What the policies name outside the prefixes.
    fn outside(
        &self,
        outside: BTreeMap<&str, BTreeSet<String>>,
        scoped: &BTreeSet<&str>,
        statements: &mut Vec<Statement>,
        notes: &mut Vec<String>,
    ) {
        let mut groups: BTreeMap<(&str, BTreeSet<String>), Vec<String>> = BTreeMap::new();
        let mut joined: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let mut told: BTreeSet<String> = BTreeSet::new();
        for (action, names) in outside.into_iter().filter(|(action, _)| !scoped.contains(action)) {
            told.extend(names.iter().cloned());
            joined.entry(prefix(action)).or_default().extend(names.iter().cloned());
            groups.entry((prefix(action), names)).or_default().push(action.to_owned());
        }
        if self.step.listed {
            for ((service, names), actions) in groups {
                let first = actions.first().and_then(|a| a.split_once(':')).map_or("", |(_, name)| name);
                let more = if actions.len() > 1 { "AndMore" } else { "" };
                let id = format!("{}Outside{}{more}", camel(service), alphanumeric(first));
                statements.push(allow(id, actions, names.into_iter().collect()));
            }
        } else {
            for (service, mut names) in joined {
                reach::prune(&mut names);
                let id = format!("{}Outside", camel(service));
                statements.push(allow(id, vec![format!("{service}:*")], names.into_iter().collect()));
            }
        }
        reach::prune(&mut told);
        if !told.is_empty() {
            let told = some(told.iter().map(String::as_str));
            notes.push(format!("allows beside that, because the policies do: {told}"));
        }
    }

    /// Actions that take no resource: those that the policies use, and reads.
    fn without_types(
        &self,
        scoped: &BTreeSet<&str>,
        statements: &mut Vec<Statement>,
        notes: &mut Vec<String>,
    ) {
        let used = self.ground.granted.iter().filter(|g| g.resource == "*" && !scoped.contains(g.action));
        let used: BTreeSet<&str> = used.map(|g| g.action).collect();
        let (mut reads, mut writes) = (BTreeSet::new(), BTreeSet::new());
        let mut left: Vec<String> = Vec::new();
        for service in self.ground.services.iter().filter_map(|s| catalog::aws().table.service(s)) {
            let mut refused = 0_usize;
            for action in service.actions.iter().filter(|a| !scoped.contains(a.full.as_str())) {
                let (plain, is_read) = (action.types.is_empty(), action.level.reads());
                let all = if is_read { &mut reads } else { &mut writes };
                if used.contains(action.full.as_str()) || (plain && is_read && self.step.reads) {
                    all.insert(action.full.clone());
                } else if plain {
                    refused += 1;
                }
            }
            if refused > 0 {
                left.push(format!("{} {refused}", service.prefix));
            }
        }
        let known: BTreeSet<&String> = reads.iter().chain(&writes).collect();
        let rest = used.iter().map(|a| (*a).to_owned()).filter(|a| !known.contains(a));
        let writes: BTreeSet<String> = rest.chain(writes.iter().cloned()).collect();
        if !writes.is_empty() {
            let told = some(writes.iter().map(String::as_str));
            notes.push(format!("does not limit on what these work, for they take no resource: {told}"));
        }
        if !left.is_empty() {
            notes.push(format!(
                "refuses actions that take no resource and that the policies do not use: {}",
                left.join(", ")
            ));
        }
        for (id, actions) in [("ReadsWithoutResources", reads), ("WritesWithoutResources", writes)] {
            if !actions.is_empty() {
                let all = vec!["*".to_owned()];
                statements.push(allow(id.to_owned(), actions.into_iter().collect(), all));
            }
        }
    }
}

/// What no prefix limits, in words.
fn unlimited(reaches: &BTreeMap<&str, Reach>, width: Width) -> Option<String> {
    let told =
        reaches.iter().filter(|(_, reach)| !reach.patterns.is_empty()).filter_map(|(service, reach)| {
            if reach.whole {
                return Some((*service).to_owned());
            }
            let types: Vec<&str> = reach.unnamed.iter().copied().collect();
            (!types.is_empty()).then(|| format!("{service} ({})", types.join(", ")))
        });
    let told: Vec<String> = told.filter(|_| width != Width::Places).collect();
    (!told.is_empty()).then(|| {
        format!("limits to account and region only, for the services make these names: {}", told.join("; "))
    })
}

/// The first of many, and how many more.
fn some<'t>(all: impl Iterator<Item = &'t str>) -> String {
    let all: Vec<&str> = all.collect();
    let shown = all.iter().take(6).copied().collect::<Vec<&str>>().join(", ");
    if all.len() > 6 { format!("{shown} and {} more", all.len() - 6) } else { shown }
}

fn allow(id: String, actions: Vec<String>, resources: Vec<String>) -> Statement {
    Statement { id, effect: "Allow", actions, resources, except: Vec::new(), conditions: Conditions::new() }
}
