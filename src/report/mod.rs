//! What was read, decided and refused: for people, and for programs.

pub mod evidence;
pub mod lifecycle;
pub mod manifest;
pub mod summary;
pub mod table;
