//! Flags that every command which reads logs shares, and how they become a [`Reader`].

#![expect(clippy::disallowed_methods, reason = "reads the settings file and the key of pseudonyms")]

use super::{Exit, Failure, output, progress};
use crate::aggregate::{Rules, Usage};
use crate::cloud;
use crate::config::{Bound, Edge, Filter, Minimums};
use crate::intent::Intent;
use crate::model::document::Packing;
use crate::model::note::{Code, Note};
use crate::pipeline::{self, Reader};
use crate::report::redact::Redactor;
use crate::report::summary;
use crate::source::Meter;
use globset::{GlobBuilder, GlobSetBuilder};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Names the file with the key of pseudonyms.
const REDACT_KEY: &str = "LEASTGRANT_REDACT_KEY";
/// Inputs that are named where many have the same fault.
const TOLD: usize = 5;
/// Bytes that such a key has at least.
const SHORTEST_KEY: usize = 16;

/// Inputs and filters.
#[derive(Debug, clap::Args)]
pub(super) struct Input {
    /// Logs of AWS and Google: files, folders, globs or `-` (plain, gzip or zstd), s3://bucket/prefix,
    /// gs://bucket/prefix, cloudtrail://REGION, logging://projects/ID
    #[arg(required = true, value_name = "INPUT")]
    pub(super) inputs: Vec<String>,
    /// Only principals that match (repeatable)
    #[arg(long, value_name = "GLOB")]
    pub(super) principal: Vec<String>,
    /// From this day on: 2026-11-03, an RFC 3339 time, or 90d (counted back from the newest record)
    #[arg(long, value_name = "TIME", value_parser = Bound::parse)]
    since: Option<Bound>,
    /// Up to this day, in the same forms
    #[arg(long, value_name = "TIME", value_parser = Bound::parse)]
    until: Option<Bound>,
    /// Only records of this account or project (repeatable)
    #[arg(long, value_name = "ID")]
    account: Vec<String>,
    /// Only records of this region (repeatable)
    #[arg(long, value_name = "REGION")]
    region: Vec<String>,
    /// Only this cloud
    #[arg(long, value_name = "CLOUD", value_parser = ["aws", "gcp"])]
    cloud: Vec<String>,
    /// What people decided: keep, never, exclude, … [default: intent.toml, where it exists]
    #[arg(long, value_name = "FILE", env = "LEASTGRANT_INTENT")]
    intent: Option<PathBuf>,
    /// Settings in TOML (flags win over the environment, the environment over the file)
    #[arg(long, value_name = "FILE", env = "LEASTGRANT_CONFIG")]
    config: Option<PathBuf>,
    /// Replace identities by stable pseudonyms: people, roles, sessions, keys, accounts, projects
    #[arg(long)]
    redact: bool,
    /// Secret that the pseudonyms are made with, so that nobody can guess whom they stand for
    /// [env: LEASTGRANT_REDACT_KEY, a file too]
    #[arg(long, value_name = "FILE", requires = "redact")]
    redact_key: Option<PathBuf>,
    /// Pay for reading buckets whose owner asks for that (for `gs://`, the project of GOOGLE_CLOUD_PROJECT does)
    #[arg(long)]
    pub(super) requester_pays: bool,
    /// Worker threads
    #[arg(long, value_name = "N", env = "LEASTGRANT_THREADS", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Print nothing but results and errors
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Say more about what is done
    #[arg(short, long, conflicts_with = "quiet")]
    pub(super) verbose: bool,
}

/// What a command wants of the log beside its rows.
#[derive(Debug, Default)]
pub(super) struct Ask {
    /// Every use on its own.
    pub(super) lines: bool,
    /// Sensitive actions that were seen in one session only are taken like all others.
    pub(super) accept_review: bool,
    /// Condition keys to attest beside those that always are.
    pub(super) conditions: Vec<String>,
}

/// A key that some cloud's logs attest, as that cloud writes it.
pub(super) fn condition(key: &str) -> Result<String, String> {
    let known: Vec<&str> = cloud::CLOUDS.iter().flat_map(|cloud| cloud.conditions()).collect();
    let found = known.iter().find(|known| known.eq_ignore_ascii_case(key));
    found
        .map(|key| (*key).to_owned())
        .ok_or_else(|| format!("no log attests `{key}`; known are {}", known.join(", ")))
}

/// The settings file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    threads: Option<u16>,
    minimums: MinimumsFile,
    packaging: PackagingFile,
    conditions: ConditionsFile,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConditionsFile {
    keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PackagingFile {
    /// Documents that can be attached to one principal.
    attachments: usize,
    /// How many of those stay free.
    free: usize,
    /// One inline policy instead.
    inline: bool,
}

impl Default for PackagingFile {
    fn default() -> Self {
        let Packing { attachments, free, inline } = Packing::default();
        Self { attachments, free, inline }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MinimumsFile {
    ci_sessions: usize,
    ci_days: usize,
    workload_days: i32,
    person_days: i32,
}

impl Default for MinimumsFile {
    fn default() -> Self {
        let Minimums { ci_sessions, ci_days, workload_days, person_days } = Minimums::default();
        Self { ci_sessions, ci_days, workload_days, person_days }
    }
}

impl Input {
    fn file(&self) -> Result<File, Failure> {
        let Some(path) = &self.config else { return Ok(File::default()) };
        let text = std::fs::read_to_string(path)
            .map_err(|e| format!("`{}`: cannot be read: {e}", path.display()))?;
        Ok(toml::from_str(&text).map_err(|e| format!("`{}`: {e}", path.display()))?)
    }

    /// The evidence asked for before a document is called ready.
    pub(super) fn minimums(&self) -> Result<Minimums, Failure> {
        let MinimumsFile { ci_sessions, ci_days, workload_days, person_days } = self.file()?.minimums;
        Ok(Minimums { ci_sessions, ci_days, workload_days, person_days })
    }

    /// How documents are attached.
    pub(super) fn packing(&self) -> Result<Packing, Failure> {
        let PackagingFile { attachments, free, inline } = self.file()?.packaging;
        if free >= attachments {
            return Err(format!(
                "[packaging] leaves nothing: `free` is {free} of `attachments` {attachments}"
            )
            .into());
        }
        Ok(Packing { attachments, free, inline })
    }

    /// Whether `--principal` asks for that one.
    pub(super) fn wanted(&self) -> Result<impl Fn(&str) -> bool, Failure> {
        let principals = self.filter(Vec::new())?.principals;
        Ok(move |id: &str| principals.as_ref().is_none_or(|globs| globs.is_match(id)))
    }

    /// What replaces identities, where that is asked for.
    pub(super) fn redactor(&self) -> Result<Redactor, Failure> {
        if !self.redact {
            return Ok(Redactor::default());
        }
        let named = || std::env::var_os(REDACT_KEY).filter(|named| !named.is_empty()).map(PathBuf::from);
        let Some(path) = self.redact_key.clone().or_else(named) else {
            if !self.quiet {
                output::message(
                    "redacted without a key: whoever can guess an account or an address can check the guess; \
                     `--redact-key FILE` prevents that",
                );
            }
            return Ok(Redactor::new(&[]));
        };
        let name = path.display().to_string();
        let key = std::fs::read(&path).map_err(|why| format!("`{name}`: cannot be read: {why}"))?;
        let key = key.trim_ascii();
        if key.len() < SHORTEST_KEY {
            return Err(format!(
                "`{name}`: holds {} bytes, a key that cannot be guessed has {SHORTEST_KEY} or more: make one with \
                 `openssl rand -hex 32`",
                key.len()
            )
            .into());
        }
        Ok(Redactor::new(key))
    }

    /// A flag that leaves records out one by one, where one is given.
    pub(super) fn narrows(&self) -> Option<&'static str> {
        let given = [
            ("--principal", !self.principal.is_empty()),
            ("--cloud", !self.cloud.is_empty()),
            ("--redact", self.redact),
        ];
        given.into_iter().find(|(_, is)| *is).map(|(flag, _)| flag)
    }

    /// What is to be said of ends of the window that lie within a day.
    pub(super) fn rounded(&self) -> Vec<Note> {
        let since = self.since.as_ref().and_then(|bound| bound.rounded("--since", true));
        let until = self.until.as_ref().and_then(|bound| bound.rounded("--until", false));
        since.into_iter().chain(until).map(|text| Note { code: Code::WindowRounded, text }).collect()
    }

    /// Worker threads that were asked for.
    pub(super) fn threads(&self) -> Result<Option<usize>, Failure> {
        Ok(self.threads.or(self.file()?.threads).map(usize::from))
    }

    pub(super) fn filter(&self, conditions: Vec<String>) -> Result<Filter, Failure> {
        let [first, last] = [&self.since, &self.until].map(|bound| bound.as_ref().map(|bound| bound.edge));
        if let (Some(Edge::On(since)), Some(Edge::On(until))) = (first, last)
            && until < since
        {
            return Err(format!("--until {until} is before --since {since}").into());
        }
        let mut globs = GlobSetBuilder::new();
        for pattern in &self.principal {
            let glob = GlobBuilder::new(pattern).literal_separator(false).backslash_escape(true).build();
            globs.add(glob.map_err(|e| format!("--principal `{pattern}`: {}", e.kind()))?);
        }
        let principals = if self.principal.is_empty() { None } else { Some(globs.build()?) };
        Ok(Filter {
            principals,
            globs: self.principal.clone(),
            accounts: self.account.clone(),
            regions: self.region.clone(),
            clouds: self.cloud.clone(),
            since: first,
            until: last,
            conditions,
        })
    }

    /// What people decided; all problems of the file at once.
    pub(super) fn intent(&self) -> Result<Intent, Failure> {
        let by_default = PathBuf::from("intent.toml");
        let path = match &self.intent {
            Some(path) => path,
            None if by_default.is_file() => &by_default,
            None => return Ok(Intent::default()),
        };
        super::intent::load(path)
    }

    /// Condition keys that the settings ask for.
    pub(super) fn conditions(&self) -> Result<Vec<String>, Failure> {
        let keys = self.file()?.conditions.keys;
        let known = keys.iter().map(|key| condition(key)).collect::<Result<_, _>>();
        Ok(known.map_err(|why| {
            let path = self.config.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
            format!("`{path}`: conditions.keys: {why}")
        })?)
    }

    /// Reads everything, and says what of the intent file still holds.
    pub(super) fn read(&self, ask: Ask) -> Result<(Usage, Intent), Failure> {
        let Ask { lines, accept_review, conditions } = ask;
        let threads = self.threads()?;
        if let Some(threads) = threads {
            // What comes after reading runs on the pool of the process; where that runs already, it stays as it is.
            rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().ok();
        }
        let rules = Rules { filter: self.filter(conditions)?, intent: self.intent()?, accept_review };
        let meter = Arc::new(Meter::default());
        let stop = progress::interruptible()?;
        let reader = Reader {
            inputs: self.inputs.clone(),
            rules,
            lines,
            threads,
            meter: Arc::clone(&meter),
            stop,
            requester_pays: self.requester_pays,
        };
        if !self.quiet {
            self.rounded().iter().for_each(|note| output::message(&note.text));
        }
        let shown = progress::Shown::new(&meter, self.quiet);
        let read = pipeline::read(&reader);
        drop(shown);
        if !self.quiet {
            meter.notes().iter().for_each(|note| output::message(note));
        }
        let (mut usage, intent) = read?;
        usage.notes.extend(self.rounded());
        if self.verbose {
            output::message(&summary::records(&usage.tally));
        }
        Ok((usage, intent))
    }

    /// Says what could not be read, and the exit code it asks for.
    pub(super) fn unreadable(&self, usage: &Usage) -> Exit {
        let mut faults: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for unreadable in &usage.tally.unreadable {
            faults.entry(&unreadable.why).or_default().push(&unreadable.path);
        }
        for (why, paths) in faults {
            for path in paths.iter().take(TOLD) {
                output::message(&format!("leastgrant: {path}: {why}"));
            }
            if let Some(more) = paths.len().checked_sub(TOLD).filter(|more| *more > 0) {
                output::message(&format!("leastgrant: and {more} more: {why}"));
            }
        }
        if usage.tally.unreadable.is_empty() { Exit::Done } else { Exit::Partial }
    }
}
