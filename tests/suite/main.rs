//! All integration tests in one binary: fewer links, one build.

mod bad;
mod cli;
mod corpus;
mod events;
mod hostile;
mod laws;
mod scenarios;
mod support;
mod tidy;
