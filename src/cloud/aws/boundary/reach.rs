//! Where the names of a service's resources begin with a declared prefix, and where no prefix can limit them.

use super::granted::{Granted, Home, covers, written};
use crate::catalog;
use crate::catalog::platform::glob;
use crate::catalog::table::{ResourceType, Service};
use crate::catalog::template::{ACCOUNT, PARTITION, Part, REGION, Template};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Stands for a placeholder in a template that is filled otherwise; no ARN holds it.
const OPEN: char = '\u{1}';

/// How much of a service is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// Every resource type.
    Types,
    /// Those with chosen names, and those that the policies' actions work on.
    Named,
    /// Those that the policies' actions work on.
    Touched,
    /// Account and region, no names.
    Places,
}

/// What a boundary lets a service work on.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Patterns, none of which covers another.
    pub(super) patterns: BTreeSet<String>,
    /// Types whose names the service makes, so that they are allowed as a whole.
    pub(super) unnamed: BTreeSet<&'static str>,
    /// No type is limited by name.
    pub(super) whole: bool,
}

impl Reach {
    /// The pattern that covers the resource.
    pub(super) fn cover(&self, resource: &str) -> Option<&str> {
        self.patterns.iter().map(String::as_str).find(|pattern| covers(pattern, resource))
    }
}

/// All that decides reach, beside the service.
pub(super) struct Ground<'a> {
    pub(super) home: &'a Home,
    pub(super) prefixes: &'a [&'a str],
    pub(super) granted: &'a [Granted<'a>],
    pub(super) services: &'a BTreeSet<&'a str>,
}

/// A template with account and region filled in.
struct Form {
    /// Texts between the placeholders.
    texts: Vec<String>,
}

impl Ground<'_> {
    /// What the boundary allows the service.
    pub(super) fn reach(&self, service: &Service, width: Width) -> Reach {
        let touched = self.touched(service);
        let boundary = &catalog::aws().boundary;
        let (mut named, mut made, mut reach) = (BTreeSet::new(), BTreeSet::new(), Reach::default());
        for (at, kind) in service.types.iter().enumerate() {
            let elsewhere = boundary.scoped.iter().any(|row| row.instead.as_ref() == Some(&kind.full));
            // Some types are there for other services' actions only.
            let idle = !service.actions.iter().any(|action| action.types.iter().any(|(own, _)| *own == at));
            if elsewhere || idle && !touched.contains(&at) {
                continue;
            }
            let works = touched.contains(&at) || width == Width::Types;
            for template in kind.templates.iter().filter(|t| !foreign(service, t)) {
                match name_at(kind, template) {
                    Some(_) if !works && width != Width::Named => {}
                    None if !works => {}
                    Some(_) => named.extend(self.named(service, kind, template)),
                    None => {
                        reach.unnamed.insert(kind.name);
                        made.extend(self.forms(service, template).iter().map(Form::open));
                    }
                }
            }
        }
        // Where few types have chosen names, a list of all the others says no more than the account and the region.
        reach.whole = width == Width::Places || named.len() * 4 < named.len() + made.len();
        reach.patterns =
            if reach.whole { self.whole(service) } else { named.into_iter().chain(made).collect() };
        reach.patterns.extend(self.deeper(service, &reach));
        prune(&mut reach.patterns);
        reach
    }

    /// Resource types that the actions in the policies work on.
    fn touched(&self, service: &Service) -> BTreeSet<usize> {
        let own = self.granted.iter().filter(|g| g.service == service.prefix);
        let named = own.clone().filter_map(|g| service.type_of(g.resource));
        let actions = own.filter_map(|g| catalog::aws().table.action(g.action));
        actions.flat_map(|(_, action)| action.types.iter().map(|(at, _)| *at)).chain(named).collect()
    }

    /// Patterns of the names of one type that begin with a prefix.
    pub(super) fn named(
        &self,
        service: &Service,
        kind: &ResourceType,
        template: &Template,
    ) -> BTreeSet<String> {
        let Some((at, placeholder)) = name_at(kind, template) else { return BTreeSet::new() };
        let rows = &catalog::aws().boundary;
        let is = |all: &[String]| all.contains(&kind.full);
        let folded = rows.folded.iter().any(|row| is(&row.resources));
        let bare = rows.bare.iter().any(|row| is(&row.resources));
        let heads = rows.head.iter().filter(|row| {
            row.resource == kind.full && row.services.iter().any(|s| self.services.contains(s.as_str()))
        });
        let heads: Vec<&str> = std::iter::once("").chain(heads.map(|row| row.head.as_str())).collect();
        let mut all = BTreeSet::new();
        for form in self.forms(service, template) {
            let base = form.texts.get(..=at).unwrap_or_default().join("*");
            for prefix in self.prefixes {
                let slash = placeholder.ends_with("WithoutLeadingSlash");
                let prefix = if slash { prefix.trim_start_matches('/') } else { prefix };
                let lower = Some(prefix.to_lowercase()).filter(|lower| folded && lower != prefix);
                for prefix in std::iter::once(prefix.to_owned()).chain(lower) {
                    all.extend(heads.iter().map(|head| format!("{base}{head}{}*", written(&prefix))));
                }
                let stem = prefix.trim_end_matches(|c: char| !c.is_alphanumeric());
                if bare && !stem.is_empty() && stem != prefix {
                    let after = form.texts.get(at + 1).map_or("", String::as_str);
                    all.insert(format!("{base}{}{after}*", written(stem)));
                }
            }
        }
        all
    }

    /// The template in every account and region of the principal.
    fn forms(&self, service: &Service, template: &Template) -> Vec<Form> {
        let has = |var: &'static str| template.parts.contains(&Part::Var(var));
        let none = BTreeSet::from([String::new()]);
        let regions = if has(REGION) { self.home.regions(service.prefix) } else { &none };
        let accounts = if has(ACCOUNT) { &self.home.accounts } else { &none };
        let places = regions.iter().flat_map(|region| accounts.iter().map(move |account| (region, account)));
        places.map(|(region, account)| Form::of(template, &self.home.partition, region, account)).collect()
    }

    /// The service in the principal's accounts and regions, whatever the names.
    fn whole(&self, service: &Service) -> BTreeSet<String> {
        let templates = service.types.iter().flat_map(|kind| &kind.templates);
        let forms = templates.filter(|t| !foreign(service, t)).flat_map(|t| self.forms(service, t));
        forms.filter_map(|form| fields(&form.texts.concat()).map(|(place, _)| format!("{place}*"))).collect()
    }

    /// Names that have a prefix further on, where the policies have such: a path, a key in a shared bucket.
    fn deeper(&self, service: &Service, reach: &Reach) -> BTreeSet<String> {
        let own = self.granted.iter().filter(|g| g.service == service.prefix && self.home.owns(g.resource));
        let outside = own.filter(|g| reach.cover(g.resource).is_none());
        let cut = |resource: &str, prefix: &str| {
            let needle = format!("/{}", written(prefix.trim_start_matches('/')));
            let head = resource.get(..resource.find(&needle)? + needle.len())?;
            let (_, name) = fields(head)?;
            let kind = service.types.get(service.type_of(resource)?)?;
            let named = kind.templates.iter().any(|t| name_at(kind, t).is_some() && !foreign(service, t));
            (named && !name.contains(['*', '?'])).then(|| format!("{head}*"))
        };
        outside.flat_map(|g| self.prefixes.iter().filter_map(move |p| cut(g.resource, p))).collect()
    }
}

impl Form {
    fn of(template: &Template, partition: &str, region: &str, account: &str) -> Self {
        let filled = template.fill(|var| {
            Some(Cow::Owned(match var {
                PARTITION => partition.to_owned(),
                REGION => region.to_owned(),
                ACCOUNT => account.to_owned(),
                _ => OPEN.to_string(),
            }))
        });
        Self { texts: filled.unwrap_or_default().split(OPEN).map(str::to_owned).collect() }
    }

    /// The text before the first placeholder, and whatever follows.
    fn open(&self) -> String {
        let head = self.texts.first().map_or("", String::as_str);
        if self.texts.len() > 1 { format!("{head}*") } else { head.to_owned() }
    }
}

/// Which placeholder of a type's ARN holds a chosen name.
fn name_at(kind: &ResourceType, template: &Template) -> Option<(usize, &'static str)> {
    let rows = &catalog::aws().boundary.named;
    let fits =
        |row: &&crate::catalog::platform::NamedRule, var: &str| row.placeholders.iter().any(|p| glob(p, var));
    let mut vars = template.own_vars().enumerate();
    let own = rows.iter().find(|row| row.resources.contains(&kind.full));
    match own {
        Some(row) => vars.find(|(_, var)| fits(&row, var)),
        None => vars
            .next()
            .filter(|(_, var)| rows.iter().filter(|r| r.resources.is_empty()).any(|r| fits(&r, var))),
    }
}

/// Whether the ARN is another service's: `ssm` may name instances of EC2.
fn foreign(service: &Service, template: &Template) -> bool {
    let owner = owner(template);
    owner != service.prefix && catalog::aws().table.service(&owner).is_some()
}

fn owner(template: &Template) -> String {
    let arn = Form::of(template, "", "", "").texts.concat();
    arn.split(':').nth(2).unwrap_or("").to_owned()
}

/// Whether actions of one of the services work on resources of the other.
pub(super) fn meet(one: &str, other: &str) -> bool {
    let reaches = |from: &str, to: &str| {
        let kinds = catalog::aws().table.service(from).map_or(&[][..], |service| &service.types);
        kinds.iter().flat_map(|kind| &kind.templates).any(|t| owner(t) == to)
    };
    reaches(one, other) || reaches(other, one)
}

/// An ARN's part up to the resource, and the resource.
pub(super) fn fields(arn: &str) -> Option<(&str, &str)> {
    let (at, _) = arn.match_indices(':').nth(4)?;
    Some((arn.get(..=at)?, arn.get(at + 1..)?))
}

/// The resource that holds this one and has a name of its own: the bucket of an object. Others stand as they are.
pub(super) fn container(service: &Service, resource: &str) -> String {
    let held = || {
        let kind = service.types.get(service.type_of(resource)?)?;
        let template = kind.templates.iter().find(|t| t.matches(resource).is_some())?;
        let (0, _) = name_at(kind, template)? else { return None };
        let place: Vec<&str> = resource.splitn(6, ':').collect();
        let part = |at: usize| place.get(at).copied().unwrap_or("");
        let form = Form::of(template, part(1), part(3), part(4));
        let (head, after) = (form.texts.first()?, form.texts.get(1).filter(|after| !after.is_empty())?);
        let at = resource.strip_prefix(head.as_str())?.find(after.as_str())?;
        Some(format!("{}*", resource.get(..head.len() + at + after.len())?))
    };
    held().unwrap_or_else(|| resource.to_owned())
}

/// Drops patterns that another one covers.
pub(super) fn prune(patterns: &mut BTreeSet<String>) {
    let all: Vec<String> = patterns.iter().cloned().collect();
    patterns.retain(|one| !all.iter().any(|other| other != one && covers(other, one)));
}

/// Grants that no reach covers, by action: what they name.
pub(super) fn outside<'a>(
    granted: &'a [Granted<'a>],
    reaches: &BTreeMap<&str, Reach>,
    home: &Home,
) -> BTreeMap<&'a str, BTreeSet<String>> {
    let mut all: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let covered = |g: &Granted<'_>| reaches.get(g.service).is_some_and(|r| r.cover(g.resource).is_some());
    for one in granted.iter().filter(|g| g.resource != "*" && !covered(g)) {
        let service = catalog::aws().table.service(one.service).filter(|_| home.owns(one.resource));
        let named = service.map_or_else(|| one.resource.to_owned(), |s| container(s, one.resource));
        all.entry(one.action).or_default().insert(named);
    }
    all.values_mut().for_each(prune);
    all
}
