//! Who refused, from an entry or from a pasted answer: IAM, a deny policy, a principal access boundary, VPC Service
//! Controls or an organization policy; and what can be done about it.

use super::map;
use super::record::Entry;
use crate::catalog;
use crate::model::denial::{Advice, Denial, Encoded, Refused};
use crate::model::usage::{Level, Outcome, Target, Use};
use std::borrow::Cow;

/// The kind of an answer that names none.
const IAM: &str = "iam";
const VPC_SC: &str = "vpc-sc";
const ORG_POLICY: &str = "org-policy";

/// What an entry that gave these uses says was refused.
pub(super) fn refused(entry: &Entry<'_>, uses: &[Use<'_>]) -> Vec<Refused> {
    let denied = uses.iter().filter(|used| used.outcome == Outcome::Denied);
    denied
        .map(|used| {
            let (by, explicit) = who(entry.proto_payload.0.status.0.message.or_empty());
            Refused { by, explicit, ..from_use(used) }
        })
        .collect()
}

/// What an entry of the policy log says was refused; a perimeter on trial refuses nothing.
pub(super) fn by_policy(entry: &Entry<'_>) -> Vec<Refused> {
    let payload = &entry.proto_payload.0;
    let violation = &payload.metadata.0;
    if violation.dry_run.is_true() {
        return Vec::new();
    }
    let constraints = &payload.policy_violation_info.0.org_policy_violation_info.0.violation_info.0;
    let constraint = constraints.iter().find_map(|one| one.constraint.filled());
    let perimeter = violation.security_policy_info.0.service_perimeter_name.filled();
    let by = if constraint.is_some() { ORG_POLICY } else { VPC_SC };
    let first = payload.authorization_info.0.first();
    let method = payload.method_name.or_empty();
    let documented = catalog::gcp().method(method).map(|known| known.permissions.as_slice());
    let permission = first.and_then(|row| row.permission.filled()).or(match documented {
        Some([(permission, _)]) => Some(*permission),
        _ => None,
    });
    let names = violation.resource_names.map_or("[]", |raw| raw.get());
    let names: Vec<String> = serde_json::from_str(names).unwrap_or_default();
    let named = names.first().map(String::as_str);
    let named = named.or(first.and_then(|row| row.resource.filled())).or(payload.resource_name.filled());
    let used = map::make(entry, permission.unwrap_or(method), named, None, Outcome::Denied, "policy-log");
    let policy = constraint.or(perimeter).map(str::to_owned);
    vec![Refused { by, explicit: Some(true), policy, told: first.is_some(), exempt: None, ..from_use(&used) }]
}

fn from_use(used: &Use<'_>) -> Refused {
    Refused {
        action: used.action.to_string(),
        target: Target { level: used.target.level, text: Cow::Owned(used.target.text.to_string()) },
        scope: used.scope.to_string(),
        context: std::collections::BTreeMap::new(),
        family: used.family,
        by: IAM,
        explicit: None,
        policy: None,
        encoded: Encoded::No,
        told: used.rule == "authorization-info",
        exempt: used.exempt,
    }
}

/// The kind of policy that an answer tells of, and whether that denies by itself.
fn who(message: &str) -> (&'static str, Option<bool>) {
    let phrase = catalog::gcp().denials.phrase(message, "");
    phrase.map_or((IAM, None), |row| (row.by.as_str(), row.explicit))
}

/// A pasted answer; `None` where it names neither a permission nor who refused.
pub(super) fn pasted(text: &str) -> Option<Denial> {
    let known = catalog::gcp();
    let apart = |c: char| {
        c.is_whitespace() || matches!(c, '\'' | '"' | '`' | '(' | ')' | '[' | ']' | ',' | '{' | '}')
    };
    let words: Vec<&str> = text
        .split(apart)
        .map(|word| word.trim_end_matches(['.', ':', ';']))
        .filter(|w| !w.is_empty())
        .collect();
    let permission = words.iter().find(|word| known.support(word).is_some());
    let phrase =
        known.denials.phrase(text, words.iter().find(|w| w.chars().all(reason)).copied().unwrap_or(""));
    if permission.is_none() && phrase.is_none() {
        return None;
    }
    let container = |word: &&&str| {
        ["projects/", "organizations/", "folders/", "//"].iter().any(|kind| word.starts_with(kind))
    };
    let named = words.iter().find(container).map(|word| (*word).to_owned());
    let project = || {
        let at = words.iter().position(|word| *word == "project")?;
        Some(format!("projects/{}", words.get(at + 1)?))
    };
    let name = named.or_else(project);
    let entry = Entry::default();
    let scope = map::scope(&entry, permission.unwrap_or(&""), name.as_deref().unwrap_or(""));
    let (by, explicit) = phrase.map_or((IAM, None), |row| (row.by.as_str(), row.explicit));
    let violated = words.iter().find(|word| by == ORG_POLICY && word.contains("constraints/"));
    let permission = (*permission.unwrap_or(&"")).to_owned();
    let refused = Refused {
        exempt: map::review(&permission, &scope).filter(|_| !permission.is_empty()),
        action: permission,
        target: name.map_or(Target::pattern(Level::Unseen, ""), Target::named),
        scope,
        context: std::collections::BTreeMap::new(),
        family: None,
        by,
        explicit,
        policy: violated.map(|word| (*word).to_owned()),
        encoded: Encoded::No,
        told: true,
    };
    let principal = words.iter().find_map(|word| member(word)).unwrap_or_default();
    Some(Denial { cloud: "gcp", principal, refused, seen: None })
}

/// Letters of a reason code such as `SECURITY_POLICY_VIOLATED`.
fn reason(c: char) -> bool {
    c.is_ascii_uppercase() || c == '_'
}

/// A principal in IAM's member syntax.
fn member(word: &str) -> Option<String> {
    if word.starts_with("principal://") {
        return Some(word.to_owned());
    }
    let email = word.strip_prefix("serviceAccount:").or(word.strip_prefix("user:")).unwrap_or(word);
    let (name, domain) = email.split_once('@')?;
    if name.is_empty() || name.contains('/') || !domain.contains('.') || domain.contains(['/', '@']) {
        return None;
    }
    let kind = if domain.ends_with("gserviceaccount.com") { "serviceAccount" } else { "user" };
    Some(format!("{kind}:{email}"))
}

/// What can be done about a refusal.
pub(super) fn advise(denial: &Denial) -> Advice {
    let (known, refused) = (&catalog::gcp().denials, &denial.refused);
    let mut advice = Advice::default();
    if let Some(kind) = known.kind(refused.by) {
        let explicit = refused.explicit == Some(true);
        advice.mends = kind.mends && !explicit;
        advice.text.push(if explicit { &kind.explicit } else { &kind.implicit }.clone());
    }
    if advice.mends {
        advice.text.extend(known.also(&refused.action, refused.by).map(str::to_owned));
    }
    if advice.mends && refused.exempt == Some("review") {
        advice.text.push(
            "no custom role can hold the permission there: a predefined role, or a role of the organization, must give it"
                .to_owned(),
        );
    } else if advice.mends && denial.principal.starts_with("user:") {
        advice.text.push("people get access through groups: give it to one of theirs".to_owned());
    }
    if !refused.told && !refused.action.is_empty() {
        let named = if catalog::gcp().support(&refused.action).is_some() {
            "the answer does not name the permission: it is what the method is documented to need"
        } else {
            "the entry names the method, not the permission"
        };
        advice.text.push(named.to_owned());
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, String, String, &'static str, String) {
        let denial = pasted(text).unwrap_or_else(|| panic!("{text}"));
        let refused = denial.refused;
        (denial.principal, refused.action, refused.target.text.into_owned(), refused.by, refused.scope)
    }

    #[test]
    fn answers_tell_who_refused() {
        let account = "app@example-dev.iam.gserviceaccount.com";
        let got = read(&format!(
            "{account} does not have storage.objects.list access to the Google Cloud Storage bucket. \
            Operations on resource are denied due to an IAM Principal Access Boundary Policy."
        ));
        assert_eq!(
            (got.0, got.1, got.3),
            (format!("serviceAccount:{account}"), "storage.objects.list".into(), "pab")
        );
        let got = read(
            "Permission 'iam.roles.create' denied on resource '//iam.googleapis.com/projects/example-dev' (or it may not exist).",
        );
        assert_eq!(
            (got.1.as_str(), got.2.as_str()),
            ("iam.roles.create", "//iam.googleapis.com/projects/example-dev")
        );
        assert_eq!((got.3, got.4.as_str()), ("iam", "projects/example-dev"));
        let got = read(
            "Required 'compute.instances.get' permission for 'projects/example-dev/zones/europe-west1-b/instances/web'",
        );
        assert_eq!(
            (got.1.as_str(), got.3, got.4.as_str()),
            ("compute.instances.get", "iam", "projects/example-dev")
        );
        let got = read(
            "Access Denied: Project example-dev: User does not have bigquery.jobs.create permission in project example-dev.",
        );
        assert_eq!((got.1.as_str(), got.4.as_str()), ("bigquery.jobs.create", "projects/example-dev"));
        let got =
            read("Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: AbC-1");
        assert_eq!(got.3, "vpc-sc");
        let got = read("Constraint constraints/compute.vmExternalIpAccess violated for project 123456789012");
        assert_eq!(got.3, "org-policy");
        let got = read("Permission 'storage.buckets.delete' denied due to an IAM deny policy");
        assert_eq!((got.1.as_str(), got.3), ("storage.buckets.delete", "deny"));
        assert_eq!(pasted("The caller does not have permission"), None);
        assert_eq!(pasted("it rained on projects/x"), None);
    }

    #[test]
    fn boundaries_and_perimeters_are_mended_by_no_role() {
        for (text, mends) in [
            ("does not have storage.objects.get access: Principal Access Boundary", false),
            ("storage.objects.get: vpcServiceControlsUniqueIdentifier: x", false),
            ("Permission 'storage.objects.get' denied on resource (or it may not exist).", true),
        ] {
            let advice = advise(&pasted(text).unwrap());
            assert_eq!(advice.mends, mends, "{text}");
            assert!(!advice.text.is_empty());
        }
    }

    #[test]
    fn the_policy_log_names_perimeter_or_constraint_and_a_trial_refuses_nothing() {
        let entry = |more: &str| {
            format!(
                r#"{{"logName":"projects/example-dev/logs/cloudaudit.googleapis.com%2Fpolicy","protoPayload":{{
                "serviceName":"storage.googleapis.com","methodName":"google.storage.objects.get","resourceName":"projects/1",
                "status":{{"code":7}},{more}}}}}"#
            )
        };
        let perimeter = "accessPolicies/1/servicePerimeters/data";
        let violation = |trial: bool| {
            entry(&format!(
                r#""metadata":{{"@type":"type.googleapis.com/google.cloud.audit.VpcServiceControlAuditMetadata","dryRun":{trial},
                "resourceNames":["projects/_/buckets/example/objects/a"],"securityPolicyInfo":{{"servicePerimeterName":"{perimeter}"}}}}"#
            ))
        };
        let of = |text: &str| by_policy(&serde_json::from_str::<Entry<'_>>(text).unwrap());
        let got = of(&violation(false));
        assert_eq!((got.len(), got[0].by, got[0].policy.as_deref()), (1, "vpc-sc", Some(perimeter)));
        assert!(got[0].target.text.ends_with("/buckets/example/objects/a"), "{:?}", got[0].target);
        assert_eq!(of(&violation(true)), []);
        let constraint = "constraints/gcp.resourceLocations";
        let got = of(&entry(&format!(
            r#""policyViolationInfo":{{"orgPolicyViolationInfo":{{"violationInfo":[{{"constraint":"{constraint}"}}]}}}}"#
        )));
        assert_eq!((got[0].by, got[0].policy.as_deref()), ("org-policy", Some(constraint)));
    }
}
