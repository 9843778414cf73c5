//! The loop that trains a classifier as the challenge's `trainer.py` does.

use std::sync::Arc;

use ndarray::{Array2, ArrayView1, Axis, Slice};

use super::classifier::{Classifier, adam};
use super::input::Input;
use super::{Baseline, BaselineEpoch, BaselineOutcome, BaselineSpec};
use crate::artifact::checkpoint::ChosenThresholds;
use crate::config::DecodeConfig;
use crate::data::batch::epoch_order;
use crate::data::dataset::Split;
use crate::data::label::{Blend, Classes};
use crate::error::{Error, Result};
use crate::eval::distribution::Measures;
use crate::eval::objective::Objective;
use crate::eval::thresholds::Cell;
use crate::kernels::layout::PackedRows;
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
        stop,
    } = *baseline;
    let BaselineSpec::Encoders { model, .. } = spec else {
        return Err(Error::Data(format!("baseline {spec} is not trained")));
    };
    recipe.check()?;
    let encoders = spec.encoders(dataset)?;
    let input = Input::fit(dataset, &encoders, train);
    let mut classifier = Classifier::new(*model, input.cols, dataset.classes.len(), seed);
    let mut adam = adam(recipe);
    let decode = spec.decode(&dataset.task());
    let held_out = (!validation.is_empty())
        .then(|| {
            HeldOut::new(
                &dataset.train,
                validation,
                &input,
                (&dataset.classes, &decode),
            )
        })
        .transpose()?;
    let mut history: Vec<BaselineEpoch> = Vec::new();
    // The classifier of the best epoch and what it says of the held-out clips.
    let mut best: Option<(Classifier, Array2<f64>, BaselineEpoch)> = None;
    let mut highest: Option<f64> = None;
    for epoch in 1..=recipe.epochs {
        let not_finite = |what: &str, batch| Error::NonFinite {
            what: format!("the {what} of baseline {spec}"),
            epoch: Some(epoch),
            batch,
            advice: "; check for extreme features, or use a lower learning rate".into(),
        };
        let (mut sum, order) = (0.0, epoch_order(train, seed, epoch - 1, true));
        for (batch, clips) in order.chunks(recipe.batch_size).enumerate() {
            if stop.is_asked() {
                return Err(Error::Interrupted(format!("in epoch {epoch} of {spec}")));
            }
            let targets = targets(&dataset.train, clips, dataset.classes.len())?;
            let entropy: f64 = targets.rows().into_iter().map(entropy).sum();
            let x = input.gather(&dataset.train, clips);
            let loss = classifier.step(&mut adam, x, targets.mapv(|y| y as f32))?;
            if !loss.is_finite() {
                return Err(not_finite("loss", Some(batch + 1)));
            }
            sum += loss * clips.len() as f64 - entropy;
        }
        let mut record = BaselineEpoch {
            epoch,
            train_loss: sum / order.len() as f64,
            val_loss: None,
            accuracy: None,
            thresholds: None,
            best: held_out.is_none(),
        };
        if let Some(held_out) = &held_out {
            let rows = scores(&classifier, &held_out.batches, validation.len())?;
            if rows.iter().any(|p| !p.is_finite()) {
                return Err(not_finite("score", None));
            }
            let (thresholds, cell) = held_out.choose(&rows)?;
            let loss = held_out.loss(&rows)?;
            record.val_loss = Some(loss);
            record.thresholds = Some(thresholds);
            record.accuracy = Some(cell.accuracy);
            let score = match Objective::of(&decode) {
                Objective::Divergence => -loss,
                _ => cell.score,
            };
            record.best = highest.is_none_or(|highest| score > highest);
            if record.best {
                highest = Some(score);
                best = Some((classifier.clone(), rows, record));
            }
        }
        observer(&record);
        history.push(record);
    }
    let last = |record: Option<&BaselineEpoch>| record.copied();
    let (classifier, rows, record) = match best {
        Some((classifier, rows, record)) => (classifier, Some(rows), Some(record)),
        None => (classifier, None, last(history.last())),
    };
    let named = |split: &Split, clips: &[usize], rows| ClipScores {
        clips: clips
            .iter()
            .map(|&clip| split.clips[clip].filename.clone())
            .collect(),
        rows: ScoreRows::Distribution(rows),
    };
    let test = match &dataset.test {
        None => None,
        Some(test) => {
            let clips: Vec<usize> = (0..test.len()).collect();
            let rows = scores(&classifier, &batches(&input, test, &clips), clips.len())?;
            Some(named(test, &clips, rows))
        }
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
        test,
        history,
        warnings: warnings(baseline, &encoders),
    })
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
        split: &Split,
        clips: &[usize],
        input: &Input,
        (classes, decode): (&'a Classes, &'a DecodeConfig),
    ) -> Result<Self> {
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

    fn loss(&self, rows: &Array2<f64>) -> Result<f64> {
        let measures = Measures::of_rows(self.targets.view(), rows.view())?;
        Ok(Measures::mean(&measures).map_or(f64::NAN, |mean| mean.kullback_leibler))
    }

    fn choose(&self, rows: &Array2<f64>) -> Result<(ChosenThresholds, Cell)> {
        choose_on_rows(self.decode, self.classes, rows.view(), &self.truths)
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
    Error::Data(format!("clip {clip} has no label; a baseline needs one"))
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
