//! Where the value of one placeholder may stand: a hand-written fill, a parameter called like it, an id of its form.

use super::super::{ids, passed};
use super::Namer;
use crate::catalog;
use crate::catalog::overlay::Fill;
use crate::catalog::template::Part;
use crate::model::usage::Target;
use crate::wire::leaves::{Leaf, Leaves, normal};
use std::collections::BTreeSet;

impl Namer<'_, '_> {
    pub(super) fn by_rule(&self, var: &str) -> Vec<(String, String)> {
        let Some(paths) = self.rule.and_then(|rule| rule.fill.get(var)) else { return Vec::new() };
        paths.list().iter().map(|spec| self.hand_values(spec)).find(|v| !v.is_empty()).unwrap_or_default()
    }

    pub(super) fn by_hand_or_name(&self, var: &str) -> Vec<(String, String)> {
        let by_hand = self.by_hand(var);
        if by_hand.is_empty() { self.by_name(&self.ctx.request, var) } else { by_hand }
    }

    /// Whether the type's own fill takes the names of several parameters.
    pub(super) fn takes_all(&self) -> bool {
        let own = self.resource.templates.first().and_then(|t| t.own_vars().last());
        own.is_some_and(|var| self.fills(var).any(|fill| fill.all))
    }

    /// Whether a hand-written fill speaks for the placeholder: it says that nothing does, or its parameter is there.
    pub(super) fn is_spoken_for(&self, var: &str) -> bool {
        let path = |spec: &str| spec.split('|').next().unwrap_or("").trim().to_owned();
        self.fills(var).any(|fill| {
            let from = fill.from.list();
            from.is_empty() || from.iter().any(|spec| self.ctx.request.has(&path(spec)))
        })
    }

    /// Hand-written fills for a placeholder of this type and action, those for this very action first.
    pub(super) fn fills<'s>(&'s self, var: &'s str) -> impl Iterator<Item = &'static Fill> + 's {
        let fits = move |fill: &&Fill| {
            fill.placeholder == var
                && fill.held_by.is_none()
                && (fill.actions.is_empty() || fill.actions.iter().any(|a| a == self.action.name))
        };
        let fills = catalog::aws().fills.get(&self.resource.full).map_or(&[][..], Vec::as_slice);
        let own = fills.iter().filter(fits).filter(|fill| !fill.actions.is_empty());
        own.chain(fills.iter().filter(fits).filter(|fill| fill.actions.is_empty()))
    }

    /// Holes for what the request names by something that other records tell of; a read takes the type as it is.
    pub(super) fn held(&self) -> Vec<Target<'static>> {
        let fills = catalog::aws().fills.get(&self.resource.full).map_or(&[][..], Vec::as_slice);
        let reads = self.action.level.reads();
        let fills = fills.iter().filter_map(|fill| Some((fill, fill.held_by.as_deref()?))).filter(|_| !reads);
        let holes = fills.flat_map(|(fill, kind)| {
            let specs = fill.from.list().iter();
            let names = specs.map(|spec| self.hand_values(spec)).find(|names| !names.is_empty());
            let head = self.resource.templates.first().and_then(|t| self.ctx.fill(t, |_| Some("".into())));
            let key = |(name, _): (String, String)| passed::holder(self.ctx, kind, &name);
            let keys = names.unwrap_or_default().into_iter().filter_map(key);
            keys.filter_map(move |key| Some(Target::hole(head.as_deref()?, &key))).collect::<Vec<_>>()
        });
        holes.collect()
    }

    pub(super) fn by_hand(&self, var: &str) -> Vec<(String, String)> {
        for fill in self.fills(var) {
            let mut found = fill.from.list().iter().map(|spec| self.hand_values(spec));
            let values: Vec<_> = if fill.all {
                found.flatten().collect()
            } else {
                found.find(|values| !values.is_empty()).unwrap_or_default()
            };
            if !values.is_empty() {
                return values;
            }
        }
        Vec::new()
    }

    /// Values of one alternative: `path | filter …`, `= constant`, and after `append` what the service adds to a name.
    pub(super) fn hand_values(&self, spec: &str) -> Vec<(String, String)> {
        if let Some(constant) = spec.strip_prefix("= ") {
            let wild = constant.contains('*');
            return vec![if wild {
                (String::new(), constant.to_owned())
            } else {
                (constant.to_owned(), String::new())
            }];
        }
        let (path, suffix) = spec.split_once("| append ").unwrap_or((spec, ""));
        let values = self.ctx.values(path).into_iter().filter(|v| !v.starts_with("arn:"));
        let may_be_empty = ["| blank ", "| public "].iter().any(|filter| path.contains(filter));
        let values = values.filter(|v| !v.is_empty() || may_be_empty);
        values.map(|v| (v.into_owned(), suffix.to_owned())).collect()
    }

    /// Whether constants alone would name the type: then nothing names it.
    pub(super) fn constants_only(&self) -> bool {
        let Some(template) = self.resource.templates.first() else { return true };
        template.own_vars().all(|var| {
            let hit =
                self.fills(var).flat_map(|f| f.from.list()).find(|spec| !self.hand_values(spec).is_empty());
            let constant = hit.map_or_else(
                || self.by_name(&self.ctx.request, var).is_empty(),
                |spec| spec.starts_with("= "),
            );
            constant && !self.fills(var).any(|fill| fill.alone)
        })
    }

    /// Leaves called like the placeholder.
    pub(super) fn by_name(&self, leaves: &Leaves<'_>, var: &str) -> Vec<(String, String)> {
        if self.is_spoken_for(var) {
            return Vec::new();
        }
        let Some(template) = self.resource.templates.first() else { return Vec::new() };
        let (kind, core) = (self.resource.kind.as_str(), template.core(var));
        let generic = matches!(core, "id" | "name" | "identifier" | "resourceid" | "resourcename");
        // Only the type's own placeholder is called after the type; the ones before it name what it lies in.
        let mut vars = template.own_vars();
        let (first, last) = (vars.next(), vars.last());
        let own = last.or(first) == Some(var) && (last.is_none() || core.contains(kind));
        let fits = |leaf: &&Leaf<'_>| {
            let key = leaf.key();
            // A placeholder for an id is not filled by a name.
            let an_id = core.ends_with("id");
            let of_kind = |key: &str| match key.strip_prefix(kind) {
                Some("name") => !an_id,
                Some(rest) => matches!(rest, "" | "id" | "identifier"),
                None => false,
            };
            let bare = |key: &str| key == "id" || (key == "name" && !an_id);
            let top = !leaf.path.contains('.');
            let singular = key.strip_suffix('s').unwrap_or(key);
            let below = || leaf.path.rsplit('.').nth(1) == Some(kind);
            (!generic && (key == core || singular == core))
                || (own && (of_kind(key) || of_kind(singular)))
                || (own && bare(key) && ((top && self.is_about(kind)) || below()))
                || (generic && key == core && below())
        };
        let plain = |leaf: &&Leaf<'_>| !leaf.is_arn() && !leaf.value().contains("://");
        let values: BTreeSet<String> =
            leaves.naming().filter(fits).filter(plain).map(|l| self.without_slash(var, l.value())).collect();
        values.into_iter().map(|v| (v, String::new())).collect()
    }

    /// Whether the event is called after the type.
    pub(super) fn is_about(&self, kind: &str) -> bool {
        let event = normal(self.event);
        event.strip_suffix('s').unwrap_or(&event).ends_with(kind) || event.ends_with(kind)
    }

    /// A template that puts its own slash before the placeholder takes the name without one.
    pub(super) fn without_slash(&self, var: &str, value: &str) -> String {
        let slash = self.resource.templates.iter().any(|template| {
            template.parts.windows(2).any(|pair| match pair {
                [Part::Text(text), Part::Var(name)] => *name == var && text.ends_with('/'),
                _ => false,
            })
        });
        if slash { value.strip_prefix('/').unwrap_or(value).to_owned() } else { value.to_owned() }
    }

    /// Values that carry the EC2 id prefix of this type.
    pub(super) fn by_id(&self, leaves: &Leaves<'_>) -> Vec<(String, String)> {
        if self.service.prefix != "ec2" {
            return Vec::new();
        }
        let own = |leaf: &&Leaf<'_>| leaf.may_be_id() && ids::kind(leaf.value()) == Some(self.resource.name);
        let values: BTreeSet<String> =
            leaves.naming().filter(own).map(|leaf| leaf.value().to_owned()).collect();
        values.into_iter().map(|v| (v, String::new())).collect()
    }
}
