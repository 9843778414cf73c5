//! The scores of a network on the validation fold: losses, thresholds, official accuracies.

use ndarray::Array2;

use crate::artifact::description::ChosenThresholds;
use crate::config::Monitor;
use crate::data::dataset::{Dataset, Split};
use crate::data::label::{Blend, Classes};
use crate::data::standardise::Scaling;
use crate::error::{Error, Result};
use crate::eval::align::{USUAL_ALPHA, align};
use crate::eval::distribution::Measures;
use crate::eval::metrics::Accuracy;
use crate::eval::objective::Objective;
use crate::eval::overlap::mean_overlap;
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
    /// Mean overlap of the labels and the decoded shares; none for tasks that do not follow it.
    pub overlap: Option<f64>,
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

    /// What the clips show.
    pub fn truths(&self) -> &[Blend] {
        &self.truths
    }

    /// Whether ACC_salience is defined: some clip shows exactly two emotions.
    pub fn has_blends(&self) -> bool {
        self.truths.iter().any(|truth| truth.parts().len() == 2)
    }

    /// Validates a network on the training split as the network takes it.
    ///
    /// # Errors
    /// As [`Scoring::with_losses`] and [`choose`].
    pub fn validate(
        &self,
        net: &FusionNet<f32>,
        split: &Split,
        classes: &Classes,
        scaling: Option<Scaling<'_>>,
    ) -> Result<Validation> {
        let scoring = Scoring {
            net,
            layers: net.folded().into(),
            scaling,
            dropped: &[],
            alignment: USUAL_ALPHA.into(),
        };
        let (scores, losses) = scoring.with_losses(split, &self.clips)?;
        let (thresholds, accuracy) = choose(
            &net.config().decode,
            classes,
            scores.presence.view(),
            scores.salience.view(),
            &self.truths,
        )?;
        let aligned = align(
            scores.presence.view(),
            scores.salience.view(),
            thresholds.alignment(),
        )?;
        let measures = Measures::of_rows(self.targets.view(), aligned.view())?;
        let kl = Measures::mean(&measures).map_or(f64::NAN, |mean| mean.kullback_leibler);
        let config = net.config();
        let follows = config.train.monitor == Monitor::Overlap
            || Objective::of(&config.decode).is_of_overlap();
        let overlap = match follows {
            true => {
                let decoder = thresholds.decoder(&config.decode);
                let decided = decoder.decode(aligned.view(), classes)?;
                mean_overlap(self.truths.iter().zip(&decided))
            }
            false => None,
        };
        Ok(Validation {
            losses: losses.unwrap_or_default(),
            accuracy,
            kl,
            overlap,
            thresholds,
            gate_weights: scores.gate_weights,
        })
    }
}

impl Validation {
    /// The measure that decides which epoch is best.
    pub fn monitored(&self, monitor: Monitor) -> f64 {
        match monitor {
            Monitor::Auto | Monitor::Average => self.accuracy.average(),
            Monitor::Loss => self.losses.task,
            Monitor::Presence => self.accuracy.presence().unwrap_or(0.0),
            Monitor::Salience => self.accuracy.salience().unwrap_or(0.0),
            Monitor::Overlap => self.overlap.unwrap_or(0.0),
            Monitor::Kl => self.kl,
        }
    }
}
