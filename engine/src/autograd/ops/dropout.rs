//! Inverted dropout: kept elements are divided by 1 − rate. The mask is a function of its key and
//! the element's number, so backward draws it again instead of storing it.

use blendfuse_kernels::counter::Dropout;
use blendfuse_kernels::epilogue;

use crate::autograd::value::mat_mut;
use crate::autograd::{Backward, Op, Scalar, Tape, Var};

struct DropoutOp(Dropout);

impl<F: Scalar> Tape<F> {
    /// `x (B, D)` → `(B, D)`; element `(r, c)` has number `r D + c`.
    pub fn dropout(&mut self, x: Var, dropout: Dropout) -> Var {
        let mut y = self.value(x).to_owned();
        epilogue::dropout(mat_mut(&mut y.view_mut()).data_mut(), dropout);
        self.push(y, &[x], DropoutOp(dropout))
    }
}

impl<F: Scalar> Op<F> for DropoutOp {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let mut dx = cx.take_dy();
        epilogue::dropout(mat_mut(&mut dx.view_mut()).data_mut(), self.0);
        cx.accumulate_array(0, dx);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::autograd::{Input, gradcheck};
    use crate::rng::{Purpose, stream_key};

    fn dropout(rate: f64) -> Dropout {
        Dropout {
            key: stream_key(1, Purpose::Test, 2, 3),
            rate,
        }
    }

    #[test]
    fn gradcheck_for_several_rates() {
        for rate in [0.0, 0.33, 0.9] {
            let worst = gradcheck(&[Input::Dense(4, 5)], |t, v| {
                Ok(t.dropout(v[0], dropout(rate)))
            })
            .unwrap();
            assert!(worst.relative <= 1e-6, "rate {rate}: {worst:?}");
        }
    }

    #[test]
    fn keeps_the_elements_that_the_kernel_keeps() {
        let mut tape = Tape::<f64>::new();
        let x = tape.constant(Array2::ones((3, 7)));
        let y = tape.dropout(x, dropout(0.5));
        for ((r, c), &y) in tape.value(y).indexed_iter() {
            assert_eq!(
                y,
                if dropout(0.5).keeps((r * 7 + c) as u64) {
                    2.0
                } else {
                    0.0
                }
            );
        }
    }

    #[test]
    fn extreme_values_that_are_dropped_leave_no_trace() {
        let mut tape = Tape::<f64>::new();
        let x = tape.variable(Array2::from_elem((8, 8), f64::NAN));
        let y = tape.dropout(x, dropout(0.5));
        let dropped = tape.value(y).mapv(|y| f64::from(u8::from(y == 0.0)));
        assert!(dropped.sum() > 0.0);
        let loss = tape.inner_product(y, Array2::ones((8, 8))).unwrap();
        let dx = tape.backward(loss).unwrap().of(x).unwrap().to_dense();
        assert_eq!(dx, dropped.mapv(|d| 2.0 * (1.0 - d)));
    }
}
