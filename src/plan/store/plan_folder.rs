//! The folder of a plan: its description, the results of its trials, and its lock.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::description::{PlanDescription, Settings};
use super::events;
use super::events::Event;
use super::list::List;
use super::trial_files::{TRIALS, TrialFiles, WEIGHTS, remove};
use super::trial_state::TrialState;
use crate::error::{Error, Occupant, Result};
use crate::files::atomic_file::{is_temporary, remove_temporary};
use crate::files::folder_lock;
use crate::files::folder_lock::FolderLock;
use crate::kernels::micro::kernel_name;
use crate::plan::planned::Plan;
use crate::plan::result::{TrialResult, TrialSummary};
use crate::plan::trial::FORMAT_VERSION;
use crate::train::run::PROGRAM;

/// The event log of the plan as a whole.
pub const LOG: &str = "log.jsonl";

/// The folder of the final model.
const FINAL: &str = "final";

/// The run folder of the model trained on all clips, if the folder of a plan contains one.
pub fn final_model(folder: &Path) -> Option<PathBuf> {
    let run = folder.join(FINAL);
    run.join(WEIGHTS).is_file().then_some(run)
}

/// The state of a folder when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderState {
    /// New or empty.
    New,
    /// It contained the same plan.
    Same,
    /// It contained another plan of the same command; results that fit are reused.
    Changed,
}

/// A plan's folder, locked against other processes.
#[derive(Debug)]
pub struct PlanFolder {
    path: PathBuf,
    files: TrialFiles,
    list: Mutex<List>,
    description: Mutex<PlanDescription>,
    /// Its state when it was opened.
    pub state: FolderState,
    /// `None` for a folder that is only read.
    lock: Option<FolderLock>,
}

impl PlanFolder {
    /// Opens or creates the folder of a command on the data folder `data`. `settings` determine the
    /// trials; with `resume` the folder may already contain a plan of the same command.
    ///
    /// # Errors
    /// [`Error::Occupied`] if the folder contains anything else, or a plan and `resume` is not set;
    /// [`Error::InUse`] if another process is using it; [`Error::Write`].
    pub fn open<S: Serialize + DeserializeOwned>(
        path: &Path,
        command: &str,
        data: &Path,
        settings: &Settings<S>,
        resume: bool,
    ) -> Result<Self> {
        let known = known(path, command, resume)?;
        let state = match &known {
            None => FolderState::New,
            Some(known) if settings.are_of(&known.settings) => FolderState::Same,
            Some(_) => FolderState::Changed,
        };
        std::fs::create_dir_all(path.join(TRIALS)).map_err(|source| Error::Write {
            path: path.to_owned(),
            source,
        })?;
        let lock = FolderLock::take(path)?;
        let files = TrialFiles::of(path);
        files.move_to_subfolders()?;
        remove_leftovers(path, &files)?;
        let mut written = known
            .as_ref()
            .map_or_else(Vec::new, |known| known.written.clone());
        if state == FolderState::Changed {
            // Tables of another plan must not be mistaken for this one's.
            for file in written.drain(..) {
                remove(&path.join(file))?;
            }
        }
        let kernel = kernel_name().map_err(|error| Error::Data(error.to_string()))?;
        let description = PlanDescription {
            format_version: FORMAT_VERSION,
            program: PROGRAM.to_owned(),
            command: command.to_owned(),
            kernel: kernel.to_owned(),
            data_folder: data.canonicalize().unwrap_or_else(|_| data.to_owned()),
            settings: settings.untyped()?,
            written,
        };
        if known.as_ref() != Some(&description) {
            description.write(path)?;
        }
        Ok(Self {
            path: path.to_owned(),
            files,
            list: Mutex::default(),
            description: Mutex::new(description),
            state,
            lock: Some(lock),
        })
    }

    /// Opens the folder of a plan only to read its results, even while another process is using it:
    /// nothing is locked or changed.
    ///
    /// # Errors
    /// As `PlanDescription::read`.
    pub fn view(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            files: TrialFiles::of(path),
            list: Mutex::default(),
            description: Mutex::new(PlanDescription::read(path)?),
            state: FolderState::Same,
            lock: None,
        })
    }

    /// Whether the folder was opened only for reading.
    pub fn is_read_only(&self) -> bool {
        self.lock.is_none()
    }

    /// Refuses a folder that was opened only for reading.
    ///
    /// # Errors
    /// [`Error::Data`].
    pub(crate) fn check_writable(&self) -> Result<()> {
        match self.is_read_only() {
            false => Ok(()),
            true => Err(Error::Data(format!(
                "{}: was opened to be read only; load the study to work on it",
                self.path.display()
            ))),
        }
    }

    /// Checks whether [`PlanFolder::open`] would accept the folder, without changing anything, so that a
    /// caller can fail before any work.
    ///
    /// # Errors
    /// [`Error::Occupied`].
    pub fn check(path: &Path, command: &str, resume: bool) -> Result<()> {
        known(path, command, resume).map(|_| ())
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The paths of its trials.
    pub fn files(&self) -> &TrialFiles {
        &self.files
    }

    /// The run folder of a trial.
    pub fn run(&self, id: &str) -> PathBuf {
        self.files.run(id)
    }

    /// Adds a plan's trials to the list.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn list(&self, plan: &Plan) -> Result<()> {
        if self.is_read_only() {
            return Ok(());
        }
        let mut list = guard(&self.list);
        list.add(plan);
        list.write(&self.path)
    }

    /// Moves a plan's trials to the end of the list, in the plan's order and with its labels.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn list_in_order(&self, plan: &Plan) -> Result<()> {
        if self.is_read_only() {
            return Ok(());
        }
        let mut list = guard(&self.list);
        list.put_in_order(plan);
        list.write(&self.path)
    }

    /// Records the files of the plan as a whole; they are removed when the plan changes.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn wrote(&self, files: &[PathBuf]) -> Result<()> {
        let inside = |file: &PathBuf| file.strip_prefix(&self.path).ok().map(Path::to_owned);
        let mut description = guard(&self.description);
        description.written = files.iter().filter_map(inside).collect();
        description.write(&self.path)
    }

    /// The result of a trial without its scores, if it has one.
    ///
    /// # Errors
    /// As [`TrialResult::read_summary`].
    pub(crate) fn read(&self, id: &str) -> Result<Option<TrialSummary>> {
        TrialResult::read_summary(&self.files.result(id), id)
    }

    /// Removes the spans that the trials shared.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn remove_spans(&self) -> Result<()> {
        self.files.remove_spans()
    }

    /// Removes what a trial with a result no longer needs.
    pub(crate) fn tidy(&self, id: &str, keep_weights: bool) -> Result<()> {
        match self.is_read_only() {
            true => Ok(()),
            false => self.files.tidy(id, keep_weights),
        }
    }

    /// Records what happens to the plan as a whole.
    pub(crate) fn log(&self, event: Event) -> Result<()> {
        events::add(&self.path.join(LOG), event)
    }

    /// Seconds between saved states of a trial.
    pub(crate) fn checkpoint_seconds(&self) -> f64 {
        guard(&self.description)
            .settings
            .config
            .train
            .checkpoint_seconds
    }
}

/// The plan in a folder, if there is one and the command may continue it.
fn known(path: &Path, command: &str, resume: bool) -> Result<Option<PlanDescription>> {
    let refuse = |by: Occupant| {
        Err(Error::Occupied {
            path: path.to_owned(),
            by,
        })
    };
    if let Some(file) = path.ancestors().find(|ancestor| ancestor.is_file()) {
        return refuse(Occupant::File(file.to_owned()));
    }
    let known = PlanDescription::read_if_any(path)?;
    match &known {
        None if holds_anything(path) => {
            return refuse(Occupant::NoPlan);
        }
        Some(known) if known.command != command => {
            return refuse(Occupant::PlanOf {
                found: known.command.clone(),
                expected: command.to_owned(),
            });
        }
        Some(_) if !resume => {
            return refuse(Occupant::Plan);
        }
        _ => {}
    }
    Ok(known)
}

/// Removes what killed processes left unfinished, except for trials that another process is running.
fn remove_leftovers(path: &Path, files: &TrialFiles) -> Result<()> {
    let mut in_use = BTreeSet::new();
    for id in files.specified() {
        if let TrialState::Running { .. } = TrialState::from_log(files, &id)? {
            in_use.insert(files.shard(&id));
        }
    }
    remove_temporary(files.root())?;
    for shard in files.shards().filter(|shard| !in_use.contains(shard)) {
        remove_temporary(&shard)?;
    }
    for folder in [
        "",
        FINAL,
        "final/ensemble",
        "final_uda",
        "final_uda/ensemble",
    ] {
        remove_temporary(&path.join(folder))?;
    }
    Ok(())
}

/// Whether a folder contains anything beyond what a process killed at its very start leaves.
fn holds_anything(folder: &Path) -> bool {
    let ours = |name: &str| name == folder_lock::NAME || is_temporary(name);
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let empty = |path: &Path| std::fs::read_dir(path).is_ok_and(|mut all| all.next().is_none());
        match name.as_ref() {
            TRIALS => !empty(&entry.path()),
            LOG => entry.metadata().map_or(true, |data| data.len() > 0),
            name => !ours(name),
        }
    })
}

fn guard<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
