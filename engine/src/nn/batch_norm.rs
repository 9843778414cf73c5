//! A batch-norm layer with its running statistics, followed by ReLU and dropout.

use blendfuse_kernels::epilogue::Moments;

use super::{Dropout, Mode, ParamId, Params};
use crate::autograd::ops::batch_norm::{Normalisation, Statistics};
use crate::autograd::{Scalar, Tape, Var};
use crate::error::Result;

/// ε of `torch.nn.BatchNorm1d`.
pub const EPS: f64 = 1e-5;

/// Momentum of `torch.nn.BatchNorm1d`: the weight of the newest batch in the running statistics.
pub const MOMENTUM: f64 = 0.1;

/// `torch.nn.BatchNorm1d`, with the names `NAME.{weight, bias, running_mean, running_var}`.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm {
    weight: ParamId,
    bias: ParamId,
    running_mean: ParamId,
    running_var: ParamId,
}

/// Batch statistics that wait to enter a layer's running ones.
#[derive(Clone, Debug)]
pub struct RunningUpdate<F> {
    layer: BatchNorm,
    moments: Moments<F>,
}

impl BatchNorm {
    /// Adds the layer's parameters: scale 1, shift 0, running mean 0 and variance 1.
    pub fn new<F: Scalar>(params: &mut Params<F>, name: &str, width: usize) -> Self {
        let mut vector = |suffix: &str, value: F, trainable| {
            params.add_vector(&format!("{name}.{suffix}"), vec![value; width], trainable)
        };
        Self {
            weight: vector("weight", F::one(), true),
            bias: vector("bias", F::zero(), true),
            running_mean: vector("running_mean", F::zero(), false),
            running_var: vector("running_var", F::one(), false),
        }
    }

    /// γ, β, running mean and running variance of each column: what evaluation needs.
    pub(super) fn evaluation_vectors<F: Scalar>(
        &self,
        params: &Params<F>,
    ) -> impl Iterator<Item = [F; 4]> {
        let ids = [self.weight, self.bias, self.running_mean, self.running_var];
        let vectors = ids.map(|id| params.vector(id));
        (0..vectors[0].len()).map(move |column| vectors.map(|vector| vector[column]))
    }

    /// `x (B, D)` → Dropout(ReLU(BatchNorm(x))), 0 in rows that are not `present`. In training the
    /// batch's statistics count, over the present rows; with fewer than two of them the running
    /// statistics serve, and stay as they are.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if widths differ.
    pub fn forward_relu_dropout<F: Scalar>(
        &self,
        tape: &mut Tape<F>,
        params: &Params<F>,
        x: Var,
        present: Option<&[bool]>,
        dropout: &Dropout,
        mode: Mode,
    ) -> Result<(Var, Option<RunningUpdate<F>>)> {
        let rows = tape.shape(x).0;
        let count = present.map_or(rows, |present| present.iter().filter(|here| **here).count());
        let statistics = match mode {
            Mode::Train { .. } if count >= 2 => Statistics::Batch,
            Mode::Train { .. } | Mode::Eval => Statistics::Running {
                mean: params.vector(self.running_mean),
                var: params.vector(self.running_var),
            },
        };
        let how = Normalisation {
            statistics,
            eps: F::of(EPS),
            present,
        };
        let (gamma, beta) = (params.leaf(tape, self.weight), params.leaf(tape, self.bias));
        let (h, moments) = tape.norm_relu_dropout(x, gamma, beta, &how, dropout.at(mode))?;
        Ok((
            h,
            moments.map(|moments| RunningUpdate {
                layer: *self,
                moments,
            }),
        ))
    }
}

impl<F: Scalar> RunningUpdate<F> {
    /// running ← (1 − momentum) running + momentum batch, with the unbiased variance.
    pub fn apply(&self, params: &mut Params<F>) {
        let momentum = F::of(MOMENTUM);
        let count = self.moments.count as f64;
        let unbiased = F::of(count / (count - 1.0));
        let keep = F::one() - momentum;
        for (running, &mean) in params
            .vector_mut(self.layer.running_mean)
            .iter_mut()
            .zip(&self.moments.mean)
        {
            *running = keep * *running + momentum * mean;
        }
        for (running, &var) in params
            .vector_mut(self.layer.running_var)
            .iter_mut()
            .zip(&self.moments.var)
        {
            *running = keep * *running + momentum * unbiased * var;
        }
    }
}
