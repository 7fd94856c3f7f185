//! Files that hold roles and bindings, as `gcloud` takes them and as the `gcp-role` target writes them, into the
//! documents that the evaluator reads.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How members begin that are people, or may be.
pub(super) const PEOPLE: [&str; 6] =
    ["\"user:", "\"group:", "\"domain:", "\"allUsers\"", "\"allAuthenticatedUsers\"", "principal://goog/"];

/// Joins role files (named after the role's id, or holding its name) with the bindings that name them, and access
/// boundaries with theirs. YAML or JSON.
pub(super) fn documents(files: &[(String, String)], known: Known<'_>) -> Result<Vec<String>, String> {
    let mut all = Files::default();
    for (stem, text) in files {
        let value: Value = serde_saphyr::from_str(text).map_err(|e| format!("neither YAML nor JSON: {e}"))?;
        all.take(stem, value)?;
    }
    all.joined(known)
}

/// The documents, with those that do not say where they bind bound there; none where all say it.
pub(super) fn placed(documents: &[String], place: &str) -> Option<Vec<String>> {
    let mut any = false;
    let one = |text: &String| {
        let Ok(mut value) = serde_json::from_str::<Value>(text) else { return text.clone() };
        match value.pointer_mut("/binding/resource").filter(|slot| slot.as_str() == Some("")) {
            Some(slot) => {
                *slot = json!(place);
                any = true;
                value.to_string()
            }
            None => text.clone(),
        }
    };
    let all = documents.iter().map(one).collect();
    any.then_some(all)
}

/// The permissions of predefined roles that need no file.
type Known<'k> = &'k dyn Fn(&str) -> Option<Vec<&'static str>>;

/// What the files hold, sorted out.
#[derive(Debug, Default)]
struct Files {
    roles: BTreeMap<String, Value>,
    /// Bindings, each with the resource that its policy is of; empty where the file does not say.
    bindings: Vec<(String, Value)>,
    boundaries: Vec<(String, Value)>,
    bound: Vec<Value>,
    whole: Vec<Value>,
}

impl Files {
    fn take(&mut self, stem: &str, value: Value) -> Result<(), String> {
        let has = |key: &str| value.get(key).is_some();
        if has("role") && has("binding") {
            self.whole.push(value);
        } else if has("includedPermissions") {
            let name = value.get("name").and_then(Value::as_str).map(str::to_owned);
            self.roles.insert(name.unwrap_or_else(|| stem.to_owned()), value);
        } else if let (Some(place), Some(policy)) =
            (value.get("resource").and_then(Value::as_str), value.get("policy"))
        {
            // As IAM is asked to set it.
            let list = policy.get("bindings").and_then(Value::as_array).into_iter().flatten();
            self.bindings.extend(list.map(|binding| (place.to_owned(), binding.clone())));
        } else if let Some(list) = value.get("bindings").and_then(Value::as_array).filter(|_| !has("details"))
        {
            let resource = value.get("resource").and_then(Value::as_str).unwrap_or("");
            self.bindings.extend(list.iter().map(|binding| (resource.to_owned(), binding.clone())));
        } else if has("rules") || (has("details") && has("bindings")) {
            self.whole.push(value);
        } else if has("details") {
            self.boundaries.push((stem.to_owned(), value));
        } else if value.pointer("/target/principalSet").is_some() {
            self.bound.push(value);
        } else if let Some(roles) = value.get("roles").and_then(Value::as_array) {
            roles.iter().try_for_each(|role| self.take(stem, role.clone()))?;
        } else if let Some(list) = value.as_array().filter(|list| !list.is_empty()) {
            if list.iter().all(|one| one.get("policy").is_some()) {
                self.ancestors(list);
            } else {
                list.iter().try_for_each(|one| self.take(stem, one.clone()))?;
            }
        } else {
            return Err("neither a role (`includedPermissions`), bindings (`bindings`), a deny policy (`rules`) nor an \
                        access boundary (`details`)"
                .to_owned());
        }
        Ok(())
    }

    /// The policies of a project and of what holds it, the project first.
    fn ancestors(&mut self, list: &[Value]) {
        let name = |one: &Value| -> Option<String> {
            Some(format!("{}s/{}", one.get("type")?.as_str()?, one.get("id")?.as_str()?))
        };
        let names: Vec<String> = list.iter().filter_map(name).collect();
        if let Some((project, above)) = names.split_first() {
            self.whole.push(json!({ "ancestors": { project: above } }));
        }
        for one in list {
            let bindings = one.pointer("/policy/bindings").and_then(Value::as_array).into_iter().flatten();
            let on = name(one).unwrap_or_default();
            self.bindings.extend(bindings.map(|binding| (on.clone(), binding.clone())));
        }
    }

    fn joined(mut self, known: Known<'_>) -> Result<Vec<String>, String> {
        for (stem, mut policy) in self.boundaries {
            let name = policy.get("name").and_then(Value::as_str).unwrap_or(&stem).to_owned();
            let id = name.rsplit('/').next().unwrap_or(&name);
            let of = |binding: &&Value| {
                let policy = binding.get("policy").and_then(Value::as_str);
                policy.is_some_and(|policy| policy == name || policy.rsplit('/').next() == Some(id))
            };
            let bound: Vec<Value> = self.bound.iter().filter(of).cloned().collect();
            if let (false, Some(policy)) = (bound.is_empty(), policy.as_object_mut()) {
                policy.insert("bindings".to_owned(), json!(bound));
            }
            self.whole.push(policy);
        }
        for (resource, binding) in &self.bindings {
            let name = binding.get("role").and_then(Value::as_str).ok_or("a binding names no `role`")?;
            let id = name.rsplit('/').next().unwrap_or(name);
            // The name in full comes first: two projects may have roles of one id.
            let held = match self.roles.get(name).or_else(|| self.roles.get(id)) {
                Some(role) => role.get("includedPermissions").cloned(),
                None => known(name).map(|permissions| json!(permissions)),
            };
            // What a role holds that nobody gave is asked only where it is bound to somebody who matters.
            let mut role = json!({ "name": name });
            if let (Some(held), Some(role)) = (held, role.as_object_mut()) {
                role.insert("includedPermissions".to_owned(), held);
            }
            let mut binding = binding.clone();
            if let Some(binding) = binding.as_object_mut() {
                // A project's role can be bound there alone.
                let own = name.split_once("/roles/").map_or("", |(own, _)| own);
                let resource = if resource.is_empty() { own } else { resource };
                binding.insert("resource".to_owned(), json!(resource));
            }
            self.whole.push(json!({ "role": role, "binding": binding }));
        }
        if self.whole.is_empty() {
            return Err("roles without a binding: give the binding's file as well".to_owned());
        }
        Ok(self.whole.iter().map(Value::to_string).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_and_its_binding_are_one_document() {
        let role = ("lp".to_owned(), "title: \"x\"\nincludedPermissions:\n  - \"a.b.get\"\n".to_owned());
        let text = r#"{"resource":"projects/p","bindings":[{"role":"projects/p/roles/lp","members":["user:a@example.com"]}]}"#;
        let binding = ("lp.binding".to_owned(), text.to_owned());
        let got = documents(&[role.clone(), binding.clone()], &|_| None).unwrap();
        assert!(got[0].contains("a.b.get") && got[0].contains("user:a@example.com"), "{got:?}");
        assert!(
            !documents(&[binding], &|_| None).unwrap()[0].contains("includedPermissions"),
            "it is not known"
        );
        assert!(documents(&[role], &|_| None).unwrap_err().contains("without a binding"));
        assert!(documents(&[("x".to_owned(), "- 1".to_owned())], &|_| None).is_err());
    }

    #[test]
    fn a_project_and_what_holds_it_are_joined_with_the_roles_by_name() {
        let roles = r#"{"roles":[{"name":"roles/viewer.x","includedPermissions":["a.b.get"]}]}"#;
        let policies = r#"[{"id":"p","type":"project","policy":{"bindings":[]}},
            {"id":"7","type":"organization","policy":{"bindings":[{"role":"roles/viewer.x","members":["allUsers"],
             "condition":{"expression":"true"}}]}}]"#;
        let got =
            documents(&[("r".to_owned(), roles.to_owned()), ("p".to_owned(), policies.to_owned())], &|_| {
                None
            })
            .unwrap();
        assert!(got[0].contains(r#"{"projects/p":["organizations/7"]}"#), "{got:?}");
        assert!(got[1].contains(r#""resource":"organizations/7""#) && got[1].contains("a.b.get"), "{got:?}");
        assert!(got[1].contains("condition"), "{got:?}");
    }

    #[test]
    fn a_policy_that_does_not_say_where_it_holds_is_told_and_placed() {
        let of = |role: &str| {
            let text = format!(r#"{{"etag":"x","bindings":[{{"role":"{role}","members":["allUsers"]}}]}}"#);
            documents(&[("p".to_owned(), text)], &|_| None).unwrap()
        };
        assert_eq!(placed(&of("projects/p/roles/x"), "projects/q"), None);
        let placed = placed(&of("roles/viewer.x"), "projects/q").unwrap();
        assert!(placed[0].contains(r#""resource":"projects/q""#), "{placed:?}");
        let asked =
            r#"{"resource":"folders/7","policy":{"version":3,"bindings":[{"role":"roles/a","members":[]}]}}"#;
        assert!(
            documents(&[("p".to_owned(), asked.to_owned())], &|_| None).unwrap()[0].contains("folders/7")
        );
    }

    #[test]
    fn an_access_boundary_is_joined_with_its_bindings() {
        let policy = r#"{"details":{"rules":[],"enforcementVersion":"4"}}"#;
        let binding = r#"{"policy":"organizations/7/locations/global/principalAccessBoundaryPolicies/pab",
            "target":{"principalSet":"//cloudresourcemanager.googleapis.com/organizations/7"}}"#;
        let files = [("pab".to_owned(), policy.to_owned()), ("bind".to_owned(), binding.to_owned())];
        let got = documents(&files, &|_| None).unwrap();
        assert!(got.len() == 1 && got[0].contains("principalSet"), "{got:?}");
        assert!(!documents(&files[..1], &|_| None).unwrap()[0].contains("bindings"));
    }
}
