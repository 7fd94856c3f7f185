//! What an ARN is made of: what machines chose in it, what type it names, where its own part begins.

use super::Token;
use crate::catalog;
use crate::catalog::table::{AccessLevel, Service};
use crate::catalog::template::{ACCOUNT, PARTITION, Part, REGION};
use crate::catalog::token::{TokenRule, is_random};
use crate::model::pattern::{self, Pattern};
use std::cell::OnceCell;

/// The service an ARN belongs to, and whether a type of it fits best.
fn service(name: &str) -> Option<&'static Service> {
    let prefix = name.split(':').nth(2)?;
    // API Gateway's ARNs, and a few others, carry another name than their actions do.
    catalog::aws().table.service(prefix)
}

/// Service and type of the resource that an ARN, or a pattern over ARNs, names.
pub(super) fn type_of(name: &str) -> Option<(&'static str, &'static str)> {
    let service = service(name)?;
    Some((service.prefix, service.types.get(service.type_of(name)?)?.name))
}

fn is_called((prefix, kind): (&str, &str), wanted: &str) -> bool {
    wanted.split_once(':') == Some((prefix, kind))
}

/// Whether the type is one of the service.
fn is_within(service: &str, kind: &str) -> bool {
    kind.split_once(':').is_some_and(|(prefix, _)| prefix == service)
}

/// The byte after `arn:partition:service:region:account:`.
pub(super) fn own_part(name: &str) -> usize {
    name.char_indices().filter(|(_, c)| *c == ':').nth(4).map_or(0, |(at, _)| at + 1)
}

/// Machine-made parts of the own part. Names of buckets belong to all accounts: one alone is never opened.
pub(super) fn tokens(name: &str) -> Vec<Token> {
    let own = own_part(name);
    let kind = OnceCell::new();
    let service = service(name).map_or("", |service| service.prefix);
    let is = |wanted: &str| {
        is_within(service, wanted)
            && kind.get_or_init(|| type_of(name)).is_some_and(|kind| is_called(kind, wanted))
    };
    let found = catalog::aws().tokens.find(name, own, is);
    let bucket = name.contains(":s3:::").then(|| object(name).unwrap_or(name.len()));
    let token = |(start, end, rule): (usize, usize, &'static TokenRule)| Token {
        span: (start, end),
        rule: &rule.id,
        words: &rule.words,
        samples: if bucket.is_some_and(|bucket| end <= bucket) { rule.samples.max(2) } else { rule.samples },
        of_stack: rule.id.starts_with("cloudformation"),
        doubtful: rule.id.starts_with("cloudformation") && !name.get(start..end).is_some_and(is_random),
        suffix: rule.suffix,
        fixed: rule.fixed,
        passing: rule.passing,
    };
    found.into_iter().map(token).collect()
}

/// The stack that a CloudFormation ARN, or a pattern over one, names.
pub(super) fn stack(name: &str) -> Option<&str> {
    let rest = name.split_once(":stack/")?.1;
    rest.split('/')
        .next()
        .filter(|stack| name.contains(":cloudformation:") && !stack.contains(['*', '?', '$']))
}

/// Roles, keys and secrets.
pub(super) fn stays_exact(name: &str) -> bool {
    let service = service(name).map_or("", |service| service.prefix);
    let may = catalog::aws().tokens.exact.iter().any(|row| is_within(service, &row.resource));
    may && type_of(name).is_some_and(is_exact)
}

/// Whether a type is of those.
pub(super) fn is_exact(kind: (&str, &str)) -> bool {
    catalog::aws().tokens.exact.iter().any(|row| is_called(kind, &row.resource))
}

/// The byte after the bucket, in the ARN of an S3 object.
pub(super) fn object(name: &str) -> Option<usize> {
    // Asked of every name: fields are told by their colons, not looked for.
    let rest = name.splitn(3, ':').nth(2)?.strip_prefix("s3:::")?;
    let slash = rest.find('/')?;
    (!rest.starts_with("accesspoint")).then_some(name.len() - rest.len() + slash + 1)
}

/// Whether the pattern leaves nothing of a type's names open in its account and region.
pub(super) fn whole_type(pattern: &Pattern) -> bool {
    let text = pattern.to_string();
    // A bucket of any name is any account's.
    let bucket = text.split_once(":s3:::").and_then(|(_, rest)| rest.split('/').next());
    if bucket.is_some_and(|bucket| !bucket.contains(char::is_alphanumeric)) {
        return true;
    }
    let Some(service) = service(&text).filter(|_| !pattern.is_exact()) else { return false };
    let mut fields = text.splitn(6, ':').skip(1);
    let partition = fields.next().unwrap_or("");
    let (region, account) = (fields.nth(1).unwrap_or(""), fields.next().unwrap_or(""));
    let templates = service.types.iter().flat_map(|kind| &kind.templates);
    let mut whole = templates.filter_map(|template| {
        template.fill(|name| match name {
            PARTITION => Some(partition.into()),
            REGION => Some(region.into()),
            ACCOUNT => Some(account.into()),
            _ => Some("*".into()),
        })
    });
    whole.any(|whole| pattern.covers(&Pattern::parse(&whole)))
}

/// Every name of a type anywhere, as a pattern.
pub(super) fn anywhere(template: &crate::catalog::template::Template) -> Pattern {
    let parts = template.parts.iter().map(|part| match part {
        Part::Text(text) => pattern::Part::Text((*text).to_owned()),
        Part::Var(_) => pattern::Part::Any,
    });
    Pattern::of(parts)
}

/// The type of what was made, in the place where it was made: the ARN with its last part open.
pub(super) fn created(action: &str, made: &Pattern) -> Option<Pattern> {
    let (_, known) = catalog::aws().table.action(action)?;
    let makes = catalog::aws().infer.review.iter().flat_map(|row| &row.makes);
    let creates = known.level == AccessLevel::Tagging
        || makes.into_iter().any(|verb| known.name.starts_with(verb.as_str()));
    let text = made.to_string();
    let at = text.rfind(['/', ':']).filter(|_| creates && made.is_exact())?;
    let head = text.get(..=at).filter(|head| head.split(':').count() > 5)?;
    Some(Pattern::parse(&format!("{head}*")))
}

/// Another form of the same resource that IAM checks the action under: `qualifier.toml`.
pub(super) fn qualify(action: &str, pattern: &Pattern) -> Option<(Pattern, &'static str)> {
    let (service, _) = catalog::aws().table.action(action)?;
    let text = pattern.to_string();
    let kind = service.types.get(service.type_of(&text)?)?;
    let wanted = format!("{}:{}", service.prefix, kind.name);
    let row = catalog::aws().qualifiers.iter().find(|row| row.resource == wanted)?;
    let fits =
        !text.ends_with(&row.suffix) && !text.ends_with('*') && !row.except.iter().any(|a| a == action);
    fits.then(|| (Pattern::parse(&format!("{text}{}", row.suffix)), row.because.as_str()))
}

/// Whether some operation of API Gateway uses the verb on a path that the resource text stands for.
pub(super) fn path_takes(verb: &str, resource: &str) -> bool {
    let Some(path) = resource.splitn(6, ':').nth(5).filter(|path| path.starts_with('/')) else { return true };
    catalog::aws().paths(verb).any(|known| path_fits(known, path))
}

fn path_fits(known: &str, path: &str) -> bool {
    let (mut known, mut asked) = (known.split('/').skip(1).peekable(), path.split('/').skip(1));
    let mut before = "";
    while let Some(segment) = known.next() {
        let Some(given) = asked.next() else { return false };
        // A wildcard may stand for any number of segments; a tagged resource is an ARN, which has some itself.
        if given.contains(['*', '?']) || (before == "tags" && known.peek().is_none()) {
            return true;
        }
        if !segment.starts_with('{') && segment != given {
            return false;
        }
        before = segment;
    }
    asked.next().is_none()
}
