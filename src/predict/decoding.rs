//! The choice of decoding thresholds that the configuration leaves open.

use ndarray::ArrayView2;

use crate::artifact::checkpoint::ChosenThresholds;
use crate::config::DecodeConfig;
use crate::data::label::{Blend, Classes};
use crate::error::Result;
use crate::eval::align::USUAL_ALPHA;
use crate::eval::grid::Grid;
use crate::eval::metrics::Accuracy;
use crate::eval::rules::Rules;
use crate::eval::thresholds::Searcher;

/// Weight of ACC_presence when thresholds are chosen; the rest is the weight of ACC_salience.
pub const PRESENCE_WEIGHT: f64 = 0.5;

/// Thresholds for a model without a validation fold: the configured ones, or else those of the
/// challenge's baseline, 0.1 and 0.1, and α = 1.
pub fn unsearched(config: &DecodeConfig) -> ChosenThresholds {
    ChosenThresholds {
        presence: config.presence_threshold.unwrap_or(0.1),
        salience: config.salience_threshold.unwrap_or(0.1),
        alpha: config.alpha.unwrap_or(USUAL_ALPHA),
        searched: false,
    }
}

/// Chooses those of (t_p, t_s, α) that the configuration leaves open, on the heads' probabilities p and
/// s, each `(N, C)`, with their truths, and returns the accuracy that the choice reaches.
///
/// # Errors
/// As [`Searcher::search_heads`].
pub fn choose(
    config: &DecodeConfig,
    classes: &Classes,
    presence: ArrayView2<'_, f64>,
    salience: ArrayView2<'_, f64>,
    truths: &[Blend],
) -> Result<(ChosenThresholds, Accuracy)> {
    let rules = Rules::of(config);
    let mut grid = Grid::for_rules(rules);
    if let Some(fixed) = config.presence_threshold {
        grid.presence = vec![fixed];
    }
    if let Some(fixed) = config.salience_threshold {
        grid.salience = vec![fixed];
    }
    if let Some(fixed) = config.alpha {
        grid.alpha = vec![fixed];
    }
    let searcher = Searcher {
        rules,
        grid: &grid,
        presence_weight: PRESENCE_WEIGHT,
        classes,
    };
    let best = searcher.search_heads(presence, salience, truths)?.best;
    let chosen = ChosenThresholds {
        presence: best.thresholds.presence,
        salience: best.thresholds.salience,
        alpha: best.alpha.unwrap_or(USUAL_ALPHA),
        searched: config.presence_threshold.is_none()
            || config.salience_threshold.is_none()
            || config.alpha.is_none(),
    };
    Ok((chosen, best.accuracy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// By presence alone (α = 0) the pair of each clip is wrong; the salience corrects it.
    fn heads() -> (ndarray::Array2<f64>, ndarray::Array2<f64>, Vec<Blend>) {
        let presence = array![[0.9, 0.5, 0.6], [0.6, 0.9, 0.5]];
        let salience = array![[0.55, 0.4, 0.05], [0.05, 0.55, 0.4]];
        let part = |class, salience| crate::data::label::Part { class, salience };
        let truths = vec![
            Blend::new(vec![part(0, 70.0), part(1, 30.0)]),
            Blend::new(vec![part(1, 70.0), part(2, 30.0)]),
        ];
        (presence, salience, truths)
    }

    fn chosen(config: &DecodeConfig) -> (ChosenThresholds, Accuracy) {
        let (presence, salience, truths) = heads();
        let classes = Classes::new(["joy", "awe", "woe"]);
        choose(config, &classes, presence.view(), salience.view(), &truths).unwrap()
    }

    #[test]
    fn alpha_is_chosen_with_the_thresholds_unless_it_is_configured() {
        let (free, reached) = chosen(&DecodeConfig::default());
        assert!(free.searched);
        assert_eq!(reached.average(), 1.0);
        let fixed = DecodeConfig {
            alpha: Some(0.0),
            presence_threshold: Some(0.2),
            salience_threshold: Some(0.1),
            ..DecodeConfig::default()
        };
        let (kept, reached) = chosen(&fixed);
        assert_eq!((kept.alpha, kept.searched), (0.0, false));
        assert_eq!(reached.average(), 0.0);
        let alpha_open = DecodeConfig {
            alpha: None,
            ..fixed
        };
        let (found, reached) = chosen(&alpha_open);
        assert!(found.searched && found.alpha > 0.0);
        assert_eq!(reached.average(), 1.0);
    }
}
