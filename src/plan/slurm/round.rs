//! What was submitted to Slurm, as files in the plan's folder `slurm`: one for each round.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The user's options for Slurm, for all rounds until the plan is started again by hand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// When it began, in seconds since 1970; earlier attempts do not count.
    pub since: f64,
    /// The last round before it.
    pub first_round: usize,
    /// Options for `sbatch`, after the program's own.
    pub slurm_args: Vec<String>,
    /// Maximum number of tasks of an array that run at a time.
    pub array_limit: Option<usize>,
    /// How often a trial is retried.
    pub retries: usize,
}

impl Series {
    /// A series that begins now.
    ///
    /// # Errors
    /// As [`last_round`].
    pub fn begin(
        folder: &Path,
        slurm_args: Vec<String>,
        array_limit: Option<usize>,
        retries: usize,
    ) -> Result<Self> {
        Ok(Self {
            since: crate::plan::store::events::now(),
            first_round: last_round(folder)?.map_or(0, |round| round.number),
            slurm_args,
            array_limit,
            retries,
        })
    }

    /// The series in a plan's folder.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::File`].
    pub fn read(folder: &Path) -> Result<Self> {
        read(&place(folder).join("series.json"))
    }

    /// Writes it, creating the folder for all files that concern Slurm.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let path = place(folder);
        std::fs::create_dir_all(&path).map_err(|source| Error::Write {
            path: path.clone(),
            source,
        })?;
        write(&path.join("series.json"), self)
    }
}

/// A job array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Array {
    /// Slurm's number.
    pub job: u64,
    /// Its folder in `slurm`: the task list, the script, the tasks' outputs.
    pub name: String,
    /// Tasks.
    pub tasks: usize,
    /// Trials that they run.
    pub trials: usize,
    /// Cores of a task.
    pub cores: u64,
    /// Memory of a task, in MiB.
    pub mem_mib: u64,
}

/// What one process submitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Counted from 1.
    pub number: usize,
    /// When, in seconds since 1970.
    pub at: f64,
    /// Trials that had results then.
    pub done: usize,
    /// Number of rounds in a row before it in which no trial made progress.
    #[serde(rename = "fruitless")]
    pub idle_rounds: usize,
    /// Its arrays.
    pub arrays: Vec<Array>,
    /// The job that continues the plan after they have ended.
    pub driver: Option<u64>,
}

impl Round {
    /// All its jobs.
    pub fn jobs(&self) -> impl Iterator<Item = u64> {
        self.arrays.iter().map(|array| array.job).chain(self.driver)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        write(&file(folder, self.number), self)
    }
}

/// The folder for all files that concern Slurm.
pub(super) fn place(folder: &Path) -> PathBuf {
    folder.join("slurm")
}

fn file(folder: &Path, number: usize) -> PathBuf {
    place(folder).join(format!("round-{number:04}.json"))
}

/// The last round of a plan; `None` if nothing was submitted.
///
/// # Errors
/// [`Error::Read`], [`Error::File`].
pub fn last_round(folder: &Path) -> Result<Option<Round>> {
    let entries = std::fs::read_dir(place(folder)).into_iter().flatten();
    let number = |name: &str| -> Option<usize> {
        let digits = name.strip_prefix("round-")?.strip_suffix(".json")?;
        digits.parse().ok()
    };
    let last = entries
        .flatten()
        .filter_map(|entry| number(entry.file_name().to_str()?))
        .max();
    last.map(|last| read(&file(folder, last))).transpose()
}

fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    crate::files::atomic_file::write(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        std::io::Write::write_all(out, b"\n")
    })
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| Error::File {
        path: path.to_owned(),
        key: None,
        reason: format!("not a file of this program ({error})"),
    })
}
