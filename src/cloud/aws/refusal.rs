//! From a refused call to what was refused: the message where it names action and resource, the mapping elsewhere; and
//! what can be done about it.

use super::denial::{self, Message};
use super::identity;
use super::map::{self, family};
use super::record::Record;
use super::resource::Ctx;
use crate::catalog;
use crate::catalog::denial::UNKNOWN;
use crate::catalog::table::{Action, Service};
use crate::catalog::template::{ACCOUNT, PARTITION, REGION};
use crate::model::denial::{Advice, Denial, Encoded, Refused};
use crate::model::pattern::escape;
use crate::model::usage::{Basis, Level, Outcome, Target, Use};
use crate::wire::text::Text;
use std::borrow::Cow;

type Known<'c> = Option<(&'c Service, &'c Action)>;

/// What a record that gave these uses says was refused.
pub(super) fn refused(record: &Record<'_>, uses: &[Use<'_>]) -> Vec<Refused> {
    if uses.iter().all(|used| used.outcome != Outcome::Denied) {
        return Vec::new();
    }
    let message = denial::parse(record.error_message.or_empty(), record.error_code.or_empty());
    let others = others(record);
    match message.action {
        Some(action) => told(record, &message, action, uses),
        None if !others.is_empty() => {
            others.into_iter().flat_map(|action| told(record, &message, action, uses)).collect()
        }
        None => {
            let needed = uses
                .iter()
                .filter(|used| matches!(used.basis, Basis::Event | Basis::Trust | Basis::Inferred));
            needed.map(|used| from_use(used, blank(record, &message))).collect()
        }
    }
}

/// The actions that lack by what the whole answer means, where they are not those of the event.
fn others(record: &Record<'_>) -> Vec<&'static str> {
    let (text, code) = (record.error_message.or_empty(), record.error_code.or_empty());
    let phrase = catalog::aws().denials.phrase(text, code);
    phrase.map_or_else(Vec::new, |row| row.needed(map::operation(record.event_name.or_empty())).collect())
}

/// What a record without uses says was refused: its event is in no rule, or a gate stood before the service.
pub(super) fn without_uses(record: &Record<'_>, needed: &[Use<'_>], unmapped: bool) -> Vec<Refused> {
    let message = denial::parse(record.error_message.or_empty(), record.error_code.or_empty());
    if let Some(action) = message.action {
        return told(record, &message, action, needed);
    }
    if needed.is_empty() && unmapped {
        let event = map::operation(record.event_name.or_empty());
        let action = format!("{}:{event}", record.host());
        return vec![Refused { action, ..blank(record, &message) }];
    }
    needed.iter().map(|used| from_use(used, blank(record, &message))).collect()
}

/// Whether the record is a refused call, before it is mapped.
pub(super) fn is_refused(record: &Record<'_>) -> bool {
    record
        .error_code
        .filled()
        .and_then(|code| catalog::aws().outcomes.get(code, record.error_message.or_empty()))
        == Some(Outcome::Denied)
}

/// A pasted message.
pub(super) fn pasted(text: &str) -> Option<Denial> {
    let message = denial::parse(text, "");
    if message.action.is_none() && message.encoded.is_none() && message.by == UNKNOWN {
        return None;
    }
    let mut record = Record { error_message: Text(Some(Cow::Borrowed(text))), ..Record::default() };
    let says = message.principal.filter(|who| who.starts_with("arn:"));
    record.user_identity.0.arn = Text(says.map(Cow::Borrowed));
    record.user_identity.0.account_id = Text(says.and_then(account).map(Cow::Borrowed));
    let mut refused = match message.action {
        Some(action) => told(&record, &message, action, &[]).into_iter().next()?,
        None => blank(&record, &message),
    };
    if let (Encoded::Whole(_), Some(blob)) = (&refused.encoded, message.encoded) {
        refused.encoded = Encoded::Whole(blob.to_owned());
    }
    let principal = match identity::identify(&record) {
        Ok(actor) => {
            refused.exempt = actor.exempt.filter(|why| *why != "unattributable").or(refused.exempt);
            actor.principal.into_owned()
        }
        Err(_) => message.principal.unwrap_or("").to_owned(),
    };
    Some(Denial { cloud: "aws", principal, refused, seen: None })
}

/// A refusal of nothing yet: what the message says of the policy.
fn blank(record: &Record<'_>, message: &Message<'_>) -> Refused {
    let endpoint = record.vpc_endpoint_id.filled().filter(|_| message.by == "vpc-endpoint");
    let endpoint = endpoint.map(|id| {
        let owner = record.vpc_endpoint_account_id.filled().unwrap_or(record.account());
        let (partition, region) = (record.partition(), record.aws_region.or_empty());
        format!("arn:{partition}:ec2:{region}:{owner}:vpc-endpoint/{id}")
    });
    Refused {
        action: String::new(),
        target: Target::pattern(Level::Unseen, ""),
        scope: record.account().to_owned(),
        context: std::collections::BTreeMap::new(),
        family: None,
        by: message.by,
        explicit: message.explicit,
        policy: message.policy.map(str::to_owned).or(endpoint),
        encoded: match message.encoded {
            None => Encoded::No,
            Some("") => Encoded::Cut,
            Some(_) => Encoded::Whole(String::new()),
        },
        told: false,
        exempt: None,
    }
}

/// The refusal of a use that the mapping names.
fn from_use(used: &Use<'_>, blank: Refused) -> Refused {
    let by = if used.basis == Basis::Trust && blank.by == UNKNOWN { "trust" } else { blank.by };
    Refused {
        action: used.action.to_string(),
        target: used.target.owned(),
        context: used.context.iter().map(|(key, value)| ((*key).to_owned(), value.to_string())).collect(),
        family: used.family,
        exempt: used.exempt,
        by,
        ..blank
    }
}

/// The refusal that the message names, on the resource it names or else on those the mapping knows for the action.
fn told(record: &Record<'_>, message: &Message<'_>, action: &str, uses: &[Use<'_>]) -> Vec<Refused> {
    let known = catalog::aws().table.action(action);
    let action = known.map_or_else(|| action.to_owned(), |(_, known)| known.full.clone());
    let same: Vec<&Use<'_>> = uses.iter().filter(|used| used.action == action).collect();
    let named = same.iter().find(|used| {
        used.target.level == Level::Named && message.resource == Some(used.target.text.as_ref())
    });
    let blank = Refused { told: true, ..blank(record, message) };
    if let Some(used) = named {
        return vec![from_use(used, blank)];
    }
    let Some(ctx) = Ctx::new(record) else { return Vec::new() };
    let target = match on(&ctx, known, message) {
        Some(target) => target,
        None if same.is_empty() => unseen(&ctx, known, message.resource),
        None => return same.iter().map(|used| from_use(used, blank.clone())).collect(),
    };
    let exempt = known.and_then(|(_, action)| map::review(action, &target, "message"));
    // The condition keys are the request's, whatever the resource is called.
    let attested = match same.as_slice() {
        [used] => from_use(used, blank.clone()).context,
        _ => blank.context.clone(),
    };
    let by = match same.first() {
        Some(used) if used.basis == Basis::Trust && blank.by == UNKNOWN => "trust",
        _ => blank.by,
    };
    vec![Refused { action, family: family(&target), target, context: attested, exempt, by, ..blank }]
}

/// The resource as the message names it; `None` where it does not.
fn on(ctx: &Ctx<'_>, known: Known<'_>, message: &Message<'_>) -> Option<Target<'static>> {
    if known.is_some_and(|(_, action)| action.types.is_empty()) {
        return Some(Target::service());
    }
    let text = message.resource?;
    if text.starts_with("arn:") {
        return Some(if text.contains('*') && !message.quoted {
            Target::pattern(Level::Partial, escape(text).replace("${*}", "*"))
        } else {
            Target::named(text.to_owned())
        });
    }
    let denials = &catalog::aws().denials;
    let mut bare = denials.no_resource.iter().filter(|row| text.starts_with(&row.starts));
    if known.is_some_and(|(_, action)| bare.any(|row| row.actions.contains(&action.full))) {
        return Some(Target::service());
    }
    let nouns = &denials.noun;
    let (noun, name) =
        nouns.iter().find_map(|noun| Some((noun, text.strip_prefix(&noun.words)?.strip_prefix(' ')?)))?;
    let name = name.split_whitespace().next()?;
    if name.starts_with("arn:") {
        return Some(Target::named(name.to_owned()));
    }
    let (prefix, kind) = noun.resource.split_once(':')?;
    let resource = catalog::aws().table.service(prefix)?.resource(kind)?;
    let arn = ctx.fill(resource.templates.first()?, |_| Some(Cow::Borrowed(name)))?;
    Some(Target::named(arn))
}

/// What is left where nothing names the resource: the one type that the action has, with its bare name if there is one.
fn unseen(ctx: &Ctx<'_>, known: Known<'_>, text: Option<&str>) -> Target<'static> {
    let nothing = Target::pattern(Level::Unseen, "");
    let Some((service, action)) = known else { return nothing };
    let [(at, _)] = action.types.as_slice() else { return nothing };
    let Some(resource) = service.types.get(*at) else { return nothing };
    let Some(template) = resource.templates.first() else { return nothing };
    let bare =
        text.filter(|text| !text.contains(['"', '/', ' ', '*', ':']) && template.own_vars().count() == 1);
    let Some(name) = bare else {
        return ctx.whole_type(resource).map_or(nothing, |all| Target::pattern(Level::Unseen, all));
    };
    let record = ctx.record;
    let or_any = |text: &str| if text.is_empty() { "*".to_owned() } else { escape(text) };
    let pattern = template.fill(|var| {
        Some(Cow::Owned(match var {
            PARTITION => record.partition().to_owned(),
            REGION => or_any(record.aws_region.or_empty()),
            ACCOUNT => or_any(record.account()),
            _ => escape(name),
        }))
    });
    pattern.map_or(nothing, |pattern| Target::pattern(Level::Partial, pattern))
}

/// The account of an ARN.
fn account(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
}

/// What can be done about a refusal.
pub(super) fn advise(denial: &Denial) -> Advice {
    let (known, refused) = (&catalog::aws().denials, &denial.refused);
    let explicit = refused.explicit == Some(true);
    let mut advice = Advice::default();
    if let Some(kind) = known.kind(refused.by) {
        advice.mends = kind.mends && !explicit;
        advice.text.push(if explicit { &kind.explicit } else { &kind.implicit }.clone());
    }
    match (&refused.encoded, refused.by) {
        (Encoded::Whole(blob), _) => advice.text.push(decode(blob)),
        (Encoded::Cut, UNKNOWN) => advice.text.push(
            "the encoded message was cut and cannot be decoded: repeat the call and decode what the caller is answered"
                .to_owned(),
        ),
        _ => {}
    }
    if advice.mends {
        advice.text.extend(known.also(&refused.action, refused.by).map(str::to_owned));
    }
    if let (Some(owner), Some(own)) = (account(&refused.target.text), account(&denial.principal))
        && owner != own
        && advice.mends
    {
        advice.text.push(format!(
            "the resource is of account {owner}: its own policy must allow the principal as well"
        ));
    }
    let action = catalog::aws().table.action(&refused.action);
    let required =
        action.map_or(0, |(_, action)| action.types.iter().filter(|(_, required)| *required).count());
    if refused.told && required > 1 && advice.mends {
        advice.text.push(
            "the call is checked on resources of other types as well: the next answer may name one"
                .to_owned(),
        );
    }
    let exempt = match refused.exempt {
        Some("root") => Some("root has no policies: what refuses it is none of its own"),
        Some("review") => Some("nothing tells the resource, and a whole type is too much for this action"),
        Some("aws-managed-key") => {
            Some("the key is AWS's own: its key policy admits the account through the service")
        }
        Some("external") => Some(
            "the principal is of another account: its identity policy there must allow it, and the resource's policy here",
        ),
        Some("infrastructure") => Some("the role belongs to the platform, which may set it back"),
        _ => None,
    };
    advice.mends &= !matches!(refused.exempt, Some("root" | "aws-managed-key"));
    advice.text.extend(exempt.map(str::to_owned));
    if !refused.told && !refused.action.is_empty() {
        advice
            .text
            .push("the answer does not name the action: it is what the event is known to need".to_owned());
    }
    advice
}

/// The command that decodes a message; a message out of a log is not repeated.
fn decode(blob: &str) -> String {
    let command = "aws sts decode-authorization-message --encoded-message";
    let plain = !blob.is_empty() && blob.chars().all(|c| c.is_ascii_alphanumeric() || "-_+/=".contains(c));
    if plain {
        return format!("decode the message to learn more: {command} {blob}");
    }
    format!(
        "decode the message to learn more: {command} MESSAGE, where MESSAGE is what follows \
         `Encoded authorization failure message:` in the event"
    )
}
