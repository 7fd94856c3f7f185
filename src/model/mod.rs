//! The vocabulary every stage speaks: plain data, no I/O, no provider wire formats.

pub mod access_boundary;
pub mod denial;
pub mod coverage;
pub mod document;
pub mod event;
pub mod few;
pub mod grant;
pub mod identity;
pub mod name;
pub mod note;
pub mod pattern;
pub mod tally;
pub mod time;
pub mod usage;
