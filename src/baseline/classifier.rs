//! The challenge's classifiers: one linear layer, or two with a ReLU between.

use std::sync::Arc;

use ndarray::Array2;

use super::Recipe;
use crate::autograd::{Tape, Var};
use crate::error::Result;
use crate::kernels::layout::PackedRows;
use crate::model::heads::salience_probabilities;
use crate::nn::{Adam, AdamConfig, ForwardPass, Init, Linear, Mode, Params, Precomputed};
use crate::train::span::rescale_layer;

/// Rows of a batch `(rows, inputs)`.
#[derive(Clone, Debug)]
pub struct BatchRows {
    x: Arc<PackedRows<f32>>,
    /// What the first layer's weights make of them, where the step before has formed it.
    product: Option<Precomputed<f32>>,
}

impl From<Arc<PackedRows<f32>>> for BatchRows {
    fn from(x: Arc<PackedRows<f32>>) -> Self {
        Self { x, product: None }
    }
}

/// A classifier and its parameters.
#[derive(Clone, Debug)]
pub struct Classifier {
    params: Params<f32>,
    layers: Vec<Linear>,
}

impl Classifier {
    /// With this many units in its hidden layer, if it has one, and PyTorch's initial weights.
    pub fn new(hidden: Option<usize>, inputs: usize, classes: usize, seed: u64) -> Self {
        let (mut params, init) = (Params::new(), Init::Random { seed });
        let layers = match hidden {
            None => vec![Linear::new(&mut params, "fc.0", inputs, classes, init)],
            Some(width) => vec![
                Linear::new(&mut params, "fc.0", inputs, width, init),
                Linear::new(&mut params, "fc.2", width, classes, init),
            ],
        };
        Self { params, layers }
    }

    /// Draws the first layer as wide as it would be over this many columns, of which its inputs are coordinates.
    pub fn rescale_first(&mut self, columns: usize) {
        let inputs = self.first_shape()[1];
        let names = ["fc.0.weight", "fc.0.bias"].map(String::from);
        rescale_layer(&mut self.params, &names, [columns, inputs]);
    }

    /// Trainable numbers, were the first layer over this many columns.
    pub fn parameters_over(&self, columns: usize) -> usize {
        let [outputs, inputs] = self.first_shape();
        self.params.trainable_count() + outputs * columns - outputs * inputs
    }

    /// Outputs and inputs of the first layer.
    fn first_shape(&self) -> [usize; 2] {
        let shape = &self.params.get(self.layers[0].weight).shape;
        [shape[0], shape[1]]
    }

    fn logits(&self, tape: &mut Tape<f32>, rows: &BatchRows) -> Result<Var> {
        let mut x = tape.packed_input(Arc::clone(&rows.x));
        let mut pass = ForwardPass::new(tape, &self.params, Mode::Eval);
        for (depth, layer) in self.layers.iter().enumerate() {
            if depth > 0 {
                x = pass.tape.relu(x);
            }
            let product = rows.product.as_ref().filter(|_| depth == 0);
            x = layer.forward_precomputed(&mut pass, x, product)?;
        }
        Ok(x)
    }

    /// One step on the soft cross-entropy, whose gradient is that of the Kullback-Leibler divergence;
    /// gives the mean cross-entropy in nats. Takes no step if that is not finite. The `next` rows meet the first
    /// layer's weights while these are in the cache.
    pub fn step(
        &mut self,
        adam: &mut Adam<f32>,
        rows: &BatchRows,
        targets: Array2<f32>,
        next: Option<&mut BatchRows>,
    ) -> Result<f64> {
        let mut tape = Tape::new();
        let logits = self.logits(&mut tape, rows)?;
        let loss = tape.soft_cross_entropy(logits, targets)?;
        let value = f64::from(tape.scalar(loss));
        if value.is_finite() {
            let gradients = tape.backward(loss)?;
            let first = self.layers[0].weight;
            let wanted: Vec<_> = next
                .iter()
                .map(|next| (first, Arc::clone(&next.x)))
                .collect();
            let products = adam.step_and_multiply(&mut self.params, &gradients, 1.0, &wanted);
            if let (Some(next), Some(product)) = (next, products.into_iter().next()) {
                next.product = product;
            }
        }
        Ok(value)
    }

    /// Softmax of the outputs, `(rows, classes)`.
    pub fn distribution(&self, rows: &BatchRows) -> Result<Array2<f64>> {
        let mut tape = Tape::new();
        let logits = self.logits(&mut tape, rows)?;
        Ok(salience_probabilities(tape.value(logits)).mapv(f64::from))
    }
}

/// The recipe's optimiser.
pub fn adam(recipe: &Recipe) -> Adam<f32> {
    Adam::new(AdamConfig {
        lr: recipe.lr,
        weight_decay: recipe.weight_decay,
        ..AdamConfig::default()
    })
}
