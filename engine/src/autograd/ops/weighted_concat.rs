//! U = [ã₁ h₁, …, ã_M h_M] (paper eqs. 5 and 6): each part scaled by its weight of the row, in its
//! fixed position; a part of weight 0 contributes zeros.

use ndarray::{Array2, Axis, Slice};
use rayon::prelude::*;

use crate::autograd::value::mat_ref;
use crate::autograd::{Backward, Op, Scalar, Tape, Var};
use crate::error::{Error, Result};

struct WeightedConcat {
    width: usize,
}

impl<F: Scalar> Tape<F> {
    /// `weights (B, M)` and M parts `(B, P)` → `(B, M P)`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of parts is not M or their shapes differ.
    pub fn weighted_concat(&mut self, weights: Var, parts: &[Var]) -> Result<Var> {
        let (rows, count) = self.shape(weights);
        if count != parts.len() || count == 0 {
            return Err(Error::shape(
                "weighted_concat",
                format!("{count} parts (at least 1)"),
                parts.len().to_string(),
            ));
        }
        let width = self.shape(parts[0]).1;
        if width == 0 {
            return Err(Error::shape(
                "weighted_concat",
                "parts with columns",
                "none",
            ));
        }
        for &part in parts {
            self.expect_shape("weighted_concat", "a part", part, (rows, width))?;
        }
        let mut y = Array2::zeros((rows, count * width));
        let a = self.value(weights);
        let values: Vec<_> = parts.iter().map(|&part| self.value(part)).collect();
        y.axis_iter_mut(Axis(0))
            .into_par_iter()
            .enumerate()
            .for_each(|(r, mut u)| {
                for ((mut u, h), &weight) in u
                    .axis_chunks_iter_mut(Axis(0), width)
                    .zip(&values)
                    .zip(a.row(r))
                {
                    // A part that was not selected is not read: what it holds cannot matter.
                    if weight != F::zero() {
                        u.zip_mut_with(&h.row(r), |u, &h| *u = weight * h);
                    }
                }
            });
        let inputs: Vec<Var> = std::iter::once(weights)
            .chain(parts.iter().copied())
            .collect();
        Ok(self.push(y, &inputs, WeightedConcat { width }))
    }
}

impl<F: Scalar> Op<F> for WeightedConcat {
    fn name(&self) -> &'static str {
        "weighted_concat"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let du = cx.take_dy();
        let a = cx.x(0).to_owned();
        let block = |m: usize| Slice::from(m * self.width..(m + 1) * self.width);
        // dã_m += ⟨du_m, h_m⟩
        let mut da = Array2::zeros(a.dim());
        let parts: Vec<_> = (0..a.ncols()).map(|m| cx.x(m + 1)).collect();
        let parts: Vec<_> = parts.iter().map(mat_ref).collect();
        let width = self.width;
        da.axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(mat_ref(&du.view()).data().par_chunks(width * a.ncols()))
            .enumerate()
            .for_each(|(r, (mut da, du))| {
                for ((da, h), du) in da.iter_mut().zip(&parts).zip(du.chunks(width)) {
                    *da = dot(&h.data()[r * width..(r + 1) * width], du);
                }
            });
        cx.accumulate_array(0, da);
        // dh_m += ã_m du_m
        cx.accumulate_each(1, |i, mut dh| {
            let du = du.slice_axis(Axis(1), block(i - 1));
            for r in 0..a.nrows() {
                let weight = a[(r, i - 1)];
                if weight != F::zero() {
                    dh.row_mut(r)
                        .zip_mut_with(&du.row(r), |dh, &du| *dh += weight * du);
                }
            }
        });
    }
}

/// ⟨a, b⟩, in sixteen sums that vectors hold.
pub(super) fn dot<F: Scalar>(a: &[F], b: &[F]) -> F {
    const LANES: usize = 16;
    let mut sums = [F::zero(); LANES];
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().fold(F::zero(), |total, &sum| total + sum)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use crate::autograd::{Input, Tape, gradcheck};

    #[test]
    fn gradcheck_of_weights_and_parts() {
        for count in 1..=3 {
            let mut inputs = vec![Input::Dense(4, count)];
            inputs.extend((0..count).map(|_| Input::Dense(4, 2)));
            let worst = gradcheck(&inputs, |t, v| t.weighted_concat(v[0], &v[1..])).unwrap();
            assert!(worst.relative <= 1e-6, "{count} parts: {worst:?}");
        }
    }

    #[test]
    fn gradcheck_where_some_weights_are_zero() {
        // Zero is no kink: the product is linear in the weight.
        let a = array![[0.0, 1.0], [0.3, 0.7]];
        let inputs = [Input::Values(a), Input::Dense(2, 3), Input::Dense(2, 3)];
        let worst = gradcheck(&inputs, |t, v| t.weighted_concat(v[0], &v[1..])).unwrap();
        assert!(worst.relative <= 1e-6, "{worst:?}");
    }

    #[test]
    fn extreme_values_of_an_unselected_part_do_not_reach_the_output() {
        let mut tape = Tape::<f64>::new();
        let weights = tape.constant(array![[0.0, 1.0]]);
        let (bad, good) = (
            tape.variable(array![[f64::INFINITY]]),
            tape.variable(array![[2.0]]),
        );
        let u = tape.weighted_concat(weights, &[bad, good]).unwrap();
        assert_eq!(tape.value(u), array![[0.0, 2.0]]);
        let loss = tape.inner_product(u, array![[1.0, 1.0]]).unwrap();
        let gradients = tape.backward(loss).unwrap();
        assert_eq!(gradients.of(bad).unwrap().to_dense(), array![[0.0]]);
        assert_eq!(gradients.of(good).unwrap().to_dense(), array![[1.0]]);
    }

    #[test]
    fn rejects_a_wrong_number_of_parts() {
        let mut tape = Tape::<f64>::new();
        let weights = tape.constant(Array2::zeros((1, 2)));
        let part = tape.constant(Array2::zeros((1, 2)));
        assert!(tape.weighted_concat(weights, &[part]).is_err());
    }
}
