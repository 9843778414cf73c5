//! y = [ã₁ h₁, …, ã_M h_M] Wᵀ + b (paper eqs. 5 and 6): as [`Tape::weighted_concat`] and [`Tape::linear`], where
//! a part of weight 0 costs nothing. With n of M encoders selected, that saves all but n / M of the arithmetic.

use std::sync::Arc;

use blendfuse_kernels::MatRef;
use blendfuse_kernels::layout::{PackedRows, SelectedBlock, SelectedRows};
use blendfuse_kernels::linear::{selected_backward_input, selected_forward};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::weighted_concat::dot;
use crate::autograd::gradient::LayerInput;
use crate::autograd::value::{mat_mut, mat_ref};
use crate::autograd::{Backward, Op, Scalar, Tape, Tensor, Var};
use crate::error::{Error, Result};

struct WeightedLinear<F> {
    // ã_m h_m in the rows where ã_m is not 0.
    selected: Arc<SelectedRows<F>>,
}

/// The operation's inputs before the parts: the parts' weights, the layer's weight, its bias.
const FIRST_PART: usize = 3;

impl<F: Scalar> Tape<F> {
    /// `weights (B, M)`, M parts `(B, P)`, `weight (O, M P)` and `bias (1, O)` → `(B, O)`.
    ///
    /// A part of weight 0 is not selected: neither the part nor its weight gets a gradient from that row. (By
    /// [`Tape::weighted_concat`] the weight would get one, which a selection does not use.) With a weight that is
    /// not packed the two operations are recorded instead.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of parts is not M or the shapes do not fit.
    pub fn weighted_linear(
        &mut self,
        weights: Var,
        parts: &[Var],
        weight: Var,
        bias: Var,
    ) -> Result<Var> {
        let Tensor::PackedWeight(w) = self.tensor(weight) else {
            let joined = self.weighted_concat(weights, parts)?;
            return self.linear(joined, weight, Some(bias));
        };
        let w = w.clone();
        let (rows, count) = self.shape(weights);
        if count != parts.len() || count == 0 || w.cols() % count != 0 {
            return Err(Error::shape(
                "weighted_linear",
                format!("{count} parts (at least 1) of {} inputs", w.cols()),
                parts.len().to_string(),
            ));
        }
        let width = w.cols() / count;
        for &part in parts {
            self.expect_shape("weighted_linear", "a part", part, (rows, width))?;
        }
        self.expect_shape("weighted_linear", "a bias", bias, (1, w.rows()))?;
        let a = self.value(weights);
        let values: Vec<_> = parts.iter().map(|&part| self.value(part)).collect();
        let blocks = values
            .par_iter()
            .enumerate()
            .map(|(m, h)| selected_block(a, m, h))
            .collect();
        let selected = Arc::new(SelectedRows::new(rows, blocks));
        let mut y = Array2::zeros((rows, w.rows()));
        selected_forward(&selected, &w, mat_mut(&mut y.view_mut()));
        y += &self.value(bias);
        let inputs: Vec<Var> = [weights, weight, bias]
            .into_iter()
            .chain(parts.iter().copied())
            .collect();
        Ok(self.push(y, &inputs, WeightedLinear { selected }))
    }
}

/// ã_m h_m in the rows where ã_m is not 0.
fn selected_block<F: Scalar>(
    weights: ArrayView2<'_, F>,
    m: usize,
    h: &ArrayView2<'_, F>,
) -> SelectedBlock<F> {
    let width = h.ncols();
    let rows: Vec<usize> = (0..h.nrows())
        .filter(|&r| weights[(r, m)] != F::zero())
        .collect();
    let mut scaled = Vec::with_capacity(rows.len() * width);
    for &r in &rows {
        let weight = weights[(r, m)];
        scaled.extend(h.row(r).iter().map(|&h| weight * h));
    }
    let values = PackedRows::from_view(MatRef::row_major(&scaled, rows.len(), width));
    SelectedBlock::new(rows, values)
}

impl<F: Scalar> Op<F> for WeightedLinear<F> {
    fn name(&self) -> &'static str {
        "weighted_linear"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let dy = cx.take_dy();
        cx.accumulate_bias(2, &dy);
        let selected = &self.selected;
        let width = selected.width();
        if (0..cx.inputs()).any(|i| (i == 0 || i >= FIRST_PART) && cx.needs(i)) {
            let w = cx
                .panels(1)
                .expect("a packed weight, as in the forward pass");
            // du = dy W, in the rows that are selected.
            let du = selected_backward_input(mat_ref(&dy.view()), w, selected);
            // dã_m += ⟨du_m, h_m⟩
            let a = cx.x(0).to_owned();
            let mut da = Array2::zeros(a.dim());
            for (m, (block, du)) in selected.blocks().iter().zip(&du).enumerate() {
                let h = cx.x(FIRST_PART + m);
                for (&r, du) in block.rows().iter().zip(du.chunks(width.max(1))) {
                    let h = h.row(r);
                    da[(r, m)] = dot(h.as_slice().expect("values are row-major"), du);
                }
            }
            cx.accumulate_array(0, da);
            // dh_m += ã_m du_m
            cx.accumulate_each(FIRST_PART, |i, mut dh| {
                let m = i - FIRST_PART;
                let rows = selected.blocks()[m].rows();
                for (&r, du) in rows.iter().zip(du[m].chunks(width.max(1))) {
                    let weight = a[(r, m)];
                    for (dh, &du) in dh.row_mut(r).iter_mut().zip(du) {
                        *dh += weight * du;
                    }
                }
            });
        }
        // dW += dyᵀ u
        cx.accumulate_factor(1, dy, LayerInput::Selected(selected.clone()));
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::autograd::{Gradient, Input, gradcheck};

    #[test]
    fn gradcheck_with_packed_and_dense_weights() {
        for weight in [Input::Packed(35, 6), Input::Dense(4, 6)] {
            let outputs = match weight {
                Input::Packed(rows, _) | Input::Dense(rows, _) => rows,
                Input::Values(_) => unreachable!(),
            };
            let mut inputs = vec![Input::Dense(9, 2), weight, Input::Dense(1, outputs)];
            inputs.extend([Input::Dense(9, 3), Input::Dense(9, 3)]);
            let worst =
                gradcheck(&inputs, |t, v| t.weighted_linear(v[0], &v[3..], v[1], v[2])).unwrap();
            assert!(worst.relative <= 1e-6, "{worst:?}");
        }
    }

    /// Weights of which some are 0, as a selection leaves them.
    fn selection(rows: usize, parts: usize) -> Array2<f32> {
        Array2::from_shape_fn((rows, parts), |(r, m)| match (r * 7 + m * 3) % 5 {
            // The last part is never selected.
            _ if m + 1 == parts => 0.0,
            0 | 1 => 0.25 + r as f32 / 64.0,
            _ => 0.0,
        })
    }

    fn noise(rows: usize, cols: usize, seed: usize) -> Array2<f32> {
        Array2::from_shape_fn((rows, cols), |(r, c)| {
            (((r * 131 + c * 31 + seed * 17) % 97) as f32 - 48.0) / 37.0
        })
    }

    /// Output and all gradients, by this operation or by the two that it stands for.
    fn run(
        [rows, parts, width, outputs]: [usize; 4],
        fused: bool,
    ) -> (Array2<f32>, Vec<Array2<f32>>, f64) {
        let mut tape = Tape::<f32>::new();
        let weights = tape.variable(selection(rows, parts));
        let packed = blendfuse_kernels::layout::Panels::from_row_major(
            noise(outputs, parts * width, 1).as_slice().unwrap(),
            outputs,
            parts * width,
        );
        let weight = tape.parameter(0, &Tensor::PackedWeight(Arc::new(packed)), true);
        let bias = tape.variable(noise(1, outputs, 2));
        let h: Vec<Var> = (0..parts)
            .map(|m| tape.variable(noise(rows, width, 3 + m)))
            .collect();
        let y = if fused {
            tape.weighted_linear(weights, &h, weight, bias).unwrap()
        } else {
            let joined = tape.weighted_concat(weights, &h).unwrap();
            tape.linear(joined, weight, Some(bias)).unwrap()
        };
        let value = tape.value(y).to_owned();
        let loss = tape.inner_product(y, noise(rows, outputs, 9)).unwrap();
        let gradients = tape.backward(loss).unwrap();
        let norm = gradients.of(weight).unwrap().norm_squared();
        let vars = [weight, bias].into_iter().chain(h);
        let mut all: Vec<_> = vars
            .map(|var| gradients.of(var).unwrap().to_dense())
            .collect();
        // Only where a part is selected do both have a gradient of its weight.
        let chosen = selection(rows, parts).mapv(|a| f32::from(u8::from(a != 0.0)));
        all.push(gradients.of(weights).unwrap().to_dense() * chosen);
        (value, all, norm)
    }

    #[test]
    fn the_same_bits_as_joining_first() {
        for shape in [
            [1, 1, 1, 1],
            [9, 3, 5, 33],
            [64, 36, 32, 64],
            [70, 4, 300, 40],
            [33, 2, 257, 513],
        ] {
            let (y, gradients, norm) = run(shape, true);
            let (expected, of_both, norm_of_both) = run(shape, false);
            assert_eq!(y, expected, "{shape:?}");
            assert_eq!(gradients, of_both, "{shape:?}");
            assert_eq!(norm, norm_of_both, "{shape:?}");
        }
    }

    #[test]
    fn extreme_values_of_an_unselected_part_do_not_reach_the_output() {
        let mut tape = Tape::<f64>::new();
        let weights = tape.variable(array![[0.0, 1.0]]);
        let packed = blendfuse_kernels::layout::Panels::from_row_major(&[3.0, 4.0], 1, 2);
        let weight = tape.parameter(0, &Tensor::PackedWeight(Arc::new(packed)), true);
        let bias = tape.constant(array![[0.5]]);
        let bad = tape.variable(array![[f64::INFINITY]]);
        let good = tape.variable(array![[2.0]]);
        let y = tape
            .weighted_linear(weights, &[bad, good], weight, bias)
            .unwrap();
        assert_eq!(tape.value(y), array![[8.5]]);
        let gradients = tape.backward(y).unwrap();
        let dense = |var| gradients.of(var).map(Gradient::to_dense).unwrap();
        assert_eq!(dense(bad), array![[0.0]]);
        assert_eq!(dense(good), array![[4.0]]);
        assert_eq!(dense(weights), array![[0.0, 8.0]]);
        assert_eq!(dense(weight), array![[0.0, 2.0]]);
    }

    #[test]
    fn rejects_parts_that_do_not_fit() {
        let mut tape = Tape::<f64>::new();
        let weights = tape.constant(Array2::zeros((1, 2)));
        let packed = blendfuse_kernels::layout::Panels::zeros(4, 6);
        let weight = tape.parameter(0, &Tensor::PackedWeight(Arc::new(packed)), true);
        let bias = tape.constant(Array2::zeros((1, 4)));
        let part = tape.constant(Array2::zeros((1, 3)));
        let wide = tape.constant(Array2::zeros((1, 4)));
        let mut refused = |parts: &[Var]| {
            let refused = tape.weighted_linear(weights, parts, weight, bias);
            refused.unwrap_err().to_string()
        };
        let message = "weighted_linear: expected 2 parts (at least 1) of 6 inputs, got 1";
        assert_eq!(refused(&[part]), message);
        assert!(refused(&[part, wide]).contains("a part"));
    }
}
