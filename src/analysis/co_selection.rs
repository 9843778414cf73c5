//! Which encoders are selected together, compared with their similarity.

use ndarray::Array2;
use rayon::prelude::*;
use serde::Serialize;

use super::importance::percentile;
use super::observations::Observations;
use crate::eval::statistics::Interval;
use crate::eval::statistics::correlation::{Trend, pearson, spearman};
use crate::rng::{Purpose, Stream};

/// Bootstrap samples.
const RESAMPLES: usize = 2000;
/// Confidence of the intervals, in percent.
const LEVEL: f64 = 95.0;
/// The random stream that draws encoders.
const ENCODER_ITEM: usize = 2;

/// Two encoders.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EncoderPair {
    /// Index of the first.
    pub first: usize,
    /// Index of the second.
    pub second: usize,
    /// Linear CKA of their projected embeddings.
    pub cka: f64,
    /// Share of clips that keep both.
    pub together: f64,
    /// The share expected from independent selection at the same frequencies, model by model.
    pub independent: f64,
}

/// All pairs and their correlations.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CoSelection {
    /// Every pair whose CKA is defined.
    pub pairs: Vec<EncoderPair>,
    /// Regression of co-selection on CKA.
    pub trend: Option<Trend>,
    /// The same for independent selection: the reference line.
    pub independent_trend: Option<Trend>,
    /// Pearson's r of CKA and co-selection.
    pub pearson: Option<Interval>,
    /// Spearman's ρ of CKA and co-selection.
    pub spearman: Option<Interval>,
    /// Pearson's r of CKA and independent selection.
    pub independent_pearson: Option<Interval>,
    /// Spearman's ρ of CKA and the excess of co-selection over independent selection.
    pub excess_spearman: Option<Interval>,
}

/// For each pair of encoders the share of clips that keep both `(M, M)`: observed, and expected from
/// independent selection.
pub fn co_selection(observations: &Observations) -> [Array2<f64>; 2] {
    let encoders = observations.selected_weights.ncols();
    let models = observations.model.iter().max().map_or(0, |last| last + 1);
    let count = observations.len() as f64;
    let mut found = Array2::zeros((encoders, encoders));
    let mut independent = Array2::zeros((encoders, encoders));
    for model in 0..models {
        let rows = observations.rows_of(model);
        let mut together = Array2::<f64>::zeros((encoders, encoders));
        for &row in &rows {
            let kept: Vec<usize> = (0..encoders)
                .filter(|&m| observations.selected_weights[[row, m]] > 0.0)
                .collect();
            for &a in &kept {
                for &b in &kept {
                    together[[a, b]] += 1.0;
                }
            }
        }
        let alone = together.diag().to_owned();
        for a in 0..encoders {
            for b in 0..encoders {
                found[[a, b]] += together[[a, b]] / count;
                independent[[a, b]] += alone[a] * alone[b] / rows.len() as f64 / count;
            }
        }
    }
    [found, independent]
}

/// Compares CKA and co-selection, with percentile intervals from a bootstrap over encoders: pairs share
/// encoders and are not independent, so encoders are drawn together with all their pairs.
pub fn compare(cka: &Array2<f64>, observations: &Observations) -> CoSelection {
    let [together, independent] = co_selection(observations);
    let encoders = cka.nrows();
    let mut pairs = Vec::new();
    for first in 0..encoders {
        for second in first + 1..encoders {
            let place = [first, second];
            if cka[place].is_finite() {
                pairs.push(EncoderPair {
                    first,
                    second,
                    cka: cka[place],
                    together: together[place],
                    independent: independent[place],
                });
            }
        }
    }
    let columns = |of: fn(&EncoderPair) -> f64| -> (Vec<f64>, Vec<f64>) {
        pairs.iter().map(|pair| (pair.cka, of(pair))).unzip()
    };
    let (x, y) = columns(|pair| pair.together);
    let (_, null) = columns(|pair| pair.independent);
    let excess = &together - &independent;
    CoSelection {
        trend: Trend::of(&x, &y),
        independent_trend: Trend::of(&x, &null),
        pearson: interval(cka, &together, pearson),
        spearman: interval(cka, &together, spearman),
        independent_pearson: interval(cka, &independent, pearson),
        excess_spearman: interval(cka, &excess, spearman),
        pairs,
    }
}

/// A correlation over the pairs (a < b) of two symmetric matrices, with its interval.
fn interval(
    x: &Array2<f64>,
    y: &Array2<f64>,
    correlation: fn(&[f64], &[f64]) -> Option<f64>,
) -> Option<Interval> {
    let encoders = x.nrows();
    let of = |drawn: &[usize]| {
        let (mut xs, mut ys) = (Vec::new(), Vec::new());
        for (i, &a) in drawn.iter().enumerate() {
            for &b in &drawn[i + 1..] {
                if a != b && x[[a, b]].is_finite() {
                    xs.push(x[[a, b]]);
                    ys.push(y[[a, b]]);
                }
            }
        }
        correlation(&xs, &ys)
    };
    let estimate = of(&(0..encoders).collect::<Vec<_>>())?;
    let sample = |sample: usize| {
        let mut stream = Stream::new(0, Purpose::Bootstrap, ENCODER_ITEM, sample);
        let drawn: Vec<usize> = (0..encoders).map(|_| stream.below(encoders)).collect();
        of(&drawn)
    };
    let found: Vec<Option<f64>> = (0..RESAMPLES).into_par_iter().map(sample).collect();
    let mut found: Vec<f64> = found.into_iter().flatten().collect();
    found.sort_by(f64::total_cmp);
    let tail = (100.0 - LEVEL) / 2.0;
    Some(Interval {
        estimate,
        low: percentile(&found, tail),
        high: percentile(&found, 100.0 - tail),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fixture::observations;
    use ndarray::array;

    #[test]
    fn together_and_independent_are_counted_model_by_model() {
        let [found, independent] = co_selection(&observations());
        assert_eq!(found[[0, 1]], 0.5);
        assert_eq!(found[[1, 2]], 0.0);
        // Under either model a frequency is 0 or 1, so independent selection gives the same.
        assert_eq!(independent, found);
    }

    #[test]
    fn alike_encoders_that_go_together_correlate() {
        let cka = array![[1.0, 0.9, 0.4], [0.9, 1.0, 0.1], [0.4, 0.1, 1.0]];
        let mut seen = observations();
        seen.selected_weights = array![
            [0.5, 0.5, 0.0],
            [0.5, 0.5, 0.0],
            [0.6, 0.4, 0.0],
            [0.6, 0.0, 0.4]
        ];
        let found = compare(&cka, &seen);
        assert_eq!(found.pairs.len(), 3);
        let rho = found.spearman.unwrap();
        assert!((rho.estimate - 1.0).abs() < 1e-12, "{rho:?}");
        assert!(rho.low <= rho.estimate && rho.estimate <= rho.high);
        assert!(found.trend.unwrap().slope > 0.0);
        assert_eq!(compare(&cka, &seen), found);
    }

    #[test]
    fn a_pair_without_a_cka_is_left_out() {
        let nan = f64::NAN;
        let cka = array![[1.0, nan, 0.4], [nan, 1.0, 0.1], [0.4, 0.1, 1.0]];
        let found = compare(&cka, &observations());
        assert_eq!(found.pairs.len(), 2);
    }
}
