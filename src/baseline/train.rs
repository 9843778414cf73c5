//! The loop that trains a classifier as the challenge's `trainer.py` does.

use std::sync::Arc;

use ndarray::{Array2, ArrayView1, Axis, Slice};

use super::classifier::{Classifier, adam};
use super::input::Input;
use super::{Baseline, BaselineEpoch, BaselineOutcome, BaselineSpec};
use crate::artifact::checkpoint::ChosenThresholds;
use crate::config::DecodeConfig;
use crate::data::batch::epoch_order;
use crate::data::dataset::{Dataset, Split};
use crate::data::label::{Blend, Classes};
use crate::error::{Error, Result};
use crate::eval::distribution::Measures;
use crate::eval::objective::Objective;
use crate::eval::thresholds::Cell;
use crate::kernels::layout::PackedRows;
use crate::nn::Adam;
use crate::predict::clip_scores::{ClipScores, ScoreRows};
use crate::predict::decoding::{choose_on_rows, unsearched};
use crate::predict::score::BATCH;

/// Trains on `train`; with clips in `validation` the best epoch there counts, without the last.
pub fn train(
    baseline: &Baseline<'_>,
    train: &[usize],
    validation: &[usize],
    observer: &mut dyn FnMut(&BaselineEpoch),
) -> Result<BaselineOutcome> {
    let Baseline {
        dataset,
        spec,
        recipe,
        seed,
        ..
    } = *baseline;
    let BaselineSpec::Encoders { model, .. } = spec else {
        return Err(Error::Data(format!("baseline {spec} is not trained")));
    };
    recipe.check()?;
    let encoders = spec.encoders(dataset)?;
    let input = Input::fit(dataset, &encoders, train);
    let mut trainee = Trainee {
        classifier: Classifier::new(*model, input.cols, dataset.classes.len(), seed),
        adam: adam(recipe),
    };
    let decode = spec.decode(&dataset.task());
    let held_out = (!validation.is_empty())
        .then(|| HeldOut::new(dataset, validation, &input, &decode))
        .transpose()?;
    let (history, best) = trainee.epochs(baseline, &input, train, held_out.as_ref(), observer)?;
    let (classifier, rows, record) = match best {
        Some(best) => (best.classifier, Some(best.rows), Some(best.record)),
        None => (trainee.classifier, None, history.last().copied()),
    };
    Ok(BaselineOutcome {
        spec: spec.clone(),
        fold: None,
        seed,
        parameters: classifier.parameters(),
        epochs: history.len(),
        best_epoch: record.map_or(history.len(), |record| record.epoch),
        loss: record.and_then(|record| record.val_loss),
        thresholds: record
            .and_then(|record| record.thresholds)
            .unwrap_or_else(|| unsearched(&decode)),
        accuracy: record.and_then(|record| record.accuracy),
        held_out: rows.map(|rows| named(&dataset.train, validation, rows)),
        test: test_scores(&classifier, &input, dataset.test.as_ref())?,
        history,
        warnings: warnings(baseline, &encoders),
    })
}

/// The classifier of the best epoch so far and what it says of the held-out clips.
struct Best {
    classifier: Classifier,
    rows: Array2<f64>,
    record: BaselineEpoch,
    /// How good it is; higher is better.
    merit: f64,
}

/// A classifier and its optimiser.
struct Trainee {
    classifier: Classifier,
    adam: Adam<f32>,
}

impl Trainee {
    /// All epochs, and the best of them where clips are held out.
    fn epochs(
        &mut self,
        baseline: &Baseline<'_>,
        input: &Input,
        train: &[usize],
        held_out: Option<&HeldOut<'_>>,
        observer: &mut dyn FnMut(&BaselineEpoch),
    ) -> Result<(Vec<BaselineEpoch>, Option<Best>)> {
        let (mut history, mut best) = (Vec::new(), None::<Best>);
        for epoch in 1..=baseline.recipe.epochs {
            let mut record = BaselineEpoch {
                epoch,
                train_loss: self.epoch(baseline, input, train, epoch)?,
                val_loss: None,
                accuracy: None,
                thresholds: None,
                best: held_out.is_none(),
            };
            if let Some(held_out) = held_out {
                let classifier = &self.classifier;
                let rows = held_out.score(baseline.spec, classifier, epoch)?;
                let (thresholds, cell) = held_out.choose(&rows)?;
                let loss = held_out.loss(&rows)?;
                record.val_loss = Some(loss);
                record.thresholds = Some(thresholds);
                record.accuracy = Some(cell.accuracy);
                let merit = held_out.merit(&cell, loss);
                record.best = best.as_ref().is_none_or(|best| merit > best.merit);
                if record.best {
                    let classifier = classifier.clone();
                    best = Some(Best {
                        classifier,
                        rows,
                        record,
                        merit,
                    });
                }
            }
            observer(&record);
            history.push(record);
        }
        Ok((history, best))
    }

    /// One pass over the clips `train`; gives their mean Kullback-Leibler divergence, in nats.
    fn epoch(
        &mut self,
        baseline: &Baseline<'_>,
        input: &Input,
        train: &[usize],
        epoch: usize,
    ) -> Result<f64> {
        let Baseline { dataset, spec, .. } = *baseline;
        let (mut sum, order) = (0.0, epoch_order(train, baseline.seed, epoch - 1, true));
        for (batch, clips) in order.chunks(baseline.recipe.batch_size).enumerate() {
            if baseline.stop.is_asked() {
                return Err(Error::Interrupted(format!("in epoch {epoch} of {spec}")));
            }
            let targets = targets(&dataset.train, clips, dataset.classes.len())?;
            let entropy: f64 = targets.rows().into_iter().map(entropy).sum();
            let x = input.gather(&dataset.train, clips);
            let targets = targets.mapv(|y| y as f32);
            let loss = self.classifier.step(&mut self.adam, x, targets)?;
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

/// What a classifier says of the test clips, if there are any.
fn test_scores(
    classifier: &Classifier,
    input: &Input,
    test: Option<&Split>,
) -> Result<Option<ClipScores>> {
    let Some(test) = test else {
        return Ok(None);
    };
    let clips: Vec<usize> = (0..test.len()).collect();
    let rows = scores(classifier, &batches(input, test, &clips), clips.len())?;
    Ok(Some(named(test, &clips, rows)))
}

/// Distributions `(clips, classes)` with the clips' names.
fn named(split: &Split, clips: &[usize], rows: Array2<f64>) -> ClipScores {
    let name = |&clip: &usize| split.clips[clip].filename.clone();
    ClipScores {
        clips: clips.iter().map(name).collect(),
        rows: ScoreRows::Distribution(rows),
    }
}

/// The held-out clips, gathered once.
struct HeldOut<'a> {
    batches: Vec<Arc<PackedRows<f32>>>,
    truths: Vec<Blend>,
    targets: Array2<f64>,
    classes: &'a Classes,
    decode: &'a DecodeConfig,
}

impl<'a> HeldOut<'a> {
    fn new(
        dataset: &'a Dataset,
        clips: &[usize],
        input: &Input,
        decode: &'a DecodeConfig,
    ) -> Result<Self> {
        let (split, classes) = (&dataset.train, &dataset.classes);
        let truth = |&clip: &usize| {
            let clip = &split.clips[clip];
            clip.truth.clone().ok_or_else(|| unlabelled(&clip.filename))
        };
        Ok(Self {
            batches: batches(input, split, clips),
            truths: clips.iter().map(truth).collect::<Result<_>>()?,
            targets: targets(split, clips, classes.len())?,
            classes,
            decode,
        })
    }

    fn score(
        &self,
        spec: &BaselineSpec,
        classifier: &Classifier,
        epoch: usize,
    ) -> Result<Array2<f64>> {
        let rows = scores(classifier, &self.batches, self.truths.len())?;
        if rows.iter().any(|p| !p.is_finite()) {
            return Err(not_finite("score", spec, epoch, None));
        }
        Ok(rows)
    }

    fn loss(&self, rows: &Array2<f64>) -> Result<f64> {
        let measures = Measures::of_rows(self.targets.view(), rows.view())?;
        Ok(Measures::mean(&measures).map_or(f64::NAN, |mean| mean.kullback_leibler))
    }

    fn choose(&self, rows: &Array2<f64>) -> Result<(ChosenThresholds, Cell)> {
        choose_on_rows(self.decode, self.classes, rows.view(), &self.truths)
    }

    /// How good an epoch is, given the best cell of its thresholds and its divergence.
    fn merit(&self, cell: &Cell, loss: f64) -> f64 {
        match Objective::of(self.decode) {
            Objective::Divergence => -loss,
            _ => cell.score,
        }
    }
}

fn batches(input: &Input, split: &Split, clips: &[usize]) -> Vec<Arc<PackedRows<f32>>> {
    let gather = |clips| input.gather(split, clips);
    clips.chunks(BATCH).map(gather).collect()
}

fn scores(
    classifier: &Classifier,
    batches: &[Arc<PackedRows<f32>>],
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

/// Soft labels `(clips, classes)`.
fn targets(split: &Split, clips: &[usize], classes: usize) -> Result<Array2<f64>> {
    let mut targets = Array2::zeros((clips.len(), classes));
    for (mut row, &clip) in targets.rows_mut().into_iter().zip(clips) {
        let clip = &split.clips[clip];
        let target = clip
            .target
            .as_ref()
            .ok_or_else(|| unlabelled(&clip.filename))?;
        row.iter_mut().zip(target).for_each(|(to, y)| *to = *y);
    }
    Ok(targets)
}

/// −Σ y ln y in nats: what lies between the cross-entropy and the Kullback-Leibler divergence.
fn entropy(y: ArrayView1<'_, f64>) -> f64 {
    let terms = y.iter().filter(|y| **y > 0.0);
    -terms.map(|y| y * y.ln()).sum::<f64>()
}

fn unlabelled(clip: &str) -> Error {
    Error::Unlabelled {
        clip: Some(clip.to_owned()),
        purpose: "to train on",
    }
}

/// Clips whose features were filled in.
fn warnings(baseline: &Baseline<'_>, encoders: &[usize]) -> Vec<String> {
    let dataset = baseline.dataset;
    let splits = [Some(&dataset.train), dataset.test.as_ref()];
    let missing = |&encoder: &usize| {
        let lacking = |split: &&Split| split.rows(encoder).iter().filter(|r| r.is_none()).count();
        let count: usize = splits.iter().flatten().map(lacking).sum();
        (count > 0).then(|| {
            format!(
                "{count} clips lack the encoder {}: baselines see the mean of the training clips there",
                dataset.encoders[encoder].name
            )
        })
    };
    encoders.iter().filter_map(missing).collect()
}
