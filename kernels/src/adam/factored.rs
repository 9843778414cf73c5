//! Adam on a weight whose gradient stays factored, and the product of the stepped weight with the
//! next batch.

use crate::layout::{ColumnPanels, PANEL, PackedRows, Panels, ROW_BLOCK};
use crate::linear::{INPUTS_PER_TASK, Origin, Strip, add_weight_gradient, linear_forward};
use crate::micro::{self, Kernel, Start, Tile};
use crate::parallel;
use crate::real::Real;
use crate::view::MatMut;

use super::update::{AHEAD, Pace, Part};
use super::{AdamStep, Factor, PanelMoments, cut};

/// The batch that a stepped weight meets next.
#[derive(Debug)]
pub struct NextBatch<'a, T> {
    /// `(B, inputs)`.
    pub x: &'a PackedRows<T>,
    /// `(B, outputs)`; becomes `X Wᵀ`, in the very bits of
    /// [`linear_forward`](crate::linear::linear_forward) without a bias.
    pub y: MatMut<'a, T>,
}

/// Adam on a packed weight whose gradient is the sum of `factors`; never stores that gradient.
///
/// The product with a `next` batch is formed while the stepped weights are in the cache: memory
/// brings the next weights and moments meanwhile, which takes longer than the arithmetic of the
/// step alone.
///
/// # Panics
/// If shapes differ.
pub fn adam_factored<T: Real>(
    step: &AdamStep<T>,
    factors: &[Factor<'_, T>],
    p: &mut Panels<T>,
    moments: PanelMoments<'_, T>,
    next: Option<NextBatch<'_, T>>,
) {
    let (outputs, inputs) = (p.rows(), p.cols());
    for moment in [&*moments.m, &*moments.v]
        .into_iter()
        .chain(moments.v_max.as_deref())
    {
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
    if let Some(next) = &next {
        assert_eq!(
            (next.x.rows(), next.x.cols(), outputs),
            (next.y.rows(), inputs, next.y.cols()),
            "adam_factored: next batch, inputs, outputs"
        );
    }
    if outputs == 0 || inputs == 0 {
        return next.map_or((), |next| linear_forward(next.x, p, None, next.y));
    }
    let factors: Vec<_> = factors
        .iter()
        .filter(|factor| factor.x.rows() > 0)
        .map(|factor| (ColumnPanels::pack(factor.dy, ROW_BLOCK), factor.x))
        .collect();
    let depth: usize = factors.iter().map(|(_, x)| x.rows()).sum();
    let update = Factored {
        kernel: micro::active(),
        step,
        factors: &factors,
        outputs,
    };
    match next.filter(|next| next.x.rows() > 0) {
        None => {
            let work = (depth + 1) * outputs * inputs;
            let ranges = inputs.div_ceil(INPUTS_PER_TASK);
            let groups = parallel::wanted_tasks(work).div_ceil(ranges);
            let tasks = stretches(groups, p, moments).into_iter().flatten();
            parallel::for_each(work, tasks.collect(), |stretches| update.run(stretches));
        }
        Some(NextBatch { x, y }) => {
            let work = (depth + x.rows() + 1) * outputs * inputs;
            let panels = outputs.div_ceil(PANEL);
            let groups = parallel::threads(work).min(panels);
            // Sums are never split, so a task takes all inputs of its panels, in order.
            let tasks = stretches(groups, p, moments)
                .into_iter()
                .map(|ranges| ranges.into_iter().flatten().collect())
                .zip(y.rectangles(usize::MAX, panels.div_ceil(groups) * PANEL));
            parallel::for_each(work, tasks.collect(), |(stretches, mut y)| {
                update.run_and_multiply(stretches, x, y.first_col / PANEL, &mut y.rows);
            });
        }
    }
}

/// Inputs of a panel: their weights and moments.
struct Stretch<'a, T> {
    panel: usize,
    first_input: usize,
    part: Part<'a, T>,
}

/// Cuts a weight into at most so many groups of panels, those into ranges of inputs, and those into
/// stretches, whose rows of `X` stay in the second-level cache from one to the next.
fn stretches<'a, T: Real>(
    groups: usize,
    p: &'a mut Panels<T>,
    moments: PanelMoments<'a, T>,
) -> Vec<Vec<Vec<Stretch<'a, T>>>> {
    let PanelMoments { m, v, v_max } = moments;
    let (panel_len, part_len) = (p.cols() * PANEL, INPUTS_PER_TASK * PANEL);
    let ranges = p.cols().div_ceil(INPUTS_PER_TASK);
    let panels = p.rows().div_ceil(PANEL);
    let per_group = panels.div_ceil(groups.clamp(1, panels));
    let mut stretches: Vec<Vec<Vec<_>>> = Vec::new();
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
        stretches.resize_with(panel / per_group + 1, || {
            (0..ranges).map(|_| Vec::with_capacity(per_group)).collect()
        });
        for (range, (((p, m), v), v_max)) in parts.enumerate() {
            stretches[panel / per_group][range].push(Stretch {
                panel,
                first_input: range * INPUTS_PER_TASK,
                part: Part { p, m, v, v_max },
            });
        }
    }
    stretches
}

/// A step on a weight with a factored gradient.
struct Factored<'a, T> {
    kernel: Kernel,
    step: &'a AdamStep<T>,
    /// dY and X.
    factors: &'a [(ColumnPanels<T>, &'a PackedRows<T>)],
    outputs: usize,
}

impl<T: Real> Factored<'_, T> {
    /// The step on some stretches.
    fn run(&self, stretches: Vec<Stretch<'_, T>>) {
        let mut stretches = stretches.into_iter().peekable();
        while let Some(mut stretch) = stretches.next() {
            let following = stretches.peek().unwrap_or(&stretch).part.start();
            self.update(&mut stretch, Pace::whole(following));
        }
    }

    /// The step on some stretches, each followed by its product with the next batch `x`. `rows` are
    /// those of Y from the column on that panel `first_panel` starts at.
    fn run_and_multiply(
        &self,
        stretches: Vec<Stretch<'_, T>>,
        x: &PackedRows<T>,
        first_panel: usize,
        rows: &mut [&mut [T]],
    ) {
        let mut stretches = stretches.into_iter().peekable();
        while let Some(mut stretch) = stretches.next() {
            let following = stretches.peek().unwrap_or(&stretch).part.start();
            let len = stretch.part.p.len();
            // What the product fetches of the following stretch, the step on it need not.
            let fetched = len.min(len / 2 + AHEAD);
            self.update(&mut stretch, Pace::half(following, fetched));
            let Stretch {
                panel,
                first_input,
                part,
            } = stretch;
            let weights = part.p.as_chunks().0;
            let strip = Strip {
                x,
                first_block: 0,
                inputs: first_input..first_input + weights.len(),
                weights,
            };
            let origin = (first_input > 0).then_some(Origin::Sums);
            let first = (panel - first_panel) * PANEL;
            let cols = first..first + PANEL.min(self.outputs - panel * PANEL);
            let far = following.places();
            strip.multiply(self.kernel, origin, rows, cols, far, fetched);
        }
    }

    fn update(&self, stretch: &mut Stretch<'_, T>, pace: Pace<T>) {
        if self.kernel.fuses() {
            self.update_tiles::<true>(stretch, pace);
        } else {
            self.update_tiles::<false>(stretch, pace);
        }
    }

    /// Forms the gradient of 8 inputs × 32 outputs at a time and consumes it.
    fn update_tiles<const FUSES: bool>(&self, stretch: &mut Stretch<'_, T>, pace: Pace<T>) {
        let Stretch {
            panel,
            first_input,
            part,
        } = stretch;
        let inputs = part.p.len() / PANEL;
        let blocks: usize = self
            .factors
            .iter()
            .map(|(_, x)| x.rows().div_ceil(ROW_BLOCK))
            .sum();
        let shares = (blocks * self.kernel.parts()).max(1);
        // The gradient of one tile is consumed while that of the next is formed: the roots and
        // divisions of Adam take place between multiply-adds, and so do the prefetches.
        let mut tiles = [Tile([[T::zero(); PANEL]; ROW_BLOCK]); 2];
        let (mut gradient, mut next) = {
            let [a, b] = &mut tiles;
            (a, b)
        };
        let mut waiting = 0..0;
        for input in (0..inputs).step_by(ROW_BLOCK) {
            let mut update = part.update::<FUSES>(self.step, gradient, waiting, shares, pace);
            let input_of_x = *first_input + input;
            let mut start = Start::Zero;
            for (dy, x) in self.factors {
                let dy = dy.panel(*panel);
                add_weight_gradient(self.kernel, dy, x, input_of_x, start, next, &mut update);
                start = Start::Tile;
            }
            self.kernel.run(update);
            (gradient, next) = (next, gradient);
            waiting = input..inputs.min(input + ROW_BLOCK);
        }
        if waiting.len() == ROW_BLOCK {
            let last = part.update::<FUSES>(self.step, gradient, waiting, shares, pace);
            self.kernel.run(last);
        } else {
            let last = part.last::<FUSES>(self.step, gradient, waiting);
            self.kernel.run(last);
        }
        let absent = PANEL - (self.outputs - *panel * PANEL).min(PANEL);
        if absent > 0 {
            // 0 · ∞ of an infinite input, or 0 / 0 where ε is 0, would spoil the padding.
            part.clear_last_columns(absent);
        }
    }
}
