//! Predictions of trained models for the test split: one model, or several whose probabilities are averaged.

use ndarray::Array2;

use crate::artifact::description::ChosenThresholds;
use crate::data::dataset::Dataset;
use crate::data::label::Blend;
use crate::error::{Error, Result};
use crate::eval::metrics::Accuracy;
use crate::eval::probabilities::ProbabilityTable;
use crate::eval::submission::Predictions;
use crate::plan::result::TrialResult;
use crate::plan::trial::TrialKind;
use crate::predict::clip_scores::ScoreRows;

/// Predictions of the test clips.
#[derive(Clone, Debug, PartialEq)]
pub struct TestOutcome {
    /// Scores, clips in the order of the metadata.
    pub table: ProbabilityTable,
    /// How they were decoded.
    pub thresholds: ChosenThresholds,
    /// Decoded.
    pub decided: Vec<Blend>,
    /// Official counts over the clips that have a label; `None` if no clip has one.
    pub accuracy: Option<Accuracy>,
}

impl TestOutcome {
    /// The predictions of one model, or of the mean of the probabilities of several, aligned with the same
    /// exponents. `None` without a test split.
    ///
    /// # Errors
    /// [`Error::Data`] for a result that does not fit the data set; as [`Dataset::test_truths`].
    pub fn of(
        kind: &TrialKind,
        results: &[TrialResult],
        thresholds: ChosenThresholds,
        dataset: &Dataset,
    ) -> Result<Option<Self>> {
        let (Some(test), Some(first)) = (&dataset.test, results.first()) else {
            return Ok(None);
        };
        let names: Vec<String> = test
            .clips
            .iter()
            .map(|clip| clip.filename.clone())
            .collect();
        let mut sum: Option<Array2<f64>> = None;
        for result in results {
            let unfit = || {
                Error::Data(format!(
                    "trial {}: its result does not hold the scores of the test clips; remove its file to train it again",
                    result.id
                ))
            };
            let scores = result.test.as_ref().filter(|scores| scores.clips == names);
            let aligned = scores
                .ok_or_else(unfit)?
                .rows
                .aligned(thresholds.alignment())?;
            match &mut sum {
                None => sum = Some(aligned),
                Some(sum) => *sum += &aligned,
            }
        }
        let Some(sum) = sum else { return Ok(None) };
        let aligned = sum / results.len() as f64;
        let (presence, salience) = match first.test.as_ref().map(|scores| &scores.rows) {
            Some(ScoreRows::Heads { presence, salience }) if results.len() == 1 => {
                (Some(presence.clone()), Some(salience.clone()))
            }
            _ => (None, None),
        };
        let decoder = thresholds.decoder(&kind.decode());
        let decided = decoder.decode(aligned.view(), &dataset.classes)?;
        let truths = dataset.test_truths()?;
        let pairs = truths.iter().zip(&decided);
        let accuracy =
            Accuracy::of(pairs.filter_map(|(truth, decided)| Some((truth.as_ref()?, decided))));
        Ok(Some(Self {
            table: ProbabilityTable {
                filenames: names,
                classes: dataset.classes.clone(),
                presence,
                salience,
                aligned,
            },
            thresholds,
            decided,
            accuracy: (accuracy.clips > 0).then_some(accuracy),
        }))
    }

    /// In the format of the challenge.
    pub fn predictions(&self) -> Predictions {
        let names = self.table.filenames.iter().cloned();
        Predictions {
            clips: names.zip(self.decided.iter().cloned()).collect(),
        }
    }
}
