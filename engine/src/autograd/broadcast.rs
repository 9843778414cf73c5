//! One operand repeated to the shape of the other, and the gradient of that.

use ndarray::{Array2, Axis};

use super::{Scalar, Tape, Var};
use crate::error::{Error, Result};

impl<F: Scalar> Tape<F> {
    /// Checks that `b` has the shape of `a (B, D)`, or can be repeated to it: `(1, D)`, `(B, 1)` or
    /// `(1, 1)`.
    pub(super) fn expect_broadcast(&self, op: &'static str, a: Var, b: Var) -> Result<()> {
        let ((rows, cols), (b_rows, b_cols)) = (self.shape(a), self.shape(b));
        if (b_rows == rows || b_rows == 1) && (b_cols == cols || b_cols == 1) {
            return Ok(());
        }
        Err(Error::shape(
            op,
            format!("a second operand of {rows} × {cols}, or with 1 row or column"),
            format!("{b_rows} × {b_cols}"),
        ))
    }
}

/// The gradient of an operand of `shape` that was repeated to the shape of `d`: the sum over its
/// copies.
pub(super) fn sum_to_shape<F: Scalar>(d: Array2<F>, shape: (usize, usize)) -> Array2<F> {
    let mut d = d;
    if shape.0 == 1 && d.nrows() != 1 {
        d = d.sum_axis(Axis(0)).insert_axis(Axis(0));
    }
    if shape.1 == 1 && d.ncols() != 1 {
        d = d.sum_axis(Axis(1)).insert_axis(Axis(1));
    }
    d
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_gradient_is_summed_over_the_copies() {
        let d = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        assert_eq!(sum_to_shape(d.clone(), (2, 3)), d);
        assert_eq!(sum_to_shape(d.clone(), (1, 3)), array![[5.0, 7.0, 9.0]]);
        assert_eq!(sum_to_shape(d.clone(), (2, 1)), array![[6.0], [15.0]]);
        assert_eq!(sum_to_shape(d, (1, 1)), array![[21.0]]);
        let empty = Array2::<f64>::zeros((0, 2));
        assert_eq!(sum_to_shape(empty, (1, 2)), array![[0.0, 0.0]]);
    }
}
