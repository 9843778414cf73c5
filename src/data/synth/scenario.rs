//! The difficulty of a synthetic data set.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How well encoders see the clips; the defaults are those of every preset.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `blind` | one in six, at least one of four or more | number of encoders that see nothing of the emotion | below the number of encoders |
/// | `hidden` | 0.2 | share of clips whose face is hidden, and share of clips whose voice is masked | [0, 0.5] |
/// | `lost` | 0 | share of clips on which each other encoder sees nothing, drawn clip by clip | [0, 1) |
/// | `distraction` | 0 | how strongly an obstructed family sees another emotion instead | [0, 2] |
/// | `domain_shift` | 0.4 | length of the shift of the whole test split in each family's factors | [0, 10] |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Number of encoders that see nothing of the emotion; `None`: one in six.
    pub blind: Option<usize>,
    /// Share of clips whose face is hidden, and share of clips whose voice is masked.
    pub hidden: f64,
    /// Share of clips on which each encoder that is not blind sees nothing.
    pub lost: f64,
    /// How strongly an obstructed family sees another emotion instead: another person's face or voice. In
    /// units of what it would have seen. If it is above 0, the obstructed family carries no sign of the
    /// obstruction, but all other families do.
    pub distraction: f64,
    /// Length of the shift of the test split. A class of full usefulness has length 3.6, an actor's
    /// appearance a spread of 0.5 in each of eight factors (0.7 for test actors).
    pub domain_shift: f64,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            blind: None,
            hidden: 0.2,
            lost: 0.0,
            distraction: 0.0,
            domain_shift: 0.4,
        }
    }
}

impl Scenario {
    /// The number of blind encoders among `encoders`.
    pub fn blind_of(&self, encoders: usize) -> usize {
        match self.blind {
            Some(count) => count,
            None if encoders < 4 => 0,
            None => (encoders / 6).max(1),
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Config`] naming the value.
    pub fn check(&self, encoders: usize) -> Result<()> {
        let fault = |field: &str, reason: String| {
            Err(Error::Config {
                field: format!("synth.{field}"),
                reason,
            })
        };
        if self.blind.is_some_and(|blind| blind >= encoders) {
            return fault(
                "blind",
                format!(
                    "found {}, expected fewer than the {encoders} encoders: at least one must see something",
                    self.blind.unwrap_or_default()
                ),
            );
        }
        if !(0.0..=0.5).contains(&self.hidden) {
            return fault(
                "hidden",
                format!("found {}, expected a share from 0 to 0.5", self.hidden),
            );
        }
        if !(0.0..1.0).contains(&self.lost) {
            return fault(
                "lost",
                format!("found {}, expected a share from 0 to below 1", self.lost),
            );
        }
        if !(0.0..=2.0).contains(&self.distraction) {
            return fault(
                "distraction",
                format!(
                    "found {}, expected a strength from 0 to 2",
                    self.distraction
                ),
            );
        }
        if !(0.0..=10.0).contains(&self.domain_shift) {
            return fault(
                "domain_shift",
                format!(
                    "found {}, expected a length from 0 to 10",
                    self.domain_shift
                ),
            );
        }
        Ok(())
    }
}
