//! Σᵢ λᵢ Lᵢ: the total of several losses (paper eqs. 10 and 13).

use ndarray::Array2;

use crate::autograd::{Backward, Op, Scalar, Tape, Var};
use crate::error::Result;

struct WeightedSum<F>(Vec<F>);

impl<F: Scalar> Tape<F> {
    /// Losses `(1, 1)` with their weights → `(1, 1)`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if a loss is not `(1, 1)`.
    pub fn weighted_sum(&mut self, terms: &[(Var, F)]) -> Result<Var> {
        let mut sum = F::zero();
        for &(loss, weight) in terms {
            self.expect_shape("weighted_sum", "a loss", loss, (1, 1))?;
            sum += weight * self.scalar(loss);
        }
        let inputs: Vec<Var> = terms.iter().map(|term| term.0).collect();
        let weights = terms.iter().map(|term| term.1).collect();
        Ok(self.push(
            Array2::from_elem((1, 1), sum),
            &inputs,
            WeightedSum(weights),
        ))
    }
}

impl<F: Scalar> Op<F> for WeightedSum<F> {
    fn name(&self) -> &'static str {
        "weighted_sum"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let dy = cx.dy()[(0, 0)];
        for (i, &weight) in self.0.iter().enumerate() {
            cx.accumulate(i, |mut dx| dx += weight * dy);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use crate::autograd::{Input, Tape, gradcheck};

    #[test]
    fn gradcheck_with_a_repeated_term() {
        let worst = gradcheck(&[Input::Dense(1, 1), Input::Dense(1, 1)], |t, v| {
            t.weighted_sum(&[(v[0], 0.68), (v[1], 0.32), (v[0], -2.0)])
        })
        .unwrap();
        assert!(worst.relative <= 1e-6, "{worst:?}");
    }

    #[test]
    fn extreme_terms_are_not_hidden_by_a_weight_of_zero() {
        let mut tape = Tape::<f64>::new();
        let x = tape.variable(array![[f64::INFINITY]]);
        let y = tape.weighted_sum(&[(x, 0.0)]).unwrap();
        assert!(tape.scalar(y).is_nan());
        assert_eq!(
            tape.backward(y).unwrap().of(x).unwrap().to_dense(),
            array![[0.0]]
        );
    }
}
