//! The first rows of a value: the labelled part of a batch that also holds target rows.

use ndarray::{Axis, Slice};

use crate::autograd::{Backward, Op, Scalar, Tape, Var};
use crate::error::{Error, Result};

struct TakeRows(usize);

impl<F: Scalar> Tape<F> {
    /// `x (B, D)` → its first `rows` rows `(rows, D)`.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are fewer.
    pub fn take_rows(&mut self, x: Var, rows: usize) -> Result<Var> {
        let (batch, _) = self.shape(x);
        if rows > batch {
            return Err(Error::shape(
                "take_rows",
                format!("at least {rows} rows"),
                batch.to_string(),
            ));
        }
        let y = self
            .value(x)
            .slice_axis(Axis(0), Slice::from(..rows))
            .to_owned();
        Ok(self.push(y, &[x], TakeRows(rows)))
    }
}

impl<F: Scalar> Op<F> for TakeRows {
    fn name(&self) -> &'static str {
        "take_rows"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let dy = cx.take_dy();
        cx.accumulate(0, |mut dx| {
            let mut head = dx.slice_axis_mut(Axis(0), Slice::from(..self.0));
            head += &dy;
        });
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use crate::autograd::{Input, Tape, gradcheck};

    #[test]
    fn gradcheck_for_no_some_and_all_rows() {
        for rows in 0..=3 {
            let worst = gradcheck(&[Input::Dense(3, 2)], |t, v| t.take_rows(v[0], rows)).unwrap();
            assert!(worst.relative <= 1e-6, "{rows} rows: {worst:?}");
        }
    }

    #[test]
    fn extreme_values_of_the_other_rows_do_not_matter() {
        let mut tape = Tape::<f64>::new();
        let x = tape.variable(array![[1.0], [f64::NAN]]);
        let y = tape.take_rows(x, 1).unwrap();
        assert_eq!(tape.value(y), array![[1.0]]);
        let loss = tape.inner_product(y, array![[3.0]]).unwrap();
        assert_eq!(
            tape.backward(loss).unwrap().of(x).unwrap().to_dense(),
            array![[3.0], [0.0]]
        );
    }

    #[test]
    fn rejects_more_rows_than_there_are() {
        let mut tape = Tape::<f64>::new();
        let x = tape.constant(array![[1.0]]);
        assert!(tape.take_rows(x, 2).is_err());
    }
}
