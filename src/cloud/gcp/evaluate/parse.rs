//! Text of an IAM condition into an expression: the part of the Common Expression Language that conditions use.

use super::cel::{Node, Value};

/// Deepest nesting that is read; a condition takes twelve logical operators.
const DEPTH: usize = 64;
/// Most tokens that are read.
const TOKENS: usize = 2_000;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number(i64),
    Sign(&'static str),
}

/// Two-character signs before those they begin with.
const SIGNS: [&str; 18] =
    ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ",", ".", "?", ":", "-"];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut all = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if all.len() == TOKENS {
            return Err("is longer than a condition can be".to_owned());
        }
        let after;
        if let Some(comment) = rest.strip_prefix("//") {
            after = comment.split_once('\n').map_or("", |(_, next)| next);
        } else if let Some((value, next)) = literal(rest)? {
            all.push(Token::Text(value));
            after = next;
        } else if first.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            let (digits, next) = rest.split_at_checked(end).unwrap_or((rest, ""));
            let number =
                digits.strip_prefix("0x").map_or_else(|| digits.parse(), |d| i64::from_str_radix(d, 16));
            all.push(Token::Number(number.map_err(|_| format!("`{digits}` is no whole number"))?));
            after = next;
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, next) = rest.split_at_checked(end).unwrap_or((rest, ""));
            all.push(Token::Name(name.to_owned()));
            after = next;
        } else {
            let sign = SIGNS.iter().find_map(|sign| rest.strip_prefix(sign).map(|next| (*sign, next)));
            let (sign, next) = sign.ok_or_else(|| format!("`{first}` has no meaning in a condition"))?;
            all.push(Token::Sign(sign));
            after = next;
        }
        rest = after.trim_start();
    }
    Ok(all)
}

/// A string literal that starts the text: quoted once or three times, raw or with escapes.
fn literal(text: &str) -> Result<Option<(String, &str)>, String> {
    let (raw, body) = match text.strip_prefix(['r', 'R']) {
        Some(body) if body.starts_with(['"', '\'']) => (true, body),
        _ => (false, text),
    };
    let quotes = ["\"\"\"", "'''", "\"", "'"];
    let Some((quote, mut rest)) = quotes.iter().find_map(|q| body.strip_prefix(q).map(|rest| (*q, rest)))
    else {
        return Ok(None);
    };
    let mut value = String::new();
    loop {
        if let Some(after) = rest.strip_prefix(quote) {
            return Ok(Some((value, after)));
        }
        let mut chars = rest.chars();
        match chars.next() {
            None => return Err("a string has no end".to_owned()),
            Some('\n') if quote.len() == 1 => return Err("a string has no end on its line".to_owned()),
            Some('\\') if !raw => {
                let (c, after) = escape(chars.as_str())?;
                value.push(c);
                rest = after;
            }
            Some(c) => {
                value.push(c);
                rest = chars.as_str();
            }
        }
    }
}

/// The character that an escape stands for, and what follows it.
fn escape(text: &str) -> Result<(char, &str), String> {
    let mut chars = text.chars();
    let wrong = || "an escape in a string is none of the language's".to_owned();
    let kind = chars.next().ok_or_else(wrong)?;
    let after = chars.as_str();
    let plain = match kind {
        'a' => Some('\u{7}'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\u{b}'),
        '\\' | '?' | '"' | '\'' | '`' => Some(kind),
        _ => None,
    };
    if let Some(c) = plain {
        return Ok((c, after));
    }
    let (digits, radix, from) = match kind {
        'x' | 'X' => (2, 16, after),
        'u' => (4, 16, after),
        'U' => (8, 16, after),
        '0'..='3' => (3, 8, text),
        _ => return Err(wrong()),
    };
    let (code, rest) = from.split_at_checked(digits).ok_or_else(wrong)?;
    let c = u32::from_str_radix(code, radix).ok().and_then(char::from_u32).ok_or_else(wrong)?;
    Ok((c, rest))
}

/// Reads a whole condition.
///
/// # Errors
/// What it has that conditions do not.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let node = parser.either()?;
    match parser.tokens.get(parser.at) {
        None => Ok(node),
        Some(more) => Err(format!("{more:?} stands where the condition should end")),
    }
}

/// What nests is read and answered by recursion.
fn shallow(depth: usize) -> Result<(), String> {
    if depth > DEPTH { Err("is nested too deeply".to_owned()) } else { Ok(()) }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(s)) if *s == sign);
        self.at += usize::from(found);
        found
    }

    fn demand(&mut self, sign: &str) -> Result<(), String> {
        if self.sign(sign) { Ok(()) } else { Err(format!("`{sign}` is missing")) }
    }

    /// `a ? b : c`, which binds loosest.
    fn either(&mut self) -> Result<Node, String> {
        self.depth += 1;
        shallow(self.depth)?;
        let mut node = self.or()?;
        if self.sign("?") {
            let yes = self.or()?;
            self.demand(":")?;
            node = Node::Either(Box::new(node), Box::new(yes), Box::new(self.either()?));
        }
        self.depth -= 1;
        Ok(node)
    }

    fn or(&mut self) -> Result<Node, String> {
        let mut all = vec![self.and()?];
        while self.sign("||") {
            all.push(self.and()?);
        }
        Ok(if all.len() == 1 { all.swap_remove(0) } else { Node::Or(all) })
    }

    fn and(&mut self) -> Result<Node, String> {
        let mut all = vec![self.relation()?];
        while self.sign("&&") {
            all.push(self.relation()?);
        }
        Ok(if all.len() == 1 { all.swap_remove(0) } else { Node::And(all) })
    }

    fn relation(&mut self) -> Result<Node, String> {
        let mut left = self.unary()?;
        for depth in 0.. {
            shallow(depth)?;
            let sign = ["==", "!=", "<=", ">=", "<", ">"].into_iter().find(|sign| self.sign(sign));
            let is_in = sign.is_none() && self.tokens.get(self.at) == Some(&Token::Name("in".to_owned()));
            left = match sign {
                Some(sign) => Node::Compare(sign, Box::new(left), Box::new(self.unary()?)),
                None if is_in => {
                    self.at += 1;
                    Node::In(Box::new(left), Box::new(self.unary()?))
                }
                None => return Ok(left),
            };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, String> {
        let mut nots = 0;
        while self.sign("!") {
            nots += 1;
            shallow(nots)?;
        }
        if nots == 0 && self.sign("-") {
            return match self.tokens.get(self.at) {
                Some(Token::Number(n)) => {
                    self.at += 1;
                    Ok(Node::Value(Value::Number(-*n)))
                }
                _ => Err("`-` stands before what is no number".to_owned()),
            };
        }
        let node = self.member()?;
        // An even number of them is not nothing: what they stand before must be true or false.
        Ok((0..nots).fold(node, |node, _| Node::Not(Box::new(node))))
    }

    fn member(&mut self) -> Result<Node, String> {
        let mut node = self.primary()?;
        let mut depth = 0;
        while self.sign(".") {
            depth += 1;
            shallow(depth)?;
            let Some(Token::Name(name)) = self.tokens.get(self.at).cloned() else {
                return Err("`.` is followed by no name".to_owned());
            };
            self.at += 1;
            node = if self.sign("(") {
                Node::Call(Some(Box::new(node)), name, self.list(")")?)
            } else {
                match node {
                    Node::Name(path) => Node::Name(format!("{path}.{name}")),
                    _ => return Err(format!("`.{name}` is asked of what has no fields")),
                }
            };
        }
        Ok(node)
    }

    fn primary(&mut self) -> Result<Node, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("the condition ends too early")?;
        self.at += 1;
        match token {
            Token::Text(text) => Ok(Node::Value(Value::Text(text))),
            Token::Number(number) => Ok(Node::Value(Value::Number(number))),
            Token::Sign("(") => {
                let node = self.either()?;
                self.demand(")")?;
                Ok(node)
            }
            Token::Sign("[") => Ok(Node::List(self.list("]")?)),
            Token::Name(name) if name == "true" || name == "false" => {
                Ok(Node::Value(Value::Bool(name == "true")))
            }
            Token::Name(name) if self.sign("(") => Ok(Node::Call(None, name, self.list(")")?)),
            Token::Name(name) => Ok(Node::Name(name)),
            Token::Sign(sign) => Err(format!("`{sign}` stands where a value should")),
        }
    }

    fn list(&mut self, end: &str) -> Result<Vec<Node>, String> {
        let mut all = Vec::new();
        if self.sign(end) {
            return Ok(all);
        }
        loop {
            all.push(self.either()?);
            if self.sign(end) {
                return Ok(all);
            }
            self.demand(",")?;
            // A comma may stand after the last one.
            if self.sign(end) {
                return Ok(all);
            }
        }
    }
}
