//! The clips on which a baseline is scored: their labels, and the thresholds that suit scores of them.

use ndarray::Array2;

use crate::artifact::description::ChosenThresholds;
use crate::config::DecodeConfig;
use crate::data::dataset::{Dataset, Split};
use crate::data::label::{Blend, Classes};
use crate::error::{Error, Result};
use crate::eval::distribution::Measures;
use crate::eval::objective::Objective;
use crate::eval::thresholds::Cell;
use crate::predict::clip_scores::{ClipScores, ScoreRows};
use crate::predict::decoding::choose_on_rows;

/// The labels of held-out clips.
pub struct HeldOut<'a> {
    truths: Vec<Blend>,
    targets: Array2<f64>,
    classes: &'a Classes,
    decode: &'a DecodeConfig,
}

impl<'a> HeldOut<'a> {
    /// Of these training clips, whose scores are decoded as configured.
    ///
    /// # Errors
    /// [`Error::Unlabelled`].
    pub fn new(
        dataset: &'a Dataset<'a>,
        clips: &[usize],
        decode: &'a DecodeConfig,
    ) -> Result<Self> {
        let (split, classes) = (&dataset.train, &dataset.classes);
        let truth = |&clip: &usize| {
            let clip = &split.clips[clip];
            clip.truth.clone().ok_or_else(|| unlabelled(&clip.filename))
        };
        Ok(Self {
            truths: clips.iter().map(truth).collect::<Result<_>>()?,
            targets: targets(split, clips, classes.len())?,
            classes,
            decode,
        })
    }

    /// How many clips.
    pub fn len(&self) -> usize {
        self.truths.len()
    }

    /// Mean Kullback-Leibler divergence of distributions from the labels, in nats.
    ///
    /// # Errors
    /// As [`Measures::of_rows`].
    pub fn loss(&self, rows: &Array2<f64>) -> Result<f64> {
        let measures = Measures::of_rows(self.targets.view(), rows.view())?;
        Ok(Measures::mean(&measures).map_or(f64::NAN, |mean| mean.kullback_leibler))
    }

    /// The thresholds that suit these distributions best, with what they reach.
    ///
    /// # Errors
    /// As [`choose_on_rows`].
    pub fn choose(&self, rows: &Array2<f64>) -> Result<(ChosenThresholds, Cell)> {
        choose_on_rows(self.decode, self.classes, rows.view(), &self.truths)
    }

    /// How good an epoch is, given the best cell of its thresholds and its divergence.
    pub fn merit(&self, cell: &Cell, loss: f64) -> f64 {
        match Objective::of(self.decode) {
            Objective::Divergence => -loss,
            _ => cell.score,
        }
    }
}

/// Distributions `(clips, classes)` with the clips' names.
pub fn named(split: &Split, clips: &[usize], rows: Array2<f64>) -> ClipScores {
    let name = |&clip: &usize| split.clips[clip].filename.clone();
    ClipScores {
        clips: clips.iter().map(name).collect(),
        rows: ScoreRows::Distribution(rows),
    }
}

/// Soft labels `(clips, classes)`.
///
/// # Errors
/// [`Error::Unlabelled`].
pub fn targets(split: &Split, clips: &[usize], classes: usize) -> Result<Array2<f64>> {
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

fn unlabelled(clip: &str) -> Error {
    Error::Unlabelled {
        clip: Some(clip.to_owned()),
        purpose: "to train on",
    }
}

/// Clips whose features were filled in, one line per encoder.
pub fn filled_in(dataset: &Dataset, encoders: &[usize]) -> Vec<String> {
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
