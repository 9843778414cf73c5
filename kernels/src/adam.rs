//! Adam (Kingma and Ba 2015) with the semantics of `torch.optim.Adam`: on a dense gradient, and on
//! a factored one, where a tile of dYᵀX is formed and consumed at once.

mod update;

use crate::gram::gram;
use crate::layout::{ColumnPanels, PANEL, PackedRows, Panels, ROW_BLOCK};
use crate::linear::{INPUTS_PER_TASK, add_weight_gradient};
use crate::micro::{self, Kernel, Tile};
use crate::parallel;
use crate::real::Real;
use crate::view::MatRef;

use update::{Part, Start, Stream};

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

/// Adam on a packed weight whose gradient is the sum of `factors`; never stores that gradient.
///
/// # Panics
/// If shapes differ.
pub fn adam_factored<T: Real>(
    step: &AdamStep<T>,
    factors: &[Factor<'_, T>],
    p: &mut Panels<T>,
    moments: PanelMoments<'_, T>,
) {
    let (outputs, inputs) = (p.rows(), p.cols());
    let PanelMoments { m, v, v_max } = moments;
    for moment in [&*m, &*v].into_iter().chain(v_max.as_deref()) {
        assert_eq!(
            (moment.rows(), moment.cols()),
            (outputs, inputs),
            "adam_factored: a moment"
        );
    }
    for factor in factors {
        assert_eq!(
            (factor.dy.rows(), factor.dy.cols(), factor.x.cols()),
            (factor.x.rows(), outputs, inputs),
            "adam_factored: batch, outputs, inputs"
        );
    }
    if outputs == 0 || inputs == 0 {
        return;
    }
    let kernel = micro::active();
    let factors: Vec<(ColumnPanels<T>, &PackedRows<T>)> = factors
        .iter()
        .map(|factor| (ColumnPanels::pack(factor.dy, ROW_BLOCK), factor.x))
        .collect();
    let depth: usize = factors.iter().map(|(_, x)| x.rows()).sum();
    let work = (depth + 1) * outputs * inputs;
    let tasks = factored_tasks(work, p, m, v, v_max);
    parallel::for_each(work, tasks, |parts| {
        let mut parts = parts.into_iter().peekable();
        while let Some(part) = parts.next() {
            let following = parts.peek().unwrap_or(&part).part.start();
            if kernel.fuses() {
                factored_part::<_, true>(kernel, step, &factors, outputs, part, following);
            } else {
                factored_part::<_, false>(kernel, step, &factors, outputs, part, following);
            }
        }
    });
}

/// A stretch of a panel: of the parameter and its moments.
struct PanelPart<'a, T> {
    panel: usize,
    first_input: usize,
    part: Part<'a, T>,
}

/// Cuts a weight into tasks over inputs, and over panels too where the inputs are few. A task holds
/// the same inputs of several panels, so that their rows of `X` stay in the second-level cache.
fn factored_tasks<'a, T: Real>(
    work: usize,
    p: &'a mut Panels<T>,
    m: &'a mut Panels<T>,
    v: &'a mut Panels<T>,
    v_max: Option<&'a mut Panels<T>>,
) -> Vec<Vec<PanelPart<'a, T>>> {
    let (panel_len, part_len) = (p.cols() * PANEL, INPUTS_PER_TASK * PANEL);
    let ranges = p.cols().div_ceil(INPUTS_PER_TASK);
    let panels = p.rows().div_ceil(PANEL);
    let groups = parallel::wanted_tasks(work).div_ceil(ranges).min(panels);
    let per_group = panels.div_ceil(groups);
    let mut tasks: Vec<_> = (0..ranges * groups).map(|_| Vec::new()).collect();
    let v_max = cut(
        v_max.map(Panels::as_mut_slice),
        panels * panel_len,
        panel_len,
    );
    let whole = p
        .as_mut_slice()
        .chunks_mut(panel_len)
        .zip(m.as_mut_slice().chunks_mut(panel_len))
        .zip(v.as_mut_slice().chunks_mut(panel_len))
        .zip(v_max);
    for (panel, (((p, m), v), v_max)) in whole.enumerate() {
        let parts = p
            .chunks_mut(part_len)
            .zip(m.chunks_mut(part_len))
            .zip(v.chunks_mut(part_len))
            .zip(cut(v_max, panel_len, part_len));
        for (range, (((p, m), v), v_max)) in parts.enumerate() {
            tasks[range * groups + panel / per_group].push(PanelPart {
                panel,
                first_input: range * INPUTS_PER_TASK,
                part: Part { p, m, v, v_max },
            });
        }
    }
    tasks
}

/// Forms the gradient of 8 inputs × 32 outputs at a time and consumes it.
fn factored_part<T: Real, const FUSES: bool>(
    kernel: Kernel,
    step: &AdamStep<T>,
    factors: &[(ColumnPanels<T>, &PackedRows<T>)],
    outputs: usize,
    part: PanelPart<'_, T>,
    following: Start<T>,
) {
    let PanelPart {
        panel,
        first_input,
        mut part,
    } = part;
    let inputs = part.p.len() / PANEL;
    let blocks: usize = factors
        .iter()
        .map(|(_, x)| x.rows().div_ceil(ROW_BLOCK))
        .sum();
    let shares = (blocks * kernel.parts()).max(1);
    // The gradient of one tile is consumed while that of the next is formed: the roots and
    // divisions of Adam take place between multiply-adds, and so do the prefetches.
    let mut tiles = [Tile([[T::zero(); PANEL]; ROW_BLOCK]); 2];
    let (mut gradient, mut next) = {
        let [a, b] = &mut tiles;
        (a, b)
    };
    let mut waiting = 0..0;
    for input in (0..inputs).step_by(ROW_BLOCK) {
        let mut update = part.update::<FUSES>(step, gradient, waiting, shares, following);
        *next = Tile([[T::zero(); PANEL]; ROW_BLOCK]);
        for (dy, x) in factors {
            let dy = dy.panel(panel);
            add_weight_gradient(kernel, dy, x, first_input + input, next, &mut update);
        }
        kernel.run(update);
        (gradient, next) = (next, gradient);
        waiting = input..inputs.min(input + ROW_BLOCK);
    }
    kernel.run(part.update::<FUSES>(step, gradient, waiting, shares, following));
    let absent = PANEL - (outputs - panel * PANEL).min(PANEL);
    if absent > 0 {
        // 0 · ∞ of an infinite input, or 0 / 0 where ε is 0, would spoil the padding.
        part.clear_last_columns(absent);
    }
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
