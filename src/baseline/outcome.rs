//! The result of a baseline.

use serde::{Deserialize, Serialize};

use super::BaselineSpec;
use crate::artifact::checkpoint::ChosenThresholds;
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
