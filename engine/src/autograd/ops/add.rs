//! The sum of two values.

use crate::autograd::broadcast::sum_to_shape;
use crate::autograd::{Backward, Op, Scalar, Tape, Var};
use crate::error::Result;

struct Add;

impl<F: Scalar> Tape<F> {
    /// `a (B, D)` and `b` → `a + b`; `b` is `(B, D)`, or a row `(1, D)`, a column `(B, 1)` or a number
    /// `(1, 1)` that is repeated.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `b` has another shape.
    pub fn add(&mut self, a: Var, b: Var) -> Result<Var> {
        self.expect_broadcast("add", a, b)?;
        let y = &self.value(a) + &self.value(b);
        Ok(self.push(y, &[a, b], Add))
    }
}

impl<F: Scalar> Op<F> for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let dy = cx.take_dy();
        let shape = cx.x(1).dim();
        if cx.needs(1) {
            cx.accumulate_array(1, sum_to_shape(dy.clone(), shape));
        }
        cx.accumulate_array(0, dy);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use crate::autograd::{Input, Tape, gradcheck};

    #[test]
    fn gradcheck_for_equal_shapes_a_row_a_column_a_number_and_a_value_with_itself() {
        for (rows, cols) in [(3, 4), (1, 4), (3, 1), (1, 1)] {
            let inputs = [Input::Dense(3, 4), Input::Dense(rows, cols)];
            let worst = gradcheck(&inputs, |t, v| t.add(v[0], v[1])).unwrap();
            assert!(worst.relative <= 1e-6, "{rows} × {cols}: {worst:?}");
        }
        let worst = gradcheck(&[Input::Dense(3, 4)], |t, v| t.add(v[0], v[0])).unwrap();
        assert!(worst.relative <= 1e-6, "{worst:?}");
    }

    #[test]
    fn extreme_values_stay_in_their_entries() {
        let mut tape = Tape::<f64>::new();
        let a = tape.variable(array![[f64::INFINITY, 1.0], [f64::MAX, 2.0]]);
        let b = tape.variable(array![[f64::NEG_INFINITY, 1.0]]);
        let y = tape.add(a, b).unwrap();
        assert!(tape.value(y)[(0, 0)].is_nan());
        assert_eq!(tape.value(y).column(1), array![2.0, 3.0]);
        let loss = tape.inner_product(y, Array2::ones((2, 2))).unwrap();
        let gradients = tape.backward(loss).unwrap();
        assert_eq!(gradients.of(b).unwrap().to_dense(), array![[2.0, 2.0]]);
    }

    #[test]
    fn rejects_shapes_that_cannot_be_repeated() {
        let mut tape = Tape::<f64>::new();
        let a = tape.constant(Array2::zeros((3, 4)));
        for shape in [(2, 4), (3, 2), (4, 3)] {
            let b = tape.constant(Array2::zeros(shape));
            assert!(tape.add(a, b).is_err(), "{shape:?}");
        }
        // The second operand is the one that is repeated.
        let row = tape.constant(Array2::zeros((1, 4)));
        let message = tape.add(row, a).unwrap_err().to_string();
        let expected =
            "add: expected a second operand of 1 × 4, or with 1 row or column, got 3 × 4";
        assert_eq!(message, expected);
    }
}
