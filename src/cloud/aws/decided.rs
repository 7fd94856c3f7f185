//! Whether what people decided means anything: actions, resources and steps that they wrote by hand.

use super::{meaning, shape};
use crate::catalog;
use crate::model::pattern::Pattern;
use std::collections::BTreeSet;

/// What is wrong with keeping the action on the resource; none: on no resource.
pub(super) fn keepable(action: &str, on: Option<&Pattern>) -> Result<(), String> {
    let Some((service, known)) = catalog::aws().table.action(action) else { return Ok(()) };
    let more = catalog::aws().types.iter().filter(|row| row.actions.contains(&known.full));
    let listed = known.types.iter().filter_map(|(at, _)| service.types.get(*at)).map(|kind| kind.name);
    let types: BTreeSet<&str> =
        listed.chain(more.flat_map(|row| row.types.iter().map(String::as_str))).collect();
    let types = types.into_iter().collect::<Vec<_>>().join(", ");
    let Some(on) = on else {
        return if types.is_empty() {
            Ok(())
        } else {
            Err(format!("`{}` without a `resource` would hold on everything: name one ({types})", known.full))
        };
    };
    let text = on.to_string();
    if !text.starts_with("arn:") || text.splitn(6, ':').count() < 6 {
        return Err(format!(
            "`resource` is `{text}`, which is no ARN: write arn:partition:service:region:account:name"
        ));
    }
    if types.is_empty() {
        return Err(format!("`{}` takes no resource: keep it in an entry without `resource`", known.full));
    }
    if meaning::may_apply(&known.full, &text) {
        return Ok(());
    }
    let is = shape::type_of(&text).map(|(service, kind)| format!(" ({service} {kind})")).unwrap_or_default();
    Err(format!("`{}` means nothing on `{text}`{is}: it takes {types}", known.full))
}

/// Whether a known action is one of those the pattern, in lower case, stands for.
pub(super) fn any_action(wanted: &Pattern) -> bool {
    let table = &catalog::aws().table;
    let near = table.prefixes().filter(|prefix| Pattern::parse(&format!("{prefix}:*")).overlaps(wanted));
    near.filter_map(|prefix| table.service(prefix))
        .any(|service| service.actions.iter().any(|known| wanted.matches(&known.full.to_ascii_lowercase())))
}

/// Whether the text may name a resource.
pub(super) fn resource_like(text: &str) -> bool {
    text.starts_with(['*', '?']) || text.starts_with("arn:") || text.starts_with("arn*")
}

/// Whether a loosening can be called so.
pub(super) fn is_step(step: &str) -> bool {
    if let Some(bucket) = step.strip_prefix("objects ") {
        return !bucket.is_empty() && !bucket.contains([' ', '/', ':']);
    }
    let kind = step.strip_prefix("type ").and_then(|kind| kind.split_once(':'));
    kind.is_some_and(|(service, kind)| {
        catalog::aws().table.service(service).is_some_and(|service| service.resource(kind).is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(action: &str, on: &str) -> String {
        let on = (!on.is_empty()).then(|| Pattern::parse(on));
        keepable(action, on.as_ref()).err().unwrap_or_default()
    }

    #[test]
    fn what_is_kept_must_mean_something() {
        assert_eq!(keep("s3:PutObject", "arn:aws:s3:::orders/*"), "");
        assert_eq!(keep("s3:PutObject", "arn:aws:s3:::orders*"), "");
        assert_eq!(keep("s3:ListAllMyBuckets", ""), "");
        assert_eq!(keep("iam:PassRole", "arn:aws:iam::111122223333:role/app"), "");
        assert!(keep("s3:PutObject", "").contains("would hold on everything"));
        assert!(
            keep("s3:PutObject", "arn:aws:s3:::orders")
                .contains("(s3 bucket): it takes accesspointobject, object")
        );
        let table = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders";
        assert!(keep("iam:PassRole", table).contains("(dynamodb table): it takes role"));
        assert!(keep("s3:PutObject", "orders").contains("no ARN"));
        assert!(keep("s3:PutObject", "arn:aws:s3").contains("no ARN"));
        assert!(keep("s3:ListAllMyBuckets", "arn:aws:s3:::orders").contains("takes no resource"));
    }

    #[test]
    fn patterns_over_actions_and_steps() {
        for known in ["*", "s3:deletebucket", "s3:delete*", "*:deletetable", "s?:deletebucket"] {
            assert!(any_action(&Pattern::parse(known)), "{known}");
        }
        for unknown in ["s3:deletbucket", "s4:*", "s3deletebucket", "storage.buckets.delete"] {
            assert!(!any_action(&Pattern::parse(unknown)), "{unknown}");
        }
        assert!(is_step("type dynamodb:table") && is_step("objects orders"));
        assert!(
            !is_step("tipe x") && !is_step("type dynamodb:tabel") && !is_step("objects ") && !is_step("")
        );
    }
}
