//! Where actions mean anything: on which of the resource texts of some grants IAM asks for them.

use super::shape;
use super::statement::{Names, prefix};
use crate::catalog;
use crate::catalog::table::{Action, ResourceType, Service};
use crate::catalog::template::Template;
use crate::model::pattern::Pattern;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// Whether resource texts may stand for something of a type, by service, place of the type, and text: it holds whatever the
/// grants are.
pub(super) type Kinds = FxHashMap<(&'static str, usize), FxHashMap<String, bool>>;

/// Which actions of some grants mean anything on which of their resources: asked once for each pair, and of the catalog
/// once for each type.
pub(super) struct Asked<'n, 'k> {
    names: &'n Names<'n>,
    meanings: Vec<Option<Meaning>>,
    /// By action, then by resource.
    answers: Vec<Option<bool>>,
    kinds: &'k mut Kinds,
}

impl<'n, 'k> Asked<'n, 'k> {
    pub(super) fn new(names: &'n Names<'n>, kinds: &'k mut Kinds) -> Self {
        let (actions, resources) = (names.actions.len(), names.resources.len());
        let meanings = std::iter::repeat_with(|| None).take(actions).collect();
        Self { names, meanings, answers: vec![None; actions * resources], kinds }
    }

    /// Whether none of the actions means anything on those resources, beside the ones they share.
    pub(super) fn apart(
        &mut self,
        actions: &BTreeSet<usize>,
        resources: &BTreeSet<usize>,
        shared: &BTreeSet<usize>,
    ) -> bool {
        let foreign: Vec<usize> = resources.difference(shared).copied().collect();
        actions.iter().all(|action| foreign.iter().all(|resource| !self.applies(*action, *resource)))
    }

    fn applies(&mut self, action: usize, resource: usize) -> bool {
        let place = action * self.names.resources.len() + resource;
        if let Some(Some(known)) = self.answers.get(place) {
            return *known;
        }
        let Some(meaning) = self.meanings.get_mut(action) else { return true };
        let meaning = meaning.get_or_insert_with(|| Meaning::of(self.names.action(action)));
        let kinds = &mut *self.kinds;
        let applies = meaning.on(self.names.resource(resource), |service, at, text| {
            let known = kinds.entry((service.prefix, at)).or_default();
            if let Some(known) = known.get(text) {
                return *known;
            }
            let is = is_kind(service, at, text);
            known.insert(text.to_owned(), is);
            is
        });
        if let Some(answer) = self.answers.get_mut(place) {
            *answer = Some(applies);
        }
        applies
    }
}

/// What the catalog knows of an action: where IAM asks for it.
struct Meaning {
    known: Option<(&'static Service, &'static Action)>,
    /// Places of its resource types in the service, those of the generated table and others.
    types: Vec<usize>,
    /// The services in their ARNs; none where a type leaves that open.
    fields: Option<Vec<&'static str>>,
}

impl Meaning {
    fn of(action: &str) -> Self {
        let Some((service, known)) = catalog::aws().table.action(action) else {
            return Self { known: None, types: Vec::new(), fields: None };
        };
        let more = catalog::aws().types.iter().filter(|row| row.actions.iter().any(|a| a == action));
        let more: BTreeSet<&str> = more.flat_map(|row| &row.types).map(String::as_str).collect();
        let listed = |at: usize| known.types.iter().any(|(known, _)| *known == at);
        let types = service.types.iter().enumerate();
        let types = types.filter(|(at, kind)| listed(*at) || more.contains(kind.name)).map(|(at, _)| at);
        let types: Vec<usize> = types.collect();
        let kinds = types.iter().filter_map(|at| service.types.get(*at));
        let fields: Option<BTreeSet<&str>> =
            kinds.flat_map(|kind| &kind.templates).map(Template::service).collect();
        let fields = fields.map(|fields| fields.into_iter().collect());
        Self { known: Some((service, known)), types, fields }
    }

    /// Whether the action is asked for on anything that the text stands for, where `is_kind` says of a type whether the
    /// text may stand for one of it.
    fn on(&self, resource: &str, mut is_kind: impl FnMut(&'static Service, usize, &str) -> bool) -> bool {
        let Some((service, known)) = self.known else { return true };
        if resource == "*" {
            return true;
        }
        let field = resource.split(':').nth(2);
        if service.prefix == "apigateway" {
            return field == Some("apigateway") && shape::path_takes(known.name, resource);
        }
        if known.types.is_empty() {
            return true;
        }
        // No wildcard reaches into the service field: most pairs are told apart by it alone.
        if let (Some(fields), Some(field)) = (&self.fields, field)
            && !fields.contains(&field)
        {
            return false;
        }
        let near = |kind: &ResourceType| {
            kind.templates.iter().any(|t| t.service().is_none() || t.service() == field)
        };
        let types = self.types.iter().filter(|at| service.types.get(**at).is_some_and(near));
        types.into_iter().any(|at| is_kind(service, *at, resource))
    }
}

/// Whether what the text stands for may be of the type: where it fits, it is of the most specific type that does.
fn is_kind(service: &Service, at: usize, resource: &str) -> bool {
    let Some(kind) = service.types.get(at) else { return false };
    if kind.fits(resource) {
        return service.is_type(at, resource);
    }
    kind.templates.iter().map(shape::anywhere).any(|all| meets(&all.to_string(), resource))
}

/// Whether IAM asks for the action on anything that the resource text stands for. What the catalog does not know may.
pub(super) fn applies(action: &str, resource: &str) -> bool {
    Meaning::of(action).on(resource, is_kind)
}

/// Whether a name of the type may be one of those the resource text stands for. Partition, service, region and account are
/// fields of their own: no wildcard of a policy's own part reaches into them, and where a type has none, its names have none.
fn meets(kind: &str, resource: &str) -> bool {
    let (mut known, mut asked) = (kind.splitn(6, ':'), resource.splitn(6, ':'));
    let fields = known.by_ref().take(5).zip(asked.by_ref().take(5));
    let one = |(known, asked): (&str, &str)| {
        let empty = known.is_empty() && !asked.contains('*');
        if empty || asked.is_empty() {
            known == asked
        } else {
            Pattern::parse(known).overlaps(&Pattern::parse(asked))
        }
    };
    let same: Vec<bool> = fields.map(one).collect();
    same.iter().all(|same| *same)
        && match (known.next(), asked.next()) {
            (Some(known), Some(asked)) => Pattern::parse(known).overlaps(&Pattern::parse(asked)),
            // A wildcard that stands for several fields.
            _ => true,
        }
}

/// Whether the action may mean something there: also where the catalog does not know what the resource is.
pub(super) fn may_apply(action: &str, resource: &str) -> bool {
    applies(action, resource)
        || (resource.split(':').nth(2) == Some(prefix(action)) && shape::type_of(resource).is_none())
}

#[cfg(test)]
mod tests {
    use super::applies;

    #[test]
    fn actions_mean_something_only_on_their_types() {
        let bucket = "arn:aws:s3:::orders";
        assert!(applies("s3:ListBucket", bucket) && !applies("s3:GetObject", bucket));
        assert!(!applies("s3:ListBucket", "arn:aws:sqs:eu-central-1:111122223333:orders"));
        assert!(applies("s3:GetObject", "arn:aws:s3:::orders*"), "a star takes in the keys of such a bucket");
        assert!(applies("s3:GetObject", "*"));
        assert!(
            !applies("s3:ListBucket", "arn:aws:s3:::orders/incoming/*"),
            "below a bucket there are objects"
        );
    }
}
