//! What was read, decided and refused: for people, and for programs.

pub mod coverage;
pub mod evidence;
pub mod manifest;
pub mod summary;
pub mod table;
