//! Tables for terminals, lines of JSON for programs.

use crate::render::escape::terminal;
use serde_json::Value;

/// A plain table; cells are made safe for terminals.
#[must_use]
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(head.iter().map(|h| h.to_uppercase()).collect::<Vec<String>>());
    for row in rows {
        table.add_row(row.iter().map(|cell| terminal(cell)).collect::<Vec<String>>());
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<&str>>().join("\n")
}

/// One JSON object a line.
#[must_use]
pub fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}
