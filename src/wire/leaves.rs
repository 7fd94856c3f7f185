//! Request parameters and answers flattened to their scalar leaves, for rules that look for a name in them.

use super::sketch::{self, HIDDEN, MAX_NAME, Marks};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt;

/// One scalar with the path that leads to it. Keys are normalised: lower-case ASCII letters and digits only.
#[derive(Clone, Debug)]
pub struct Leaf<'a> {
    /// Normalised keys joined by `.`; list elements add nothing.
    pub path: String,
    value: Cow<'a, str>,
    /// Where it is told that the value was looked at, and under which number.
    marks: Option<(&'a Marks, u32)>,
    /// Index of the innermost list element this leaf lies in, to tell elements apart.
    pub element: usize,
    /// Whether it lies in what users write at will (a description, an item's attributes): names nothing.
    pub free: bool,
}

impl Leaf<'_> {
    /// The scalar as text. Whoever looks at it depends on it: what only tells ARNs, ids and keys from other text may ask for
    /// that alone.
    #[must_use]
    pub fn value(&self) -> &str {
        if let Some((marks, at)) = self.marks {
            marks.mark(at);
        }
        &self.value
    }

    /// Whether it is an ARN.
    #[must_use]
    pub fn is_arn(&self) -> bool {
        sketch::is_arn(&self.value)
    }

    /// Whether it is a percent-encoded ARN.
    #[must_use]
    pub fn is_encoded_arn(&self) -> bool {
        sketch::is_encoded_arn(&self.value)
    }

    /// Whether it names a key that AWS manages.
    #[must_use]
    pub fn is_managed_key(&self) -> bool {
        sketch::is_managed_key(&self.value)
    }

    /// Whether it may be an id that EC2 made.
    #[must_use]
    pub fn may_be_id(&self) -> bool {
        sketch::may_be_id(&self.value)
    }

    /// The last key of the path.
    #[must_use]
    pub fn key(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or("")
    }
}

/// Lower-case ASCII letters and digits of `key`.
#[must_use]
pub fn normal(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The keys of a path, each [normal](normal()).
fn normal_path(path: &str) -> SmallVec<[u8; 64]> {
    let kept = path.bytes().filter(|b| *b == b'.' || b.is_ascii_alphanumeric());
    kept.map(|b| b.to_ascii_lowercase()).collect()
}

/// Subtrees in which a name selects, but is not the resource.
const SELECTORS: [&str; 4] = ["filters", "filter", "filterset", "encryptioncontext"];

/// Maps whose keys are names of tables.
const TABLES: &str = "requestitems";

/// Subtrees that hold tags.
const TAGS: [&str; 15] = [
    "backupplantags",
    "backupvaulttags",
    "identitypooltags",
    "jobtags",
    "reportplantags",
    "tagging",
    "taglist",
    "tags",
    "tagset",
    "tagslist",
    "tagspecification",
    "tagspecifications",
    "tagspecificationset",
    "targetmodeltags",
    "userpooltags",
];

/// Subtrees that describe what is made later, by other calls: tags in them are not for this one.
const LATER: [&str; 1] = ["launchtemplatedata"];

/// Parameters that hold what users write at will. A name or an ARN in them says nothing of what a call is about.
const FREE: [&str; 43] = [
    "airflowconfigurationoptions",
    "alarmactions",
    "arguments",
    "assumerolepolicydocument",
    "attributepayload",
    "body",
    "clientcontext",
    "comment",
    "comments",
    "defaultarguments",
    "description",
    "detail",
    "dockerlabels",
    "endpoint",
    "environment",
    "environmentvariables",
    "expressionattributenames",
    "expressionattributevalues",
    "hyperparameters",
    "input",
    "insufficientdataactions",
    "item",
    "labels",
    "message",
    "metadata",
    "nonoverridablearguments",
    "notificationconfiguration",
    "okactions",
    "parameters",
    "payload",
    "policy",
    "policydocument",
    "policytext",
    "properties",
    "propertymap",
    "resourcepolicy",
    "runtimeenvironmentvariables",
    "secretstring",
    "sparkproperties",
    "statichyperparameters",
    "subject",
    "userdata",
    "variables",
];

/// Whether a user chose the key: those of AWS's own parameters are words.
fn chosen(key: &str) -> bool {
    key.starts_with('-') || key.contains(['.', '/', ':', ' ', '_'])
}

/// The leaves of one value.
#[derive(Clone, Debug, Default)]
pub struct Leaves<'a> {
    /// Scalars in document order, without those of filters and tags.
    pub all: Vec<Leaf<'a>>,
    /// Whether the value holds tags.
    pub tagged: bool,
    /// Resource types that the tags are for, where the tags say so.
    pub tag_types: Vec<String>,
    /// Whether something in it is hidden by the service.
    pub hidden: bool,
    /// Where a value is hidden.
    pub hidden_at: Vec<String>,
    /// Whether it is an answer.
    pub answer: bool,
    /// Where it is told what was looked at, and where the value's text begins.
    marks: Option<(&'a Marks, usize)>,
}

impl<'a> Leaves<'a> {
    /// Leaves that may name what the call is about.
    pub fn naming<'s>(&'s self) -> impl Iterator<Item = &'s Leaf<'a>> + use<'s, 'a> {
        self.all.iter().filter(|leaf| !leaf.free)
    }

    /// Leaves whose path is `path` (dotted, any case, `[]` ignored) or ends in it when it has one key.
    pub fn at<'s>(&'s self, path: &str) -> impl Iterator<Item = &'s Leaf<'a>> + use<'s, 'a> {
        let wanted = normal_path(path);
        self.all.iter().filter(move |leaf| leaf.path.as_bytes() == wanted.as_slice())
    }

    /// Leaves at or below `path`.
    pub fn below<'s>(&'s self, path: &str) -> impl Iterator<Item = &'s Leaf<'a>> + use<'s, 'a> {
        let wanted = normal_path(path);
        let under = move |path: &str| {
            let rest = path.as_bytes().strip_prefix(wanted.as_slice());
            rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'.')))
        };
        self.all.iter().filter(move |leaf| under(&leaf.path))
    }

    /// The leaves of one list element, with what stands in no list.
    #[must_use]
    pub fn within(&self, element: usize) -> Self {
        let all = self.all.iter().filter(|leaf| [0, element].contains(&leaf.element)).cloned().collect();
        Leaves { all, hidden: self.hidden, ..Leaves::default() }
    }

    /// Whether something stands at or below `path`.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.below(path).next().is_some()
    }
}

/// All leaves of a request; `None` when it is nested too deep to be read.
#[must_use]
pub fn of<'a>(raw: Option<&'a RawValue>, marks: &'a Marks) -> Option<Leaves<'a>> {
    walk(raw, false, marks)
}

/// All leaves of an answer, which the service wrote: nothing in it is free.
#[must_use]
pub fn of_answer<'a>(raw: Option<&'a RawValue>, marks: &'a Marks) -> Option<Leaves<'a>> {
    walk(raw, true, marks)
}

fn walk<'a>(raw: Option<&'a RawValue>, answer: bool, marks: &'a Marks) -> Option<Leaves<'a>> {
    let mut out = Leaves { answer, ..Leaves::default() };
    marks.open();
    let Some(raw) = raw else { return Some(out) };
    out.marks = Some((marks, raw.get().as_ptr().addr()));
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    let mut elements = 0;
    Walk { path: String::new(), out: &mut out, elements: &mut elements, element: 0, free: false }
        .deserialize(&mut deserializer)
        .ok()?;
    Some(out)
}

struct Walk<'o, 'a> {
    path: String,
    out: &'o mut Leaves<'a>,
    elements: &'o mut usize,
    element: usize,
    free: bool,
}

impl<'a> Walk<'_, 'a> {
    fn leaf(self, value: Cow<'a, str>) {
        if value == HIDDEN {
            self.out.hidden = true;
            self.out.hidden_at.push(self.path.clone());
        } else if !value.is_empty() && value.len() <= MAX_NAME {
            self.out.hidden |= self.path == "omitted" && value == "true";
            let marks = match &value {
                Cow::Borrowed(text) => self.out.marks.and_then(|(marks, from)| {
                    let at = text.as_ptr().addr().checked_sub(from)?;
                    Some((marks, u32::try_from(at).ok()?))
                }),
                Cow::Owned(_) => None,
            };
            let (element, free) = (self.element, self.free);
            self.out.all.push(Leaf { path: self.path, value, marks, element, free });
        }
    }
}

impl Walk<'_, '_> {
    /// A name that stands as a key.
    fn table(&mut self, name: Cow<'_, str>) {
        let path = "requestitems.tablename".to_owned();
        let value = Cow::Owned(name.into_owned());
        self.out.all.push(Leaf { path, value, marks: None, element: self.element, free: false });
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }
    fn visit_borrowed_str<E>(self, v: &'de str) -> Result<(), E> {
        self.leaf(Cow::Borrowed(v));
        Ok(())
    }
    fn visit_str<E>(self, v: &str) -> Result<(), E> {
        self.leaf(Cow::Owned(v.to_owned()));
        Ok(())
    }
    fn visit_bool<E>(self, v: bool) -> Result<(), E> {
        self.leaf(Cow::Borrowed(if v { "true" } else { "false" }));
        Ok(())
    }
    fn visit_i64<E>(self, v: i64) -> Result<(), E> {
        self.leaf(Cow::Owned(v.to_string()));
        Ok(())
    }
    fn visit_u64<E>(self, v: u64) -> Result<(), E> {
        self.leaf(Cow::Owned(v.to_string()));
        Ok(())
    }
    fn visit_f64<E>(self, v: f64) -> Result<(), E> {
        self.leaf(Cow::Owned(v.to_string()));
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        loop {
            *self.elements += 1;
            let element = *self.elements;
            let next = Walk {
                path: self.path.clone(),
                out: self.out,
                elements: self.elements,
                element,
                free: self.free,
            };
            if seq.next_element_seed(next)?.is_none() {
                return Ok(());
            }
        }
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(raw) = map.next_key::<Cow<'_, str>>()? {
            let key = normal(&raw);
            let chosen = chosen(&raw);
            if self.path == TABLES && self.element == 0 {
                self.table(raw);
            }
            if SELECTORS.contains(&key.as_str()) {
                map.next_value::<serde::de::IgnoredAny>()?;
                continue;
            }
            if TAGS.contains(&key.as_str()) && self.path.split('.').any(|part| LATER.contains(&part)) {
                map.next_value::<serde::de::IgnoredAny>()?;
                continue;
            }
            if TAGS.contains(&key.as_str()) {
                let mut tags = Leaves { marks: self.out.marks, ..Leaves::default() };
                let walk = Walk {
                    path: String::new(),
                    out: &mut tags,
                    elements: self.elements,
                    element: 0,
                    free: false,
                };
                map.next_value_seed(walk)?;
                self.out.tagged |= tags.tagged || !tags.all.is_empty();
                let types = tags.all.iter().filter(|leaf| leaf.key() == "resourcetype");
                self.out.tag_types.extend(types.map(|leaf| leaf.value().to_owned()));
                continue;
            }
            // An item's key has attributes below it; an object's key is a name.
            let in_key = ["key", "keys"].contains(&self.path.rsplit('.').next().unwrap_or(""));
            let free = self.free || (!self.out.answer && (in_key || chosen || FREE.contains(&key.as_str())));
            let path = if self.path.is_empty() { key } else { format!("{}.{key}", self.path) };
            map.next_value_seed(Walk {
                path,
                out: self.out,
                elements: self.elements,
                element: self.element,
                free,
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flattens_and_leaves_out_filters_and_tags() {
        let raw: Box<RawValue> = serde_json::from_str(
            r#"{"bucketName":"b","instancesSet":{"items":[{"instanceId":"i-1"},{"instanceId":"i-2"}]},
                "filterSet":{"items":[{"name":"no"}]},"tags":[{"key":"no"}],"n":3,"secret":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#,
        )
        .unwrap();
        let marks = Marks::default();
        let leaves = of(Some(&raw), &marks).unwrap();
        let got: Vec<(&str, &str)> = leaves.all.iter().map(|l| (l.path.as_str(), l.value())).collect();
        assert_eq!(
            got,
            [
                ("bucketname", "b"),
                ("instancesset.items.instanceid", "i-1"),
                ("instancesset.items.instanceid", "i-2"),
                ("n", "3")
            ]
        );
        assert_ne!(leaves.all[1].element, leaves.all[2].element);
        assert!(leaves.tagged && leaves.has("instancesSet") && !leaves.has("instances"));
    }

    #[test]
    fn too_deep_is_refused_not_overflowed() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
        let raw: Box<RawValue> = serde_json::from_str(&deep).unwrap();
        assert!(of(Some(&raw), &Marks::default()).is_none());
    }
}
