//! Top-k softmax: softmax of the logits over a temperature, of which the k largest weights of each row
//! are selected and renormalised (paper eqs. 3 and 4). The selection itself is constant in the
//! backward pass.

use blendfuse_kernels::rowwise::{RENORMALISE_EPS, softmax, top_k};
use ndarray::Array2;

use crate::autograd::value::{mat_mut, mat_ref};
use crate::autograd::{Backward, Op, Scalar, Tape, Var};
use crate::error::{Error, Result};

struct TopKSoftmax<F> {
    // The softmax over all present encoders, (B, M).
    weights: Array2<F>,
}

impl<F: Scalar> Tape<F> {
    /// `logits (B, M)` and a `temperature (1, 1)` → the selected weights `(B, M)`: in each row the `k`
    /// largest of softmax(logits / temperature), divided by their sum + 1e-12, the others 0 (ties:
    /// the lower index). Also returns that softmax before the selection.
    ///
    /// Where `present` is false the logit counts as −∞ and the weight is 0; a row has at most as
    /// many non-zeros as are present, and is all 0 if none is.
    ///
    /// # Errors
    /// [`Error::Shape`] if `k` is 0 or the shapes do not fit.
    pub fn top_k_softmax(
        &mut self,
        logits: Var,
        temperature: Var,
        present: Option<&Array2<bool>>,
        k: usize,
    ) -> Result<(Var, Array2<F>)> {
        self.expect_shape("top_k_softmax", "a temperature", temperature, (1, 1))?;
        if k == 0 {
            return Err(Error::shape("top_k_softmax", "k of at least 1", "0"));
        }
        let z = self.value(logits).to_owned();
        let (weights, selected) = select(z, self.scalar(temperature), present, k)?;
        let op = TopKSoftmax {
            weights: weights.clone(),
        };
        Ok((self.push(selected, &[logits, temperature], op), weights))
    }
}

/// The softmax of `logits (B, M)` over a temperature, where a logit that is not present counts as −∞;
/// and its `k` largest entries of each row, divided by their sum + 1e-12, the others 0.
///
/// # Errors
/// [`Error::Shape`] if the mask has another shape.
pub fn select<F: Scalar>(
    mut logits: Array2<F>,
    temperature: F,
    present: Option<&Array2<bool>>,
    k: usize,
) -> Result<(Array2<F>, Array2<F>)> {
    let shape = logits.dim();
    if let Some(present) = present {
        if present.dim() != shape {
            let (rows, cols) = present.dim();
            return Err(Error::shape(
                "top_k_softmax",
                "a mask of the logits' shape",
                format!("{rows} × {cols}"),
            ));
        }
        logits.zip_mut_with(present, |z, &here| {
            if !here {
                *z = F::neg_infinity();
            }
        });
    }
    let (mut weights, mut selected) = (Array2::zeros(shape), Array2::zeros(shape));
    let scale = F::one() / temperature;
    softmax(
        mat_ref(&logits.view()),
        scale,
        mat_mut(&mut weights.view_mut()),
    );
    top_k(
        mat_ref(&weights.view()),
        k,
        mat_mut(&mut selected.view_mut()),
    );
    Ok((weights, selected))
}

impl<F: Scalar> Op<F> for TopKSoftmax<F> {
    fn name(&self) -> &'static str {
        "top_k_softmax"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let (a, selected) = (&self.weights, cx.y().to_owned());
        let dselected = cx.take_dy();
        let temperature = cx.x(1)[(0, 0)];
        let logits = cx.x(0).to_owned();
        let mut dlogits = Array2::zeros(a.dim());
        let mut dtemperature = F::zero();
        for r in 0..a.nrows() {
            let chosen: Vec<usize> = (0..a.ncols())
                .filter(|&m| selected[(r, m)] > F::zero())
                .collect();
            let sum = chosen.iter().map(|&m| a[(r, m)]).sum::<F>() + F::of(RENORMALISE_EPS);
            // ã = a / sum:  da_m = (dã_m − ⟨dã, ã⟩) / sum  for the chosen
            let mean: F = chosen
                .iter()
                .map(|&m| dselected[(r, m)] * selected[(r, m)])
                .sum();
            let da = |m: usize| (dselected[(r, m)] - mean) / sum;
            // a = softmax(z):  dz = a (da − ⟨a, da⟩), over all present encoders
            let inner: F = chosen.iter().map(|&m| a[(r, m)] * da(m)).sum();
            for m in 0..a.ncols() {
                // Weight 0 (missing, or underflowed) has gradient 0 even where its logit is −∞.
                if a[(r, m)] > F::zero() {
                    let da = if selected[(r, m)] > F::zero() {
                        da(m)
                    } else {
                        F::zero()
                    };
                    let dz = a[(r, m)] * (da - inner);
                    // z = g / τ:  dg = dz / τ,  dτ −= dz g / τ²
                    dlogits[(r, m)] = dz / temperature;
                    dtemperature -= dz * logits[(r, m)] / (temperature * temperature);
                }
            }
        }
        cx.accumulate_array(0, dlogits);
        cx.accumulate(1, |mut dt| dt += dtemperature);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::autograd::{Input, gradcheck};

    fn logits() -> Array2<f64> {
        // No two of a row closer than the differences' step.
        array![
            [0.3, -1.2, 0.9, 2.0],
            [-0.4, 0.1, 0.8, -2.0],
            [1.5, 1.1, -0.7, 0.2]
        ]
    }

    #[test]
    fn gradcheck_for_every_k_with_and_without_missing_encoders() {
        let masks = [
            None,
            Some(array![
                [true, true, false, true],
                [true, true, true, true],
                [false, true, false, false]
            ]),
        ];
        for k in 1..=5 {
            for present in &masks {
                for temperature in [0.55, 1.0, 1.25] {
                    let inputs = [
                        Input::Values(logits()),
                        Input::Values(array![[temperature]]),
                    ];
                    let worst = gradcheck(&inputs, |t, v| {
                        Ok(t.top_k_softmax(v[0], v[1], present.as_ref(), k)?.0)
                    })
                    .unwrap();
                    assert!(worst.relative <= 1e-6, "k {k}, τ {temperature}: {worst:?}");
                }
            }
        }
    }

    #[test]
    fn ties_keep_the_lower_index_and_rows_sum_to_one() {
        let mut tape = Tape::<f64>::new();
        let (g, t) = (
            tape.constant(array![[1.0, 1.0, 1.0, 2.0]]),
            tape.constant(array![[0.7]]),
        );
        let (selected, weights) = tape.top_k_softmax(g, t, None, 2).unwrap();
        let selected = tape.value(selected);
        assert!(selected[(0, 0)] > 0.0 && selected[(0, 3)] > 0.0);
        assert_eq!((selected[(0, 1)], selected[(0, 2)]), (0.0, 0.0));
        assert!((selected.sum() - 1.0).abs() <= 1e-11);
        assert!((weights.sum() - 1.0).abs() <= 1e-15);
    }

    #[test]
    fn extreme_logits_give_finite_weights_and_gradients() {
        let g = array![[1e4, -1e4, 0.0], [800.0, 799.0, -800.0], [1.0, 2.0, 3.0]];
        let present = array![
            [true, true, true],
            [true, true, true],
            [false, false, false]
        ];
        let mut tape = Tape::<f64>::new();
        let (g, t) = (tape.variable(g), tape.variable(array![[0.55]]));
        let (selected, weights) = tape.top_k_softmax(g, t, Some(&present), 2).unwrap();
        // The winner's 1 is divided by 1 + 1e-12.
        assert!((tape.value(selected)[(0, 0)] - 1.0).abs() <= 1e-11);
        assert_eq!(tape.value(selected).row(2), array![0.0, 0.0, 0.0]);
        assert!(weights.iter().all(|a| a.is_finite()));
        let loss = tape
            .inner_product(
                selected,
                array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]],
            )
            .unwrap();
        let gradients = tape.backward(loss).unwrap();
        assert!(gradients.of(g).unwrap().is_finite() && gradients.of(t).unwrap().is_finite());
    }

    #[test]
    fn rejects_k_of_zero() {
        let mut tape = Tape::<f64>::new();
        let (g, t) = (tape.constant(logits()), tape.constant(array![[0.7]]));
        assert!(tape.top_k_softmax(g, t, None, 0).is_err());
    }
}
