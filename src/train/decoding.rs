//! From the configuration's words to the decoding rules, and the choice of thresholds.

use ndarray::ArrayView2;

use super::checkpoint::ChosenThresholds;
use crate::data::label::{Blend, Classes};
use crate::error::Result;
use crate::eval::decode::{NeutralRule, Rules, Thresholds};
use crate::eval::grid::Grid;
use crate::eval::metrics::Accuracy;
use crate::eval::thresholds::Searcher;
use crate::model::config::{self, DecodeConfig, DecodeRules};

/// Weight of ACC_presence when thresholds are chosen; ACC_salience has the rest.
pub const PRESENCE_WEIGHT: f64 = 0.5;

/// The rules that a configuration names.
pub fn rules(config: &DecodeConfig) -> Rules {
    match config.rules {
        DecodeRules::Paper => Rules::Paper {
            neutral: match config.neutral {
                config::NeutralRule::Drop => NeutralRule::DropAndGoOn,
                config::NeutralRule::KeepOne => NeutralRule::KeepOne,
            },
        },
        DecodeRules::Challenge => Rules::Challenge,
    }
}

/// Thresholds for a model without a validation fold: configured ones, else 0.1 and 0.1, the
/// challenge baseline's.
pub fn unsearched(config: &DecodeConfig) -> ChosenThresholds {
    ChosenThresholds {
        presence: config.presence_threshold.unwrap_or(0.1),
        salience: config.salience_threshold.unwrap_or(0.1),
        searched: false,
    }
}

/// Chooses the thresholds that the configuration leaves open on aligned scores `(N, C)` with their
/// truths, and gives the accuracy that they reach.
///
/// # Errors
/// As [`Searcher::search`].
pub fn choose(
    config: &DecodeConfig,
    classes: &Classes,
    aligned: ArrayView2<'_, f64>,
    truths: &[Blend],
) -> Result<(ChosenThresholds, Accuracy)> {
    let rules = rules(config);
    let mut grid = Grid::for_rules(rules);
    if let Some(fixed) = config.presence_threshold {
        grid.presence = vec![fixed];
    }
    if let Some(fixed) = config.salience_threshold {
        grid.salience = vec![fixed];
    }
    let searcher = Searcher {
        rules,
        grid: &grid,
        presence_weight: PRESENCE_WEIGHT,
        classes,
    };
    let best = searcher.search(aligned, truths)?.best;
    let chosen = ChosenThresholds {
        presence: best.thresholds.presence,
        salience: best.thresholds.salience,
        searched: config.presence_threshold.is_none() || config.salience_threshold.is_none(),
    };
    Ok((chosen, best.accuracy))
}

impl ChosenThresholds {
    /// As the decoder takes them.
    pub fn as_thresholds(&self) -> Thresholds {
        Thresholds {
            presence: self.presence,
            salience: self.salience,
        }
    }
}
