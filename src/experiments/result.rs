//! What a trial gives: one JSON file, enough to compute every table again without the weights.

use std::path::Path;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::baseline::BaselineEpoch;
use super::trial::Trial;
use crate::error::{Error, Result};
use crate::eval::align::align;
use crate::eval::metrics::Accuracy;
use crate::train::checkpoint::ChosenThresholds;
use crate::train::history::EpochRecord;
use crate::train::score::MeanLosses;

/// What a model says of some clips, in full precision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClipScores {
    /// Names, in the order of the metadata.
    pub clips: Vec<String>,
    /// One row per clip.
    pub rows: ScoreRows,
}

/// Scores `(clips, classes)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreRows {
    /// Of a model with a presence and a salience output (paper eq. 8).
    Heads {
        /// p, each in [0, 1].
        #[serde(with = "rows")]
        presence: Array2<f64>,
        /// s, rows summing to 1.
        #[serde(with = "rows")]
        salience: Array2<f64>,
    },
    /// Of a model with one distribution per clip.
    Distribution(#[serde(with = "rows")] Array2<f64>),
}

impl ScoreRows {
    /// What is decoded: the heads aligned with α (paper eq. 14), or the distribution as it is.
    ///
    /// # Errors
    /// As [`align`].
    pub fn aligned(&self, alpha: f64) -> Result<Array2<f64>> {
        match self {
            ScoreRows::Heads { presence, salience } => {
                align(presence.view(), salience.view(), alpha)
            }
            ScoreRows::Distribution(rows) => Ok(rows.clone()),
        }
    }
}

/// The result of one trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialResult {
    /// Of this form.
    pub format_version: u32,
    /// The trial's name, that of the file too.
    pub id: String,
    /// Name and version of the program.
    pub program: String,
    /// Micro-kernel of the matrix products.
    pub kernel: String,
    /// Digest of the input files.
    pub data: String,
    /// What was trained.
    pub trial: Trial,
    /// Trainable numbers of the model.
    pub parameters: usize,
    /// Epochs done.
    pub epochs: usize,
    /// The epoch that counts; without a fold the last.
    pub best_epoch: usize,
    /// Why training ended.
    pub stopped: String,
    /// Mean losses on the held-out fold at the best epoch, in nats.
    pub losses: Option<MeanLosses>,
    /// Kullback-Leibler divergence of the scores from the truth there.
    pub kl: Option<f64>,
    /// What decodes the scores.
    pub thresholds: ChosenThresholds,
    /// Official counts on the held-out fold at these thresholds.
    pub accuracy: Option<Accuracy>,
    /// Classes in the order of every row of scores.
    pub classes: Vec<String>,
    /// Scores of the held-out clips.
    pub held_out: Option<ClipScores>,
    /// Scores of the test clips, where there is a test part. No label of it was read.
    pub test: Option<ClipScores>,
    /// All epochs of the fusion model; empty of a baseline.
    pub history: Vec<EpochRecord>,
    /// All epochs of a baseline; absent otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baseline_history: Vec<BaselineEpoch>,
    /// What the user was warned of.
    pub warnings: Vec<String>,
}

impl TrialResult {
    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&self, path: &Path) -> Result<()> {
        crate::atomic::write(path, |out| {
            serde_json::to_writer(&mut *out, self)?;
            std::io::Write::write_all(out, b"\n")
        })
    }

    /// Reads a result; `None` where there is no such file.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::File`] if the file is no result of this name.
    pub fn read(path: &Path, id: &str) -> Result<Option<Self>> {
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
            reason: format!("{reason}; remove the file, and the trial is trained again"),
        };
        let result: Self = serde_json::from_slice(&bytes)
            .map_err(|error| fault(format!("not a result of a trial ({error})")))?;
        if result.id != id {
            return Err(fault(format!("holds the result of trial {}", result.id)));
        }
        Ok(Some(result))
    }
}

/// A matrix as a list of rows.
mod rows {
    use ndarray::Array2;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(rows: &Array2<f64>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(rows.rows().into_iter().map(|row| row.to_vec()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Array2<f64>, D::Error> {
        let rows = Vec::<Vec<f64>>::deserialize(from)?;
        let cols = rows.first().map_or(0, Vec::len);
        let count = rows.len();
        if rows.iter().any(|row| row.len() != cols) {
            return Err(D::Error::custom("rows of different lengths"));
        }
        let values = rows.into_iter().flatten().collect();
        Array2::from_shape_vec((count, cols), values).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn scores_survive_the_file_bit_for_bit() {
        let rows = array![[0.1 + 0.2, 1e-300], [f64::MIN_POSITIVE / 3.0, 1.0 / 3.0]];
        let scores = ClipScores {
            clips: vec!["a".into(), "b".into()],
            rows: ScoreRows::Heads {
                presence: rows.clone(),
                salience: &rows * 0.7,
            },
        };
        let text = serde_json::to_string(&scores).unwrap();
        assert_eq!(serde_json::from_str::<ClipScores>(&text).unwrap(), scores);
        let one = ScoreRows::Distribution(rows.clone());
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<ScoreRows>(&text).unwrap(), one);
        assert_eq!(one.aligned(2.0).unwrap(), rows);
        let ragged = r#"{"distribution": [[1.0], [1.0, 2.0]]}"#;
        assert!(serde_json::from_str::<ScoreRows>(ragged).is_err());
    }

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
