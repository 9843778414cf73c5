//! The files of a run folder, and its lock.

use std::path::{Path, PathBuf};

use super::history::{EpochRecord, write_csv, write_json_lines};
use super::manifest::Manifest;
use crate::error::{Error, Occupant, Result};
use crate::files::atomic_file::Durability;
use crate::files::folder_lock::{FolderLock, holds_anything};

/// The name of [`Files::best`].
pub(crate) const BEST: &str = "best.safetensors";

/// The paths of a run's files.
pub(crate) struct Files {
    pub(crate) weights: PathBuf,
    pub(crate) last: PathBuf,
    pub(crate) csv: PathBuf,
    pub(crate) json_lines: PathBuf,
    pub(crate) manifest: PathBuf,
    pub(crate) state: PathBuf,
    /// Folder of the coordinates of a run in the span of its training rows, unless it shares one.
    pub(crate) span: PathBuf,
    /// The best epoch's network over coordinates, until the run ends.
    pub(crate) best: PathBuf,
    /// What the files have to outlast.
    pub(crate) durability: Durability,
    _lock: FolderLock,
}

impl Files {
    pub(crate) fn open(out: &Path, resume: bool, durability: Durability) -> Result<Self> {
        let write_error = |source| Error::Write {
            path: out.to_owned(),
            source,
        };
        let manifest = out.join("manifest.json");
        let check = || {
            let by = match (resume, holds_anything(out)) {
                (_, false) => return Ok(()),
                (_, true) if !manifest.exists() => Occupant::NoRun,
                (true, true) => return Ok(()),
                (false, true) => Occupant::Run,
            };
            let path = out.to_owned();
            Err(Error::Occupied { path, by })
        };
        check()?;
        std::fs::create_dir_all(out).map_err(write_error)?;
        let lock = FolderLock::take(out)?;
        // Another process may have begun, and ended, since.
        check()?;
        crate::files::atomic_file::remove_temporary(out)?;
        Ok(Self {
            weights: out.join("weights.safetensors"),
            last: out.join("last.safetensors"),
            csv: out.join("history.csv"),
            json_lines: out.join("history.jsonl"),
            manifest,
            state: out.join("state.safetensors"),
            span: out.join("span"),
            best: out.join(BEST),
            durability,
            _lock: lock,
        })
    }

    /// Writes both forms of the history, once an epoch has ended.
    pub(crate) fn write_history(&self, records: &[EpochRecord]) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        write_csv(self.durability, &self.csv, records)?;
        write_json_lines(self.durability, &self.json_lines, records)
    }

    /// The manifest of the run that is being resumed, if it had begun.
    pub(crate) fn begun(&self, resume: bool) -> Result<Option<Manifest>> {
        if resume && self.manifest.exists() {
            Manifest::read(&self.manifest).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Removes the coordinates that are the run's own.
    pub(crate) fn remove_span(&self) -> Result<()> {
        match std::fs::remove_dir_all(&self.span) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                let path = self.span.clone();
                Err(Error::Write { path, source })
            }
            _ => Ok(()),
        }
    }

    /// Removes what only a run that goes on needs.
    pub(crate) fn remove_state(&self) -> Result<()> {
        remove(&self.state)?;
        remove(&self.best)
    }

    /// The same, but for the best epoch's network over coordinates, from which scores can be had once more.
    pub(crate) fn remove_state_but_best(&self) -> Result<()> {
        remove(&self.state)
    }
}

/// Removes a file that need not be there.
fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            let path = path.to_owned();
            Err(Error::Write { path, source })
        }
        _ => Ok(()),
    }
}
