//! All integration tests in one binary: fewer links, one build.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that panics has failed, and tests read and write files"
)]

mod access_boundary;
mod again;
mod bad;
mod boundary;
mod cli;
mod companions;
mod conditions;
mod corpus;
mod denials;
mod coverage;
mod discretion;
mod events;
mod folder;
mod google;
mod google_check;
mod google_evidence;
mod google_names;
mod google_outputs;
mod hostile;
mod http;
mod laws;
mod lifecycle;
mod limits;
mod live;
mod long;
mod nights;
mod places;
mod passed;
mod predefined;
mod readme;
mod scenarios;
mod store;
mod support;
mod tags;
mod tidy;
mod update;
mod widening;
mod vetoes;
