//! Batch norm, ReLU and dropout in one pass over the data (paper eqs. 1 and 6), forward and
//! backward; what a projection and the fusion layer do after their matrix product.

use blendfuse_kernels::counter::Dropout;
use blendfuse_kernels::epilogue::{
    Affine, Moments, NormaliseBackward, NormaliseForward, normalise_relu_dropout,
    normalise_relu_dropout_backward,
};
use ndarray::Array2;

use super::batch_norm::Normalisation;
use crate::autograd::value::{mat_mut, mat_ref};
use crate::autograd::{Backward, Op, Scalar, Tape, Var};
use crate::error::Result;

struct NormReluDropout<F> {
    // (x − mean) / √(var + ε), 0 in absent rows.
    normalised: Array2<F>,
    inv_std: Vec<F>,
    present: Option<Vec<bool>>,
    // Rows behind the statistics; `None` if they were constants.
    count: Option<usize>,
    dropout_scale: F,
}

impl<F: Scalar> Tape<F> {
    /// `x (B, D)`, `gamma (1, D)`, `beta (1, D)` → Dropout(ReLU(BatchNorm(x))), 0 in absent rows, and
    /// the batch's moments where they were used.
    ///
    /// # Errors
    /// As [`Tape::batch_norm`].
    pub fn norm_relu_dropout(
        &mut self,
        x: Var,
        gamma: Var,
        beta: Var,
        how: &Normalisation<'_, F>,
        dropout: Option<Dropout>,
    ) -> Result<(Var, Option<Moments<F>>)> {
        let scale = self.normalisation_scale("norm_relu_dropout", x, [gamma, beta], how)?;
        let mut h = self.value(x).to_owned();
        let mut normalised = Array2::zeros(h.dim());
        let width = h.ncols();
        let (gamma_value, beta_value) = (self.value(gamma), self.value(beta));
        let affine = Affine {
            gamma: mat_ref(&gamma_value).data(),
            beta: mat_ref(&beta_value).data(),
        };
        let operands = NormaliseForward {
            mean: &scale.mean,
            inv_std: &scale.inv_std,
            affine,
            present: how.present,
            dropout,
            first_col: 0,
            width,
        };
        normalise_relu_dropout(
            mat_mut(&mut h.view_mut()),
            Some(mat_mut(&mut normalised.view_mut())),
            operands,
        );
        let op = NormReluDropout {
            normalised,
            inv_std: scale.inv_std,
            present: how.present.map(<[bool]>::to_vec),
            count: scale.moments.as_ref().map(|moments| moments.count),
            dropout_scale: F::of(dropout.map_or(1.0, |dropout| dropout.scale())),
        };
        Ok((self.push(h, &[x, gamma, beta], op), scale.moments))
    }
}

impl<F: Scalar> Op<F> for NormReluDropout<F> {
    fn name(&self) -> &'static str {
        "norm_relu_dropout"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let mut dx = cx.take_dy();
        let width = dx.ncols();
        let mut dgamma = Array2::zeros((1, width));
        let mut dbeta = Array2::zeros((1, width));
        let (h, normalised, gamma) = (cx.y(), self.normalised.view(), cx.x(1));
        let operands = NormaliseBackward {
            h: mat_ref(&h),
            normalised: mat_ref(&normalised),
            inv_std: &self.inv_std,
            gamma: mat_ref(&gamma).data(),
            present: self.present.as_deref(),
            batch_count: self.count,
            dropout_scale: self.dropout_scale,
        };
        normalise_relu_dropout_backward(
            mat_mut(&mut dx.view_mut()),
            operands,
            mat_mut(&mut dgamma.view_mut()).data_mut(),
            mat_mut(&mut dbeta.view_mut()).data_mut(),
        );
        cx.accumulate_array(0, dx);
        cx.accumulate_array(1, dgamma);
        cx.accumulate_array(2, dbeta);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::autograd::ops::batch_norm::Statistics;
    use crate::autograd::{Input, gradcheck};
    use crate::rng::{Purpose, stream_key};

    const MASK: [bool; 6] = [true, false, true, true, false, true];
    const MEAN: [f64; 3] = [0.1, -0.2, 0.5];
    const VAR: [f64; 3] = [0.7, 1.9, 1.0];

    /// Every statistic, mask and dropout rate.
    fn options() -> Vec<(Normalisation<'static, f64>, Option<Dropout>)> {
        let mut all = Vec::new();
        for statistics in [
            Statistics::Batch,
            Statistics::Running {
                mean: &MEAN,
                var: &VAR,
            },
        ] {
            for present in [None, Some(&MASK[..])] {
                for rate in [None, Some(0.0), Some(0.33)] {
                    let key = stream_key(4, Purpose::Test, 1, 2);
                    all.push((
                        Normalisation {
                            statistics,
                            eps: 1e-5,
                            present,
                        },
                        rate.map(|rate| Dropout { key, rate }),
                    ));
                }
            }
        }
        all
    }

    fn inputs() -> [Input; 3] {
        // β is large against the differences' step, so that no entry lies on ReLU's kink.
        [
            Input::Dense(6, 3),
            Input::Values(array![[1.1, 0.9, -1.3]]),
            Input::Values(array![[0.37, -0.21, 0.53]]),
        ]
    }

    #[test]
    fn gradcheck_with_every_option() {
        for (how, dropout) in options() {
            let worst = gradcheck(&inputs(), |t, v| {
                Ok(t.norm_relu_dropout(v[0], v[1], v[2], &how, dropout)?.0)
            })
            .unwrap();
            assert!(worst.relative <= 1e-6, "{how:?} {dropout:?}: {worst:?}");
        }
    }

    #[test]
    fn agrees_with_the_three_operations_one_after_the_other() {
        let x = Array2::from_shape_fn((6, 3), |(r, c)| ((r * 7 + c * 5) % 11) as f64 - 4.7);
        for (how, dropout) in options() {
            let run = |fused: bool| {
                let mut tape = Tape::<f64>::new();
                let x = tape.variable(x.clone());
                let gamma = tape.variable(array![[1.1, 0.9, -1.3]]);
                let beta = tape.variable(array![[0.37, -0.21, 0.53]]);
                let y = if fused {
                    tape.norm_relu_dropout(x, gamma, beta, &how, dropout)
                        .unwrap()
                        .0
                } else {
                    let normed = tape.batch_norm(x, gamma, beta, &how).unwrap().0;
                    let active = tape.relu(normed);
                    dropout.map_or(active, |dropout| tape.dropout(active, dropout))
                };
                let value = tape.value(y).to_owned();
                let r = Array2::from_shape_fn((6, 3), |(r, c)| (r + 2 * c) as f64 - 3.0);
                let loss = tape.inner_product(y, r).unwrap();
                let gradients = tape.backward(loss).unwrap();
                let of = |var| gradients.of(var).unwrap().to_dense();
                [value, of(x), of(gamma), of(beta)]
            };
            for (fused, separate) in run(true).iter().zip(&run(false)) {
                for (a, b) in fused.iter().zip(separate) {
                    assert!((a - b).abs() <= 1e-12, "{how:?} {dropout:?}: {a} and {b}");
                }
            }
        }
    }

    #[test]
    fn extreme_values_of_absent_rows_leave_no_trace() {
        let how = Normalisation {
            statistics: Statistics::Batch,
            eps: 1e-5,
            present: Some(&[true, false, true]),
        };
        let mut tape = Tape::<f64>::new();
        let x = tape.variable(array![[1.0], [f64::NAN], [3.0]]);
        let (gamma, beta) = (tape.variable(array![[1.0]]), tape.variable(array![[0.1]]));
        let (h, moments) = tape.norm_relu_dropout(x, gamma, beta, &how, None).unwrap();
        assert_eq!(tape.value(h)[(1, 0)], 0.0);
        assert_eq!(moments.unwrap().mean, [2.0]);
        let loss = tape.inner_product(h, array![[1.0], [1.0], [1.0]]).unwrap();
        let gradients = tape.backward(loss).unwrap();
        let dx = gradients.of(x).unwrap().to_dense();
        assert_eq!(dx[(1, 0)], 0.0);
        assert!(dx.iter().all(|dx| dx.is_finite()));
    }
}
