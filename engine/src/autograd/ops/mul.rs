//! The product of two values, entry by entry.

use crate::autograd::broadcast::sum_to_shape;
use crate::autograd::{Backward, Op, Scalar, Tape, Var};
use crate::error::Result;

struct Mul;

impl<F: Scalar> Tape<F> {
    /// `a (B, D)` and `b` → `a ⊙ b`; `b` is `(B, D)`, or a row `(1, D)`, a column `(B, 1)` or a number
    /// `(1, 1)` that is repeated.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `b` has another shape.
    pub fn mul(&mut self, a: Var, b: Var) -> Result<Var> {
        self.expect_broadcast("mul", a, b)?;
        let y = &self.value(a) * &self.value(b);
        Ok(self.push(y, &[a, b], Mul))
    }
}

impl<F: Scalar> Op<F> for Mul {
    fn name(&self) -> &'static str {
        "mul"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let dy = cx.take_dy();
        let shape = cx.x(1).dim();
        // da += dy ⊙ b
        if cx.needs(0) {
            let da = &dy * &cx.x(1);
            cx.accumulate_array(0, da);
        }
        // db += dy ⊙ a, summed over the copies of b
        if cx.needs(1) {
            let db = sum_to_shape(&dy * &cx.x(0), shape);
            cx.accumulate_array(1, db);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use crate::autograd::{Input, Tape, gradcheck};

    #[test]
    fn gradcheck_for_equal_shapes_a_row_a_column_a_number_and_a_square() {
        for (rows, cols) in [(3, 4), (1, 4), (3, 1), (1, 1)] {
            let inputs = [Input::Dense(3, 4), Input::Dense(rows, cols)];
            let worst = gradcheck(&inputs, |t, v| t.mul(v[0], v[1])).unwrap();
            assert!(worst.relative <= 1e-6, "{rows} × {cols}: {worst:?}");
        }
        let worst = gradcheck(&[Input::Dense(3, 4)], |t, v| t.mul(v[0], v[0])).unwrap();
        assert!(worst.relative <= 1e-6, "{worst:?}");
    }

    #[test]
    fn extreme_values_are_not_hidden_by_a_zero() {
        let mut tape = Tape::<f64>::new();
        let a = tape.variable(array![[f64::INFINITY, 1e200, 2.0]]);
        let b = tape.variable(array![[0.0, 1e200, 3.0]]);
        let y = tape.mul(a, b).unwrap();
        assert!(tape.value(y)[(0, 0)].is_nan());
        assert_eq!(tape.value(y)[(0, 1)], f64::INFINITY);
        assert_eq!(tape.value(y)[(0, 2)], 6.0);
        let loss = tape.inner_product(y, Array2::ones((1, 3))).unwrap();
        let gradients = tape.backward(loss).unwrap();
        assert_eq!(
            gradients.of(a).unwrap().to_dense(),
            array![[0.0, 1e200, 3.0]]
        );
    }

    #[test]
    fn rejects_shapes_that_cannot_be_repeated() {
        let mut tape = Tape::<f64>::new();
        let a = tape.constant(Array2::zeros((3, 4)));
        for shape in [(2, 4), (3, 2), (4, 3)] {
            let b = tape.constant(Array2::zeros(shape));
            assert!(tape.mul(a, b).is_err(), "{shape:?}");
        }
    }
}
