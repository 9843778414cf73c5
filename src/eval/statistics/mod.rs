//! How sure a score is: confidence intervals and comparisons that know that the clips of one actor
//! are not independent.
//!
//! Everything is computed from official counts per actor, and sums of the main measure of other tasks
//! ([`ActorScores`]): an actor is drawn, or
//! exchanged, with all of their clips. What is resampled is the clips and the seeds of training, never
//! the training itself: an interval tells how the score of these models would vary over other actors
//! like these, and where there are several seeds over other seeds, but not how other training clips
//! would have changed the models. In cross-validation the thresholds are chosen on the clips that are
//! scored, so that absolute scores are slightly optimistic; this does not affect a comparison of two configurations.

mod actors;
mod bootstrap;
mod comparison;
pub mod correlation;
mod draws;
mod normal;
mod permutation;

pub use actors::{ActorScores, Grouping, ScoredClip, Unit};
pub use bootstrap::{Interval, Intervals, intervals, intervals_with};
pub use comparison::{
    Comparison, Difference, MainDifference, Verdict, compare, compare_with, holm, holm_levels,
    main_difference,
};
pub use draws::Draws;
pub use permutation::{Method, SignFlip, sign_flip_test};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How intervals and p-values are computed.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `seed` | 0 | of all draws | |
/// | `resamples` | 10,000 | bootstrap samples | ≥ 100 |
/// | `level` | 0.95 | confidence of the intervals | (0, 1) |
/// | `exact_up_to` | 18 | actors up to which all exchanges are enumerated | ≤ 24 |
/// | `exchanges` | 99,999 | random exchanges where there are more actors | ≥ 99 |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resampling {
    /// Of all draws.
    pub seed: u64,
    /// Bootstrap samples.
    pub resamples: usize,
    /// Confidence of the intervals.
    pub level: f64,
    /// Actors up to which all exchanges of two configurations are enumerated.
    pub exact_up_to: usize,
    /// Random exchanges where there are more actors.
    pub exchanges: usize,
}

impl Default for Resampling {
    fn default() -> Self {
        Self {
            seed: 0,
            resamples: 10_000,
            level: 0.95,
            exact_up_to: 18,
            exchanges: 99_999,
        }
    }
}

impl Resampling {
    /// Refuses what cannot be computed with.
    ///
    /// # Errors
    /// [`Error::Config`] naming the value.
    pub fn check(&self) -> Result<()> {
        let fault = |field: &str, reason: String| {
            Err(Error::Config {
                field: format!("statistics.{field}"),
                reason,
            })
        };
        if self.resamples < 100 {
            return fault(
                "resamples",
                format!("found {}, expected 100 or more", self.resamples),
            );
        }
        if !(self.level > 0.0 && self.level < 1.0) {
            return fault(
                "level",
                format!("found {}, expected a share between 0 and 1", self.level),
            );
        }
        if self.exact_up_to > 24 {
            return fault(
                "exact_up_to",
                format!("found {}, expected 24 or less", self.exact_up_to),
            );
        }
        if self.exchanges < 99 {
            return fault(
                "exchanges",
                format!("found {}, expected 99 or more", self.exchanges),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod main_measure_tests;
#[cfg(test)]
mod tests;
