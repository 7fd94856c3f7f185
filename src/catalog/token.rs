//! Schema of `token.toml`: parts of names that machines make, and what stays exact.

use regex::Regex;
use serde::Deserialize;

/// A recogniser.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRule {
    /// Stable name.
    pub id: String,
    /// What it is, in words.
    pub words: String,
    /// Regular expression over ASCII.
    pub pattern: String,
    /// Letters and digits must take turns.
    #[serde(default)]
    pub mixed: bool,
    /// There must be capitals and small letters.
    #[serde(default)]
    pub cased: bool,
    /// What must stand before it.
    #[serde(default)]
    pub after: String,
    /// It must end its segment.
    #[serde(default)]
    pub last: bool,
    /// Different names that must show it.
    pub samples: usize,
    /// Whether it holds for what stays exact otherwise.
    #[serde(default)]
    pub suffix: bool,
    /// Whether the length stays.
    #[serde(default)]
    pub fixed: bool,
    /// It may be all there is to a name.
    #[serde(default)]
    pub passing: bool,
    /// Resource types, `prefix:type`; none: all.
    #[serde(default)]
    pub types: Vec<String>,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// What stays exact.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExactRule {
    /// Resource type, `prefix:type`.
    pub resource: String,
    /// Why.
    pub because: String,
    /// Where that is documented.
    pub link: String,
}

/// `token.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenFile {
    /// Recognisers, the most telling first.
    pub token: Vec<TokenRule>,
    /// What stays exact.
    pub exact: Vec<ExactRule>,
}

/// The recognisers, ready to use.
#[derive(Debug, Default)]
pub struct Tokens {
    rules: Vec<(TokenRule, Regex)>,
    /// What stays exact.
    pub exact: Vec<ExactRule>,
}

impl Tokens {
    /// Compiles the file; a pattern that is none is left out, which the tests would report.
    #[must_use]
    pub fn new(file: TokenFile) -> Self {
        let compiled = file.token.into_iter().filter_map(|rule| {
            let regex = Regex::new(&format!("(?-u){}", rule.pattern)).ok()?;
            Some((rule, regex))
        });
        Self { rules: compiled.collect(), exact: file.exact }
    }

    /// How many recognisers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Machine-made parts of `text` from byte `from` on, in order and apart; `is_type` says whether the name is of a type.
    pub fn find(
        &self,
        text: &str,
        from: usize,
        is_type: impl Fn(&str) -> bool,
    ) -> Vec<(usize, usize, &TokenRule)> {
        let mut found: Vec<(usize, usize, &TokenRule)> = Vec::new();
        let own = text.get(from..).unwrap_or("");
        let digits = own.bytes().any(|b| b.is_ascii_digit());
        for (rule, regex) in &self.rules {
            if (rule.mixed && !digits) || !text.contains(&rule.after) {
                continue;
            }
            if !rule.types.is_empty() && !rule.types.iter().any(|wanted| is_type(wanted)) {
                continue;
            }
            for hit in regex.find_iter(own) {
                let (start, end) = (from + hit.start(), from + hit.end());
                let apart = found.iter().all(|(s, e, _)| end <= *s || start >= *e);
                if apart && rule.fits(text, start, end) {
                    found.push((start, end, rule));
                }
            }
        }
        found.sort_by_key(|(start, ..)| *start);
        found
    }
}

impl TokenRule {
    fn fits(&self, text: &str, start: usize, end: usize) -> bool {
        let (before, token, after) = (
            text.get(..start).unwrap_or(""),
            text.get(start..end).unwrap_or(""),
            text.get(end..).unwrap_or(""),
        );
        let bounded = !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
        let last = after.is_empty() || after.starts_with(['/', ':']);
        // `pr-` is a word of its own, not the end of one.
        let head = before.strip_suffix(self.after.as_str());
        let word = self.after.starts_with(char::is_alphabetic);
        bounded
            && head.is_some_and(|head| !word || !head.ends_with(char::is_alphanumeric))
            && (last || !self.last)
            && (!self.mixed || takes_turns(token))
            && (!self.cased || (token.contains(char::is_lowercase) && token.contains(char::is_uppercase)))
    }
}

/// Whether letters and digits follow each other more than once: `1a2b`, not `version12`.
fn takes_turns(token: &str) -> bool {
    changes(token, |c| u8::from(c.is_ascii_digit())) >= 2
}

fn changes(token: &str, kind: impl Fn(char) -> u8) -> usize {
    let kinds: Vec<u8> = token.chars().filter(char::is_ascii_alphanumeric).map(kind).collect();
    kinds.windows(2).filter(|pair| pair.first() != pair.last()).count()
}

/// Whether a run of letters reads like a word, or a run of digits like a year.
fn is_wordy(token: &str) -> bool {
    let letters = token.split(|c: char| !c.is_ascii_alphabetic()).filter(|run| run.len() > 4);
    let vowels = |run: &str| run.bytes().filter(|b| b"aeiouAEIOU".contains(b)).count();
    let mut words = letters.filter(|run| vowels(run) * 4 >= run.len());
    let mut numbers = token.split(|c: char| !c.is_ascii_digit());
    words.next().is_some()
        || numbers.any(|run| run.len() == 4 && (run.starts_with("19") || run.starts_with("20")))
}

/// Whether nobody would choose the text: capitals, small letters and digits change too often for words. `S3FullAccess`,
/// `Route53Admin` and `EC2ADMIN2024` do not pass.
#[must_use]
pub fn is_random(token: &str) -> bool {
    let kind = |c: char| if c.is_ascii_digit() { 2 } else { u8::from(c.is_ascii_uppercase()) };
    let longest = token
        .split(|c: char| !c.is_ascii_lowercase())
        .map(str::len)
        .max()
        .filter(|_| token.contains(char::is_uppercase));
    let changes = changes(token, kind);
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    if token.contains(char::is_lowercase) && token.contains(char::is_uppercase) {
        changes > 5 || (changes == 5 && longest.is_some_and(|run| run < 4))
    } else {
        digits > 1 && changes > 2 && !is_wordy(token)
    }
}

#[cfg(test)]
mod tests {
    fn shape(text: &str) -> String {
        let mut out: Vec<String> = Vec::new();
        let mut at = 0;
        for (start, end, rule) in crate::catalog::aws().tokens.find(text, 0, |_| false) {
            out.extend([text.get(at..start).unwrap().to_owned(), format!("<{}>", rule.id)]);
            at = end;
        }
        out.concat() + text.get(at..).unwrap()
    }

    #[test]
    fn words_with_a_number_are_no_suffixes() {
        for random in
            ["Qw3Er5Ty7Ui9", "1A2B3C4D5E6F", "7G8H9J0K1L2M", "1a2b3c4d5e6f", "AbC1dEfGhIjK", "K9X2PQ7LM4ZT"]
        {
            assert!(super::is_random(random), "{random}");
        }
        for word in
            ["S3FullAccess", "Route53Admin", "Ec2Scheduler", "PRODUCTION01", "EUCENTRAL1AB", "s3fullaccess"]
                .into_iter()
                .chain([
                    "EC2ADMIN2024",
                    "K8SCLUSTER01",
                    "DB2ORACLE19C",
                    "S3EC2RDS2024",
                    "ec2backup2024",
                    "rds3archiv24",
                ])
        {
            assert!(!super::is_random(word), "{word}");
        }
    }

    #[test]
    fn machine_made_parts_are_told_from_words() {
        for (name, wanted) in [
            ("orders-dev-ApiFunction-Qw3Er5Ty7Ui9", "orders-dev-ApiFunction-<cloudformation-mixed>"),
            ("orders-dev-ApiFunctionRole-1A2B3C4D5E6F", "orders-dev-ApiFunctionRole-<cloudformation>"),
            ("orders-dev-receiptsbucket-1a2b3c4d5e6f", "orders-dev-receiptsbucket-<cloudformation-small>"),
            ("orders/6f1ed002ab5595859014ebf0951522d9", "orders/<hex>"),
            ("stack/x/3f6c1a90-b8a1-11f1-9d2e-0a1b2c3d4e5f", "stack/x/<uuid>"),
            ("2026/11/03/[$LATEST]0123456789abcdef0123456789abcdef", "<log-stream>"),
            ("app-pr-123-web", "app-pr-<pull-request>-web"),
            ("backup-2026-11-03", "backup-<date>"),
            ("churn-2026-11-03-03-01-11-377", "churn-<date>"),
            ("report-apr-2025", "report-apr-2025"),
            ("dump-1762245600.sql", "dump-<epoch>.sql"),
            ("web-20261103101112000100000001", "web-<terraform>"),
            ("instance/i-0123456789abcdef0", "instance/<ec2-id>"),
            ("orders-production01", "orders-production01"),
            ("orders-eu-central-1", "orders-eu-central-1"),
            ("log-archive-111122223333", "log-archive-111122223333"),
            ("deadbeefdeadbeef", "deadbeefdeadbeef"),
            ("transform/Serverless-2016-10-31", "transform/Serverless-<date>"),
        ] {
            assert_eq!(shape(name), wanted);
        }
    }
}
