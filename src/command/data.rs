//! The user's data folder: where an imported table lies, and which table a run uses.

#![expect(clippy::disallowed_methods, reason = "reads the table that the user imported")]

use super::Failure;
use crate::catalog::user::{Imported, UserTableError};
use crate::catalog::{self, roles};
use etcetera::BaseStrategy;
use std::path::{Path, PathBuf};

/// Names the data folder.
const FOLDER: &str = "LEASTGRANT_DATA";
/// `embedded` leaves an imported table aside.
const CHOICE: &str = "LEASTGRANT_CATALOG";
/// The imported table of AWS services.
pub(super) const SERVICES: &str = "aws-services.tsv";
/// The imported table of Google's predefined roles.
pub(super) const ROLES: &str = "gcp-roles.tsv";

/// `LEASTGRANT_DATA`, else `leastgrant` in the platform's folder for data.
pub(super) fn folder() -> Result<PathBuf, Failure> {
    if let Some(named) = std::env::var_os(FOLDER).filter(|named| !named.is_empty()) {
        return Ok(PathBuf::from(named));
    }
    let base = etcetera::choose_base_strategy()
        .map_err(|why| format!("there is no folder for data of this user ({why}): set {FOLDER}"))?;
    Ok(base.data_dir().join("leastgrant"))
}

/// Puts an imported table in place of the embedded one, if there is one and nothing says otherwise.
///
/// One that cannot be read stops the run: what it decides must not depend on whether a file happened to be whole.
pub(super) fn install() -> Result<(), Failure> {
    match std::env::var(CHOICE).unwrap_or_default().as_str() {
        "" => {}
        "embedded" => return Ok(()),
        other => return Err(format!("{CHOICE} is `{other}`: `embedded` is the only choice").into()),
    }
    // Without a folder there can be no table in it.
    let Ok(folder) = folder() else { return Ok(()) };
    if let Some(imported) = read(&folder.join(SERVICES), Imported::parse)? {
        catalog::install(imported);
    }
    if let Some(imported) = read(&folder.join(ROLES), |text| Imported::parse_as(text, roles::FORM))? {
        catalog::install_roles(imported);
    }
    Ok(())
}

/// A table, where there is one.
fn read(
    path: &Path,
    parse: impl Fn(&str) -> Result<Imported, UserTableError>,
) -> Result<Option<Imported>, Failure> {
    let broken = |why: String| {
        format!(
            "`{}`: {why}; run `leastgrant catalog update` again, or delete the file to use what ships with \
             the program (for one run: {CHOICE}=embedded)",
            path.display()
        )
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(why)
            if matches!(why.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(why) => return Err(broken(format!("cannot be read: {why}")).into()),
    };
    Ok(Some(parse(&text).map_err(|why| broken(why.to_string()))?))
}
