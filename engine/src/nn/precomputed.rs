//! Matrix products that the optimiser forms ahead of the forward pass that needs them.

use std::sync::Arc;

use blendfuse_kernels::layout::PackedRows;
use ndarray::Array2;

use crate::autograd::{Scalar, Tensor};
use crate::error::{Error, Result};

/// `X Wᵀ (B, outputs)` of a batch with a weight as it is after an optimiser step, formed while the
/// weight is in the cache. It holds for this batch and these values of the weight alone; a layer
/// refuses it for any others.
#[derive(Clone, Debug)]
pub struct Precomputed<F> {
    // Held so that its address is not reused and its contents cannot change in place.
    x: Arc<PackedRows<F>>,
    generation: u64,
    product: Array2<F>,
}

impl<F: Scalar> Precomputed<F> {
    pub(super) fn new(x: Arc<PackedRows<F>>, generation: u64, product: Array2<F>) -> Self {
        Self {
            x,
            generation,
            product,
        }
    }

    /// The product, for the weight of this generation and the input `x`.
    ///
    /// # Errors
    /// [`Error::StaleProduct`] if it was formed for others.
    pub(super) fn product_of(&self, generation: u64, x: &Tensor<F>) -> Result<&Array2<F>> {
        let same_batch = matches!(x, Tensor::PackedInput(x) if Arc::ptr_eq(x, &self.x));
        if !same_batch {
            return Err(Error::StaleProduct("it was formed for another batch"));
        }
        if generation != self.generation {
            return Err(Error::StaleProduct("the weights have changed since"));
        }
        Ok(&self.product)
    }
}

#[cfg(test)]
mod tests {
    use blendfuse_kernels::MatRef;
    use ndarray::array;

    use super::*;
    use crate::autograd::Tape;
    use crate::nn::{Adam, AdamConfig, ForwardPass, Init, Linear, Mode, Params};

    fn batch(values: [f64; 4]) -> Arc<PackedRows<f64>> {
        Arc::new(PackedRows::from_view(MatRef::row_major(&values, 2, 2)))
    }

    #[derive(Clone)]
    struct Model {
        params: Params<f64>,
        linear: Linear,
        adam: Adam<f64>,
    }

    impl Model {
        fn new() -> Self {
            let mut params = Params::new();
            let linear = Linear::new(&mut params, "fc", 2, 3, Init::Random { seed: 1 });
            let adam = Adam::new(AdamConfig::default());
            Self {
                params,
                linear,
                adam,
            }
        }

        /// One step on a batch; gives the product of `next` with the stepped weight.
        fn step(&mut self, next: &Arc<PackedRows<f64>>) -> Precomputed<f64> {
            let mut tape = Tape::new();
            let x = tape.packed_input(batch([1.0, -2.0, 0.5, 3.0]));
            let mut pass = ForwardPass::new(&mut tape, &self.params, Mode::Eval);
            let y = self.linear.forward(&mut pass, x).unwrap();
            let loss = tape.inner_product(y, Array2::ones((2, 3))).unwrap();
            let gradients = tape.backward(loss).unwrap();
            let batches = [(self.linear.weight, Arc::clone(next))];
            let params = &mut self.params;
            let products = self
                .adam
                .step_and_multiply(params, &gradients, 1.0, &batches);
            products.into_iter().next().flatten().unwrap()
        }

        fn forward(
            &self,
            x: &Arc<PackedRows<f64>>,
            product: Option<&Precomputed<f64>>,
        ) -> Result<Array2<f64>> {
            let mut tape = Tape::new();
            let x = tape.packed_input(Arc::clone(x));
            let mut pass = ForwardPass::new(&mut tape, &self.params, Mode::Eval);
            let y = self.linear.forward_precomputed(&mut pass, x, product)?;
            Ok(tape.value(y).to_owned())
        }
    }

    #[test]
    fn a_product_is_that_of_the_stepped_weight() {
        let (mut model, next) = (Model::new(), batch([0.1, 0.2, 0.3, 0.4]));
        let product = model.step(&next);
        let expected = model.forward(&next, None).unwrap();
        let difference = model.forward(&next, Some(&product)).unwrap() - expected;
        assert!(difference.iter().all(|d| d.abs() <= 1e-15), "{difference}");
    }

    #[test]
    fn a_product_of_other_weights_is_refused() {
        let next = batch([0.1, 0.2, 0.3, 0.4]);
        let refused = |model: &Model, product: &Precomputed<f64>| {
            let error = model.forward(&next, Some(product)).unwrap_err();
            assert!(
                error.to_string().contains("weights have changed"),
                "{error}"
            );
        };
        // After another step.
        let mut model = Model::new();
        let product = model.step(&next);
        model.step(&next);
        refused(&model, &product);
        // After the weight was set, even to what it was.
        let product = model.step(&next);
        let values = model.params.get(model.linear.weight).tensor.to_row_major();
        model.params.set(model.linear.weight, values);
        refused(&model, &product);
        // In another model after as many steps.
        let mut other = Model::new();
        let product = model.step(&next);
        other.step(&next);
        refused(&other, &product);
    }

    #[test]
    fn a_change_of_other_parameters_does_not_matter() {
        let (mut model, next) = (Model::new(), batch([0.1, 0.2, 0.3, 0.4]));
        let product = model.step(&next);
        model.params.vector_mut(model.linear.bias)[0] = 7.0;
        assert!(model.forward(&next, Some(&product)).is_ok());
        assert!(model.clone().forward(&next, Some(&product)).is_ok());
    }

    #[test]
    fn a_product_of_another_batch_is_refused() {
        let (mut model, next) = (Model::new(), batch([0.1, 0.2, 0.3, 0.4]));
        let product = model.step(&next);
        // Equal in value, but another batch nevertheless.
        let other = batch([0.1, 0.2, 0.3, 0.4]);
        let error = model.forward(&other, Some(&product)).unwrap_err();
        assert!(error.to_string().contains("another batch"), "{error}");
        let mut tape = Tape::new();
        let dense = tape.constant(array![[0.1, 0.2], [0.3, 0.4]]);
        let mut pass = ForwardPass::new(&mut tape, &model.params, Mode::Eval);
        let linear = &model.linear;
        let result = linear.forward_precomputed(&mut pass, dense, Some(&product));
        assert!(matches!(result, Err(Error::StaleProduct(_))));
    }
}
