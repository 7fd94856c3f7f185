//! The handlebars registry: strict, with the few helpers that templates may use.
//!
//! `{{value}}` escapes for the file's format. `{{json value}}` writes JSON, indented by the number of spaces given as
//! second argument. `{{name value}}` makes a Terraform or CloudFormation identifier (`-`: letters and digits only with
//! style `camel`). `{{parts value partition="…" region="…" account="…"}}` writes a name in parts: texts escaped (with
//! `literal="…"`, each `${` of theirs is written as that), and in place of what is the principal's own what is given here.

#![expect(clippy::disallowed_methods, reason = "the one place where a registry is made")]

use super::escape::Escape;
use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderError,
    RenderErrorReason, Renderable, StringOutput, Template,
};
use serde_json::Value;
use std::sync::{LazyLock, OnceLock};

/// A template that is parsed once, when it is first rendered.
#[derive(Clone, Debug, Default)]
pub struct Parsed(OnceLock<Template>);

impl Parsed {
    /// Renders it; `text` is always the same.
    ///
    /// # Errors
    /// When it is no template, or does not fit the context.
    pub fn render(&self, text: &str, escape: Escape, context: &Context) -> Result<String, RenderError> {
        let template = match self.0.get() {
            Some(template) => template,
            None => {
                let template = Template::compile(text).map_err(RenderError::from)?;
                self.0.get_or_init(|| template)
            }
        };
        let mut out = StringOutput::new();
        template.render(registry(escape), context, &mut RenderContext::new(None), &mut out)?;
        out.into_string().map_err(RenderError::from)
    }
}

/// What templates see of a value.
#[must_use]
pub fn context(value: Value) -> Context {
    let mut context = Context::null();
    *context.data_mut() = value;
    context
}

/// The registry of one file format.
fn registry(escape: Escape) -> &'static Handlebars<'static> {
    static ALL: LazyLock<[Handlebars<'static>; 4]> =
        LazyLock::new(|| [Escape::None, Escape::Json, Escape::Yaml, Escape::Hcl].map(new));
    let [none, json, yaml, hcl] = &*ALL;
    match escape {
        Escape::None => none,
        Escape::Json => json,
        Escape::Yaml => yaml,
        Escape::Hcl => hcl,
    }
}

fn new(escape: Escape) -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(move |text| escape.apply(text));
    registry.register_helper("json", Box::new(json));
    registry.register_helper("name", Box::new(name));
    registry.register_helper("parts", Box::new(Parts(escape)));
    registry
}

/// Writes names in parts, as [`super::place::Place::parts`] makes them.
struct Parts(Escape);

impl HelperDef for Parts {
    fn call<'reg: 'rc, 'rc>(
        &self,
        h: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let given = |key: &str| h.hash_get(key).and_then(|p| p.value().as_str());
        let missing = || RenderErrorReason::ParamNotFoundForIndex("parts", 0);
        let parts = h.param(0).and_then(|p| p.value().as_array()).ok_or_else(missing)?;
        for part in parts {
            let literal = part.get("text").and_then(Value::as_str);
            if let Some(text) = literal {
                let text = given("literal").map_or_else(|| text.to_owned(), |as_| text.replace("${", as_));
                out.write(&self.0.apply(&text))?;
                continue;
            }
            let own = part.get("own").and_then(Value::as_str).ok_or_else(missing)?;
            let reference = given(own)
                .ok_or_else(|| RenderErrorReason::Other(format!("`parts` is not told its `{own}`")))?;
            out.write(reference)?;
        }
        Ok(())
    }
}

fn json(
    h: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let value = h.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex("json", 0))?.value();
    let indent = h.param(1).and_then(|p| p.value().as_u64()).unwrap_or(0);
    let margin = format!("\n{}", " ".repeat(usize::try_from(indent).unwrap_or(0)));
    let text = format!("{value:#}").replace('\n', &margin);
    out.write(&text)?;
    Ok(())
}

fn name(
    h: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let value = h
        .param(0)
        .and_then(|p| p.value().as_str())
        .ok_or(RenderErrorReason::ParamNotFoundForIndex("name", 0))?;
    let camel = h.param(1).map(|p| p.value()) == Some(&Value::String("camel".to_owned()));
    out.write(&if camel { camel_name(value) } else { snake_name(value) })?;
    Ok(())
}

/// Letters, digits and `_`, not starting with a digit.
fn snake_name(value: &str) -> String {
    let safe: String = value.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if safe.starts_with(|c: char| c.is_ascii_digit()) { format!("_{safe}") } else { safe }
}

/// Letters and digits only.
fn camel_name(value: &str) -> String {
    let words = value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word.get(..1).unwrap_or("").to_ascii_uppercase() + word.get(1..).unwrap_or("")).collect()
}
