//! Flags of the commands that run plans of trials, and their folder.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::common::{ConfigArgs, Threads, at_least_one, quoted};
use super::executor::ExecutorArgs;
use crate::cli::interrupt;
use crate::cli::output::console;
use crate::cli::output::plan_progress::PlanProgress;
use crate::cli::output::progress::working;
use crate::config::Config;
use crate::experiments::Protocol;
use crate::plan::data_folder::Opened;
use crate::plan::store::plan_folder::{Description, Found};
use crate::plan::{DataFolder, Executor, Outcomes, PlanFolder, Scheduler};
use crate::report::Table;
use crate::{Error, Result};

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

/// One of the commands that run a plan of trials.
pub trait PlanCommand {
    /// The flags that it shares with the others.
    fn plan(&mut self) -> &mut PlanArgs;

    /// Runs it.
    ///
    /// # Errors
    /// Those of the library.
    fn run(&self) -> Result<()>;
}

impl PlanArgs {
    /// The flags that go on with the plan in a folder, as it stands there.
    ///
    /// # Errors
    /// [`Error::Data`] if the plan notes another form of configuration.
    pub fn noted(folder: &Path, plan: &Description, json: bool) -> Result<Self> {
        let other = |error: serde_json::Error| {
            Error::Data(format!(
                "{}: the plan is of another version of this program ({error})",
                folder.display()
            ))
        };
        let settings = &plan.settings;
        let config: Config = serde_json::from_value(settings["config"].clone()).map_err(other)?;
        Ok(Self {
            data: plan.data_folder.clone(),
            out: folder.to_owned(),
            config: ConfigArgs::noted(config),
            seeds: serde_json::from_value(settings["seeds"].clone()).map_err(other)?,
            jobs: None,
            threads: Threads::default(),
            executor: ExecutorArgs::default(),
            resume: true,
            json,
        })
    }
}

/// An opened plan.
pub struct Prepared {
    /// The configuration.
    pub config: Config,
    /// The data; opened as the configuration takes them, so that opening them so again costs nothing.
    pub data: DataFolder,
    /// Where results go.
    pub folder: PlanFolder,
}

impl PlanArgs {
    /// Opens data and folder; nothing is trained yet. `asked` is what the command's own flags say.
    ///
    /// # Errors
    /// Those of the library.
    pub fn prepare(&self, command: &str, asked: impl Serialize) -> Result<Prepared> {
        self.prepare_checked(command, asked, |_, _| Ok(()))
    }

    /// The same with a check of the flags against configuration and data, before the folder is made:
    /// what is refused leaves nothing behind.
    ///
    /// # Errors
    /// Those of the library and of the check.
    pub fn prepare_checked(
        &self,
        command: &str,
        asked: impl Serialize,
        check: impl FnOnce(&Config, &Arc<Opened>) -> Result<()>,
    ) -> Result<Prepared> {
        self.threads.build()?;
        let config = self.config.load()?;
        let executor = self.executor.decide(&self.out)?;
        PlanFolder::check(&self.out, command, self.resume)?;
        let data = DataFolder::new(&self.data);
        let spinner = working("reading and checking the data");
        let opened = data.open(&config.data);
        spinner.finish_and_clear();
        let opened = opened?;
        Protocol::of(&opened.dataset, config.train.seed, self.seeds.get())?;
        check(&config, &opened)?;
        let asked = serde_json::to_value(asked)
            .map_err(|error| Error::Data(format!("{command}: {error}")))?;
        let settings = self.settings(&config, &opened.digest, asked);
        let folder = match self.executor.only_looks {
            true => PlanFolder::look(&self.out)?,
            false => PlanFolder::open(&self.out, command, &self.data, settings, self.resume)?,
        };
        match folder.found {
            Found::Changed => console::note(
                "data, configuration or flags differ from the plan in --out: unchanged trials are reused, all others are run",
            ),
            Found::New if self.resume && matches!(executor, Executor::Local) => {
                console::note(&format!(
                    "--resume: there is nothing in {} yet; starting a new plan",
                    self.out.display()
                ))
            }
            Found::New | Found::Same => {}
        }
        Ok(Prepared {
            config,
            data,
            folder,
        })
    }

    fn settings(&self, config: &Config, digest: &str, asked: Value) -> Value {
        json!({
            "data": digest,
            "config": config,
            "seeds": self.seeds,
            "asked": asked,
        })
    }

    /// Takes note of a plan's files and prints its tables, or `value` with `--json`.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn conclude(
        &self,
        folder: &PlanFolder,
        outcomes: &Outcomes,
        files: &[PathBuf],
        value: &mut Value,
        progress: &PlanProgress,
        tables: &[&Table],
    ) -> Result<()> {
        let incomplete = outcomes.unfinished() > 0;
        if self.writes(folder, outcomes) {
            folder.wrote(files)?;
        }
        if self.executor.is_silent() {
            return Ok(());
        }
        if self.json {
            value["incomplete"] = json!(incomplete);
            value["out"] = json!(self.out);
            value["files"] = json!(files);
            progress.add_to(value);
            return console::print_json(value);
        }
        let tables = console::tables(tables);
        if incomplete {
            return console::print(&format!(
                "INCOMPLETE: rows whose trials are not all finished have no values yet.\n\n{tables}"
            ));
        }
        if folder.is_read_only() {
            return console::print(&tables);
        }
        let files = names(files, folder.path());
        let wrote = format!("wrote {}/: {files}", quoted(&self.out));
        console::print(&format!("{tables}\n{wrote}\n"))
    }

    /// Whether the files of the whole plan can be written: nothing partial may look whole.
    pub fn writes(&self, folder: &PlanFolder, outcomes: &Outcomes) -> bool {
        outcomes.unfinished() == 0 && !folder.is_read_only()
    }

    /// What runs the trials.
    pub fn scheduler<'a>(&'a self, folder: &'a PlanFolder, config: &Config) -> Scheduler<'a> {
        let threads = NonZeroUsize::new(rayon::current_num_threads());
        Scheduler {
            folder,
            executor: self.executor.decided(),
            jobs: self.jobs,
            threads: threads.unwrap_or(NonZeroUsize::MIN),
            checkpoint_seconds: config.train.checkpoint_seconds,
            stop: interrupt::heeded(),
        }
    }
}

/// Files as a user finds them: inside the folder by their names alone.
pub fn names(files: &[PathBuf], folder: &Path) -> String {
    let name = |file: &PathBuf| {
        let inside = file.strip_prefix(folder).unwrap_or(file);
        inside.display().to_string()
    };
    files.iter().map(name).collect::<Vec<_>>().join(", ")
}
