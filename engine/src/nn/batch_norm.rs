//! A batch-norm layer with its running statistics: alone, or with ReLU and dropout after it.

use blendfuse_kernels::epilogue::Moments;

use super::running_statistics::RunningUpdate;
use super::{Dropout, ForwardPass, Mode, ParamId, Params};
use crate::autograd::ops::batch_norm::{Normalisation, Statistics};
use crate::autograd::{Scalar, Var};
use crate::error::Result;

/// ε of `torch.nn.BatchNorm1d`.
pub const EPS: f64 = 1e-5;

/// `torch.nn.BatchNorm1d`, with the names `NAME.{weight, bias, running_mean, running_var}`.
///
/// In training the batch's statistics count, over the rows that are present; with fewer than two of
/// them the running statistics serve, and stay as they are.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm {
    weight: ParamId,
    bias: ParamId,
    running_mean: ParamId,
    running_var: ParamId,
}

impl BatchNorm {
    /// Adds the layer's parameters: scale 1, shift 0, running mean 0 and variance 1.
    ///
    /// # Panics
    /// If the name is taken.
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

    /// `x (B, D)` → BatchNorm(x), 0 in rows that are not `present` (`None`: all are).
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if widths differ.
    pub fn forward<F: Scalar>(
        &self,
        pass: &mut ForwardPass<'_, F>,
        x: Var,
        present: Option<&[bool]>,
    ) -> Result<Var> {
        let (gamma, beta) = (pass.leaf(self.weight), pass.leaf(self.bias));
        let how = self.normalisation(pass, x, present);
        let (y, moments) = pass.tape.batch_norm(x, gamma, beta, &how)?;
        self.add_update(pass, moments);
        Ok(y)
    }

    /// As [`BatchNorm::forward`], with ReLU and dropout after it in the same pass over the data:
    /// Dropout(ReLU(BatchNorm(x))).
    ///
    /// # Errors
    /// As [`BatchNorm::forward`].
    pub fn forward_relu_dropout<F: Scalar>(
        &self,
        pass: &mut ForwardPass<'_, F>,
        x: Var,
        present: Option<&[bool]>,
        dropout: &Dropout,
    ) -> Result<Var> {
        let (gamma, beta) = (pass.leaf(self.weight), pass.leaf(self.bias));
        let how = self.normalisation(pass, x, present);
        let dropout = dropout.at(pass.mode);
        let (y, moments) = pass.tape.norm_relu_dropout(x, gamma, beta, &how, dropout)?;
        self.add_update(pass, moments);
        Ok(y)
    }

    fn normalisation<'a, F: Scalar>(
        &self,
        pass: &ForwardPass<'a, F>,
        x: Var,
        present: Option<&'a [bool]>,
    ) -> Normalisation<'a, F> {
        let count = match present {
            Some(present) => present.iter().filter(|here| **here).count(),
            None => pass.tape.shape(x).0,
        };
        let statistics = match pass.mode {
            Mode::Train { .. } if count >= 2 => Statistics::Batch,
            Mode::Train { .. } | Mode::Eval => Statistics::Running {
                mean: pass.params.vector(self.running_mean),
                var: pass.params.vector(self.running_var),
            },
        };
        Normalisation {
            statistics,
            eps: F::of(EPS),
            present,
        }
    }

    fn add_update<F: Scalar>(&self, pass: &mut ForwardPass<'_, F>, moments: Option<Moments<F>>) {
        if let Some(moments) = moments {
            pass.add_running_update(RunningUpdate {
                mean: self.running_mean,
                var: self.running_var,
                moments,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::autograd::Tape;

    fn x() -> Array2<f64> {
        array![[1.0, -2.0], [3.0, 0.5], [-1.0, 4.0], [9.0, 9.0]]
    }

    const TRAIN: Mode = Mode::Train { seed: 0, step: 0 };
    const PRESENT: [bool; 4] = [true, true, true, false];

    /// The layer's output, alone and with ReLU after it, and the parameters after the update.
    fn forward(mode: Mode, present: Option<&[bool]>) -> (Array2<f64>, Array2<f64>, Params<f64>) {
        let mut params = Params::new();
        let norm = BatchNorm::new(&mut params, "norm", 2);
        let mut tape = Tape::new();
        let x = tape.constant(x());
        let mut pass = ForwardPass::new(&mut tape, &params, mode);
        let alone = norm.forward(&mut pass, x, present).unwrap();
        let updates = pass.into_running_updates();
        let mut pass = ForwardPass::new(&mut tape, &params, mode);
        let none = Dropout {
            rate: 0.0,
            layer: 0,
        };
        let followed = norm.forward_relu_dropout(&mut pass, x, present, &none);
        let followed = tape.value(followed.unwrap()).to_owned();
        let alone = tape.value(alone).to_owned();
        updates.iter().for_each(|update| update.apply(&mut params));
        (alone, followed, params)
    }

    #[test]
    fn alone_it_normalises_and_what_follows_cuts_off_below_zero() {
        for (mode, present) in [
            (TRAIN, None),
            (TRAIN, Some(&PRESENT[..])),
            (Mode::Eval, None),
        ] {
            let (alone, followed, _) = forward(mode, present);
            let difference = alone.mapv(|y| y.max(0.0)) - &followed;
            assert!(difference.iter().all(|d| d.abs() <= 1e-12), "{difference}");
            assert!(alone.iter().any(|y| *y < 0.0));
            if mode == TRAIN && present.is_none() {
                assert!(
                    alone
                        .sum_axis(ndarray::Axis(0))
                        .iter()
                        .all(|s| s.abs() <= 1e-12)
                );
            }
        }
    }

    #[test]
    fn the_running_statistics_take_a_tenth_of_the_batch_and_only_in_training() {
        let running = |params: &Params<f64>, name: &str| {
            params
                .vector(params.find(&format!("norm.{name}")).unwrap())
                .to_vec()
        };
        let (.., params) = forward(TRAIN, Some(&PRESENT));
        // Mean 1 and 2.5/3, unbiased variance 4 of the first three rows.
        assert!((running(&params, "running_mean")[0] - 0.1).abs() <= 1e-15);
        assert!((running(&params, "running_var")[0] - (0.9 + 0.4)).abs() <= 1e-15);
        let (.., params) = forward(Mode::Eval, None);
        assert_eq!(running(&params, "running_mean"), [0.0, 0.0]);
        assert_eq!(running(&params, "running_var"), [1.0, 1.0]);
    }
}
