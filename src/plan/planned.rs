//! An ordered list of trials, each once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::data_folder::Opened;
use super::trial::Trial;
use crate::error::Result;

/// A trial with its name and its data.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The trial's name (see [`Trial::id`]).
    pub id: String,
    /// What it belongs to, for display: a configuration's name.
    pub label: String,
    /// What is trained.
    pub trial: Trial,
    /// Whether its weights are kept after scoring.
    pub keep_weights: bool,
    /// The data that it is trained on.
    pub data: Arc<Opened>,
}

/// Trials in the order in which they were added; one that is added twice runs once.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    trials: Vec<Planned>,
    places: BTreeMap<String, usize>,
    requested: usize,
}

impl Plan {
    /// Adds a trial and returns its name. A trial that is already in the plan keeps its place and
    /// label; its weights are kept if either call says so.
    ///
    /// # Errors
    /// As [`Trial::id`].
    pub fn add(
        &mut self,
        label: &str,
        trial: Trial,
        data: &Arc<Opened>,
        keep_weights: bool,
    ) -> Result<String> {
        let keep_weights = keep_weights && trial.kind.has_weights();
        let id = trial.id(&data.digest)?;
        self.requested += 1;
        match self.places.get(&id) {
            Some(&place) => self.trials[place].keep_weights |= keep_weights,
            None => {
                self.places.insert(id.clone(), self.trials.len());
                self.trials.push(Planned {
                    id: id.clone(),
                    label: label.to_owned(),
                    trial,
                    keep_weights,
                    data: Arc::clone(data),
                });
            }
        }
        Ok(id)
    }

    /// The trials, each once.
    pub fn trials(&self) -> &[Planned] {
        &self.trials
    }

    /// Number of added trials that were already in the plan.
    pub fn duplicates(&self) -> usize {
        self.requested - self.trials.len()
    }
}
