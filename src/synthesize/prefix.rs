//! Name prefixes that the user declares to be one thing: `[[prefix]]` and `--stack`.

use super::{Ctx, Draft};
use crate::model::grant::{Grant, On, Widening};
use crate::model::pattern::{Part, Pattern};

/// A declared prefix, and who says so.
struct Declared<'a> {
    text: &'a str,
    /// A stack's name stands alone or before a separator; a prefix is taken as it is written.
    stack: bool,
    says: String,
    entry: Option<String>,
}

pub(super) fn prefix(draft: &mut Draft<'_>, ctx: &Ctx<'_>) {
    let declared = declared(ctx);
    if ctx.shaping.exact && declared.is_empty() {
        return;
    }
    let mut grants = std::mem::take(&mut draft.grants);
    for grant in &mut grants {
        let On::Resource(on) = &grant.on else { continue };
        let text = on.to_string();
        let own = ctx.cloud.own_part(&text);
        let Some((by, pattern)) = declared.iter().find_map(|by| Some((by, by.widened(&text, own)?))) else {
            continue;
        };
        if pattern == *on || draft.refused(ctx, &grant.action, &pattern).is_some() {
            continue;
        }
        let others = ctx.world.strangers(&pattern, &draft.own).count();
        let reason = format!("{}; names of others in the log that fit: {others}", by.says);
        grant.on = On::Resource(pattern);
        grant.widened.push(Widening { pass: "prefix".into(), reason });
        grant.intent.extend(by.entry.clone());
    }
    draft.grants = grants;
    draft.join();
}

/// Whether a prefix that nobody declares any more widened the grant.
pub(super) fn undeclared(grant: &Grant, ctx: &Ctx<'_>) -> bool {
    let Some(on) = grant.on.pattern().filter(|_| grant.widened.iter().any(|w| w.pass == "prefix")) else {
        return false;
    };
    let text = on.to_string();
    let own = ctx.cloud.own_part(&text);
    !declared(ctx).iter().any(|by| by.widened(&text, own).is_some_and(|pattern| pattern.covers(on)))
}

fn declared<'a>(ctx: &Ctx<'a>) -> Vec<Declared<'a>> {
    let stacks = ctx.shaping.stacks.iter().map(|stack| Declared {
        text: stack,
        stack: true,
        says: format!("declared by --stack {stack}"),
        entry: None,
    });
    let prefixes = ctx.intent.prefix.iter().filter(|entry| entry.is_for(ctx.who)).map(|entry| Declared {
        text: &entry.value,
        stack: false,
        says: format!("declared by {}", entry.meta.name("prefix")),
        entry: Some(entry.meta.name("prefix")),
    });
    stacks.chain(prefixes).collect()
}

impl Declared<'_> {
    /// The pattern text with the segment that starts with the prefix opened behind it, and all that follows too.
    fn widened(&self, text: &str, own: usize) -> Option<Pattern> {
        let starts = std::iter::once(own).chain(text.match_indices(['/', ':']).map(|(at, _)| at + 1));
        for start in starts.filter(|start| *start >= own) {
            let Some(rest) = text.get(start..).and_then(|segment| segment.strip_prefix(self.text)) else {
                continue;
            };
            let mut head = text.get(..start + self.text.len())?.to_owned();
            if self.stack && !self.text.ends_with(['-', '_', '.']) {
                match rest.chars().next() {
                    Some(separator @ ('-' | '_' | '.')) => head.push(separator),
                    // The stack itself: its name is whole.
                    Some('/' | ':') | None => return None,
                    Some(_) => continue,
                }
            }
            let open = Pattern::parse(&head);
            let mut parts = vec![Part::Text(open.head().to_owned()), Part::Any];
            if let Some(at) = rest.find(['/', ':']) {
                let separator = rest.get(at..=at).unwrap_or("/");
                parts.extend([Part::Text(separator.to_owned()), Part::Any]);
            }
            return open.is_exact().then(|| Pattern::of(parts));
        }
        None
    }
}
