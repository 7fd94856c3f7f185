//! The grammar of AccessDenied messages: text in, parts out.
//!
//! ```text
//! message  := [ "You are not authorized to perform this operation." ] body [ "Encoded authorization failure message:" BLOB ]
//! body     := "User" [":"] [ principal ] "is not authorized to perform" [":"] action [ resource ] [ reason ]
//! resource := "on" ["resource:"] ( ARN | '"' ARN '"' | "*" | words | "the specified resource" )
//! reason   := "because no" policy "allows the" action "action"
//!           | "with an explicit deny" [ "in" (a|an|the) policy [ ":" ARN ] [ "transitively through a" policy ] ]
//! ```
//!
//! Names in it are hostile: a quoted resource may hold the words of the grammar.

use crate::catalog;
use crate::catalog::denial::UNKNOWN;

const VERB: &str = "ot authorized to perform";
const ENCODED: &str = "Encoded authorization failure message:";
const EXPLICIT: &str = " with an explicit deny";
const BECAUSE: &str = " because ";

/// The parts of a message; what it does not say is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message<'m> {
    pub(super) principal: Option<&'m str>,
    /// As written; its case may not be canonical.
    pub(super) action: Option<&'m str>,
    /// ARN, pattern or words.
    pub(super) resource: Option<&'m str>,
    /// The resource stood in quotes: it is a name, whatever characters it has.
    pub(super) quoted: bool,
    pub(super) by: &'static str,
    pub(super) explicit: Option<bool>,
    pub(super) policy: Option<&'m str>,
    /// The encoded message; empty where it was cut.
    pub(super) encoded: Option<&'m str>,
}

/// Why, as a message ends.
type Reason<'m> = (&'static str, Option<bool>, Option<&'m str>);

/// Reads a message that came with an error code.
pub(super) fn parse<'m>(text: &'m str, code: &str) -> Message<'m> {
    let (head, blob) = match text.split_once(ENCODED) {
        Some((head, blob)) => (head, Some(blob)),
        None => (text, None),
    };
    let encoded = blob.map(|blob| {
        let blob = blob.split_whitespace().next().unwrap_or("");
        if blob.ends_with("...") { "" } else { blob.trim_end_matches(['.', '"', '\'']) }
    });
    let mut message = Message {
        principal: None,
        action: None,
        resource: None,
        quoted: false,
        by: UNKNOWN,
        explicit: None,
        policy: None,
        encoded,
    };
    let reason = match body(head) {
        Some((before, action, tail)) => {
            message.principal = principal(before);
            message.action = Some(action);
            let (on, why) = tail.split_at_checked(reason_at(tail)).unwrap_or((tail, ""));
            message.resource = resource(on, why.is_empty());
            message.quoted = on.trim_end().ends_with('"');
            reason(why, code)
        }
        None => whole(head, code),
    };
    (message.by, message.explicit, message.policy) = reason;
    message
}

/// What stands before the verb, the action, and what follows it.
fn body(head: &str) -> Option<(&str, &str, &str)> {
    let verbs = head.match_indices(VERB).map(|(at, _)| at);
    verbs.into_iter().find_map(|at| {
        let before = head.get(..at)?;
        let rest = head.get(at + VERB.len()..)?.trim_start_matches([':', ' ']);
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let action = rest.get(..end)?.trim_end_matches(['.', ',']);
        is_action(action).then_some((before, action, rest.get(end..).unwrap_or("")))
    })
}

fn is_action(text: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*'))
    };
    text.split_once(':').is_some_and(|(prefix, name)| word(prefix) && word(name))
}

fn principal(before: &str) -> Option<&str> {
    let (_, name) = before.rsplit_once("User:")?;
    name.split_whitespace().next().filter(|name| !matches!(*name, "is" | "n"))
}

/// Where the reason starts: the last of its marks that is not inside a quoted name.
fn reason_at(tail: &str) -> usize {
    let quoted = tail.rfind('"').map_or(0, |at| at + 1);
    let open = tail.get(quoted..).unwrap_or("");
    [EXPLICIT, BECAUSE].iter().filter_map(|mark| open.rfind(mark)).max().map_or(tail.len(), |at| quoted + at)
}

/// What stands between action and reason; `last`: no reason follows, a full stop may.
fn resource(text: &str, last: bool) -> Option<&str> {
    let text = text.trim();
    if last && text.ends_with("...") {
        // Cut in the middle of the name.
        return None;
    }
    let text = if last { text.strip_suffix('.').unwrap_or(text) } else { text };
    let text = text.strip_prefix("on")?.trim_start();
    let text = text.strip_prefix("resource").map_or(text, |rest| rest.trim_start_matches(':').trim_start());
    if text == "the specified resource" || text.is_empty() {
        return None;
    }
    match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"'),
        None => Some(text),
    }
}

fn reason<'m>(text: &'m str, code: &str) -> Reason<'m> {
    let known = &catalog::aws().denials;
    if let Some(rest) = text.strip_prefix(EXPLICIT) {
        let rest = rest.trim_start().strip_prefix("in ").unwrap_or("").trim_start();
        let (_, named) = rest.split_once(' ').unwrap_or(("", ""));
        let named = named.split(" transitively").next().unwrap_or("");
        let (name, policy) = named.split_once(": ").unwrap_or((named, ""));
        let by = known.called(name.trim().trim_end_matches('.')).map_or(UNKNOWN, |kind| kind.id.as_str());
        let policy = policy.split_whitespace().next().map(|arn| arn.trim_end_matches('.'));
        return (by, Some(true), policy.filter(|arn| arn.starts_with("arn:")));
    }
    if let Some(rest) = text.strip_prefix(BECAUSE).and_then(|rest| rest.strip_prefix("no ")) {
        let name = rest.split(" allows").next().unwrap_or("").trim().trim_end_matches('.');
        return (known.called(name).map_or(UNKNOWN, |kind| kind.id.as_str()), Some(false), None);
    }
    whole(text, code)
}

/// What a text without this structure tells.
fn whole<'m>(text: &'m str, code: &str) -> Reason<'m> {
    let phrase = catalog::aws().denials.phrase(text, code);
    let explicit = text.contains("explicit deny").then_some(true);
    phrase.map_or((UNKNOWN, explicit, None), |row| (row.by.as_str(), row.explicit.or(explicit), None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WHO: &str = "arn:aws:sts::111122223333:assumed-role/app/run-1";

    /// Action, resource, kind, explicit, policy.
    type Parts<'m> = (Option<&'m str>, Option<&'m str>, &'static str, Option<bool>, Option<&'m str>);

    fn parts(text: &str) -> Parts<'_> {
        let m = parse(text, "AccessDenied");
        (m.action, m.resource, m.by, m.explicit, m.policy)
    }

    fn body(tail: &str) -> String {
        format!("User: {WHO} is not authorized to perform: {tail}")
    }

    #[test]
    fn every_kind_of_policy_is_told_explicit_or_not() {
        for (name, article, id) in [
            ("identity-based policy", "an", "identity"),
            ("resource-based policy", "a", "resource"),
            ("service control policy", "a", "scp"),
            ("resource control policy", "a", "rcp"),
            ("permissions boundary", "a", "boundary"),
            ("session policy", "a", "session"),
            ("VPC endpoint policy", "a", "vpc-endpoint"),
            ("role trust policy", "the", "trust"),
        ] {
            let arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders";
            let no = body(&format!(
                "dynamodb:GetItem on resource: {arn} because no {name} allows the dynamodb:GetItem action"
            ));
            assert_eq!(parts(&no), (Some("dynamodb:GetItem"), Some(arn), id, Some(false), None));
            let deny = body(&format!(
                "dynamodb:GetItem on resource: {arn} with an explicit deny in {article} {name}"
            ));
            assert_eq!(parts(&deny), (Some("dynamodb:GetItem"), Some(arn), id, Some(true), None));
            let policy =
                "arn:aws:organizations::444455556666:policy/o-exampleorg/service_control_policy/p-example1";
            for end in ["", ".", " transitively through a service control policy"] {
                let named = format!("{deny}: {policy}{end}");
                assert_eq!(parts(&named).4, Some(policy), "{named}");
                assert_eq!(parts(&named).2, id);
            }
        }
    }

    #[test]
    fn oddities_of_services_are_understood() {
        let bare = body("sms:GetApp");
        assert_eq!(parts(&bare), (Some("sms:GetApp"), None, UNKNOWN, None, None));
        assert_eq!(parse(&bare, "").principal, Some(WHO));
        let glued = body("apigateway:GET onresource: arn:aws:apigateway:eu-central-1::/vpclinks");
        assert_eq!(parts(&glued).1, Some("arn:aws:apigateway:eu-central-1::/vpclinks"));
        let nobody = parse("User is not authorized to perform: rds:CopyDBSnapshot", "");
        assert_eq!((nobody.principal, nobody.action), (None, Some("rds:CopyDBSnapshot")));
        let quoted = body(
            r#"ssm:StartSession on resource: managed-instance/"web 1" because no identity-based policy allows the x:Y action"#,
        );
        assert_eq!(parts(&quoted).1, Some(r#"managed-instance/"web 1""#));
        assert_eq!(parts(&quoted).2, "identity");
        let somewhere = body("elasticfilesystem:ClientMount on the specified resource");
        assert_eq!(parts(&somewhere).1, None);
        let words = body("iam:DeleteAccessKey on resource: user ana with an explicit deny");
        assert_eq!(parts(&words), (Some("iam:DeleteAccessKey"), Some("user ana"), UNKNOWN, Some(true), None));
        assert_eq!(
            parts("Not authorized to perform sts:AssumeRoleWithWebIdentity").0,
            Some("sts:AssumeRoleWithWebIdentity")
        );
        assert_eq!(parts("Access Denied"), (None, None, UNKNOWN, None, None));
        assert_eq!(parts("Cross-account pass role is not allowed.").2, "service");
        assert_eq!(
            parts("User is not authorized to access this resource with an explicit deny").3,
            Some(true)
        );
        let none = body(
            "codecommit:ListRepositories because no service control policy allows the codecommit:ListRepositories action",
        );
        assert_eq!(parts(&none), (Some("codecommit:ListRepositories"), None, "scp", Some(false), None));
        assert_eq!(parse("", "VpceAccessDenied").by, "vpc-endpoint");
        let shut = body(
            "s3:PutBucketPolicy on resource: \"arn:aws:s3:::example-bucket\" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
        );
        assert_eq!(parts(&shut).2, "block-public-access");
    }

    #[test]
    fn encoded_messages_are_found_and_cut_ones_told_apart() {
        let opening = "You are not authorized to perform this operation.";
        let plain = format!("{opening} Encoded authorization failure message: aB3-_x");
        assert_eq!((parse(&plain, "").encoded, parse(&plain, "").action), (Some("aB3-_x"), None));
        let cut = format!(
            "{opening} {} Encoded authorization failure message: aB3-_x...",
            body(
                "ec2:RunInstances on resource: arn:aws:ec2:eu-central-1:111122223333:instance/* because no identity-based policy allows the ec2:RunInstances action."
            )
        );
        let cut = parse(&cut, "");
        assert_eq!((cut.encoded, cut.action, cut.by), (Some(""), Some("ec2:RunInstances"), "identity"));
        assert_eq!(cut.resource, Some("arn:aws:ec2:eu-central-1:111122223333:instance/*"));
        assert_eq!(parse(opening, "").encoded, None);
    }

    #[test]
    fn names_cannot_speak_for_policies() {
        let name = "arn:aws:s3:::b/x with an explicit deny in a service control policy: arn:aws:evil because no session policy allows";
        let text = body(&format!(
            "s3:GetObject on resource: \"{name}\" because no identity-based policy allows the s3:GetObject action"
        ));
        assert_eq!(parts(&text), (Some("s3:GetObject"), Some(name), "identity", Some(false), None));
        let text = body(&format!("s3:GetObject on resource: \"{name}\""));
        assert_eq!(parts(&text), (Some("s3:GetObject"), Some(name), UNKNOWN, None, None));
        let open = body("s3:GetObject on resource: \"arn:aws:s3:::b/cut");
        assert_eq!(parts(&open).1, None, "the name was cut");
    }

    proptest! {
        #[test]
        fn quoted_names_come_out_as_they_are(name in "\\PC{0,40}") {
            let text = body(&format!("s3:GetObject on resource: \"arn:aws:s3:::b/{name}\" with an explicit deny in a session policy"));
            let wanted = format!("arn:aws:s3:::b/{name}");
            prop_assert_eq!(parts(&text), (Some("s3:GetObject"), Some(wanted.as_str()), "session", Some(true), None));
        }

        #[test]
        fn any_text_is_read(text in "\\PC{0,80}(ot authorized to perform)?\\PC{0,40}( on resource: )?\\PC{0,20}") {
            parse(&text, "AccessDenied");
        }
    }
}
