//! General matrix product for matrices that are not kept packed.

use crate::real::Real;
use crate::reference;
use crate::view::{MatMut, MatRef};

/// `C = alpha A B + beta C` with `A (m, k)`, `B (k, n)`, `C (m, n)`; `beta == 0` never reads `C`.
///
/// # Panics
/// If inner or outer dimensions differ.
pub fn gemm<T: Real>(alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, beta: T, c: MatMut<'_, T>) {
    assert_eq!(
        (a.cols(), a.rows(), b.cols()),
        (b.rows(), c.rows(), c.cols()),
        "gemm: k, m, n"
    );
    reference::gemm(alpha, a, b, beta, c);
}
