//! The shared embedding: z = Dropout(ReLU(BatchNorm(F [u₁, …, u_M] + f))) (paper eqs. 5 and 6).

use crate::autograd::{Scalar, Tape, Var};
use crate::error::Result;
use crate::nn::batch_norm::RunningUpdate;
use crate::nn::{BatchNorm, Dropout, Folded, Init, Linear, Mode, Params};

/// `fusion.linear` and `fusion.norm`.
#[derive(Clone, Copy, Debug)]
pub struct Fusion {
    linear: Linear,
    norm: BatchNorm,
    dropout: Dropout,
}

impl Fusion {
    /// Adds the fusion of `inputs` = M P columns to `width` = Z.
    pub fn new<F: Scalar>(
        params: &mut Params<F>,
        inputs: usize,
        width: usize,
        dropout: Dropout,
        init: Init,
    ) -> Self {
        let linear = Linear::new(params, "fusion.linear", inputs, width, init);
        let norm = BatchNorm::new(params, "fusion.norm", width);
        Self {
            linear,
            norm,
            dropout,
        }
    }

    /// Kept weights `(B, M)` and projections, M of `(B, P)` → z `(B, Z)`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the shapes do not fit.
    pub fn forward<F: Scalar>(
        &self,
        tape: &mut Tape<F>,
        params: &Params<F>,
        kept: Var,
        h: &[Var],
        mode: Mode,
    ) -> Result<(Var, Option<RunningUpdate<F>>)> {
        let u = tape.weighted_concat(kept, h)?;
        let y = self.linear.forward(tape, params, u)?;
        let norm = &self.norm;
        Ok(norm.forward_relu_dropout(tape, params, y, None, &self.dropout, mode)?)
    }

    /// The layer that follows [u₁, …, u_M] in evaluation.
    pub fn folded(&self, params: &Params<f32>) -> Folded {
        Folded::linear_norm_relu(params, self.linear, self.norm)
    }
}
