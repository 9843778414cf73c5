//! Adam (Kingma and Ba 2015) with the semantics of `torch.optim.Adam`: on a dense gradient, and on
//! a factored one, where a tile of dYᵀX is formed and consumed at once.

mod factored;
mod update;

use crate::gram::gram;
use crate::layout::{PackedRows, Panels};
use crate::micro;
use crate::parallel;
use crate::real::Real;
use crate::view::MatRef;

pub use factored::{NextBatch, adam_factored};
use update::{Part, Stream};

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
                // Written so that a NaN gives way to what comes after it.
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

/// Elements of a dense parameter that one task takes.
const ELEMENTS_PER_TASK: usize = 1 << 14;

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
    let len = p.len();
    assert_eq!(
        (g.len(), m.len(), v.len()),
        (len, len, len),
        "adam_dense: gradient and moments"
    );
    let kernel = micro::active();
    let v_max = cut(v_max, len, ELEMENTS_PER_TASK);
    let tasks = p
        .chunks_mut(ELEMENTS_PER_TASK)
        .zip(m.chunks_mut(ELEMENTS_PER_TASK))
        .zip(v.chunks_mut(ELEMENTS_PER_TASK))
        .zip(v_max)
        .map(|(((p, m), v), v_max)| Part { p, m, v, v_max })
        .zip(g.chunks(ELEMENTS_PER_TASK));
    parallel::for_each(len, tasks.collect(), |(part, g)| {
        if kernel.fuses() {
            kernel.run(Stream::<_, true> { step, g, part });
        } else {
            kernel.run(Stream::<_, false> { step, g, part });
        }
    });
}

/// Cuts a slice that may be absent into as many parts as one of `len` elements has.
fn cut<T>(
    slice: Option<&mut [T]>,
    len: usize,
    part: usize,
) -> impl Iterator<Item = Option<&mut [T]>> {
    if let Some(slice) = &slice {
        assert_eq!(slice.len(), len, "adam: largest second moment");
    }
    let mut parts = slice.map(|slice| slice.chunks_mut(part));
    (0..len.div_ceil(part)).map(move |_| parts.as_mut().and_then(Iterator::next))
}

/// Squared Frobenius norm of the sum of `factors`, from their Gram matrices:
/// ‖Σᵢ dYᵢᵀXᵢ‖² = Σᵢⱼ ⟨dYᵢ dYⱼᵀ, Xᵢ Xⱼᵀ⟩.
///
/// # Panics
/// If shapes differ.
pub fn factored_norm_squared<T: Real>(factors: &[Factor<'_, T>]) -> f64 {
    let dys: Vec<PackedRows<T>> = factors
        .iter()
        .map(|factor| {
            assert_eq!(
                (factor.dy.rows(), factor.dy.cols(), factor.x.cols()),
                (factor.x.rows(), factors[0].dy.cols(), factors[0].x.cols()),
                "factored_norm_squared: batch, outputs, inputs"
            );
            PackedRows::from_view(factor.dy)
        })
        .collect();
    let mut sum = 0.0;
    for i in 0..factors.len() {
        for j in 0..=i {
            let x = gram(factors[i].x, factors[j].x);
            let dy = gram(&dys[i], &dys[j]);
            let product: f64 = x.iter().zip(&dy).map(|(x, dy)| x * dy).sum();
            // ⟨i, j⟩ = ⟨j, i⟩.
            sum += if i == j { product } else { 2.0 * product };
        }
    }
    // Rounding may leave a sum of 0 below 0, where a root would fail; NaN stays NaN.
    if sum < 0.0 { 0.0 } else { sum }
}
