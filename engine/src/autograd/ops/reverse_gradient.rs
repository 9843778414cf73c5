//! Gradient reversal (Ganin and Lempitsky 2015; paper eq. 11): identity forward, the gradient times
//! −λ backward.

use crate::autograd::{Backward, Op, Scalar, Tape, Var};

struct ReverseGradient<F>(F);

impl<F: Scalar> Tape<F> {
    /// `x (B, D)` → the same; its gradient is multiplied by −`lambda`.
    pub fn reverse_gradient(&mut self, x: Var, lambda: F) -> Var {
        let y = self.value(x).to_owned();
        self.push(y, &[x], ReverseGradient(lambda))
    }
}

impl<F: Scalar> Op<F> for ReverseGradient<F> {
    fn name(&self) -> &'static str {
        "reverse_gradient"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let mut dx = cx.take_dy();
        dx *= -self.0;
        cx.accumulate_array(0, dx);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::autograd::{Input, gradcheck_against};

    #[test]
    fn gradcheck_against_minus_lambda() {
        for lambda in [0.0, 0.3, 1.0] {
            let worst = gradcheck_against(
                &[Input::Dense(3, 2)],
                |t, v| Ok(t.reverse_gradient(v[0], lambda)),
                |t, v| {
                    let scaled = t.value(v[0]).mapv(|x| -lambda * x);
                    Ok(t.constant(scaled))
                },
            )
            .unwrap();
            assert!(worst.relative <= 1e-6, "λ {lambda}: {worst:?}");
        }
    }

    #[test]
    fn extreme_values_pass_unchanged() {
        let mut tape = Tape::<f64>::new();
        let x = tape.variable(array![[f64::MAX, f64::NEG_INFINITY]]);
        let y = tape.reverse_gradient(x, 0.5);
        assert_eq!(tape.value(y), array![[f64::MAX, f64::NEG_INFINITY]]);
        let loss = tape.inner_product(y, array![[1.0, -1.0]]).unwrap();
        assert_eq!(
            tape.backward(loss).unwrap().of(x).unwrap().to_dense(),
            array![[-0.5, 0.5]]
        );
    }
}
