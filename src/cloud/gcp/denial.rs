//! Who refused, from an entry or from a pasted answer: IAM, a deny policy, a principal access boundary, VPC Service
//! Controls or an organization policy; and what can be done about it.

use super::map;
use super::record::{Entry, Payload};
use crate::catalog;
use crate::model::denial::{Advice, Denial, Encoded, Refused};
use crate::model::usage::{Level, Outcome, Target, Use};
use serde_json::Value;

/// The kind of an answer that names none.
const IAM: &str = "iam";
const VPC_SC: &str = "vpc-sc";
const ORG_POLICY: &str = "org-policy";

/// What an entry that gave these uses says was refused; an entry that gave none, as nothing is known of its method, may
/// still say it in its answer.
pub(super) fn refused(entry: &Entry<'_>, uses: &[Use<'_>]) -> Vec<Refused> {
    let payload = &entry.proto_payload.0;
    let denied: Vec<&Use<'_>> = uses.iter().filter(|used| used.outcome == Outcome::Denied).collect();
    let beside = elsewhere(payload);
    if denied.is_empty() && beside.is_none() && !map::denies(map::status(payload)) {
        return Vec::new();
    }
    let answer = read(&said(payload));
    let (by, explicit, policy) = beside.unwrap_or((IAM, None, None));
    let of = |used: &Use<'_>| Refused { by, explicit, policy: policy.clone(), ..from_use(used) };
    // Where no row names the permission, the answer may: it is the better witness than the method's name. It may also
    // name one that no row has: that of an account to act as, or of a table that a job reads.
    let (told, untold): (Vec<&Use<'_>>, Vec<&Use<'_>>) =
        denied.into_iter().partition(|used| used.rule == "authorization-info");
    let answered = answer.filter(|answer| !answer.permission.is_empty()).map(|answer| {
        let name = answer.name.as_deref().or(payload.resource_name.filled());
        let service = answer.permission.starts_with("iam.").then_some("iam.googleapis.com");
        map::make(entry, answer.permission, name, service, Outcome::Denied, "authorization-info")
    });
    let mut all: Vec<Refused> = told.iter().map(|used| of(used)).collect();
    match answered {
        Some(used) if told.iter().any(|row| row.action == used.action) => {}
        Some(used) => all.push(of(&used)),
        None => all.extend(untold.into_iter().map(of)),
    }
    if all.is_empty() && uses.is_empty() {
        let method = payload.method_name.or_empty();
        let name = payload.resource_name.filled();
        let used = map::make(entry, method, name, None, Outcome::Denied, "method");
        all.push(Refused { exempt: None, ..of(&used) });
    }
    all
}

/// What else than a missing role refused a call, whatever its permissions say: who, whether by a rule, and which.
pub(super) fn elsewhere(payload: &Payload<'_>) -> Option<(&'static str, Option<bool>, Option<String>)> {
    if !catalog::gcp().outcomes.refuses(map::status(payload)) {
        return None;
    }
    if let Some(constraint) = constraint(payload) {
        return Some((ORG_POLICY, Some(true), Some(constraint.to_owned())));
    }
    let answer = read(&said(payload))?;
    (answer.by != IAM).then_some((answer.by, answer.explicit, answer.policy))
}

/// What the status says, with the reason, the permission and the resource of its details.
fn said(payload: &Payload<'_>) -> String {
    let status = &payload.status.0;
    let mut text = status.message.or_empty().to_owned();
    let details = status.details.and_then(|raw| serde_json::from_str::<Vec<Value>>(raw.get()).ok());
    for detail in details.into_iter().flatten() {
        for at in ["/reason", "/metadata/permission", "/metadata/resource"] {
            if let Some(word) = detail.pointer(at).and_then(Value::as_str) {
                text.push(' ');
                text.push_str(word);
            }
        }
    }
    text
}

fn constraint<'a>(payload: &'a Payload<'_>) -> Option<&'a str> {
    let violated = &payload.policy_violation_info.0.org_policy_violation_info.0.violation_info.0;
    violated.iter().find_map(|one| one.constraint.filled())
}

/// What an entry of the policy log says was refused; a perimeter on trial refuses nothing.
pub(super) fn by_policy(entry: &Entry<'_>) -> Vec<Refused> {
    let payload = &entry.proto_payload.0;
    let violation = &payload.metadata.0;
    if violation.dry_run.is_true() {
        return Vec::new();
    }
    let constraint = constraint(payload);
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
        target: used.target.owned(),
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

/// What an answer says.
#[derive(Debug)]
struct Answer {
    /// Empty where it names none.
    permission: String,
    name: Option<String>,
    principal: String,
    by: &'static str,
    explicit: Option<bool>,
    policy: Option<String>,
}

/// Reads an answer; `None` where it names neither a permission nor who refused.
fn read(text: &str) -> Option<Answer> {
    let known = catalog::gcp();
    let apart = |c: char| {
        c.is_whitespace() || matches!(c, '\'' | '"' | '`' | '(' | ')' | '[' | ']' | ',' | '{' | '}')
    };
    let words: Vec<&str> = text
        .split(apart)
        .map(|word| word.trim_end_matches(['.', ':', ';']))
        .filter(|w| !w.is_empty())
        .collect();
    let worded = known.denials.worded(text);
    let permission = words.iter().find_map(|word| known.spelled(word));
    let permission =
        permission.or(worded.as_ref().map(|(row, ..)| row.permission.clone())).unwrap_or_default();
    let codes = words.iter().filter(|word| word.chars().all(reason));
    let phrase = known
        .denials
        .phrase(text, "")
        .or_else(|| codes.into_iter().find_map(|code| known.denials.phrase("", code)));
    if permission.is_empty() && phrase.is_none() {
        return None;
    }
    let container = |word: &&&str| {
        ["projects/", "organizations/", "folders/", "//"].iter().any(|kind| word.starts_with(kind))
    };
    let named = words.iter().find(container).map(|word| (*word).to_owned());
    let (by, explicit) = phrase.map_or((IAM, None), |row| (row.by.as_str(), row.explicit));
    let violated = words.iter().find(|word| by == ORG_POLICY && word.contains("constraints/"));
    // What it was refused on is not who was refused.
    let on = worded.as_ref().map_or("", |(_, word, _)| word);
    let whom = words.iter().filter(|word| **word != on).find_map(|word| member(word));
    Some(Answer {
        permission,
        name: named.or(worded.map(|(_, _, resource)| resource)),
        principal: whom.unwrap_or_default(),
        by,
        explicit,
        policy: violated.map(|word| (*word).to_owned()),
    })
}

/// A pasted answer; `None` where it names neither a permission nor who refused.
pub(super) fn pasted(text: &str) -> Option<Denial> {
    let answer = read(text)?;
    let entry = Entry::default();
    let permission = answer.permission;
    let name = answer.name.map(|name| map::by_id(&entry, &name));
    let scope = map::scope(&entry, &permission, name.as_deref().unwrap_or(""));
    // Where the answer names no project, nothing says that no role can be defined there.
    let held = if scope.is_empty() { map::held_back(&permission) } else { map::review(&permission, &scope) };
    let of = permission.starts_with("iam.serviceAccount").then_some("iam.googleapis.com");
    let full = name.map(|name| {
        of.filter(|_| !name.starts_with("//")).map_or(name.clone(), |of| format!("//{of}/{name}"))
    });
    let refused = Refused {
        exempt: held.filter(|_| !permission.is_empty()),
        action: permission,
        target: full.map_or(Target::pattern(Level::Unseen, ""), Target::named),
        scope,
        context: std::collections::BTreeMap::new(),
        family: None,
        by: answer.by,
        explicit: answer.explicit,
        policy: answer.policy,
        encoded: Encoded::No,
        told: true,
    };
    Some(Denial { cloud: "gcp", principal: answer.principal, refused, seen: None })
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
        let why = super::predefined::ungivable(&refused.action, &refused.scope);
        let why = Some(why).filter(|why| !why.is_empty() && !refused.scope.is_empty());
        advice.text.push(
            why.unwrap_or("no custom role can hold the permission: a predefined role must give it")
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

    fn told(text: &str) -> (String, String, String, &'static str, String) {
        let denial = pasted(text).unwrap_or_else(|| panic!("{text}"));
        let refused = denial.refused;
        (denial.principal, refused.action, refused.target.text.to_string(), refused.by, refused.scope)
    }

    #[test]
    fn answers_tell_who_refused() {
        let account = "app@example-dev.iam.gserviceaccount.com";
        let got = told(&format!(
            "{account} does not have storage.objects.list access to the Google Cloud Storage bucket. \
            Operations on resource are denied due to an IAM Principal Access Boundary Policy."
        ));
        assert_eq!(
            (got.0, got.1, got.3),
            (format!("serviceAccount:{account}"), "storage.objects.list".into(), "pab")
        );
        let got = told(
            "Permission 'iam.roles.create' denied on resource '//iam.googleapis.com/projects/example-dev' (or it may not exist).",
        );
        assert_eq!(
            (got.1.as_str(), got.2.as_str()),
            ("iam.roles.create", "//iam.googleapis.com/projects/example-dev")
        );
        assert_eq!((got.3, got.4.as_str()), ("iam", "projects/example-dev"));
        let got = told(
            "Required 'compute.instances.get' permission for 'projects/example-dev/zones/europe-west1-b/instances/web'",
        );
        assert_eq!(
            (got.1.as_str(), got.3, got.4.as_str()),
            ("compute.instances.get", "iam", "projects/example-dev")
        );
        let got = told(
            "Access Denied: Project example-dev: User does not have bigquery.jobs.create permission in project example-dev.",
        );
        assert_eq!((got.1.as_str(), got.4.as_str()), ("bigquery.jobs.create", "projects/example-dev"));
        let got =
            told("Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: AbC-1");
        assert_eq!(got.3, "vpc-sc");
        let got = told("Constraint constraints/compute.vmExternalIpAccess violated for project 123456789012");
        assert_eq!(got.3, "org-policy");
        let got = told("Permission 'storage.buckets.delete' denied due to an IAM deny policy");
        assert_eq!((got.1.as_str(), got.3), ("storage.buckets.delete", "deny"));
        assert_eq!(pasted("The caller does not have permission"), None);
        assert_eq!(pasted("it rained on projects/x"), None);
    }

    #[test]
    fn an_account_that_was_acted_on_is_the_resource_and_not_who_was_refused() {
        let account = "//iam.googleapis.com/projects/p/serviceAccounts/x@p.iam.gserviceaccount.com";
        for text in [
            "Permission 'iam.serviceaccounts.actAs' denied on service account x@p.iam.gserviceaccount.com (or it may not exist).",
            "permission iam.serviceAccounts.actAs denied on service account x@p.iam.gserviceaccount.com",
        ] {
            let got = told(text);
            assert_eq!(
                (got.0.as_str(), got.1.as_str(), got.2.as_str()),
                ("", "iam.serviceAccounts.actAs", account)
            );
            assert_eq!(got.4, "projects/p/serviceAccounts/x@p.iam.gserviceaccount.com");
        }
        let got =
            told("Service account x@p.iam.gserviceaccount.com does not have storage.objects.get access");
        assert_eq!(got.0, "serviceAccount:x@p.iam.gserviceaccount.com");
    }

    #[test]
    fn a_permission_that_custom_roles_hold_is_not_called_ungivable_where_no_resource_is_told() {
        let advice =
            advise(&pasted("Permission 'storage.buckets.delete' denied (or it may not exist).").unwrap());
        assert!(!advice.text.iter().any(|text| text.contains("no custom role")), "{advice:?}");
        let advice =
            advise(&pasted("Permission 'iam.denypolicies.create' denied (or it may not exist).").unwrap());
        assert!(advice.text.iter().any(|text| text.contains("no custom role")), "{advice:?}");
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
