//! Binary cross-entropy with logits, as `torch.nn.functional.binary_cross_entropy_with_logits`: the
//! mean over rows and classes of −y log σ(o) − (1 − y) log(1 − σ(o)).

use ndarray::{Array2, Zip};

use crate::autograd::ops::sigmoid::sigmoid;
use crate::autograd::{Backward, Op, Scalar, Tape, Var};
use crate::error::Result;

struct BinaryCrossEntropy<F> {
    targets: Array2<F>,
}

impl<F: Scalar> Tape<F> {
    /// `logits (B, C)` and `targets (B, C)` in [0, 1] → the mean loss `(1, 1)` in nats. An empty
    /// batch gives NaN.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the shapes differ.
    pub fn binary_cross_entropy(&mut self, logits: Var, targets: Array2<F>) -> Result<Var> {
        self.expect_shape("binary_cross_entropy", "logits", logits, targets.dim())?;
        let sum = Zip::from(self.value(logits))
            .and(&targets)
            .fold(F::zero(), |sum, &o, &y| {
                // max(o, 0) − o y + log(1 + e^−|o|): the same without overflow
                let positive = if o < F::zero() { F::zero() } else { o };
                sum + positive - o * y + (-o.abs()).exp().ln_1p()
            });
        let loss = sum / F::of(targets.len() as f64);
        Ok(self.push(
            Array2::from_elem((1, 1), loss),
            &[logits],
            BinaryCrossEntropy { targets },
        ))
    }
}

impl<F: Scalar> Op<F> for BinaryCrossEntropy<F> {
    fn name(&self) -> &'static str {
        "binary_cross_entropy"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let scale = cx.dy()[(0, 0)] / F::of(self.targets.len() as f64);
        // do += (σ(o) − y) / (B C)
        let mut dlogits = cx.x(0).to_owned();
        dlogits.zip_mut_with(&self.targets, |o, &y| *o = scale * (sigmoid(*o) - y));
        cx.accumulate_array(0, dlogits);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::autograd::{Input, gradcheck};

    #[test]
    fn gradcheck_for_hard_and_soft_targets_on_both_sides_of_zero() {
        for targets in [array![[1.0, 0.0, 1.0]], array![[0.7, 0.3, 0.0]]] {
            let logits = array![[1.3, -0.8, -2.0]];
            let worst = gradcheck(&[Input::Values(logits)], |t, v| {
                t.binary_cross_entropy(v[0], targets.clone())
            })
            .unwrap();
            assert!(worst.relative <= 1e-6, "{worst:?}");
        }
    }

    #[test]
    fn extreme_logits_give_finite_loss_and_gradient() {
        let mut tape = Tape::<f64>::new();
        let logits = tape.variable(array![[800.0, -800.0]]);
        let loss = tape
            .binary_cross_entropy(logits, array![[0.0, 0.0]])
            .unwrap();
        assert_eq!(tape.scalar(loss), 400.0);
        assert_eq!(
            tape.backward(loss).unwrap().of(logits).unwrap().to_dense(),
            array![[0.5, 0.0]]
        );
    }

    #[test]
    fn at_zero_the_loss_is_one_bit() {
        let mut tape = Tape::<f64>::new();
        let logits = tape.constant(Array2::zeros((3, 2)));
        let loss = tape
            .binary_cross_entropy(logits, Array2::from_elem((3, 2), 0.3))
            .unwrap();
        assert!((tape.scalar(loss) - 2.0_f64.ln()).abs() <= 1e-15);
    }
}
