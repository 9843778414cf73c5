//! The folder of a plan: what it is, the results of its trials, and who works in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::log::{Event, Log};
use super::plan::{Plan, Planned};
use super::result::TrialResult;
use super::trial::FORMAT_VERSION;
use crate::atomic::{is_temporary, remove_temporary};
use crate::error::{Error, Result};
use crate::lock::{self, FolderLock};
use crate::train::run::PROGRAM;

/// Files of a run that only its continuation needs.
const NEEDLESS: [&str; 3] = ["last.safetensors", "state.safetensors", lock::NAME];

/// The contents of `plan.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Description {
    format_version: u32,
    program: String,
    /// The command that the folder belongs to.
    command: String,
    /// What the command was asked for, as it would be asked for again.
    settings: Value,
    /// The trials so far, each once.
    trials: Vec<Listed>,
    /// Tables and other results of the whole plan, as paths inside the folder.
    written: Vec<PathBuf>,
}

/// A trial as `plan.json` lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Listed {
    id: String,
    label: String,
    fold: Option<usize>,
    seed: u64,
}

impl Listed {
    fn of(planned: &Planned) -> Self {
        Self {
            id: planned.id.clone(),
            label: planned.label.clone(),
            fold: planned.trial.fold,
            seed: planned.trial.seed,
        }
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
    log: Log,
    description: std::sync::Mutex<Description>,
    /// How it was found.
    pub found: Found,
    _lock: FolderLock,
}

impl PlanFolder {
    /// Opens or makes the folder of a command. `settings` is what the command was asked for; with
    /// `resume` the folder may hold a plan of the same command.
    ///
    /// # Errors
    /// [`Error::Data`] if the folder holds anything else, or a plan and `resume` is not set, or if
    /// another process works in it; [`Error::Write`].
    pub fn open(path: &Path, command: &str, settings: Value, resume: bool) -> Result<Self> {
        let known = known(path, command, resume)?;
        std::fs::create_dir_all(path.join("trials")).map_err(|source| Error::Write {
            path: path.to_owned(),
            source,
        })?;
        let lock = FolderLock::take(path)?;
        for folder in [
            "",
            "trials",
            "final",
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
        let written = match known {
            Some(known) if found == Found::Same => known.written,
            _ => Vec::new(),
        };
        let folder = Self {
            path: path.to_owned(),
            log: Log::open(&path.join("log.jsonl"))?,
            description: std::sync::Mutex::new(Description {
                format_version: FORMAT_VERSION,
                program: PROGRAM.to_owned(),
                command: command.to_owned(),
                settings,
                trials: Vec::new(),
                written,
            }),
            found,
            _lock: lock,
        };
        if found != Found::Same {
            folder.write_description()?;
        }
        Ok(folder)
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

    /// The run folder of a trial: while it trains, and afterwards where its weights are kept.
    pub fn run(&self, id: &str) -> PathBuf {
        self.path.join("trials").join(id)
    }

    /// The result file of a trial.
    pub fn result(&self, id: &str) -> PathBuf {
        self.path.join("trials").join(format!("{id}.json"))
    }

    /// Adds a plan's trials to `plan.json`.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(super) fn list(&self, plan: &Plan) -> Result<()> {
        {
            let mut description = self.description();
            for planned in plan.trials() {
                let mut known = description.trials.iter();
                if !known.any(|known| known.id == planned.id) {
                    description.trials.push(Listed::of(planned));
                }
            }
        }
        self.write_description()
    }

    /// Lists a plan's trials anew, in the plan's order and with its labels; others stay in front.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(super) fn list_in_order(&self, plan: &Plan) -> Result<()> {
        let ids: BTreeSet<&str> = plan.trials().iter().map(|p| p.id.as_str()).collect();
        self.description()
            .trials
            .retain(|known| !ids.contains(known.id.as_str()));
        self.list(plan)
    }

    /// Takes note of the files that the plan as a whole came to; they go when the plan changes.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn wrote(&self, files: &[PathBuf]) -> Result<()> {
        let inside = |file: &PathBuf| file.strip_prefix(&self.path).ok().map(Path::to_owned);
        self.description().written = files.iter().filter_map(inside).collect();
        self.write_description()
    }

    /// The result of a trial, if it has one.
    ///
    /// # Errors
    /// As [`TrialResult::read`].
    pub(super) fn read(&self, id: &str) -> Result<Option<TrialResult>> {
        TrialResult::read(&self.result(id), id)
    }

    /// Removes what a trial with a result no longer needs of its run folder.
    pub(super) fn tidy(&self, id: &str, keep_weights: bool) -> Result<()> {
        let run = self.run(id);
        if !run.exists() {
            return Ok(());
        }
        if !keep_weights {
            return std::fs::remove_dir_all(&run)
                .map_err(|source| Error::Write { path: run, source });
        }
        remove_temporary(&run)?;
        NEEDLESS.iter().try_for_each(|name| remove(&run.join(name)))
    }

    pub(super) fn log(&self, event: Event<'_>) -> Result<()> {
        self.log.add(event)
    }

    fn description(&self) -> std::sync::MutexGuard<'_, Description> {
        self.description
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write_description(&self) -> Result<()> {
        let description = self.description();
        crate::atomic::write(&self.path.join("plan.json"), |out| {
            serde_json::to_writer_pretty(&mut *out, &*description)?;
            std::io::Write::write_all(out, b"\n")
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
    let file = path.join("plan.json");
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
    let ours = |name: &str| name == lock::NAME || is_temporary(name);
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let empty = |path: &Path| std::fs::read_dir(path).is_ok_and(|mut all| all.next().is_none());
        match name.as_ref() {
            "trials" => !empty(&entry.path()),
            "log.jsonl" => entry.metadata().map_or(true, |data| data.len() > 0),
            name => !ours(name),
        }
    })
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::Write {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}
