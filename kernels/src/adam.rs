//! Adam (Kingma and Ba 2015) with the semantics of `torch.optim.Adam`: on a dense gradient, and on
//! a factored one, where a tile of dYᵀX is formed and consumed at once.

use crate::layout::{PackedRows, Panels};
use crate::real::Real;
use crate::reference;
use crate::view::MatRef;

/// The numbers of one step, worked out once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep<T> {
    /// β₁.
    pub beta1: T,
    /// β₂.
    pub beta2: T,
    /// ε, added to the root.
    pub eps: T,
    /// L2 penalty added to the gradient (or decay of the weight itself, if decoupled).
    pub weight_decay: T,
    /// lr / (1 − β₁ᵗ).
    pub step_size: T,
    /// √(1 − β₂ᵗ).
    pub root_correction: T,
    /// What a decoupled decay multiplies the weight by first (1 − lr · weight_decay); `None`: coupled.
    pub decoupled_factor: Option<T>,
    /// −1 to ascend, 1 to descend; a gradient scale (clipping) multiplies it too.
    pub gradient_scale: T,
}

impl<T: Real> AdamStep<T> {
    /// One element. `v_max` keeps the largest second moment (AMSGrad).
    #[inline(always)]
    pub fn apply(&self, p: &mut T, g: T, m: &mut T, v: &mut T, v_max: Option<&mut T>) {
        let mut g = g * self.gradient_scale;
        match self.decoupled_factor {
            Some(factor) => *p *= factor,
            None => g += self.weight_decay * *p,
        }
        *m += (g - *m) * (T::one() - self.beta1);
        *v = *v * self.beta2 + (T::one() - self.beta2) * g * g;
        let second = match v_max {
            Some(v_max) => {
                if !(*v_max >= *v) {
                    *v_max = *v;
                }
                *v_max
            }
            None => *v,
        };
        let denominator = second.sqrt() / self.root_correction + self.eps;
        *p -= self.step_size * *m / denominator;
    }
}

/// One factor pair of a weight gradient `dYᵀ X`.
#[derive(Clone, Copy, Debug)]
pub struct Factor<'a, T> {
    /// `(B, outputs)`.
    pub dy: MatRef<'a, T>,
    /// `(B, inputs)`.
    pub x: &'a PackedRows<T>,
}

/// The moments of a packed weight, in its layout.
#[derive(Debug)]
pub struct PanelMoments<'a, T> {
    /// First moment.
    pub m: &'a mut Panels<T>,
    /// Second moment.
    pub v: &'a mut Panels<T>,
    /// Largest second moment (AMSGrad).
    pub v_max: Option<&'a mut Panels<T>>,
}

/// Adam on a dense parameter.
///
/// # Panics
/// If lengths differ.
pub fn adam_dense<T: Real>(
    step: &AdamStep<T>,
    p: &mut [T],
    g: &[T],
    m: &mut [T],
    v: &mut [T],
    v_max: Option<&mut [T]>,
) {
    reference::adam_dense(step, p, g, m, v, v_max);
}

/// Adam on a packed weight whose gradient is the sum of `factors`; never stores that gradient.
///
/// # Panics
/// If shapes differ.
pub fn adam_factored<T: Real>(
    step: &AdamStep<T>,
    factors: &[Factor<'_, T>],
    p: &mut Panels<T>,
    mut moments: PanelMoments<'_, T>,
) {
    for o in 0..p.rows() {
        for k in 0..p.cols() {
            let mut g = T::zero();
            for factor in factors {
                for r in 0..factor.x.rows() {
                    g += factor.dy.get(r, o) * factor.x.get(r, k);
                }
            }
            let at = p.index(o, k);
            let v_max = moments
                .v_max
                .as_deref_mut()
                .map(|v_max| &mut v_max.as_mut_slice()[at]);
            step.apply(
                &mut p.as_mut_slice()[at],
                g,
                &mut moments.m.as_mut_slice()[at],
                &mut moments.v.as_mut_slice()[at],
                v_max,
            );
        }
    }
}

/// Squared Frobenius norm of the sum of `factors`, from their Gram matrices:
/// ‖Σᵢ dYᵢᵀXᵢ‖² = Σᵢⱼ ⟨dYᵢ dYⱼᵀ, Xᵢ Xⱼᵀ⟩.
pub fn factored_norm_squared<T: Real>(factors: &[Factor<'_, T>]) -> f64 {
    let mut sum = 0.0;
    for a in factors {
        for b in factors {
            for r in 0..a.x.rows() {
                for s in 0..b.x.rows() {
                    let dy: f64 = (0..a.dy.cols())
                        .map(|o| a.dy.get(r, o).as_f64() * b.dy.get(s, o).as_f64())
                        .sum();
                    let x: f64 = (0..a.x.cols())
                        .map(|k| a.x.get(r, k).as_f64() * b.x.get(s, k).as_f64())
                        .sum();
                    sum += dy * x;
                }
            }
        }
    }
    sum
}
