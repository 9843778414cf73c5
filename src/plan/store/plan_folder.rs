//! The folder of a plan: what it is, the results of its trials, and who works in it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::events;
use super::events::Event;
use super::list::List;
pub use super::list::{Listed, listed};
use super::trial_files::{TrialFiles, WEIGHTS, remove};
use crate::error::{Error, Result};
use crate::files::atomic_file::{is_temporary, remove_temporary};
use crate::files::folder_lock;
use crate::files::folder_lock::FolderLock;
use crate::kernels::micro::kernel_name;
use crate::plan::planned::Plan;
use crate::plan::result::TrialResult;
use crate::plan::trial::FORMAT_VERSION;
use crate::train::run::PROGRAM;

/// The file that says what a plan is.
pub const DESCRIPTION: &str = "plan.json";

/// What happened to the plan as a whole.
pub const LOG: &str = "log.jsonl";

/// The folder of the final model.
const FINAL: &str = "final";

/// The run folder of the model of all clips, where the folder of a plan holds one.
pub fn final_model(folder: &Path) -> Option<PathBuf> {
    let run = folder.join(FINAL);
    run.join(WEIGHTS).is_file().then_some(run)
}

/// The contents of `plan.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Of this form.
    pub format_version: u32,
    /// Name and version of the program.
    pub program: String,
    /// The command that the folder belongs to.
    pub command: String,
    /// Micro-kernel of the trials; part of their names.
    #[serde(default)]
    pub kernel: String,
    /// The data folder, so that other processes find it.
    #[serde(default)]
    pub data_folder: PathBuf,
    /// What the command was asked for, as it would be asked for again.
    pub settings: Value,
    /// Tables and other results of the whole plan, as paths inside the folder.
    pub written: Vec<PathBuf>,
}

impl Description {
    /// That of the plan in a folder.
    ///
    /// # Errors
    /// [`Error::Data`] if the folder holds no plan; [`Error::Read`]; [`Error::File`] if the file is
    /// another program's.
    pub fn read(folder: &Path) -> Result<Self> {
        let file = folder.join(DESCRIPTION);
        if !file.is_file() {
            let found = match folder.is_dir() {
                true => format!("it holds no {DESCRIPTION}"),
                false => "there is no such folder".to_owned(),
            };
            return Err(Error::Data(format!(
                "{}: expected the folder of cv, sweep, tune, ablate, baseline or repro; {found}",
                folder.display()
            )));
        }
        read(&file)
    }
}

/// How a folder was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// New or empty.
    New,
    /// With the same plan.
    Same,
    /// With another plan of the same command; results that fit are used again.
    Changed,
}

/// A plan's folder. No other process can open it meanwhile.
#[derive(Debug)]
pub struct PlanFolder {
    path: PathBuf,
    files: TrialFiles,
    list: Mutex<List>,
    description: Mutex<Description>,
    /// How it was found.
    pub found: Found,
    /// None of a folder that is only read.
    lock: Option<FolderLock>,
}

impl PlanFolder {
    /// Opens or makes the folder of a command on the data folder `data`. `settings` is what the
    /// command was asked for; with `resume` the folder may hold a plan of the same command.
    ///
    /// # Errors
    /// [`Error::Data`] if the folder holds anything else, or a plan and `resume` is not set, or if
    /// another process works in it; [`Error::Write`].
    pub fn open(
        path: &Path,
        command: &str,
        data: &Path,
        settings: Value,
        resume: bool,
    ) -> Result<Self> {
        let known = known(path, command, resume)?;
        std::fs::create_dir_all(path.join("trials")).map_err(|source| Error::Write {
            path: path.to_owned(),
            source,
        })?;
        let lock = FolderLock::take(path)?;
        let files = TrialFiles::of(path);
        files.move_to_subfolders()?;
        files.remove_temporary()?;
        for folder in [
            "",
            FINAL,
            "final/ensemble",
            "final_uda",
            "final_uda/ensemble",
        ] {
            remove_temporary(&path.join(folder))?;
        }
        let found = match &known {
            None => Found::New,
            Some(known) if known.settings == settings => Found::Same,
            Some(_) => Found::Changed,
        };
        // Tables of another plan must not pass for this one's.
        for file in known.iter().flat_map(|known| &known.written) {
            if found == Found::Changed {
                remove(&path.join(file))?;
            }
        }
        let written = match &known {
            Some(known) if found == Found::Same => known.written.clone(),
            _ => Vec::new(),
        };
        let kernel = kernel_name().map_err(|error| Error::Data(error.to_string()))?;
        let description = Description {
            format_version: FORMAT_VERSION,
            program: PROGRAM.to_owned(),
            command: command.to_owned(),
            kernel: kernel.to_owned(),
            data_folder: data.canonicalize().unwrap_or_else(|_| data.to_owned()),
            settings,
            written,
        };
        let stands = known.as_ref() == Some(&description);
        let folder = Self {
            path: path.to_owned(),
            files,
            list: Mutex::default(),
            description: Mutex::new(description),
            found,
            lock: Some(lock),
        };
        if !stands {
            folder.write_description()?;
        }
        Ok(folder)
    }

    /// Opens the folder of a plan to read the results that are there, whoever works in it: nothing is
    /// locked, nothing is changed.
    ///
    /// # Errors
    /// As [`Description::read`].
    pub fn look(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            files: TrialFiles::of(path),
            list: Mutex::default(),
            description: Mutex::new(Description::read(path)?),
            found: Found::Same,
            lock: None,
        })
    }

    /// Whether the folder is only read.
    pub fn is_read_only(&self) -> bool {
        self.lock.is_none()
    }

    /// Whether [`PlanFolder::open`] would take the folder; reads a little and changes nothing, so a
    /// caller can ask before any work.
    ///
    /// # Errors
    /// [`Error::Data`] as there.
    pub fn check(path: &Path, command: &str, resume: bool) -> Result<()> {
        known(path, command, resume).map(|_| ())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the files of its trials stand.
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

    /// Lists a plan's trials anew, in the plan's order and with its labels; others stay in front.
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

    /// Takes note of the files that the plan as a whole came to; they go when the plan changes.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn wrote(&self, files: &[PathBuf]) -> Result<()> {
        let inside = |file: &PathBuf| file.strip_prefix(&self.path).ok().map(Path::to_owned);
        guard(&self.description).written = files.iter().filter_map(inside).collect();
        self.write_description()
    }

    /// The result of a trial, if it has one.
    ///
    /// # Errors
    /// As [`TrialResult::read`].
    pub(crate) fn read(&self, id: &str) -> Result<Option<TrialResult>> {
        TrialResult::read(&self.files.result(id), id)
    }

    /// Removes what a trial with a result no longer needs.
    pub(crate) fn tidy(&self, id: &str, keep_weights: bool) -> Result<()> {
        match self.is_read_only() {
            true => Ok(()),
            false => self.files.tidy(id, keep_weights),
        }
    }

    /// Takes note of what happens to the plan as a whole.
    pub(crate) fn log(&self, event: Event) -> Result<()> {
        events::add(&self.path.join(LOG), event)
    }

    fn write_description(&self) -> Result<()> {
        let description = guard(&self.description);
        crate::files::atomic_file::write(&self.path.join(DESCRIPTION), |out| {
            serde_json::to_writer_pretty(&mut *out, &*description)?;
            out.write_all(b"\n")
        })
    }
}

/// The plan that stands in a folder, if there is one and the command may go on with it.
fn known(path: &Path, command: &str, resume: bool) -> Result<Option<Description>> {
    let refuse = |reason: String| Err(Error::Data(format!("{}: {reason}", path.display())));
    if let Some(file) = path.ancestors().find(|on_the_way| on_the_way.is_file()) {
        return refuse(format!(
            "{} is a file; expected a new or an empty folder",
            file.display()
        ));
    }
    let file = path.join(DESCRIPTION);
    let known = file.exists().then(|| read(&file)).transpose()?;
    match &known {
        None if holds_anything(path) => {
            return refuse("holds files but no plan (no plan.json); choose another --out".into());
        }
        Some(known) if known.command != command => {
            return refuse(format!(
                "holds a plan of `{}`, not of `{command}`; choose another --out",
                known.command
            ));
        }
        Some(_) if !resume => {
            return refuse(
                "holds a plan already; --resume goes on with it and repeats no finished trial, or choose another --out"
                    .into(),
            );
        }
        _ => {}
    }
    Ok(known)
}

fn read(path: &Path) -> Result<Description> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| Error::File {
        path: path.to_owned(),
        key: None,
        reason: format!("not a plan of this program ({error}); choose another --out"),
    })
}

/// Whether a folder holds anything that a process killed at its very start would not have left.
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
            "trials" => !empty(&entry.path()),
            LOG => entry.metadata().map_or(true, |data| data.len() > 0),
            name => !ours(name),
        }
    })
}

fn guard<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
