//! What a full resource name is made of: what machines chose in it, where its own part begins.

use crate::catalog;
use crate::catalog::token::TokenRule;
use crate::cloud::Token;
use crate::model::pattern::Pattern;

const OBJECTS: &str = "/objects/";

/// The byte after `//service/projects/ID/`, and after the location that may follow.
pub(super) fn own_part(name: &str) -> usize {
    let Some(relative) = name.strip_prefix("//").and_then(|rest| rest.find('/')).map(|at| at + 3) else {
        return 0;
    };
    let after = |from: usize, kinds: &[&str]| {
        let rest = name.get(from..).unwrap_or("");
        let kind = kinds.iter().find(|kind| rest.strip_prefix(**kind).is_some_and(|r| r.starts_with('/')))?;
        let id = rest.get(kind.len() + 1..)?;
        Some(from + kind.len() + 1 + id.find('/').map_or(id.len(), |at| at + 1))
    };
    let container = after(relative, &["projects", "folders", "organizations"]).unwrap_or(relative);
    after(container, &["locations", "zones", "regions"]).unwrap_or(container)
}

/// Machine-made parts of the own part. Names of buckets belong to everybody: one alone is never opened.
pub(super) fn tokens(name: &str) -> Vec<Token> {
    let bucket = name.contains("/buckets/").then(|| object(name).unwrap_or(name.len()));
    let of = |kind: &str| name.rsplit('/').nth(1) == Some(kind);
    let found = catalog::gcp().tokens.find(name, own_part(name), of);
    let token = |(start, end, rule): (usize, usize, &'static TokenRule)| Token {
        span: (start, end),
        rule: &rule.id,
        words: &rule.words,
        samples: if bucket.is_some_and(|bucket| end <= bucket) { rule.samples.max(2) } else { rule.samples },
        doubtful: false,
        of_stack: false,
        suffix: rule.suffix,
        fixed: rule.fixed,
        passing: rule.passing,
    };
    found.into_iter().map(token).collect()
}

/// Accounts, keys, secrets and roles.
pub(super) fn stays_exact(name: &str) -> bool {
    let own = name.get(own_part(name)..).unwrap_or("");
    let mut parts = own.split('/');
    // Keys of objects may hold any word.
    !own.starts_with("buckets/")
        && parts.any(|part| catalog::gcp().tokens.exact.iter().any(|row| row.resource == part))
}

/// The byte after the bucket, in the name of an object.
pub(super) fn object(name: &str) -> Option<usize> {
    let storage = name.starts_with("//storage.googleapis.com/projects/_/buckets/");
    name.find(OBJECTS).filter(|_| storage).map(|at| at + OBJECTS.len())
}

/// Whether the pattern leaves nothing of a collection's names open in its project and place.
pub(super) fn whole_type(pattern: &Pattern) -> bool {
    let text = pattern.to_string();
    let own = text.get(own_part(&text)..).unwrap_or("");
    matches!(own.split('/').collect::<Vec<&str>>().as_slice(), [_, "*"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_part_begins_behind_project_and_place() {
        let own = |name: &'static str| name.get(own_part(name)..).unwrap();
        assert_eq!(own("//run.googleapis.com/projects/p/locations/europe-west1/services/s"), "services/s");
        assert_eq!(own("//storage.googleapis.com/projects/_/buckets/b/objects/o"), "buckets/b/objects/o");
        assert_eq!(own("//pubsub.googleapis.com/projects/p/topics/t"), "topics/t");
        assert_eq!(own("//cloudresourcemanager.googleapis.com/projects/p"), "");
        assert_eq!(
            own("//serviceusage.googleapis.com/services/run.googleapis.com"),
            "services/run.googleapis.com"
        );
    }

    #[test]
    fn accounts_keys_and_secrets_stay_and_whole_collections_are_known() {
        assert!(stays_exact("//secretmanager.googleapis.com/projects/p/secrets/s/versions/3"));
        assert!(!stays_exact("//storage.googleapis.com/projects/_/buckets/b/objects/secrets/a"));
        let whole = |text: &str| whole_type(&Pattern::parse(text));
        assert!(whole("//pubsub.googleapis.com/projects/p/topics/*"));
        assert!(!whole("//pubsub.googleapis.com/projects/p/topics/a-*"));
        assert!(!whole("//secretmanager.googleapis.com/projects/p/secrets/s/versions/*"));
    }
}
