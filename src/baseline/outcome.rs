//! The result of a baseline.

use serde::{Deserialize, Serialize};

use super::BaselineSpec;
use crate::artifact::description::ChosenThresholds;
use crate::artifact::fault::{Fault, TrainingFault};
use crate::eval::metrics::Accuracy;
use crate::predict::clip_scores::ClipScores;

/// One epoch of a classifier. Losses are Kullback-Leibler divergences, means over clips, in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineEpoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Over the epoch's batches.
    pub train_loss: f64,
    /// On the held-out fold.
    pub val_loss: Option<f64>,
    /// Official counts on the held-out fold at the thresholds below.
    pub accuracy: Option<Accuracy>,
    /// Thresholds that suit this epoch best.
    pub thresholds: Option<ChosenThresholds>,
    /// Whether this epoch was the best so far.
    pub best: bool,
}

/// The result of a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineOutcome {
    /// Which baseline.
    pub spec: BaselineSpec,
    /// The fold held out; none: all clips trained.
    pub fold: Option<usize>,
    /// The seed.
    pub seed: u64,
    /// Trainable numbers; splits of a random forest; 0 of a trivial baseline.
    pub parameters: usize,
    /// Epochs done; steps of a logistic regression, trees of a random forest; 0 of a trivial baseline.
    pub epochs: usize,
    /// The epoch that counts.
    pub best_epoch: usize,
    /// Mean Kullback-Leibler divergence on the held-out fold at that epoch, in nats.
    pub loss: Option<f64>,
    /// What decodes the distributions.
    pub thresholds: ChosenThresholds,
    /// Official counts on the held-out fold at these thresholds.
    pub accuracy: Option<Accuracy>,
    /// One distribution over the classes for each held-out clip.
    pub held_out: Option<ClipScores>,
    /// One per test clip, if there is a test split. Its labels are not read.
    pub test: Option<ClipScores>,
    /// All epochs.
    pub history: Vec<BaselineEpoch>,
    /// Whether training had converged at its end; `None` where it is not known, or nothing is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub converged: Option<bool>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// A loss this many times that of equal shares has run away.
const RUNAWAY: f64 = 10.0;

impl BaselineOutcome {
    /// Whether the loss of a classifier for `classes` classes rose far above ln(classes), the most that the
    /// answer of equal shares can have.
    pub fn fault(&self, classes: usize) -> Option<TrainingFault> {
        let equal_shares = (classes.max(2) as f64).ln();
        let loss = |epoch: &BaselineEpoch| match epoch.val_loss {
            Some(val) => val.max(epoch.train_loss),
            None => epoch.train_loss,
        };
        let ran_away = |epoch: &&BaselineEpoch| loss(epoch) > RUNAWAY * equal_shares;
        let last = self.history.last().filter(ran_away)?;
        let since = self.history.iter().rev().take_while(ran_away).last()?;
        let usable = self.best_epoch < since.epoch && self.loss.is_some_and(|x| x < equal_shares);
        let kept = match usable {
            true => format!(
                "the classifier of epoch {} was kept, from before",
                self.best_epoch
            ),
            false => "the classifier is not usable: try a lower learning rate".to_owned(),
        };
        Some(TrainingFault {
            fault: Fault::Diverged,
            usable,
            text: format!(
                "training diverged from epoch {} on: the loss rose to {:.3e} (equal shares: at most {equal_shares:.3}); {kept}",
                since.epoch,
                loss(last)
            ),
        })
    }
}

/// The relative fall of the loss from one window to the next up to which training has converged.
const CONVERGED: f64 = 0.005;

/// The same fall as a part of that since the first window. A loss that falls evenly has a ninth: with a low
/// learning rate that can be less than [`CONVERGED`] of the loss.
const PROGRESS: f64 = 0.03;

/// Fewest epochs of which it can be said whether training had converged.
const FEWEST: usize = 10;

/// Whether training had converged: in the last tenth of the epochs, the mean loss on the held-out clips
/// (without any, on the training clips) is below that of the tenth before by at most half a per cent, and by at
/// most 3 % of what it is below that of the first tenth. `None` for fewer than ten epochs.
pub(super) fn converged(history: &[BaselineEpoch]) -> Option<bool> {
    if history.len() < FEWEST {
        return None;
    }
    let window = history.len() / 10;
    let mean = |epochs: &[BaselineEpoch]| {
        let losses = epochs
            .iter()
            .map(|epoch| epoch.val_loss.unwrap_or(epoch.train_loss));
        losses.sum::<f64>() / epochs.len() as f64
    };
    let (rest, last) = history.split_at(history.len() - window);
    let first = mean(&history[..window]);
    let (before, last) = (mean(&rest[rest.len() - window..]), mean(last));
    let fall = before - last;
    Some(fall <= CONVERGED * before && fall <= PROGRESS * (first - last).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(losses: &[f64], best_epoch: usize) -> BaselineOutcome {
        let epoch = |(at, loss): (usize, &f64)| BaselineEpoch {
            epoch: at + 1,
            train_loss: *loss,
            val_loss: Some(*loss),
            accuracy: None,
            thresholds: None,
            best: false,
        };
        BaselineOutcome {
            spec: BaselineSpec::TrivialSingle,
            fold: Some(0),
            seed: 0,
            parameters: 1,
            epochs: losses.len(),
            best_epoch,
            loss: losses.get(best_epoch - 1).copied(),
            thresholds: ChosenThresholds {
                presence: 0.1,
                salience: 0.1,
                alpha: 1.0,
                beta: 1.0,
                searched: true,
            },
            accuracy: None,
            held_out: None,
            test: None,
            converged: None,
            history: losses.iter().enumerate().map(epoch).collect(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_loss_that_runs_away_is_a_fault_unless_an_epoch_before_was_kept() {
        assert_eq!(outcome(&[1.0, 0.5], 2).fault(6), None);
        assert_eq!(outcome(&[100.0, 0.5], 2).fault(6), None);
        let found = outcome(&[1.0, 100.0, 1e9], 1).fault(6).unwrap();
        assert!(
            found.usable && found.text.contains("from epoch 2 on"),
            "{found:?}"
        );
        let found = outcome(&[1.0, 100.0, 1e9], 3).fault(6).unwrap();
        assert!(
            !found.usable && found.text.contains("a lower learning rate"),
            "{found:?}"
        );
    }

    fn history(loss: impl Fn(f64) -> f64, epochs: usize) -> Vec<BaselineEpoch> {
        let epoch = |epoch: usize| BaselineEpoch {
            epoch,
            train_loss: 1.0 / epoch as f64,
            val_loss: Some(loss(epoch as f64)),
            accuracy: None,
            thresholds: None,
            best: false,
        };
        (1..=epochs).map(epoch).collect()
    }

    #[test]
    fn a_loss_that_still_falls_has_not_converged() {
        assert_eq!(converged(&history(|x| 2.0 - 0.003 * x, 200)), Some(false));
        assert_eq!(
            converged(&history(|x| 1.0 + (-x / 10.0).exp(), 200)),
            Some(true)
        );
        // So slowly that one window is far less than half a per cent.
        assert_eq!(converged(&history(|x| 2.0 - 1e-4 * x, 12)), Some(false));
        // Overfitting: it fell, and rises.
        assert_eq!(converged(&history(|x| (x - 50.0).powi(2), 200)), Some(true));
        assert_eq!(converged(&history(|x| 2.0 - 0.1 * x, 9)), None);
    }
}
