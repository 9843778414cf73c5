//! The mean of all entries.

use ndarray::Array2;

use crate::autograd::{Backward, Op, Scalar, Tape, Var};

struct Mean;

impl<F: Scalar> Tape<F> {
    /// `x (B, D)` → the mean of its entries `(1, 1)`; NaN if there are none.
    pub fn mean(&mut self, x: Var) -> Var {
        let x_value = self.value(x);
        let mean = x_value.sum() / F::of(x_value.len() as f64);
        self.push(Array2::from_elem((1, 1), mean), &[x], Mean)
    }
}

impl<F: Scalar> Op<F> for Mean {
    fn name(&self) -> &'static str {
        "mean"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let shape = cx.x(0).dim();
        let share = cx.dy()[(0, 0)] / F::of((shape.0 * shape.1) as f64);
        cx.accumulate(0, |mut dx| dx += share);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use crate::autograd::{Input, Tape, gradcheck};

    #[test]
    fn gradcheck_of_one_and_several_entries() {
        for (rows, cols) in [(1, 1), (1, 4), (3, 2)] {
            let worst = gradcheck(&[Input::Dense(rows, cols)], |t, v| Ok(t.mean(v[0]))).unwrap();
            assert!(worst.relative <= 1e-6, "{rows} × {cols}: {worst:?}");
        }
    }

    #[test]
    fn extreme_values_are_not_hidden() {
        let mut tape = Tape::<f64>::new();
        let x = tape.variable(array![[f64::INFINITY, 1.0]]);
        let y = tape.mean(x);
        assert_eq!(tape.scalar(y), f64::INFINITY);
        let dx = tape.backward(y).unwrap().of(x).unwrap().to_dense();
        assert_eq!(dx, array![[0.5, 0.5]]);
        let mut tape = Tape::<f64>::new();
        let nothing = tape.constant(Array2::zeros((0, 3)));
        let y = tape.mean(nothing);
        assert!(tape.scalar(y).is_nan());
    }
}
