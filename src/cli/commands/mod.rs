//! The commands, one file each: its flags, its help, and a `run` that parses, calls the library and prints.

mod ablate;
mod aggregate;
mod analyze;
mod baseline;
mod bench;
mod collect;
mod compare;
mod completions;
mod config;
mod cv;
mod decode;
mod demo;
mod evaluate;
mod explain;
mod export;
mod extract;
mod folds;
mod inspect;
mod man;
mod openface;
mod plan;
mod predict;
mod report;
mod repro;
mod status;
mod sweep;
mod synth;
mod train;
mod vectors;
mod work;

use clap::Subcommand;

use crate::Result;

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(demo::Demo),
    Inspect(inspect::Inspect),
    Folds(folds::Folds),
    #[command(name = "openface")]
    OpenFace(openface::OpenFace),
    Extract(extract::Extract),
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
    Compare(compare::Compare),
    Explain(explain::Explain),
    Config(config::Config),
    Synth(synth::Synth),
    Vectors(vectors::Vectors),
    Bench(bench::Bench),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        match self {
            Command::Demo(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::Folds(command) => command.run(),
            Command::OpenFace(command) => command.run(),
            Command::Extract(command) => command.run(),
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
            Command::Compare(command) => command.run(),
            Command::Explain(command) => command.run(),
            Command::Config(command) => command.run(),
            Command::Synth(command) => command.run(),
            Command::Vectors(command) => command.run(),
            Command::Bench(command) => command.run(),
            Command::Completions(command) => command.run(),
            Command::Man(command) => command.run(),
        }
    }
}
