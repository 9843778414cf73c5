//! `y = x Wᵀ + b`, as `torch.nn.functional.linear`. The input may be dense or a packed batch, the
//! weight dense (dense gradient) or packed (factored gradient).

use std::sync::Arc;

use blendfuse_kernels::gemm::gemm;
use blendfuse_kernels::layout::PackedRows;
use blendfuse_kernels::linear::{linear_backward_input, linear_backward_weight, linear_forward};
use ndarray::Array2;

use crate::autograd::gradient::LayerInput;
use crate::autograd::value::{mat_mut, mat_ref};
use crate::autograd::{Backward, Op, Scalar, Tape, Tensor, Var};
use crate::error::{Error, Result};

struct Linear<F> {
    // The packed input, where the weight is packed: its factor of the weight's gradient.
    rows: Option<Arc<PackedRows<F>>>,
}

impl<F: Scalar> Tape<F> {
    /// `x (B, I)`, `weight (O, I)`, `bias (1, O)` → `(B, O)`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shapes do not fit, or if `x` is a packed weight.
    pub fn linear(&mut self, x: Var, weight: Var, bias: Option<Var>) -> Result<Var> {
        self.linear_precomputed(x, weight, bias, None)
    }

    /// As [`Tape::linear`], where `x Wᵀ (B, O)` may be there already: the optimiser forms it while the
    /// stepped weight is in the cache. Only [`Linear`](crate::nn::Linear) calls this, which knows
    /// whether the product is that of `x` and `weight`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the shapes do not fit, or if `x` is a packed weight.
    pub(crate) fn linear_precomputed(
        &mut self,
        x: Var,
        weight: Var,
        bias: Option<Var>,
        product: Option<Array2<F>>,
    ) -> Result<Var> {
        let ((batch, inner), (outputs, inputs)) = (self.shape(x), self.shape(weight));
        if inner != inputs {
            return Err(Error::shape(
                "linear",
                format!("{inputs} inputs"),
                inner.to_string(),
            ));
        }
        if let Some(bias) = bias {
            self.expect_shape("linear", "a bias", bias, (1, outputs))?;
        }
        if let Some(product) = product {
            return self.linear_of_product(x, weight, bias, product);
        }
        let mut y = Array2::zeros((batch, outputs));
        let rows = match (self.tensor(x), self.tensor(weight)) {
            (Tensor::PackedWeight(_), _) | (_, Tensor::PackedInput(_)) => {
                return Err(Error::shape(
                    "linear",
                    "an input and a weight",
                    "them exchanged",
                ));
            }
            (Tensor::Dense(x), Tensor::Dense(w)) => {
                let (x, w) = (mat_ref(&x.view()), mat_ref(&w.view()));
                gemm(
                    F::one(),
                    x,
                    w.transposed(),
                    F::zero(),
                    mat_mut(&mut y.view_mut()),
                );
                None
            }
            (Tensor::PackedInput(x), Tensor::Dense(w)) => {
                // Rare (checks only): the packed batch meets a weight that is not.
                let flat = x.to_row_major();
                let x_view = blendfuse_kernels::MatRef::row_major(&flat, batch, inner);
                let w = mat_ref(&w.view());
                gemm(
                    F::one(),
                    x_view,
                    w.transposed(),
                    F::zero(),
                    mat_mut(&mut y.view_mut()),
                );
                Some(x.clone())
            }
            (Tensor::PackedInput(x), Tensor::PackedWeight(w)) => {
                linear_forward(x, w, None, mat_mut(&mut y.view_mut()));
                Some(x.clone())
            }
            (Tensor::Dense(x), Tensor::PackedWeight(w)) => {
                let rows = Arc::new(PackedRows::from_view(mat_ref(&x.view())));
                linear_forward(&rows, w, None, mat_mut(&mut y.view_mut()));
                Some(rows)
            }
        };
        Ok(self.push_linear(y, x, weight, bias, rows))
    }

    fn linear_of_product(
        &mut self,
        x: Var,
        weight: Var,
        bias: Option<Var>,
        product: Array2<F>,
    ) -> Result<Var> {
        let expected = (self.shape(x).0, self.shape(weight).0);
        let Tensor::PackedInput(rows) = self.tensor(x) else {
            return Err(Error::shape("linear", "a packed batch", "another input"));
        };
        if product.dim() != expected {
            let (expected, got) = (format!("{expected:?}"), format!("{:?}", product.dim()));
            return Err(Error::shape(
                "linear",
                format!("a product of {expected}"),
                got,
            ));
        }
        let rows = Some(rows.clone());
        Ok(self.push_linear(product, x, weight, bias, rows))
    }

    fn push_linear(
        &mut self,
        mut y: Array2<F>,
        x: Var,
        weight: Var,
        bias: Option<Var>,
        rows: Option<Arc<PackedRows<F>>>,
    ) -> Var {
        if let Some(bias) = bias {
            y += &self.value(bias);
        }
        let inputs: Vec<Var> = [Some(x), Some(weight), bias]
            .into_iter()
            .flatten()
            .collect();
        self.push(y, &inputs, Linear { rows })
    }
}

impl<F: Scalar> Op<F> for Linear<F> {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        let dy = cx.take_dy();
        // db += Σ_B dy
        if cx.inputs() == 3 {
            cx.accumulate_bias(2, &dy);
        }
        // dx += dy W
        if cx.needs(0) {
            let mut dx = Array2::zeros((dy.nrows(), cx.tensor(1).shape().1));
            match cx.panels(1) {
                Some(w) => {
                    linear_backward_input(mat_ref(&dy.view()), w, mat_mut(&mut dx.view_mut()))
                }
                None => {
                    let w = cx.x(1);
                    gemm(
                        F::one(),
                        mat_ref(&dy.view()),
                        mat_ref(&w),
                        F::zero(),
                        mat_mut(&mut dx.view_mut()),
                    );
                }
            }
            cx.accumulate_array(0, dx);
        }
        // dW += dyᵀ x
        match (cx.panels(1).is_some(), &self.rows) {
            (true, Some(rows)) => {
                cx.accumulate_factor(1, dy, LayerInput::Packed(rows.clone()));
            }
            (_, Some(rows)) => cx.accumulate(1, |mut dw| {
                linear_backward_weight(mat_ref(&dy.view()), rows, mat_mut(&mut dw));
            }),
            (_, None) => {
                let mut dw = Array2::zeros(cx.tensor(1).shape());
                let (dy, x) = (dy.view(), cx.x(0));
                gemm(
                    F::one(),
                    mat_ref(&dy).transposed(),
                    mat_ref(&x),
                    F::zero(),
                    mat_mut(&mut dw.view_mut()),
                );
                cx.accumulate_array(1, dw);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::autograd::{Input, gradcheck};

    #[test]
    fn gradcheck_dense_and_packed_with_and_without_bias() {
        for weight in [
            Input::Dense(4, 3),
            Input::Packed(4, 3),
            Input::Packed(35, 3),
        ] {
            let outputs = match weight {
                Input::Packed(rows, _) | Input::Dense(rows, _) => rows,
                Input::Values(_) => unreachable!(),
            };
            let inputs = [Input::Dense(5, 3), weight, Input::Dense(1, outputs)];
            let with_bias = gradcheck(&inputs, |t, v| t.linear(v[0], v[1], Some(v[2]))).unwrap();
            assert!(with_bias.relative <= 1e-6, "{with_bias:?}");
            let without = gradcheck(&inputs[..2], |t, v| t.linear(v[0], v[1], None)).unwrap();
            assert!(without.relative <= 1e-6, "{without:?}");
        }
    }

    #[test]
    fn gradcheck_of_a_packed_batch_and_of_a_weight_used_twice() {
        let x = Array2::from_shape_fn((9, 3), |(r, c)| (r as f64 - 4.0) * 0.3 + c as f64);
        for weight in [Input::Dense(3, 3), Input::Packed(3, 3)] {
            let twice = gradcheck(&[weight], |t, v| {
                let rows = t.packed_input(Arc::new(PackedRows::from_view(mat_ref(&x.view()))));
                let once = t.linear(rows, v[0], None)?;
                t.linear(once, v[0], None)
            });
            assert!(twice.as_ref().unwrap().relative <= 1e-6, "{twice:?}");
        }
    }

    #[test]
    fn extreme_values_reach_output_and_gradient() {
        let mut tape = Tape::<f64>::new();
        let x = tape.variable(array![[1e300, f64::NAN], [0.0, 1.0]]);
        let w = tape.variable(array![[1e300, 0.0]]);
        let y = tape.linear(x, w, None).unwrap();
        assert!(tape.value(y)[(0, 0)].is_nan());
        assert_eq!(tape.value(y)[(1, 0)], 0.0);
        let loss = tape.inner_product(y, array![[0.0], [1.0]]).unwrap();
        let gradients = tape.backward(loss).unwrap();
        assert_eq!(
            gradients.of(x).unwrap().to_dense().row(1),
            array![1e300, 0.0]
        );
    }

    #[test]
    fn rejects_mismatched_inner_dimension() {
        let mut tape = Tape::<f64>::new();
        let x = tape.constant(Array2::zeros((2, 3)));
        let w = tape.constant(Array2::zeros((4, 5)));
        let message = tape.linear(x, w, None).unwrap_err().to_string();
        assert_eq!(message, "linear: expected 5 inputs, got 3");
    }
}
