//! A linear layer of a trained network with all that follows it: a batch norm with running statistics
//! is a scale and a shift of each output.

use std::sync::Arc;

use blendfuse_kernels::inference::{BatchRows, Epilogue, Projection, dense, dense_row};
use blendfuse_kernels::layout::{PackedRows, Panels};

use super::batch_norm::EPS;
use super::{BatchNorm, Linear, Params};

/// `scale · (W x) + shift`, then ReLU or nothing.
#[derive(Clone, Debug)]
pub struct Folded {
    weights: Arc<Panels<f32>>,
    scale: Vec<f32>,
    shift: Vec<f32>,
    relu: bool,
}

impl Folded {
    /// `W x + b`, then ReLU if wanted.
    pub fn linear(params: &Params<f32>, linear: Linear, relu: bool) -> Self {
        let shift = params.vector(linear.bias).to_vec();
        Self {
            weights: params.panels(linear.weight),
            scale: vec![1.0; shift.len()],
            shift,
            relu,
        }
    }

    /// `ReLU(BatchNorm(W x + b))` with running statistics.
    pub fn linear_norm_relu(params: &Params<f32>, linear: Linear, norm: BatchNorm) -> Self {
        let mut folded = Self::linear(params, linear, true);
        let vectors = norm.evaluation_vectors(params);
        let outputs = folded.scale.iter_mut().zip(&mut folded.shift);
        for ((scale, shift), [gamma, beta, mean, var]) in outputs.zip(vectors) {
            // γ (y + b − mean) / √(var + ε) + β, in f64 so that the folding itself rounds nothing.
            let factor = f64::from(gamma) / (f64::from(var) + EPS).sqrt();
            *scale = factor as f32;
            *shift = ((f64::from(*shift) - f64::from(mean)) * factor + f64::from(beta)) as f32;
        }
        folded
    }

    /// W `(outputs, inputs)`.
    pub fn weights(&self) -> &Panels<f32> {
        &self.weights
    }

    /// The factor of each output.
    pub fn scale(&self) -> &[f32] {
        &self.scale
    }

    /// The term of each output.
    pub fn shift(&self) -> &[f32] {
        &self.shift
    }

    /// Outputs.
    pub fn outputs(&self) -> usize {
        self.weights.rows()
    }

    /// Inputs.
    pub fn inputs(&self) -> usize {
        self.weights.cols()
    }

    /// `x (B, inputs)` → `(B, outputs)` into `out`, which is made again only if its size differs.
    ///
    /// # Panics
    /// If `x` has another width.
    pub fn forward(&self, x: &PackedRows<f32>, out: &mut PackedRows<f32>) {
        resize(out, x.rows(), self.outputs());
        dense(x, &self.weights, self.epilogue(), out);
    }

    /// `x (inputs)` → `(outputs)`: the same bits as a row of [`Folded::forward`].
    ///
    /// # Panics
    /// If `x` has another width.
    pub fn forward_row(&self, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; self.outputs()];
        dense_row(x, &self.weights, self.epilogue(), &mut out);
        out
    }

    /// The layer over features where they are stored.
    pub fn projection<'a>(&'a self, input: BatchRows<'a>) -> Projection<'a> {
        Projection {
            input,
            weights: &self.weights,
            epilogue: self.epilogue(),
        }
    }

    fn epilogue(&self) -> Epilogue<'_> {
        Epilogue {
            scale: &self.scale,
            shift: &self.shift,
            relu: self.relu,
        }
    }
}

/// Gives a buffer this size, with new memory only where it has another.
pub fn resize(buffer: &mut PackedRows<f32>, rows: usize, cols: usize) {
    if (buffer.rows(), buffer.cols()) != (rows, cols) {
        *buffer = PackedRows::zeros(rows, cols);
    }
}
