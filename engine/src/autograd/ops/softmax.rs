//! Row-wise softmax.

use blendfuse_kernels::rowwise::softmax;
use ndarray::Array2;

use crate::autograd::value::{mat_mut, mat_ref};
use crate::autograd::{Backward, Op, Scalar, Tape, Var};

struct Softmax;

impl<F: Scalar> Tape<F> {
    /// `x (B, D)` → softmax of each row, which sums to 1. An entry of −∞ gets 0, as masks want it; a
    /// row of −∞ alone is all 0, and one with NaN or +∞ is NaN.
    pub fn softmax(&mut self, x: Var) -> Var {
        let mut y = Array2::zeros(self.shape(x));
        softmax(
            mat_ref(&self.value(x)),
            F::one(),
            mat_mut(&mut y.view_mut()),
        );
        self.push(y, &[x], Softmax)
    }
}

impl<F: Scalar> Op<F> for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let mut dx = cx.take_dy();
        // dx += y (dy − ⟨y, dy⟩)
        for (mut dx, y) in dx.rows_mut().into_iter().zip(cx.y().rows()) {
            let inner = dx.iter().zip(&y).map(|(&dy, &y)| dy * y).sum::<F>();
            dx.zip_mut_with(&y, |dx, &y| *dx = y * (*dx - inner));
        }
        cx.accumulate_array(0, dx);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use crate::autograd::{Input, Tape, gradcheck};

    #[test]
    fn gradcheck_of_one_and_several_columns() {
        for columns in [1, 2, 5] {
            let worst = gradcheck(&[Input::Dense(4, columns)], |t, v| Ok(t.softmax(v[0]))).unwrap();
            assert!(worst.relative <= 1e-6, "{columns} columns: {worst:?}");
        }
    }

    #[test]
    fn extreme_logits_give_finite_values_and_gradients() {
        let mut tape = Tape::<f64>::new();
        let masked = f64::NEG_INFINITY;
        let x = tape.variable(array![
            [1e4, -1e4, 0.0],
            [masked, 2.0, 2.0],
            [masked, masked, masked]
        ]);
        let y = tape.softmax(x);
        assert_eq!(
            tape.value(y),
            array![[1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 0.0]]
        );
        let r = array![[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]];
        let loss = tape.inner_product(y, r).unwrap();
        let dx = tape.backward(loss).unwrap().of(x).unwrap().to_dense();
        assert_eq!(
            dx,
            array![[0.0, 0.0, 0.0], [0.0, -0.25, 0.25], [0.0, 0.0, 0.0]]
        );
    }
}
