//! Probability-level alignment (paper eq. 14): one distribution from the two heads.

use ndarray::{Array2, ArrayView2};

use crate::{Error, Result};

/// ε of eq. 14: keeps an emotion of salience 0 in the running when its presence is high.
pub const EPSILON: f64 = 1e-8;

/// α where nothing chose another: presence and salience count alike.
pub const USUAL_ALPHA: f64 = 1.0;

/// The exponents of eq. 14.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alignment {
    /// α ≥ 0 weighs the salience (0: presence alone, normalised).
    pub alpha: f64,
    /// β ≥ 0 weighs the presence: 1 in the paper; 0 leaves the salience alone, which for α = 1 is s up
    /// to ε.
    pub beta: f64,
}

impl From<f64> for Alignment {
    /// The paper's with this α.
    fn from(alpha: f64) -> Self {
        Self { alpha, beta: 1.0 }
    }
}

impl Alignment {
    /// Refuses an exponent that is negative or not finite.
    ///
    /// # Errors
    /// [`Error::Config`] naming `decode.alpha` or `decode.beta`.
    pub fn check(self) -> Result<()> {
        check_exponent("decode.alpha", self.alpha)?;
        check_exponent("decode.beta", self.beta)
    }
}

/// Below this a row's sum has lost digits to underflow and is computed again, scaled.
const SMALLEST_SUM: f64 = 1e-280;

/// Aligned distribution of every clip: `f_c = p_c^β (s_c + ε)^α / Σ_j p_j^β (s_j + ε)^α` (paper eq. 14,
/// where β = 1).
///
/// * `presence`, `salience`: `(clips, classes)`, the heads' outputs p (sigmoid) and s (softmax),
///   each in [0, 1]; `alignment`: α and β, or α alone.
/// * Returns `(clips, classes)` in f64, each row in [0, 1] and summing to 1. No clips give no rows.
///
/// A row without any presence (every p exactly 0) is aligned as if all were equally present, so
/// it too sums to 1 and keeps the order of its saliences.
///
/// # Errors
/// [`Error::Shape`] if the two differ in shape; [`Error::Config`] for an exponent that is
/// negative or not finite; [`Error::Data`] naming the row (from 1) with a value that is negative or not finite.
pub fn align<F: Copy + Into<f64>>(
    presence: ArrayView2<'_, F>,
    salience: ArrayView2<'_, F>,
    alignment: impl Into<Alignment>,
) -> Result<Array2<f64>> {
    let alignment = alignment.into();
    if presence.dim() != salience.dim() {
        return Err(Error::Shape {
            op: "align",
            expected: format!("salience of shape {:?}", presence.dim()),
            got: format!("{:?}", salience.dim()),
        });
    }
    alignment.check()?;
    let mut aligned = Array2::zeros(presence.dim());
    for (clip, mut out) in aligned.rows_mut().into_iter().enumerate() {
        let p: Vec<f64> = presence.row(clip).iter().map(|&v| v.into()).collect();
        let s: Vec<f64> = salience.row(clip).iter().map(|&v| v.into()).collect();
        let usable = |v: &f64| v.is_finite() && *v >= 0.0;
        if let Some(bad) = p.iter().chain(&s).find(|v| !usable(v)) {
            return Err(Error::Data(format!(
                "alignment: row {} holds {bad}; presence and salience are probabilities",
                clip + 1
            )));
        }
        let row = align_row(&powers(p, alignment.beta), &s, alignment.alpha);
        out.iter_mut().zip(row).for_each(|(out, f)| *out = f);
    }
    Ok(aligned)
}

fn check_exponent(field: &str, exponent: f64) -> Result<()> {
    if exponent.is_finite() && exponent >= 0.0 {
        return Ok(());
    }
    Err(Error::Config {
        field: field.into(),
        reason: format!("found {exponent}, expected a finite number of at least 0"),
    })
}

/// p^β; the same bits for β = 1.
fn powers(mut p: Vec<f64>, beta: f64) -> Vec<f64> {
    if beta != 1.0 {
        p.iter_mut().for_each(|p| *p = p.powf(beta));
    }
    p
}

/// One row of [`align`]; finite values of at least 0.
fn align_row(p: &[f64], s: &[f64], alpha: f64) -> Vec<f64> {
    let weigh = |scale: f64, p: &[f64]| -> Vec<f64> {
        let term = |(&p, s): (&f64, &f64)| match p {
            // Not 0 · x: the power may overflow for an absent emotion, which the scale ignores.
            0.0 => 0.0,
            p => p * ((s + EPSILON) / scale).powf(alpha),
        };
        p.iter().zip(s).map(term).collect()
    };
    let mut weights = weigh(1.0, p);
    let sum: f64 = weights.iter().sum();
    if !(sum.is_finite() && sum > SMALLEST_SUM) {
        // Either nothing is present or a large alpha drove every term out of range. Dividing by the
        // largest s among the present, and by the largest p, changes no ratio and keeps one term at 1.
        let largest_p = p.iter().copied().fold(0.0, f64::max);
        let p: Vec<f64> = if largest_p > 0.0 {
            p.iter().map(|p| p / largest_p).collect()
        } else {
            vec![1.0; p.len()]
        };
        let present = p.iter().zip(s).filter(|(p, _)| **p > 0.0);
        let scale = present.map(|(_, s)| s + EPSILON).fold(0.0, f64::max);
        weights = weigh(scale, &p);
    }
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() <= 1e-12
    }

    #[test]
    fn follows_equation_14_for_several_exponents() {
        let p = array![[0.9, 0.6, 0.1]];
        let s = array![[0.5, 0.3, 0.2]];
        for alpha in [0.0, 0.5, 1.0, 2.0] {
            let term = |c: usize| p[[0, c]] * (s[[0, c]] + 1e-8_f64).powf(alpha);
            let sum = term(0) + term(1) + term(2);
            let f = align(p.view(), s.view(), alpha).unwrap();
            for c in 0..3 {
                assert!(close(f[[0, c]], term(c) / sum), "alpha {alpha}, class {c}");
            }
        }
    }

    #[test]
    fn exponent_zero_is_normalised_presence() {
        let f = align(array![[0.6, 0.2]].view(), array![[0.1, 0.9]].view(), 0.0).unwrap();
        assert!(close(f[[0, 0]], 0.75) && close(f[[0, 1]], 0.25));
    }

    #[test]
    fn without_presence_the_salience_is_left() {
        let alone = Alignment {
            alpha: 1.0,
            beta: 0.0,
        };
        let (p, s) = (array![[0.0, 0.9, 0.1]], array![[0.5, 0.3, 0.2]]);
        let f = align(p.view(), s.view(), alone).unwrap();
        assert!(f.iter().zip(&s).all(|(f, s)| (f - s).abs() < 1e-7), "{f}");
        let half = Alignment {
            alpha: 0.0,
            beta: 0.5,
        };
        let f = align(array![[0.64, 0.04]].view(), array![[0.1, 0.9]].view(), half).unwrap();
        assert!(close(f[[0, 0]], 0.8));
        let off = Alignment {
            alpha: 1.0,
            beta: -1.0,
        };
        let error = align(p.view(), s.view(), off).unwrap_err().to_string();
        assert!(error.contains("decode.beta"), "{error}");
    }

    #[test]
    fn takes_f32_heads() {
        let f = align(
            array![[1.0f32, 1.0]].view(),
            array![[0.5f32, 0.5]].view(),
            1.0,
        )
        .unwrap();
        assert_eq!(f, array![[0.5, 0.5]]);
    }

    #[test]
    fn extremes_stay_distributions() {
        let rows = [
            ([0.0, 0.0], [0.3, 0.7], 1.0),
            ([1e-300, 1e-310], [0.5, 0.5], 1.0),
            ([1.0, 1.0], [1.0, 0.0], 1e3),
            ([1.0, 1.0], [1e-5, 1e-6], 1e3),
            ([0.0, 1.0], [1.0, 0.0], 1e3),
            ([1.0, 1.0], [1.0, 1.0], 1e300),
            ([0.0, 0.0], [0.0, 0.0], 1e3),
        ];
        for (p, s, alpha) in rows {
            let f = align(array![p].view(), array![s].view(), alpha).unwrap();
            assert!(close(f.sum(), 1.0), "{p:?} {s:?} {alpha}: {f}");
            assert!(f.iter().all(|v| (0.0..=1.0).contains(v)));
        }
        let absent = align(array![[0.0, 0.0]].view(), array![[0.3, 0.7]].view(), 1.0).unwrap();
        assert!((absent[[0, 1]] - 0.7).abs() <= 1e-7);
        let only = align(array![[0.0, 1.0]].view(), array![[1.0, 0.0]].view(), 1e3).unwrap();
        assert_eq!(only, array![[0.0, 1.0]]);
    }

    #[test]
    fn no_clips_give_no_rows() {
        let none = Array2::<f64>::zeros((0, 6));
        assert_eq!(align(none.view(), none.view(), 1.0).unwrap().dim(), (0, 6));
    }

    #[test]
    fn refuses_what_is_no_probability_and_names_the_row() {
        let good = array![[0.5, 0.5], [0.5, 0.5]];
        for bad in [f64::NAN, f64::INFINITY, -0.1] {
            let mut p = good.clone();
            p[[1, 0]] = bad;
            let error = align(p.view(), good.view(), 1.0).unwrap_err().to_string();
            assert!(error.contains("row 2"), "{error}");
            let error = align(good.view(), good.view(), bad).unwrap_err();
            assert!(matches!(error, Error::Config { .. }));
        }
        let narrow = array![[1.0], [1.0]];
        let error = align(good.view(), narrow.view(), 1.0).unwrap_err();
        assert!(matches!(error, Error::Shape { .. }));
    }
}
