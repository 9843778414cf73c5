//! `blendfuse work`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::Result;
use crate::cli::flags::common::Threads;
use crate::cli::interrupt;
use crate::cli::output::console;
use crate::cli::output::numbers::{counted, duration};
use crate::plan::planned::Planned;
use crate::plan::result::TrialResult;
use crate::plan::run::work::{Work as Trials, WorkObserver};
use crate::plan::store::list::ListedTrial;

/// Run trials of a plan by name
///
/// For Slurm, GNU parallel or any other job scheduler, on any machine that sees the plan folder and
/// the data. Trials that have a result are skipped; a stopped trial continues from its saved state.
/// `blendfuse plan` creates the plan and prints these commands.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  blendfuse plan cv DATA --out runs/cv --print
  blendfuse work runs/cv 3f9c1a0b5d2e4786
  blendfuse work runs/cv 3f9c1a0b5d2e4786 77d0c4a1be93f520 --threads 4")]
pub struct Work {
    /// Folder of the plan
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Names of trials in the plan
    #[arg(value_name = "NAME", required = true)]
    trials: Vec<String>,
    /// Data folder, if its path on this machine differs from the one in the plan
    #[arg(long, value_name = "DATA")]
    data: Option<PathBuf>,
    #[command(flatten)]
    threads: Threads,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// A line on stderr for each trial.
struct Lines;

impl WorkObserver for Lines {
    fn begins(&mut self, planned: &Planned) {
        console::progress(&format!("{}  {}", planned.id, ListedTrial::of(planned)));
    }

    fn done_before(&mut self, id: &str) {
        console::progress(&format!("{id}  already has a result"));
    }

    fn finished(&mut self, planned: &Planned, result: &TrialResult, seconds: f64) {
        let score = result.headline();
        let score = score.map_or_else(String::new, |score| format!("{score}, "));
        console::progress(&format!(
            "{}  {score}{}, {}",
            planned.id,
            counted(result.epochs, "epoch"),
            duration(seconds)
        ));
    }

    fn failed(&mut self, id: &str, reason: &str) {
        console::progress(&format!(
            "{id}  FAILED: {}",
            reason.replace(['\n', '\r'], " ")
        ));
    }
}

impl Work {
    /// Trains.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        let trials = Trials {
            folder: &self.dir,
            data: self.data.as_deref(),
            stop: interrupt::stop_on_signal(),
        };
        let trained = trials.run(&self.trials, &mut Lines)?;
        if self.json {
            console::print_json(&json!({ "asked": self.trials.len(), "trained": trained }))?;
        }
        Ok(())
    }
}
