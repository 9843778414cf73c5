//! The command line. Each command is one file: its flags, its help, and a `run` that parses, calls
//! the library and prints.

mod clips;
mod commands;
mod flags;
mod help;
mod interrupt;
mod invocation;
mod output;
mod python;
mod study;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use commands::Command;
use help::{exit_codes, stages, usage};
use output::{console, remedy};

use crate::kernels::map::end_where_pages_are_lost;
use crate::kernels::micro::kernel_name;
use crate::{Error, Result};

/// Train, evaluate and explain rank-aware multi-encoder fusion for blended emotion recognition
#[derive(Debug, Parser)]
#[command(
    name = "blendfuse",
    version,
    help_expected = true,
    max_term_width = 100,
    after_help = "\
Examples:
  blendfuse demo
  blendfuse inspect DATA
  blendfuse train DATA --out runs/fold0 --fold 0
  blendfuse predict runs/fold0 DATA --split test --out predictions.zip
  blendfuse repro DATA --out runs/repro

`blendfuse COMMAND --help` explains each command.

Environment:
  BLENDFUSE_KERNEL      portable, avx2 or avx512: forces the kernel of the
                        matrix products
  NO_COLOR, CLICOLOR=0  no colours; CLICOLOR_FORCE=1: always colours"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print no progress and no notes; errors, warnings and results remain
    #[arg(short, long, global = true, display_order = 903)]
    quiet: bool,
}

/// The whole command line, as help, completions and manual pages show it.
fn program() -> clap::Command {
    let program = Cli::command().mut_subcommands(|command| {
        // Flags that all commands share come last, in the same order.
        exit_codes::in_help(command.mut_args(|flag| match flag.get_long() {
            Some("force") => flag.display_order(900),
            Some("threads") => flag.display_order(901),
            Some("json") => flag.display_order(902),
            _ => flag,
        }))
    });
    stages::in_help(exit_codes::in_help(program))
}

/// The message of a process whose mapped features are gone. A signal handler can print nothing but a
/// fixed text.
const LOST_PAGES: &str = "error: a feature file was truncated by another program while it was in use, \
    or can no longer be read from its disk; restore the file and start again\n";

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    ExitCode::from(answered())
}

/// Runs the program with other arguments than the process's (without the program's name), where another program
/// is the process; `program` is what starts it. A process does so once. Returns the exit code; usage errors and
/// help end the process.
pub fn main_of(program: PathBuf, arguments: Vec<OsString>) -> u8 {
    invocation::set(program, arguments);
    let code = answered();
    // The end of a process that is not ours does not do it.
    let _closed = std::io::stdout().flush();
    code
}

/// Runs, reports what went wrong, and gives the exit code.
fn answered() -> u8 {
    end_where_pages_are_lost(LOST_PAGES);
    // Our own bugs are reported in one line too; a backtrace is of no use to users.
    std::panic::set_hook(Box::new(|panic| {
        console::error(&format!("internal error, please report it: {panic}"));
    }));
    match std::panic::catch_unwind(run) {
        Ok(Ok(())) => 0,
        Ok(Err(error @ Error::Interrupted(_))) => {
            console::line(&error.to_string());
            console::line(&format!("resume with: {}", interrupt::resume_command()));
            interrupt::EXIT_CODE
        }
        Ok(Err(error)) => {
            console::error(&remedy::message(&error));
            if error.is_input() { 2 } else { 1 }
        }
        Err(_) => 1,
    }
}

fn run() -> Result<()> {
    let kernel = kernel_name();
    let commit = option_env!("BLENDFUSE_COMMIT")
        .map_or_else(String::new, |commit| format!(" (commit {commit})"));
    let long_version = format!(
        "{}{commit}\nkernel {}\n{} {}",
        env!("CARGO_PKG_VERSION"),
        kernel.clone().unwrap_or("none"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    let program = program().long_version(long_version);
    let words = std::iter::once("blendfuse".into()).chain(invocation::arguments());
    let matches = program.clone().try_get_matches_from(words);
    let matches = matches.unwrap_or_else(|error| usage::with_advice(error, &program).exit());
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if cli.quiet {
        console::set_quiet();
    }
    kernel.map_err(|error| Error::Data(error.to_string()))?;
    cli.command.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_help_and_every_command_an_example() {
        program().debug_assert();
        for command in program().get_subcommands() {
            let text = command.get_after_help().map(ToString::to_string);
            let name = command.get_name();
            assert!(
                text.is_some_and(|text| text.contains(&format!("blendfuse {name}"))),
                "{name} shows no example"
            );
        }
    }
}
