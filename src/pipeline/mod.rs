//! The only place where stages meet: read, aggregate, synthesise, verify, render.

mod plan;
mod read;

pub use plan::{Fate, Plan, documented, plan};
pub use read::{Progress, ReadError, Reader, read};
