//! The `footplate` program. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    footplate::cli::main()
}
