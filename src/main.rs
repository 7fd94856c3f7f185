//! The program: parses the command line, runs one command, maps its end to an exit code.

use clap::Parser;
use leastgrant::command::{Cli, Exit, run};

/// A fifth of a run was spent in the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Exit {
    run(&Cli::parse())
}
