//! `catalog`: what the program knows, and from where.

use super::output::{self, Format};
use super::{Exit, Failure, data, update};
use crate::catalog;
use crate::catalog::user::Provenance;
use crate::report::table;
use serde_json::json;

/// Show what is known of the clouds' permissions and where it comes from, or import a newer list
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show counts and sources
    Info {
        /// Table or JSON
        #[arg(long)]
        format: Option<Format>,
    },
    Update(update::Args),
    /// Show which permissions an enforcement version of Google's access boundaries blocks that an earlier one does not
    Enforcement {
        /// The earlier version; 0: none
        #[arg(long, value_name = "N", default_value_t = 0)]
        from: u32,
        /// The later version [default: the newest that is known]
        #[arg(long, value_name = "N")]
        to: Option<u32>,
        /// Table (the count by version) or JSON lines (each permission)
        #[arg(long)]
        format: Option<Format>,
    },
}

impl Args {
    /// Whether this is `catalog update`, which looks at the embedded table only.
    pub(super) fn updates(&self) -> bool {
        matches!(self.command, Command::Update(_))
    }
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        Command::Info { format } => info(*format),
        Command::Update(args) => update::run(args),
        Command::Enforcement { from, to, format } => enforcement(*from, *to, *format),
    }
}

/// What versions of access boundaries block, by the names that IAM gives.
fn enforcement(from: u32, to: Option<u32>, format: Option<Format>) -> Result<Exit, Failure> {
    let limits = &catalog::gcp().limits;
    let versions = limits.versions();
    let newest = versions.last().copied().unwrap_or(0);
    let to = to.unwrap_or(newest);
    if to > newest || from > to {
        return Err(format!("--from {from} --to {to}: the versions that are known are 1 to {newest}").into());
    }
    let all = catalog::gcp().all().filter_map(|one| Some((limits.blocked_since(&one)?, one)));
    let mut new: Vec<(u32, String)> = all.filter(|(since, _)| from < *since && *since <= to).collect();
    new.sort();
    let text = match output::format(format) {
        Format::Json => {
            let rows = new.iter().map(|(since, one)| json!({ "permission": one, "since": since }));
            table::lines(&rows.collect::<Vec<_>>())
        }
        Format::Table => {
            let listed = |version: u32| {
                let all = catalog::gcp().all();
                all.filter(|one| limits.listed_since(one).is_some_and(|since| since <= version)).count()
            };
            let rows: Vec<Vec<String>> = versions
                .iter()
                .filter(|version| from < **version && **version <= to)
                .map(|version| {
                    let newly = new.iter().filter(|(since, _)| since == version).count();
                    vec![version.to_string(), listed(*version).to_string(), newly.to_string()]
                })
                .collect();
            table::table(&["version", "permissions on its list", "newly blocked"], &rows) + "\n"
        }
    };
    output::print(&text)?;
    Ok(Exit::Done)
}

/// Where the table of AWS services comes from, in words.
fn provenance(used: &Provenance, path: &str) -> String {
    let today = jiff::Zoned::now().date();
    let age =
        used.date.parse::<jiff::civil::Date>().ok().and_then(|date| (today - date).get_days().checked_abs());
    let age = age.map_or_else(String::new, |days| format!(", {days} days old"));
    match &used.from {
        None => format!("AWS table: embedded, of {}{age}", used.date),
        Some(from) => {
            let shipped = catalog::aws::Aws::shipped().date;
            let older = if used.date < shipped {
                format!(
                    "\n  the table that ships with the program is newer ({shipped}): import again, or delete the file"
                )
            } else {
                String::new()
            };
            format!(
                "AWS table: imported {} from {from}{age}\n  at {path}; delete it to go back to the embedded one{older}",
                used.date
            )
        }
    }
}

/// The predefined roles that were imported; null where none were.
fn roles_value() -> serde_json::Value {
    let from = catalog::predefined_from().zip(catalog::predefined());
    from.map_or(serde_json::Value::Null, |(used, roles)| {
        json!({ "proposed": roles.len(), "from": used.from, "date": used.date, "sha256": used.sha256 })
    })
}

fn roles_text() -> String {
    match catalog::predefined_from().zip(catalog::predefined()) {
        Some((used, roles)) => format!(
            "predefined roles: {} imported {} from {}",
            roles.len(),
            used.date,
            used.from.unwrap_or_default()
        ),
        None => "predefined roles: none imported (`catalog update --from` takes them)".to_owned(),
    }
}

fn info(format: Option<Format>) -> Result<Exit, Failure> {
    let (aws, gcp) = (catalog::aws(), catalog::gcp());
    let services: Vec<_> = aws.table.prefixes().filter_map(|prefix| aws.table.service(prefix)).collect();
    let actions: usize = services.iter().map(|s| s.actions.len()).sum();
    let types: usize = services.iter().map(|s| s.types.len()).sum();
    let sources: toml::Value = toml::from_str(catalog::SOURCES)?;
    let sources = sources.get("source").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let used = &*aws.provenance;
    let path =
        data::folder().map_or_else(|_| String::new(), |f| f.join(data::SERVICES).display().to_string());
    let text = match output::format(format) {
        Format::Json => {
            let table = json!({ "from": used.from.as_deref().unwrap_or("embedded"), "date": used.date, "sha256": used.sha256,
                "path": used.from.as_ref().map(|_| &path) });
            let value = json!({ "aws": { "services": services.len(), "actions": actions, "resource_types": types,
                    "table": table },
                "gcp": { "permissions": gcp.permissions(), "methods": gcp.methods(), "roles": roles_value() }, "sources": sources });
            table::lines(&[value])
        }
        Format::Table => {
            let field = |source: &toml::Value, name: &str| {
                source.get(name).and_then(toml::Value::as_str).unwrap_or("").to_owned()
            };
            let rows: Vec<Vec<String>> = sources
                .iter()
                .map(|s| {
                    ["name", "version", "date", "licence", "taken"]
                        .iter()
                        .map(|name| field(s, name))
                        .collect()
                })
                .collect();
            format!(
                "AWS: {} services, {actions} actions, {types} resource types\nGoogle Cloud: {} permissions, {} documented methods\n{}\n{}\n\n{}\n",
                services.len(),
                gcp.permissions(),
                gcp.methods(),
                provenance(used, &path),
                roles_text(),
                table::table(&["source", "version", "date", "licence", "taken"], &rows)
            )
        }
    };
    output::print(&text)?;
    Ok(Exit::Done)
}
