//! The result of a trial: one JSON file, from which every table can be computed without the weights.

use std::path::Path;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::trial::Trial;
use crate::artifact::description::ChosenThresholds;
use crate::artifact::fault::TrainingFault;
use crate::artifact::history::EpochRecord;
use crate::baseline::BaselineEpoch;
use crate::config::Monitor;
use crate::error::{Error, Result};
use crate::eval::decoder::Decoder;
use crate::eval::metrics::Accuracy;
use crate::eval::objective::Objective;
use crate::predict::clip_scores::ClipScores;
use crate::predict::score::MeanLosses;

/// The result of one trial; `S` are the scores of clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialResult<S = ClipScores> {
    /// Version of the file's format.
    pub format_version: u32,
    /// The trial's name, which is also the file's.
    pub id: String,
    /// Name and version of the program.
    pub program: String,
    /// Micro-kernel of the matrix products.
    pub kernel: String,
    /// Digest of the input files.
    pub data: String,
    /// What was trained.
    pub trial: Trial,
    /// Number of parameters of the model.
    pub parameters: usize,
    /// Number of epochs.
    pub epochs: usize,
    /// The best epoch; without a fold the last one.
    pub best_epoch: usize,
    /// Why training ended.
    pub stopped: String,
    /// Mean losses on the held-out fold at the best epoch, in nats.
    pub losses: Option<MeanLosses>,
    /// Kullback-Leibler divergence of the scores from the truth at the best epoch.
    pub kl: Option<f64>,
    /// Mean overlap of labels and decoded shares there; absent for tasks that do not follow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<f64>,
    /// How the scores are decoded.
    pub thresholds: ChosenThresholds,
    /// Official counts on the held-out fold at these thresholds.
    pub accuracy: Option<Accuracy>,
    /// Classes in the order of every row of scores.
    pub classes: Vec<String>,
    /// Scores of the held-out clips.
    pub held_out: Option<S>,
    /// Scores of the test clips, if there is a test split. None of its labels was read.
    pub test: Option<S>,
    /// All epochs of the fusion model; empty for a baseline.
    pub history: Vec<EpochRecord>,
    /// All epochs of a baseline; absent otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baseline_history: Vec<BaselineEpoch>,
    /// What is wrong with the training, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<TrainingFault>,
    /// Whether a baseline was still improving at its end; absent otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unconverged: bool,
    /// The warnings for the user.
    pub warnings: Vec<String>,
}

/// The result of a trial without the scores of its clips and the history of its epochs, which are by far
/// the most of it: what a plan of many trials keeps of each.
pub type TrialSummary = TrialResult<IgnoredAny>;

impl<S> TrialResult<S> {
    /// How the trial's scores become emotions.
    pub fn decoder(&self) -> Decoder {
        self.thresholds.decoder(&self.trial.kind.decode())
    }

    /// A measure of the held-out fold at the best epoch; none where it is undefined or was not taken.
    pub fn measure(&self, measure: Monitor) -> Option<f64> {
        match measure {
            Monitor::Auto | Monitor::Average => Some(self.accuracy?.average()),
            Monitor::Presence => self.accuracy?.presence(),
            Monitor::Salience => self.accuracy?.salience(),
            Monitor::Loss => self.losses.map(|losses| losses.task),
            Monitor::Overlap => self.overlap,
            Monitor::Kl => self.kl,
        }
    }

    /// The measure that the trial's thresholds were chosen by, with its name: `average 0.3210`. None
    /// without a held-out fold.
    pub fn headline(&self) -> Option<String> {
        let accuracy = self.accuracy?;
        let measure = match Objective::of(&self.trial.kind.decode()).measure() {
            Monitor::Average if accuracy.salience().is_none() => Monitor::Presence,
            measure => measure,
        };
        let value = self.measure(measure)?;
        Some(format!("{} {value:.4}", measure.name()))
    }

    /// The same without scores and history.
    pub fn into_summary(self) -> TrialSummary {
        TrialResult {
            format_version: self.format_version,
            id: self.id,
            program: self.program,
            kernel: self.kernel,
            data: self.data,
            trial: self.trial,
            parameters: self.parameters,
            epochs: self.epochs,
            best_epoch: self.best_epoch,
            stopped: self.stopped,
            losses: self.losses,
            kl: self.kl,
            overlap: self.overlap,
            thresholds: self.thresholds,
            accuracy: self.accuracy,
            classes: self.classes,
            held_out: None,
            test: None,
            history: Vec::new(),
            baseline_history: Vec::new(),
            fault: self.fault,
            unconverged: self.unconverged,
            warnings: self.warnings,
        }
    }
}

impl TrialResult {
    /// Writes the file atomically.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&self, path: &Path) -> Result<()> {
        crate::files::atomic_file::write(path, |out| {
            serde_json::to_writer(&mut *out, self)?;
            std::io::Write::write_all(out, b"\n")
        })
    }

    /// Reads a result; `None` if there is no such file.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::File`] if the file is not the result of this trial.
    pub fn read(path: &Path, id: &str) -> Result<Option<Self>> {
        read(path, id)
    }

    /// Reads a result without scores and history.
    ///
    /// # Errors
    /// As [`TrialResult::read`].
    pub fn read_summary(path: &Path, id: &str) -> Result<Option<TrialSummary>> {
        let found: Option<TrialSummary> = read(path, id)?;
        Ok(found.map(TrialResult::into_summary))
    }
}

fn read<S: DeserializeOwned>(path: &Path, id: &str) -> Result<Option<TrialResult<S>>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(Error::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    let fault = |reason: String| Error::File {
        path: path.to_owned(),
        key: None,
        reason: format!("{reason}; remove the file to run the trial again"),
    };
    let result: TrialResult<S> = serde_json::from_slice(&bytes)
        .map_err(|error| fault(format!("not a result of a trial ({error})")))?;
    if result.id != id {
        return Err(fault(format!("contains the result of trial {}", result.id)));
    }
    Ok(Some(result))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_trial_is_refused_and_none_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        assert_eq!(TrialResult::read(&path, "x").unwrap(), None);
        std::fs::write(&path, "{}").unwrap();
        let message = TrialResult::read(&path, "x").unwrap_err().to_string();
        assert!(message.contains("x.json: not a result"), "{message}");
    }
}
