//! `catalog update`: AWS's Service Reference into the user's data folder.

#![expect(clippy::disallowed_methods, reason = "reads the snapshot to import")]

use super::{Exit, Failure, data, output};
use crate::catalog;
use crate::catalog::import::{self, Snapshot};
use crate::catalog::roles;
use crate::catalog::user::Imported;
use crate::render::write;
use serde::Deserialize;
use std::path::Path;

/// Where AWS publishes it.
const PUBLISHED: &str = "https://servicereference.us-east-1.amazonaws.com/";
/// The largest file that is read; AWS's largest has 1.5 MB.
const FILE_LIMIT: u64 = 64 << 20;
/// Names that a message lists before it stops.
const LISTED: usize = 5;

/// Import a newer list of AWS's actions, or Google's predefined roles, into your data folder; the only command that can use the network
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder with AWS's Service Reference (one JSON file a service), or the https address of its list, which is
    /// https://servicereference.us-east-1.amazonaws.com/ at AWS; or a file or folder with Google's predefined roles, as
    /// `gcloud iam roles list` or `describe` prints them as JSON with `includedPermissions`
    #[arg(long, value_name = "DIR|URL")]
    from: String,
    /// Use it even if many actions that the program ships with are missing
    #[arg(long)]
    force: bool,
}

/// One entry of the list that names the files.
#[derive(Debug, Deserialize)]
#[cfg_attr(
    not(feature = "update"),
    expect(dead_code, reason = "without the network only its form is looked at")
)]
struct Listed {
    service: String,
    url: String,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let files = if args.from.contains("://") { fetched(&args.from)? } else { folder(Path::new(&args.from))? };
    if files.iter().any(|(_, text)| roles::is_roles(text)) {
        return predefined(&files, &args.from);
    }
    // Nothing has been installed: this is the embedded table.
    let known = &catalog::aws().table;
    let snapshot =
        import::snapshot(&files, known, args.force).map_err(|why| format!("{why}{}", accepted()))?;
    check(&snapshot)?;
    let imported = Imported::new(&snapshot, &source(&args.from), jiff::Zoned::now().date().to_string());
    let into = data::folder()?;
    let path = into.join(data::SERVICES);
    write::lasting(&into, data::SERVICES, [imported.text()])
        .map_err(|why| format!("`{}`: cannot be written: {why}", path.display()))?;
    output::message(&format!("{}\nwritten to {}", said(&snapshot), path.display()));
    Ok(Exit::Done)
}

/// Google's predefined roles.
fn predefined(files: &[(String, String)], from: &str) -> Result<Exit, Failure> {
    let snapshot = roles::snapshot(files)?;
    let imported = Imported::of(snapshot.text.clone(), &source(from), jiff::Zoned::now().date().to_string());
    let read = roles::Roles::new(&imported);
    if read.is_empty() {
        return Err(
            "none of the roles can be proposed: all are basic, deprecated or service agents' roles".into()
        );
    }
    let into = data::folder()?;
    let path = into.join(data::ROLES);
    write::lasting(&into, data::ROLES, [imported.text_as(roles::FORM)])
        .map_err(|why| format!("`{}`: cannot be written: {why}", path.display()))?;
    output::message(&format!(
        "imported {} predefined roles with {} permissions, {} of them can be proposed\nwritten to {}",
        snapshot.roles,
        snapshot.permissions,
        read.len(),
        path.display()
    ));
    Ok(Exit::Done)
}

fn accepted() -> String {
    format!(
        "\n  accepted are a folder with AWS's Service Reference, one JSON file a service, and the address of its list, \
         {PUBLISHED}; for Google Cloud a file or folder with its predefined roles, as `gcloud iam roles describe ROLE \
         --format=json` prints each"
    )
}

/// The folder as it can be found again from anywhere, or the address.
fn source(from: &str) -> String {
    if from.contains("://") {
        return from.to_owned();
    }
    std::fs::canonicalize(from).map_or_else(|_| from.to_owned(), |path| path.display().to_string())
}

/// What was written is read the way every later run will read it.
fn check(snapshot: &Snapshot) -> Result<(), Failure> {
    let imported = Imported::new(snapshot, "", String::new());
    let read = catalog::aws::Aws::with(&imported);
    let services: Vec<_> = read.table.prefixes().filter_map(|prefix| read.table.service(prefix)).collect();
    let actions: usize = services.iter().map(|service| service.actions.len()).sum();
    let wrong = || format!("the table that was made holds {actions} of {} actions", snapshot.actions);
    if (services.len(), actions) == (snapshot.services, snapshot.actions) {
        Ok(())
    } else {
        Err(wrong().into())
    }
}

fn said(snapshot: &Snapshot) -> String {
    let Snapshot { services, actions, new, gone, .. } = snapshot;
    let text = format!("imported {services} services with {actions} actions, {new} of them new");
    if gone.is_empty() {
        return text;
    }
    let names: Vec<&str> = gone.iter().take(LISTED).map(String::as_str).collect();
    let more = if gone.len() > LISTED { ", …" } else { "" };
    format!(
        "{text}; {} actions that the program ships with are not in it ({}{more}): AWS retired them, or the snapshot is \
         older than the program",
        gone.len(),
        names.join(", ")
    )
}

/// Every JSON file below a folder but the list that names them.
fn folder(root: &Path) -> Result<Vec<(String, String)>, Failure> {
    if !root.exists() {
        return Err(format!("--from `{}`: no such folder or file{}", root.display(), accepted()).into());
    }
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
        let entry = entry?;
        let path = entry.path();
        let named = entry.depth() == 0 || path.extension().is_some_and(|ending| ending == "json");
        if !entry.file_type().is_file() || !named {
            continue;
        }
        let name = path.display().to_string();
        if entry.metadata()?.len() > FILE_LIMIT {
            return Err(format!("`{name}`: larger than any file of the Service Reference").into());
        }
        let text = std::fs::read_to_string(path).map_err(|why| format!("`{name}`: cannot be read: {why}"))?;
        if serde_json::from_str::<Vec<Listed>>(&text).is_err() {
            files.push((name, text));
        }
    }
    if files.is_empty() {
        return Err(format!("--from `{}`: there is no JSON file in it{}", root.display(), accepted()).into());
    }
    Ok(files)
}

#[cfg(not(feature = "update"))]
fn fetched(from: &str) -> Result<Vec<(String, String)>, Failure> {
    Err(format!(
        "--from `{from}`: this leastgrant was built without the feature `update`, so it reads folders only"
    )
    .into())
}

/// The files that a list names, all from its own host.
#[cfg(feature = "update")]
fn fetched(from: &str) -> Result<Vec<(String, String)>, Failure> {
    let site = site(from).ok_or_else(|| {
        format!("--from `{from}`: must be an https address (http only on this machine), or a folder")
    })?;
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(std::time::Duration::from_secs(60)))
        .max_redirects(0)
        .user_agent(concat!("leastgrant/", env!("CARGO_PKG_VERSION")))
        .tls_config(
            ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build(),
        )
        .build();
    let agent = ureq::Agent::new_with_config(config);
    let list = get(&agent, from)?;
    let list: Vec<Listed> = serde_json::from_str(&list)
        .map_err(|why| format!("`{from}`: not the list of AWS's Service Reference: {why}{}", accepted()))?;
    let mut files = Vec::with_capacity(list.len());
    for Listed { service, url } in &list {
        let url = if url.starts_with('/') { format!("{site}{url}") } else { url.clone() };
        if !url.strip_prefix(site).is_some_and(|path| path.starts_with('/')) {
            return Err(format!(
                "`{from}`: the list names `{url}` for `{service}`, which is on another host"
            )
            .into());
        }
        let text = get(&agent, &url)?;
        files.push((url, text));
    }
    Ok(files)
}

/// `https://host` of an address; plain http only for this machine.
#[cfg(feature = "update")]
fn site(from: &str) -> Option<&str> {
    let host = from.strip_prefix("https://").or_else(|| {
        let host = from.strip_prefix("http://")?;
        let name = host.split(['/', ':']).next()?;
        matches!(name, "localhost" | "127.0.0.1").then_some(host)
    })?;
    let length = host.find('/').unwrap_or(host.len());
    let plain =
        host.get(..length)?.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':'));
    (length > 0 && plain).then(|| from.get(..from.len() - host.len() + length))?
}

/// One file; what fails on the way is tried again.
#[cfg(feature = "update")]
fn get(agent: &ureq::Agent, url: &str) -> Result<String, Failure> {
    let once = || {
        let mut answer = agent.get(url).call()?;
        answer.body_mut().with_config().limit(FILE_LIMIT).read_to_string()
    };
    let again = |why: &ureq::Error| !matches!(why, ureq::Error::StatusCode(400..500));
    let mut last = once();
    for _ in 0..2 {
        match &last {
            Err(why) if again(why) => last = once(),
            _ => break,
        }
    }
    last.map_err(|why| format!("`{url}`: {why}").into())
}
