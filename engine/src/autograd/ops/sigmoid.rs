//! The logistic function σ(x) = 1 / (1 + e^−x).

use crate::autograd::{Backward, Op, Scalar, Tape, Var};

/// σ(x) of one number, without overflow; NaN stays NaN.
pub fn sigmoid<F: Scalar>(x: F) -> F {
    // Both branches keep the exponent at or below 0.
    let e = (-x.abs()).exp();
    if x < F::zero() {
        e / (F::one() + e)
    } else {
        F::one() / (F::one() + e)
    }
}

struct Sigmoid;

impl<F: Scalar> Tape<F> {
    /// `x (B, D)` → σ(x) of each entry, in [0, 1].
    pub fn sigmoid(&mut self, x: Var) -> Var {
        let y = self.value(x).mapv(sigmoid);
        self.push(y, &[x], Sigmoid)
    }
}

impl<F: Scalar> Op<F> for Sigmoid {
    fn name(&self) -> &'static str {
        "sigmoid"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let mut dx = cx.take_dy();
        // dx += dy y (1 − y)
        dx.zip_mut_with(&cx.y(), |dx, &y| *dx *= y * (F::one() - y));
        cx.accumulate_array(0, dx);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use crate::autograd::{Input, Tape, gradcheck};

    #[test]
    fn gradcheck_on_both_sides_of_zero() {
        let inputs = [Input::Values(array![[-3.0, -0.2, 0.0], [0.4, 1.7, 5.0]])];
        let worst = gradcheck(&inputs, |t, v| Ok(t.sigmoid(v[0]))).unwrap();
        assert!(worst.relative <= 1e-6, "{worst:?}");
    }

    #[test]
    fn extreme_values_saturate_without_overflow() {
        let mut tape = Tape::<f64>::new();
        let x = tape.variable(array![[f64::NEG_INFINITY, -1e4, 0.0, 1e4, f64::INFINITY]]);
        let y = tape.sigmoid(x);
        assert_eq!(tape.value(y), array![[0.0, 0.0, 0.5, 1.0, 1.0]]);
        let loss = tape.inner_product(y, array![[1.0; 5]]).unwrap();
        let dx = tape.backward(loss).unwrap().of(x).unwrap().to_dense();
        assert_eq!(dx, array![[0.0, 0.0, 0.25, 0.0, 0.0]]);
    }
}
