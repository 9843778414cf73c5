//! The scores of a network on the validation fold: losses, thresholds, official accuracies.

use ndarray::Array2;

use crate::artifact::checkpoint::ChosenThresholds;
use crate::config::Monitor;
use crate::data::dataset::Dataset;
use crate::data::label::Blend;
use crate::data::standardise::ColumnStats;
use crate::error::{Error, Result};
use crate::eval::align::{USUAL_ALPHA, align};
use crate::eval::distribution::Measures;
use crate::eval::metrics::Accuracy;
use crate::model::FusionNet;
use crate::predict::decoding::choose;
use crate::predict::score::{MeanLosses, Scoring};

/// One epoch's validation.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// Mean losses over the fold's clips.
    pub losses: MeanLosses,
    /// The counts from which the accuracies at the thresholds follow.
    pub accuracy: Accuracy,
    /// Kullback-Leibler divergence of aligned scores from the truth, mean over clips.
    pub kl: f64,
    /// Thresholds chosen on this fold.
    pub thresholds: ChosenThresholds,
    /// a `(N, M)`: the gate's weights before selection.
    pub gate_weights: Array2<f64>,
}

/// The clips of a validation fold with their truths.
#[derive(Clone, Debug)]
pub struct ValidationFold {
    clips: Vec<usize>,
    truths: Vec<Blend>,
    targets: Array2<f64>,
}

impl ValidationFold {
    /// The given clips of the training split.
    ///
    /// # Errors
    /// [`Error::Unlabelled`].
    pub fn new(dataset: &Dataset, clips: Vec<usize>) -> Result<Self> {
        let mut truths = Vec::with_capacity(clips.len());
        let mut targets = Array2::zeros((clips.len(), dataset.classes.len()));
        for (mut row, &clip) in targets.rows_mut().into_iter().zip(&clips) {
            let clip = &dataset.train.clips[clip];
            let (Some(truth), Some(target)) = (&clip.truth, &clip.target) else {
                return Err(Error::Unlabelled {
                    clip: Some(clip.filename.clone()),
                    purpose: "to validate against",
                });
            };
            truths.push(truth.clone());
            row.iter_mut()
                .zip(target)
                .for_each(|(to, share)| *to = *share);
        }
        Ok(Self {
            clips,
            truths,
            targets,
        })
    }

    /// The clips.
    pub fn clips(&self) -> &[usize] {
        &self.clips
    }

    /// Whether ACC_salience is defined: at least one clip shows exactly two emotions.
    pub fn has_blends(&self) -> bool {
        self.truths.iter().any(|truth| truth.parts().len() == 2)
    }

    /// Validates a network.
    ///
    /// # Errors
    /// As [`Scoring::with_losses`] and [`choose`].
    pub fn validate(
        &self,
        net: &FusionNet<f32>,
        dataset: &Dataset,
        stats: Option<&[ColumnStats]>,
    ) -> Result<Validation> {
        let scoring = Scoring {
            net,
            stats,
            dropped: &[],
            alpha: USUAL_ALPHA,
        };
        let (scores, losses) = scoring.with_losses(&dataset.train, &self.clips)?;
        let (thresholds, accuracy) = choose(
            &net.config().decode,
            &dataset.classes,
            scores.presence.view(),
            scores.salience.view(),
            &self.truths,
        )?;
        let aligned = align(
            scores.presence.view(),
            scores.salience.view(),
            thresholds.alpha,
        )?;
        let measures = Measures::of_rows(self.targets.view(), aligned.view())?;
        let kl = Measures::mean(&measures).map_or(f64::NAN, |mean| mean.kullback_leibler);
        Ok(Validation {
            losses: losses.unwrap_or_default(),
            accuracy,
            kl,
            thresholds,
            gate_weights: scores.gate_weights,
        })
    }
}

impl Validation {
    /// The measure that decides which epoch is best.
    pub fn monitored(&self, monitor: Monitor) -> f64 {
        match monitor {
            Monitor::Average => self.accuracy.average(),
            Monitor::Loss => self.losses.task,
            Monitor::Presence => self.accuracy.presence().unwrap_or(0.0),
            Monitor::Salience => self.accuracy.salience().unwrap_or(0.0),
            Monitor::Kl => self.kl,
        }
    }
}
