//! Lowers the learning rate when a measure stops improving, as
//! `torch.optim.lr_scheduler.ReduceLROnPlateau`.

#[cfg(feature = "files")]
use serde::{Deserialize, Serialize};

/// Whether the measure should fall or rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "files", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "files", serde(rename_all = "lowercase"))]
pub enum Direction {
    /// Lower is better.
    Min,
    /// Higher is better.
    Max,
}

/// What the threshold is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "files", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "files", serde(rename_all = "lowercase"))]
pub enum ThresholdMode {
    /// As a share of the best value.
    Rel,
    /// As a distance from the best value.
    Abs,
}

/// Settings, with PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlateauConfig {
    /// Whether the measure should fall or rise.
    pub mode: Direction,
    /// What the learning rate is multiplied by.
    pub factor: f64,
    /// Epochs without improvement before the learning rate is reduced.
    pub patience: usize,
    /// What counts as an improvement.
    pub threshold: f64,
    /// What the threshold is relative to.
    pub threshold_mode: ThresholdMode,
    /// Epochs after a reduction in which none is counted as bad.
    pub cooldown: usize,
    /// The learning rate falls no lower.
    pub min_lr: f64,
    /// Reductions smaller than this are not made.
    pub eps: f64,
}

impl Default for PlateauConfig {
    fn default() -> Self {
        Self {
            mode: Direction::Min,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            threshold_mode: ThresholdMode::Rel,
            cooldown: 0,
            min_lr: 0.0,
            eps: 1e-8,
        }
    }
}

/// The schedule's state; serialisable, to resume.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "files", derive(Serialize, Deserialize))]
pub struct Plateau {
    #[cfg_attr(feature = "files", serde(skip))]
    config: PlateauConfig,
    // `None` is the infinity that any value beats (JSON has none).
    best: Option<f64>,
    bad_epochs: usize,
    cooldown: usize,
}

impl Plateau {
    /// A schedule that has seen nothing.
    pub fn new(config: PlateauConfig) -> Self {
        Self {
            config,
            best: None,
            bad_epochs: 0,
            cooldown: 0,
        }
    }

    /// The same state under these settings, after deserialisation.
    pub fn with_config(mut self, config: PlateauConfig) -> Self {
        self.config = config;
        self
    }

    /// Records an epoch's measure and returns the learning rate for the next. NaN is not an
    /// improvement.
    pub fn step(&mut self, measure: f64, lr: f64) -> f64 {
        if self.improves(measure) {
            self.best = Some(measure);
            self.bad_epochs = 0;
        } else {
            self.bad_epochs += 1;
        }
        if self.cooldown > 0 {
            self.cooldown -= 1;
            self.bad_epochs = 0;
        }
        if self.bad_epochs <= self.config.patience {
            return lr;
        }
        self.cooldown = self.config.cooldown;
        self.bad_epochs = 0;
        let reduced = (lr * self.config.factor).max(self.config.min_lr);
        if lr - reduced > self.config.eps {
            reduced
        } else {
            lr
        }
    }

    fn improves(&self, measure: f64) -> bool {
        let PlateauConfig {
            mode,
            threshold,
            threshold_mode,
            ..
        } = self.config;
        let worst = if mode == Direction::Min {
            f64::INFINITY
        } else {
            f64::NEG_INFINITY
        };
        let best = self.best.unwrap_or(worst);
        match (mode, threshold_mode) {
            (Direction::Min, ThresholdMode::Rel) => measure < best * (1.0 - threshold),
            (Direction::Min, ThresholdMode::Abs) => measure < best - threshold,
            (Direction::Max, ThresholdMode::Rel) => measure > best * (1.0 + threshold),
            (Direction::Max, ThresholdMode::Abs) => measure > best + threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(config: PlateauConfig, measures: &[f64]) -> Vec<f64> {
        let mut plateau = Plateau::new(config);
        let mut lr = 1.0;
        measures
            .iter()
            .map(|&measure| {
                lr = plateau.step(measure, lr);
                lr
            })
            .collect()
    }

    #[test]
    fn reduces_after_more_than_patience_bad_epochs() {
        let config = PlateauConfig {
            factor: 0.5,
            patience: 1,
            ..PlateauConfig::default()
        };
        assert_eq!(
            rates(config, &[1.0, 1.0, 1.0, 1.0, 1.0]),
            [1.0, 1.0, 0.5, 0.5, 0.25]
        );
        // An improvement below the threshold does not count; a clear one restarts the count.
        assert_eq!(
            rates(config, &[1.0, 0.99999, 0.5, 0.6, 0.6]),
            [1.0, 1.0, 1.0, 1.0, 0.5]
        );
    }

    #[test]
    fn cooldown_min_lr_and_nan() {
        let config = PlateauConfig {
            factor: 0.5,
            patience: 0,
            cooldown: 2,
            min_lr: 0.3,
            ..PlateauConfig::default()
        };
        assert_eq!(
            rates(config, &[1.0, 2.0, 2.0, 2.0, 2.0, 2.0]),
            [1.0, 0.5, 0.5, 0.5, 0.3, 0.3]
        );
        assert_eq!(rates(config, &[1.0, f64::NAN]), [1.0, 0.5]);
    }

    #[test]
    fn a_rising_measure_is_better_in_max_mode() {
        let config = PlateauConfig {
            mode: Direction::Max,
            threshold_mode: ThresholdMode::Abs,
            threshold: 0.1,
            factor: 0.5,
            patience: 0,
            ..PlateauConfig::default()
        };
        assert_eq!(rates(config, &[0.5, 0.7, 0.75]), [1.0, 1.0, 0.5]);
    }
}
