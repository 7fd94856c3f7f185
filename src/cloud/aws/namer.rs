//! The cascade for one resource type of one action: where a record may name it, best evidence first.

use super::resource::{Ctx, Found, alternatives, percent_decode};
use crate::catalog;
use crate::catalog::overlay::{Fill, UseRule};
use crate::catalog::table::{Action, ResourceType, Service};
use crate::catalog::template::{ACCOUNT, PARTITION, Part, REGION, Template};
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

/// The rule on a resource whose own parameter holds an ARN of another form.
pub(super) const UNFIT: &str = "unfit-arn";

impl Namer<'_, '_> {
    /// Names of the type that the record gives, with the rule that found them.
    pub(super) fn names(&self) -> Vec<Found> {
        let meant = self.required || self.rule.is_some_and(|rule| rule.resource_type.is_some());
        if meant && self.resource.templates.iter().all(|t| t.own_vars().next().is_none()) {
            if alternatives(self.action) {
                return Vec::new();
            }
            let fixed = self.resource.templates.first().and_then(|t| self.literal(t, &|_| None));
            return fixed.map(|arn| (Target::named(arn), "fixed-name")).into_iter().collect();
        }
        // What a rule says of this very type is the whole truth about it.
        if self.rule.is_some_and(|rule| !rule.fill.is_empty()) {
            let by_rule = self.filled(&|var| self.by_rule(var));
            if !by_rule.is_empty() {
                return mark(by_rule, "event-rule");
            }
        }
        let listed = self.ctx.record.resources.0.iter().filter_map(|r| r.arn.filled().map(str::to_owned));
        let listed = self.fitting(listed);
        if !listed.is_empty() && !self.ctx.element {
            return named(listed, "resources");
        }
        let found = self.in_request();
        if !found.is_empty() {
            return found;
        }
        if !listed.is_empty() {
            return named(listed, "resources");
        }
        if self.action.level.reads() {
            return Vec::new();
        }
        let made = self.filled(&|var| {
            [self.by_name(self.ctx.response(), var), self.by_id(self.ctx.response())].concat()
        });
        mark(made, "response-parameter")
    }

    /// The type's own parameter first; an ARN elsewhere in the request only where that gives nothing.
    fn in_request(&self) -> Vec<Found> {
        let (own, unfit): (Vec<String>, Vec<String>) =
            self.own_arns().into_iter().partition(|arn| self.resource.fits(arn));
        if !own.is_empty() {
            let beside = if self.takes_all() { self.filled(&|var| self.by_hand(var)) } else { Vec::new() };
            return [named(own, "request-arn"), mark(beside, "fill")].concat();
        }
        let of_another_type = |arn: &String| {
            let mut types = self.action.types.iter().filter_map(|(at, _)| self.service.types.get(*at));
            types.any(|other| other.fits(arn))
        };
        if self.alone && !unfit.is_empty() && !unfit.iter().any(of_another_type) {
            // The parameter names something of another form: which resource IAM checks is not known.
            let whole = self.ctx.whole_type(self.resource);
            return whole
                .map(|pattern| (Target::pattern(Level::Unseen, pattern), UNFIT))
                .into_iter()
                .collect();
        }
        let filled = |var: &str| self.fills(var).next().is_some();
        if self.resource.templates.iter().any(|t| t.own_vars().any(filled)) && !self.constants_only() {
            let by_hand = self.filled(&|var| self.by_hand_or_name(var));
            if !by_hand.is_empty() {
                return mark(self.with_path(by_hand), "fill");
            }
        }
        let in_answer = self.in_answer();
        if !in_answer.is_empty() {
            // A name that the request gave is no id that the service made.
            let last = |arn: &str| arn.rsplit(['/', ':']).next().unwrap_or("").to_owned();
            let asked =
                in_answer.iter().all(|arn| self.ctx.request.naming().any(|leaf| leaf.value == last(arn)));
            return named(in_answer, if asked { "answer-arn" } else { "response-arn" });
        }
        let by_name = self.filled(&|var| self.by_name(&self.ctx.request, var));
        if !by_name.is_empty() {
            return mark(by_name, "parameter");
        }
        let by_id = self.filled(&|_| self.by_id(&self.ctx.request));
        if !by_id.is_empty() {
            return mark(by_id, "id-prefix");
        }
        named(self.fitting(arn_leaves(self.ctx.request.naming())), "request-arn")
    }

    fn in_answer(&self) -> Vec<String> {
        let writes = !self.action.level.reads();
        if writes { self.fitting(arn_leaves(self.ctx.response().naming())) } else { Vec::new() }
    }

    /// The name with its path, where the answer gives it and the request has the bare name.
    fn with_path(&self, targets: Vec<Target<'static>>) -> Vec<Target<'static>> {
        let answer = self.in_answer();
        let ([one], [full]) = (targets.as_slice(), answer.as_slice()) else { return targets };
        let Some((head, name)) = one.text.rsplit_once('/').filter(|_| one.level == Level::Named) else {
            return targets;
        };
        let longer = full.strip_prefix(head).is_some_and(|rest| rest.ends_with(&format!("/{name}")));
        if longer { vec![Target::named(full.clone())] } else { targets }
    }

    /// ARNs in the parameters that hold the type's own name.
    fn own_arns(&self) -> Vec<String> {
        let Some(template) = self.resource.templates.first() else { return Vec::new() };
        // The last placeholder is the resource itself; those before it name what it lies in.
        let own = template.own_vars().last().into_iter();
        let by_hand = own.flat_map(|var| self.fills(var)).flat_map(|fill| fill.from.list());
        let paths = by_hand.filter(|spec| !takes_apart(spec)).filter_map(|spec| spec.split('|').next());
        let paths = paths.map(str::trim);
        let at_paths = paths.flat_map(|path| self.ctx.request.at(path));
        let called = self.ctx.request.naming().filter(|leaf| !leaf.path.contains('.')).filter(|leaf| {
            let rest = leaf.key().strip_prefix(self.resource.kind.as_str());
            rest.is_some_and(|rest| {
                matches!(rest, "" | "s" | "name" | "names" | "id" | "ids" | "arn" | "arns" | "identifier")
            })
        });
        let arns: BTreeSet<String> = arn_leaves(at_paths.chain(called)).collect();
        arns.into_iter().collect()
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
                self.literal(template, &|var| pick(var).map(|(value, _)| value.clone())).map(Target::named)
            };
            out.extend(target);
        }
        out
    }

    /// The template with all its placeholders; a fill may say that another account owns the resource.
    fn literal(&self, template: &Template, own: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        let owner = self.by_hand(ACCOUNT).into_iter().next().map(|(account, _)| account);
        template.fill(|name| match name {
            ACCOUNT => owner
                .clone()
                .or_else(|| Some(self.ctx.record.account().to_owned()).filter(|account| !account.is_empty()))
                .map(Cow::Owned),
            PARTITION => Some(Cow::Borrowed(self.ctx.record.partition())),
            REGION => self.ctx.record.aws_region.filled().map(Cow::Borrowed),
            name => own(name).map(Cow::Owned),
        })
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
            ACCOUNT => Some(escape(self.ctx.record.account()).into()),
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

    /// Whether the type's own fill takes the names of several parameters.
    fn takes_all(&self) -> bool {
        let own = self.resource.templates.first().and_then(|t| t.own_vars().last());
        own.is_some_and(|var| self.fills(var).any(|fill| fill.all))
    }

    /// Whether a hand-written fill speaks for the placeholder: it says that nothing does, or its parameter is there.
    fn is_spoken_for(&self, var: &str) -> bool {
        let path = |spec: &str| spec.split('|').next().unwrap_or("").trim().to_owned();
        self.fills(var).any(|fill| {
            let from = fill.from.list();
            from.is_empty() || from.iter().any(|spec| self.ctx.request.has(&path(spec)))
        })
    }

    /// Hand-written fills for a placeholder of this type and action, those for this very action first.
    fn fills(&self, var: &str) -> impl Iterator<Item = &'static Fill> {
        let fits = |fill: &&Fill| {
            fill.placeholder == var
                && (fill.actions.is_empty() || fill.actions.iter().any(|a| a == self.action.name))
        };
        let fills = catalog::aws().fills.get(&self.resource.full).map_or(&[][..], Vec::as_slice);
        let mut fills: Vec<&Fill> = fills.iter().filter(fits).collect();
        fills.sort_by_key(|fill| fill.actions.is_empty());
        fills.into_iter()
    }

    fn by_hand(&self, var: &str) -> Vec<(String, String)> {
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
        let values = self.ctx.values(path).into_iter().filter(|v| !v.starts_with("arn:"));
        let values = values.filter(|v| !v.is_empty() || path.contains("| blank "));
        values.map(|v| (v.into_owned(), suffix.to_owned())).collect()
    }

    /// Whether constants alone would name the type: then nothing names it.
    fn constants_only(&self) -> bool {
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
    fn by_name(&self, leaves: &Leaves<'_>, var: &str) -> Vec<(String, String)> {
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
        let plain = |leaf: &&Leaf<'_>| !leaf.value.starts_with("arn:") && !leaf.value.contains("://");
        let values: BTreeSet<String> =
            leaves.naming().filter(fits).filter(plain).map(|l| self.without_slash(var, &l.value)).collect();
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
            let id = ids.iter().find(|id| value.starts_with(&id.prefix))?;
            let rest = value.strip_prefix(id.prefix.as_str())?;
            let made = (8..=17).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_hexdigit());
            made.then_some(id.resource_type.as_str())
        };
        let fits = leaves.naming().filter(|leaf| kind(&leaf.value) == Some(self.resource.name));
        let values: BTreeSet<String> = fits.map(|leaf| leaf.value.to_string()).collect();
        values.into_iter().map(|v| (v, String::new())).collect()
    }
}

/// Whether an alternative finds a name inside the ARN of another type: `path | after :type/ …`.
fn takes_apart(spec: &str) -> bool {
    let first = spec.split('|').nth(1).and_then(|step| step.trim().strip_prefix("after :"));
    first.is_some_and(|kind| !kind.is_empty())
}

fn named(arns: Vec<String>, rule: &'static str) -> Vec<Found> {
    arns.into_iter().map(|arn| (Target::named(arn), rule)).collect()
}

fn mark(targets: Vec<Target<'static>>, rule: &'static str) -> Vec<Found> {
    targets.into_iter().map(|target| (target, rule)).collect()
}

/// ARNs among leaves, percent-decoded where a service logs them so.
fn arn_leaves<'l, 'a: 'l>(leaves: impl Iterator<Item = &'l Leaf<'a>>) -> impl Iterator<Item = String> {
    leaves.filter_map(|leaf| {
        if leaf.value.starts_with("arn:") {
            Some(leaf.value.to_string())
        } else if leaf.value.starts_with("arn%3A") || leaf.value.starts_with("arn%3a") {
            Some(percent_decode(&leaf.value))
        } else {
            None
        }
    })
}
