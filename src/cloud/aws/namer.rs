//! The cascade for one resource type of one action: where a record may name it, best evidence first.

use super::resource::{Ctx, Found, percent_decode};
use crate::catalog;
use crate::catalog::overlay::{Fill, UseRule};
use crate::catalog::table::{Action, ResourceType, Service};
use crate::catalog::template::{ACCOUNT, ACCOUNT_ID, PARTITION, Part, REGION, Template};
use crate::model::pattern::escape;
use crate::model::usage::{Level, Target};
use crate::wire::leaves::{Leaf, Leaves, normal};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Names one resource type of one action.
pub(super) struct Namer<'n, 'c> {
    pub(super) ctx: &'n Ctx<'c>,
    pub(super) service: &'n Service,
    pub(super) action: &'n Action,
    pub(super) event: &'n str,
    pub(super) rule: Option<&'n UseRule>,
    pub(super) at: usize,
    pub(super) resource: &'n ResourceType,
    /// The action needs the type, so it cannot be about another instead.
    pub(super) required: bool,
    /// The type is required, or the only one.
    pub(super) alone: bool,
}

impl Namer<'_, '_> {
    /// Names of the type that the record gives, with the rule that found them.
    pub(super) fn names(&self) -> Vec<Found> {
        if self.required && self.resource.templates.iter().all(|t| t.own_vars().next().is_none()) {
            if self.alternative() {
                return Vec::new();
            }
            let fixed = self.resource.templates.first().and_then(|t| self.ctx.fill(t, |_| None));
            return fixed.map(|arn| (Target::named(arn), "fixed-name")).into_iter().collect();
        }
        let named =
            |arns: Vec<String>, rule| arns.into_iter().map(|arn| (Target::named(arn), rule)).collect();
        let listed = self.ctx.record.resources.0.iter().filter_map(|r| r.arn.filled().map(str::to_owned));
        let listed = self.fitting(listed);
        if !listed.is_empty() && !self.ctx.element {
            return named(listed, "resources");
        }
        let by_rule = self.filled(&|var| self.by_rule(var));
        if !by_rule.is_empty() {
            return mark(by_rule, "event-rule");
        }
        let in_request = self.fitting(arn_leaves(&self.ctx.request));
        if !in_request.is_empty() {
            return named(in_request, "request-arn");
        }
        let by_hand = self.filled(&|var| self.by_hand_or_name(var));
        if !by_hand.is_empty()
            && !self.constants_only()
            && self.resource.templates.iter().any(|t| t.own_vars().any(|v| self.fills(v).next().is_some()))
        {
            return mark(by_hand, "fill");
        }
        let writes = !self.action.level.reads();
        let in_answer = if writes { self.fitting(arn_leaves(self.ctx.response())) } else { Vec::new() };
        if !in_answer.is_empty() {
            return named(in_answer, "response-arn");
        }
        let by_name = self.filled(&|var| self.by_name(&self.ctx.request, var));
        if !by_name.is_empty() {
            return mark(by_name, "parameter");
        }
        let by_id = self.filled(&|_| self.by_id(&self.ctx.request));
        if !by_id.is_empty() {
            return mark(by_id, "id-prefix");
        }
        if !listed.is_empty() {
            return named(listed, "resources");
        }
        if !writes {
            return Vec::new();
        }
        let made = self.filled(&|var| {
            [self.by_name(self.ctx.response(), var), self.by_id(self.ctx.response())].concat()
        });
        mark(made, "response-parameter")
    }

    fn alternative(&self) -> bool {
        catalog::aws().alternatives.iter().any(|row| row.actions.contains(&self.action.full))
    }

    /// ARNs whose most specific type in the service is this one.
    fn fitting(&self, arns: impl Iterator<Item = String>) -> Vec<String> {
        let fits: BTreeSet<String> = arns.filter(|arn| self.service.is_type(self.at, arn)).collect();
        fits.into_iter().collect()
    }

    /// Fills the type's template; one placeholder may have several values, and a server-made one may be missing.
    fn filled(&self, values: &dyn Fn(&str) -> Vec<(String, String)>) -> Vec<Target<'static>> {
        let Some(template) = self.resource.templates.first() else { return Vec::new() };
        let vars: Vec<&str> = template.own_vars().collect();
        let found: Vec<Vec<(String, String)>> = vars.iter().map(|var| values(var)).collect();
        let Some(many) = found.iter().map(Vec::len).max().filter(|many| *many > 0) else { return Vec::new() };
        let first_missing = found.first().is_some_and(Vec::is_empty);
        let missing = found.iter().any(Vec::is_empty);
        if first_missing || (missing && !self.open_ended(&vars, &found)) {
            return Vec::new();
        }
        let mut out = Vec::new();
        for round in 0..many {
            let pick = |var: &str| {
                let at = vars.iter().position(|v| *v == var)?;
                let values = found.get(at)?;
                values.get(round).or(values.first())
            };
            let suffixed = vars.iter().any(|var| pick(var).is_some_and(|(_, suffix)| !suffix.is_empty()));
            let target = if missing || suffixed {
                let open = self.pattern(template, &|var| {
                    pick(var).map(|(value, suffix)| format!("{}{suffix}", escape(value)))
                });
                open.map(|pattern| Target::pattern(Level::Partial, pattern))
            } else {
                self.ctx
                    .fill(template, |var| pick(var).map(|(v, _)| Cow::Owned(v.clone())))
                    .map(Target::named)
            };
            out.extend(target);
        }
        out
    }

    /// Whether what is missing is an id that the service makes, and nothing else can be meant.
    fn open_ended(&self, vars: &[&str], found: &[Vec<(String, String)>]) -> bool {
        let made = |var: &str| {
            var == "Id" || (self.alone && ["id", "uuid", "suffix"].iter().any(|s| normal(var).ends_with(s)))
        };
        vars.iter().zip(found).all(|(var, values)| !values.is_empty() || made(var))
    }

    fn pattern(&self, template: &Template, own: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        self.ctx.whole_type(self.resource)?;
        template.fill(|name| match name {
            PARTITION => Some(escape(self.ctx.record.partition()).into()),
            REGION => self.ctx.record.aws_region.filled().map(|r| escape(r).into()),
            ACCOUNT | ACCOUNT_ID => Some(escape(self.ctx.record.account()).into()),
            name => Some(own(name).map_or(Cow::Borrowed("*"), Cow::Owned)),
        })
    }

    fn by_rule(&self, var: &str) -> Vec<(String, String)> {
        let Some(paths) = self.rule.and_then(|rule| rule.fill.get(var)) else { return Vec::new() };
        paths.list().iter().map(|spec| self.hand_values(spec)).find(|v| !v.is_empty()).unwrap_or_default()
    }

    fn by_hand_or_name(&self, var: &str) -> Vec<(String, String)> {
        let by_hand = self.by_hand(var);
        if by_hand.is_empty() { self.by_name(&self.ctx.request, var) } else { by_hand }
    }

    /// Hand-written fills for a placeholder of this type and action.
    fn fills(&self, var: &str) -> impl Iterator<Item = &'static Fill> {
        let fits = |fill: &&Fill| {
            fill.placeholder == var
                && (fill.actions.is_empty() || fill.actions.iter().any(|a| a == self.action.name))
        };
        let fills = catalog::aws().fills.get(&self.resource.full).map_or(&[][..], Vec::as_slice);
        fills.iter().filter(fits).collect::<Vec<_>>().into_iter()
    }

    fn by_hand(&self, var: &str) -> Vec<(String, String)> {
        for fill in self.fills(var) {
            for spec in fill.from.list() {
                let values = self.hand_values(spec);
                if !values.is_empty() {
                    return values;
                }
            }
        }
        Vec::new()
    }

    /// Values of one alternative: `path | filter …`, `= constant`, and after `append` what the service adds to a name.
    fn hand_values(&self, spec: &str) -> Vec<(String, String)> {
        if let Some(constant) = spec.strip_prefix("= ") {
            let wild = constant.contains('*');
            return vec![if wild {
                (String::new(), constant.to_owned())
            } else {
                (constant.to_owned(), String::new())
            }];
        }
        let (path, suffix) = spec.split_once("| append ").unwrap_or((spec, ""));
        let values = self.ctx.values(path).into_iter().filter(|v| !v.is_empty() && !v.starts_with("arn:"));
        values.map(|v| (v.into_owned(), suffix.to_owned())).collect()
    }

    /// Whether constants alone would name the type: then nothing names it.
    fn constants_only(&self) -> bool {
        let Some(template) = self.resource.templates.first() else { return true };
        template.own_vars().all(|var| {
            let hit =
                self.fills(var).flat_map(|f| f.from.list()).find(|spec| !self.hand_values(spec).is_empty());
            hit.is_some_and(|spec| spec.starts_with("= "))
        })
    }

    /// Leaves called like the placeholder.
    fn by_name(&self, leaves: &Leaves<'_>, var: &str) -> Vec<(String, String)> {
        if self.fills(var).any(|fill| fill.from.list().is_empty()) {
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
            let of_kind = |key: &str| {
                let rest = key.strip_prefix(kind);
                rest.is_some_and(|rest| matches!(rest, "" | "name" | "id" | "identifier"))
            };
            let singular = key.strip_suffix('s').unwrap_or(key);
            let below = || leaf.path.rsplit('.').nth(1) == Some(kind);
            (!generic && (key == core || singular == core))
                || (own && (of_kind(key) || of_kind(singular)))
                || (own && matches!(key, "name" | "id") && (self.is_about(kind) || below()))
                || (generic && key == core && below())
        };
        let plain = |leaf: &&Leaf<'_>| !leaf.value.starts_with("arn:") && !leaf.value.contains("://");
        let values: BTreeSet<String> =
            leaves.all.iter().filter(fits).filter(plain).map(|l| self.without_slash(var, &l.value)).collect();
        values.into_iter().map(|v| (v, String::new())).collect()
    }

    /// Whether the event is called after the type.
    fn is_about(&self, kind: &str) -> bool {
        let event = normal(self.event);
        event.strip_suffix('s').unwrap_or(&event).ends_with(kind) || event.ends_with(kind)
    }

    /// A template that puts its own slash before the placeholder takes the name without one.
    fn without_slash(&self, var: &str, value: &str) -> String {
        let slash = self.resource.templates.iter().any(|template| {
            template.parts.windows(2).any(|pair| match pair {
                [Part::Text(text), Part::Var(name)] => *name == var && text.ends_with('/'),
                _ => false,
            })
        });
        if slash { value.strip_prefix('/').unwrap_or(value).to_owned() } else { value.to_owned() }
    }

    /// Values that carry the EC2 id prefix of this type.
    fn by_id(&self, leaves: &Leaves<'_>) -> Vec<(String, String)> {
        if self.service.prefix != "ec2" {
            return Vec::new();
        }
        let ids = &catalog::aws().ids;
        let kind = |value: &str| {
            ids.iter().find(|id| value.starts_with(&id.prefix)).map(|id| id.resource_type.as_str())
        };
        let fits = leaves.all.iter().filter(|leaf| kind(&leaf.value) == Some(self.resource.name));
        let values: BTreeSet<String> = fits.map(|leaf| leaf.value.to_string()).collect();
        values.into_iter().map(|v| (v, String::new())).collect()
    }
}

fn mark(targets: Vec<Target<'static>>, rule: &'static str) -> Vec<Found> {
    targets.into_iter().map(|target| (target, rule)).collect()
}

fn arn_leaves<'l>(leaves: &'l Leaves<'_>) -> impl Iterator<Item = String> + 'l {
    leaves.all.iter().filter_map(|leaf| {
        if leaf.value.starts_with("arn:") {
            Some(leaf.value.to_string())
        } else if leaf.value.starts_with("arn%3A") || leaf.value.starts_with("arn%3a") {
            Some(percent_decode(&leaf.value))
        } else {
            None
        }
    })
}
