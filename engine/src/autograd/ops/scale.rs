//! A value times a constant.

use crate::autograd::{Backward, Op, Scalar, Tape, Var};

struct Scale<F>(F);

impl<F: Scalar> Tape<F> {
    /// `x (B, D)` → `factor · x`.
    pub fn scale(&mut self, x: Var, factor: F) -> Var {
        let y = self.value(x).mapv(|x| factor * x);
        self.push(y, &[x], Scale(factor))
    }
}

impl<F: Scalar> Op<F> for Scale<F> {
    fn name(&self) -> &'static str {
        "scale"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let mut dx = cx.take_dy();
        dx *= self.0;
        cx.accumulate_array(0, dx);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use crate::autograd::{Input, Tape, gradcheck};

    #[test]
    fn gradcheck_for_factors_of_either_sign_and_zero() {
        for factor in [-2.5, 0.0, 0.3] {
            let worst = gradcheck(&[Input::Dense(3, 2)], |t, v| Ok(t.scale(v[0], factor))).unwrap();
            assert!(worst.relative <= 1e-6, "factor {factor}: {worst:?}");
        }
    }

    #[test]
    fn extreme_values_are_not_hidden_by_a_factor_of_zero() {
        let mut tape = Tape::<f64>::new();
        let x = tape.variable(array![[f64::INFINITY, 1.0]]);
        let y = tape.scale(x, 0.0);
        assert!(tape.value(y)[(0, 0)].is_nan());
        assert_eq!(tape.value(y)[(0, 1)], 0.0);
        let loss = tape.inner_product(y, array![[1.0, 1.0]]).unwrap();
        let dx = tape.backward(loss).unwrap().of(x).unwrap().to_dense();
        assert_eq!(dx, array![[0.0, 0.0]]);
    }
}
