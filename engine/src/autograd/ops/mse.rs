//! Mean squared error, as `torch.nn.functional.mse_loss`: the mean over all entries of (x − y)².

use ndarray::{Array2, Zip};

use crate::autograd::{Backward, Op, Scalar, Tape, Var};
use crate::error::Result;

struct Mse<F> {
    targets: Array2<F>,
}

impl<F: Scalar> Tape<F> {
    /// `x (B, D)` and `targets (B, D)` → the mean squared error `(1, 1)`, in the square of their unit.
    /// An empty batch gives NaN.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the shapes differ.
    pub fn mse(&mut self, x: Var, targets: Array2<F>) -> Result<Var> {
        self.expect_shape("mse", "predictions", x, targets.dim())?;
        let sum = Zip::from(self.value(x))
            .and(&targets)
            .fold(F::zero(), |sum, &x, &y| sum + (x - y) * (x - y));
        let loss = Array2::from_elem((1, 1), sum / F::of(targets.len() as f64));
        Ok(self.push(loss, &[x], Mse { targets }))
    }
}

impl<F: Scalar> Op<F> for Mse<F> {
    fn name(&self) -> &'static str {
        "mse"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let scale = F::of(2.0) * cx.dy()[(0, 0)] / F::of(self.targets.len() as f64);
        // dx += 2 (x − y) / (B D)
        let mut dx = cx.x(0).to_owned();
        dx.zip_mut_with(&self.targets, |x, &y| *x = scale * (*x - y));
        cx.accumulate_array(0, dx);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::autograd::{Input, gradcheck};

    #[test]
    fn gradcheck_of_one_and_several_entries() {
        for targets in [array![[0.4]], array![[0.7, -0.3, 0.0], [5.0, 0.0, 0.5]]] {
            let (rows, cols) = targets.dim();
            let worst = gradcheck(&[Input::Dense(rows, cols)], |t, v| {
                t.mse(v[0], targets.clone())
            })
            .unwrap();
            assert!(worst.relative <= 1e-6, "{targets}: {worst:?}");
        }
    }

    #[test]
    fn extreme_differences_keep_their_gradient() {
        let mut tape = Tape::<f64>::new();
        let x = tape.variable(array![[1e200, 3.0]]);
        let loss = tape.mse(x, array![[0.0, 1.0]]).unwrap();
        assert_eq!(tape.scalar(loss), f64::INFINITY);
        let dx = tape.backward(loss).unwrap().of(x).unwrap().to_dense();
        assert_eq!(dx, array![[1e200, 2.0]]);
    }

    #[test]
    fn rejects_targets_of_another_shape() {
        let mut tape = Tape::<f64>::new();
        let x = tape.constant(Array2::zeros((2, 3)));
        let message = tape.mse(x, Array2::zeros((3, 2))).unwrap_err().to_string();
        assert_eq!(message, "mse: expected predictions of 3 × 2, got 2 × 3");
    }
}
