//! Files that hold roles and bindings, as `gcloud` takes them and as the `gcp-role` target writes them, into the
//! documents that the evaluator reads.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Joins role files (named after the role's id) with the bindings that name them. YAML or JSON.
pub(super) fn documents(files: &[(String, String)]) -> Result<Vec<String>, String> {
    let mut roles: BTreeMap<&str, Value> = BTreeMap::new();
    let mut bindings: Vec<(String, Value)> = Vec::new();
    let mut whole: Vec<String> = Vec::new();
    for (stem, text) in files {
        let value: Value = serde_saphyr::from_str(text).map_err(|e| format!("neither YAML nor JSON: {e}"))?;
        if value.get("role").is_some() && value.get("binding").is_some() {
            whole.push(text.clone());
        } else if value.get("includedPermissions").is_some() {
            roles.insert(stem, value);
        } else if let Some(list) = value.get("bindings").and_then(Value::as_array) {
            let resource = value.get("resource").and_then(Value::as_str).unwrap_or("");
            bindings.extend(list.iter().map(|binding| (resource.to_owned(), binding.clone())));
        } else {
            return Err("neither a role (`includedPermissions`) nor bindings (`bindings`)".to_owned());
        }
    }
    let joined: Result<Vec<String>, String> =
        bindings.iter().map(|(on, binding)| join(on, binding, &roles)).collect();
    whole.extend(joined?);
    if whole.is_empty() {
        return Err("roles without a binding: give the binding's file as well".to_owned());
    }
    Ok(whole)
}

fn join(resource: &str, binding: &Value, roles: &BTreeMap<&str, Value>) -> Result<String, String> {
    let name = binding.get("role").and_then(Value::as_str).ok_or("a binding names no `role`")?;
    let id = name.rsplit('/').next().unwrap_or(name);
    let role =
        roles.get(id).ok_or_else(|| format!("`{name}` is bound, but no file `{id}` holds that role"))?;
    let permissions = role.get("includedPermissions");
    let members = binding.get("members");
    Ok(json!({ "role": { "name": name, "includedPermissions": permissions },
               "binding": { "resource": resource, "role": name, "members": members } })
    .to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_and_its_binding_are_one_document() {
        let role = ("lp".to_owned(), "title: \"x\"\nincludedPermissions:\n  - \"a.b.get\"\n".to_owned());
        let text = r#"{"resource":"projects/p","bindings":[{"role":"projects/p/roles/lp","members":["user:a@example.com"]}]}"#;
        let binding = ("lp.binding".to_owned(), text.to_owned());
        let got = documents(&[role.clone(), binding.clone()]).unwrap();
        assert!(got[0].contains("a.b.get") && got[0].contains("user:a@example.com"), "{got:?}");
        assert!(documents(&[binding]).unwrap_err().contains("no file `lp`"));
        assert!(documents(&[role]).unwrap_err().contains("without a binding"));
        assert!(documents(&[("x".to_owned(), "- 1".to_owned())]).is_err());
    }
}
