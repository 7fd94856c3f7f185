//! Reading JSON as logs really hold it: lenient scalars, framing in one pass, flattened parameters, fingerprints.
//!
//! Knows JSON, no cloud. Every reader here is total: hostile input gives an error value, never a panic.

pub mod fingerprint;
pub mod frame;
pub(crate) mod lanes;
pub mod leaves;
pub mod members;
pub mod order;
pub mod outline;
pub mod repeats;
pub mod sketch;
pub mod template;
pub mod text;
pub mod walk;
