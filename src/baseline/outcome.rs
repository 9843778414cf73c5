//! The result of a baseline.

use serde::{Deserialize, Serialize};

use super::BaselineSpec;
use crate::artifact::checkpoint::ChosenThresholds;
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
    /// Trainable numbers; 0 of a trivial baseline.
    pub parameters: usize,
    /// Epochs done; 0 of a trivial baseline.
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
}
