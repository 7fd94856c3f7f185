//! From the name of a method to its permission: the verb and the kind of resource in the name, where exactly one
//! permission of the service has both. Nothing is answered that Google does not have.

use crate::catalog;

/// The permission that a method's name leads to; `service` and `resource` are what the entry says, if anything.
#[must_use]
pub fn by_name(service: &str, method: &str, resource: &str) -> Option<String> {
    if !method.is_ascii() {
        return None;
    }
    let parts: Vec<&str> = method.split('.').collect();
    let (last, above) = parts.split_last()?;
    let service = service.split('.').next().unwrap_or("");
    if !last.starts_with(|c: char| c.is_ascii_uppercase()) {
        return by_path(service, last, above);
    }
    let interface = above.last().map_or(Vec::new(), |name| words(name));
    let interface = match interface.split_last() {
        Some((tail, rest)) if tail.eq_ignore_ascii_case("service") => rest.to_vec(),
        _ => interface,
    };
    let words = words(last);
    let policy = words.len() > 2
        && words
            .iter()
            .rev()
            .take(2)
            .map(|w| w.to_ascii_lowercase())
            .eq(["policy".to_owned(), "iam".to_owned()]);
    if policy && (above.is_empty() || generic(method)) {
        return one(service, &[(last.to_ascii_lowercase(), collection(resource).to_owned())]);
    }
    let asked: Vec<(String, String)> = if policy {
        let (verb, noun) = (words.first()?, words.get(1..words.len() - 2)?);
        let noun = if noun.is_empty() { interface.concat() } else { noun.concat() };
        vec![(format!("{verb}IamPolicy").to_ascii_lowercase(), noun)]
    } else {
        let split = |at| Some((words.get(..at)?.concat().to_ascii_lowercase(), words.get(at..)?.concat()));
        (1..words.len()).filter_map(split).collect()
    };
    services(service, above, &interface).iter().find_map(|service| match all(service, &asked).as_slice() {
        [] => None,
        [only] => Some(Some(only.clone())),
        _ => Some(None),
    })?
}

/// Names such as `v1.compute.instances.insert` and `datasetservice.insert`.
fn by_path(service: &str, verb: &str, above: &[&str]) -> Option<String> {
    let path: Vec<&str> = above.iter().copied().filter(|part| !version(part) && *part != "google").collect();
    let verb = verb.to_ascii_lowercase();
    match path.as_slice() {
        [] => None,
        [noun] => one(service, &[(verb, noun.trim_end_matches("service").to_owned())]),
        [first, .., noun] => one(first, &[(verb, (*noun).to_owned())]),
    }
}

/// The permission among those documented for a method that its name or the resource points at. They may be all needed,
/// alternatives or the most that can be: to grant all of them would be a guess.
pub(super) fn among<'a>(
    documented: &[(&'a str, &'a str)],
    service: &str,
    method: &str,
    resource: &str,
) -> Option<(&'a str, &'a str)> {
    let only = |keeps: &dyn Fn(&str, &str) -> bool| {
        let split = |permission: &'a str| permission.rsplit_once('.').unwrap_or((permission, ""));
        let mut fit = documented.iter().filter(|(permission, _)| {
            let (group, verb) = split(permission);
            keeps(group.rsplit(['.', '/']).next().unwrap_or(group), verb)
        });
        fit.next().filter(|_| fit.next().is_none()).copied()
    };
    if let Some(named) = by_name(service, method, resource) {
        let found = documented.iter().find(|(permission, _)| *permission == named);
        if found.is_some() {
            return found.copied();
        }
    }
    let last = method.rsplit('.').next().unwrap_or(method);
    let first = words(last).first().map_or(String::new(), |word| word.to_ascii_lowercase());
    let (first, whole) = (catalog::gcp().naming.verb(&first), method.to_ascii_lowercase());
    let by_words = only(&|noun, verb| {
        let noun = noun.to_ascii_lowercase();
        let same = verb.eq_ignore_ascii_case(first) && whole.contains(noun.trim_end_matches('s'));
        same || verb.eq_ignore_ascii_case(last)
    });
    by_words.or_else(|| only(&|noun, _| noun.eq_ignore_ascii_case(collection(resource))))
}

/// Whether every service has a method of that name.
pub(super) fn generic(method: &str) -> bool {
    let rows = &catalog::gcp().naming.generic;
    rows.iter().flat_map(|row| &row.methods).any(|known| catalog::platform::glob(known, method))
}

/// Services whose permissions the method may need, the likeliest first: the package from its end, its last two names as
/// one, the interface, and what the entry says.
fn services(stated: &str, above: &[&str], interface: &[&str]) -> Vec<String> {
    let package = above.split_last().map_or(&[][..], |(_, package)| package);
    let plain =
        |part: &&&str| !version(part) && !matches!(**part, "google" | "cloud" | "admin" | "api" | "devtools");
    let package: Vec<&str> = package.iter().filter(plain).copied().collect();
    let joined = package.len().checked_sub(2).and_then(|at| package.get(at..)).map(<[&str]>::concat);
    let ends = package.iter().rev().map(|part| (*part).to_owned());
    let interface = Some(interface.concat().to_ascii_lowercase());
    let all = joined.into_iter().chain(ends).chain(interface).chain([stated.to_owned()]);
    let naming = &catalog::gcp().naming;
    all.filter(|name| !name.is_empty()).map(|name| naming.prefix(&name).to_owned()).collect()
}

fn one(service: &str, asked: &[(String, String)]) -> Option<String> {
    match all(catalog::gcp().naming.prefix(service), asked).as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    }
}

/// All permissions of a service with one of the verbs on the kind of resource it goes with.
fn all(service: &str, asked: &[(String, String)]) -> Vec<String> {
    let known = catalog::gcp();
    let mut found = Vec::new();
    for (group, verbs) in known.kinds(service) {
        let Some(kind) = group.strip_prefix(service).and_then(|rest| rest.strip_prefix('.')) else {
            continue;
        };
        let of: Vec<&str> =
            asked.iter().filter(|(_, noun)| plural(noun, kind)).map(|(verb, _)| verb.as_str()).collect();
        if of.is_empty() {
            continue;
        }
        let fits = |verb: &&str| {
            of.iter().any(|asked| {
                verb.eq_ignore_ascii_case(asked) || verb.eq_ignore_ascii_case(known.naming.verb(asked))
            })
        };
        found.extend(verbs.filter(fits).map(|verb| format!("{group}.{verb}")));
    }
    found
}

/// Whether `kind` is `noun`, in the plural or not.
fn plural(noun: &str, kind: &str) -> bool {
    let rest = |stem: &str| {
        kind.get(..stem.len()).filter(|head| head.eq_ignore_ascii_case(stem)).and(kind.get(stem.len()..))
    };
    let ies = || noun.strip_suffix('y').and_then(rest) == Some("ies");
    !noun.is_empty() && (matches!(rest(noun), Some("" | "s" | "es")) || ies())
}

/// The kind of resource a name ends in: `topics` of `projects/p/topics/t`.
fn collection(resource: &str) -> &str {
    resource.rsplit('/').nth(1).unwrap_or("")
}

fn version(part: &str) -> bool {
    let digits = part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    digits || matches!(part, "alpha" | "beta")
}

/// The words of a name in camel case; capitals in a row are one word.
fn words(name: &str) -> Vec<&str> {
    let (bytes, mut start, mut all) = (name.as_bytes(), 0, Vec::new());
    let upper = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_uppercase);
    let lower = |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    for at in 1..=bytes.len() {
        if at == bytes.len() || (upper(at) && (lower(at - 1) || lower(at + 1))) {
            all.extend(name.get(start..at).filter(|word| !word.is_empty()));
            start = at;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_permissions_that_exist() {
        let of = |service: &str, method: &str, resource: &str| {
            by_name(service, method, resource).unwrap_or_default()
        };
        for (service, method, resource, want) in [
            ("", "google.pubsub.v1.Publisher.CreateTopic", "", "pubsub.topics.create"),
            ("", "beta.compute.instances.insert", "", "compute.instances.create"),
            ("", "v1.compute.instances.aggregatedList", "", "compute.instances.list"),
            ("", "v1.compute.disks.createSnapshot", "", "compute.disks.createSnapshot"),
            ("", "google.iam.admin.v1.CreateServiceAccountKey", "", "iam.serviceAccountKeys.create"),
            ("bigquery.googleapis.com", "datasetservice.insert", "", "bigquery.datasets.create"),
            (
                "cloudresourcemanager.googleapis.com",
                "SetIamPolicy",
                "projects/p",
                "resourcemanager.projects.setIamPolicy",
            ),
            (
                "pubsub.googleapis.com",
                "google.iam.v1.IAMPolicy.SetIamPolicy",
                "projects/p/topics/t",
                "pubsub.topics.setIamPolicy",
            ),
            ("", "google.iam.v1.IAMPolicy.SetIamPolicy", "projects/p/topics/t", ""),
            ("sqladmin.googleapis.com", "CreateInstance", "", "cloudsql.instances.create"),
            ("", "google.cloud.bigquery.migration.v2.MigrationService.FrobnicateWorkflow", "", ""),
            ("", "no.such.Method", "", ""),
            ("", "é.Create", "", ""),
            ("", "", "", ""),
        ] {
            assert_eq!(of(service, method, resource), want, "{service} {method}");
        }
    }

    #[test]
    fn words_of_names() {
        assert_eq!(words("SetIAMPolicy"), ["Set", "IAM", "Policy"]);
        assert_eq!(words("GetOAuth2Token"), ["Get", "O", "Auth2", "Token"]);
        assert_eq!(words("insert"), ["insert"]);
        assert!(words("").is_empty());
    }

    #[test]
    fn one_of_several_documented_permissions() {
        let of = |method: &str, resource: &str| {
            let documented = &catalog::gcp().method(method).unwrap().permissions;
            among(documented, "bigquery.googleapis.com", method, resource).map(|(permission, _)| permission)
        };
        assert_eq!(of("SignJwt", ""), Some("iam.serviceAccounts.signJwt"));
        assert_eq!(of("tableservice.update", ""), Some("bigquery.tables.update"));
        assert_eq!(of("jobservice.query", "projects/p/jobs/j"), Some("bigquery.jobs.create"));
        assert_eq!(of("google.cloud.bigquery.v2.JobService.CancelJob", "projects/p/jobs/j"), None);
    }
}
