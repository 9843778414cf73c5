//! The values that a threshold search tries.

use super::align::Alignment;
use super::decode::Decoding;
use super::rules::Rules;
use crate::{Error, Result};

/// The values tried; every combination is a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// t_p.
    pub presence: Vec<f64>,
    /// t_s.
    pub salience: Vec<f64>,
    /// α of eq. 14, tried only where the two heads are given apart; among equals the first wins, so
    /// the default comes first.
    pub alpha: Vec<f64>,
    /// β of eq. 14, likewise.
    pub beta: Vec<f64>,
}

/// Presence thresholds below the usual ones, for sets of more than two emotions: the shares of many
/// are small.
const LOW: [f64; 3] = [0.01, 0.02, 0.03];

impl Grid {
    /// The challenge's: 20 values from 0.05 to 0.95 for both thresholds, bit for bit those of
    /// `np.linspace(0.05, 0.95, 20)`; α is 1.
    pub fn challenge() -> Self {
        let step = (0.95 - 0.05) / 19.0;
        let mut values: Vec<f64> = (0..20).map(|i| 0.05 + f64::from(i) * step).collect();
        values[19] = 0.95;
        Self {
            presence: values.clone(),
            salience: values,
            alpha: vec![1.0],
            beta: vec![1.0],
        }
    }

    /// Ours for the paper's rules: t_p 0.05, 0.10, … 0.95; t_s, on |r − 0.5|, 0 to 0.3, denser
    /// near 0; α 0.5 to 2, those before 1 last.
    pub fn paper() -> Self {
        Self {
            presence: (1..20).map(|i| f64::from(i) / 20.0).collect(),
            salience: vec![0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3],
            alpha: vec![1.0, 1.5, 2.0, 0.75, 0.5],
            beta: vec![1.0],
        }
    }

    /// The grid that goes with the rules.
    pub fn for_rules(rules: Rules) -> Self {
        match rules {
            Rules::Paper { .. } => Self::paper(),
            Rules::Challenge => Self::challenge(),
        }
    }

    /// The grid that goes with the rules and the sets that they give: that of the rules for the
    /// challenge's sets. Others stretch the salience thresholds with the distance of their levels, draw
    /// continuous shares together by them, and have a single one where it decides nothing; sets of more than two add low presence thresholds.
    pub fn of(decoding: &Decoding) -> Self {
        let mut grid = Self::for_rules(decoding.rules);
        grid.salience = decoding.mixtures.stretch(&grid.salience, decoding.rules);
        if decoding.mixtures.most() > 2 {
            grid.presence.splice(0..0, LOW);
        }
        grid
    }

    /// Every pair of α and β, β outermost.
    pub(super) fn alignments(&self) -> Vec<Alignment> {
        let of_beta = |&beta: &f64| {
            self.alpha
                .iter()
                .map(move |&alpha| Alignment { alpha, beta })
        };
        self.beta.iter().flat_map(of_beta).collect()
    }

    /// Refuses a grid that cannot be searched.
    ///
    /// # Errors
    /// [`Error::Config`] for a list that is empty or contains a non-finite value, and for a
    /// negative exponent.
    pub fn check(&self) -> Result<()> {
        let lists = [
            ("presence thresholds", &self.presence),
            ("salience thresholds", &self.salience),
            ("alphas", &self.alpha),
            ("betas", &self.beta),
        ];
        for (name, values) in lists {
            if values.is_empty() || values.iter().any(|v| !v.is_finite()) {
                return Err(Error::Config {
                    field: format!("grid of {name}"),
                    reason: format!("found {values:?}, expected one finite number or more"),
                });
            }
        }
        self.alignments().into_iter().try_for_each(Alignment::check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_grid_is_numpys_linspace() {
        let grid = Grid::challenge();
        assert_eq!(grid.presence.len(), 20);
        assert_eq!(grid.presence[5], 0.28684210526315784);
        assert_eq!(grid.presence[1], 0.09736842105263158);
        assert_eq!(grid.salience[19], 0.95);
        assert_eq!(Grid::paper().presence[2], 0.15);
    }
}
