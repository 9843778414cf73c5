//! Cross-entropy with soft labels (paper eq. 9): the mean over rows of −Σ_c y_c log softmax(o)_c.
//! With one-hot targets it is the ordinary cross-entropy (the domain's, eq. 12).

use blendfuse_kernels::rowwise::soft_cross_entropy;
use ndarray::Array2;

use crate::autograd::value::{mat_mut, mat_ref, row_major};
use crate::autograd::{Backward, Op, Scalar, Tape, Var};
use crate::error::Result;

struct SoftCrossEntropy<F> {
    targets: Array2<F>,
    // softmax(o), (B, C).
    softmax: Array2<F>,
}

impl<F: Scalar> Tape<F> {
    /// `logits (B, C)` and `targets (B, C)`, shares of 1 → the mean loss `(1, 1)` in nats. An empty
    /// batch gives NaN.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the shapes differ.
    pub fn soft_cross_entropy(&mut self, logits: Var, targets: Array2<F>) -> Result<Var> {
        self.expect_shape("soft_cross_entropy", "logits", logits, targets.dim())?;
        let targets = row_major(targets);
        let mut softmax = Array2::zeros(targets.dim());
        let loss = soft_cross_entropy(
            mat_ref(&self.value(logits)),
            mat_ref(&targets.view()),
            mat_mut(&mut softmax.view_mut()),
        );
        Ok(self.push(
            Array2::from_elem((1, 1), loss),
            &[logits],
            SoftCrossEntropy { targets, softmax },
        ))
    }
}

impl<F: Scalar> Op<F> for SoftCrossEntropy<F> {
    fn name(&self) -> &'static str {
        "soft_cross_entropy"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let scale = cx.dy()[(0, 0)] / F::of(self.targets.nrows() as f64);
        // do += (softmax(o) Σ_c y_c − y) / B
        cx.accumulate(0, |mut dlogits| {
            for (r, y) in self.targets.rows().into_iter().enumerate() {
                let mass = y.sum();
                for (c, &y) in y.iter().enumerate() {
                    dlogits[(r, c)] += scale * (mass * self.softmax[(r, c)] - y);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::autograd::{Input, gradcheck};

    #[test]
    fn gradcheck_for_soft_hard_and_unnormalised_targets() {
        for targets in [
            array![[0.7, 0.3, 0.0], [0.5, 0.0, 0.5]],
            array![[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
            array![[0.2, 0.2, 0.2], [2.0, 0.0, 1.0]],
        ] {
            let worst = gradcheck(&[Input::Dense(2, 3)], |t, v| {
                t.soft_cross_entropy(v[0], targets.clone())
            })
            .unwrap();
            assert!(worst.relative <= 1e-6, "{targets}: {worst:?}");
        }
    }

    #[test]
    fn a_uniform_guess_costs_the_logarithm_of_the_classes() {
        let mut tape = Tape::<f64>::new();
        let logits = tape.constant(Array2::zeros((4, 6)));
        let loss = tape
            .soft_cross_entropy(logits, Array2::from_elem((4, 6), 1.0 / 6.0))
            .unwrap();
        assert!((tape.scalar(loss) - 6.0_f64.ln()).abs() <= 1e-12);
    }

    #[test]
    fn extreme_logits_give_finite_loss_and_gradient() {
        let mut tape = Tape::<f64>::new();
        let logits = tape.variable(array![[800.0, -800.0], [-1e5, 1e5]]);
        let loss = tape
            .soft_cross_entropy(logits, array![[1.0, 0.0], [0.5, 0.5]])
            .unwrap();
        assert_eq!(tape.scalar(loss), 0.5 * (0.5 * 2e5));
        let gradient = tape.backward(loss).unwrap().of(logits).unwrap().to_dense();
        assert_eq!(gradient, array![[0.0, 0.0], [-0.25, 0.25]]);
    }

    #[test]
    fn rejects_targets_of_another_shape() {
        let mut tape = Tape::<f64>::new();
        let logits = tape.constant(Array2::zeros((2, 3)));
        assert!(
            tape.soft_cross_entropy(logits, Array2::zeros((2, 2)))
                .is_err()
        );
    }
}
