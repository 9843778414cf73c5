//! Adam on a weight whose gradient stays factored, and the product of the updated weight with the
//! next batch.

use super::factor::{BlockFactor, Factor, FactorBlocks};
use super::step::AdamStep;
use super::update::{LOOKAHEAD, Part, PrefetchPlan};
use crate::layout::{PackedRows, Panels};
use crate::linear::{INPUTS_PER_TASK, Init, Strip, Upcoming, WeightGradient, linear_forward};
use crate::micro::{self, Accumulate, AdamNumbers, Kernel, Tile};
use crate::parallel;
use crate::real::Real;
use crate::shape::{PANEL, ROW_BLOCK};
use crate::view::MatMut;

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

/// The batch that the updated weight is multiplied with next.
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
/// The product with a `next` batch is formed while the updated weights are in the cache: memory
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
    check_shapes((outputs, inputs), factors, &moments, next.as_ref());
    if outputs == 0 || inputs == 0 {
        return next.map_or((), |next| linear_forward(next.x, p, None, next.y));
    }
    let factors = FactorBlocks::new(factors, inputs);
    let (depth, width) = (factors.depth(), factors.width);
    let update = Factored {
        kernel: micro::active(),
        step,
        numbers: step.numbers(),
        factors: &factors,
        outputs,
    };
    match next.filter(|next| next.x.rows() > 0) {
        None => {
            let work = (depth + 1) * outputs * inputs;
            let ranges = inputs / width * width.div_ceil(INPUTS_PER_TASK);
            let groups = parallel::wanted_tasks(work).div_ceil(ranges);
            let tasks = segments(groups, width, p, moments).into_iter().flatten();
            parallel::for_each(work, tasks.collect(), |segments| update.run(segments));
        }
        Some(NextBatch { x, y }) => {
            let work = (depth + x.rows() + 1) * outputs * inputs;
            let panels = outputs.div_ceil(PANEL);
            let groups = parallel::threads(work).min(panels);
            // Sums are never split, so a task takes all inputs of its panels, in order.
            let tasks = segments(groups, width, p, moments)
                .into_iter()
                .map(|ranges| ranges.into_iter().flatten().collect())
                .zip(y.rectangles(usize::MAX, panels.div_ceil(groups) * PANEL));
            parallel::for_each(work, tasks.collect(), |(segments, mut y)| {
                update.run_and_multiply(segments, x, y.first_col / PANEL, &mut y.rows);
            });
        }
    }
}

fn check_shapes<T: Real>(
    (outputs, inputs): (usize, usize),
    factors: &[Factor<'_, T>],
    moments: &PanelMoments<'_, T>,
    next: Option<&NextBatch<'_, T>>,
) {
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
    if let Some(next) = next {
        assert_eq!(
            (next.x.rows(), next.x.cols(), outputs),
            (next.y.rows(), inputs, next.y.cols()),
            "adam_factored: next batch, inputs, outputs"
        );
    }
}

/// Inputs of a panel: their weights and moments.
struct Segment<'a, T> {
    panel: usize,
    block: usize,
    /// Of the block.
    first_input: usize,
    part: Part<'a, T>,
}

/// Cuts a weight into at most `groups` groups of panels, those into ranges of inputs, of one block of `width`
/// inputs each, and those into segments, whose rows of `X` stay in the second-level cache from one to the next.
fn segments<'a, T: Real>(
    groups: usize,
    width: usize,
    p: &'a mut Panels<T>,
    moments: PanelMoments<'a, T>,
) -> Vec<Vec<Vec<Segment<'a, T>>>> {
    let PanelMoments { m, v, v_max } = moments;
    let (panel_len, block_len, part_len) =
        (p.cols() * PANEL, width * PANEL, INPUTS_PER_TASK * PANEL);
    let per_block = width.div_ceil(INPUTS_PER_TASK);
    let ranges = p.cols() / width * per_block;
    let panels = p.rows().div_ceil(PANEL);
    let per_group = panels.div_ceil(groups.clamp(1, panels));
    let mut segments: Vec<Vec<Vec<_>>> = Vec::new();
    let whole = Part {
        p: p.as_mut_slice(),
        m: m.as_mut_slice(),
        v: v.as_mut_slice(),
        v_max: v_max.map(Panels::as_mut_slice),
    };
    for (panel, whole) in whole.chunks(panel_len).enumerate() {
        segments.resize_with(panel / per_group + 1, || {
            (0..ranges).map(|_| Vec::with_capacity(per_group)).collect()
        });
        for (block, whole) in whole.chunks(block_len).enumerate() {
            for (range, part) in whole.chunks(part_len).enumerate() {
                segments[panel / per_group][block * per_block + range].push(Segment {
                    panel,
                    block,
                    first_input: range * INPUTS_PER_TASK,
                    part,
                });
            }
        }
    }
    segments
}

/// A step on a weight with a factored gradient.
struct Factored<'a, T: Real> {
    kernel: Kernel,
    step: &'a AdamStep<T>,
    numbers: AdamNumbers<T>,
    factors: &'a FactorBlocks<'a, T>,
    outputs: usize,
}

impl<T: Real> Factored<'_, T> {
    /// The step on each segment.
    fn run(&self, segments: Vec<Segment<'_, T>>) {
        let mut segments = segments.into_iter().peekable();
        while let Some(mut segment) = segments.next() {
            let following = segments.peek().unwrap_or(&segment).part.start();
            self.update(&mut segment, PrefetchPlan::whole(following));
        }
    }

    /// The step on each segment, followed by its product with the next batch `x`. `rows` are those of Y,
    /// from the first column of panel `first_panel` on.
    fn run_and_multiply(
        &self,
        segments: Vec<Segment<'_, T>>,
        x: &PackedRows<T>,
        first_panel: usize,
        rows: &mut [&mut [T]],
    ) {
        let mut segments = segments.into_iter().peekable();
        while let Some(mut segment) = segments.next() {
            let following = segments.peek().unwrap_or(&segment).part.start();
            let len = segment.part.p.len();
            // What the product fetches of the following segment, the step on it need not.
            let fetched = len.min(len / 2 + LOOKAHEAD);
            self.update(&mut segment, PrefetchPlan::half(following, fetched));
            let Segment {
                panel,
                block,
                first_input,
                part,
            } = segment;
            let weights = part.p.as_chunks().0;
            let first_input = block * self.factors.width + first_input;
            let strip = Strip {
                x,
                first_block: 0,
                inputs: first_input..first_input + weights.len(),
                weights,
            };
            let init = (first_input > 0).then_some(Init::Partial);
            let first = (panel - first_panel) * PANEL;
            let cols = first..first + PANEL.min(self.outputs - panel * PANEL);
            let upcoming = Upcoming {
                addresses: following.addresses(),
                len: fetched,
            };
            strip.multiply(self.kernel, init, rows, cols, upcoming);
        }
    }

    fn update(&self, segment: &mut Segment<'_, T>, plan: PrefetchPlan<T>) {
        if self.kernel.fuses() {
            self.update_inputs::<true>(segment, plan);
        } else {
            self.update_inputs::<false>(segment, plan);
        }
    }

    fn update_inputs<const FUSES: bool>(
        &self,
        segment: &mut Segment<'_, T>,
        plan: PrefetchPlan<T>,
    ) {
        let factors = self.factors.blocks[segment.block].iter();
        let blocks = factors.map(|factor| factor.x.rows().div_ceil(ROW_BLOCK));
        let ticks = blocks.sum::<usize>() * self.kernel.parts();
        // Enough a tick for the eight inputs of a tile.
        match ticks {
            ROW_BLOCK.. => self.update_tiles::<FUSES, 1>(segment, plan),
            4.. => self.update_tiles::<FUSES, 2>(segment, plan),
            _ => self.update_tiles::<FUSES, 4>(segment, plan),
        }
    }

    /// Forms the gradient of 8 inputs × 32 outputs at a time and consumes it, `INPUTS` inputs a tick.
    fn update_tiles<const FUSES: bool, const INPUTS: usize>(
        &self,
        segment: &mut Segment<'_, T>,
        plan: PrefetchPlan<T>,
    ) {
        let Segment {
            panel,
            block,
            first_input,
            part,
        } = segment;
        let inputs = part.p.len() / PANEL;
        let numbers = (self.step, &self.numbers);
        // The gradient of one tile is consumed while that of the next is formed: the roots and
        // divisions of Adam take place between multiply-adds, and so do the prefetches.
        let mut tiles = [Tile([[T::zero(); PANEL]; ROW_BLOCK]); 2];
        let (mut gradient, mut next) = {
            let [a, b] = &mut tiles;
            (a, b)
        };
        let mut waiting = 0..0;
        for input in (0..inputs).step_by(ROW_BLOCK) {
            if part.v_max.is_some() {
                // Rare, so that it has no path of its own between multiply-adds.
                let stream = part.stream::<FUSES>(self.step, gradient, waiting);
                self.kernel.run(stream);
                waiting = input..input;
            }
            let mut update = part.update::<FUSES, INPUTS>(numbers, gradient, waiting, plan);
            let mut accumulate = Accumulate::Overwrite;
            for BlockFactor { dy, x } in &self.factors.blocks[*block] {
                let gradient = WeightGradient {
                    dy: dy.panel(*panel),
                    x,
                    input: *first_input + input,
                    accumulate,
                };
                gradient.add_to(self.kernel, next, &mut update);
                accumulate = Accumulate::Add;
            }
            self.kernel.run(update);
            (gradient, next) = (next, gradient);
            waiting = input..inputs.min(input + ROW_BLOCK);
        }
        let last = part.stream::<FUSES>(self.step, gradient, waiting);
        self.kernel.run(last);
        let absent = PANEL - (self.outputs - *panel * PANEL).min(PANEL);
        if absent > 0 {
            // 0 · ∞ of an infinite input, or 0 / 0 where ε is 0, would spoil the padding.
            part.clear_last_columns(absent);
        }
    }
}
