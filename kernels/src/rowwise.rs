//! Row-wise softmax in its variants: plain, restricted to the n largest, and under a soft-label
//! cross-entropy. The log-sum-exp trick lives here and nowhere else.

use std::cmp::Ordering;

use crate::real::Real;
use crate::view::{MatMut, MatRef};

/// Added to the sum of the kept weights before dividing by it (paper eq. 4).
pub const RENORMALISE_EPS: f64 = 1e-12;

/// The largest value; NaN if there is one, −∞ for an empty row. (`T::max` would lose a NaN.)
#[inline(always)]
fn largest<T: Real>(row: impl Iterator<Item = T>) -> T {
    row.fold(T::neg_infinity(), |max, x| {
        if x > max || x.is_nan() { x } else { max }
    })
}

/// The largest value of a row and log Σ exp(x − largest), which keeps the digits that a large
/// common offset would swallow. The latter is 0 where the former is infinite.
#[inline(always)]
fn shift_and_log_sum<T: Real>(row: impl Iterator<Item = T> + Clone) -> (T, T) {
    let max = largest(row.clone());
    if max.is_infinite() {
        return (max, T::zero());
    }
    (max, row.map(|x| (x - max).exp()).sum::<T>().ln())
}

/// log Σ exp(row), without overflow. −∞ for an empty row or one of −∞ alone, NaN if any value is.
pub fn log_sum_exp<T: Real>(row: impl Iterator<Item = T> + Clone) -> T {
    let (max, log_sum) = shift_and_log_sum(row);
    max + log_sum
}

fn assert_same_shape<T: Real>(kernel: &str, x: MatRef<'_, T>, y: &MatMut<'_, T>) {
    assert_eq!(
        (x.rows(), x.cols()),
        (y.rows(), y.cols()),
        "{kernel}: shapes"
    );
}

/// `out = softmax(logits · scale)` by row. An entry of −∞ gets 0; a row of −∞ alone is all 0. A row
/// with NaN or +∞ is NaN.
///
/// # Panics
/// If shapes differ.
pub fn softmax<T: Real>(logits: MatRef<'_, T>, scale: T, mut out: MatMut<'_, T>) {
    assert_same_shape("softmax", logits, &out);
    for r in 0..logits.rows() {
        let scaled = (0..logits.cols()).map(|c| logits.get(r, c) * scale);
        let max = largest(scaled.clone());
        let row = out.row_mut(r);
        if max == T::neg_infinity() {
            row.fill(T::zero());
            continue;
        }
        let mut sum = T::zero();
        for (y, x) in row.iter_mut().zip(scaled) {
            *y = (x - max).exp();
            sum += *y;
        }
        row.iter_mut().for_each(|y| *y /= sum);
    }
}

/// Keeps the `n` largest entries of each row that are above 0 (ties: the lower index) and divides
/// them by their sum + 1e-12; all others become 0. `weights (B, M)` is a softmax. A row with NaN
/// becomes NaN, so that a diverged gate is seen and not read as “nothing selected”.
///
/// # Panics
/// If shapes differ.
pub fn top_k<T: Real>(weights: MatRef<'_, T>, n: usize, mut kept: MatMut<'_, T>) {
    assert_same_shape("top_k", weights, &kept);
    let mut order: Vec<usize> = Vec::with_capacity(weights.cols());
    for r in 0..weights.rows() {
        let row = kept.row_mut(r);
        if (0..weights.cols()).any(|c| weights.get(r, c).is_nan()) {
            row.fill(T::nan());
            continue;
        }
        order.clear();
        order.extend((0..weights.cols()).filter(|&c| weights.get(r, c) > T::zero()));
        // A stable sort leaves equal weights in index order; none of them is NaN.
        order.sort_by(|&a, &b| {
            weights
                .get(r, b)
                .partial_cmp(&weights.get(r, a))
                .unwrap_or(Ordering::Equal)
        });
        order.truncate(n);
        let sum = order.iter().map(|&c| weights.get(r, c)).sum::<T>() + T::of(RENORMALISE_EPS);
        row.fill(T::zero());
        for &c in &order {
            row[c] = weights.get(r, c) / sum;
        }
    }
}

/// Mean over rows of −Σ_c y_c log softmax(o)_c, in nats (paper eq. 9), summed in `f64`;
/// `softmax_out (B, C)` receives softmax(o) for the backward pass. An empty batch gives NaN.
///
/// # Panics
/// If shapes differ.
pub fn soft_cross_entropy<T: Real>(
    logits: MatRef<'_, T>,
    targets: MatRef<'_, T>,
    mut softmax_out: MatMut<'_, T>,
) -> T {
    assert_same_shape("soft_cross_entropy", logits, &softmax_out);
    assert_same_shape("soft_cross_entropy", targets, &softmax_out);
    let mut sum = 0.0;
    for r in 0..logits.rows() {
        let (max, log_sum) = shift_and_log_sum((0..logits.cols()).map(|c| logits.get(r, c)));
        for (c, p) in softmax_out.row_mut(r).iter_mut().enumerate() {
            let log_p = (logits.get(r, c) - max) - log_sum;
            let target = targets.get(r, c);
            // 0 · −∞ counts 0: a class without target mass costs nothing.
            if target != T::zero() {
                sum -= target.as_f64() * log_p.as_f64();
            }
            *p = log_p.exp();
        }
    }
    T::of(sum / logits.rows() as f64)
}
