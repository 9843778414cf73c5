//! Some adjacent columns of a value.

use std::ops::Range;

use ndarray::{Axis, Slice};

use crate::autograd::{Backward, Op, Scalar, Tape, Var};
use crate::error::{Error, Result};

struct SliceCols(Range<usize>);

impl<F: Scalar> Tape<F> {
    /// `x (B, D)` → its columns in `range`, `(B, range.len())`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the range ends before it starts or beyond D.
    pub fn slice_cols(&mut self, x: Var, range: Range<usize>) -> Result<Var> {
        let (_, cols) = self.shape(x);
        if range.start > range.end || range.end > cols {
            return Err(Error::shape(
                "slice_cols",
                format!("a range within 0..{cols}"),
                format!("{range:?}"),
            ));
        }
        let columns = Slice::from(range.clone());
        let y = self.value(x).slice_axis(Axis(1), columns).to_owned();
        Ok(self.push(y, &[x], SliceCols(range)))
    }
}

impl<F: Scalar> Op<F> for SliceCols {
    fn name(&self) -> &'static str {
        "slice_cols"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let dy = cx.take_dy();
        let columns = Slice::from(self.0.clone());
        cx.accumulate(0, |mut dx| {
            let mut part = dx.slice_axis_mut(Axis(1), columns);
            part += &dy;
        });
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::autograd::{Input, gradcheck};

    #[test]
    fn gradcheck_for_no_some_and_all_columns_and_for_parts_that_overlap() {
        for range in [0..0, 1..3, 0..4, 4..4] {
            let worst = gradcheck(&[Input::Dense(3, 4)], |t, v| {
                t.slice_cols(v[0], range.clone())
            })
            .unwrap();
            assert!(worst.relative <= 1e-6, "{range:?}: {worst:?}");
        }
        let worst = gradcheck(&[Input::Dense(3, 4)], |t, v| {
            let (a, b) = (t.slice_cols(v[0], 0..3)?, t.slice_cols(v[0], 1..4)?);
            t.concat(&[a, b])
        })
        .unwrap();
        assert!(worst.relative <= 1e-6, "{worst:?}");
    }

    #[test]
    fn extreme_values_of_the_other_columns_do_not_matter() {
        let mut tape = Tape::<f64>::new();
        let x = tape.variable(array![[f64::NAN, 1.0, f64::INFINITY]]);
        let y = tape.slice_cols(x, 1..2).unwrap();
        assert_eq!(tape.value(y), array![[1.0]]);
        let loss = tape.inner_product(y, array![[3.0]]).unwrap();
        let dx = tape.backward(loss).unwrap().of(x).unwrap().to_dense();
        assert_eq!(dx, array![[0.0, 3.0, 0.0]]);
    }

    #[test]
    fn rejects_a_range_beyond_the_columns() {
        let mut tape = Tape::<f64>::new();
        let x = tape.constant(Array2::zeros((1, 2)));
        let message = tape.slice_cols(x, 1..3).unwrap_err().to_string();
        assert_eq!(
            message,
            "slice_cols: expected a range within 0..2, got 1..3"
        );
        #[expect(clippy::reversed_empty_ranges)]
        let reversed = 2..1;
        assert!(tape.slice_cols(x, reversed).is_err());
    }
}
