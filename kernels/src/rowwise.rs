//! Row-wise softmax in its variants: plain, restricted to the n largest, and under a soft-label
//! cross-entropy. The log-sum-exp trick lives here and nowhere else.

use crate::real::Real;
use crate::view::{MatMut, MatRef};

/// Added to the sum of the kept weights before dividing by it (paper eq. 4).
pub const RENORMALISE_EPS: f64 = 1e-12;

/// log Σ exp(row), without overflow. −∞ for an empty row or one of −∞ alone.
pub fn log_sum_exp<T: Real>(row: impl Iterator<Item = T> + Clone) -> T {
    let max = row.clone().fold(T::neg_infinity(), T::max);
    if max == T::neg_infinity() {
        return max;
    }
    max + row.map(|x| (x - max).exp()).sum::<T>().ln()
}

/// `out = softmax(logits · scale)` by row. An entry of −∞ gets 0; a row of −∞ alone is all 0.
pub fn softmax<T: Real>(logits: MatRef<'_, T>, scale: T, mut out: MatMut<'_, T>) {
    for r in 0..logits.rows() {
        let scaled = (0..logits.cols()).map(|c| logits.get(r, c) * scale);
        let norm = log_sum_exp(scaled.clone());
        for (y, x) in out.row_mut(r).iter_mut().zip(scaled) {
            *y = if norm == T::neg_infinity() {
                T::zero()
            } else {
                (x - norm).exp()
            };
        }
    }
}

/// Keeps the `n` largest entries of each row that are above 0 (ties: the lower index) and divides
/// them by their sum + 1e-12; all others become 0. `weights (B, M)` is a softmax.
pub fn keep_largest<T: Real>(weights: MatRef<'_, T>, n: usize, mut kept: MatMut<'_, T>) {
    let mut order: Vec<usize> = Vec::with_capacity(weights.cols());
    for r in 0..weights.rows() {
        order.clear();
        order.extend((0..weights.cols()).filter(|&c| weights.get(r, c) > T::zero()));
        // A stable sort leaves equal weights in index order.
        order.sort_by(|&a, &b| {
            weights
                .get(r, b)
                .partial_cmp(&weights.get(r, a))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        order.truncate(n);
        let sum = order.iter().map(|&c| weights.get(r, c)).sum::<T>() + T::of(RENORMALISE_EPS);
        let row = kept.row_mut(r);
        row.fill(T::zero());
        for &c in &order {
            row[c] = weights.get(r, c) / sum;
        }
    }
}

/// Mean over rows of −Σ_c y_c log softmax(o)_c, in nats (paper eq. 9); `softmax_out (B, C)` receives
/// softmax(o) for the backward pass. An empty batch gives NaN.
pub fn soft_cross_entropy<T: Real>(
    logits: MatRef<'_, T>,
    targets: MatRef<'_, T>,
    mut softmax_out: MatMut<'_, T>,
) -> T {
    let mut sum = T::zero();
    for r in 0..logits.rows() {
        let row = (0..logits.cols()).map(|c| logits.get(r, c));
        let norm = log_sum_exp(row);
        for c in 0..logits.cols() {
            let log_p = logits.get(r, c) - norm;
            // 0 · −∞ counts 0: a class without target mass costs nothing.
            if targets.get(r, c) != T::zero() {
                sum -= targets.get(r, c) * log_p;
            }
            softmax_out.row_mut(r)[c] = log_p.exp();
        }
    }
    sum / T::of(logits.rows() as f64)
}
