//! A linear layer over packed operands: forward, and the gradients of input and weight.

use crate::layout::{PackedRows, Panels};
use crate::real::Real;
use crate::reference;
use crate::view::{MatMut, MatRef};

/// `Y = X Wᵀ (+ bias)`: `X (B, I)`, `W (O, I)`, `bias (O)`, `Y (B, O)`. `Y` is written, never read.
///
/// # Panics
/// If shapes differ.
pub fn linear_forward<T: Real>(
    x: &PackedRows<T>,
    w: &Panels<T>,
    bias: Option<&[T]>,
    y: MatMut<'_, T>,
) {
    reference::linear_forward(x, w, bias, y);
}

/// `dX += dY W`: `dY (B, O)`, `W (O, I)`, `dX (B, I)`.
///
/// # Panics
/// If shapes differ.
pub fn linear_backward_input<T: Real>(dy: MatRef<'_, T>, w: &Panels<T>, dx: MatMut<'_, T>) {
    reference::linear_backward_input(dy, w, dx);
}

/// `dW += dYᵀ X`, stored: for checks and for weights that are not packed.
///
/// # Panics
/// If shapes differ.
pub fn linear_backward_weight<T: Real>(dy: MatRef<'_, T>, x: &PackedRows<T>, dw: MatMut<'_, T>) {
    reference::linear_backward_weight(dy, x, dw);
}
