//! The names and paths of the files of a plan's trials: `trials/AB/ID.json` and its neighbours. Every
//! trial has its own files, so trials of one plan can run in any number of processes and on any number
//! of machines that share the folder.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::artifact::run_dir::BEST;
use crate::error::{Error, Result};
use crate::files::atomic_file::remove_temporary;
use crate::files::folder_lock;
use crate::plan::trial::is_id;

/// Files of a run that are needed only until the trial has its result.
const DISPOSABLE: [&str; 4] = [
    "last.safetensors",
    "state.safetensors",
    BEST,
    folder_lock::NAME,
];

/// The folder of the spans of a plan.
const SPANS: &str = "spans";

/// The suffix of the name of a trial's specification.
const SPEC: &str = ".order.json";

/// The file that contains a run's model.
pub(super) const WEIGHTS: &str = "weights.safetensors";

/// The folder of a plan that has its trials.
pub(super) const TRIALS: &str = "trials";

/// The folder `trials` of a plan. Its subfolders are named by the first two digits of the trials' names,
/// so that each has about 1/256 of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialFiles {
    root: PathBuf,
}

impl TrialFiles {
    /// The files of the plan in this folder.
    pub fn of(plan: &Path) -> Self {
        Self {
            root: plan.join(TRIALS),
        }
    }

    /// The folder of all of them.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The subfolder of a trial.
    pub(super) fn shard(&self, id: &str) -> PathBuf {
        self.root.join(id.get(..2).unwrap_or(id))
    }

    /// The run folder of a trial: during training, and afterwards if its weights are kept.
    pub fn run(&self, id: &str) -> PathBuf {
        self.shard(id).join(id)
    }

    /// The folder of the spans that trials share, beside their own.
    pub fn spans(&self) -> PathBuf {
        self.root.with_file_name(SPANS)
    }

    /// Removes the spans.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn remove_spans(&self) -> Result<()> {
        match std::fs::remove_dir_all(self.spans()) {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(Error::Write {
                path: self.spans(),
                source,
            }),
            _ => Ok(()),
        }
    }

    /// The result of a trial.
    pub fn result(&self, id: &str) -> PathBuf {
        self.shard(id).join(format!("{id}.json"))
    }

    /// Whether the weights of a trial's model are there.
    pub fn has_weights(&self, id: &str) -> bool {
        self.run(id).join(WEIGHTS).is_file()
    }

    /// The event log of a trial.
    pub fn log(&self, id: &str) -> PathBuf {
        self.shard(id).join(format!("{id}.log.jsonl"))
    }

    /// The specification of a trial that waits for a process to run it; removed once the trial has its
    /// result. The suffix `.order.json` is kept from the first version.
    pub fn spec(&self, id: &str) -> PathBuf {
        self.shard(id).join(format!("{id}{SPEC}"))
    }

    /// The trials that have a specification, in no particular order.
    pub(super) fn specified(&self) -> impl Iterator<Item = String> {
        self.ids_of(SPEC)
    }

    /// Creates the subfolder of a trial.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn make_room(&self, id: &str) -> Result<()> {
        let path = self.shard(id);
        std::fs::create_dir_all(&path).map_err(|source| Error::Write { path, source })
    }

    /// Removes what a trial with a result no longer needs.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn tidy(&self, id: &str, keep_weights: bool) -> Result<()> {
        remove(&self.spec(id))?;
        let run = self.run(id);
        if !run.exists() {
            return Ok(());
        }
        if !keep_weights {
            return std::fs::remove_dir_all(&run)
                .map_err(|source| Error::Write { path: run, source });
        }
        remove_temporary(&run)?;
        DISPOSABLE
            .iter()
            .try_for_each(|name| remove(&run.join(name)))
    }

    /// Moves the files of an earlier version, which wrote them all into one folder, to their places.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn move_to_subfolders(&self) -> Result<()> {
        for path in entries(&self.root) {
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(id) = name.map(|name| name.strip_suffix(".json").unwrap_or(name)) else {
                continue;
            };
            if !is_id(id) {
                continue;
            }
            self.make_room(id)?;
            let to = match path.is_dir() {
                true => self.run(id),
                false => self.result(id),
            };
            std::fs::rename(&path, &to).map_err(|source| Error::Write { path: to, source })?;
        }
        Ok(())
    }

    /// The trials that have a result, in no particular order; only file names are read.
    pub fn finished(&self) -> impl Iterator<Item = String> {
        self.ids_of(".json")
    }

    /// The run folders that contain a model, in no particular order.
    pub fn models(&self) -> impl Iterator<Item = PathBuf> {
        // An earlier version wrote all of them into one folder.
        let folders = self.shards().flat_map(|shard| entries(&shard));
        let runs = folders.chain(entries(&self.root)).filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(is_id)
        });
        runs.filter(|run| run.join(WEIGHTS).is_file())
    }

    /// The subfolders.
    pub(super) fn shards(&self) -> impl Iterator<Item = PathBuf> {
        entries(&self.root).into_iter().filter(|path| path.is_dir())
    }

    /// The trials that have a file with this suffix.
    fn ids_of(&self, ending: &'static str) -> impl Iterator<Item = String> {
        self.shards().flat_map(move |shard| {
            entries(&shard).into_iter().filter_map(move |path| {
                let id = path.file_name()?.to_str()?.strip_suffix(ending)?;
                is_id(id).then(|| id.to_owned())
            })
        })
    }
}

/// The entries of a folder; empty if it cannot be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Removes a file if it exists.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(Error::Write {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_an_earlier_version_move_to_their_places() {
        let plan = tempfile::tempdir().unwrap();
        let files = TrialFiles::of(plan.path());
        let id = "0123456789abcdef";
        std::fs::create_dir_all(files.root().join(id)).unwrap();
        std::fs::write(files.root().join(id).join("weights.safetensors"), "w").unwrap();
        std::fs::write(files.root().join(format!("{id}.json")), "{}").unwrap();
        std::fs::write(files.root().join("notes.json"), "mine").unwrap();
        for _ in 0..2 {
            files.move_to_subfolders().unwrap();
            assert!(files.run(id).join("weights.safetensors").is_file());
            assert_eq!(files.finished().collect::<Vec<_>>(), [id]);
            assert!(files.root().join("notes.json").is_file());
        }
        assert_eq!(
            files.result(id),
            files.root().join("01").join(format!("{id}.json"))
        );
    }
}
