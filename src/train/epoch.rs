//! One pass over the training rows.

use super::progress::Progress;
use super::run::{Observer, Run};
use super::step::{StepLosses, Stepped, inputs, train_step};
use crate::data::batch::{Rows, epoch_order, training_batches};
use crate::data::dataset::Split;
use crate::error::{Error, Result};
use crate::nn::Mode;

/// How an epoch ended.
pub(super) enum EpochEnd {
    Done {
        losses: StepLosses,
        reached_max_steps: bool,
    },
    NotFinite {
        what: &'static str,
        began: String,
        batch: usize,
    },
}

/// Losses summed over clips.
#[derive(Default)]
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

impl Run<'_> {
    /// One pass over the training rows.
    pub(super) fn epoch(
        &mut self,
        progress: &mut Progress,
        observer: &mut dyn Observer,
    ) -> Result<EpochEnd> {
        let train = &self.config.train;
        let order = epoch_order(
            &self.train,
            train.seed,
            progress.epoch,
            !self.options.no_shuffle,
        );
        let batches = training_batches(&order, train.batch_size);
        observer.epoch_begins(progress.epoch + 1, batches.len());
        let mut sums = Sums::default();
        for (i, clips) in batches.enumerate() {
            if self
                .options
                .max_steps
                .is_some_and(|most| progress.steps >= most)
            {
                break;
            }
            let drawn = self
                .target
                .as_mut()
                .map(|target| target.stream.take(clips.len()));
            let target = self
                .target
                .as_ref()
                .zip(drawn.as_deref())
                .map(|(target, clips)| Rows {
                    split: target.split(self.dataset),
                    clips,
                });
            let source = Rows {
                split: &self.dataset.train,
                clips,
            };
            progress.batch.gather(source, target, self.stats.as_deref());
            let inputs = inputs(&progress.batch);
            let targets = progress
                .batch
                .targets
                .take()
                .ok_or_else(|| unlabelled(&self.dataset.train, clips))?;
            let mode = Mode::Train {
                seed: train.seed,
                step: progress.steps,
            };
            match train_step(
                &mut self.net,
                &mut self.adam,
                &inputs,
                &targets,
                mode,
                train.clip_norm,
            )? {
                Stepped::Done(losses, _) => {
                    progress.steps += 1;
                    sums.add(&losses, clips.len());
                    observer.step(&losses);
                }
                Stepped::NotFinite { what, began } => {
                    return Ok(EpochEnd::NotFinite {
                        what,
                        began,
                        batch: i + 1,
                    });
                }
            }
        }
        let reached_max_steps = self
            .options
            .max_steps
            .is_some_and(|most| progress.steps >= most);
        Ok(EpochEnd::Done {
            losses: sums.means(),
            reached_max_steps,
        })
    }
}

fn unlabelled(split: &Split, clips: &[usize]) -> Error {
    let name = clips
        .iter()
        .map(|&clip| &split.clips[clip])
        .find(|clip| clip.target.is_none());
    Error::Data(format!(
        "clip {} has no label to train on",
        name.map_or("?", |clip| &clip.filename)
    ))
}
