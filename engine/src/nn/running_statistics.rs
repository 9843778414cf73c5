//! Running means and variances, which batches enter in training and evaluation uses.

use blendfuse_kernels::epilogue::Moments;

use super::{ParamId, Params};
use crate::autograd::Scalar;

/// Momentum of `torch.nn.BatchNorm1d`: the weight of the newest batch in the running statistics.
pub const MOMENTUM: f64 = 0.1;

/// A batch's statistics, to enter the running ones of a layer after the step.
#[derive(Clone, Debug)]
pub struct RunningUpdate<F> {
    pub(super) mean: ParamId,
    pub(super) var: ParamId,
    pub(super) moments: Moments<F>,
}

impl<F: Scalar> RunningUpdate<F> {
    /// running ← (1 − momentum) running + momentum batch, with the unbiased variance.
    pub fn apply(&self, params: &mut Params<F>) {
        let momentum = F::of(MOMENTUM);
        let count = self.moments.count as f64;
        let unbiased = F::of(count / (count - 1.0));
        let keep = F::one() - momentum;
        let means = params.vector_mut(self.mean).iter_mut();
        for (running, &mean) in means.zip(&self.moments.mean) {
            *running = keep * *running + momentum * mean;
        }
        let variances = params.vector_mut(self.var).iter_mut();
        for (running, &var) in variances.zip(&self.moments.var) {
            *running = keep * *running + momentum * unbiased * var;
        }
    }
}
