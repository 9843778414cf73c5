//! The `blendfuse` command.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    blendfuse::cli::main()
}
