//! Layers of a trained network: no gradient follows, so nothing is kept but the outputs.
//!
//! Batch norm with constant statistics is a scale and a shift of each output, which follow the
//! product at once ([`Epilogue`]). The first layer takes features where they are stored: each task
//! gathers, standardises and multiplies a piece of them while it is in the cache, and no copy of a
//! batch exists.
//!
//! Every sum runs over the inputs in their order, one after the other, whatever the batch: a clip
//! gets the same bits alone and among others.

use rayon::iter::{IntoParallelIterator, ParallelBridge, ParallelIterator};

use crate::layout::{PANEL, PackedRows, Panels, ROW_BLOCK};
use crate::linear::DEPTH;
use crate::micro::{self, Kernel, Pass, Tile};
use crate::pack::{Gather, PickedRow, Standardise, StoredRows};
use crate::parallel;

/// Rows that one task takes: their part of a pass (192 KiB) and their sums for 256 outputs (256 KiB)
/// stay in the second-level cache.
const BAND: usize = 256;

/// Tasks to cut a layer's work into for each thread, so that none is left alone with a long one.
const TASKS_PER_THREAD: usize = 3;

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

/// A batch of features where they are stored.
#[derive(Clone, Copy, Debug)]
pub struct BatchRows<'a> {
    /// Where the features lie.
    pub features: StoredRows<'a>,
    /// The stored row of each row of the batch; `None` where it is missing.
    pub rows: &'a [Option<usize>],
    /// Standardisation of the features.
    pub standardise: Option<Standardise<'a>>,
}

/// A layer over stored features; missing rows have outputs of 0.
#[derive(Clone, Copy, Debug)]
pub struct Projection<'a> {
    /// What goes in.
    pub input: BatchRows<'a>,
    /// `(outputs, features)`.
    pub weights: &'a Panels<f32>,
    /// What follows.
    pub epilogue: Epilogue<'a>,
}

/// Part of one layer's work: some rows of the batch, some panels of outputs, and where the results go.
struct Task<'a, 'o> {
    layer: &'a Projection<'a>,
    first_row: usize,
    rows: usize,
    first_panel: usize,
    /// For each block of eight rows its outputs, `[outputs][8]`.
    out: Vec<&'o mut [[f32; ROW_BLOCK]]>,
}

impl Task<'_, '_> {
    fn panels(&self) -> usize {
        self.out[0].len().div_ceil(PANEL)
    }

    fn cost(&self) -> usize {
        self.rows * self.panels() * self.layer.weights.cols()
    }
}

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
        let width = layer.weights.cols();
        assert_eq!(layer.input.features.cols, width, "project: features");
        assert_eq!(layer.input.rows.len(), batch, "project: one entry per row");
        check_epilogue(layer.weights, layer.epilogue);
        if let Some(s) = layer.input.standardise {
            assert_eq!(
                (s.mean.len(), s.inv_std.len()),
                (width, width),
                "project: one mean and deviation per feature"
            );
        }
    }
    if batch == 0 || outputs == 0 {
        return;
    }
    let kernel = micro::active();
    // One row is all weights and no reuse: every layer's row is made ready, then all weights stream.
    let single = (batch == 1).then(|| single_rows(kernel, layers));
    let mut tasks = tasks(layers, out);
    // The longest first, so that the last to finish is a short one.
    tasks.sort_by_key(|task| std::cmp::Reverse(task.1.cost()));
    let run = |scratch: &mut Scratch, (n, task): (usize, Task<'_, '_>)| match &single {
        Some(rows) => one_row(kernel, rows[n].as_deref(), task),
        None => band(kernel, scratch, task),
    };
    if batch
        * outputs
        * layers
            .iter()
            .map(|layer| layer.weights.cols())
            .max()
            .unwrap_or(0)
        < 1 << 15
    {
        let mut scratch = Scratch::default();
        tasks.into_iter().for_each(|task| run(&mut scratch, task));
    } else {
        tasks
            .into_iter()
            .par_bridge()
            .for_each_init(Scratch::default, run);
    }
}

fn check_epilogue(weights: &Panels<f32>, epilogue: Epilogue<'_>) {
    assert_eq!(
        [epilogue.scale.len(), epilogue.shift.len()],
        [weights.rows(); 2],
        "one scale and shift per output"
    );
}

/// Cuts every layer into tasks; with each the number of its layer.
fn tasks<'a, 'o>(
    layers: &'a [Projection<'a>],
    out: &'o mut PackedRows<f32>,
) -> Vec<(usize, Task<'a, 'o>)> {
    let (batch, outputs) = (out.rows(), out.cols());
    let work = |layer: &Projection<'_>| layer.weights.cols() * layer.weights.rows();
    let total: usize = layers.iter().map(work).sum();
    let bands = batch.div_ceil(BAND);
    let threads = rayon::current_num_threads();
    let largest = total * bands / (TASKS_PER_THREAD * threads);
    let mut all = Vec::new();
    // Panels that a task of each layer takes. One row reuses nothing, so its tasks are small.
    let groups: Vec<usize> = layers
        .iter()
        .map(|layer| {
            let panels = layer.weights.rows().div_ceil(PANEL).max(1);
            let pieces = work(layer).div_ceil(largest.max(1)).clamp(1, panels);
            let pieces = if batch == 1 { panels } else { pieces };
            panels.div_ceil(pieces)
        })
        .collect();
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
                let task = Task {
                    layer,
                    first_row,
                    rows,
                    first_panel,
                    out: out.collect(),
                };
                all.push((n, task));
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
    let width = layer.weights.cols();
    let picked: Vec<PickedRow<'_>> = layer.input.rows[task.first_row..][..task.rows]
        .iter()
        .map(|row| row.map(|row| (layer.input.features, row)))
        .collect();
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
    for from in (0..width).step_by(DEPTH) {
        let depth = from..width.min(from + DEPTH);
        let x = &mut scratch.x[..blocks * depth.len()];
        for (rows, out) in picked.chunks(ROW_BLOCK).zip(x.chunks_mut(depth.len())) {
            kernel.run(Gather {
                kernel,
                rows,
                first_col: from,
                standardise: layer.input.standardise,
                out,
            });
        }
        // While these multiply, the next features and the next weights arrive, a share with each tile.
        let ahead = depth.end..width.min(depth.end + DEPTH);
        let mut coming = picked.iter().flatten().cycle();
        let rows_per_tile = picked.len().div_ceil(panels * blocks);
        for (p, sums) in scratch.sums.chunks_mut(blocks).enumerate() {
            let panel = &layer.weights.panel(task.first_panel + p)[depth.clone()];
            let next = if p + 1 < panels {
                &layer.weights.panel(task.first_panel + p + 1)[depth.clone()]
            } else {
                &layer.weights.panel(task.first_panel)[ahead.clone()]
            };
            let mut shares = next.chunks(next.len().div_ceil(blocks).max(1));
            for (x, sums) in x.chunks(depth.len()).zip(sums) {
                micro::prefetch::<false, f32>(shares.next().unwrap_or_default().as_flattened());
                for (source, row) in coming.by_ref().take(rows_per_tile) {
                    source.prefetch(*row, ahead.clone());
                }
                kernel.down(x, panel, sums);
            }
        }
    }
    for (p, sums) in scratch.sums.chunks(blocks).enumerate() {
        for (block, (sums, out)) in sums.iter().zip(&mut outputs).enumerate() {
            let rows = &picked[block * ROW_BLOCK..picked.len().min((block + 1) * ROW_BLOCK)];
            let present = |r: usize| rows.get(r).is_some_and(Option::is_some);
            let present = std::array::from_fn(present);
            finish(layer.epilogue, task.first_panel, p, sums, present, out);
        }
    }
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

/// The standardised features of a batch of one row, for each layer; none where they are missing.
fn single_rows(kernel: Kernel, layers: &[Projection<'_>]) -> Vec<Option<Vec<f32>>> {
    let single = |layer: &Projection<'_>| {
        let row = layer.input.rows[0]?;
        let mut x = vec![0.0; layer.weights.cols()];
        let (features, standardise) = (layer.input.features, layer.input.standardise);
        let x_out = &mut x[..];
        kernel.run(ReadRow {
            features,
            row,
            standardise,
            x: x_out,
        });
        Some(x)
    };
    layers.into_par_iter().map(single).collect()
}

struct ReadRow<'a> {
    features: StoredRows<'a>,
    row: usize,
    standardise: Option<Standardise<'a>>,
    x: &'a mut [f32],
}

impl Pass for ReadRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.features.read(self.row, 0, self.x);
        if let Some(s) = self.standardise {
            s.apply(0, self.x);
        }
    }
}

/// One row through some outputs of a layer: the weights stream past once.
fn one_row(kernel: Kernel, x: Option<&[f32]>, mut task: Task<'_, '_>) {
    let panels = task.panels();
    let (layer, out) = (task.layer, &mut task.out[0]);
    for p in 0..panels {
        let mut sums = Tile([[0.0; PANEL]; ROW_BLOCK]);
        if let Some(x) = x {
            sums.0[0] = product(kernel, x, layer.weights.panel(task.first_panel + p));
        }
        let present = std::array::from_fn(|r| r == 0 && x.is_some());
        finish(layer.epilogue, task.first_panel, p, &sums, present, out);
    }
}

/// `Σ_k x[k] panel[k][j]`, in the order of k and rounded as [`Kernel::down`] does.
fn product(kernel: Kernel, x: &[f32], panel: &[[f32; PANEL]]) -> [f32; PANEL] {
    match kernel {
        Kernel::Portable(_) => {
            kernel.run(Stream::<{ micro::portable::BASELINE_FUSES }> { x, panel })
        }
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2Fma(_) | Kernel::Avx512(_) => kernel.run(Stream::<true> { x, panel }),
    }
}

struct Stream<'a, const FUSES: bool> {
    x: &'a [f32],
    panel: &'a [[f32; PANEL]],
}

/// How far ahead of the sums weights are asked for, in inputs: 4 KiB, which the processor's own
/// prefetching does not cross.
const AHEAD: usize = 32;

impl<const FUSES: bool> Pass for Stream<'_, FUSES> {
    type Output = [f32; PANEL];

    #[inline(always)]
    fn run(self) -> [f32; PANEL] {
        let mut sums = [0.0_f32; PANEL];
        for (k, (x, w)) in self.x.iter().zip(self.panel).enumerate() {
            if let Some(ahead) = self.panel.get(k + AHEAD) {
                micro::prefetch::<true, f32>(ahead);
            }
            for (sum, w) in sums.iter_mut().zip(w) {
                *sum = if FUSES {
                    x.mul_add(*w, *sum)
                } else {
                    *sum + x * w
                };
            }
        }
        sums
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
            for (p, sums) in sums.chunks_mut(out.len()).enumerate() {
                let panel = &weights.panel(first_panel + p)[depth.clone()];
                for (block, sums) in sums.iter_mut().enumerate() {
                    let x = &x.block(first_block + block)[depth.clone()];
                    kernel.down(x, panel, sums);
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
pub fn weigh(x: &mut PackedRows<f32>, width: usize, factors: crate::MatRef<'_, f32>) {
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
