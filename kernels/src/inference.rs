//! Layers of a trained network: no gradient follows, so nothing is kept but the outputs.
//!
//! Batch norm with constant statistics is a scale and a shift of each output, which follow the
//! product at once ([`Epilogue`]). The first layer takes features where they are stored: each task
//! gathers, standardises and multiplies a piece of them while it is in the cache, and no copy of a
//! batch exists.
//!
//! Every sum runs over the inputs in their order, one after the other, whatever the batch: a clip
//! gets the same bits alone and among others.

use crate::layout::{PANEL, PackedRows, Panels, ROW_BLOCK};
use crate::linear::DEPTH;
use crate::micro::{self, Start, Tile};
use crate::parallel;
use crate::view::MatRef;

mod project;
mod single;

pub use project::{BatchRows, Projection, project};

use single::product;

/// Rows that one task takes: their part of a pass (384 KiB) and their sums for 256 outputs (256 KiB)
/// stay in the second-level cache.
const BAND: usize = 256;

/// What follows a product: `y · scale + shift`, and ReLU.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue<'a> {
    /// Factor of each output.
    pub scale: &'a [f32],
    /// Term of each output.
    pub shift: &'a [f32],
    /// Whether what is below 0 becomes 0.
    pub relu: bool,
}

impl Epilogue<'_> {
    /// NaN stays NaN.
    #[inline(always)]
    fn apply(&self, output: usize, sum: f32) -> f32 {
        let y = sum * self.scale[output] + self.shift[output];
        if self.relu && y < 0.0 { 0.0 } else { y }
    }
}

fn check_epilogue(weights: &Panels<f32>, epilogue: Epilogue<'_>) {
    assert_eq!(
        [epilogue.scale.len(), epilogue.shift.len()],
        [weights.rows(); 2],
        "one scale and shift per output"
    );
}

/// Writes the outputs of panel `first_panel + p` from their sums, 0 for absent rows.
fn finish(
    epilogue: Epilogue<'_>,
    first_panel: usize,
    p: usize,
    sums: &Tile<f32>,
    present: [bool; ROW_BLOCK],
    out: &mut [[f32; ROW_BLOCK]],
) {
    let out = out.iter_mut().skip(p * PANEL).take(PANEL).enumerate();
    for (j, out) in out {
        let output = (first_panel + p) * PANEL + j;
        for (r, y) in out.iter_mut().enumerate() {
            *y = if present[r] {
                epilogue.apply(output, sums.0[r][j])
            } else {
                0.0
            };
        }
    }
}

/// `out = epilogue(X Wᵀ)`: `X (B, I)`, `W (O, I)`, `out (B, O)`.
///
/// # Panics
/// If shapes differ.
pub fn dense(
    x: &PackedRows<f32>,
    weights: &Panels<f32>,
    epilogue: Epilogue<'_>,
    out: &mut PackedRows<f32>,
) {
    assert_eq!(
        (x.cols(), x.rows(), weights.rows()),
        (weights.cols(), out.rows(), out.cols()),
        "dense: inputs, batch, outputs"
    );
    check_epilogue(weights, epilogue);
    let (batch, outputs) = (out.rows(), out.cols());
    let work = batch * outputs * x.cols().max(1);
    if batch == 0 || outputs == 0 {
        return;
    }
    let kernel = micro::active();
    let single: Option<Vec<f32>> =
        (batch == 1).then(|| (0..x.cols()).map(|c| x.get(0, c)).collect());
    let panels = outputs.div_ceil(PANEL);
    let bands = batch.div_ceil(BAND);
    let group = (panels * bands / parallel::wanted_tasks(work)).clamp(1, panels);
    let mut tasks = Vec::new();
    let blocks = out.as_mut_slice().as_chunks_mut::<ROW_BLOCK>().0;
    for (band, blocks) in blocks.chunks_mut(BAND / ROW_BLOCK * outputs).enumerate() {
        let mut parts: Vec<_> = (0..outputs.div_ceil(group * PANEL))
            .map(|_| vec![])
            .collect();
        for block in blocks.chunks_mut(outputs) {
            for (part, here) in parts.iter_mut().zip(block.chunks_mut(group * PANEL)) {
                part.push(here);
            }
        }
        for (n, part) in parts.into_iter().enumerate() {
            tasks.push((band * BAND / ROW_BLOCK, n * group, part));
        }
    }
    parallel::for_each(work, tasks, |(first_block, first_panel, mut out)| {
        let panels = out[0].len().div_ceil(PANEL);
        if let Some(x) = &single {
            for p in 0..panels {
                let mut sums = Tile([[0.0; PANEL]; ROW_BLOCK]);
                sums.0[0] = product(kernel, x, weights.panel(first_panel + p));
                let present = std::array::from_fn(|r| r == 0);
                finish(epilogue, first_panel, p, &sums, present, out[0]);
            }
            return;
        }
        let mut sums = vec![Tile([[0.0; PANEL]; ROW_BLOCK]); panels * out.len()];
        for from in (0..x.cols()).step_by(DEPTH) {
            let depth = from..x.cols().min(from + DEPTH);
            let start = if from == 0 { Start::Zero } else { Start::Tile };
            // While these multiply, the next inputs and the next weights arrive, a share with each tile.
            let ahead = depth.end..x.cols().min(depth.end + DEPTH);
            let share = ahead.len().div_ceil(panels).max(1);
            for (p, sums) in sums.chunks_mut(out.len()).enumerate() {
                let panel = &weights.panel(first_panel + p)[depth.clone()];
                let next = if p + 1 < panels {
                    &weights.panel(first_panel + p + 1)[depth.clone()]
                } else {
                    &weights.panel(first_panel)[ahead.clone()]
                };
                let mut shares = next.chunks(next.len().div_ceil(out.len()).max(1));
                for (block, sums) in sums.iter_mut().enumerate() {
                    let x = x.block(first_block + block);
                    let coming = x[ahead.clone()].chunks(share).nth(p);
                    micro::prefetch::<false, f32>(coming.unwrap_or_default().as_flattened());
                    micro::prefetch::<false, f32>(shares.next().unwrap_or_default().as_flattened());
                    kernel.down(&x[depth.clone()], panel, start, sums, &mut ());
                }
            }
        }
        let blocks = out.len();
        for (p, sums) in sums.chunks(blocks).enumerate() {
            for (block, (sums, out)) in sums.iter().zip(&mut out).enumerate() {
                let first_row = (first_block + block) * ROW_BLOCK;
                let present = std::array::from_fn(|r| first_row + r < batch);
                finish(epilogue, first_panel, p, sums, present, out);
            }
        }
    });
}

/// Multiplies, in each row r, columns `m width .. (m + 1) width` by `factors[m](r)`: `x (B, M width)`.
/// A part whose factor is 0 becomes 0, whatever it held.
///
/// # Panics
/// If `factors` is not `(B, M)`.
pub fn weigh(x: &mut PackedRows<f32>, width: usize, factors: MatRef<'_, f32>) {
    assert_eq!(
        (factors.rows(), factors.cols() * width),
        (x.rows(), x.cols()),
        "weigh: one factor per row and part"
    );
    let (rows, cols) = (x.rows(), x.cols());
    if cols == 0 {
        return;
    }
    let blocks = x.as_mut_slice().as_chunks_mut::<ROW_BLOCK>().0;
    let tasks: Vec<_> = blocks.chunks_mut(cols).enumerate().collect();
    parallel::for_each(rows * cols, tasks, |(block, values)| {
        for (m, part) in values.chunks_mut(width).enumerate() {
            let factor = |r: usize| {
                let row = block * ROW_BLOCK + r;
                if row < rows { factors.get(row, m) } else { 0.0 }
            };
            let factors: [f32; ROW_BLOCK] = std::array::from_fn(factor);
            for values in part {
                for (x, factor) in values.iter_mut().zip(factors) {
                    *x = if factor == 0.0 { 0.0 } else { *x * factor };
                }
            }
        }
    });
}
