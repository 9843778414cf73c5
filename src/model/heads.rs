//! Classifier heads: Linear → ReLU → Dropout → Linear (paper eq. 7), and their probabilities (eq. 8).

use blendfuse_kernels::rowwise::softmax;
use ndarray::{Array2, ArrayView2};

use crate::autograd::ops::sigmoid::sigmoid;
use crate::autograd::value::{mat_mut, mat_ref};
use crate::autograd::{Scalar, Var};
use crate::error::Result;
use crate::nn::{Dropout, Folded, ForwardPass, Init, Linear, Params};

/// `NAME.0` and `NAME.3`.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    hidden: Linear,
    dropout: Dropout,
    output: Linear,
}

impl Head {
    /// Adds a head of `inputs` → `hidden` → `outputs`.
    pub fn new<F: Scalar>(
        params: &mut Params<F>,
        name: &str,
        [inputs, hidden, outputs]: [usize; 3],
        dropout: Dropout,
        init: Init,
    ) -> Self {
        Self {
            hidden: Linear::new(params, &format!("{name}.0"), inputs, hidden, init),
            dropout,
            output: Linear::new(params, &format!("{name}.3"), hidden, outputs, init),
        }
    }

    /// z `(B, inputs)` → logits `(B, outputs)`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `z` has another width.
    pub fn forward<F: Scalar>(&self, pass: &mut ForwardPass<'_, F>, z: Var) -> Result<Var> {
        let hidden = self.hidden.forward(pass, z)?;
        let hidden = pass.tape.relu(hidden);
        let hidden = self.dropout.forward(pass, hidden);
        Ok(self.output.forward(pass, hidden)?)
    }

    /// The two layers in evaluation.
    pub fn folded(&self, params: &Params<f32>) -> [Folded; 2] {
        [
            Folded::linear(params, self.hidden, true),
            Folded::linear(params, self.output, false),
        ]
    }
}

/// Presence p = σ(o) of each class, `(B, C)`.
pub fn presence_probabilities<F: Scalar>(logits: ArrayView2<'_, F>) -> Array2<F> {
    logits.mapv(sigmoid)
}

/// Salience s = softmax(o) of each row, `(B, C)`.
pub fn salience_probabilities<F: Scalar>(logits: ArrayView2<'_, F>) -> Array2<F> {
    let mut s = Array2::zeros(logits.dim());
    softmax(mat_ref(&logits), F::one(), mat_mut(&mut s.view_mut()));
    s
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn probabilities_of_extreme_logits_are_finite() {
        let logits = array![[1e4, -1e4, 0.0]];
        assert_eq!(
            presence_probabilities(logits.view()),
            array![[1.0, 0.0, 0.5]]
        );
        assert_eq!(
            salience_probabilities(logits.view()),
            array![[1.0, 0.0, 0.0]]
        );
    }
}
