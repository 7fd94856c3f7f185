//! Reads cloud audit logs and writes the least privilege they prove.
//!
//! The modules below stand in the order in which data flows through them; each may use only what stands above it, and
//! `tests/suite/tidy.rs` holds the list of edges that are allowed.
//!
//! ```text
//! source ─▶ decode ─▶ (cloud: read, identify, map) ─▶ aggregate ─▶ resolve ─▶ synthesize ─▶ (cloud: package)
//!                          ▲ catalog                                                          │
//!              manifest ◀─ report ◀─ render ◀─ verify (cloud: evaluate) ◀────────────────────┘
//! ```
//!
//! - **source**: objects with an identity, and lazily their bytes: files, and where the features `aws` and `gcp` are built,
//!   buckets and APIs, which one thread lists and fetches ahead of the threads that decode. What is too long to be held is a
//!   stream, which **decode** cuts into pieces of whole records for all threads.
//! - **model**: the vocabulary, plain data. A fact has three lives: borrowed from the log ([`model::usage::Use`]),
//!   interned in a shard ([`aggregate::Shard`]), owned and sorted ([`model::usage::Row`], [`model::grant::Grant`]).
//! - **intent**: what people decided, in a file of its own. What needs an event's source or key is applied while reading.
//! - **wire**: JSON as logs really hold it; knows no cloud.
//! - **catalog**: what events, actions and error codes mean. Data files with a reason each, never `match` arms.
//! - **cloud**: one folder for each cloud, the only place that knows its dialect.
//! - **aggregate**: uses into the usage table; what a call came to is remembered, and its like repeated without being read
//!   ([`cloud::Like`]). Shards merge in any order; the result is sorted by text, so that threads
//!   and file order change no byte.
//!   Its **store** keeps shards on disk, day by day, before anything is settled: what comes after cannot tell a store from
//!   the logs in it.
//! - **resolve**: what only the whole log can tell.
//! - **coverage**: what the log holds at all; unused is not unlogged.
//! - **previous**: the manifest of a former run as memory; documents are never parsed for it.
//! - **synthesize**: rows into grants, pass by pass; every step that widens says so on the grant.
//! - **verify**: the law of replay. [`verify::Verified`] is the only thing that can be rendered, and the evaluators
//!   (`cloud/*/evaluate.rs`) share no code with what writes the documents.
//! - **render**: handlebars templates; **report**: manifest, tables, the last screen of a run.
//! - **pipeline**: the only place where stages meet. **command**: the command line, and exit codes.
//!
//! Invariants: records = used + duplicate + skipped + malformed; nothing is granted without a row or a line of the intent file, or written without
//! passing replay; the same input gives the same bytes; files are read and written only in `source`,
//! `aggregate::store`, `render` and `command`; only live sources (`source`, the one room with asynchronous code) and `catalog update` use the network; no
//! stage asks the clock.

pub mod model;
pub mod config;
pub mod intent;
pub mod wire;
pub mod catalog;
pub mod cloud;
pub mod source;
pub mod decode;
pub mod aggregate;
pub mod resolve;
pub mod coverage;
pub mod previous;
pub mod synthesize;
pub mod verify;
pub mod render;
pub mod pipeline;
pub mod report;
pub mod command;
