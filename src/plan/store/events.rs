//! Event logs of a plan and of each of its trials: files with one JSON object per line, append-only.
//! Only the process that runs a trial writes the trial's log.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A process starts to run a plan.
    Plan {
        /// Trials of the plan.
        trials: usize,
        /// Those that already have results.
        reused: usize,
        /// Trials in parallel.
        jobs: usize,
    },
    /// A trial starts, or resumes from its saved state.
    Begun {
        /// The trial.
        trial: String,
        /// Its label.
        label: String,
        /// Threads that it uses.
        threads: usize,
        /// The machine.
        host: String,
        /// The process.
        pid: u32,
    },
    /// A trial's result is on disk.
    Finished {
        /// The trial.
        trial: String,
        /// Seconds since it started or was last resumed.
        seconds: f64,
        /// The most memory that the process has held so far, in MiB.
        peak_mib: Option<u64>,
        /// Whether no other trial ran in the process, so that the memory was this one's.
        #[serde(default)]
        alone: bool,
    },
    /// A trial was stopped; it can be resumed from its saved state.
    Interrupted {
        /// The trial.
        trial: String,
    },
    /// A trial failed.
    Failed {
        /// The trial.
        trial: String,
        /// Why.
        reason: String,
        /// Whether the failure may be temporary, such as a full disk.
        #[serde(default)]
        may_pass: bool,
    },
}

/// An event with its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Seconds since 1970.
    pub at: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Now, in seconds since 1970.
pub(crate) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// Appends a line in one write, so that a kill leaves no partial line.
///
/// # Errors
/// [`Error::Write`].
pub(crate) fn add(path: &Path, event: Event) -> Result<()> {
    let failed = |source: std::io::Error| Error::Write {
        path: path.to_owned(),
        source,
    };
    let line = Line { at: now(), event };
    let mut text = serde_json::to_string(&line).map_err(|error| failed(error.into()))?;
    text.push('\n');
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(failed)
}

/// All lines of a log; empty if there is no file. A line that was only partly written when a machine
/// went down is skipped.
///
/// # Errors
/// [`Error::Read`].
pub fn read(path: &Path) -> Result<Vec<Line>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(Error::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// The name of this machine; empty if the system does not report it.
pub(crate) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| String::new(), |name| name.trim().to_owned())
}
