//! The matrix product of two values. For a layer's weight take [`Tape::linear`], which streams it in
//! packed form.

use blendfuse_kernels::MatRef;
use blendfuse_kernels::gemm::gemm;
use ndarray::Array2;

use crate::autograd::value::{mat_mut, mat_ref};
use crate::autograd::{Backward, Op, Scalar, Tape, Tensor, Var};
use crate::error::{Error, Result};

struct MatMul;

impl<F: Scalar> Tape<F> {
    /// `a (B, K)` and `b (K, D)`, both dense → `a b (B, D)`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the inner dimensions differ or an operand is packed.
    pub fn matmul(&mut self, a: Var, b: Var) -> Result<Var> {
        let (Tensor::Dense(a_value), Tensor::Dense(b_value)) = (self.tensor(a), self.tensor(b))
        else {
            return Err(Error::shape(
                "matmul",
                "dense operands",
                "a packed batch or weight; use linear",
            ));
        };
        if a_value.ncols() != b_value.nrows() {
            return Err(Error::shape(
                "matmul",
                format!("a second operand of {} rows", a_value.ncols()),
                b_value.nrows().to_string(),
            ));
        }
        let y = product(mat_ref(&a_value.view()), mat_ref(&b_value.view()));
        Ok(self.push(y, &[a, b], MatMul))
    }
}

fn product<F: Scalar>(a: MatRef<'_, F>, b: MatRef<'_, F>) -> Array2<F> {
    let mut y = Array2::zeros((a.rows(), b.cols()));
    gemm(F::one(), a, b, F::zero(), mat_mut(&mut y.view_mut()));
    y
}

impl<F: Scalar> Op<F> for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let dy = cx.take_dy();
        let dy = dy.view();
        // da += dy bᵀ
        if cx.needs(0) {
            let da = product(mat_ref(&dy), mat_ref(&cx.x(1)).transposed());
            cx.accumulate_array(0, da);
        }
        // db += aᵀ dy
        if cx.needs(1) {
            let db = product(mat_ref(&cx.x(0)).transposed(), mat_ref(&dy));
            cx.accumulate_array(1, db);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::autograd::{Input, gradcheck};

    #[test]
    fn gradcheck_of_several_shapes_and_of_a_square() {
        for (rows, inner, cols) in [(3, 4, 2), (1, 5, 1), (4, 1, 3)] {
            let inputs = [Input::Dense(rows, inner), Input::Dense(inner, cols)];
            let worst = gradcheck(&inputs, |t, v| t.matmul(v[0], v[1])).unwrap();
            assert!(worst.relative <= 1e-6, "{rows} {inner} {cols}: {worst:?}");
        }
        let worst = gradcheck(&[Input::Dense(3, 3)], |t, v| t.matmul(v[0], v[0])).unwrap();
        assert!(worst.relative <= 1e-6, "{worst:?}");
    }

    #[test]
    fn extreme_values_reach_output_and_gradient() {
        let mut tape = Tape::<f64>::new();
        let a = tape.variable(array![[1e300, f64::NAN], [0.0, 1.0]]);
        let b = tape.variable(array![[1e300], [0.0]]);
        let y = tape.matmul(a, b).unwrap();
        assert!(tape.value(y)[(0, 0)].is_nan());
        assert_eq!(tape.value(y)[(1, 0)], 0.0);
        let loss = tape.inner_product(y, array![[0.0], [1.0]]).unwrap();
        let gradients = tape.backward(loss).unwrap();
        let da = gradients.of(a).unwrap().to_dense();
        assert_eq!(da.row(1), array![1e300, 0.0]);
    }

    #[test]
    fn rejects_inner_dimensions_that_differ_and_packed_operands() {
        let mut tape = Tape::<f64>::new();
        let a = tape.constant(Array2::zeros((2, 3)));
        let message = tape.matmul(a, a).unwrap_err().to_string();
        assert_eq!(
            message,
            "matmul: expected a second operand of 3 rows, got 2"
        );
        let worst = gradcheck(&[Input::Dense(2, 3), Input::Packed(3, 2)], |t, v| {
            t.matmul(v[0], v[1])
        });
        assert!(worst.is_err());
    }
}
