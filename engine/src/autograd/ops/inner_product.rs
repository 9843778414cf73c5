//! ⟨x, r⟩ with a fixed matrix: turns any value into a loss.

use ndarray::{Array2, Zip};

use crate::autograd::{Backward, Op, Scalar, Tape, Var};
use crate::error::Result;

struct InnerProduct<F>(Array2<F>);

impl<F: Scalar> Tape<F> {
    /// `x (B, D)` and `r (B, D)` → `(1, 1)`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the shapes differ.
    pub fn inner_product(&mut self, x: Var, r: Array2<F>) -> Result<Var> {
        self.expect_shape("inner_product", "a value", x, r.dim())?;
        let sum = Zip::from(self.value(x))
            .and(&r)
            .fold(F::zero(), |sum, &x, &r| sum + x * r);
        Ok(self.push(Array2::from_elem((1, 1), sum), &[x], InnerProduct(r)))
    }
}

impl<F: Scalar> Op<F> for InnerProduct<F> {
    fn name(&self) -> &'static str {
        "inner_product"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let dy = cx.dy()[(0, 0)];
        cx.accumulate_array(0, &self.0 * dy);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use crate::autograd::{Input, Tape, gradcheck};

    #[test]
    fn gradcheck_and_value() {
        let r = array![[1.0, -2.0, 0.5]];
        let worst = gradcheck(&[Input::Dense(1, 3)], |t, v| {
            t.inner_product(v[0], r.clone())
        })
        .unwrap();
        assert!(worst.relative <= 1e-6, "{worst:?}");
    }

    #[test]
    fn extreme_values_are_not_hidden() {
        let mut tape = Tape::<f64>::new();
        let x = tape.variable(array![[f64::INFINITY, 1.0]]);
        let y = tape.inner_product(x, array![[0.0, 1.0]]).unwrap();
        assert!(tape.scalar(y).is_nan());
        assert_eq!(
            tape.backward(y).unwrap().of(x).unwrap().to_dense(),
            array![[0.0, 1.0]]
        );
    }
}
