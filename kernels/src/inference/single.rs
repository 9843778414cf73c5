//! One row alone: nothing is used twice but the row, so the weights stream past it once, and as few of them as
//! can be.

use super::epilogue::Epilogue;
use super::task::Projection;
use crate::layout::Panels;
use crate::micro::{self, Kernel, SimdTask};
use crate::pack::{Standardise, StoredRows};
use crate::parallel;
use crate::shape::{CACHE_LINE, PANEL};

/// Bytes of weights that a task streams at least: less is done before another thread has taken it.
const TASK_BYTES: usize = 128 << 10;

/// `out = epilogue(W x)`: `x (I)`, `W (O, I)`, `out (O)`; the same bits as a row of
/// [`dense`](super::dense).
///
/// Weights of inputs that are 0 (below a ReLU, or of an encoder that was not selected) are not read: finite ones
/// would add 0.
///
/// # Panics
/// If shapes differ.
pub fn dense_row(x: &[f32], weights: &Panels<f32>, epilogue: Epilogue<'_>, out: &mut [f32]) {
    assert_eq!(
        (x.len(), out.len()),
        (weights.cols(), weights.rows()),
        "dense_row: inputs, outputs"
    );
    epilogue.check(weights);
    let kernel = micro::active();
    let row = Row::some_zeros(x);
    let layer = Layer {
        row: Some(&row),
        weights,
        epilogue,
    };
    let tasks: Vec<_> = layer.tasks(out).collect();
    parallel::for_each(row.len() * weights.rows(), tasks, |task| task.run(kernel));
}

/// Runs all layers over the first of their rows and writes their outputs side by side; the same bits as a row of
/// [`project`](super::project). Outputs of a layer that lacks the row are 0.
///
/// # Panics
/// If shapes differ or the row does not exist.
pub fn project_row(layers: &[Projection<'_>], out: &mut [f32]) {
    let outputs: usize = layers.iter().map(|layer| layer.weights.rows()).sum();
    assert_eq!(out.len(), outputs, "project_row: outputs side by side");
    for layer in layers {
        layer.check(1);
    }
    let kernel = micro::active();
    let inputs = layers.iter().map(|layer| layer.weights.cols()).sum();
    let rows = parallel::map(inputs, layers.iter().collect(), |layer| {
        read(kernel, layer).map(Row::whole)
    });
    let mut tasks = Vec::new();
    let mut left = out;
    for (layer, row) in layers.iter().zip(&rows) {
        let (here, rest) = left.split_at_mut(layer.weights.rows());
        let layer = Layer {
            row: row.as_ref(),
            weights: layer.weights,
            epilogue: layer.epilogue,
        };
        tasks.extend(layer.tasks(here));
        left = rest;
    }
    // The longest first, so that the last to finish is a short one.
    tasks.sort_by_key(|task| std::cmp::Reverse(task.work()));
    let work = tasks.iter().map(Task::work).sum();
    parallel::for_each(work, tasks, |task| task.run(kernel));
}

/// The standardised features of the first row of a layer; none where they are missing.
fn read(kernel: Kernel, layer: &Projection<'_>) -> Option<Vec<f32>> {
    let row = layer.input.rows[0]?;
    let mut x = vec![0.0; layer.weights.cols()];
    kernel.run(ReadRow {
        features: layer.input.features,
        row,
        standardise: layer.input.scaling.of(0),
        x: &mut x,
    });
    Some(x)
}

struct ReadRow<'a> {
    features: StoredRows<'a>,
    row: usize,
    standardise: Option<Standardise<'a>>,
    x: &'a mut [f32],
}

impl SimdTask for ReadRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.features.read(self.row, 0, self.x);
        if let Some(s) = self.standardise {
            s.apply(0, self.x);
        }
    }
}

/// The inputs of a layer that count.
struct Row {
    x: Vec<f32>,
    /// The place of each of `x` among all inputs; none: they are all there.
    places: Option<Vec<u32>>,
}

impl Row {
    fn whole(x: Vec<f32>) -> Self {
        Self { x, places: None }
    }

    /// Those that are not 0. About half of what a ReLU leaves is, at random: a branch would be mispredicted as often.
    fn some_zeros(all: &[f32]) -> Self {
        let (mut x, mut places) = (vec![0.0; all.len()], vec![0; all.len()]);
        let mut count = 0;
        for (value, place) in all.iter().zip(0..) {
            (x[count], places[count]) = (*value, place);
            count += usize::from(*value != 0.0);
        }
        x.truncate(count);
        places.truncate(count);
        Self {
            x,
            places: Some(places),
        }
    }

    fn len(&self) -> usize {
        self.x.len()
    }
}

/// A layer over one row.
#[derive(Clone, Copy)]
struct Layer<'a> {
    /// None: the row is missing.
    row: Option<&'a Row>,
    weights: &'a Panels<f32>,
    epilogue: Epilogue<'a>,
}

impl<'a> Layer<'a> {
    /// Cuts the layer into some panels each.
    fn tasks<'o>(self, out: &'o mut [f32]) -> impl Iterator<Item = Task<'a, 'o>> {
        let bytes = self.row.map_or(0, Row::len) * PANEL * size_of::<f32>();
        let panels = TASK_BYTES.div_ceil(bytes.max(CACHE_LINE));
        let parts = out.chunks_mut(panels * PANEL).enumerate();
        parts.map(move |(n, out)| Task {
            layer: self,
            first_panel: n * panels,
            out,
        })
    }
}

/// Some outputs of a layer over one row.
struct Task<'a, 'o> {
    layer: Layer<'a>,
    first_panel: usize,
    out: &'o mut [f32],
}

impl Task<'_, '_> {
    /// Multiply-adds.
    fn work(&self) -> usize {
        self.out.len() * self.layer.row.map_or(0, Row::len)
    }

    fn run(self, kernel: Kernel) {
        let Layer {
            row,
            weights,
            epilogue,
        } = self.layer;
        let Some(row) = row else {
            self.out.fill(0.0);
            return;
        };
        for (p, out) in self.out.chunks_mut(PANEL).enumerate() {
            let panel = self.first_panel + p;
            let sums = product(kernel, row, weights.panel(panel));
            epilogue.finish_row(panel, &sums, out);
        }
    }
}

/// `Σ_k x[k] panel[k][j]`, in the order of k and rounded as [`Kernel::mul_packed`] does.
fn product(kernel: Kernel, row: &Row, panel: &[[f32; PANEL]]) -> [f32; PANEL] {
    match kernel {
        Kernel::Portable(_) => {
            kernel.run(Stream::<{ micro::portable::BASELINE_FUSES }> { row, panel })
        }
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2Fma(_) | Kernel::Avx512(_) => kernel.run(Stream::<true> { row, panel }),
    }
}

struct Stream<'a, const FUSES: bool> {
    row: &'a Row,
    panel: &'a [[f32; PANEL]],
}

/// How far ahead of the sums weights are prefetched, in inputs: 4 KiB, which the processor's own
/// prefetching does not cross.
const LOOKAHEAD: usize = 32;

impl<const FUSES: bool> SimdTask for Stream<'_, FUSES> {
    type Output = [f32; PANEL];

    #[inline(always)]
    fn run(self) -> [f32; PANEL] {
        let Self { row, panel } = self;
        let mut sums = [0.0_f32; PANEL];
        match &row.places {
            None => {
                let mut ahead = panel.iter().skip(LOOKAHEAD);
                for (x, w) in row.x.iter().zip(panel) {
                    if let Some(ahead) = ahead.next() {
                        micro::prefetch::<true, f32>(ahead);
                    }
                    add::<FUSES>(*x, w, &mut sums);
                }
            }
            Some(places) => {
                let mut ahead = places.iter().skip(LOOKAHEAD);
                for (x, place) in row.x.iter().zip(places) {
                    if let Some(ahead) = ahead.next() {
                        micro::prefetch::<true, f32>(&panel[*ahead as usize]);
                    }
                    add::<FUSES>(*x, &panel[*place as usize], &mut sums);
                }
            }
        }
        sums
    }
}

#[inline(always)]
fn add<const FUSES: bool>(x: f32, weights: &[f32; PANEL], sums: &mut [f32; PANEL]) {
    for (sum, w) in sums.iter_mut().zip(weights) {
        *sum = if FUSES {
            x.mul_add(*w, *sum)
        } else {
            *sum + x * w
        };
    }
}
