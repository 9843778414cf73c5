//! The trivial baselines: one answer for every clip, as the challenge's `trivial_baseline.py` has them.

use ndarray::Array2;

use super::{Baseline, BaselineOutcome, BaselineSpec};
use crate::artifact::description::ChosenThresholds;
use crate::data::dataset::{Dataset, Split};
use crate::data::label::Blend;
use crate::error::{Error, Result};
use crate::eval::align::USUAL_ALPHA;
use crate::eval::frequency::Frequencies;
use crate::eval::metrics::{Accuracy, presence_correct, salience_correct};
use crate::predict::clip_scores::{ClipScores, ScoreRows};

/// Small enough that any share survives, and that only equal shares are 50/50.
const THRESHOLD: f64 = 0.05;

/// What is always answered.
pub struct Answer {
    /// Scored by ACC_presence.
    presence: Blend,
    /// Scored by ACC_salience, and what the predictions say.
    salience: Blend,
    warnings: Vec<String>,
}

impl BaselineSpec {
    /// The answer that a trivial baseline learns from training clips; none of the others. Equally
    /// frequent answers: the one seen first.
    pub(super) fn trivial_answer(
        &self,
        dataset: &Dataset,
        train: &[usize],
    ) -> Result<Option<Answer>> {
        let truths = train
            .iter()
            .filter_map(|&clip| dataset.train.clips[clip].truth.as_ref());
        let found = Frequencies::of(truths);
        let first = |list: &[(Blend, usize)], parts: usize, what: &str| {
            let mut fitting = list
                .iter()
                .filter(|(label, _)| label.parts().len() == parts);
            fitting.next().map(|(label, _)| label.clone()).ok_or_else(|| {
                Error::Data(format!(
                    "baseline {self}: no training clip shows {what}, so this baseline does not exist"
                ))
            })
        };
        let answer = match self {
            BaselineSpec::Encoders { .. } => return Ok(None),
            BaselineSpec::TrivialSingle => {
                let single = first(&found.singles, 1, "a single emotion")?;
                Answer {
                    presence: single.clone(),
                    salience: single,
                    warnings: Vec::new(),
                }
            }
            BaselineSpec::TrivialBlend => {
                let presence = first(&found.sets, 2, "exactly two emotions")?;
                let salience = first(&found.blends, 2, "exactly two emotions")?;
                let warnings = if presence.same_emotions(&salience) {
                    Vec::new()
                } else {
                    let name = |blend: &Blend| -> Vec<&str> {
                        let parts = blend.parts().iter();
                        parts.map(|part| dataset.classes.name(part.class)).collect()
                    };
                    vec![format!(
                        "baseline {self}: {} is the most frequent pair and {} the most frequent with its proportions: as in the challenge's script, ACC_presence is that of the first and ACC_salience that of the second; predictions contain the second",
                        name(&presence).join("+"),
                        name(&salience).join("+"),
                    )]
                };
                Answer {
                    presence,
                    salience,
                    warnings,
                }
            }
        };
        Ok(Some(answer))
    }
}

impl Answer {
    /// The answer given to the held-out and the test clips.
    pub fn outcome(self, baseline: &Baseline<'_>, held_out: &[usize]) -> Result<BaselineOutcome> {
        let dataset = baseline.dataset;
        let mut accuracy = Accuracy::default();
        let truths = held_out
            .iter()
            .map(|&clip| dataset.train.clips[clip].truth.as_ref());
        for truth in truths.flatten() {
            accuracy.clips += 1;
            accuracy.presence_correct += usize::from(presence_correct(truth, &self.presence));
            if let Some(correct) = salience_correct(truth, &self.salience) {
                accuracy.blends += 1;
                accuracy.salience_correct += usize::from(correct);
            }
        }
        let row = self.salience.to_distribution(dataset.classes.len());
        let scores = |split: &Split, clips: &mut dyn Iterator<Item = usize>| {
            let clips: Vec<String> = clips
                .map(|clip| split.clips[clip].filename.clone())
                .collect();
            let rows = Array2::from_shape_fn((clips.len(), row.len()), |(_, class)| row[class]);
            ClipScores {
                clips,
                rows: ScoreRows::Distribution(rows),
            }
        };
        let some = !held_out.is_empty();
        Ok(BaselineOutcome {
            spec: baseline.spec.clone(),
            fold: None,
            seed: baseline.seed,
            parameters: 0,
            epochs: 0,
            best_epoch: 0,
            loss: None,
            thresholds: ChosenThresholds {
                presence: THRESHOLD,
                salience: THRESHOLD,
                alpha: USUAL_ALPHA,
                beta: 1.0,
                searched: false,
            },
            accuracy: some.then_some(accuracy),
            held_out: some.then(|| scores(&dataset.train, &mut held_out.iter().copied())),
            test: dataset
                .test
                .as_ref()
                .map(|test| scores(test, &mut (0..test.len()))),
            history: Vec::new(),
            converged: None,
            warnings: self.warnings,
        })
    }
}
