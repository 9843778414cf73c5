//! Flags of the commands that run plans of trials, and their folder.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::common::{ConfigArgs, Threads, as_flag, at_least_one};
use super::executor::{Executor, ExecutorArgs};
use crate::Result;
use crate::cli::interrupt;
use crate::cli::output::console;
use crate::cli::output::new_folds;
use crate::cli::output::progress::reading;
use crate::cli::output::remedy::in_flags;
use crate::cli::study::{FollowedStudy, Output};
use crate::experiments::{Setup, StudyRun};
use crate::plan::store::plan_folder::FolderState;
use crate::plan::{PlanFolder, Workers};
use crate::report::StudyReport;

/// What every plan needs.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Data folder: train_metadata.csv with folds, features/train/NAME.npz, … (docs/formats.md)
    pub data: PathBuf,
    /// Folder for the results; created if needed, must contain nothing else
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Number of seeds: train everything with SEED, SEED+1, …
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub seeds: NonZeroUsize,
    /// Trials to run in parallel [default: as many as cores and memory allow]; does not affect
    /// results
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    pub threads: Threads,
    /// Resume the plan in --out: finished trials are kept, unless their data or configuration
    /// changed
    #[arg(long)]
    pub resume: bool,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub executor: ExecutorArgs,
}

impl PlanArgs {
    /// Runs a study as the flags say. Returns the files that it wrote; `None` if the work continues elsewhere.
    ///
    /// # Errors
    /// Those of the library.
    pub fn run<S: StudyReport>(&self, study: S) -> Result<Option<Vec<PathBuf>>> {
        let executor = self.executor.decide(&self.out)?;
        let run = self.open(study, self.resume)?;
        let begins = run.folder().state == FolderState::New;
        if begins && self.resume && matches!(executor, Executor::Local) {
            console::note(&format!(
                "--resume: there is nothing in {} yet; starting a new plan",
                self.out.display()
            ));
        }
        let mut followed = FollowedStudy::new(run);
        let output = Output::of(self.json);
        match executor {
            Executor::Local => followed.run(&self.workers(), output).map(Some),
            Executor::Slurm(slurm) => followed.submit(&slurm, output),
        }
    }

    /// Opens data and folder. Nothing is trained yet, and what is refused leaves nothing behind.
    ///
    /// # Errors
    /// Those of the library.
    pub fn open<S: StudyReport>(&self, study: S, resume: bool) -> Result<StudyRun<S>> {
        self.threads.build()?;
        let config = self.config.load()?;
        PlanFolder::check(&self.out, S::NAME, resume)?;
        let setup = reading(|| Setup::open(&self.data, config, self.seeds))?;
        let run = match resume {
            true => StudyRun::resume(&self.out, study, setup),
            false => StudyRun::create(&self.out, study, setup),
        };
        let run = run.map_err(|error| as_flag("baseline", error))?;
        let dataset = &run.setup().data.dataset;
        for note in dataset.notes() {
            console::warning(&in_flags(&note));
        }
        if let Some(path) = new_folds::write(dataset, &self.out)? {
            console::note(&new_folds::text(dataset, &path));
        }
        if run.folder().state == FolderState::Changed {
            console::note(
                "data, configuration or flags differ from the plan in --out: unchanged trials are reused, all others are run",
            );
        }
        Ok(run)
    }

    /// What runs trials in this process.
    pub fn workers(&self) -> Workers {
        Workers {
            jobs: self.jobs,
            stop: interrupt::stop_on_signal(),
            ..Workers::default()
        }
    }
}
