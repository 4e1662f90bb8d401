//! The `aboard` command: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    aboard::cli::main(std::env::args_os()).into()
}
