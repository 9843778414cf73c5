//! The list of a plan's trials: a file with one line each, appended to whenever trials follow from others.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::plan::planned::{Plan, Planned};
use crate::plan::run::memory;

/// The file that lists the trials of a plan, one line each.
pub const LIST: &str = "trials.jsonl";

/// A trial in the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListedTrial {
    /// Its name.
    pub id: String,
    /// The display name of its configuration.
    pub label: String,
    /// The fold held out.
    pub fold: Option<usize>,
    /// The seed.
    pub seed: u64,
    /// Relative upper bound of its duration, without a unit; comparable between the trials of a plan.
    #[serde(default)]
    pub cost: f64,
    /// Its expected memory, in MiB.
    #[serde(default)]
    pub memory_mib: u64,
}

impl ListedTrial {
    /// The entry of a planned trial.
    pub fn of(planned: &Planned) -> Self {
        let demand = memory::demand(&planned.trial.kind, &planned.data);
        Self {
            cost: demand.cost,
            memory_mib: demand.bytes >> 20,
            id: planned.id.clone(),
            label: planned.label.clone(),
            fold: planned.trial.fold,
            seed: planned.trial.seed,
        }
    }
}

impl fmt::Display for ListedTrial {
    /// The display name of the trial: its configuration, fold and seed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fold {
            Some(fold) => write!(f, "{}, fold {fold}, seed {}", self.label, self.seed),
            None => write!(f, "{}, all clips, seed {}", self.label, self.seed),
        }
    }
}

/// The trials that a plan's folder lists so far, without a line that is only partly written.
///
/// # Errors
/// [`Error::Read`].
pub fn listed(folder: &Path) -> Result<Vec<ListedTrial>> {
    let path = folder.join(LIST);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(Error::Read { path, source }),
    }
}

/// The list as written by this process.
#[derive(Debug, Default)]
pub(crate) struct List {
    trials: Vec<ListedTrial>,
    ids: BTreeSet<String>,
    /// How many trials of the plan were looked at.
    seen: usize,
    /// How many of them are in the file; `None` before it is written for the first time.
    written: Option<usize>,
}

impl List {
    /// Adds the trials that are not in it yet. A plan only grows, so that those that it had are known.
    pub(crate) fn add(&mut self, plan: &Plan) {
        let known = self.seen.min(plan.trials().len());
        self.seen = plan.trials().len();
        for planned in &plan.trials()[known..] {
            if self.ids.insert(planned.id.clone()) {
                self.trials.push(ListedTrial::of(planned));
            }
        }
    }

    /// Moves a plan's trials to the end, in the plan's order and with its labels.
    pub(crate) fn put_in_order(&mut self, plan: &Plan) {
        for planned in plan.trials() {
            self.ids.remove(&planned.id);
        }
        let before = self.trials.clone();
        let ids = &self.ids;
        self.trials.retain(|known| ids.contains(&known.id));
        self.seen = 0;
        self.add(plan);
        if self.trials != before {
            self.written = None;
        }
    }

    /// Updates the file: writes it whole the first time, and afterwards appends what is new.
    pub(crate) fn write(&mut self, folder: &Path) -> Result<()> {
        let path = &folder.join(LIST);
        let failed = |source: std::io::Error| Error::Write {
            path: path.to_owned(),
            source,
        };
        let mut lines = Vec::new();
        for trial in &self.trials[self.written.unwrap_or_default()..] {
            serde_json::to_writer(&mut lines, trial).map_err(|error| failed(error.into()))?;
            lines.push(b'\n');
        }
        match self.written {
            None => crate::files::atomic_file::write(path, |out| out.write_all(&lines))?,
            Some(_) if lines.is_empty() => {}
            Some(_) => {
                let file = std::fs::OpenOptions::new().append(true).open(path);
                file.and_then(|mut file| file.write_all(&lines))
                    .map_err(failed)?;
            }
        }
        self.written = Some(self.trials.len());
        Ok(())
    }
}
