//! What happened to a plan's trials and when, one JSON object a line; only ever appended to.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::error::{Error, Result};

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    /// A process begins to work on a plan of so many trials.
    Plan {
        trials: usize,
        reused: usize,
        jobs: usize,
    },
    /// A trial begins, or goes on from its saved state.
    Begun {
        trial: &'a str,
        label: &'a str,
        threads: usize,
    },
    /// A trial's result is on disk.
    Finished {
        trial: &'a str,
        seconds: f64,
        /// The most memory that the process has held so far, in MiB.
        peak_mib: Option<u64>,
    },
    /// A trial was asked to stop; it goes on from its saved state.
    Interrupted { trial: &'a str },
    /// A trial failed.
    Failed { trial: &'a str, reason: &'a str },
}

/// The file.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
}

#[derive(Serialize)]
struct Line<'a> {
    at: f64,
    #[serde(flatten)]
    event: Event<'a>,
}

impl Log {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Ok(Self {
            path: path.to_owned(),
            file: file.map_err(|source| Error::Write {
                path: path.to_owned(),
                source,
            })?,
        })
    }

    /// Appends a line in one write, so that no kill leaves a part of one.
    pub(super) fn add(&self, event: Event<'_>) -> Result<()> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let line = Line {
            at: since.map_or(0.0, |since| since.as_secs_f64()),
            event,
        };
        let failed = |source: std::io::Error| Error::Write {
            path: self.path.clone(),
            source,
        };
        let mut text = serde_json::to_string(&line).map_err(|error| failed(error.into()))?;
        text.push('\n');
        (&self.file).write_all(text.as_bytes()).map_err(failed)
    }
}
