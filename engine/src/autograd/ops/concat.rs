//! Values side by side: H = [h₁, …, h_M] (paper eq. 2).

use ndarray::{Array2, Axis, Slice};
use rayon::prelude::*;

use crate::autograd::{Backward, Op, Scalar, Tape, Var};
use crate::error::{Error, Result};

struct Concat;

impl<F: Scalar> Tape<F> {
    /// `(B, Dᵢ)` each → `(B, Σ Dᵢ)`.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is nothing to join or the rows differ.
    pub fn concat(&mut self, parts: &[Var]) -> Result<Var> {
        let Some(&first) = parts.first() else {
            return Err(Error::shape("concat", "at least one value", "none"));
        };
        let rows = self.shape(first).0;
        for &part in parts {
            self.expect_shape("concat", "a value", part, (rows, self.shape(part).1))?;
        }
        let width = parts.iter().map(|&part| self.shape(part).1).sum();
        let mut y = Array2::zeros((rows, width));
        let values: Vec<_> = parts.iter().map(|&part| self.value(part)).collect();
        y.axis_iter_mut(Axis(0))
            .into_par_iter()
            .enumerate()
            .for_each(|(row, mut y)| {
                let mut at = 0;
                for x in &values {
                    y.slice_axis_mut(Axis(0), Slice::from(at..at + x.ncols()))
                        .assign(&x.row(row));
                    at += x.ncols();
                }
            });
        Ok(self.push(y, parts, Concat))
    }
}

impl<F: Scalar> Op<F> for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let dy = cx.take_dy();
        let widths = (0..cx.inputs()).map(|i| cx.tensor(i).shape().1);
        let ends: Vec<usize> = widths
            .scan(0, |end, width| {
                *end += width;
                Some(*end)
            })
            .collect();
        cx.accumulate_each(0, |i, mut dx| {
            dx += &dy.slice_axis(Axis(1), Slice::from(ends[i] - dx.ncols()..ends[i]));
        });
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use crate::autograd::{Input, Tape, gradcheck};

    #[test]
    fn gradcheck_for_one_several_and_repeated_parts() {
        let inputs = [Input::Dense(3, 2), Input::Dense(3, 1), Input::Dense(3, 4)];
        for parts in [vec![0], vec![0, 1, 2], vec![1, 0, 1]] {
            let worst = gradcheck(&inputs, |t, v| {
                let parts: Vec<_> = parts.iter().map(|&i| v[i]).collect();
                t.concat(&parts)
            })
            .unwrap();
            assert!(worst.relative <= 1e-6, "{parts:?}: {worst:?}");
        }
    }

    #[test]
    fn extreme_values_stay_in_their_columns() {
        let mut tape = Tape::<f64>::new();
        let (a, b) = (
            tape.variable(array![[f64::NAN]]),
            tape.variable(array![[2.0]]),
        );
        let y = tape.concat(&[a, b]).unwrap();
        assert_eq!(tape.value(y)[(0, 1)], 2.0);
        let loss = tape.inner_product(y, array![[1.0, 5.0]]).unwrap();
        assert_eq!(
            tape.backward(loss).unwrap().of(b).unwrap().to_dense(),
            array![[5.0]]
        );
    }

    #[test]
    fn rejects_rows_that_differ() {
        let mut tape = Tape::<f64>::new();
        let (a, b) = (
            tape.constant(Array2::zeros((2, 1))),
            tape.constant(Array2::zeros((3, 1))),
        );
        assert!(tape.concat(&[a, b]).is_err());
        assert!(tape.concat(&[]).is_err());
    }
}
