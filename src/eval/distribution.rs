//! Distances and similarities between a true and a predicted label distribution, for truths that
//! say more than one or two emotions (Geng 2016, "Label Distribution Learning", table 2).

use ndarray::ArrayView2;

use crate::{Error, Result};

/// Predicted shares below this count as this in the Kullback-Leibler divergence, which is infinite
/// at 0; the BlEmoRE baseline's loss clamps at the same value.
pub const KL_FLOOR: f64 = 1e-8;

/// The six measures for one clip, or their means over clips. With d the true and q the predicted
/// distribution over C classes:
///
/// | Measure | Definition | Range | Better |
/// |---|---|---|---|
/// | `kullback_leibler` | Σ d ln(d / q), in nats | [0, 18.4] | ↓ |
/// | `chebyshev` | max \|d − q\| | [0, 1] | ↓ |
/// | `clark` | √ Σ (d − q)² / (d + q)² | [0, √C] | ↓ |
/// | `canberra` | Σ \|d − q\| / (d + q) | [0, C] | ↓ |
/// | `cosine` | Σ d q / (‖d‖ ‖q‖) | [0, 1] | ↑ |
/// | `intersection` | Σ min(d, q) | [0, 1] | ↑ |
///
/// Zeros: a class with d = 0 adds nothing to `kullback_leibler`, one with q < 1e-8 is taken at
/// 1e-8; a class with d = q = 0 adds nothing to `clark` and `canberra`; the cosine with a row of
/// zeros is 0. Rows are used as they are, never normalised: the ranges hold for rows that sum to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures {
    /// Kullback-Leibler divergence in nats; lower is better.
    pub kullback_leibler: f64,
    /// Chebyshev distance; lower is better.
    pub chebyshev: f64,
    /// Clark distance; lower is better.
    pub clark: f64,
    /// Canberra metric; lower is better.
    pub canberra: f64,
    /// Cosine similarity; higher is better.
    pub cosine: f64,
    /// Intersection; higher is better.
    pub intersection: f64,
}

impl Measures {
    /// The measures of one clip; both `(classes)`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the lengths differ; [`Error::Data`] for a value that is negative or not
    /// finite.
    pub fn of(truth: &[f64], predicted: &[f64]) -> Result<Self> {
        if truth.len() != predicted.len() {
            return Err(Error::Shape {
                op: "label-distribution measures",
                expected: format!("{} classes", truth.len()),
                got: format!("{}", predicted.len()),
            });
        }
        let mut all = truth.iter().chain(predicted);
        if let Some(bad) = all.find(|v| !(v.is_finite() && **v >= 0.0)) {
            return Err(Error::Data(format!(
                "label-distribution measures: found {bad}; shares are finite and at least 0"
            )));
        }
        let mut m = Self::default();
        let (mut clark, mut dot, mut norm_d, mut norm_q) = (0.0, 0.0, 0.0, 0.0);
        for (&d, &q) in truth.iter().zip(predicted) {
            if d > 0.0 {
                m.kullback_leibler += d * (d / q.max(KL_FLOOR)).ln();
            }
            let distance = (d - q).abs();
            m.chebyshev = m.chebyshev.max(distance);
            if d + q > 0.0 {
                clark += (distance / (d + q)).powi(2);
                m.canberra += distance / (d + q);
            }
            dot += d * q;
            norm_d += d * d;
            norm_q += q * q;
            m.intersection += d.min(q);
        }
        m.clark = clark.sqrt();
        let norms = norm_d.sqrt() * norm_q.sqrt();
        m.cosine = if norms > 0.0 { dot / norms } else { 0.0 };
        Ok(m)
    }

    /// The measures of every clip; both `(clips, classes)`. Their mean is [`Measures::mean`].
    ///
    /// # Errors
    /// As [`Measures::of`], naming the row (from 1) for a value.
    pub fn of_rows(
        truth: ArrayView2<'_, f64>,
        predicted: ArrayView2<'_, f64>,
    ) -> Result<Vec<Self>> {
        if truth.dim() != predicted.dim() {
            return Err(Error::Shape {
                op: "label-distribution measures",
                expected: format!("(clips, classes) = {:?}", truth.dim()),
                got: format!("{:?}", predicted.dim()),
            });
        }
        let rows = truth.rows().into_iter().zip(predicted.rows());
        rows.enumerate()
            .map(|(clip, (d, q))| {
                Self::of(&d.to_vec(), &q.to_vec())
                    .map_err(|error| Error::Data(format!("row {}: {error}", clip + 1)))
            })
            .collect()
    }

    /// Each measure's mean over clips, summed in order; `None` without clips.
    pub fn mean(clips: &[Self]) -> Option<Self> {
        if clips.is_empty() {
            return None;
        }
        let mean = |pick: fn(&Self) -> f64| {
            let sum: f64 = clips.iter().map(pick).sum();
            sum / clips.len() as f64
        };
        Some(Self {
            kullback_leibler: mean(|m| m.kullback_leibler),
            chebyshev: mean(|m| m.chebyshev),
            clark: mean(|m| m.clark),
            canberra: mean(|m| m.canberra),
            cosine: mean(|m| m.cosine),
            intersection: mean(|m| m.intersection),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() <= 1e-12
    }

    #[test]
    fn agrees_with_values_worked_by_hand() {
        let m = Measures::of(&[0.5, 0.5, 0.0], &[0.25, 0.5, 0.25]).unwrap();
        assert!(close(m.kullback_leibler, 0.5 * 2f64.ln()));
        assert!(close(m.chebyshev, 0.25));
        assert!(close(m.clark, (1.0f64 / 9.0 + 1.0).sqrt()));
        assert!(close(m.canberra, 1.0 / 3.0 + 1.0));
        assert!(close(m.cosine, 0.375 / (0.5f64 * 0.375).sqrt()));
        assert!(close(m.intersection, 0.75));
    }

    #[test]
    fn a_perfect_prediction_is_best_in_every_measure() {
        for d in [vec![1.0, 0.0], vec![0.7, 0.3], vec![0.2; 5]] {
            let m = Measures::of(&d, &d).unwrap();
            for distance in [m.kullback_leibler, m.chebyshev, m.clark, m.canberra] {
                assert!(close(distance, 0.0));
            }
            assert!(close(m.cosine, 1.0) && close(m.intersection, 1.0));
        }
    }

    #[test]
    fn opposite_and_empty_distributions_stay_finite() {
        let m = Measures::of(&[1.0, 0.0], &[0.0, 1.0]).unwrap();
        assert!(close(m.kullback_leibler, 1e8f64.ln()));
        assert!(close(m.clark, 2f64.sqrt()) && close(m.canberra, 2.0));
        assert_eq!((m.chebyshev, m.cosine, m.intersection), (1.0, 0.0, 0.0));
        let zeros = Measures::of(&[1.0, 0.0], &[0.0, 0.0]).unwrap();
        assert_eq!((zeros.cosine, zeros.canberra), (0.0, 1.0));
        assert_eq!(Measures::of(&[], &[]).unwrap(), Measures::default());
        let tiny = Measures::of(&[1.0, 0.0], &[1e-300, 1e-300]).unwrap();
        assert!(tiny.clark.is_finite() && tiny.kullback_leibler.is_finite());
    }

    #[test]
    fn means_over_clips_and_none_without() {
        let d = array![[1.0, 0.0], [0.5, 0.5]];
        let q = array![[1.0, 0.0], [0.75, 0.25]];
        let clips = Measures::of_rows(d.view(), q.view()).unwrap();
        assert!(close(Measures::mean(&clips).unwrap().chebyshev, 0.125));
        assert_eq!(Measures::mean(&[]), None);
    }

    #[test]
    fn refuses_other_shapes_and_values_that_are_no_shares() {
        assert!(matches!(
            Measures::of(&[1.0], &[0.5, 0.5]),
            Err(Error::Shape { .. })
        ));
        for bad in [f64::NAN, -0.1, f64::INFINITY] {
            let d = array![[0.5, 0.5], [0.5, 0.5]];
            let mut q = d.clone();
            q[[1, 1]] = bad;
            let error = Measures::of_rows(d.view(), q.view())
                .unwrap_err()
                .to_string();
            assert!(error.contains("row 2"), "{error}");
        }
    }
}
