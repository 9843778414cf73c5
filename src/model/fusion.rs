//! The shared embedding: z = Dropout(ReLU(BatchNorm(F [u₁, …, u_M] + f))) (paper eqs. 5 and 6).

use crate::autograd::{Scalar, Var};
use crate::error::Result;
use crate::nn::{BatchNorm, Dropout, Folded, ForwardPass, Init, Linear, Params};

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

    /// Selected weights `(B, M)` and projections, M of `(B, P)` → z `(B, Z)`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the shapes do not fit.
    pub fn forward<F: Scalar>(
        &self,
        pass: &mut ForwardPass<'_, F>,
        weights: Var,
        h: &[Var],
    ) -> Result<Var> {
        let y = self.linear.forward_weighted(pass, weights, h)?;
        let norm = &self.norm;
        Ok(norm.forward_relu_dropout(pass, y, None, &self.dropout)?)
    }

    /// The layer that follows [u₁, …, u_M] in evaluation.
    pub fn folded(&self, params: &Params<f32>) -> Folded {
        Folded::linear_norm_relu(params, self.linear, self.norm)
    }
}
