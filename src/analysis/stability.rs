//! Agreement of folds on the importance of encoders.

use serde::Serialize;

use super::importance::GroupReliance;
use crate::eval::statistics::correlation::{kendall, spearman};

/// Agreement of the importances of two folds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoldAgreement {
    /// One fold.
    pub first: String,
    /// The other.
    pub second: String,
    /// Kendall's τ_b of the mean importances; `None` if a fold weights all encoders equally.
    pub kendall: Option<f64>,
    /// Spearman's ρ.
    pub spearman: Option<f64>,
}

/// Every pair of folds.
pub fn agreements(folds: &[GroupReliance]) -> Vec<FoldAgreement> {
    let importance = |fold: &GroupReliance| -> Vec<f64> {
        fold.encoders
            .iter()
            .map(|encoder| encoder.importance)
            .collect()
    };
    let mut found = Vec::new();
    for (i, first) in folds.iter().enumerate() {
        for second in &folds[i + 1..] {
            let (x, y) = (importance(first), importance(second));
            found.push(FoldAgreement {
                first: first.group.clone(),
                second: second.group.clone(),
                kendall: kendall(&x, &y),
                spearman: spearman(&x, &y),
            });
        }
    }
    found
}

/// The mean of the defined values.
pub fn mean_of(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    crate::experiments::score::mean(values.flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fixture::observations;
    use crate::analysis::importance::by_model;

    #[test]
    fn every_pair_of_folds_is_compared_once() {
        let folds = by_model(&observations(), &["0".into(), "1".into()]);
        let found = agreements(&folds);
        assert_eq!(found.len(), 1);
        // Importances (0.5, 0.35, 0.15) and (0.5, 0.15, 0.35).
        assert!((found[0].kendall.unwrap() - 1.0 / 3.0).abs() < 1e-12);
        assert!((found[0].spearman.unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(mean_of([Some(1.0), None, Some(0.0)].into_iter()), Some(0.5));
    }
}
