//! A linear layer.

use super::{ForwardPass, Init, ParamId, Params, Precomputed};
use crate::autograd::{Scalar, Var};
use crate::error::Result;

/// `y = x Wᵀ + b`, with the names `NAME.weight` and `NAME.bias`.
#[derive(Clone, Copy, Debug)]
pub struct Linear {
    /// `(outputs, inputs)`.
    pub weight: ParamId,
    /// `(outputs)`.
    pub bias: ParamId,
}

impl Linear {
    /// Adds the layer's parameters; at random they begin as those of `torch.nn.Linear`.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn new<F: Scalar>(
        params: &mut Params<F>,
        name: &str,
        inputs: usize,
        outputs: usize,
        init: Init,
    ) -> Self {
        let weight = params.add_weight(&format!("{name}.weight"), outputs, inputs, init);
        let bias = init.values(outputs, inputs, params.len());
        let bias = params.add_vector(&format!("{name}.bias"), bias, true);
        Self { weight, bias }
    }

    /// `x (B, inputs)` → `(B, outputs)`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` has another width.
    pub fn forward<F: Scalar>(&self, pass: &mut ForwardPass<'_, F>, x: Var) -> Result<Var> {
        self.forward_precomputed(pass, x, None)
    }

    /// `[ã₁ h₁, …, ã_M h_M]` of `weights (B, M)` and M `parts (B, inputs / M)` → `(B, outputs)`; see
    /// [`Tape::weighted_linear`](crate::autograd::Tape::weighted_linear).
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the shapes do not fit.
    pub fn forward_weighted<F: Scalar>(
        &self,
        pass: &mut ForwardPass<'_, F>,
        weights: Var,
        parts: &[Var],
    ) -> Result<Var> {
        let (weight, bias) = (pass.leaf(self.weight), pass.leaf(self.bias));
        pass.tape.weighted_linear(weights, parts, weight, bias)
    }

    /// As [`Linear::forward`], where the optimiser may have formed `x Wᵀ (B, outputs)` already.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` has another width;
    /// [`Error::StaleProduct`](crate::Error::StaleProduct) if the product is of another batch than `x`,
    /// or the weight has changed since it was formed.
    pub fn forward_precomputed<F: Scalar>(
        &self,
        pass: &mut ForwardPass<'_, F>,
        x: Var,
        precomputed: Option<&Precomputed<F>>,
    ) -> Result<Var> {
        let generation = pass.params.generation(self.weight);
        let product = precomputed
            .map(|precomputed| precomputed.product_of(generation, pass.tape.tensor(x)))
            .transpose()?
            .cloned();
        let (weight, bias) = (pass.leaf(self.weight), pass.leaf(self.bias));
        pass.tape.linear_precomputed(x, weight, Some(bias), product)
    }
}
