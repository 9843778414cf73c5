//! `blendfuse collect`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::flags::common::Threads;
use crate::cli::flags::executor::this_program;
use crate::cli::output::progress::reading;
use crate::cli::study::{FollowedStudy, Output};
use crate::experiments::{
    Ablate, CompareBaselines, CrossValidate, Reproduce, Study, StudyRun, Sweep, Tune,
};
use crate::plan::slurm::{Series, Slurm};
use crate::plan::status::Status;
use crate::plan::store::description::PlanDescription;
use crate::report::StudyReport;
use crate::{Error, Result};

/// Write the tables of a plan from its results
///
/// Trains nothing. If all results are there, it writes the same files as the plan's own command;
/// otherwise it prints the tables with the complete rows, lists what is missing, writes nothing, and
/// ends with exit code 1. Safe to use while the plan is running.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  blendfuse collect runs/repro
  blendfuse collect runs/cv --json")]
pub struct Collect {
    /// Folder of the plan
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Submit the next round of trials to Slurm: what the last job of every round does
    #[arg(long, hide = true)]
    go_on: bool,
    #[command(flatten)]
    threads: Threads,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Collect {
    /// Collects.
    ///
    /// # Errors
    /// Those of the library.
    pub fn run(&self) -> Result<()> {
        let plan = PlanDescription::read(&self.dir)?;
        match plan.command.as_str() {
            CrossValidate::NAME => self.collect::<CrossValidate>(),
            Sweep::NAME => self.collect::<Sweep>(),
            Tune::NAME => self.collect::<Tune>(),
            Ablate::NAME => self.collect::<Ablate>(),
            CompareBaselines::NAME => self.collect::<CompareBaselines>(),
            Reproduce::NAME => self.collect::<Reproduce>(),
            other => Err(Error::Data(format!(
                "{}: the plan is of another version of this program (no command {other} is known)",
                self.dir.display()
            ))),
        }
    }

    fn collect<S: StudyReport>(&self) -> Result<()> {
        self.threads.build()?;
        let output = Output::of(self.json);
        if self.go_on {
            let slurm = Slurm {
                series: Series::read(&self.dir)?,
                continued: true,
                program: this_program()?,
            };
            let run = reading(|| StudyRun::<S>::load(&self.dir))?;
            return FollowedStudy::new(run).submit(&slurm, output).map(|_| ());
        }
        let status = Status::of(&self.dir)?;
        let run = match status.is_done() && !status.is_worked_on() {
            true => reading(|| StudyRun::<S>::load(&self.dir))?,
            false => reading(|| StudyRun::<S>::view(&self.dir))?,
        };
        FollowedStudy::new(run).collect(output).map(|_| ())
    }
}
