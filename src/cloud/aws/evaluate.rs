//! IAM's own reading of a policy, written from its documentation and from nothing else in this program: what is
//! checked here must not share a line with what wrote it.
//!
//! Explicit deny beats allow beats nothing. Where the log cannot answer a condition, the answer is the one that
//! allows less.

use crate::cloud::Evaluator;
use crate::model::usage::{Level, Row};
use rustc_hash::FxHashSet;
use serde_json::Value;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// One character of a wildcard expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    One,
    Any,
    /// A policy variable, which only the request knows.
    Variable,
}

/// One statement.
#[derive(Debug)]
struct Rule {
    deny: bool,
    actions: Set,
    resources: Set,
    conditions: Vec<(String, String, Vec<String>)>,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug)]
struct Set {
    negated: bool,
    /// Those that stand for one text each.
    exact: FxHashSet<String>,
    wide: Vec<Vec<Token>>,
}

/// One policy document.
#[derive(Debug)]
pub(super) struct Policy(Vec<Rule>);

/// Documents that hold together.
#[derive(Debug)]
pub(super) struct Policies(pub(super) Vec<Policy>);

impl Evaluator for Policies {
    fn allows(&self, row: &Row) -> bool {
        let ask = Ask::new(row);
        let rules = || self.0.iter().flat_map(|policy| &policy.0);
        let denied = rules().any(|rule| rule.deny && rule.applies(&ask));
        !denied && rules().any(|rule| !rule.deny && rule.applies(&ask))
    }
}

struct Ask<'a> {
    action: Asked<'a>,
    resource: Asked<'a>,
    context: &'a BTreeMap<String, String>,
}

/// What is asked for: one text, or all that a pattern stands for.
struct Asked<'a> {
    text: Cow<'a, str>,
    exact: bool,
    tokens: OnceCell<Vec<Token>>,
}

impl<'a> Ask<'a> {
    fn new(row: &'a Row) -> Self {
        let resource = match row.target.level {
            Level::Service => Asked::exactly("*".into()),
            Level::Named => Asked::exactly((&*row.target.text).into()),
            Level::All | Level::Partial | Level::Unseen => Asked::pattern(&row.target.text),
        };
        Self {
            action: Asked::exactly(row.action.to_ascii_lowercase().into()),
            resource,
            context: &row.context,
        }
    }
}

impl<'a> Asked<'a> {
    fn exactly(text: Cow<'a, str>) -> Self {
        Self { text, exact: true, tokens: OnceCell::new() }
    }

    fn pattern(text: &'a str) -> Self {
        let read = tokens(text);
        match plain(&read) {
            Some(text) => Self::exactly(text.into()),
            None => Self { text: text.into(), exact: false, tokens: read.into() },
        }
    }

    fn tokens(&self) -> &[Token] {
        self.tokens.get_or_init(|| self.text.chars().map(Token::Char).collect())
    }
}

/// The text that tokens stand for, where it is one.
fn plain(tokens: &[Token]) -> Option<String> {
    tokens.iter().map(|token| if let Token::Char(c) = token { Some(*c) } else { None }).collect()
}

/// Reads wildcards, `${*}` escapes and variables.
fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((inner, after)) = rest.strip_prefix("${").and_then(|rest| rest.split_once('}')) {
            out.push(match inner {
                "*" => Token::Char('*'),
                "?" => Token::Char('?'),
                "$" => Token::Char('$'),
                _ => Token::Variable,
            });
            rest = after;
            continue;
        }
        out.push(match c {
            '*' => Token::Any,
            '?' => Token::One,
            c => Token::Char(c),
        });
        rest = rest.get(c.len_utf8()..).unwrap_or("");
    }
    out
}

/// Whether everything `asked` can stand for is within `pattern`. A variable stands for anything where `variables`
/// says so, else for nothing.
fn covers(pattern: &[Token], asked: &[Token], variables: bool) -> bool {
    let wide = |token: &Token| *token == Token::Any || (*token == Token::Variable && variables);
    let (mut p, mut a) = (0, 0);
    // Where the last wildcard stands, and how much of `asked` it has taken so far.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(wanted) = asked.get(a) {
        match pattern.get(p) {
            Some(token) if wide(token) => {
                retry = Some((p, a));
                p += 1;
            }
            Some(token) if covers_one(*token, *wanted) => {
                p += 1;
                a += 1;
            }
            _ => {
                let Some((star, taken)) = retry else { return false };
                retry = Some((star, taken + 1));
                p = star + 1;
                a = taken + 1;
            }
        }
    }
    pattern.iter().skip(p).all(wide)
}

fn covers_one(token: Token, asked: Token) -> bool {
    match (token, asked) {
        (Token::One, Token::Char(_) | Token::One) => true,
        (Token::Char(a), Token::Char(b)) => a == b,
        _ => false,
    }
}

/// Whether some of what `asked` can stand for is within `pattern`, a variable of which stands for anything.
fn meets(pattern: &[Token], asked: &[Token]) -> bool {
    let wide = |token: Option<&Token>| matches!(token, Some(Token::Any | Token::Variable));
    let width = asked.len() + 1;
    let mut reached = vec![false; (pattern.len() + 1) * width];
    let mut next = vec![(0, 0)];
    while let Some((p, a)) = next.pop() {
        match reached.get_mut(p * width + a) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        let (mine, theirs) = (pattern.get(p), asked.get(a));
        if wide(mine) || wide(theirs) {
            next.extend(mine.map(|_| (p + 1, a)));
            next.extend(theirs.map(|_| (p, a + 1)));
        }
        match (mine, theirs) {
            (Some(Token::Char(x)), Some(Token::Char(y))) if x != y => {}
            (Some(_), Some(_)) => next.push((p + 1, a + 1)),
            _ => {}
        }
    }
    reached.last().copied().unwrap_or(false)
}

impl Set {
    fn new(negated: bool, any_of: impl Iterator<Item = String>) -> Self {
        let mut set = Self { negated, exact: FxHashSet::default(), wide: Vec::new() };
        for text in any_of {
            if !text.contains(['*', '?', '$']) {
                set.exact.insert(text);
                continue;
            }
            let pattern = tokens(&text);
            match plain(&pattern) {
                Some(text) => _ = set.exact.insert(text),
                None => set.wide.push(pattern),
            }
        }
        set
    }

    /// Whether what is asked for is in the set: all of it, or for a deny, any of it.
    fn has(&self, asked: &Asked<'_>, deny: bool) -> bool {
        let same = asked.exact && self.exact.contains(&*asked.text);
        let found = if deny && !self.negated {
            let exact = || self.exact.iter().map(|text| text.chars().map(Token::Char).collect::<Vec<_>>());
            let some = |pattern: &[Token]| meets(pattern, asked.tokens());
            same || (!asked.exact && exact().any(|text| some(&text))) || self.wide.iter().any(|p| some(p))
        } else {
            same || self.wide.iter().any(|pattern| covers(pattern, asked.tokens(), deny))
        };
        found != self.negated
    }
}

impl Rule {
    fn applies(&self, ask: &Ask<'_>) -> bool {
        self.actions.has(&ask.action, self.deny)
            && self.resources.has(&ask.resource, self.deny)
            && self.conditions.iter().all(|(op, key, values)| holds(op, key, values, ask.context, self.deny))
    }
}

/// Keys of which one request has several values at once (IAM user guide, multivalued context keys).
const MULTIVALUED: [&str; 2] = ["aws:CalledVia", "aws:TagKeys"];

/// Whether one condition holds. A key may have several possible values: then all of them must do. Of a key that a
/// request has several values of, `ForAnyValue` asks for one; without a set operator IAM compares no such key.
fn holds(op: &str, key: &str, values: &[String], context: &BTreeMap<String, String>, deny: bool) -> bool {
    let (quantifier, op) = op.split_once(':').unwrap_or(("", op));
    let (op, if_exists) = op.strip_suffix("IfExists").map_or((op, false), |op| (op, true));
    let asked = context.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value);
    if op == "Null" {
        return values.iter().any(|v| v.eq_ignore_ascii_case("true")) == asked.is_none();
    }
    let negated = op.contains("Not");
    let Some(asked) = asked else {
        let vacuous =
            if quantifier == "ForAnyValue" { false } else { negated || quantifier == "ForAllValues" };
        return if_exists || vacuous;
    };
    let several = MULTIVALUED.iter().any(|known| known.eq_ignore_ascii_case(key));
    if several && quantifier.is_empty() {
        return deny;
    }
    let values_asked: Vec<&str> = asked.split('\u{1f}').collect();
    let test = |one: &str| {
        let any = |test: &dyn Fn(&str) -> bool| values.iter().any(|value| test(value));
        match op {
            "StringEquals" | "StringNotEquals" => any(&|v| exact(v, one, deny)) != negated,
            "StringEqualsIgnoreCase" | "StringNotEqualsIgnoreCase" | "Bool" => {
                any(&|v| v.eq_ignore_ascii_case(one)) != negated
            }
            "StringLike" | "StringNotLike" | "ArnLike" | "ArnNotLike" | "ArnEquals" | "ArnNotEquals" => {
                let chars: Vec<Token> = one.chars().map(Token::Char).collect();
                any(&|v| covers(&tokens(v), &chars, deny)) != negated
            }
            _ => deny,
        }
    };
    let mut each = values_asked.into_iter();
    if several && quantifier == "ForAnyValue" { each.any(test) } else { each.all(test) }
}

/// Equality in which `${*}` stands for the character and `*` for itself.
fn exact(value: &str, asked: &str, deny: bool) -> bool {
    let mut all = tokens(value).into_iter();
    if all.any(|t| t == Token::Variable) {
        return deny;
    }
    let plain = value.replace("${*}", "*").replace("${?}", "?").replace("${$}", "$");
    plain == asked
}

impl Policy {
    /// Reads a document as IAM does.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|e| format!("not a policy: {e}"))?;
        let statements = match value.get("Statement") {
            Some(Value::Array(all)) => all.iter().collect(),
            Some(one @ Value::Object(_)) => vec![one],
            _ => return Err("not a policy: `Statement` is missing".to_owned()),
        };
        statements
            .into_iter()
            .enumerate()
            .map(|(at, s)| rule(s).map_err(|e| format!("statement {}: {e}", at + 1)))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn rule(statement: &Value) -> Result<Rule, String> {
    let deny = match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => false,
        Some("Deny") => true,
        _ => return Err("`Effect` must be Allow or Deny".to_owned()),
    };
    let actions = set(statement, "Action", true)?.ok_or("`Action` or `NotAction` is missing")?;
    let everything = Set::new(false, std::iter::once("*".to_owned()));
    let resources = match set(statement, "Resource", false)? {
        Some(resources) => resources,
        None if statement.get("Principal").is_some() => everything,
        None => return Err("`Resource` or `NotResource` is missing".to_owned()),
    };
    let mut conditions = Vec::new();
    if let Some(Value::Object(operators)) = statement.get("Condition") {
        for (op, keys) in operators {
            for (key, values) in keys.as_object().ok_or("`Condition` must map operators to keys")? {
                conditions.push((op.clone(), key.clone(), strings(values)?));
            }
        }
    }
    Ok(Rule { deny, actions, resources, conditions })
}

fn set(statement: &Value, name: &str, fold: bool) -> Result<Option<Set>, String> {
    let (value, negated) = match (statement.get(name), statement.get(format!("Not{name}"))) {
        (Some(value), _) => (value, false),
        (None, Some(value)) => (value, true),
        (None, None) => return Ok(None),
    };
    let read = |text: String| if fold { text.to_ascii_lowercase() } else { text };
    Ok(Some(Set::new(negated, strings(value)?.into_iter().map(read))))
}

fn strings(value: &Value) -> Result<Vec<String>, String> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err(format!("`{value}` must be a string")),
    };
    match value {
        Value::Array(all) => all.iter().map(one).collect(),
        value => one(value).map(|text| vec![text]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;
    use crate::model::usage::{Basis, Outcome, Seen, Target};

    fn ask(action: &str, target: Target<'static>, context: &[(&str, &str)]) -> Row {
        Row {
            cloud: "aws",
            principal: "".into(),
            action: action.into(),
            target,
            scope: "".into(),
            context: std::sync::Arc::new(
                context.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ),
            outcome: Outcome::Allowed,
            basis: Basis::Event,
            via: None,
            rule: "".into(),
            exempt: None,
            seen: Seen::once(Timestamp(0), ""),
        }
    }

    fn allows(statements: &str, row: &Row) -> bool {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
        Policies(vec![Policy::parse(&text).unwrap()]).allows(row)
    }

    #[test]
    fn wildcards_escapes_and_case() {
        let statement = r#"{"Effect":"Allow","Action":"S3:get*","Resource":"arn:aws:s3:::b/${*}/?x*"}"#;
        let named = |name: &'static str| ask("s3:GetObject", Target::named(name), &[]);
        assert!(allows(statement, &named("arn:aws:s3:::b/*/1x")));
        assert!(allows(statement, &named("arn:aws:s3:::b/*/1x/y:z")));
        assert!(!allows(statement, &named("arn:aws:s3:::b/k/1x")), "an escaped star is a star");
        assert!(!allows(statement, &ask("s3:PutObject", Target::named("arn:aws:s3:::b/*/1x"), &[])));
        let variable = r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}/*"}"#;
        assert!(!allows(variable, &named("arn:aws:s3:::ana/x")), "a variable of an allow is not guessed");
    }

    /// The meaning of [`covers`], written down without regard to speed.
    fn naive(pattern: &[Token], asked: &[Token]) -> bool {
        match (pattern.split_first(), asked.split_first()) {
            (None, None) => true,
            (Some((Token::Any, rest)), None) => naive(rest, asked),
            (Some((Token::Any, rest)), Some((_, tail))) => naive(rest, asked) || naive(pattern, tail),
            (Some((token, rest)), Some((first, tail))) => covers_one(*token, *first) && naive(rest, tail),
            _ => false,
        }
    }

    proptest::proptest! {
        #[test]
        fn the_quick_matcher_agrees_with_the_naive_one(pattern in "[ab*?]{0,8}", asked in "[ab*?]{0,8}") {
            let (pattern, asked) = (tokens(&pattern), tokens(&asked));
            proptest::prop_assert_eq!(covers(&pattern, &asked, false), naive(&pattern, &asked));
        }
    }

    proptest::proptest! {
        #[test]
        fn a_set_has_what_one_of_its_patterns_covers(
            patterns in proptest::collection::vec("[ab*?]{0,4}", 0..5), asked in "[ab*?]{0,4}", negated: bool
        ) {
            let texts = patterns.clone().into_iter();
            let patterns: Vec<Vec<Token>> = patterns.iter().map(|text| tokens(text)).collect();
            let read = tokens(&asked);
            let covered = patterns.iter().any(|pattern| naive(pattern, &read));
            let met = patterns.iter().any(|pattern| meets(pattern, &read));
            let all = Set::new(negated, texts);
            proptest::prop_assert_eq!(all.has(&Asked::pattern(&asked), false), covered != negated);
            if !negated {
                proptest::prop_assert_eq!(all.has(&Asked::pattern(&asked), true), met);
            }
        }
    }

    #[test]
    fn deny_beats_allow_and_not_forms_read_right() {
        let row = ask("iam:CreateUser", Target::named("arn:aws:iam::111122223333:user/u"), &[]);
        let all = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
        assert!(allows(all, &row));
        assert!(!allows(&format!(r#"{all},{{"Effect":"Deny","Action":"iam:*","Resource":"*"}}"#), &row));
        assert!(!allows(r#"{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#, &row));
        assert!(allows(r#"{"Effect":"Allow","NotAction":"s3:*","NotResource":"arn:aws:s3:::*"}"#, &row));
    }

    #[test]
    fn a_pattern_is_allowed_only_as_a_whole() {
        let asked =
            ask("lambda:ListTags", Target::pattern(Level::Unseen, "arn:aws:lambda:r:1:function:*"), &[]);
        let on = |resource: &str| {
            format!(r#"{{"Effect":"Allow","Action":"lambda:ListTags","Resource":"{resource}"}}"#)
        };
        assert!(allows(&on("arn:aws:lambda:r:1:function:*"), &asked));
        assert!(allows(&on("*"), &asked));
        assert!(!allows(&on("arn:aws:lambda:r:1:function:a*"), &asked));
        let service = ask("ec2:DescribeInstances", Target::service(), &[]);
        assert!(allows(r#"{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}"#, &service));
        assert!(!allows(
            r#"{"Effect":"Allow","Action":"ec2:Describe*","Resource":"arn:aws:ec2:*"}"#,
            &service
        ));
    }

    proptest::proptest! {
        #[test]
        fn patterns_meet_where_a_name_is_in_both(pattern in "[ab*?]{0,5}", asked in "[ab*?]{0,5}") {
            let (pattern, asked) = (tokens(&pattern), tokens(&asked));
            let names = (0..=10_usize).flat_map(|len| (0..1_usize << len).map(move |bits| (len, bits)));
            let mut names = names.map(|(len, bits)| {
                (0..len).map(|at| Token::Char(if bits >> at & 1 == 0 { 'a' } else { 'b' })).collect::<Vec<_>>()
            });
            let both = names.any(|name| naive(&pattern, &name) && naive(&asked, &name));
            proptest::prop_assert_eq!(meets(&pattern, &asked), both);
        }
    }

    #[test]
    fn a_deny_of_a_part_denies_the_pattern() {
        let all = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
        let deny = r#"{"Effect":"Deny","Action":"iam:PutRolePolicy","Resource":"arn:aws:iam::1:role/me"}"#;
        let on = |text: &'static str| ask("iam:PutRolePolicy", Target::pattern(Level::Partial, text), &[]);
        assert!(!allows(&format!("{all},{deny}"), &on("arn:aws:iam::1:role/*")));
        assert!(allows(&format!("{all},{deny}"), &on("arn:aws:iam::1:role/you*")));
    }

    #[test]
    fn conditions() {
        let on = |condition: &str| {
            format!(r#"{{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{condition}}}"#)
        };
        let pass = |value: &str| ask("iam:PassRole", Target::named("r"), &[("iam:PassedToService", value)]);
        let equals = on(r#"{"StringEquals":{"iam:passedtoservice":["a","b"]}}"#);
        assert!(allows(&equals, &pass("a")));
        assert!(allows(&equals, &pass("a\u{1f}b")), "all possible values are listed");
        assert!(!allows(&equals, &pass("a\u{1f}c")));
        assert!(
            !allows(&equals, &ask("iam:PassRole", Target::named("r"), &[])),
            "not attested, not satisfied"
        );
        assert!(allows(
            &on(r#"{"StringEqualsIfExists":{"iam:PassedToService":"a"}}"#),
            &ask("iam:PassRole", Target::named("r"), &[])
        ));
        assert!(allows(&on(r#"{"StringNotLike":{"iam:PassedToService":"x*"}}"#), &pass("a")));
        assert!(!allows(&on(r#"{"DateLessThan":{"aws:CurrentTime":"2026-01-01"}}"#), &pass("a")));
        assert!(allows(&on(r#"{"Null":{"aws:MultiFactorAuthAge":"true"}}"#), &pass("a")));
    }

    #[test]
    fn set_operators() {
        let on = |condition: &str| {
            format!(r#"{{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{condition}}}"#)
        };
        let via = |value: &[(&str, &str)]| ask("s3:GetObject", Target::named("o"), value);
        let both = [("aws:CalledVia", "a\u{1f}b")];
        let any = on(r#"{"ForAnyValue:StringEquals":{"aws:CalledVia":"b"}}"#);
        assert!(allows(&any, &via(&both)) && !allows(&any, &via(&[("aws:CalledVia", "c")])));
        assert!(!allows(&any, &via(&[])), "no value, none that fits");
        assert!(!allows(&on(r#"{"ForAnyValue:StringNotEquals":{"aws:CalledVia":"b"}}"#), &via(&[])));
        let all = on(r#"{"ForAllValues:StringEquals":{"aws:CalledVia":["b"]}}"#);
        assert!(allows(&all, &via(&[])) && !allows(&all, &via(&both)));
        assert!(
            !allows(&on(r#"{"StringEquals":{"aws:CalledVia":["a","b"]}}"#), &via(&both)),
            "no set operator"
        );
        let single = on(r#"{"ForAnyValue:StringEquals":{"iam:PassedToService":"b"}}"#);
        assert!(!allows(&single, &via(&[("iam:PassedToService", "a\u{1f}b")])), "either of them is possible");
        let deny = r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"aws:CalledVia":"b"}}}"#;
        let open = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
        assert!(
            !allows(&format!("{open},{deny}"), &via(&both)) && allows(&format!("{open},{deny}"), &via(&[]))
        );
    }
}
