//! What is declared to be logged, in one cell.

use super::text;
use crate::model::coverage::{Bound, Declaration, Reach, Says, Selector, Services};
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A declaration in one cell.
#[derive(Serialize, Deserialize)]
struct DeclarationCell {
    of: String,
    at: Option<i64>,
    says: SaysCell,
}

#[derive(Serialize, Deserialize)]
enum SaysCell {
    Reach(ReachCell),
    Home(ReachCell),
    Selects(Vec<SelectorCell>),
    Logging(bool),
    Within(String),
    Binds(Vec<BoundCell>),
}

#[derive(Serialize, Deserialize)]
struct BoundCell {
    role: String,
    members: BTreeSet<String>,
    conditional: bool,
}

#[derive(Serialize, Deserialize)]
struct ReachCell {
    account: Option<String>,
    region: Option<String>,
    without: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
struct SelectorCell {
    plane: String,
    access: Option<String>,
    services: ServicesCell,
    whole: bool,
    exempt: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
enum ServicesCell {
    All,
    Only(BTreeSet<String>),
    Except(BTreeSet<String>),
}

pub(super) fn cell(one: &Declaration) -> String {
    let reach = |reach: &Reach| ReachCell {
        account: reach.account.clone(),
        region: reach.region.clone(),
        without: reach.without.clone(),
    };
    let selector = |one: &Selector| SelectorCell {
        plane: one.plane.as_str().to_owned(),
        access: one.access.map(|access| access.as_str().to_owned()),
        services: match &one.services {
            Services::All => ServicesCell::All,
            Services::Only(these) => ServicesCell::Only(these.clone()),
            Services::Except(these) => ServicesCell::Except(these.clone()),
        },
        whole: one.whole,
        exempt: one.exempt.clone(),
    };
    let bound = |one: &Bound| BoundCell {
        role: one.role.clone(),
        members: one.members.clone(),
        conditional: one.conditional,
    };
    let says = match &one.says {
        Says::Reach(one) => SaysCell::Reach(reach(one)),
        Says::Home(one) => SaysCell::Home(reach(one)),
        Says::Selects(all) => SaysCell::Selects(all.iter().map(selector).collect()),
        Says::Logging(on) => SaysCell::Logging(*on),
        Says::Within(parent) => SaysCell::Within(parent.clone()),
        Says::Binds(all) => SaysCell::Binds(all.iter().map(bound).collect()),
    };
    let cell = DeclarationCell { of: one.of.clone(), at: one.at.map(|at| at.0), says };
    serde_json::to_string(&cell).unwrap_or_default()
}

pub(super) fn of_cell(cloud: &'static str, cell: &str) -> Option<Declaration> {
    let cell: DeclarationCell = serde_json::from_str(cell).ok()?;
    let reach = |cell: ReachCell| Reach { account: cell.account, region: cell.region, without: cell.without };
    let selector = |cell: SelectorCell| {
        Some(Selector {
            plane: text::plane(&cell.plane)?,
            access: cell.access.as_deref().map(text::access).map_or(Some(None), |known| known.map(Some))?,
            services: match cell.services {
                ServicesCell::All => Services::All,
                ServicesCell::Only(these) => Services::Only(these),
                ServicesCell::Except(these) => Services::Except(these),
            },
            whole: cell.whole,
            exempt: cell.exempt,
        })
    };
    let bound =
        |cell: BoundCell| Bound { role: cell.role, members: cell.members, conditional: cell.conditional };
    let says = match cell.says {
        SaysCell::Reach(cell) => Says::Reach(reach(cell)),
        SaysCell::Home(cell) => Says::Home(reach(cell)),
        SaysCell::Selects(all) => Says::Selects(all.into_iter().map(selector).collect::<Option<_>>()?),
        SaysCell::Logging(on) => Says::Logging(on),
        SaysCell::Within(parent) => Says::Within(parent),
        SaysCell::Binds(all) => Says::Binds(all.into_iter().map(bound).collect()),
    };
    Some(Declaration { cloud, of: cell.of, at: cell.at.map(Timestamp), says })
}
