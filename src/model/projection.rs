//! One encoder's projection: h = Dropout(ReLU(BatchNorm(W x + b))) (paper eq. 1).

use ndarray::Array2;

use crate::autograd::{Scalar, Var};
use crate::encoders::Encoder;
use crate::error::Result;
use crate::nn::{
    BatchNorm, Dropout, Folded, ForwardPass, Init, Linear, ParamId, Params, Precomputed,
};

/// `encoders.NAME.linear` and `encoders.NAME.norm`.
#[derive(Clone, Copy, Debug)]
pub struct Projection {
    linear: Linear,
    norm: BatchNorm,
    dropout: Dropout,
    width: usize,
}

impl Projection {
    /// Adds the projection of an encoder to `width`.
    pub fn new<F: Scalar>(
        params: &mut Params<F>,
        encoder: &Encoder,
        width: usize,
        dropout: Dropout,
        init: Init,
    ) -> Self {
        let name = format!("encoders.{}", encoder.name);
        let linear = Linear::new(
            params,
            &format!("{name}.linear"),
            encoder.width,
            width,
            init,
        );
        let norm = BatchNorm::new(params, &format!("{name}.norm"), width);
        Self {
            linear,
            norm,
            dropout,
            width,
        }
    }

    /// The packed batch `(B, D_m)` → `(B, P)`; rows that are not `present` become 0. The
    /// optimiser may have formed its product with the weight already.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the batch has another width;
    /// [`Error::Engine`](crate::Error::Engine) if the product is stale.
    pub fn forward<F: Scalar>(
        &self,
        pass: &mut ForwardPass<'_, F>,
        x: Var,
        precomputed: Option<&Precomputed<F>>,
        present: Option<&[bool]>,
    ) -> Result<Var> {
        if present.is_some_and(|present| !present.contains(&true)) {
            let rows = pass.tape.shape(x).0;
            return Ok(pass.tape.constant(Array2::zeros((rows, self.width))));
        }
        let linear = &self.linear;
        let y = linear.forward_precomputed(pass, x, precomputed)?;
        let norm = &self.norm;
        Ok(norm.forward_relu_dropout(pass, y, present, &self.dropout)?)
    }

    /// Its weight matrix `(P, D_m)`.
    pub fn weight(&self) -> ParamId {
        self.linear.weight
    }

    /// The same in evaluation, as one layer.
    pub fn folded(&self, params: &Params<f32>) -> Folded {
        Folded::linear_norm_relu(params, self.linear, self.norm)
    }
}
