//! What decides over emotions besides the scores: the rules and the two thresholds.

use crate::config::{DecodeConfig, DecodeRules, NeutralRule};
use crate::{Error, Result};

/// Which rules turn a row of probabilities into at most two emotions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// The paper's (eqs. 15 and 16), on the aligned distribution f.
    Paper {
        /// What happens to the rest when neutral loses its competition.
        neutral: NeutralRule,
    },
    /// The BlEmoRE baseline's (`get_top_2_predictions`, then `probs2dict`), on a distribution p.
    Challenge,
}

impl Default for Rules {
    /// The paper's, where a beaten neutral is dropped and decoding goes on.
    fn default() -> Self {
        Rules::Paper {
            neutral: NeutralRule::Drop,
        }
    }
}

impl Rules {
    /// The rules that a configuration names.
    pub fn of(config: &DecodeConfig) -> Self {
        match config.rules {
            DecodeRules::Paper => Rules::Paper {
                neutral: config.neutral,
            },
            DecodeRules::Challenge => Rules::Challenge,
        }
    }
}

/// The two thresholds of decoding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// t_p: an emotion below it is suppressed; one exactly at it stays. In [0, 1] to be of use.
    pub presence: f64,
    /// t_s: 50/50 up to and including it. Paper rules: on |r − 0.5|, of use in [0, 0.5]; challenge
    /// rules: on the difference of the two probabilities, of use in [0, 1].
    pub salience: f64,
}

impl Thresholds {
    /// Whether an emotion of this probability passes the presence threshold; one of 0 never does.
    pub(super) fn keep(&self, probability: f64) -> bool {
        probability > 0.0 && probability >= self.presence
    }

    /// Refuses thresholds that are not finite. Others are taken as they are: above 1 nothing
    /// survives the presence threshold, below 0 nothing is ever 50/50.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key.
    pub fn check(&self) -> Result<()> {
        let named = [
            ("decode.presence_threshold", self.presence),
            ("decode.salience_threshold", self.salience),
        ];
        match named.iter().find(|(_, value)| !value.is_finite()) {
            None => Ok(()),
            Some((field, value)) => Err(Error::Config {
                field: (*field).into(),
                reason: format!("found {value}, expected a finite number"),
            }),
        }
    }
}
