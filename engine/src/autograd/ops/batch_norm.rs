//! Batch normalisation (Ioffe and Szegedy 2015) as `torch.nn.functional.batch_norm`, over the rows
//! that are present; what the fused [`norm_relu_dropout`](super::norm_relu_dropout) must agree with.

use blendfuse_kernels::epilogue::{Moments, column_moments};
use ndarray::{Array2, Axis};

use crate::autograd::value::mat_ref;
use crate::autograd::{Backward, Op, Scalar, Tape, Var};
use crate::error::{Error, Result};

/// Where the statistics of a normalisation come from.
#[derive(Clone, Copy, Debug)]
pub enum Statistics<'a, F> {
    /// From this batch (training).
    Batch,
    /// Constants: running mean and variance (evaluation).
    Running {
        /// `(D)`.
        mean: &'a [F],
        /// `(D)`.
        var: &'a [F],
    },
}

/// How to normalise.
#[derive(Clone, Copy, Debug)]
pub struct Normalisation<'a, F> {
    /// Source of mean and variance.
    pub statistics: Statistics<'a, F>,
    /// Added to the variance.
    pub eps: F,
    /// Rows that count, `(B)`; `None`: all. The others become 0 and get gradient 0.
    pub present: Option<&'a [bool]>,
}

/// Mean and 1 / √(var + ε) of each column, and the batch's moments if they come from it.
pub(super) struct Scale<F> {
    pub mean: Vec<F>,
    pub inv_std: Vec<F>,
    pub moments: Option<Moments<F>>,
}

impl<F: Scalar> Tape<F> {
    pub(super) fn normalisation_scale(
        &self,
        op: &'static str,
        x: Var,
        affine: [Var; 2],
        how: &Normalisation<'_, F>,
    ) -> Result<Scale<F>> {
        let (rows, cols) = self.shape(x);
        for var in affine {
            self.expect_shape(op, "γ and β", var, (1, cols))?;
        }
        if let Some(present) = how.present.filter(|present| present.len() != rows) {
            return Err(Error::shape(
                op,
                format!("a mask of {rows} rows"),
                present.len().to_string(),
            ));
        }
        let inv_std = |var: &[F]| {
            var.iter()
                .map(|&var| F::one() / (var + how.eps).sqrt())
                .collect()
        };
        match how.statistics {
            Statistics::Batch => {
                let moments = column_moments(mat_ref(&self.value(x)), how.present);
                if moments.count < 2 {
                    return Err(Error::shape(
                        op,
                        "at least 2 rows to take statistics from",
                        moments.count.to_string(),
                    ));
                }
                Ok(Scale {
                    mean: moments.mean.clone(),
                    inv_std: inv_std(&moments.var),
                    moments: Some(moments),
                })
            }
            Statistics::Running { mean, var } => {
                if mean.len() != cols || var.len() != cols {
                    return Err(Error::shape(
                        op,
                        format!("running statistics of {cols} columns"),
                        mean.len().to_string(),
                    ));
                }
                Ok(Scale {
                    mean: mean.to_vec(),
                    inv_std: inv_std(var),
                    moments: None,
                })
            }
        }
    }
}

struct BatchNorm<F> {
    // (x − mean) / √(var + ε), 0 in absent rows.
    normalised: Array2<F>,
    inv_std: Vec<F>,
    present: Option<Vec<bool>>,
    // Rows behind the statistics; `None` if they were constants.
    count: Option<usize>,
}

impl<F: Scalar> Tape<F> {
    /// `x (B, D)`, `gamma (1, D)`, `beta (1, D)` → γ (x − mean) / √(var + ε) + β, and the batch's
    /// moments where they were used (biased variance; the running update wants the unbiased one).
    ///
    /// # Errors
    /// [`Error::Shape`] if shapes do not fit, or with fewer than two present rows
    /// to take statistics from.
    pub fn batch_norm(
        &mut self,
        x: Var,
        gamma: Var,
        beta: Var,
        how: &Normalisation<'_, F>,
    ) -> Result<(Var, Option<Moments<F>>)> {
        let scale = self.normalisation_scale("batch_norm", x, [gamma, beta], how)?;
        let here = |r: usize| how.present.is_none_or(|present| present[r]);
        let mut normalised = self.value(x).to_owned();
        for ((r, c), x) in normalised.indexed_iter_mut() {
            *x = if here(r) {
                (*x - scale.mean[c]) * scale.inv_std[c]
            } else {
                F::zero()
            };
        }
        let mut y = &normalised * &self.value(gamma) + self.value(beta);
        for (r, mut row) in y.rows_mut().into_iter().enumerate() {
            if !here(r) {
                row.fill(F::zero());
            }
        }
        let op = BatchNorm {
            normalised,
            inv_std: scale.inv_std,
            present: how.present.map(<[bool]>::to_vec),
            count: scale.moments.as_ref().map(|moments| moments.count),
        };
        Ok((self.push(y, &[x, gamma, beta], op), scale.moments))
    }
}

impl<F: Scalar> Op<F> for BatchNorm<F> {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let mut dy = cx.take_dy();
        let here = |r: usize| self.present.as_ref().is_none_or(|present| present[r]);
        for (r, mut row) in dy.rows_mut().into_iter().enumerate() {
            if !here(r) {
                row.fill(F::zero());
            }
        }
        let dbeta = dy.sum_axis(Axis(0));
        let dgamma = (&dy * &self.normalised).sum_axis(Axis(0));
        // dx = γ / √(var + ε) (dy − mean(dy) − x̂ mean(dy x̂)); constants have no mean terms
        let gamma = cx.x(1).row(0).to_owned();
        let mut dx = dy;
        for ((r, c), dx) in dx.indexed_iter_mut() {
            let mean_terms = self.count.map_or(F::zero(), |count| {
                (dbeta[c] + self.normalised[(r, c)] * dgamma[c]) / F::of(count as f64)
            });
            *dx = if here(r) {
                (*dx - mean_terms) * gamma[c] * self.inv_std[c]
            } else {
                F::zero()
            };
        }
        cx.accumulate_array(0, dx);
        cx.accumulate_array(1, dgamma.insert_axis(Axis(0)));
        cx.accumulate_array(2, dbeta.insert_axis(Axis(0)));
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::autograd::{Input, gradcheck};

    const MEAN: [f64; 3] = [0.1, -0.2, 0.5];
    const VAR: [f64; 3] = [0.7, 1.9, 1.0];

    #[test]
    fn gradcheck_with_batch_and_running_statistics_with_and_without_absent_rows() {
        let mask = [true, false, true, true, false];
        for statistics in [
            Statistics::Batch,
            Statistics::Running {
                mean: &MEAN,
                var: &VAR,
            },
        ] {
            for present in [None, Some(&mask[..])] {
                let how = Normalisation {
                    statistics,
                    eps: 1e-5,
                    present,
                };
                let inputs = [Input::Dense(5, 3), Input::Dense(1, 3), Input::Dense(1, 3)];
                let worst =
                    gradcheck(&inputs, |t, v| Ok(t.batch_norm(v[0], v[1], v[2], &how)?.0)).unwrap();
                assert!(worst.relative <= 1e-6, "{how:?}: {worst:?}");
            }
        }
    }

    #[test]
    fn extreme_constant_columns_stay_finite_in_value_and_gradient() {
        let mut tape = Tape::<f32>::new();
        let x = tape.variable(Array2::from_shape_fn((4, 2), |(r, c)| {
            if c == 0 { 3.0e4 } else { r as f32 * 1e15 }
        }));
        let (gamma, beta) = (
            tape.variable(array![[2.0, 1.0]]),
            tape.variable(array![[5.0, 0.0]]),
        );
        let how = Normalisation {
            statistics: Statistics::Batch,
            eps: 1e-5,
            present: None,
        };
        let (y, moments) = tape.batch_norm(x, gamma, beta, &how).unwrap();
        assert!(tape.value(y).column(0).iter().all(|&y| y == 5.0));
        assert!(moments.unwrap().var.iter().all(|var| var.is_finite()));
        let loss = tape
            .inner_product(y, Array2::from_shape_fn((4, 2), |(r, _)| r as f32))
            .unwrap();
        let gradients = tape.backward(loss).unwrap();
        assert!(gradients.of(x).unwrap().is_finite());
    }

    #[test]
    fn refuses_statistics_of_fewer_than_two_rows() {
        let mut tape = Tape::<f64>::new();
        let x = tape.constant(Array2::zeros((2, 1)));
        let one = tape.constant(Array2::ones((1, 1)));
        let how = Normalisation {
            statistics: Statistics::Batch,
            eps: 1e-5,
            present: Some(&[true, false]),
        };
        assert!(tape.batch_norm(x, one, one, &how).is_err());
    }
}
