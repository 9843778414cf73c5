//! The step on one element.

use crate::micro::AdamNumbers;
use crate::real::Real;

/// The numbers of one step, worked out once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep<T> {
    /// β₁.
    pub beta1: T,
    /// β₂.
    pub beta2: T,
    /// ε √(1 − β₂ᵗ), added to the root of the second moment. PyTorch divides the root by √(1 − β₂ᵗ)
    /// instead; here ε and the step size are multiplied by it, which spares a division an element.
    pub eps: T,
    /// L2 penalty added to the gradient; 0 with decoupled decay.
    pub weight_decay: T,
    /// lr √(1 − β₂ᵗ) / (1 − β₁ᵗ).
    pub step_size: T,
    /// What the weight is multiplied by first: 1 − lr · weight decay if that is decoupled, else 1.
    pub weight_factor: T,
    /// −1 to ascend, 1 to descend; a gradient scale (clipping) multiplies it too.
    pub gradient_scale: T,
}

impl<T: Real> AdamStep<T> {
    /// As kernels read them.
    pub(super) fn numbers(&self) -> AdamNumbers<T> {
        AdamNumbers {
            weight_factor: self.weight_factor,
            gradient_scale: self.gradient_scale,
            weight_decay: self.weight_decay,
            rest1: T::one() - self.beta1,
            beta2: self.beta2,
            rest2: T::one() - self.beta2,
            step_size: self.step_size,
            eps: self.eps,
        }
    }

    /// One element. `v_max` keeps the largest second moment (AMSGrad). `FUSES`: each product and the
    /// sum it enters are rounded once, for kernels with fused multiply-adds.
    #[inline(always)]
    pub fn apply<const FUSES: bool>(
        &self,
        p: &mut T,
        g: T,
        m: &mut T,
        v: &mut T,
        v_max: Option<&mut T>,
    ) {
        let multiply_add = |a: T, b: T, sum: T| {
            if FUSES {
                a.mul_add(b, sum)
            } else {
                a * b + sum
            }
        };
        *p *= self.weight_factor;
        let g = multiply_add(self.weight_decay, *p, g * self.gradient_scale);
        *m = multiply_add(g - *m, T::one() - self.beta1, *m);
        *v = multiply_add((T::one() - self.beta2) * g, g, *v * self.beta2);
        let second = match v_max {
            Some(v_max) => {
                // Written so that a NaN is replaced by the next value.
                let larger = *v_max >= *v;
                if !larger {
                    *v_max = *v;
                }
                *v_max
            }
            None => *v,
        };
        *p -= self.step_size * *m / (second.sqrt() + self.eps);
    }
}
