//! A layer over a packed batch.

use super::epilogue::Epilogue;
use super::single::dense_row;
use super::task::BAND;
use crate::layout::{PackedRows, Panels};
use crate::micro::{self, Accumulate, Kernel, Operands, Tile};
use crate::parallel;
use crate::shape::{DEPTH, PANEL, ROW_BLOCK};

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
    epilogue.check(weights);
    let (batch, outputs) = (out.rows(), out.cols());
    if batch == 0 || outputs == 0 {
        return;
    }
    if batch == 1 {
        let mut row = vec![0.0; outputs];
        dense_row(&x.row(0), weights, epilogue, &mut row);
        return out.set_row(0, &row);
    }
    let layer = Layer {
        kernel: micro::active(),
        x,
        weights,
        epilogue,
    };
    let work = batch * outputs * x.cols().max(1);
    let panels = outputs.div_ceil(PANEL);
    let bands = batch.div_ceil(BAND);
    let group = (panels * bands / parallel::wanted_tasks(work)).clamp(1, panels);
    parallel::for_each(work, parts(out, group), |part| layer.band(part));
}

/// Some rows and some outputs of the result.
struct Part<'o> {
    first_block: usize,
    first_panel: usize,
    /// For each block of eight rows its outputs, `[outputs][8]`.
    out: Vec<&'o mut [[f32; ROW_BLOCK]]>,
}

/// Cuts the result into bands of rows, and those into groups of panels.
fn parts(out: &mut PackedRows<f32>, group: usize) -> Vec<Part<'_>> {
    let outputs = out.cols();
    let blocks = out.as_mut_slice().as_chunks_mut::<ROW_BLOCK>().0;
    let mut all = Vec::new();
    for (band, blocks) in blocks.chunks_mut(BAND / ROW_BLOCK * outputs).enumerate() {
        let mut groups: Vec<_> = (0..outputs.div_ceil(group * PANEL))
            .map(|_| vec![])
            .collect();
        for block in blocks.chunks_mut(outputs) {
            for (part, here) in groups.iter_mut().zip(block.chunks_mut(group * PANEL)) {
                part.push(here);
            }
        }
        all.extend(groups.into_iter().enumerate().map(|(n, out)| Part {
            first_block: band * BAND / ROW_BLOCK,
            first_panel: n * group,
            out,
        }));
    }
    all
}

/// The operands of [`dense`] that its tasks share.
struct Layer<'a> {
    kernel: Kernel,
    x: &'a PackedRows<f32>,
    weights: &'a Panels<f32>,
    epilogue: Epilogue<'a>,
}

impl Layer<'_> {
    /// Some rows, pass by pass over the inputs.
    fn band(&self, mut part: Part<'_>) {
        let blocks = part.out.len();
        let panels = part.out[0].len().div_ceil(PANEL);
        let mut sums = vec![Tile([[0.0; PANEL]; ROW_BLOCK]); panels * blocks];
        for from in (0..self.x.cols()).step_by(DEPTH) {
            self.pass(from, &part, panels, &mut sums);
        }
        for (p, sums) in sums.chunks(blocks).enumerate() {
            for (block, (sums, out)) in sums.iter().zip(&mut part.out).enumerate() {
                let first_row = (part.first_block + block) * ROW_BLOCK;
                let present = std::array::from_fn(|r| first_row + r < self.x.rows());
                let panel = part.first_panel + p;
                let out = &mut out[p * PANEL..];
                self.epilogue.finish(panel, sums, present, out);
            }
        }
    }

    /// Adds the products of inputs `from ..` to `sums`, `[panel][block]`.
    fn pass(&self, from: usize, part: &Part<'_>, panels: usize, sums: &mut [Tile<f32>]) {
        let (inputs, blocks) = (self.x.cols(), part.out.len());
        let depth = from..inputs.min(from + DEPTH);
        let accumulate = if from == 0 {
            Accumulate::Overwrite
        } else {
            Accumulate::Add
        };
        // While these multiply, the next inputs and the next weights arrive, a portion with each tile.
        let ahead = depth.end..inputs.min(depth.end + DEPTH);
        let columns = ahead.len().div_ceil(panels).max(1);
        for (p, sums) in sums.chunks_mut(blocks).enumerate() {
            let panel = &self.weights.panel(part.first_panel + p)[depth.clone()];
            let next = if p + 1 < panels {
                &self.weights.panel(part.first_panel + p + 1)[depth.clone()]
            } else {
                &self.weights.panel(part.first_panel)[ahead.clone()]
            };
            let mut portions = next.chunks(next.len().div_ceil(blocks).max(1));
            for (block, sums) in sums.iter_mut().enumerate() {
                let x = self.x.block(part.first_block + block);
                let upcoming = x[ahead.clone()].chunks(columns).nth(p);
                micro::prefetch::<false, f32>(upcoming.unwrap_or_default().as_flattened());
                micro::prefetch::<false, f32>(portions.next().unwrap_or_default().as_flattened());
                let operands = Operands {
                    a: &x[depth.clone()],
                    b: panel,
                    accumulate,
                };
                self.kernel.mul_packed(operands, sums, &mut ());
            }
        }
    }
}
