//! Checks analytic gradients against central differences, entry by entry, in f64.

use std::sync::Arc;

use blendfuse_kernels::layout::Panels;
use ndarray::Array2;

use super::{Tape, Tensor, Var};
use crate::error::Result;
use crate::rng::{Purpose, Stream};

/// Step of the difference quotient. The fourth-order stencil errs by about `STEP⁴` times the fifth
/// derivative and by the rounding of the loss divided by `STEP`: both near 1e-13 for smooth
/// functions of order 1.
pub const STEP: f64 = 1e-3;

/// Entries smaller than this are compared absolutely, on this scale.
pub const FLOOR: f64 = 1e-4;

/// An input of the function under check.
#[derive(Clone, Debug)]
pub enum Input {
    /// A dense variable with standard normal entries.
    Dense(usize, usize),
    /// A packed weight with standard normal entries, whose gradient stays factored.
    Packed(usize, usize),
    /// A dense variable with these entries (to keep away from kinks and ties).
    Values(Array2<f64>),
}

/// The largest disagreement between analytic and numeric gradient.
#[derive(Clone, Copy, Debug)]
pub struct Disagreement {
    /// |analytic − numeric| / max(|analytic|, |numeric|, 1e-4); NaN counts as infinite.
    pub relative: f64,
    /// Where it is: input, row and column.
    pub at: (usize, usize, usize),
}

/// The worst disagreement of `f`'s gradient over every entry of every input. `f` may return a
/// matrix: its product with a fixed random matrix is differentiated, so that no error hides in a
/// sum.
///
/// # Errors
/// Those of `f`.
pub fn gradcheck(
    inputs: &[Input],
    f: impl Fn(&mut Tape<f64>, &[Var]) -> Result<Var>,
) -> Result<Disagreement> {
    gradcheck_against(inputs, &f, &f)
}

/// As [`gradcheck`], for an operation whose backward pass is not its derivative: the analytic
/// gradient of `f` is compared with differences of `derivative_of`.
///
/// # Errors
/// Those of the functions.
pub fn gradcheck_against(
    inputs: &[Input],
    f: impl Fn(&mut Tape<f64>, &[Var]) -> Result<Var>,
    derivative_of: impl Fn(&mut Tape<f64>, &[Var]) -> Result<Var>,
) -> Result<Disagreement> {
    let mut stream = Stream::new(0x6772_6164, Purpose::Test, 0, 0);
    let values: Vec<Array2<f64>> = inputs
        .iter()
        .map(|input| match input {
            Input::Dense(rows, cols) | Input::Packed(rows, cols) => {
                Array2::from_shape_simple_fn((*rows, *cols), || normal(&mut stream))
            }
            Input::Values(values) => values.clone(),
        })
        .collect();

    let mut tape = Tape::new();
    let vars = leaves(&mut tape, inputs, &values);
    let y = f(&mut tape, &vars)?;
    let direction = Array2::from_shape_simple_fn(tape.shape(y), || normal(&mut stream));
    let loss = tape.inner_product(y, direction.clone())?;
    let gradients = tape.backward(loss)?;

    let loss_at = |values: &[Array2<f64>]| -> Result<f64> {
        let mut tape = Tape::new();
        let vars = leaves(&mut tape, inputs, values);
        let y = derivative_of(&mut tape, &vars)?;
        let loss = tape.inner_product(y, direction.clone())?;
        Ok(tape.scalar(loss))
    };
    let mut worst = Disagreement {
        relative: 0.0,
        at: (0, 0, 0),
    };
    let mut moved = values.clone();
    for i in 0..values.len() {
        let analytic = gradients.of(vars[i]).map(super::Gradient::to_dense);
        for (r, c) in ndarray::indices(values[i].dim()) {
            let mut difference = |steps: f64| -> Result<f64> {
                moved[i][(r, c)] = values[i][(r, c)] + steps * STEP;
                let up = loss_at(&moved)?;
                moved[i][(r, c)] = values[i][(r, c)] - steps * STEP;
                let down = loss_at(&moved)?;
                moved[i][(r, c)] = values[i][(r, c)];
                Ok(up - down)
            };
            let numeric = (8.0 * difference(1.0)? - difference(2.0)?) / (12.0 * STEP);
            let analytic = analytic.as_ref().map_or(0.0, |g| g[(r, c)]);
            let relative = relative_difference(analytic, numeric);
            if relative > worst.relative {
                let at = (i, r, c);
                worst = Disagreement { relative, at };
            }
        }
    }
    Ok(worst)
}

/// A variable for each input, in its layout.
fn leaves(tape: &mut Tape<f64>, inputs: &[Input], values: &[Array2<f64>]) -> Vec<Var> {
    let leaf = |(input, values): (&Input, &Array2<f64>)| {
        let (rows, cols) = values.dim();
        let flat: Vec<f64> = values.iter().copied().collect();
        tape.variable(match input {
            Input::Packed(..) => {
                Tensor::PackedWeight(Arc::new(Panels::from_row_major(&flat, rows, cols)))
            }
            _ => Tensor::dense(rows, cols, flat),
        })
    };
    inputs.iter().zip(values).map(leaf).collect()
}

/// Infinite where one of them is NaN.
fn relative_difference(analytic: f64, numeric: f64) -> f64 {
    let scale = analytic.abs().max(numeric.abs()).max(FLOOR);
    let relative = (analytic - numeric).abs() / scale;
    if relative.is_nan() {
        f64::INFINITY
    } else {
        relative
    }
}

/// Standard normal by Box and Muller.
fn normal(stream: &mut Stream) -> f64 {
    let radius = (-2.0 * (1.0 - stream.uniform()).ln()).sqrt();
    radius * (std::f64::consts::TAU * stream.uniform()).cos()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::autograd::{Backward, Op};

    /// y = x², with a factor in the gradient that is right at 2 and NaN-able.
    struct Square(f64);

    impl Op<f64> for Square {
        fn name(&self) -> &'static str {
            "square"
        }
        fn backward(&self, cx: &mut Backward<'_, f64>) {
            let dx = &cx.x(0) * &cx.dy() * self.0;
            cx.accumulate_array(0, dx);
        }
    }

    fn check(factor: f64) -> f64 {
        gradcheck(&[Input::Dense(2, 3)], |tape, v| {
            let y: Array2<f64> = tape.value(v[0]).mapv(|x| x * x);
            Ok(tape.push(y, v, Square(factor)))
        })
        .unwrap()
        .relative
    }

    #[test]
    fn accepts_the_right_gradient_and_catches_a_wrong_one() {
        assert!(check(2.0) < 1e-9, "right gradient: {}", check(2.0));
        assert!(check(2.001) > 1e-4, "off by 1 in 2000: {}", check(2.001));
        assert!(check(0.0) > 0.9, "no gradient: {}", check(0.0));
        assert_eq!(check(f64::NAN), f64::INFINITY);
    }

    #[test]
    fn catches_one_wrong_entry() {
        /// Right but for entry (1, 2).
        struct OneWrong;
        impl Op<f64> for OneWrong {
            fn name(&self) -> &'static str {
                "one_wrong"
            }
            fn backward(&self, cx: &mut Backward<'_, f64>) {
                let mut dx = &cx.x(0) * &cx.dy() * 2.0;
                dx[(1, 2)] *= 1.0001;
                cx.accumulate_array(0, dx);
            }
        }
        let worst = gradcheck(&[Input::Dense(2, 3)], |tape, v| {
            let y: Array2<f64> = tape.value(v[0]).mapv(|x| x * x);
            Ok(tape.push(y, v, OneWrong))
        })
        .unwrap();
        assert!(worst.relative > 1e-5);
        assert_eq!(worst.at, (0, 1, 2));
    }
}
