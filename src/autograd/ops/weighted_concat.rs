//! U = [ã₁ h₁, …, ã_M h_M] (paper eqs. 5 and 6): each part scaled by its weight of the row, in its
//! fixed position; a part of weight 0 contributes zeros.

use ndarray::{Array2, Axis, Slice};

use crate::autograd::tape::shape_error;
use crate::autograd::{Backward, Op, Scalar, Tape, Var};
use crate::error::Result;

struct WeightedConcat {
    width: usize,
}

impl<F: Scalar> Tape<F> {
    /// `weights (B, M)` and M parts `(B, P)` → `(B, M P)`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the number of parts is not M or their shapes differ.
    pub fn weighted_concat(&mut self, weights: Var, parts: &[Var]) -> Result<Var> {
        let (rows, count) = self.shape(weights);
        if count != parts.len() || count == 0 {
            return Err(shape_error(
                "weighted_concat",
                format!("{count} parts (at least 1)"),
                parts.len().to_string(),
            ));
        }
        let width = self.shape(parts[0]).1;
        for &part in parts {
            self.expect_shape("weighted_concat", "a part", part, (rows, width))?;
        }
        let mut y = Array2::zeros((rows, count * width));
        let a = self.value(weights);
        for (m, &part) in parts.iter().enumerate() {
            let h = self.value(part);
            let mut u = y.slice_axis_mut(Axis(1), Slice::from(m * width..(m + 1) * width));
            for r in 0..rows {
                let weight = a[(r, m)];
                // A part that was not selected is not read: what it holds cannot matter.
                if weight != F::zero() {
                    u.row_mut(r)
                        .zip_mut_with(&h.row(r), |u, &h| *u = weight * h);
                }
            }
        }
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
        for m in 0..a.ncols() {
            let (h, du) = (cx.x(m + 1), du.slice_axis(Axis(1), block(m)));
            for r in 0..a.nrows() {
                da[(r, m)] = h
                    .row(r)
                    .iter()
                    .zip(du.row(r))
                    .fold(F::zero(), |sum, (&h, &du)| sum + h * du);
            }
        }
        cx.accumulate_array(0, da);
        // dh_m += ã_m du_m
        for m in 0..a.ncols() {
            let du = du.slice_axis(Axis(1), block(m));
            cx.accumulate(m + 1, |mut dh| {
                for r in 0..a.nrows() {
                    let weight = a[(r, m)];
                    if weight != F::zero() {
                        dh.row_mut(r)
                            .zip_mut_with(&du.row(r), |dh, &du| *dh += weight * du);
                    }
                }
            });
        }
    }
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
