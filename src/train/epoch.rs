//! One pass over the training rows.

use super::progress::{PartOfEpoch, Progress};
use super::run::{Observer, Run};
use super::step::{StepBatch, StepLosses, StepOptions, Stepped, train_step};
use crate::data::batch::{Rows, epoch_order, training_batches};
use crate::data::dataset::Split;
use crate::error::{Error, Result};
use crate::model::Inputs;
use crate::nn::Mode;

/// How an epoch ended.
pub(super) enum EpochEnd {
    Done(StepLosses),
    /// Between two steps; the progress records where.
    Stopped,
    NotFinite {
        what: &'static str,
        began: String,
        batch: usize,
    },
}

impl Run<'_> {
    /// One pass over the training rows, or the rest of one.
    pub(super) fn epoch(
        &mut self,
        progress: &mut Progress,
        observer: &mut dyn Observer,
    ) -> Result<EpochEnd> {
        let train = &self.config.train;
        let (seed, shuffle) = (train.seed, !self.options.no_shuffle);
        let order = epoch_order(&self.train, seed, progress.epoch, shuffle);
        let options = StepOptions {
            clip_norm: train.clip_norm,
            detect_anomaly: self.options.detect_anomaly,
        };
        let batches = training_batches(&order, train.batch_size);
        observer.epoch_begins(progress.epoch + 1, batches.len());
        let steps_left = self
            .options
            .max_steps
            .map_or(usize::MAX, |most| most.saturating_sub(progress.steps));
        let begun = std::mem::take(&mut progress.begun);
        let mut sums = begun.sums;
        let left = batches.enumerate().skip(begun.batches);
        let mut batches = left.take(steps_left).peekable();
        let mut gathered = None;
        while let Some((i, clips)) = batches.next() {
            if self.options.stop.is_asked() {
                if let Some(target) = self.target.as_mut().filter(|_| gathered.is_some()) {
                    // Batches that were drawn ahead are drawn again.
                    let drawn = target.stream.drawn() - clips.len();
                    target.stream.seek(drawn);
                }
                progress.begun = PartOfEpoch { batches: i, sums };
                return Ok(EpochEnd::Stopped);
            }
            let batch = match gathered.take() {
                Some(gathered) => gathered,
                None => self.gather(progress, clips)?,
            };
            // The step also computes the products of the next batch.
            gathered = match batches.peek() {
                Some((_, clips)) => Some(self.gather(progress, clips)?),
                None => None,
            };
            let step = progress.steps;
            let mode = Mode::Train { seed, step };
            let (net, adam) = (&mut self.net, &mut self.adam);
            match train_step(net, adam, &batch, mode, options, gathered.as_mut())? {
                Stepped::Done(losses, _) => {
                    progress.steps += 1;
                    sums.add(&losses, clips.len());
                    observer.step(&losses);
                }
                Stepped::NotFinite { what, began } => {
                    let batch = i + 1;
                    return Ok(EpochEnd::NotFinite { what, began, batch });
                }
            }
        }
        Ok(EpochEnd::Done(sums.means()))
    }

    /// The next training batch: the given clips, and as many of the target domain if there is one.
    fn gather(&mut self, progress: &mut Progress, clips: &[usize]) -> Result<StepBatch> {
        let drawn = self
            .target
            .as_mut()
            .map(|target| target.stream.take(clips.len()));
        let inputs = self.inputs();
        let target = self
            .target
            .as_ref()
            .zip(drawn.as_deref())
            .map(|(target, clips)| Rows {
                split: target.split(inputs.train, inputs.test),
                clips,
                scaling: match target.from_test {
                    true => inputs.test_scaling,
                    false => inputs.scaling,
                },
            });
        let source = Rows {
            split: inputs.train,
            clips,
            scaling: inputs.scaling,
        };
        // The batch before this one is still in use.
        progress.batches.swap(0, 1);
        let batch = &mut progress.batches[0];
        batch.gather(source, target);
        let targets = batch.targets.take();
        Ok(StepBatch {
            inputs: Inputs::new(batch.features.clone(), batch.presence.clone()),
            targets: targets.ok_or_else(|| unlabelled(&self.dataset.train, clips))?,
        })
    }
}

fn unlabelled(split: &Split, clips: &[usize]) -> Error {
    let name = clips
        .iter()
        .map(|&clip| &split.clips[clip])
        .find(|clip| clip.target.is_none());
    Error::Unlabelled {
        clip: name.map(|clip| clip.filename.clone()),
        purpose: "to train on",
    }
}
