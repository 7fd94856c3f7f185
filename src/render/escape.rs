//! Escapes for the inside of a double-quoted string, by file format.

use serde::Deserialize;

/// How `{{value}}` is written into a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Escape {
    /// As it is.
    #[default]
    None,
    /// Inside a JSON string.
    Json,
    /// Inside a double-quoted YAML scalar, which takes JSON's escapes.
    Yaml,
    /// Inside an HCL string: also `${` and `%{` would start a template.
    Hcl,
}

impl Escape {
    /// Escapes `text`.
    #[must_use]
    pub fn apply(self, text: &str) -> String {
        // Most names have nothing to escape.
        let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'$' | b'%') || b == b' ';
        match self {
            Self::None => text.to_owned(),
            _ if text.bytes().all(plain) => text.to_owned(),
            Self::Json | Self::Yaml => quoted(text),
            Self::Hcl => hcl(text),
        }
    }
}

fn quoted(text: &str) -> String {
    let unit = |unit: &mut u16| format!("\\u{unit:04x}");
    let escape = |c: char| match c {
        c if control(c) => c.encode_utf16(&mut [0; 2]).iter_mut().map(unit).collect(),
        c => c.to_string(),
    };
    text.chars().map(|c| common(c).map_or_else(|| escape(c), str::to_owned)).collect()
}

/// Escapes that all formats share.
fn common(c: char) -> Option<&'static str> {
    match c {
        '"' => Some("\\\""),
        '\\' => Some("\\\\"),
        '\n' => Some("\\n"),
        '\r' => Some("\\r"),
        '\t' => Some("\\t"),
        _ => None,
    }
}

fn hcl(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, common(c)) {
            (_, Some(escaped)) => out.push_str(escaped),
            ('$' | '%', _) if chars.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            (c, _) if control(c) => {
                let escaped = format!("\\U{:08x}", u32::from(c));
                out.push_str(&escaped);
            }
            (c, _) => out.push(c),
        }
    }
    out
}

/// Characters that would vanish or act in an editor or a terminal.
fn control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// `text` fit for a terminal: control characters are shown, not sent.
#[must_use]
pub fn terminal(text: &str) -> String {
    text.chars()
        .flat_map(|c| if control(c) { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hcl_templates_are_not_started() {
        assert_eq!(Escape::Hcl.apply("a${b}%{c}\"\\\n$x"), "a$${b}%%{c}\\\"\\\\\\n$x");
        assert_eq!(terminal("a\u{1b}[31m"), "a\\u{1b}[31m");
    }

    proptest! {
        #[test]
        fn json_escapes_read_back(text in "\\PC*|[\\x00-\\x7f]*") {
            let read: String = serde_json::from_str(&format!("\"{}\"", Escape::Json.apply(&text))).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
