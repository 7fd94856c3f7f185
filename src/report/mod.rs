//! What was read, decided and refused: for people, and for programs.

pub mod drift;
pub mod denials;
pub mod access_boundary;
pub mod coverage;
pub mod cross_account;
pub mod crowd;
pub mod evidence;
mod fold;
pub mod intent;
pub mod lifecycle;
pub mod logging;
pub mod manifest;
pub mod redact;
mod scan;
pub mod summary;
pub mod table;
pub mod told;
