//! The state that changes from epoch to epoch, other than weights and moments.

use serde::{Deserialize, Serialize};

use super::early_stopping::{EarlyStopping, Verdict};
use super::step::StepLosses;
use super::validation::Validation;
use crate::artifact::description::ChosenThresholds;
use crate::artifact::history::EpochRecord;
use crate::config::Config;
use crate::data::batch::Batch;
use crate::model::FusionNet;
use crate::nn::{Adam, Plateau};

/// The state that changes from epoch to epoch, other than weights and moments.
pub(super) struct Progress {
    pub(super) epoch: usize,
    pub(super) begun: PartOfEpoch,
    pub(super) steps: usize,
    pub(super) plateau: Plateau,
    pub(super) early_stopping: EarlyStopping,
    pub(super) history: Vec<EpochRecord>,
    pub(super) thresholds: ChosenThresholds,
    pub(super) best_thresholds: Option<ChosenThresholds>,
    pub(super) batches: [Batch<f32>; 2],
}

impl Progress {
    /// Whether the epoch is the best so far and whether to stop. Without a validation fold every epoch counts
    /// as the best, so that the last weights are used.
    pub(super) fn judge(&mut self, config: &Config, validation: Option<&Validation>) -> Verdict {
        let Some(validation) = validation else {
            return Verdict {
                best: true,
                stop: false,
            };
        };
        self.thresholds = validation.thresholds;
        let monitor = config.train.monitor;
        let verdict = self
            .early_stopping
            .step(monitor, validation.monitored(monitor));
        if verdict.best {
            self.best_thresholds = Some(validation.thresholds);
        }
        verdict
    }
}

/// The progress of an epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartOfEpoch {
    /// Number of batches trained on.
    pub(super) batches: usize,
    pub(super) sums: Sums,
}

/// Losses summed over clips.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sums {
    clips: f64,
    total: f64,
    presence: f64,
    salience: f64,
    domain: Option<f64>,
}

impl Sums {
    pub(super) fn add(&mut self, losses: &StepLosses, clips: usize) {
        let clips = clips as f64;
        self.clips += clips;
        self.total += clips * losses.total;
        self.presence += clips * losses.presence;
        self.salience += clips * losses.salience;
        if let Some(domain) = losses.domain {
            *self.domain.get_or_insert(0.0) += clips * domain;
        }
    }

    pub(super) fn means(&self) -> StepLosses {
        StepLosses {
            total: self.total / self.clips,
            presence: self.presence / self.clips,
            salience: self.salience / self.clips,
            domain: self.domain.map(|domain| domain / self.clips),
        }
    }
}

/// One line of the history.
pub(super) fn record(
    progress: &Progress,
    net: &FusionNet<f32>,
    adam: &Adam<f32>,
    losses: &StepLosses,
    validation: Option<&Validation>,
    best: bool,
) -> EpochRecord {
    EpochRecord {
        epoch: progress.epoch,
        steps: progress.steps,
        lr: adam.config.lr,
        temperature: net.temperature(),
        train_loss: losses.total,
        train_presence_loss: losses.presence,
        train_salience_loss: losses.salience,
        train_domain_loss: losses.domain,
        val_loss: validation.map(|v| v.losses.task),
        val_presence_loss: validation.map(|v| v.losses.presence),
        val_salience_loss: validation.map(|v| v.losses.salience),
        acc_presence: validation.and_then(|v| v.accuracy.presence()),
        acc_salience: validation.and_then(|v| v.accuracy.salience()),
        average: validation.map(|v| v.accuracy.average()),
        kl: validation.map(|v| v.kl),
        overlap: validation.and_then(|v| v.overlap),
        presence_threshold: validation.map(|v| v.thresholds.presence),
        salience_threshold: validation.map(|v| v.thresholds.salience),
        alpha: validation.map(|v| v.thresholds.alpha),
        beta: (net.config().decode.beta != Some(1.0))
            .then(|| validation.map(|v| v.thresholds.beta))
            .flatten(),
        best,
    }
}
