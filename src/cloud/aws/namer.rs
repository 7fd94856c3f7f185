//! The cascade for one resource type of one action: where a record may name it, best evidence first.

mod values;

use super::map::first_word;
use super::percent::percent_decode;
use super::resource::{Ctx, Found, alternatives};
use crate::catalog::overlay::UseRule;
use crate::catalog::table::{AccessLevel, Action, ResourceType, Service};
use crate::catalog::template::{ACCOUNT, PARTITION, REGION, Template};
use crate::model::pattern::escape;
use crate::model::usage::{Level, Target};
use crate::wire::leaves::{Leaf, normal};
use std::borrow::Cow;

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
            let fixed = self.resource.templates.first().and_then(|t| self.literal(t, 0, &|_| None));
            return fixed.map(|arn| (Target::named(arn), "fixed-name")).into_iter().collect();
        }
        // What a rule says of this very type is the whole truth about it: where its parameters are not there, nothing is.
        if self.rule.is_some_and(|rule| !rule.fill.is_empty()) {
            return mark(self.filled(&|var| self.by_rule(var)), "event-rule");
        }
        let listed = self
            .fitting(self.ctx.record.resources.0.iter().filter_map(|r| r.arn.filled()).map(Cow::Borrowed));
        if !listed.is_empty() && !self.ctx.element {
            return named(listed, "resources");
        }
        let held = self.held();
        if listed.is_empty() && !held.is_empty() {
            return mark(held, "held-by");
        }
        let found = self.in_request();
        if !found.is_empty() {
            return if first_word(self.action.name) == "Copy" { self.with_copy(found) } else { found };
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

    /// What is copied, with the copy that the answer names: both are checked.
    fn with_copy(&self, mut found: Vec<Found>) -> Vec<Found> {
        let made = self.filled(&|var| {
            [self.by_name(self.ctx.response(), var), self.by_id(self.ctx.response())].concat()
        });
        found.extend(mark(made, "response-parameter"));
        found
    }

    /// The type's own parameter first; an ARN elsewhere in the request only where that gives nothing.
    fn in_request(&self) -> Vec<Found> {
        let (own, unfit): (Vec<String>, Vec<String>) =
            self.own_arns().into_iter().partition(|arn| self.resource.fits(arn));
        if !own.is_empty() {
            let beside = if self.takes_all() { self.filled(&|var| self.by_hand(var)) } else { Vec::new() };
            let own = own.into_iter().flat_map(|arn| self.whole(arn)).collect();
            return [mark(own, "request-arn"), mark(beside, "fill")].concat();
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
                in_answer.iter().all(|arn| self.ctx.request.naming().any(|leaf| leaf.value() == last(arn)));
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

    /// The target of an ARN, which some services take without the characters that they add to a name; both forms where
    /// what stands there could be a word of the name.
    fn whole(&self, arn: String) -> Vec<Target<'static>> {
        let var = self.resource.templates.first().and_then(|template| template.own_vars().last());
        let specs = var.into_iter().flat_map(|var| self.fills(var)).flat_map(|fill| fill.from.list());
        let mut suffixes = specs.filter_map(|spec| spec.split_once("| append ")).map(|(_, suffix)| suffix);
        let Some(suffix) = suffixes.find(|suffix| suffix.contains('?')) else {
            return vec![Target::named(arn)];
        };
        self.ctx.pry(suffix != "-??????");
        let added = arn.len().checked_sub(suffix.len()).and_then(|at| arn.get(at..)).unwrap_or("");
        let fits =
            added.chars().zip(suffix.chars()).all(|(c, s)| c == s || (s == '?' && c.is_ascii_alphanumeric()));
        let short = Target::pattern(Level::Partial, escape(&arn) + suffix);
        let word = !added.contains(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit());
        match (fits && !added.is_empty(), word) {
            (true, false) => vec![Target::named(arn)],
            (true, true) => vec![Target::named(arn), short],
            (false, _) => vec![short],
        }
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
        let arns = arn_leaves(at_paths.chain(called));
        sorted(arns.map(Cow::into_owned).collect())
    }

    /// ARNs whose most specific type in the service is this one.
    fn fitting<'t>(&self, arns: impl Iterator<Item = Cow<'t, str>>) -> Vec<String> {
        sorted(arns.filter(|arn| self.service.is_type(self.at, arn)).map(Cow::into_owned).collect())
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
            let open = |(_, suffix): (String, String)| !suffix.is_empty();
            let suffixed = vars.iter().any(|var| pick(var).cloned().is_some_and(open))
                || self.region(round).is_some_and(open);
            let target = if missing || suffixed {
                let open = self.pattern(template, round, &|var| {
                    pick(var).map(|(value, suffix)| format!("{}{suffix}", escape(value)))
                });
                open.map(|pattern| Target::pattern(Level::Partial, pattern))
            } else {
                self.literal(template, round, &|var| pick(var).map(|(value, _)| value.clone()))
                    .map(Target::named)
            };
            out.extend(target);
        }
        out
    }

    /// The account of the resource, which a fill may say is another one.
    fn owner(&self, round: usize) -> Option<String> {
        let owners = self.by_hand(ACCOUNT);
        let owner = owners.get(round).or(owners.first()).map(|(account, _)| account.clone());
        owner.or_else(|| Some(self.ctx.record.account().to_owned()).filter(|account| !account.is_empty()))
    }

    /// The region of the resource, which a fill may leave open.
    fn region(&self, round: usize) -> Option<(String, String)> {
        let regions = self.by_hand(REGION);
        let region = regions.get(round).or(regions.first()).cloned();
        region.or_else(|| Some((self.ctx.record.aws_region.filled()?.to_owned(), String::new())))
    }

    /// The template with all its placeholders, those of one round of values.
    fn literal(
        &self,
        template: &Template,
        round: usize,
        own: &dyn Fn(&str) -> Option<String>,
    ) -> Option<String> {
        template.fill(|name| match name {
            ACCOUNT => self.owner(round).map(Cow::Owned),
            PARTITION => Some(Cow::Borrowed(self.ctx.record.partition())),
            REGION => self.ctx.record.aws_region.filled().map(Cow::Borrowed),
            name => own(name).map(Cow::Owned),
        })
    }

    /// Whether what is missing is an id that the service makes, and nothing else can be meant.
    fn open_ended(&self, vars: &[&str], found: &[Vec<(String, String)>]) -> bool {
        let made = |var: &str| {
            let own =
                self.action.level == AccessLevel::Tagging && vars.len() > 1 && vars.last() == Some(&var);
            let id = || ["id", "uuid", "suffix"].iter().any(|s| normal(var).ends_with(s));
            var == "Id" || (self.alone && (own || id()))
        };
        vars.iter().zip(found).all(|(var, values)| !values.is_empty() || made(var))
    }

    fn pattern(
        &self,
        template: &Template,
        round: usize,
        own: &dyn Fn(&str) -> Option<String>,
    ) -> Option<String> {
        self.ctx.whole_type(self.resource)?;
        template.fill(|name| match name {
            PARTITION => Some(escape(self.ctx.record.partition()).into()),
            REGION => self.region(round).map(|(region, suffix)| (escape(&region) + &suffix).into()),
            ACCOUNT => Some(escape(&self.owner(round).unwrap_or_default()).into()),
            name => Some(own(name).map_or(Cow::Borrowed("*"), Cow::Owned)),
        })
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

/// Each once, in order.
fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}

/// ARNs among leaves, percent-decoded where a service logs them so.
pub(super) fn arn_leaves<'l, 'a: 'l>(
    leaves: impl Iterator<Item = &'l Leaf<'a>>,
) -> impl Iterator<Item = Cow<'l, str>> {
    leaves.filter_map(|leaf| {
        if leaf.is_arn() {
            Some(Cow::Borrowed(leaf.value()))
        } else if leaf.is_encoded_arn() {
            Some(Cow::Owned(percent_decode(leaf.value())))
        } else {
            None
        }
    })
}
