//! The only place where stages meet: read, aggregate, synthesise, verify, render.

mod access;
mod decide;
mod fate;
mod former;
mod heap;
mod held;
mod ingest;
mod plan;
mod read;
mod recall;
mod work;

pub use access::{Bounded, Limited, access_boundaries};
pub use heap::give_back;
pub use held::unplaced;
pub use ingest::{Ingest, Ingested, ingest};
pub use plan::{Fate, Plan, Planning, documented, plan};
pub use read::{ReadError, Reader, read};
pub use recall::recall;
