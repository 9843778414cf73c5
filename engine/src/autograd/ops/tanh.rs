//! The hyperbolic tangent.

use crate::autograd::{Backward, Op, Scalar, Tape, Var};

struct Tanh;

impl<F: Scalar> Tape<F> {
    /// `x (B, D)` → tanh(x) of each entry, in [−1, 1].
    pub fn tanh(&mut self, x: Var) -> Var {
        let y = self.value(x).mapv(|x| x.tanh());
        self.push(y, &[x], Tanh)
    }
}

impl<F: Scalar> Op<F> for Tanh {
    fn name(&self) -> &'static str {
        "tanh"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let mut dx = cx.take_dy();
        // dx += dy (1 − y²)
        dx.zip_mut_with(&cx.y(), |dx, &y| *dx *= F::one() - y * y);
        cx.accumulate_array(0, dx);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use crate::autograd::{Input, Tape, gradcheck};

    #[test]
    fn gradcheck_on_both_sides_of_zero() {
        let inputs = [Input::Values(array![[-2.0, -0.2, 0.0], [0.4, 1.1, 2.5]])];
        let worst = gradcheck(&inputs, |t, v| Ok(t.tanh(v[0]))).unwrap();
        assert!(worst.relative <= 1e-6, "{worst:?}");
    }

    #[test]
    fn extreme_values_saturate() {
        let mut tape = Tape::<f64>::new();
        let x = tape.variable(array![[f64::NEG_INFINITY, -1e4, 0.0, 1e4, f64::INFINITY]]);
        let y = tape.tanh(x);
        assert_eq!(tape.value(y), array![[-1.0, -1.0, 0.0, 1.0, 1.0]]);
        let loss = tape.inner_product(y, array![[1.0; 5]]).unwrap();
        let dx = tape.backward(loss).unwrap().of(x).unwrap().to_dense();
        assert_eq!(dx, array![[0.0, 0.0, 1.0, 0.0, 0.0]]);
    }
}
