//! A classifier with its optimiser, and the epochs of its training.

use ndarray::{Array2, ArrayView1, Axis, Slice};

use super::classifier::{BatchRows, Classifier, adam};
use super::held_out::{HeldOut, targets};
use super::input::Input;
use super::{Baseline, BaselineEpoch, BaselineModel, BaselineSpec, Recipe};
use crate::config::DecodeConfig;
use crate::data::batch::epoch_order;
use crate::data::dataset::{Dataset, Split};
use crate::error::{Error, Result};
use crate::nn::Adam;
use crate::predict::score::BATCH;

/// The classifier of the best epoch so far and what it says of the held-out clips.
pub(super) struct Best {
    pub(super) classifier: Classifier,
    pub(super) rows: Array2<f64>,
    pub(super) record: BaselineEpoch,
    merit: f64,
}

/// A classifier and its optimiser.
pub struct Trainee<'a> {
    baseline: &'a Baseline<'a>,
    recipe: Recipe,
    pub(super) classifier: Classifier,
    adam: Adam<f32>,
}

impl<'a> Trainee<'a> {
    /// Before the first epoch.
    pub fn new(
        baseline: &'a Baseline<'a>,
        recipe: Recipe,
        model: BaselineModel,
        input: &Input<'_>,
    ) -> Self {
        let classes = baseline.dataset.classes.len();
        let mut classifier = Classifier::new(model.hidden(), input.width(), classes, baseline.seed);
        classifier.rescale_first(input.columns);
        Self {
            baseline,
            recipe,
            classifier,
            adam: adam(&recipe),
        }
    }

    /// All epochs, and the best of them where clips are held out.
    pub(super) fn epochs(
        &mut self,
        input: &Input<'_>,
        train: &[usize],
        held_out: Option<&Gathered<'_>>,
        observer: &mut dyn FnMut(&BaselineEpoch),
    ) -> Result<(Vec<BaselineEpoch>, Option<Best>)> {
        let (mut history, mut best) = (Vec::new(), None::<Best>);
        for epoch in 1..=self.recipe.epochs {
            let mut record = BaselineEpoch {
                epoch,
                train_loss: self.epoch(input, train, epoch)?,
                val_loss: None,
                accuracy: None,
                thresholds: None,
                best: held_out.is_none(),
            };
            if let Some(held_out) = held_out {
                let mut scored = self.scored(held_out, &mut record)?;
                record.best = best
                    .as_ref()
                    .is_none_or(|so_far| scored.merit > so_far.merit);
                if record.best {
                    scored.record = record;
                    best = Some(scored);
                }
            }
            observer(&record);
            history.push(record);
        }
        Ok((history, best))
    }

    /// The classifier as it is with its scores on the held-out clips, which are added to the epoch.
    pub(super) fn scored(
        &self,
        held_out: &Gathered<'_>,
        record: &mut BaselineEpoch,
    ) -> Result<Best> {
        let labels = &held_out.labels;
        let rows = self.score(held_out, record.epoch)?;
        let (thresholds, cell) = labels.choose(&rows)?;
        let loss = labels.loss(&rows)?;
        record.val_loss = Some(loss);
        record.thresholds = Some(thresholds);
        record.accuracy = Some(cell.accuracy);
        Ok(Best {
            classifier: self.classifier.clone(),
            rows,
            record: *record,
            merit: labels.merit(&cell, loss),
        })
    }

    fn score(&self, held_out: &Gathered<'_>, epoch: usize) -> Result<Array2<f64>> {
        let rows = scores(&self.classifier, &held_out.batches, held_out.labels.len())?;
        if rows.iter().any(|p| !p.is_finite()) {
            return Err(not_finite("score", self.baseline.spec, epoch, None));
        }
        Ok(rows)
    }

    /// Mean Kullback-Leibler divergence on held-out clips after an epoch, in nats.
    ///
    /// # Errors
    /// [`Error::NonFinite`].
    pub fn loss(&self, held_out: &Gathered<'_>, epoch: usize) -> Result<f64> {
        held_out.labels.loss(&self.score(held_out, epoch)?)
    }

    /// One pass over the clips `train`; gives their mean Kullback-Leibler divergence, in nats.
    ///
    /// # Errors
    /// [`Error::NonFinite`]; [`Error::Interrupted`].
    pub fn epoch(&mut self, input: &Input<'_>, train: &[usize], epoch: usize) -> Result<f64> {
        let Baseline {
            dataset,
            spec,
            seed,
            stop,
            ..
        } = *self.baseline;
        let (mut sum, order) = (0.0, epoch_order(train, seed, epoch - 1, true));
        let mut chunks = order.chunks(self.recipe.batch_size).enumerate().peekable();
        let gather = |clips: &[usize]| input.gather(&dataset.train, clips).map(BatchRows::from);
        let mut gathered = chunks.peek().map(|(_, clips)| gather(clips)).transpose()?;
        while let (Some((batch, clips)), Some(rows)) = (chunks.next(), gathered.take()) {
            if stop.is_asked() {
                return Err(Error::Interrupted(format!("in epoch {epoch} of {spec}")));
            }
            let targets = targets(&dataset.train, clips, dataset.classes.len())?;
            let entropy: f64 = targets.rows().into_iter().map(entropy).sum();
            gathered = chunks.peek().map(|(_, clips)| gather(clips)).transpose()?;
            let targets = targets.mapv(|y| y as f32);
            let loss = self
                .classifier
                .step(&mut self.adam, &rows, targets, gathered.as_mut())?;
            if !loss.is_finite() {
                return Err(not_finite("loss", spec, epoch, Some(batch + 1)));
            }
            sum += loss * clips.len() as f64 - entropy;
        }
        Ok(sum / order.len() as f64)
    }
}

fn not_finite(what: &str, spec: &BaselineSpec, epoch: usize, batch: Option<usize>) -> Error {
    Error::NonFinite {
        what: format!("the {what} of baseline {spec}"),
        epoch: Some(epoch),
        batch,
        advice: "; check for extreme features, or use a lower learning rate".into(),
        traceable: false,
    }
}

/// The held-out clips, gathered once.
pub struct Gathered<'a> {
    batches: Vec<BatchRows>,
    labels: HeldOut<'a>,
}

impl<'a> Gathered<'a> {
    /// Of these training clips, whose scores are decoded as configured.
    ///
    /// # Errors
    /// As [`HeldOut::new`].
    pub fn new(
        dataset: &'a Dataset<'a>,
        clips: &[usize],
        input: &Input<'_>,
        decode: &'a DecodeConfig,
    ) -> Result<Self> {
        Ok(Self {
            batches: batches(input, &dataset.train, clips)?,
            labels: HeldOut::new(dataset, clips, decode)?,
        })
    }
}

/// Rows of a split's clips, in batches.
///
/// # Errors
/// As [`Input::gather`].
pub(super) fn batches(input: &Input<'_>, split: &Split, clips: &[usize]) -> Result<Vec<BatchRows>> {
    let gather = |clips| input.gather(split, clips).map(BatchRows::from);
    clips.chunks(BATCH).map(gather).collect()
}

/// What a classifier says of batches of this many clips together.
pub(super) fn scores(
    classifier: &Classifier,
    batches: &[BatchRows],
    clips: usize,
) -> Result<Array2<f64>> {
    let mut whole: Option<Array2<f64>> = None;
    let mut at = 0;
    for batch in batches {
        let part = classifier.distribution(batch)?;
        let whole = whole.get_or_insert_with(|| Array2::zeros((clips, part.ncols())));
        let rows = Slice::from(at..at + part.nrows());
        whole.slice_axis_mut(Axis(0), rows).assign(&part);
        at += part.nrows();
    }
    whole.ok_or_else(|| Error::Data("no clips to score".into()))
}

/// −Σ y ln y in nats: what lies between the cross-entropy and the Kullback-Leibler divergence.
fn entropy(y: ArrayView1<'_, f64>) -> f64 {
    let terms = y.iter().filter(|y| **y > 0.0);
    -terms.map(|y| y * y.ln()).sum::<f64>()
}
