//! The choice of decoding thresholds that the configuration leaves open.

use ndarray::ArrayView2;

use crate::artifact::description::ChosenThresholds;
use crate::config::DecodeConfig;
use crate::data::label::{Blend, Classes};
use crate::error::Result;
use crate::eval::align::USUAL_ALPHA;
use crate::eval::decode::Decoding;
use crate::eval::grid::Grid;
use crate::eval::metrics::Accuracy;
use crate::eval::mixtures::Mixtures;
use crate::eval::objective::Objective;
use crate::eval::thresholds::{Cell, Search, TaskSearcher};

/// Thresholds for a model without a validation fold: configured ones, else 0.1 and 0.1, the
/// challenge baseline's (t_s 0 for continuous shares), and α = 1. Where β is open, which it is for label distributions, the salience
/// head alone, whose loss is the divergence itself.
pub fn unsearched(config: &DecodeConfig) -> ChosenThresholds {
    // Continuous shares are left as they are where nothing says how far to draw them together.
    let usual_salience = match Mixtures::of(config).is_continuous() {
        true => 0.0,
        false => 0.1,
    };
    ChosenThresholds {
        presence: config.presence_threshold.unwrap_or(0.1),
        salience: config.salience_threshold.unwrap_or(usual_salience),
        alpha: config.alpha.unwrap_or(USUAL_ALPHA),
        beta: config.beta.unwrap_or(0.0),
        searched: false,
    }
}

/// Chooses what the configuration leaves open of (t_p, t_s, α, β) on the heads' probabilities p and s,
/// each `(N, C)`, with their truths, and gives the accuracy that the choice reaches. What is maximised
/// follows from the configuration: [`Objective::of`].
///
/// # Errors
/// As [`TaskSearcher::search_heads`].
pub fn choose(
    config: &DecodeConfig,
    classes: &Classes,
    presence: ArrayView2<'_, f64>,
    salience: ArrayView2<'_, f64>,
    truths: &[Blend],
) -> Result<(ChosenThresholds, Accuracy)> {
    let found = search(config, classes, |searcher| {
        searcher.search_heads(presence, salience, truths)
    })?;
    Ok((chosen(config, &found.best), found.best.accuracy))
}

/// The same on one distribution per clip `(N, C)`, which has no exponents.
///
/// # Errors
/// As [`TaskSearcher::search`].
pub fn choose_on_rows(
    config: &DecodeConfig,
    classes: &Classes,
    rows: ArrayView2<'_, f64>,
    truths: &[Blend],
) -> Result<(ChosenThresholds, Cell)> {
    let found = search(config, classes, |searcher| searcher.search(rows, truths))?;
    let chosen = ChosenThresholds {
        beta: 1.0,
        ..chosen(config, &found.best)
    };
    Ok((chosen, found.best))
}

/// Searches the grid of the configuration, fixed where it says so.
fn search(
    config: &DecodeConfig,
    classes: &Classes,
    run: impl FnOnce(&TaskSearcher<'_>) -> Result<Search>,
) -> Result<Search> {
    let decoding = Decoding::of(config);
    let mut grid = Grid::of(&decoding);
    if let Some(fixed) = config.presence_threshold {
        grid.presence = vec![fixed];
    }
    if let Some(fixed) = config.salience_threshold {
        grid.salience = vec![fixed];
    }
    if let Some(fixed) = config.alpha {
        grid.alpha = vec![fixed];
    }
    // The salience head alone first: among equals it wins.
    grid.beta = config.beta.map_or(vec![0.0, 1.0], |fixed| vec![fixed]);
    run(&TaskSearcher {
        decoding: &decoding,
        grid: &grid,
        objective: Objective::of(config),
        classes,
    })
}

fn chosen(config: &DecodeConfig, best: &Cell) -> ChosenThresholds {
    ChosenThresholds {
        presence: best.thresholds.presence,
        salience: best.thresholds.salience,
        alpha: best.alpha.unwrap_or(USUAL_ALPHA),
        beta: best.beta.unwrap_or(1.0),
        searched: config.presence_threshold.is_none()
            || config.salience_threshold.is_none()
            || config.alpha.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{MaxEmotions, Proportions};
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

    fn challenge() -> DecodeConfig {
        DecodeConfig {
            max_emotions: MaxEmotions::CHALLENGE,
            proportions: Proportions::challenge(),
            beta: Some(1.0),
            ..DecodeConfig::default()
        }
    }

    fn chosen(config: &DecodeConfig) -> (ChosenThresholds, Accuracy) {
        let (presence, salience, truths) = heads();
        let classes = Classes::new(["joy", "awe", "woe"]);
        choose(config, &classes, presence.view(), salience.view(), &truths).unwrap()
    }

    #[test]
    fn alpha_is_chosen_with_the_thresholds_unless_it_is_configured() {
        let (free, reached) = chosen(&challenge());
        assert!(free.searched);
        assert_eq!(reached.average(), 1.0);
        let fixed = DecodeConfig {
            alpha: Some(0.0),
            presence_threshold: Some(0.2),
            salience_threshold: Some(0.1),
            ..challenge()
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

    #[test]
    fn label_distributions_choose_the_heads_that_come_nearest() {
        let truths = vec![
            Blend::from_distribution(&[0.5, 0.3, 0.2]),
            Blend::from_distribution(&[0.2, 0.3, 0.5]),
        ];
        let good = array![[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]];
        let noise = array![[0.1, 0.9, 0.5], [0.9, 0.2, 0.1]];
        let even = array![[1.0 / 3.0; 3], [1.0 / 3.0; 3]];
        let classes = Classes::new(["joy", "awe", "woe"]);
        let open = DecodeConfig {
            max_emotions: MaxEmotions::AtMost(3),
            proportions: Proportions::Continuous,
            ..DecodeConfig::default()
        };
        let beta = |presence: &ndarray::Array2<f64>, salience: &ndarray::Array2<f64>| {
            let found = choose(&open, &classes, presence.view(), salience.view(), &truths);
            let (chosen, reached) = found.unwrap();
            assert_eq!(reached.presence(), Some(1.0));
            (chosen.beta, chosen.alpha)
        };
        assert_eq!(beta(&noise, &good), (0.0, 1.0));
        assert_eq!(beta(&good, &even).0, 1.0);
        assert_eq!(unsearched(&open).beta, 0.0);
    }
}
