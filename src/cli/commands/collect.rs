//! `blendfuse collect`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::ablate::Ablate;
use super::baseline::Baseline;
use super::cv::CrossValidate;
use super::repro::Repro;
use super::sweep::{Sweep, Tune};
use crate::cli::flags::common::Threads;
use crate::cli::flags::executor::ExecutorArgs;
use crate::cli::flags::plan::{PlanArgs, PlanCommand};
use crate::plan::Executor;
use crate::plan::slurm::{Series, Slurm};
use crate::plan::status::Status;
use crate::plan::store::plan_folder::Description;
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
        let plan = Description::read(&self.dir)?;
        let mut flags = PlanArgs::noted(&self.dir, &plan, self.json)?;
        flags.threads = self.threads;
        flags.executor = if self.go_on {
            ExecutorArgs::of(Executor::Slurm(Box::new(Slurm {
                series: Series::read(&self.dir)?,
                continued: true,
            })))
        } else {
            let status = Status::of(&self.dir)?;
            let mut nobody = ExecutorArgs::of(Executor::Nobody);
            nobody.only_looks = !status.is_done() || status.is_worked_on();
            nobody
        };
        command(&self.dir, &plan, flags)?.run()
    }
}

/// The command of a plan with the flags that its folder notes.
fn command(folder: &Path, plan: &Description, flags: PlanArgs) -> Result<Box<dyn PlanCommand>> {
    let asked = plan.settings["asked"].clone();
    let made = match plan.command.as_str() {
        "cv" => of(asked, |asked| CrossValidate::noted(flags, asked)),
        "sweep" => of(asked, |asked| Sweep::noted(flags, asked)),
        "tune" => of(asked, |asked| Tune::noted(flags, asked)),
        "ablate" => of(asked, |asked| Ablate::noted(flags, asked)),
        "baseline" => of(asked, |asked| Baseline::noted(flags, asked)),
        "repro" => of(asked, |asked| Repro::noted(flags, asked)),
        other => Err(format!("no command {other} is known")),
    };
    made.map_err(|reason| {
        Error::Data(format!(
            "{}: the plan is of another version of this program ({reason})",
            folder.display()
        ))
    })
}

fn of<F, C>(asked: Value, make: impl FnOnce(F) -> C) -> Result<Box<dyn PlanCommand>, String>
where
    F: for<'de> serde::Deserialize<'de>,
    C: PlanCommand + 'static,
{
    let asked = serde_json::from_value(asked).map_err(|error| error.to_string())?;
    Ok(Box::new(make(asked)))
}
