//! The progress of a trial, from its log and its files.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::events;
use super::events::Event;
use super::trial_files::TrialFiles;
use crate::error::Result;

/// Time without any writing after which a process on another machine counts as gone.
const STALE_AFTER: Duration = Duration::from_secs(15 * 60);

/// The progress of a trial without a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TrialState {
    /// It has not started.
    Waiting,
    /// A process trains it.
    Running {
        /// The machine.
        host: String,
    },
    /// It was started and stopped, and can be resumed from its saved state.
    Stopped,
    /// It failed.
    Failed {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for TrialState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrialState::Waiting => f.write_str("not started"),
            TrialState::Running { .. } => f.write_str("running"),
            TrialState::Stopped => f.write_str("started and stopped"),
            TrialState::Failed { reason } => write!(f, "failed ({reason})"),
        }
    }
}

impl TrialState {
    /// Of a trial without a result, by its log.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read).
    pub fn from_log(files: &TrialFiles, id: &str) -> Result<Self> {
        let last = events::read(&files.log(id))?.pop();
        Ok(match last.map(|line| line.event) {
            None | Some(Event::Finished { .. } | Event::Plan { .. }) => TrialState::Waiting,
            Some(Event::Interrupted { .. }) => TrialState::Stopped,
            Some(Event::Failed { reason, .. }) => TrialState::Failed { reason },
            Some(Event::Begun { host, pid, .. }) => {
                let alive = match host == events::host() {
                    true => is_alive(pid),
                    false => recently_active(files, id),
                };
                match alive {
                    true => TrialState::Running { host },
                    false => TrialState::Stopped,
                }
            }
        })
    }
}

/// Whether a process of this program has this ID on this machine.
fn is_alive(pid: u32) -> bool {
    let name = |process: &str| std::fs::read_to_string(format!("/proc/{process}/comm")).ok();
    let found = name(&pid.to_string());
    found.is_some() && found == name("self")
}

/// Whether anything of a trial was written recently.
fn recently_active(files: &TrialFiles, id: &str) -> bool {
    let run = files.run(id);
    let written = [files.log(id), run.join("history.jsonl"), run];
    let fresh = |time: SystemTime| time.elapsed().map_or(true, |age| age < STALE_AFTER);
    written.iter().any(|path| {
        path.metadata()
            .and_then(|data| data.modified())
            .is_ok_and(fresh)
    })
}
