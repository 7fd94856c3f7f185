//! Answers of IAM conditions: true, false, or none where an attribute is missing or the types do not fit.

use super::parse;
use crate::model::time::Timestamp;
use jiff::tz::TimeZone;
use std::cmp::Ordering;

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// A string.
    Text(String),
    /// Any string that begins and ends like this.
    Like(String, String),
    /// `projects/`, a number that is not known, and this.
    Numbered(String),
    /// A point in time.
    Time(Timestamp),
    /// A list.
    List(Vec<Self>),
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// A literal.
    Value(Value),
    /// An attribute: `resource.name`.
    Name(String),
    /// A list of expressions.
    List(Vec<Self>),
    /// A function, of what it is called on, by name, with its arguments.
    Call(Option<Box<Self>>, String, Vec<Self>),
    /// `!`.
    Not(Box<Self>),
    /// `&&` between all.
    And(Vec<Self>),
    /// `||` between all.
    Or(Vec<Self>),
    /// `==` and its kin.
    Compare(&'static str, Box<Self>, Box<Self>),
    /// Whether a list holds it.
    In(Box<Self>, Box<Self>),
    /// `a ? b : c`.
    Either(Box<Self>, Box<Self>, Box<Self>),
}

/// Attributes of a request, by their path.
pub(super) type Attributes<'a> = &'a dyn Fn(&str) -> Option<Value>;

/// A condition.
#[derive(Clone, Debug)]
pub(super) struct Expression(Node);

impl Expression {
    /// Reads it.
    ///
    /// # Errors
    /// What it has that conditions do not.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        parse::parse(text).map(Self)
    }

    /// Whether it holds; none where that cannot be told.
    pub(super) fn holds(&self, attributes: Attributes<'_>) -> Option<bool> {
        truth(&self.0, attributes)
    }
}

fn truth(node: &Node, of: Attributes<'_>) -> Option<bool> {
    match value(node, of)? {
        Value::Bool(is) => Some(is),
        _ => None,
    }
}

fn value(node: &Node, of: Attributes<'_>) -> Option<Value> {
    let answer = match node {
        Node::Value(value) => return Some(value.clone()),
        Node::Name(path) => return of(path),
        Node::List(all) => {
            return all.iter().map(|one| value(one, of)).collect::<Option<_>>().map(Value::List);
        }
        Node::Call(on, name, arguments) => return call(on.as_deref(), name, arguments, of),
        Node::Either(which, yes, no) => return value(if truth(which, of)? { yes } else { no }, of),
        Node::Not(one) => !truth(one, of)?,
        // What decides is enough, whatever the others lack.
        Node::And(all) => joined(all, false, of)?,
        Node::Or(all) => joined(all, true, of)?,
        Node::Compare(sign, left, right) => compare(sign, &value(left, of)?, &value(right, of)?)?,
        Node::In(one, many) => {
            let (one, Value::List(many)) = (value(one, of)?, value(many, of)?) else { return None };
            let answers: Vec<Option<bool>> = many.iter().map(|other| compare("==", &one, other)).collect();
            match answers.contains(&Some(true)) {
                false if answers.contains(&None) => return None,
                held => held,
            }
        }
    };
    Some(Value::Bool(answer))
}

/// `decides` if any of them is that, its opposite if all are.
fn joined(all: &[Node], decides: bool, of: Attributes<'_>) -> Option<bool> {
    let mut open = false;
    for one in all {
        match truth(one, of) {
            Some(is) if is == decides => return Some(decides),
            Some(_) => {}
            None => open = true,
        }
    }
    (!open).then_some(!decides)
}

fn compare(sign: &str, left: &Value, right: &Value) -> Option<bool> {
    let order = match (left, right) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Time(a), Value::Time(b)) => a.cmp(b),
        (Value::List(a), Value::List(b)) => {
            let pairs = a.iter().zip(b).map(|(a, b)| compare("==", a, b));
            let same =
                a.len() == b.len() && pairs.collect::<Option<Vec<bool>>>()?.into_iter().all(|same| same);
            return match sign {
                "==" => Some(same),
                "!=" => Some(!same),
                _ => None,
            };
        }
        (Value::Like(head, tail), Value::Text(text)) | (Value::Text(text), Value::Like(head, tail)) => {
            let never = !text.starts_with(head.as_str()) || !text.ends_with(tail.as_str());
            return match sign {
                "==" if never => Some(false),
                "!=" if never => Some(true),
                _ => None,
            };
        }
        (Value::Numbered(rest), Value::Text(text)) | (Value::Text(text), Value::Numbered(rest)) => {
            let never = behind_number(text) != Some(rest);
            return match sign {
                "==" if never => Some(false),
                "!=" if never => Some(true),
                _ => None,
            };
        }
        _ => return None,
    };
    Some(match sign {
        "==" => order == Ordering::Equal,
        "!=" => order != Ordering::Equal,
        "<" => order == Ordering::Less,
        "<=" => order != Ordering::Greater,
        ">" => order == Ordering::Greater,
        _ => order != Ordering::Less,
    })
}

fn call(on: Option<&Node>, name: &str, arguments: &[Node], of: Attributes<'_>) -> Option<Value> {
    let arguments: Vec<Value> = arguments.iter().map(|one| value(one, of)).collect::<Option<_>>()?;
    let Some(on) = on else {
        let [Value::Text(text)] = arguments.as_slice() else { return None };
        return (name == "timestamp").then(|| Timestamp::parse(text).map(Value::Time)).flatten();
    };
    match (value(on, of)?, arguments.as_slice()) {
        (Value::Time(at), []) => part(at, name, "UTC"),
        (Value::Time(at), [Value::Text(zone)]) => part(at, name, zone),
        (Value::Text(text), [Value::Text(other)]) => match name {
            "startsWith" => Some(Value::Bool(text.starts_with(other.as_str()))),
            "endsWith" => Some(Value::Bool(text.ends_with(other.as_str()))),
            "contains" => Some(Value::Bool(text.contains(other.as_str()))),
            "extract" => extract(&text, other).map(Value::Text),
            _ => None,
        },
        (Value::Numbered(rest), [Value::Text(other)]) => numbered(&rest, name, other),
        (Value::Like(head, tail), [Value::Text(other)]) => match name {
            "startsWith" => begins(&head, other).map(Value::Bool),
            "endsWith" => {
                let back = |text: &str| text.chars().rev().collect::<String>();
                begins(&back(&tail), &back(other)).map(Value::Bool)
            }
            _ => None,
        },
        _ => None,
    }
}

/// What follows the project's number in a name; none where no number stands there.
fn behind_number(text: &str) -> Option<&str> {
    let own = text.strip_prefix("projects/")?;
    let rest = own.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < own.len()).then_some(rest)
}

/// A function of a name whose project has a number that is not known.
fn numbered(rest: &str, name: &str, other: &str) -> Option<Value> {
    let digits = other.contains(|c: char| c.is_ascii_digit());
    // Without digits in what is asked, any number gives the same answer.
    let whole = format!("projects/0{rest}");
    let is = match name {
        "startsWith" if "projects/".starts_with(other) => true,
        "startsWith" if behind_number(other).is_some_and(|asked| rest.starts_with(asked)) => return None,
        "startsWith" => false,
        "endsWith" if rest.ends_with(other) => true,
        "endsWith" if other.ends_with(rest) && digits => return None,
        "endsWith" | "contains" if !digits => {
            if name == "contains" {
                whole.contains(other)
            } else {
                whole.ends_with(other)
            }
        }
        "endsWith" => false,
        "contains" if rest.contains(other) => true,
        "extract" => {
            let answers = ["0", "11"].map(|number| extract(&format!("projects/{number}{rest}"), other));
            let [one, two] = answers;
            return one
                .filter(|one| !hangs_on_number(other, rest) && two.as_ref() == Some(one))
                .map(Value::Text);
        }
        _ => return None,
    };
    Some(Value::Bool(is))
}

/// Whether a template begins with digits that may be the project's number: then the answer hangs on which it is.
fn hangs_on_number(template: &str, rest: &str) -> bool {
    let before = template.split('{').next().unwrap_or("");
    let own = before.strip_prefix('/').is_some_and(|text| !text.starts_with(|c: char| c.is_ascii_digit()));
    before.contains(|c: char| c.is_ascii_digit()) && !(own && rest.contains(before))
}

/// Whether all strings that begin with `known` begin with `asked`; none where only some do.
fn begins(known: &str, asked: &str) -> Option<bool> {
    if known.starts_with(asked) {
        return Some(true);
    }
    (!asked.starts_with(known)).then_some(false)
}

/// What stands in the place of `{name}`: from behind the first text before it to the first one after it.
fn extract(text: &str, template: &str) -> Option<String> {
    let (before, rest) = template.split_once('{')?;
    let (_, after) = rest.split_once('}')?;
    if after.contains('{') {
        return None;
    }
    let found = text.split_once(before).map_or("", |(_, behind)| {
        if after.is_empty() { behind } else { behind.split_once(after).map_or("", |(found, _)| found) }
    });
    Some(found.to_owned())
}

/// A part of a date, counted as the language does.
fn part(at: Timestamp, name: &str, zone: &str) -> Option<Value> {
    let zone = match zone.split_at_checked(1) {
        Some((sign @ ("+" | "-"), offset)) => {
            let (hours, minutes) = offset.split_once(':')?;
            let seconds = hours
                .parse::<i32>()
                .ok()?
                .checked_mul(3600)?
                .checked_add(minutes.parse::<i32>().ok()? * 60)?;
            let offset = jiff::tz::Offset::from_seconds(if sign == "-" { -seconds } else { seconds }).ok()?;
            TimeZone::fixed(offset)
        }
        _ => TimeZone::get(zone).ok()?,
    };
    let local = jiff::Timestamp::from_microsecond(at.0).ok()?.to_zoned(zone);
    let number = match name {
        "getFullYear" => i64::from(local.year()),
        "getMonth" => i64::from(local.month()) - 1,
        "getDate" => i64::from(local.day()),
        "getDayOfMonth" => i64::from(local.day()) - 1,
        "getDayOfWeek" => i64::from(local.weekday().to_sunday_zero_offset()),
        "getDayOfYear" => i64::from(local.day_of_year()) - 1,
        "getHours" => i64::from(local.hour()),
        "getMinutes" => i64::from(local.minute()),
        "getSeconds" => i64::from(local.second()),
        _ => return None,
    };
    Some(Value::Number(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Option<bool> {
        let of = |path: &str| match path {
            "resource.name" => Some(Value::Text("projects/_/buckets/b/objects/a/b.csv".to_owned())),
            "resource.type" => Some(Value::Text("storage.googleapis.com/Object".to_owned())),
            "like" => Some(Value::Like("projects/_/buckets/b/objects/in/".to_owned(), ".csv".to_owned())),
            "request.time" => Timestamp::parse("2026-11-03T23:30:00Z").map(Value::Time),
            _ => None,
        };
        Expression::parse(text).unwrap().holds(&of)
    }

    #[test]
    fn what_decides_is_enough_whatever_the_rest_lacks() {
        assert_eq!(ask("request.path == 'x' || resource.type.endsWith('/Object')"), Some(true));
        assert_eq!(ask("request.path == 'x' && resource.type == 'x'"), Some(false));
        assert_eq!(ask("request.path == 'x' || resource.type == 'x'"), None);
        assert_eq!(ask("!(request.path == 'x')"), None);
        assert_eq!(ask("1 == 'x'"), None);
        assert_eq!(ask("1 in ['x']"), None);
        assert_eq!(ask("resource.type in ['x', 'y']"), Some(false));
    }

    #[test]
    fn parts_of_names_and_dates_are_taken_as_documented() {
        assert_eq!(ask("resource.name.extract('/buckets/{b}/objects') == 'b'"), Some(true));
        assert_eq!(ask("resource.name.extract('/objects/{o}') == 'a/b.csv'"), Some(true));
        assert_eq!(ask("resource.name.extract('/nothing/{o}') == ''"), Some(true));
        assert_eq!(ask("request.time.getHours('Europe/Berlin') == 0"), Some(true));
        assert_eq!(ask("request.time.getHours('-01:30') == 22"), Some(true));
        assert_eq!(ask("request.time < timestamp('2026-11-04T00:00:00Z')"), Some(true));
        assert_eq!(ask("request.time.getDayOfWeek() == 2 && request.time.getMonth() == 10"), Some(true));
    }

    #[test]
    fn a_pattern_satisfies_what_all_its_names_do() {
        assert_eq!(ask("like.startsWith('projects/_/buckets/b/')"), Some(true));
        assert_eq!(ask("like.startsWith('projects/_/buckets/b/objects/in/2026')"), None);
        assert_eq!(ask("like.startsWith('projects/_/buckets/c')"), Some(false));
        assert_eq!(ask("like.endsWith('.csv') && !(like.endsWith('.txt'))"), Some(true));
        assert_eq!(ask("like == 'projects/_/buckets/b/objects/in/x.csv'"), None);
        assert_eq!(ask("like == 'projects/_/buckets/b/objects/out/x.csv'"), Some(false));
    }

    #[test]
    fn a_number_that_is_not_known_is_no_id() {
        let of = |path: &str| {
            (path == "resource.name").then(|| Value::Numbered("/secrets/db/versions/3".to_owned()))
        };
        let ask = |text: &str| Expression::parse(&format!("resource.name{text}")).unwrap().holds(&of);
        assert_eq!(ask(".startsWith('projects/example-dev/secrets/')"), Some(false));
        assert_eq!(ask(".startsWith('projects/123456789012/secrets/db/')"), None);
        assert_eq!(ask(".startsWith('projects/123456789012/secrets/other')"), Some(false));
        assert_eq!((ask(".startsWith('projects/')"), ask(".startsWith('projects/1')")), (Some(true), None));
        assert_eq!(ask(" == 'projects/123456789012/secrets/db/versions/3'"), None);
        assert_eq!(ask(" != 'projects/example-dev/secrets/db/versions/3'"), Some(true));
        assert_eq!(ask(".endsWith('/secrets/db/versions/3')"), Some(true));
        assert_eq!(ask(".endsWith('/secrets/other/versions/3')"), Some(false));
        assert_eq!(ask(".extract('/secrets/db/versions/{name}') != \"\""), Some(true));
        assert_eq!(ask(".extract('projects/{number}/secrets') == '7'"), None);
        assert_eq!(
            (ask(".contains('/secrets/db/')"), ask(".contains('example-dev')")),
            (Some(true), Some(false))
        );
    }

    #[test]
    fn what_no_condition_holds_is_refused() {
        for text in
            ["", "a ==", "'open", "a.b(", "1.5 < 2", "a[0]", "x.(", &"(".repeat(500), &"!x || ".repeat(900)]
        {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
        for (repeated, end) in
            [("!", "true"), ("true == ", "true"), ("true ? true : ", "true"), ("(", "true")]
        {
            assert!(Expression::parse(&(repeated.repeat(500) + end)).is_err(), "{repeated}");
            let deep = repeated.repeat(60) + end + &")".repeat(if repeated == "(" { 60 } else { 0 });
            assert_eq!(Expression::parse(&deep).unwrap().holds(&|_| None), Some(true), "{repeated}");
        }
        assert!(Expression::parse(&format!("a{}", ".b()".repeat(500))).is_err());
    }
}
