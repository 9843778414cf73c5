//! The command line. Each command is one file: its flags, its help, and a `run` that parses, calls
//! the library and prints.

mod ablate;
mod aggregate;
mod analyze;
mod args;
mod baseline;
mod bench;
mod clip_file_args;
mod collect;
mod completions;
mod console;
mod cv;
mod decode;
mod decoding;
mod demo;
mod encoder_output;
mod evaluate;
mod event_log;
mod executor_args;
mod exit_codes;
mod export;
#[cfg(test)]
mod flag_table;
mod inspect;
mod inspect_encoders;
mod interrupt;
mod keys;
mod man;
mod numbers;
mod openface;
mod plan;
mod plan_args;
mod plan_progress;
mod predict;
mod progress;
mod report;
mod repro;
mod score;
mod stages;
mod status;
mod sweep;
mod synth;
mod train;
mod usage;
mod vectors;
mod work;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use plan_args::PlanCommand;

use crate::kernels::map::end_where_pages_are_lost;
use crate::kernels::micro::kernel_name;
use crate::nearest::path_instead;
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

`blendfuse COMMAND --help` teaches each command.

Environment:
  BLENDFUSE_KERNEL      portable, avx2 or avx512: forces the kernel of the
                        matrix products
  NO_COLOR, CLICOLOR=0  no colours; CLICOLOR_FORCE=1: colours everywhere"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// No progress and no notes on stderr; errors, warnings and results stay
    #[arg(short, long, global = true, display_order = 903)]
    quiet: bool,
}

/// The whole command line, as help, completions and manual pages show it.
fn program() -> clap::Command {
    let program = Cli::command().mut_subcommands(|command| {
        // What all commands have stands last, in the same order.
        exit_codes::in_help(command.mut_args(|flag| match flag.get_long() {
            Some("force") => flag.display_order(900),
            Some("threads") => flag.display_order(901),
            Some("json") => flag.display_order(902),
            _ => flag,
        }))
    });
    stages::in_help(exit_codes::in_help(program))
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Inspect(inspect::Inspect),
    #[command(name = "openface")]
    OpenFace(openface::OpenFace),
    Aggregate(Box<aggregate::Aggregate>),
    Train(Box<train::Train>),
    Cv(Box<cv::CrossValidate>),
    Sweep(Box<sweep::Sweep>),
    Tune(Box<sweep::Tune>),
    Ablate(Box<ablate::Ablate>),
    Baseline(Box<baseline::Baseline>),
    Repro(Box<repro::Repro>),
    Plan(Box<plan::Plan>),
    Work(work::Work),
    Status(status::Status),
    Collect(collect::Collect),
    Predict(predict::Predict),
    Export(export::Export),
    Analyze(analyze::Analyze),
    Report(report::Report),
    Evaluate(evaluate::Evaluate),
    Decode(decode::Decode),
    Synth(synth::Synth),
    Vectors(vectors::Vectors),
    Bench(bench::Bench),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    fn run(self) -> Result<()> {
        match self {
            Command::Demo(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::OpenFace(command) => command.run(),
            Command::Aggregate(command) => command.run(),
            Command::Train(command) => command.run(),
            Command::Cv(command) => command.run(),
            Command::Sweep(command) => command.run(),
            Command::Tune(command) => command.run(),
            Command::Ablate(command) => command.run(),
            Command::Baseline(command) => command.run(),
            Command::Repro(command) => command.run(),
            Command::Plan(command) => command.run(),
            Command::Work(command) => command.run(),
            Command::Status(command) => command.run(),
            Command::Collect(command) => command.run(),
            Command::Predict(command) => command.run(),
            Command::Export(command) => command.run(),
            Command::Analyze(command) => command.run(),
            Command::Report(command) => command.run(),
            Command::Evaluate(command) => command.run(),
            Command::Decode(command) => command.run(),
            Command::Synth(command) => command.run(),
            Command::Vectors(command) => command.run(),
            Command::Bench(command) => command.run(),
            Command::Completions(command) => command.run(),
            Command::Man(command) => command.run(),
        }
    }
}

/// What a process says whose mapped features are gone; the system allows it no more than this.
const LOST_PAGES: &str = "error: a feature file was cut short by another program while it was in use, \
    or cannot be read from its disk any more; restore the file and start again\n";

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    end_where_pages_are_lost(LOST_PAGES);
    // A fault of ours is one line too, and no user can use a backtrace.
    std::panic::set_hook(Box::new(|panic| {
        console::error(&format!("internal fault, please report it: {panic}"));
    }));
    match std::panic::catch_unwind(run) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error @ Error::Interrupted(_))) => {
            console::line(&error.to_string());
            console::line(&format!("go on with: {}", interrupt::command_to_go_on()));
            ExitCode::from(interrupt::EXIT_CODE)
        }
        Ok(Err(error)) => {
            console::error(&in_full(&error));
            ExitCode::from(if error.is_input() { 2 } else { 1 })
        }
        Err(_) => ExitCode::from(1),
    }
}

/// The message, with the path that was meant by one that does not exist.
fn in_full(error: &Error) -> String {
    match error {
        Error::Read { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
            let path_shown = path.display();
            format!(
                "cannot read {path_shown}: there is no such file or folder{}",
                path_instead(path)
            )
        }
        _ => error.to_string(),
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
    let matches = program.clone().try_get_matches();
    let matches = matches.unwrap_or_else(|error| usage::with_advice(error, &program).exit());
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if cli.quiet {
        console::be_quiet();
    }
    kernel.map_err(|error| Error::Data(error.to_string()))?;
    match cli.command.run() {
        Err(Error::HandedOn(text)) => {
            let flags = matches.subcommand().map(|(_, flags)| flags);
            let json = flags.and_then(|flags| flags.try_get_one::<bool>("json").ok()?);
            console::line(&text);
            match json {
                Some(true) => console::print_json(&serde_json::json!({ "handed_on": text })),
                _ => Ok(()),
            }
        }
        ended => ended,
    }
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
