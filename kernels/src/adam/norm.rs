//! The norm of a factored gradient.

use super::factor::Factor;
use crate::gram::gram;
use crate::layout::PackedRows;
use crate::real::Real;

/// Squared Frobenius norm of the sum of `factors`, from their Gram matrices:
/// ‖Σᵢ dYᵢᵀXᵢ‖² = Σᵢⱼ ⟨dYᵢ dYⱼᵀ, Xᵢ Xⱼᵀ⟩.
///
/// # Panics
/// If shapes differ.
pub fn factored_norm_squared<T: Real>(factors: &[Factor<'_, T>]) -> f64 {
    let dys: Vec<PackedRows<T>> = factors
        .iter()
        .map(|factor| {
            assert_eq!(
                (factor.dy.rows(), factor.dy.cols(), factor.x.cols()),
                (factor.x.rows(), factors[0].dy.cols(), factors[0].x.cols()),
                "factored_norm_squared: batch, outputs, inputs"
            );
            PackedRows::from_view(factor.dy)
        })
        .collect();
    let xs: Vec<_> = factors.iter().map(|factor| factor.x.to_packed()).collect();
    let mut sum = 0.0;
    for i in 0..factors.len() {
        for j in 0..=i {
            let x = gram(&xs[i], &xs[j]);
            let dy = gram(&dys[i], &dys[j]);
            let product: f64 = x.iter().zip(&dy).map(|(x, dy)| x * dy).sum();
            // ⟨i, j⟩ = ⟨j, i⟩.
            sum += if i == j { product } else { 2.0 * product };
        }
    }
    // Rounding may leave a sum of 0 below 0, where a root would fail; NaN stays NaN.
    if sum < 0.0 { 0.0 } else { sum }
}
