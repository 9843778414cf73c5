//! What follows a matrix product in a layer: batch norm, ReLU and dropout in one pass, and their
//! backward in one pass.

use crate::counter::Dropout;
use crate::real::Real;
use crate::reference;
use crate::view::{MatMut, MatRef};

/// Column statistics of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments<T> {
    /// Mean of each column over the rows that count.
    pub mean: Vec<T>,
    /// Biased variance of each column.
    pub var: Vec<T>,
    /// How many rows counted.
    pub count: usize,
}

/// Batch norm's learned scale and shift, one of each a column.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a, T> {
    /// γ.
    pub gamma: &'a [T],
    /// β.
    pub beta: &'a [T],
}

/// Column means and biased variances of `y (B, P)` over the rows that are `present` (all, if
/// `None`). With no such row the moments are NaN.
pub fn column_moments<T: Real>(y: MatRef<'_, T>, present: Option<&[bool]>) -> Moments<T> {
    reference::column_moments(y, present)
}

/// `h = Dropout(ReLU(γ (y − mean) inv_std + β))`, in place on `y (B, P)`; absent rows become 0.
/// `normalised`, if given, receives `(y − mean) inv_std` (0 for absent rows) for the backward pass.
/// The block stands at column `first_col` of a layer that is `width` wide: dropout numbers element
/// `(r, c)` as `r * width + first_col + c`.
///
/// # Panics
/// If shapes differ.
#[expect(
    clippy::too_many_arguments,
    reason = "each is one operand of the fused pass"
)]
pub fn normalise_relu_dropout<T: Real>(
    y: MatMut<'_, T>,
    normalised: Option<MatMut<'_, T>>,
    mean: &[T],
    inv_std: &[T],
    affine: Affine<'_, T>,
    present: Option<&[bool]>,
    dropout: Option<Dropout>,
    first_col: usize,
    width: usize,
) {
    reference::normalise_relu_dropout(
        y, normalised, mean, inv_std, affine, present, dropout, first_col, width,
    );
}

/// Backward of [`normalise_relu_dropout`], in place: `dh (B, P)` becomes the gradient of its input
/// `y`; `dgamma` and `dbeta` are added to. `h` is the forward output (0 where ReLU or dropout cut).
/// `batch_count` is the number of rows behind the statistics, or `None` if they were constants
/// (running statistics). `dropout_scale` is 1 / (1 − rate).
///
/// # Panics
/// If shapes differ.
#[expect(
    clippy::too_many_arguments,
    reason = "each is one operand of the fused pass"
)]
pub fn normalise_relu_dropout_backward<T: Real>(
    dh: MatMut<'_, T>,
    h: MatRef<'_, T>,
    normalised: MatRef<'_, T>,
    inv_std: &[T],
    gamma: &[T],
    present: Option<&[bool]>,
    batch_count: Option<usize>,
    dropout_scale: T,
    dgamma: &mut [T],
    dbeta: &mut [T],
) {
    reference::normalise_relu_dropout_backward(
        dh,
        h,
        normalised,
        inv_std,
        gamma,
        present,
        batch_count,
        dropout_scale,
        dgamma,
        dbeta,
    );
}
