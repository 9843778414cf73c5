//! What a threshold search maximises.

use ndarray::{Array2, ArrayView2};

use super::distribution::Measures;
use super::metrics::Accuracy;
use super::mixtures::Mixtures;
use crate::Result;
use crate::config::{DecodeConfig, Monitor, Proportions};
use crate::data::label::Blend;

/// What a threshold search maximises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Objective {
    /// w · ACC_presence + (1 − w) · ACC_salience; ACC_presence alone where ACC_salience is undefined.
    Accuracies {
        /// w in [0, 1]; 0.5 in the paper and the challenge.
        presence_weight: f64,
    },
    /// ACC_presence.
    Presence,
    /// The mean overlap of true and decoded shares.
    Overlap,
    /// First the alignment with the lowest Kullback-Leibler divergence from the labels, then for it the
    /// thresholds with the highest overlap.
    Divergence,
}

/// The challenge's.
pub(super) const AVERAGE: Objective = Objective::Accuracies {
    presence_weight: 0.5,
};

impl Objective {
    /// The one that fits what a configuration decodes to: the mean of both accuracies for the challenge's
    /// sets and others of at most two emotions at levels, ACC_presence where shares are always equal, and
    /// the overlap otherwise; the divergence where β is open, which it is for label distributions.
    pub fn of(config: &DecodeConfig) -> Self {
        let mixtures = Mixtures::of(config);
        if mixtures == Mixtures::challenge() {
            return AVERAGE;
        }
        if config.beta.is_none() {
            return Self::Divergence;
        }
        let levels = match &config.proportions {
            Proportions::Levels(levels) => levels,
            _ if mixtures.most() == 1 => return Self::Presence,
            _ => return Self::Overlap,
        };
        let unequal = |level: &Vec<f64>| {
            let highest = level.iter().copied().fold(0.0, f64::max);
            let lowest = level.iter().copied().fold(f64::INFINITY, f64::min);
            highest - lowest > 1.0
        };
        match (levels.iter().any(unequal), mixtures.most()) {
            (false, _) | (_, 1) => Self::Presence,
            (true, 2) => AVERAGE,
            _ => Self::Overlap,
        }
    }

    /// The measure that it is, as a model is judged by it.
    pub fn measure(self) -> Monitor {
        match self {
            Self::Accuracies { .. } => Monitor::Average,
            Self::Presence => Monitor::Presence,
            Self::Overlap => Monitor::Overlap,
            Self::Divergence => Monitor::Kl,
        }
    }

    /// Whether shares in common are counted.
    pub fn is_of_overlap(self) -> bool {
        matches!(self, Self::Overlap | Self::Divergence)
    }

    /// The score of decoded clips; `salience_defined`: whether some truth has exactly two emotions.
    pub(super) fn score(self, accuracy: &Accuracy, overlap: f64, salience_defined: bool) -> f64 {
        match self {
            Self::Accuracies { presence_weight } if salience_defined => {
                accuracy.weighted(presence_weight)
            }
            Self::Accuracies { .. } | Self::Presence => accuracy.weighted(1.0),
            Self::Overlap | Self::Divergence => overlap,
        }
    }
}

/// The mean Kullback-Leibler divergence of aligned rows from the labels.
pub(super) fn divergence(rows: ArrayView2<'_, f64>, truths: &[Blend]) -> Result<f64> {
    let mut targets = Array2::zeros(rows.dim());
    for (mut row, truth) in targets.rows_mut().into_iter().zip(truths) {
        let shares = truth.to_distribution(row.len());
        row.iter_mut()
            .zip(shares)
            .for_each(|(to, share)| *to = share);
    }
    let measures = Measures::of_rows(targets.view(), rows)?;
    Ok(Measures::mean(&measures).map_or(f64::NAN, |mean| mean.kullback_leibler))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MaxEmotions;

    #[test]
    fn follows_what_is_decoded() {
        let of = |most: usize, proportions: Proportions, beta: Option<f64>| {
            Objective::of(&DecodeConfig {
                max_emotions: MaxEmotions::AtMost(most),
                proportions,
                beta,
                ..DecodeConfig::default()
            })
        };
        let levels = |levels: &[&[f64]]| {
            Proportions::Levels(levels.iter().map(|level| level.to_vec()).collect())
        };
        let one = Some(1.0);
        assert_eq!(of(2, Proportions::challenge(), one), AVERAGE);
        assert_eq!(of(2, levels(&[&[60.0, 40.0]]), one), AVERAGE);
        assert_eq!(of(1, levels(&[]), one), Objective::Presence);
        let equal = levels(&[&[50.0, 50.0], &[33.4, 33.3, 33.3]]);
        assert_eq!(of(3, equal, one), Objective::Presence);
        let three = levels(&[&[50.0, 30.0, 20.0]]);
        assert_eq!(of(3, three, one), Objective::Overlap);
        assert_eq!(of(2, Proportions::Continuous, one), Objective::Overlap);
        assert_eq!(of(6, Proportions::Continuous, None), Objective::Divergence);
    }
}
