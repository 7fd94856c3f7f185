//! What an intent file says against what the clouds know, and against itself.

use crate::cloud::{self, CLOUDS};
use crate::intent::{Intent, Keep, Meta, Never, Problem};

/// Everything that would do nothing, or something else than it says; in the order of the file.
pub(super) fn problems(intent: &Intent) -> Vec<Problem> {
    let mut all: Vec<Problem> = Vec::new();
    let mut add = |meta: &Meta, text: String| {
        all.push(Problem { file: meta.file.clone(), line: meta.line, text });
    };
    for entry in &intent.keep {
        kept(entry).into_iter().for_each(|text| add(&entry.meta, text));
        conflicts(entry, intent).into_iter().for_each(|text| add(&entry.meta, text));
    }
    for entry in &intent.never {
        forbidden(entry).into_iter().for_each(|text| add(&entry.meta, text));
    }
    for entry in intent.loosen.iter().filter(|entry| CLOUDS.iter().all(|c| !c.is_step(&entry.step))) {
        let step = &entry.step;
        let text = format!(
            "`step` is `{step}`: write `type service:kind` or `objects BUCKET`, as a run lists them where grants do not fit"
        );
        add(&entry.meta, text);
    }
    for entry in &intent.access_boundary {
        let wrong = CLOUDS.iter().filter_map(|cloud| cloud.boundable(&entry.wanted)).find_map(Result::err);
        wrong.into_iter().for_each(|text| add(&entry.meta, text));
    }
    all.sort_by_key(|problem| problem.line);
    all
}

fn unknown(action: &str) -> String {
    let meant = cloud::alike(action).map(|like| format!(": did you mean `{like}`?")).unwrap_or_default();
    format!("`{action}` is no known action{meant}")
}

fn kept(entry: &Keep) -> Vec<String> {
    let wrong = |action: &String| match CLOUDS.iter().find(|cloud| cloud.canonical(action).is_some()) {
        Some(cloud) => cloud.keepable(action, entry.resource.as_ref()).err(),
        None => Some(unknown(action)),
    };
    // Patterns are told where the file is read.
    entry.actions.iter().filter(|action| !action.contains(['*', '?'])).filter_map(wrong).collect()
}

fn forbidden(entry: &Never) -> Vec<String> {
    let mut all = Vec::new();
    let resource = entry.resource.as_ref().map(ToString::to_string);
    for action in &entry.actions {
        let knows: Vec<_> = CLOUDS.iter().filter(|cloud| cloud.any_action(action)).collect();
        if knows.is_empty() {
            all.push(unknown(&action.to_string()));
        } else if let Some(text) =
            resource.as_ref().filter(|text| knows.iter().all(|c| !c.resource_like(text)))
        {
            all.push(format!("`resource` is `{text}`, which names no resource: write its full name"));
        }
    }
    all
}

/// What is kept and forbidden at once. Of two patterns over principals it is told where the kept one lies in the other.
fn conflicts(entry: &Keep, intent: &Intent) -> Vec<String> {
    let who = entry.principal.as_ref().map(|glob| glob.glob().glob());
    let mut all = Vec::new();
    for never in intent.never.iter().filter(|never| who.is_some() || never.principal.is_none()) {
        let forbids = |action: &&String| never.forbids(who.unwrap_or(""), action, entry.resource.as_ref());
        for action in entry.actions.iter().filter(forbids) {
            let line = never.meta.line;
            all.push(format!(
                "`{action}` is kept here and forbidden by [[never]] in line {line}: remove one of them"
            ));
        }
    }
    all
}
