//! `max(x, 0)`; NaN stays NaN, and the gradient at 0 is 0, as in PyTorch.

use crate::autograd::{Backward, Op, Scalar, Tape, Var};

struct Relu;

impl<F: Scalar> Tape<F> {
    /// `x (B, D)` → `(B, D)`.
    pub fn relu(&mut self, x: Var) -> Var {
        let y = self
            .value(x)
            .mapv(|x| if x < F::zero() { F::zero() } else { x });
        self.push(y, &[x], Relu)
    }
}

impl<F: Scalar> Op<F> for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let mut dx = cx.take_dy();
        // dx += dy where y > 0
        dx.zip_mut_with(&cx.y(), |dx, &y| {
            if y <= F::zero() {
                *dx = F::zero();
            }
        });
        cx.accumulate_array(0, dx);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use crate::autograd::{Input, Tape, gradcheck};

    #[test]
    fn gradcheck_on_both_sides_of_the_kink() {
        let x = array![[-1.5, 0.4, 2.0], [3.0, -0.1, -0.5]];
        let worst = gradcheck(&[Input::Values(x)], |t, v| Ok(t.relu(v[0]))).unwrap();
        assert!(worst.relative <= 1e-6, "{worst:?}");
    }

    #[test]
    fn extreme_values_and_the_kink_itself() {
        let mut tape = Tape::<f64>::new();
        let x = tape.variable(array![[
            f64::NEG_INFINITY,
            -0.0,
            0.0,
            f64::INFINITY,
            f64::NAN
        ]]);
        let y = tape.relu(x);
        assert!(tape.value(y)[(0, 4)].is_nan());
        let loss = tape
            .inner_product(y, array![[1.0, 1.0, 1.0, 1.0, 1.0]])
            .unwrap();
        let dx = tape.backward(loss).unwrap().of(x).unwrap().to_dense();
        assert_eq!(dx, array![[0.0, 0.0, 0.0, 1.0, 1.0]]);
    }
}
