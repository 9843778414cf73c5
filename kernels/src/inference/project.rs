//! The first layer: from stored features to outputs, gathered, standardised and multiplied piece by
//! piece in the cache.

use rayon::iter::{ParallelBridge, ParallelIterator};

use super::single::project_row;
use super::task::{BAND, Projection, Task};
use crate::layout::PackedRows;
use crate::micro::{self, Accumulate, Kernel, Operands, Tile};
use crate::pack::{Gather, PickedRow, StoredRow};
use crate::parallel;
use crate::shape::{DEPTH, PANEL, ROW_BLOCK};

/// Tasks to cut a layer's work into for each thread, so that none is left alone with a long one.
const TASKS_PER_THREAD: usize = 3;

/// Runs all layers over one batch of `B` rows and writes their outputs side by side:
/// `out (B, Σ outputs)`.
///
/// # Panics
/// If shapes differ or a row does not exist.
pub fn project(layers: &[Projection<'_>], out: &mut PackedRows<f32>) {
    let batch = out.rows();
    let outputs: usize = layers.iter().map(|layer| layer.weights.rows()).sum();
    assert_eq!(out.cols(), outputs, "project: outputs side by side");
    for layer in layers {
        layer.check(batch);
    }
    if batch == 0 || outputs == 0 {
        return;
    }
    if batch == 1 {
        let mut row = vec![0.0; outputs];
        project_row(layers, &mut row);
        return out.set_row(0, &row);
    }
    let kernel = micro::active();
    let mut tasks = tasks(layers, out);
    // The longest first, so that the last to finish is a short one.
    tasks.sort_by_key(|task| std::cmp::Reverse(task.cost()));
    let run = |scratch: &mut Scratch, task: Task<'_, '_>| band(kernel, scratch, task);
    let work = layers.iter().map(|layer| work(layer) * batch).sum();
    if parallel::threads(work) == 1 {
        let mut scratch = Scratch::default();
        tasks.into_iter().for_each(|task| run(&mut scratch, task));
    } else {
        tasks
            .into_iter()
            .par_bridge()
            .for_each_init(Scratch::default, run);
    }
}

/// Multiply-adds of a layer for one row.
fn work(layer: &Projection<'_>) -> usize {
    layer.weights.cols() * layer.weights.rows()
}

/// Panels that a task of each layer takes, in a batch of `batch` rows.
fn panels_per_task(layers: &[Projection<'_>], batch: usize) -> Vec<usize> {
    let total: usize = layers.iter().map(work).sum();
    let bands = batch.div_ceil(BAND);
    let threads = rayon::current_num_threads();
    let largest = total * bands / (TASKS_PER_THREAD * threads);
    let per_task = |layer: &Projection<'_>| {
        let panels = layer.weights.rows().div_ceil(PANEL).max(1);
        let pieces = work(layer).div_ceil(largest.max(1)).clamp(1, panels);
        panels.div_ceil(pieces)
    };
    layers.iter().map(per_task).collect()
}

/// Cuts every layer into tasks.
fn tasks<'a, 'o>(layers: &'a [Projection<'a>], out: &'o mut PackedRows<f32>) -> Vec<Task<'a, 'o>> {
    let (batch, outputs) = (out.rows(), out.cols());
    let groups = panels_per_task(layers, batch);
    let mut all = Vec::new();
    let blocks = out.as_mut_slice().as_chunks_mut::<ROW_BLOCK>().0;
    for (band, blocks) in blocks.chunks_mut(BAND / ROW_BLOCK * outputs).enumerate() {
        let first_row = band * BAND;
        let rows = BAND.min(batch - first_row);
        let mut parts: Vec<&mut [[f32; ROW_BLOCK]]> = blocks.chunks_mut(outputs).collect();
        for (n, layer) in layers.iter().enumerate() {
            let mut left = layer.weights.rows();
            let mut first_panel = 0;
            while left > 0 {
                let width = left.min(groups[n] * PANEL);
                let out = parts.iter_mut().map(|part| {
                    let (here, rest) = std::mem::take(part).split_at_mut(width);
                    *part = rest;
                    here
                });
                all.push(Task {
                    layer,
                    first_row,
                    rows,
                    first_panel,
                    out: out.collect(),
                });
                left -= width;
                first_panel += groups[n];
            }
        }
    }
    all
}

/// What a thread works in, task after task.
#[derive(Default)]
struct Scratch {
    /// `[block][depth][8]` of the batch.
    x: Vec<[f32; ROW_BLOCK]>,
    /// `[panel][block]`.
    sums: Vec<Tile<f32>>,
}

/// Some rows through some outputs of a layer: pass by pass over the features, each gathered once.
fn band(kernel: Kernel, scratch: &mut Scratch, task: Task<'_, '_>) {
    let (layer, panels) = (task.layer, task.panels());
    let picked = |n: usize| {
        Some(StoredRow {
            source: layer.input.features,
            row: layer.input.rows[n]?,
            standardise: layer.input.scaling.of(n),
        })
    };
    let rows = task.first_row..task.first_row + task.rows;
    let picked: Vec<PickedRow<'_>> = rows.map(picked).collect();
    let mut outputs = task.out;
    if picked.iter().all(Option::is_none) {
        outputs
            .iter_mut()
            .for_each(|out| out.fill([0.0; ROW_BLOCK]));
        return;
    }
    let blocks = picked.len().div_ceil(ROW_BLOCK);
    scratch.x.resize(blocks * DEPTH, [0.0; ROW_BLOCK]);
    scratch.sums.clear();
    scratch
        .sums
        .resize(panels * blocks, Tile([[0.0; PANEL]; ROW_BLOCK]));
    let passes = Passes {
        kernel,
        layer,
        picked: &picked,
        first_panel: task.first_panel,
        panels,
    };
    for from in (0..layer.weights.cols()).step_by(DEPTH) {
        passes.run(from, scratch);
    }
    for (p, sums) in scratch.sums.chunks(blocks).enumerate() {
        for (block, (sums, out)) in sums.iter().zip(&mut outputs).enumerate() {
            let rows = &picked[block * ROW_BLOCK..picked.len().min((block + 1) * ROW_BLOCK)];
            let present = |r: usize| rows.get(r).is_some_and(Option::is_some);
            let present = std::array::from_fn(present);
            let (panel, out) = (task.first_panel + p, &mut out[p * PANEL..]);
            layer.epilogue.finish(panel, sums, present, out);
        }
    }
}

/// What the passes of a task share.
struct Passes<'a> {
    kernel: Kernel,
    layer: &'a Projection<'a>,
    picked: &'a [PickedRow<'a>],
    first_panel: usize,
    panels: usize,
}

impl Passes<'_> {
    /// Gathers features `from ..` of all rows and adds their products to the sums.
    fn run(&self, from: usize, scratch: &mut Scratch) {
        let Self {
            kernel,
            layer,
            picked,
            first_panel,
            panels,
        } = *self;
        let (width, blocks) = (layer.weights.cols(), picked.len().div_ceil(ROW_BLOCK));
        let depth = from..width.min(from + DEPTH);
        let x = &mut scratch.x[..blocks * depth.len()];
        for (rows, out) in picked.chunks(ROW_BLOCK).zip(x.chunks_mut(depth.len())) {
            kernel.run(Gather {
                kernel,
                rows,
                first_col: from,
                out,
            });
        }
        // While these multiply, the next features and the next weights arrive, a portion with each tile.
        let ahead = depth.end..width.min(depth.end + DEPTH);
        let mut upcoming = picked.iter().flatten().cycle();
        let rows_per_tile = picked.len().div_ceil(panels * blocks);
        for (p, sums) in scratch.sums.chunks_mut(blocks).enumerate() {
            let panel = &layer.weights.panel(first_panel + p)[depth.clone()];
            let next = if p + 1 < panels {
                &layer.weights.panel(first_panel + p + 1)[depth.clone()]
            } else {
                &layer.weights.panel(first_panel)[ahead.clone()]
            };
            let mut portions = next.chunks(next.len().div_ceil(blocks).max(1));
            for (x, sums) in x.chunks(depth.len()).zip(sums) {
                micro::prefetch::<false, f32>(portions.next().unwrap_or_default().as_flattened());
                for row in upcoming.by_ref().take(rows_per_tile) {
                    row.source.prefetch(row.row, ahead.clone());
                }
                let operands = Operands {
                    a: x,
                    b: panel,
                    accumulate: Accumulate::Add,
                };
                kernel.mul_packed(operands, sums, &mut ());
            }
        }
    }
}
