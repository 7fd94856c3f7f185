//! The program: parses the command line, runs one command, maps its end to an exit code.

use clap::Parser;
use leastgrant::command::{Cli, Exit, run};

fn main() -> Exit {
    run(&Cli::parse())
}
