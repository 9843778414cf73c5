//! Leave-one-encoder-out at prediction time: the scores without each encoder, nothing else changed.

use serde::Serialize;

use super::judged::JudgedClips;
use super::main_score::{MainScore, main_measure};
use super::observations::{Observations, decide, evaluation_clips, truth};
use super::run::AnalysedRun;
use crate::config::Monitor;
use crate::data::dataset::Split;
use crate::data::label::Blend;
use crate::error::Result;
use crate::eval::metrics::Accuracy;
use crate::eval::statistics::Difference;

/// The scores without one encoder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Removal {
    /// Index of the encoder.
    pub encoder: usize,
    /// Official scores without it, each model with its own thresholds.
    pub accuracy: Accuracy,
    /// The main measure of the run's task without it, where it is another than the average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main: Option<f64>,
    /// Mean total variation between aligned scores with and without it: ½ Σ_c |f_c − f'_c|, in
    /// [0, 1].
    pub moved: f64,
    /// Number of clips that have no other encoder; their predictions stay as they were.
    pub alone: usize,
    /// The main measure without it minus that with all encoders, on the same clips.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// The clips whose answer changes without it, as rows of the observations, with the other answer.
    #[serde(skip)]
    pub changed: Vec<(usize, Blend)>,
}

impl Removal {
    /// The main measure of the run's task without it.
    pub fn main_value(&self) -> f64 {
        self.main.unwrap_or_else(|| self.accuracy.average())
    }
}

/// Leaves out each encoder in turn, on the clips to evaluate each model on. Calls `done` with the number
/// of encoders that are done.
///
/// # Errors
/// As [`Predictor::score`](crate::predict::Predictor::score).
pub fn removals(
    run: &AnalysedRun,
    split: &Split,
    observations: &Observations,
    mut done: impl FnMut(usize),
) -> Result<Vec<Removal>> {
    let encoders = split.encoders();
    let measure = main_measure(run);
    let mut found = Vec::new();
    let mut whole = JudgedClips::new(measure);
    for row in 0..observations.len() {
        let both = [&observations.truths[row], &observations.decided[row]];
        whole.add(observations.clips[row], both, observations.aligned.row(row))?;
    }
    // A model cannot predict without its only encoder.
    for encoder in (0..encoders).filter(|_| encoders > 1) {
        let mut score = MainScore::new(measure);
        let mut judged = JudgedClips::new(measure);
        let mut removal = Removal {
            encoder,
            accuracy: Accuracy::default(),
            main: None,
            moved: 0.0,
            alone: 0,
            difference: None,
            changed: Vec::new(),
        };
        for (place, model) in run.models.iter().enumerate() {
            let clips = evaluation_clips(model, split)?;
            let rows = observations.rows_of(place);
            let has_other =
                |clip: usize| (0..encoders).any(|m| m != encoder && split.rows(m)[clip].is_some());
            let (kept, alone): (Vec<usize>, Vec<usize>) =
                (0..clips.len()).partition(|&i| has_other(clips[i]));
            for i in &alone {
                let row = rows[*i];
                let (truth, decided) = (&observations.truths[row], &observations.decided[row]);
                score.count(truth, decided, observations.aligned.row(row))?;
                judged.add(clips[*i], [truth, decided], observations.aligned.row(row))?;
            }
            removal.alone += alone.len();
            if kept.is_empty() {
                continue;
            }
            let name = model.predictor.description().encoders[encoder].name.clone();
            let scored: Vec<usize> = kept.iter().map(|&i| clips[i]).collect();
            let scores = model.predictor.score(split, &scored, &[name])?;
            let decided = decide(model, &scores.aligned)?;
            for (i, (&clip, decided)) in scored.iter().zip(&decided).enumerate() {
                let truth = truth(split, clip)?;
                score.count(&truth, decided, scores.aligned.row(i))?;
                judged.add(clip, [&truth, decided], scores.aligned.row(i))?;
                if *decided != observations.decided[rows[kept[i]]] {
                    removal.changed.push((rows[kept[i]], decided.clone()));
                }
                let before = observations.aligned.row(rows[kept[i]]);
                let gaps = before.iter().zip(scores.aligned.row(i));
                removal.moved += 0.5 * gaps.map(|(a, b)| (a - b).abs()).sum::<f64>();
            }
        }
        removal.accuracy = score.accuracy;
        removal.main = (score.measure != Monitor::Average).then(|| score.value());
        removal.difference = judged.minus(&whole, split)?;
        removal.moved /= observations.len().max(1) as f64;
        found.push(removal);
        done(encoder + 1);
    }
    Ok(found)
}
