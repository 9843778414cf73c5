//! What an answer reaches that is the same for every clip: the score below which nothing was learned.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::score::Spread;
use super::table_1::unanswerable;
use crate::baseline::{BaselineOutcome, BaselineSpec, run};
use crate::config::Monitor;
use crate::data::dataset::Dataset;
use crate::data::folds::fold;
use crate::data::label::Blend;
use crate::error::{Error, Result};
use crate::eval::distribution::Measures;
use crate::eval::overlap::mean_overlap;

/// The file of [`TrivialScores`] in the folder of a run or a plan.
pub const TRIVIAL: &str = "trivial.json";

/// What the answers that never change reach on held-out folds, in the main measure of the task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrivialScores {
    /// The measure.
    pub measure: Monitor,
    /// The folds that were held out, one after the other.
    pub folds: Vec<usize>,
    /// The answers that exist for these labels.
    pub answers: Vec<TrivialScore>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrivialScore {
    /// What is answered: `the most frequent blend`.
    pub answer: String,
    /// Its scores over the folds; each is learned on the other folds.
    pub score: Spread,
}

impl TrivialScores {
    /// Of the training split of a data set, with each of these folds held out: the challenge's trivial
    /// baselines, or for label distributions the mean label.
    ///
    /// # Errors
    /// As [`fold`] and [`run`].
    pub fn of(dataset: &Dataset, folds: &[usize]) -> Result<Self> {
        let measure = dataset.task().main_measure();
        let answers: Vec<(&str, Vec<Option<f64>>)> = match measure {
            Monitor::Kl => vec![("the mean label", mean_label(dataset, folds)?)],
            _ => {
                let both = [
                    (
                        "the most frequent single emotion",
                        BaselineSpec::TrivialSingle,
                    ),
                    ("the most frequent blend", BaselineSpec::TrivialBlend),
                ];
                let there = both
                    .iter()
                    .filter(|(_, spec)| unanswerable(spec, dataset).is_none());
                let scored = there.map(|(answer, spec)| {
                    let of_fold = |&number: &usize| of_baseline(dataset, spec, number, measure);
                    Ok((*answer, folds.iter().map(of_fold).collect::<Result<_>>()?))
                });
                scored.collect::<Result<_>>()?
            }
        };
        let answers = answers.into_iter().filter_map(|(answer, values)| {
            Some(TrivialScore {
                answer: answer.to_owned(),
                score: Spread::of(&[values])?,
            })
        });
        Ok(Self {
            measure,
            folds: folds.to_vec(),
            answers: answers.collect(),
        })
    }

    /// The best answer.
    pub fn best(&self) -> Option<&TrivialScore> {
        let merit = |answer: &&TrivialScore| match self.measure.higher_is_better() {
            true => answer.score.mean,
            false => -answer.score.mean,
        };
        let mut answers = self.answers.iter();
        let first = answers.next()?;
        Some(
            answers.fold(first, |best, next| match merit(&next) > merit(&best) {
                true => next,
                false => best,
            }),
        )
    }

    /// Writes the file atomically.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&self, path: &Path) -> Result<()> {
        crate::files::atomic_file::write(path, |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            std::io::Write::write_all(out, b"\n")
        })
    }
}

/// A trivial baseline on one fold; `None` where its training clips do not show what it answers.
fn of_baseline(
    dataset: &Dataset,
    spec: &BaselineSpec,
    number: usize,
    measure: Monitor,
) -> Result<Option<f64>> {
    let outcome = match run(dataset, spec, number, 0) {
        Ok(outcome) => outcome,
        Err(Error::Data(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(match measure {
        Monitor::Presence => outcome.accuracy.and_then(|accuracy| accuracy.presence()),
        Monitor::Salience => outcome.accuracy.and_then(|accuracy| accuracy.salience()),
        Monitor::Overlap => overlap(dataset, spec, number, &outcome)?,
        _ => outcome.accuracy.map(|accuracy| accuracy.average()),
    })
}

fn overlap(
    dataset: &Dataset,
    spec: &BaselineSpec,
    number: usize,
    outcome: &BaselineOutcome,
) -> Result<Option<f64>> {
    let Some(scores) = &outcome.held_out else {
        return Ok(None);
    };
    let decoder = outcome.thresholds.decoder(&spec.decode(&dataset.task()));
    let decided = scores.rows.decoded(&decoder, &dataset.classes)?;
    let held_out = fold(&dataset.train, number)?.validation;
    let truths = held_out
        .iter()
        .map(|&clip| dataset.train.clips[clip].truth.as_ref());
    let pairs = truths.zip(&decided);
    Ok(mean_overlap(
        pairs.filter_map(|(truth, decided)| Some((truth?, decided))),
    ))
}

/// The divergence of the training clips' mean label from the labels of each held-out fold.
fn mean_label(dataset: &Dataset, folds: &[usize]) -> Result<Vec<Option<f64>>> {
    let classes = dataset.classes.len();
    let shares = |clips: &[usize]| -> Vec<Vec<f64>> {
        let truths = clips
            .iter()
            .filter_map(|&clip| dataset.train.clips[clip].truth.as_ref());
        truths
            .map(|truth: &Blend| truth.to_distribution(classes))
            .collect()
    };
    let of_fold = |&number: &usize| {
        let split = fold(&dataset.train, number)?;
        let (train, held_out) = (shares(&split.train), shares(&split.validation));
        let count = train.len().max(1) as f64;
        let mean: Vec<f64> = (0..classes)
            .map(|class| train.iter().map(|label| label[class]).sum::<f64>() / count)
            .collect();
        let mut sum = 0.0;
        for label in &held_out {
            sum += Measures::of(label, &mean)?.kullback_leibler;
        }
        Ok((!held_out.is_empty()).then(|| sum / held_out.len() as f64))
    };
    folds.iter().map(of_fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(mean: f64) -> TrivialScore {
        TrivialScore {
            answer: format!("{mean}"),
            score: Spread {
                mean,
                std_folds: None,
                std_seeds: None,
            },
        }
    }

    #[test]
    fn the_best_answer_is_the_highest_score_or_the_lowest_divergence() {
        let of = |measure, means: &[f64]| TrivialScores {
            measure,
            folds: vec![0],
            answers: means.iter().map(|&mean| score(mean)).collect(),
        };
        let best = |scores: &TrivialScores| scores.best().map(|best| best.score.mean);
        assert_eq!(best(&of(Monitor::Average, &[0.1, 0.3, 0.2])), Some(0.3));
        assert_eq!(best(&of(Monitor::Kl, &[0.4, 0.3])), Some(0.3));
        assert_eq!(best(&of(Monitor::Kl, &[])), None);
    }
}
