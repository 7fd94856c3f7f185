//! Where identities stand in a text by its form alone: ARNs, e-mail addresses, accounts, keys, Google resource names.

/// Bytes of the text that are replaced, and by what.
pub(super) type Found = Option<(usize, String)>;
/// Gives the pseudonym of a name under a label.
type Name<'n> = &'n dyn Fn(&str, &str) -> String;

/// What the part of an IAM name before the first slash is shown as; the last part is a name.
const NAMED: [(&str, &str); 9] = [
    ("assumed-role", "role"),
    ("federated-user", "user"),
    ("group", "group"),
    ("instance-profile", "profile"),
    ("mfa", "mfa"),
    ("role", "role"),
    ("saml-provider", "provider"),
    ("server-certificate", "certificate"),
    ("user", "user"),
];
/// Words before a name, wherever they stand.
const HEADS: [(&str, &str); 6] = [
    ("permission-set/", "set"),
    ("projects/", "project"),
    ("folders/", "folder"),
    ("organizations/", "organization"),
    ("subject/", "subject"),
    ("group/", "group"),
];
/// What unique ids of IAM begin with; the first three are keys.
const IDS: [&str; 9] = ["AKIA", "ASIA", "ABIA", "AROA", "AIDA", "AGPA", "AIPA", "ANPA", "APKA"];
/// Paths that AWS gives.
const PATHS: [&str; 2] = ["aws-reserved", "service-role"];
/// The role that a permission set is provisioned as.
const RESERVED: &str = "AWSReservedSSO_";

/// Whether a text is an account id.
pub(super) fn account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a text is a whole e-mail address.
pub(super) fn is_email(text: &str) -> bool {
    email(text).is_some_and(|found| found.len() == text.len())
}

/// Whether a text is an id that IAM gave.
pub(super) fn unique_id(text: &str) -> bool {
    let known = IDS.iter().any(|prefix| text.starts_with(prefix));
    known && text.len() >= 16 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn run(text: &str, takes: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c| !takes(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or("")
}

/// The digits that a text begins with.
pub(super) fn digits(text: &str) -> Option<&str> {
    Some(run(text, |c| c.is_ascii_digit())).filter(|run| !run.is_empty())
}

/// A name as IAM takes it, without the punctuation of a sentence around it.
fn iam_name(text: &str) -> &str {
    run(text, |c| c.is_alphanumeric() || "+=,.@_-/*?".contains(c)).trim_end_matches(['.', ','])
}

fn email(text: &str) -> Option<&str> {
    let local = run(text, |c| c.is_alphanumeric() || "._%+=-".contains(c));
    let domain = text.get(local.len()..)?.strip_prefix('@').filter(|_| !local.is_empty())?;
    let domain = run(domain, |c| c.is_alphanumeric() || ".-".contains(c)).trim_end_matches(['.', '-']);
    domain.contains('.').then(|| text.get(..local.len() + 1 + domain.len()))?
}

/// An identity that the text begins with, by form.
pub(super) fn structured(rest: &str, name: Name<'_>) -> Found {
    let digits = digits(rest).filter(|run| {
        let after = rest.get(run.len()..).and_then(|after| after.chars().next());
        !after.is_some_and(char::is_alphanumeric)
    });
    arn(rest, name)
        .or_else(|| email(rest).map(|found| (found.len(), name("email", found))))
        .or_else(|| given(rest, name))
        .or_else(|| headed(rest, name))
        .or_else(|| digits.filter(|run| account(run)).map(|run| (run.len(), name("account", run))))
        // Numbers that Google gives to service accounts.
        .or_else(|| digits.filter(|run| run.len() == 21).map(|run| (run.len(), name("id", run))))
}

fn arn(rest: &str, name: Name<'_>) -> Found {
    let mut fields = rest.strip_prefix("arn:")?.splitn(5, ':');
    let plain = |text: &&str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-*?".contains(c));
    let mut next = || fields.next();
    let (partition, service, region) = (next().filter(plain)?, next().filter(plain)?, next().filter(plain)?);
    let owner = next().filter(plain)?;
    let mut out = format!("arn:{partition}:{service}:{region}:");
    let mut taken = out.len() + owner.len();
    out += &if account(owner) { name("account", owner) } else { owner.to_owned() };
    let Some(resource) = next() else { return Some((taken, out)) };
    out.push(':');
    taken += 1;
    if let Some((length, named)) = matches!(service, "iam" | "sts").then(|| iam(resource, name)).flatten() {
        taken += length;
        out += &named;
    }
    Some((taken, out))
}

fn iam(resource: &str, name: Name<'_>) -> Found {
    let (kind, after) = resource.split_once('/')?;
    let (_, label) = NAMED.iter().find(|(known, _)| *known == kind)?;
    let all = iam_name(after);
    if all.is_empty() || all.starts_with("aws-service-role/") {
        return None;
    }
    let length = kind.len() + 1 + all.len();
    if kind == "assumed-role" {
        let (role, session) = all.split_once('/').unwrap_or((all, ""));
        let session =
            if session.is_empty() { String::new() } else { format!("/{}", last("session", session, name)) };
        return Some((length, format!("{kind}/{}{session}", last(label, role, name))));
    }
    let (path, own) = all.rsplit_once('/').unwrap_or(("", all));
    let given = path.split('/').next().is_some_and(|first| PATHS.contains(&first));
    let path = path.split('/').filter(|part| !part.is_empty());
    let path =
        path.map(|part| if given { format!("{part}/") } else { format!("{}/", last("path", part, name)) });
    Some((length, format!("{kind}/{}{}", path.collect::<String>(), last(label, own, name))))
}

/// A name, but for one that stands for all.
fn last(label: &str, text: &str, name: Name<'_>) -> String {
    if text.chars().all(|c| "*?".contains(c)) {
        return text.to_owned();
    }
    match text.strip_prefix(RESERVED).and_then(|rest| rest.rsplit_once('_')) {
        Some((set, suffix)) => format!("{RESERVED}{}_{suffix}", name("set", set)),
        None => name(label, text),
    }
}

/// A key or unique id, and the session that stands behind it.
fn given(rest: &str, name: Name<'_>) -> Found {
    let id = run(rest, |c| c.is_ascii_uppercase() || c.is_ascii_digit());
    if !unique_id(id) {
        return None;
    }
    let key = IDS.iter().take(3).any(|prefix| id.starts_with(prefix));
    let own = name(if key { "key" } else { "id" }, id);
    let session = rest.get(id.len()..).and_then(|after| after.strip_prefix(':')).map_or("", iam_name);
    if session.is_empty() {
        return Some((id.len(), own));
    }
    Some((id.len() + 1 + session.len(), format!("{own}:{}", name("session", session))))
}

fn headed(rest: &str, name: Name<'_>) -> Found {
    if let Some(after) = rest.strip_prefix("attribute.") {
        let key = run(after, |c| c.is_ascii_alphanumeric() || c == '_');
        let value = after.get(key.len()..)?.strip_prefix('/').map(whole)?;
        let taken = "attribute.".len() + key.len() + 1 + value.len();
        return Some((taken, format!("attribute.{key}/{}", name("attribute", value))));
    }
    let (head, label) = HEADS.iter().find(|(head, _)| rest.starts_with(head))?;
    let after = rest.get(head.len()..)?;
    let own = match *label {
        "subject" | "group" => whole(after),
        "set" => iam_name(after),
        _ => run(after, |c| c.is_ascii_alphanumeric() || "-_.:".contains(c)).trim_end_matches(['.', ':']),
    };
    if own.is_empty() || own.chars().all(|c| "_-*".contains(c)) {
        return None;
    }
    let label = if account(own) { "account" } else { label };
    Some((head.len() + own.len(), format!("{head}{}", name(label, own))))
}

/// Up to white space or a quote.
fn whole(text: &str) -> &str {
    run(text, |c| !c.is_whitespace() && !"\"'`<>".contains(c)).trim_end_matches(['.', ',', ';', ')'])
}
