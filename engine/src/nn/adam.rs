//! Adam over all parameters of a model, with the semantics of `torch.optim.Adam`.

use std::sync::Arc;

use blendfuse_kernels::adam::{AdamStep, NextBatch, PanelMoments, adam_dense, adam_factored};
use blendfuse_kernels::layout::{PackedRows, Panels};
use ndarray::{ArcArray2, Array2};
use rayon::prelude::*;

use super::params::Param;
use super::{ParamId, Params, Precomputed};
use crate::autograd::gradient::FactorPair;
use crate::autograd::value::mat_mut;
use crate::autograd::{Gradient, Gradients, Scalar, Tensor};

/// Hyper-parameters, as in PyTorch.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `lr` | 1e-3 | step size | ≥ 0 |
/// | `beta1` | 0.9 | decay of the first moment | [0, 1) |
/// | `beta2` | 0.999 | decay of the second moment | [0, 1) |
/// | `eps` | 1e-8 | added to the root | ≥ 0 |
/// | `weight_decay` | 0 | L2 penalty, added to the gradient | ≥ 0 |
/// | `decoupled_weight_decay` | false | decay the weight itself instead (AdamW) | |
/// | `amsgrad` | false | divide by the largest second moment so far | |
/// | `maximize` | false | ascend | |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamConfig {
    /// Step size.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root.
    pub eps: f64,
    /// L2 penalty.
    pub weight_decay: f64,
    /// Decay the weight itself instead of adding the penalty to the gradient.
    pub decoupled_weight_decay: bool,
    /// Divide by the largest second moment so far (Reddi et al. 2018).
    pub amsgrad: bool,
    /// Ascend instead of descending.
    pub maximize: bool,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            decoupled_weight_decay: false,
            amsgrad: false,
            maximize: false,
        }
    }
}

/// The moments of one parameter, in its layout.
#[derive(Clone, Debug)]
pub struct Moments<F> {
    /// Steps taken; a parameter without gradient takes none.
    pub steps: u64,
    /// First moment.
    pub m: Tensor<F>,
    /// Second moment.
    pub v: Tensor<F>,
    /// Largest second moment (AMSGrad).
    pub v_max: Option<Tensor<F>>,
}

/// The optimiser.
#[derive(Clone, Debug)]
pub struct Adam<F> {
    /// Hyper-parameters; the learning rate may change between steps.
    pub config: AdamConfig,
    moments: Vec<Option<Moments<F>>>,
}

impl<F: Scalar> Adam<F> {
    /// An optimiser that has taken no step.
    pub fn new(config: AdamConfig) -> Self {
        Self {
            config,
            moments: Vec::new(),
        }
    }

    /// One step on every trainable parameter that has a gradient.
    pub fn step(&mut self, params: &mut Params<F>, gradients: &Gradients<F>) {
        self.step_scaled(params, gradients, 1.0);
    }

    /// One step with every gradient multiplied by `scale` (gradient clipping).
    pub fn step_scaled(&mut self, params: &mut Params<F>, gradients: &Gradients<F>, scale: f64) {
        self.step_and_multiply(params, gradients, scale, &[]);
    }

    /// As [`Adam::step_scaled`], and gives `X Wᵀ (B, outputs)` for some stepped weights and the batches
    /// that they meet next, formed while the weights are in the cache; `None` for a weight that is not
    /// packed or took no step. The products serve until the weights change again.
    pub fn step_and_multiply(
        &mut self,
        params: &mut Params<F>,
        gradients: &Gradients<F>,
        scale: f64,
        batches: &[(ParamId, Arc<PackedRows<F>>)],
    ) -> Vec<Option<Precomputed<F>>> {
        let mut products: Vec<Option<Product<'_, F>>> = Vec::new();
        products.resize_with(params.len(), || None);
        for (id, x) in batches {
            products[id.index()] = Some(Product { x, y: None });
        }
        self.moments.resize_with(params.len(), || None);
        let config = self.config;
        // Side by side over parameters; inside one, the kernels split its tiles.
        params
            .list_mut()
            .par_iter_mut()
            .zip(&mut self.moments)
            .zip(&mut products)
            .enumerate()
            .for_each(|(key, ((param, moments), product))| {
                let Some(gradient) = gradients.parameter(key).filter(|_| param.trainable) else {
                    return;
                };
                let moments =
                    moments.get_or_insert_with(|| Moments::zeros(&param.tensor, config.amsgrad));
                moments.steps += 1;
                let step = config.at(moments.steps, scale);
                update(&step, param, gradient, moments, product.as_mut());
                param.raise_generation();
            });
        let product = |(id, x): &(ParamId, Arc<PackedRows<F>>)| {
            let y = products[id.index()].take()?.y?;
            Some(Precomputed::new(Arc::clone(x), params.generation(*id), y))
        };
        batches.iter().map(product).collect()
    }

    /// The moments of the parameter with this key, once it has taken a step.
    pub fn moments(&self, key: usize) -> Option<&Moments<F>> {
        self.moments.get(key)?.as_ref()
    }

    /// Restores the moments of a parameter, to resume training.
    pub fn set_moments(&mut self, key: usize, moments: Moments<F>) {
        if self.moments.len() <= key {
            self.moments.resize_with(key + 1, || None);
        }
        self.moments[key] = Some(moments);
    }
}

/// A batch and its product with a stepped weight.
struct Product<'a, F> {
    x: &'a PackedRows<F>,
    y: Option<Array2<F>>,
}

impl AdamConfig {
    fn at<F: Scalar>(&self, steps: u64, scale: f64) -> AdamStep<F> {
        let t = steps as f64;
        let ascend = if self.maximize { -1.0 } else { 1.0 };
        let root_correction = (1.0 - self.beta2.powf(t)).sqrt();
        let (weight_decay, weight_factor) = if self.decoupled_weight_decay {
            (0.0, 1.0 - self.lr * self.weight_decay)
        } else {
            (self.weight_decay, 1.0)
        };
        AdamStep {
            beta1: F::of(self.beta1),
            beta2: F::of(self.beta2),
            eps: F::of(self.eps * root_correction),
            weight_decay: F::of(weight_decay),
            step_size: F::of(self.lr * root_correction / (1.0 - self.beta1.powf(t))),
            weight_factor: F::of(weight_factor),
            gradient_scale: F::of(ascend * scale),
        }
    }
}

impl<F: Scalar> Moments<F> {
    /// Zero moments in the layout of `like`.
    pub fn zeros(like: &Tensor<F>, amsgrad: bool) -> Self {
        let (rows, cols) = like.shape();
        let zeros = || match like {
            Tensor::PackedWeight(_) => Tensor::PackedWeight(Arc::new(Panels::zeros(rows, cols))),
            _ => Tensor::Dense(ArcArray2::zeros((rows, cols))),
        };
        Self {
            steps: 0,
            m: zeros(),
            v: zeros(),
            v_max: amsgrad.then(zeros),
        }
    }
}

fn update<F: Scalar>(
    step: &AdamStep<F>,
    param: &mut Param<F>,
    gradient: &Gradient<F>,
    moments: &mut Moments<F>,
    product: Option<&mut Product<'_, F>>,
) {
    match (&mut param.tensor, gradient) {
        (Tensor::PackedWeight(p), Gradient::Factored(pairs)) => {
            let factors: Vec<_> = pairs.iter().map(FactorPair::as_factor).collect();
            let moments = PanelMoments {
                m: panels_mut(&mut moments.m),
                v: panels_mut(&mut moments.v),
                v_max: moments.v_max.as_mut().map(panels_mut),
            };
            let p = Arc::make_mut(p);
            let Some(Product { x, y }) = product else {
                return adam_factored(step, &factors, p, moments, None);
            };
            let y = y.insert(Array2::zeros((x.rows(), p.rows())));
            let mut y = y.view_mut();
            let y = mat_mut(&mut y);
            adam_factored(step, &factors, p, moments, Some(NextBatch { x, y }));
        }
        (Tensor::Dense(p), Gradient::Dense(g)) => adam_dense(
            step,
            p.as_slice_mut().expect("parameters are row-major"),
            g.as_slice().expect("gradients are row-major"),
            slice_mut(&mut moments.m),
            slice_mut(&mut moments.v),
            moments.v_max.as_mut().map(slice_mut),
        ),
        _ => unreachable!("a packed weight has a factored gradient, any other a dense one"),
    }
}

fn panels_mut<F: Scalar>(tensor: &mut Tensor<F>) -> &mut Panels<F> {
    match tensor {
        Tensor::PackedWeight(x) => Arc::make_mut(x),
        _ => unreachable!("moments have their parameter's layout"),
    }
}

fn slice_mut<F: Scalar>(tensor: &mut Tensor<F>) -> &mut [F] {
    match tensor {
        Tensor::Dense(x) => x.as_slice_mut().expect("moments are row-major"),
        _ => unreachable!("moments have their parameter's layout"),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::autograd::Tape;
    use crate::nn::params::WeightLayout;

    /// Steps on ½‖x Wᵀ‖² with both layouts of W.
    fn run(layout: WeightLayout, config: AdamConfig) -> Vec<f64> {
        let mut params = Params::<f64>::with_layout(layout);
        let id = params.add_matrix("w", 3, 2, vec![0.5, -0.2, 0.1, 0.9, -0.7, 0.3]);
        let mut adam = Adam::new(config);
        for step in 0..4 {
            let mut tape = Tape::new();
            let x = tape.constant(array![[1.0, 2.0], [-0.5, step as f64]]);
            let w = params.leaf(&mut tape, id);
            let y = tape.linear(x, w, None).unwrap();
            let loss = tape
                .inner_product(y, Array2::from_elem((2, 3), 0.3))
                .unwrap();
            adam.step(&mut params, &tape.backward(loss).unwrap());
        }
        params.get(id).tensor.to_row_major()
    }

    #[test]
    fn factored_and_dense_gradients_take_the_same_steps() {
        for (amsgrad, decoupled_weight_decay, maximize) in [
            (false, false, false),
            (true, false, false),
            (false, true, false),
            (false, false, true),
        ] {
            let config = AdamConfig {
                weight_decay: 0.1,
                amsgrad,
                decoupled_weight_decay,
                maximize,
                ..AdamConfig::default()
            };
            let (packed, dense) = (
                run(WeightLayout::Packed, config),
                run(WeightLayout::RowMajor, config),
            );
            for (a, b) in packed.iter().zip(&dense) {
                assert!((a - b).abs() <= 1e-12, "{config:?}: {a} and {b}");
            }
        }
    }

    #[test]
    fn the_first_step_has_the_length_of_the_learning_rate() {
        let moved = run(
            WeightLayout::Packed,
            AdamConfig {
                lr: 0.01,
                ..AdamConfig::default()
            },
        );
        let start = [0.5, -0.2, 0.1, 0.9, -0.7, 0.3];
        // Four steps down a constant gradient for column 0, each of length lr.
        for row in 0..3 {
            assert!((start[2 * row] - moved[2 * row] - 0.04).abs() <= 1e-6);
        }
    }

    #[test]
    fn a_parameter_without_gradient_stays_and_counts_no_step() {
        let mut params = Params::<f64>::new();
        let used = params.add_vector("used", vec![1.0], true);
        let idle = params.add_vector("idle", vec![1.0], true);
        let mut adam = Adam::new(AdamConfig {
            weight_decay: 0.1,
            ..AdamConfig::default()
        });
        let mut tape = Tape::new();
        let loss = params.leaf(&mut tape, used);
        params.leaf(&mut tape, idle);
        adam.step(&mut params, &tape.backward(loss).unwrap());
        assert_ne!(params.vector(used), [1.0]);
        assert_eq!(params.vector(idle), [1.0]);
        assert!(adam.moments(idle.index()).is_none());
    }
}
