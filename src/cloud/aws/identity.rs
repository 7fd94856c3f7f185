//! Who acted, from `userIdentity`: the principal a policy would be attached to, or why there is none.

use super::record::{Identity, Record};
use crate::catalog;
use crate::catalog::platform::glob;
use crate::model::identity::{Actor, Disposition, Kind, Vouched};
use crate::model::tally::Skip;
use crate::wire::fingerprint;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// The actor of a record, or the reason for which nobody is to be tightened.
pub(super) fn identify<'a>(record: &'a Record<'a>) -> Result<Actor<'a>, Skip> {
    let identity = &record.user_identity.0;
    let session = &identity.session_context.0;
    let issuer = session.session_issuer.0.arn.filled();
    let kind = identity.kind.or_empty();
    if kind == "AWSService" {
        return Err(Skip::Service);
    }
    if [issuer, identity.arn.filled()].into_iter().flatten().any(is_service_linked) {
        return Err(Skip::ServiceLinkedRole);
    }
    let mut actor = Actor {
        principal: Cow::Borrowed(""),
        kind: Kind::Unknown,
        home: Cow::Borrowed(""),
        says: identity.arn.filled().or(identity.principal_id.filled()).map(Cow::Borrowed),
        session: session_hash(identity),
        vouched: vouched(record),
        exempt: None,
    };
    if let Some(account) = foreign_account(record) {
        actor.principal = format!("account/{account}").into();
        actor.kind = Kind::Account;
        actor.home = Cow::Borrowed(account);
        actor.exempt = Some("external");
        return Ok(actor);
    }
    if let Some(arn) = principal_arn(identity, issuer) {
        name(&mut actor, arn);
    }
    if actor.principal.is_empty() {
        actor.exempt = Some("unattributable");
    }
    Ok(actor)
}

fn is_service_linked(arn: &str) -> bool {
    arn.contains(":role/aws-service-role/") || arn.contains(":assumed-role/AWSServiceRoleFor")
}

/// The caller's account, where the record is the owner's copy of a foreign call.
fn foreign_account<'a>(record: &'a Record<'a>) -> Option<&'a str> {
    let identity = &record.user_identity.0;
    let caller =
        identity.account_id.filled().filter(|a| a.len() == 12 && a.bytes().all(|b| b.is_ascii_digit()));
    match (caller, record.recipient_account_id.filled()) {
        (Some(caller), Some(recipient)) if caller != recipient => Some(caller),
        (Some(caller), _) if identity.kind.get() == Some("AWSAccount") => Some(caller),
        _ => None,
    }
}

/// The ARN of the role, user or root behind the session.
fn principal_arn<'a>(identity: &'a Identity<'a>, issuer: Option<&'a str>) -> Option<Cow<'a, str>> {
    if let Some(issuer) = issuer {
        return Some(Cow::Borrowed(issuer));
    }
    let arn = identity.arn.filled()?;
    // A central session with a member account's root is that root.
    if let Some((head, _)) = arn.split_once(":assumed-root/") {
        return Some(format!("{}:root", head.replace(":sts:", ":iam:")).into());
    }
    // A session without an issuer: the role's path is lost, the name is not.
    match arn.split_once(":assumed-role/") {
        Some((head, session)) => {
            let role = session.split('/').next().unwrap_or(session);
            Some(format!("{}:role/{role}", head.replace(":sts:", ":iam:")).into())
        }
        None => Some(Cow::Borrowed(arn)),
    }
}

fn name<'a>(actor: &mut Actor<'a>, arn: Cow<'a, str>) {
    let mut fields = arn.splitn(6, ':').skip(4);
    let (account, rest) = (fields.next().unwrap_or("").to_owned(), fields.next().unwrap_or("").to_owned());
    actor.home = account.into();
    if rest == "root" {
        actor.kind = Kind::Root;
        actor.exempt = Some("root");
    } else if let Some(set) = permission_set(&rest) {
        actor.principal = format!("permission-set/{set}").into();
        actor.home = Cow::Borrowed("");
        actor.kind = Kind::PermissionSet;
        return;
    } else if rest.starts_with("role/") {
        actor.kind = Kind::Role;
        if platform_role(&arn).is_some() {
            actor.exempt = Some("infrastructure");
        }
    } else if rest.starts_with("user/") {
        actor.kind = Kind::User;
    } else if rest.starts_with("federated-user/") {
        actor.kind = Kind::Federated;
        actor.exempt = Some("report-only");
    } else {
        return;
    }
    actor.principal = arn;
}

/// The name of an Identity Center permission set, from the role it was provisioned as.
fn permission_set(rest: &str) -> Option<&str> {
    let role = rest.strip_prefix("role/")?.rsplit('/').next()?;
    let (name, suffix) = role.strip_prefix("AWSReservedSSO_")?.rsplit_once('_')?;
    (suffix.len() == 16 && suffix.bytes().all(|b| b.is_ascii_hexdigit()) && !name.is_empty()).then_some(name)
}

/// The platform a role belongs to, if any.
fn platform_role(arn: &str) -> Option<&'static str> {
    let role = arn.rsplit('/').next()?;
    let known = &catalog::aws().infrastructure.role;
    known.iter().find(|known| glob(&known.name, role)).map(|known| known.kind.as_str())
}

fn session_hash(identity: &Identity<'_>) -> u64 {
    let created = identity.session_context.0.attributes.0.creation_date.or_empty();
    let key = identity.access_key_id.filled().or(identity.arn.filled()).or(identity.principal_id.filled());
    fingerprint::join(fingerprint::hash(key.unwrap_or("")), fingerprint::hash(created))
}

fn vouched(record: &Record<'_>) -> Vouched {
    let identity = &record.user_identity.0;
    let session = &identity.session_context.0;
    let mut all = Vouched::default();
    if let Some(provider) = session.web_id_federation_data.0.federated_provider.filled() {
        all = all.or(provider_kind(provider));
    }
    if session.ec2_role_delivery.filled().is_some() {
        all = all.or(Vouched::SERVICE);
    }
    if record.session_credential_from_console.is_true() {
        all = all.or(Vouched::PERSON);
    }
    all
}

/// Whether a web identity provider is a CI system's.
pub(super) fn provider_kind(provider: &str) -> Vouched {
    let host = provider.split_once(":oidc-provider/").map_or(provider, |(_, host)| host);
    let known = catalog::aws().infrastructure.ci.iter().any(|ci| glob(&ci.provider, host));
    if known { Vouched::CI } else { Vouched::default() }
}

/// What becomes of a principal (semantics rule 19).
pub(super) fn dispose(principal: &str, kind: Kind) -> Disposition {
    match kind {
        Kind::PermissionSet => Disposition::PermissionSet,
        Kind::Account => Disposition::External,
        Kind::Role if platform_role(principal).is_some() => Disposition::Infrastructure,
        Kind::Role | Kind::User => Disposition::Policy,
        _ => Disposition::ReportOnly,
    }
}

/// IAM names without their path → with it. Requests give only the name, which is unique in its account and type.
pub(super) fn paths(known: &BTreeSet<&str>) -> BTreeMap<String, String> {
    let mut full: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for arn in known.iter().filter(|arn| arn.contains(":iam::")) {
        let Some((head, rest)) =
            arn.split_once(":iam::").map(|(head, rest)| (head.len() + ":iam::".len(), rest))
        else {
            continue;
        };
        let Some((scope, name)) = rest.split_once('/') else { continue };
        let typed =
            [":role", ":user", ":group", ":instance-profile"].iter().any(|kind| scope.ends_with(kind));
        if let (true, Some((_, last))) = (typed, name.rsplit_once('/')) {
            let short = format!("{}{scope}/{last}", arn.get(..head).unwrap_or(""));
            full.entry(short).or_default().insert(arn);
        }
    }
    let single = full.into_iter().filter(|(_, names)| names.len() == 1);
    single.filter_map(|(short, names)| Some((short, (*names.first()?).to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(identity: &str, principal: &str, kind: Kind, exempt: Option<&str>) {
        let text = format!(r#"{{"userIdentity":{identity},"recipientAccountId":"111122223333"}}"#);
        let record: Record<'_> = serde_json::from_str(&text).unwrap();
        let actor = identify(&record).unwrap();
        assert_eq!(
            (actor.principal.as_ref(), actor.kind, actor.exempt),
            (principal, kind, exempt),
            "{identity}"
        );
    }

    #[test]
    fn principals_are_told_apart() {
        check(
            r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/app/s","accountId":"111122223333",
                "sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::111122223333:role/ci/app"}}}"#,
            "arn:aws:iam::111122223333:role/ci/app",
            Kind::Role,
            None,
        );
        check(
            r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/app/s","sessionContext":null}"#,
            "arn:aws:iam::111122223333:role/app",
            Kind::Role,
            None,
        );
        check(
            r#"{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ana","sessionContext":{"sessionIssuer":{}}}"#,
            "arn:aws:iam::111122223333:user/ana",
            Kind::User,
            None,
        );
        check(
            r#"{"type":"Root","arn":"arn:aws:iam::111122223333:root"}"#,
            "arn:aws:iam::111122223333:root",
            Kind::Root,
            Some("root"),
        );
        check(
            r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-root/s"}"#,
            "arn:aws:iam::111122223333:root",
            Kind::Root,
            Some("root"),
        );
        let sso = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Data_Eng_0123456789abcdef";
        check(
            &format!(r#"{{"type":"AssumedRole","sessionContext":{{"sessionIssuer":{{"arn":"{sso}"}}}}}}"#),
            "permission-set/Data_Eng",
            Kind::PermissionSet,
            None,
        );
        check(
            r#"{"type":"AWSAccount","accountId":"444455556666"}"#,
            "account/444455556666",
            Kind::Account,
            Some("external"),
        );
        for nobody in ["null", "{}", r#"{"type":null}"#, r#"{"type":"SAMLUser","principalId":"x"}"#] {
            check(nobody, "", Kind::Unknown, Some("unattributable"));
        }
    }

    #[test]
    fn a_path_seen_elsewhere_completes_the_name() {
        let known =
            BTreeSet::from(["arn:aws:iam::111122223333:role/ci/app", "arn:aws:iam::111122223333:role/web"]);
        let full = paths(&known);
        assert_eq!(
            full.get("arn:aws:iam::111122223333:role/app").map(String::as_str),
            known.first().copied()
        );
        assert_eq!(full.len(), 1);
    }

    #[test]
    fn services_are_nobody_to_tighten() {
        let text = r#"{"userIdentity":{"type":"AWSService","invokedBy":"s3.amazonaws.com"}}"#;
        assert_eq!(identify(&serde_json::from_str(text).unwrap()).unwrap_err(), Skip::Service);
        let text = r#"{"userIdentity":{"type":"AssumedRole","sessionContext":{"sessionIssuer":
            {"arn":"arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"}}}}"#;
        assert_eq!(identify(&serde_json::from_str(text).unwrap()).unwrap_err(), Skip::ServiceLinkedRole);
    }
}
