//! What the names of roles and permissions say they are for.

use super::{Role, service};

/// Whether a permission only asks for an answer, though its verb is no reading one.
pub(super) fn asks(permission: &str) -> bool {
    let verb = permission.rsplit('.').next().unwrap_or("");
    ["analyze", "fetch", "test"].iter().any(|known| verb.starts_with(known))
}

/// Whether a permission only lets others' things be used: `compute.networks.useExternalIp`.
pub(super) fn uses(permission: &str) -> bool {
    let verb = permission.rsplit('.').next().unwrap_or("");
    verb == "access"
        || verb.strip_prefix("use").is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// What a role is made for, in one word: the kind of resource, else the call, that its name begins with, of those it holds;
/// the longest. `image` of `roles/compute.imageUser`, `oslogin` of `roles/compute.osLogin`.
pub(super) fn of(role: &Role, names: &[String]) -> Option<String> {
    let purpose = role.name.rsplit_once('.')?.1;
    // The next word begins with a capital: `imageUser`, not `imaging`.
    let begins = |word: &str| {
        let rest = purpose.strip_prefix(word)?;
        (rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_uppercase())).then_some(word.len())
    };
    let names = role.held.iter().filter_map(|id| names.get(usize::try_from(*id).ok()?));
    let made = names.filter(|name| service(name) == role.service).filter_map(|name| {
        let (collection, verb) = name.rsplit_once('.')?;
        let kind = collection.split_once('.')?.1;
        // Of `policies` and `policy` one stem is kept.
        let of_kind = kind.strip_suffix("ies").filter(|stem| begins(&format!("{stem}y")).is_some());
        let of_kind = of_kind.or_else(|| kind.strip_suffix('s').filter(|one| begins(one).is_some()));
        of_kind.or_else(|| begins(verb).map(|_| verb))
    });
    made.max_by_key(|word| word.len()).map(str::to_ascii_lowercase)
}

/// Whether the permission is one of what such roles are made for.
pub(super) fn is_for(word: &str, permission: &str) -> bool {
    permission.split_once('.').is_some_and(|(_, rest)| rest.to_ascii_lowercase().contains(word))
}
