//! The end of `generate`: one screen that says what was read, what was written, what was not and why, and what next.

use super::intent;
use super::manifest::{ArtifactEntry, status};
use super::redact::Redactor;
use super::table::table;
use super::told::Told;
use crate::aggregate::Usage;
use crate::model::document::DocumentKind;
use crate::model::note::{Code, Note};
use crate::model::tally::Tally;
use crate::pipeline::{Bounded, Fate, Plan, Planning, unplaced};
use crate::render::escape::terminal;

/// Principals that fit onto one screen.
const ROWS: usize = 24;
/// Unreadable files, and notes, that fit beside them.
const LISTED: usize = 5;

/// Where every record went, in one or two lines.
#[must_use]
pub fn records(tally: &Tally) -> String {
    let skipped: Vec<String> =
        tally.total_skipped().iter().map(|(why, count)| format!("{} {count}", why.as_str())).collect();
    let total: u64 = tally.total_skipped().values().sum();
    let reasons = if skipped.is_empty() { String::new() } else { format!(" ({})", skipped.join(", ")) };
    format!(
        "Read {} records in {} files: {} used, {} duplicate, {total} skipped{reasons}, {} malformed.",
        tally.records(),
        tally.files,
        tally.total_used(),
        tally.duplicate,
        tally.malformed
    )
}

/// Said where an IAM policy cannot be placed.
const UNPLACED: &str = "an IAM policy among the input does not say where it holds, and the log has several projects: what \
                        principals hold by it is not known; give what `gcloud projects get-ancestors-iam-policy PROJECT \
                        --format=json` prints";

/// The whole screen.
#[must_use]
pub fn summary(
    usage: &Usage,
    (plans, sets): (&[Plan<'_>], &[Bounded<'_>]),
    artifacts: &[ArtifactEntry],
    stale: &[ArtifactEntry],
    planning: &Planning,
    out: &str,
    (told, redactor): (&Told<'_>, &Redactor),
) -> String {
    let mut screen = vec![records(&usage.tally)];
    for unreadable in usage.tally.unreadable.iter().take(LISTED) {
        screen.push(format!(
            "  not read: {}: {}",
            terminal(&redactor.text(&unreadable.path)),
            terminal(&unreadable.why)
        ));
    }
    more(&mut screen, usage.tally.unreadable.len(), "not read");
    // What was asked for that cannot be had was said before reading.
    let notes = usage.notes.iter().chain(&told.crowd).filter(|note| note.code != Code::WindowRounded);
    let notes: Vec<&Note> = notes.collect();
    for note in notes.iter().take(LISTED) {
        screen.push(format!("  {}: {}", note.code.as_str(), terminal(&redactor.text(&note.text))));
    }
    more(&mut screen, notes.len(), "notes");
    screen.extend(super::coverage::lines(usage).iter().map(|line| terminal(&redactor.text(line))));
    screen.extend(decisions(usage, plans, planning).iter().map(|line| redactor.text(line)));
    // Who is only remembered from a former run keeps its documents, and needs no line.
    let mut shown: Vec<&Plan<'_>> = plans.iter().filter(|plan| plan.who.events > 0).collect();
    shown.sort_by_key(|plan| rank(plan));
    let rows: Vec<Vec<String>> = shown.iter().take(ROWS).map(|plan| row(plan, redactor)).collect();
    screen
        .push(format!("\n{}", table(&["principal", "account", "state", "documents", "what to know"], &rows)));
    if shown.len() > ROWS {
        screen.push(format!("… and {} more principals in {out}/manifest.json", shown.len() - ROWS));
    }
    if plans.len() > shown.len() {
        let kept = plans.len() - shown.len();
        screen.push(format!("{kept} principals of former runs are not in these logs; what they have stays."));
    }
    screen.extend(
        shown
            .iter()
            .filter(|plan| !plan.loosenings.is_empty())
            .take(LISTED)
            .map(|plan| redactor.text(&loosenings(plan))),
    );
    screen.extend(unplaced(usage).then(|| UNPLACED.to_owned()));
    let beyond =
        super::cross_account::line(&told.beyond, out).into_iter().chain(super::access_boundary::lines(sets));
    screen.extend(beyond.map(|line| redactor.text(&line)));
    for entry in stale.iter().take(LISTED) {
        let path = terminal(&entry.path);
        screen.push(format!("no longer written, yet still there: remove {out}/{path} by hand"));
    }
    more(&mut screen, stale.len(), "files to remove");
    let applied = artifacts.iter().filter(|a| a.applies).count();
    if redactor.is_on() {
        screen.push(format!(
            "\nWrote {out}/manifest.json, redacted and without documents: run without `--redact` for those."
        ));
        return screen.join("\n");
    }
    if applied == 0 {
        screen.push(format!(
            "\nWrote nothing to apply; {out}/manifest.json says what became of each principal."
        ));
        return screen.join("\n");
    }
    screen.push(format!(
        "\nWrote {applied} files to apply and {out}/manifest.json; every document was replayed against the log first."
    ));
    screen.push("It narrows nothing yet: attach these, then detach what is attached today.".to_owned());
    if let Some(plan) = shown.iter().find(|plan| matches!(plan.fate, Fate::Written(_))) {
        screen.push(format!("Next: read {out}/{}, then ask why a statement stands:", plan.folder()));
        screen.push(format!("  leastgrant explain INPUT --principal '{}'", terminal(&plan.who.id)));
    }
    screen.join("\n")
}

/// Entries of the intent file that did nothing, and what stands for the sake of another use.
fn decisions(usage: &Usage, plans: &[Plan<'_>], planning: &Planning) -> Vec<String> {
    let entries = intent::applied(usage, plans, planning);
    let idle = entries.iter().filter(|entry| entry.state != "applied");
    let mut lines: Vec<String> = idle
        .map(|entry| {
            let why = if entry.state == "expired" { "has expired" } else { "matches nothing" };
            let from = if entry.kind == "stack" { "" } else { "intent: " };
            format!("  {from}{} {why}", terminal(&entry.name))
        })
        .collect();
    for plan in plans {
        let Fate::Written(verified) = &plan.fate else { continue };
        for shared in verified.shared().iter().take(LISTED) {
            let who = terminal(&plan.who.id);
            lines.push(format!(
                "  withheld, yet allowed to {who}, for a kept use needs it too: {}",
                terminal(shared)
            ));
        }
    }
    lines
}

/// What could be loosened for a principal whose grants do not fit, the most telling first.
fn loosenings(plan: &Plan<'_>) -> String {
    let rows: Vec<Vec<String>> = plan
        .loosenings
        .iter()
        .take(LISTED)
        .map(|l| vec![l.step.clone(), l.saves.to_string(), l.breadth.clone()])
        .collect();
    let table = table(&["step", "characters saved", "allows"], &rows);
    let who = terminal(&plan.who.id);
    format!(
        "\nTo make {who} fit, choose in the intent file: [[loosen]] principal = \"…\", step = \"…\"\n{table}"
    )
}

fn more(screen: &mut Vec<String>, all: usize, what: &str) {
    if all > LISTED {
        screen.push(format!("  {what}: {} more, see the manifest", all - LISTED));
    }
}

/// Refused first, then what has documents, then the rest; the busiest first.
fn rank(plan: &Plan<'_>) -> (u8, std::cmp::Reverse<u64>) {
    let group = match plan.fate {
        Fate::Refused(_) => 0,
        Fate::Written(_) => 1,
        Fate::Nothing(_) => 2,
    };
    (group, std::cmp::Reverse(plan.who.events))
}

fn row(plan: &Plan<'_>, redactor: &Redactor) -> Vec<String> {
    let review = plan.waits();
    let (state, files, what) = match &plan.fate {
        Fate::Written(verified) => {
            let held = if review > 0 { format!("; held back for review: {review}") } else { String::new() };
            let note =
                if plan.reasons.is_empty() { "enough evidence".to_owned() } else { plan.reasons.join("; ") };
            let policies = verified.documents().iter().filter(|d| d.kind == DocumentKind::Policy).count();
            let anew = plan.regrouped.as_ref().map(|text| format!("; {text}")).unwrap_or_default();
            let instead = plan.no_alternative.as_ref();
            let instead = instead.map(|why| format!("; no predefined roles in their place: {why}"));
            let note = note + &held + &anew + &instead.unwrap_or_default();
            (status(plan).to_owned(), policies.to_string(), note)
        }
        Fate::Nothing(why) if review > 0 => ("review".to_owned(), "0".to_owned(), why.clone()),
        Fate::Nothing(why) => (plan.disposition.as_str().to_owned(), "0".to_owned(), why.clone()),
        Fate::Refused(why) => ("refused".to_owned(), "0".to_owned(), why.clone()),
    };
    let name = plan
        .who
        .id
        .split_once(':')
        .filter(|(kind, id)| *kind != "arn" && id.contains('@'))
        .map_or(plan.name.as_str(), |(_, id)| id);
    let id = redactor.id(&plan.who.id);
    let name = if redactor.is_on() { id.rsplit(['/', ':']).next().unwrap_or(&id) } else { name };
    let who: String = format!("{} {name}", plan.who.kind.as_str()).chars().take(64).collect();
    vec![who, redactor.text(&plan.account), state, files, redactor.text(&what)]
}
