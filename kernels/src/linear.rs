//! A linear layer over packed operands: forward, and the gradients of input and weight.

mod selected;
mod strip;

use std::ops::Range;

use crate::layout::{ColumnPanels, PackedRows, Panels};
use crate::micro::{
    self, Accumulate, Blocks, Interleave, Kernel, Operands, SimdTask, StridedOperands, Tile,
};
use crate::parallel;
use crate::real::Real;
use crate::shape::{CACHE_LINE, DEPTH, PANEL, ROW_BLOCK};
use crate::view::{MatMut, MatRef, Rectangle};

pub(crate) use selected::gather;
pub use selected::{selected_backward_input, selected_forward};
pub(crate) use strip::{Init, Strip, Upcoming};

/// Rows of the batch that one task takes: their part of a pass (384 KiB) and of the output stay in
/// the second-level cache.
const BAND: usize = 256;

/// Panels that one task takes at most; each pass of `X` through the cache serves all of them.
const PANELS_PER_TASK: usize = 8;

/// Inputs that one task of a weight gradient takes: their rows of a batch of 64 are 64 KiB.
pub(crate) const INPUTS_PER_TASK: usize = 256;

/// Inputs whose gradient is formed at once: two cache lines of each row of `dX`.
const STRIP: usize = 4 * ROW_BLOCK;

/// Panels that one pass of the gradient of `X` takes: their part of dYᵀ (16 KiB for 32 rows) stays
/// in the first-level cache for all tiles of a strip.
const PANELS_PER_PASS: usize = 4;

/// `Y = X Wᵀ (+ bias)`: `X (B, I)`, `W (O, I)`, `bias (O)`, `Y (B, O)`. `Y` is written, never read.
///
/// # Panics
/// If shapes differ.
pub fn linear_forward<T: Real>(
    x: &PackedRows<T>,
    w: &Panels<T>,
    bias: Option<&[T]>,
    y: MatMut<'_, T>,
) {
    assert_eq!(
        (x.cols(), x.rows(), w.rows()),
        (w.cols(), y.rows(), y.cols()),
        "linear_forward: inputs, batch, outputs"
    );
    if let Some(bias) = bias {
        assert_eq!(bias.len(), w.rows(), "linear_forward: one bias per output");
    }
    let kernel = micro::active();
    let work = x.rows() * w.rows() * x.cols().max(1);
    let bands = x.rows().div_ceil(BAND).max(1);
    let panels = w.rows().div_ceil(PANEL);
    // Every task streams all of its band of X, so there are no more of them than threads.
    let group = (panels * bands / parallel::threads(work)).clamp(1, PANELS_PER_TASK);
    let tasks = y.rectangles(BAND, group * PANEL);
    parallel::for_each(work, tasks, |y| forward_part(kernel, x, w, bias, y));
}

/// A rectangle of `Y` that starts on a block of rows and a panel.
fn forward_part<T: Real>(
    kernel: Kernel,
    x: &PackedRows<T>,
    w: &Panels<T>,
    bias: Option<&[T]>,
    mut y: Rectangle<'_, T>,
) {
    let (first_block, first_panel) = (y.first_row / ROW_BLOCK, y.first_col / PANEL);
    for from in (0..x.cols().max(1)).step_by(DEPTH) {
        let depth = from..x.cols().min(from + DEPTH);
        for col in (0..y.width()).step_by(PANEL) {
            let panel = first_panel + col / PANEL;
            let cols = col..y.width().min(col + PANEL);
            // The next weights arrive while these multiply.
            let next = if col + PANEL < y.width() {
                &w.panel(panel + 1)[depth.clone()]
            } else {
                &w.panel(first_panel)[depth.end..w.cols().min(depth.end + DEPTH)]
            };
            let strip = Strip {
                x,
                first_block,
                inputs: depth.clone(),
                weights: &w.panel(panel)[depth.clone()],
            };
            // The first pass starts from the bias, the others from the sums in Y.
            let init = match bias {
                _ if from > 0 => Some(Init::Partial),
                bias => bias.map(|bias| Init::Bias(&bias[y_cols(first_panel, &cols)])),
            };
            let len = if next.is_empty() {
                0
            } else {
                depth.len() * PANEL
            };
            let addresses = [next.as_ptr().cast::<T>()];
            let upcoming = Upcoming { addresses, len };
            strip.multiply(kernel, init, &mut y.rows, cols, upcoming);
        }
    }
}

/// Columns of a rectangle as columns of the matrix.
fn y_cols(first_panel: usize, cols: &Range<usize>) -> Range<usize> {
    first_panel * PANEL + cols.start..first_panel * PANEL + cols.end
}

/// `dX += dY W`: `dY (B, O)`, `W (O, I)`, `dX (B, I)`.
///
/// # Panics
/// If shapes differ.
pub fn linear_backward_input<T: Real>(dy: MatRef<'_, T>, w: &Panels<T>, dx: MatMut<'_, T>) {
    assert_eq!(
        (dy.rows(), dy.cols(), w.cols()),
        (dx.rows(), w.rows(), dx.cols()),
        "linear_backward_input: batch, outputs, inputs"
    );
    let kernel = micro::active();
    let work = dy.rows() * dy.cols() * w.cols();
    if work == 0 {
        return;
    }
    let inputs = w.cols().div_ceil(parallel::wanted_tasks(work));
    let inputs = inputs.clamp(1, INPUTS_PER_TASK).next_multiple_of(STRIP);
    let dy = ColumnPanels::pack(dy.transposed(), PANEL);
    let tasks = dx.rectangles(usize::MAX, inputs);
    parallel::for_each(work, tasks, |dx| backward_input_part(kernel, &dy, w, dx));
}

/// All rows and some columns of `dX`; `dy` is `[panel of 32 rows][output][32]`.
fn backward_input_part<T: Real>(
    kernel: Kernel,
    dy: &ColumnPanels<T>,
    w: &Panels<T>,
    mut dx: Rectangle<'_, T>,
) {
    let panels = w.rows().div_ceil(PANEL);
    for col in (0..dx.width()).step_by(STRIP) {
        let input = dx.first_col + col;
        for (n, rows) in dx.rows.chunks_mut(PANEL).enumerate() {
            for row in rows.iter() {
                micro::prefetch::<false, T>(&row[col..row.len().min(col + STRIP)]);
            }
            let mut tiles = [Tile([[T::zero(); PANEL]; ROW_BLOCK]); STRIP / ROW_BLOCK];
            for first in (0..panels).step_by(PANELS_PER_PASS) {
                let pass = first..panels.min(first + PANELS_PER_PASS);
                let dy = &dy.panel(n)[pass.start * PANEL..pass.end * PANEL];
                for (tile, input) in tiles.iter_mut().zip((input..w.cols()).step_by(ROW_BLOCK)) {
                    // The weights of the next strip arrive while these multiply; all rows use them.
                    let mut prefetch = NextStrip {
                        address: w.as_slice()[pass.start * w.cols() * PANEL..]
                            .as_ptr()
                            .wrapping_add((input + STRIP) * PANEL),
                        stride: w.cols() * PANEL,
                        panels: if n == 0 && input + STRIP < w.cols() {
                            pass.len()
                        } else {
                            0
                        },
                    };
                    let accumulate = if first == 0 {
                        Accumulate::Overwrite
                    } else {
                        Accumulate::Add
                    };
                    let gradient = InputGradient {
                        dy,
                        w,
                        panels: pass.clone(),
                        input,
                        accumulate,
                    };
                    gradient.add_to(kernel, tile, &mut prefetch);
                }
            }
            let tiles = &tiles;
            kernel.run(AddTransposed { tiles, rows, col });
        }
    }
}

/// The prefetches that the gradient of eight inputs interleaves: the eight inputs in the same place of
/// the next strip, one panel a tick.
struct NextStrip<T> {
    address: *const T,
    stride: usize,
    panels: usize,
}

impl<T> Interleave for NextStrip<T> {
    #[inline(always)]
    fn tick(&mut self) {
        if self.panels == 0 {
            return;
        }
        self.panels -= 1;
        let line = CACHE_LINE / size_of::<T>();
        for at in (0..ROW_BLOCK * PANEL).step_by(line) {
            micro::prefetch_line::<false, T>(self.address.wrapping_add(at));
        }
        self.address = self.address.wrapping_add(self.stride);
    }
}

/// `rows[j][col + 8 t + i] += tiles[t][i][j]`, as far as the rows go.
struct AddTransposed<'a, 'r, T> {
    tiles: &'a [Tile<T>],
    rows: &'a mut [&'r mut [T]],
    col: usize,
}

impl<T: Real> SimdTask for AddTransposed<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (t, tile) in self.tiles.iter().enumerate() {
            // Eight rows and eight columns at a time, so that registers hold what is transposed.
            for (n, rows) in self.rows.chunks_mut(ROW_BLOCK).enumerate() {
                let transposed: [[T; ROW_BLOCK]; ROW_BLOCK] =
                    std::array::from_fn(|j| std::array::from_fn(|i| tile.0[i][n * ROW_BLOCK + j]));
                for (row, sums) in rows.iter_mut().zip(&transposed) {
                    let row = row.get_mut(self.col + t * ROW_BLOCK..).unwrap_or_default();
                    for (out, sum) in row.iter_mut().zip(sums) {
                        *out += *sum;
                    }
                }
            }
        }
    }
}

/// The gradient of inputs `input .. input + 8` in 32 rows, by the outputs of some panels.
struct InputGradient<'a, T> {
    /// `[output][32]` for the outputs of `panels`.
    dy: &'a [[T; PANEL]],
    w: &'a Panels<T>,
    panels: Range<usize>,
    input: usize,
    accumulate: Accumulate,
}

impl<T: Real> InputGradient<'_, T> {
    /// Adds the gradient to a tile, or overwrites it.
    #[inline]
    fn add_to<I: Interleave>(self, kernel: Kernel, tile: &mut Tile<T>, interleave: &mut I) {
        let Self {
            dy,
            w,
            panels,
            input,
            mut accumulate,
        } = self;
        let count = (w.cols() - input).min(ROW_BLOCK);
        if count == ROW_BLOCK {
            let operands = Operands {
                a: Blocks {
                    data: &w.as_slice()[(panels.start * w.cols() + input) * PANEL..],
                    stride: w.cols() * PANEL,
                },
                b: dy,
                accumulate,
            };
            T::mul_strided::<PANEL, I>(kernel, operands, tile, interleave);
            return;
        }
        // The last inputs of a matrix, padded with zeros to 8.
        for (panel, dy) in panels.zip(dy.chunks(PANEL)) {
            let mut edge = [[T::zero(); PANEL]; ROW_BLOCK];
            edge[..count].copy_from_slice(&w.panel(panel)[input..]);
            let operands = one_block(edge.as_flattened(), dy, accumulate);
            T::mul_strided::<PANEL, I>(kernel, operands, tile, interleave);
            accumulate = Accumulate::Add;
        }
    }
}

/// Operands with a single block.
#[inline(always)]
fn one_block<'a, T>(
    data: &'a [T],
    b: &'a [[T; PANEL]],
    accumulate: Accumulate,
) -> StridedOperands<'a, T> {
    Operands {
        a: Blocks { data, stride: 0 },
        b,
        accumulate,
    }
}

/// `dW += dYᵀ X`, stored: for checks and for weights that are not packed.
///
/// # Panics
/// If shapes differ.
pub fn linear_backward_weight<T: Real>(dy: MatRef<'_, T>, x: &PackedRows<T>, dw: MatMut<'_, T>) {
    assert_eq!(
        (dy.rows(), dy.cols(), x.cols()),
        (x.rows(), dw.rows(), dw.cols()),
        "linear_backward_weight: batch, outputs, inputs"
    );
    let kernel = micro::active();
    let work = dy.rows() * dy.cols() * x.cols();
    let dy = ColumnPanels::pack(dy, ROW_BLOCK);
    let tasks = dw.rectangles(PANEL, INPUTS_PER_TASK);
    parallel::for_each(work, tasks, |mut dw| {
        let panel = dy.panel(dw.first_row / PANEL);
        for col in (0..dw.width()).step_by(ROW_BLOCK) {
            let mut tile = Tile([[T::zero(); PANEL]; ROW_BLOCK]);
            let gradient = WeightGradient {
                dy: panel,
                x,
                input: dw.first_col + col,
                accumulate: Accumulate::Overwrite,
            };
            gradient.add_to(kernel, &mut tile, &mut ());
            let (tiles, rows) = (&[tile], &mut dw.rows[..]);
            kernel.run(AddTransposed { tiles, rows, col });
        }
    });
}

/// The gradient of the weights from inputs `input .. input + 8` (0 where there is no such input) to the
/// 32 outputs of a panel of `dY`.
pub(crate) struct WeightGradient<'a, T> {
    /// `[row][32]` of the panel.
    pub dy: &'a [[T; PANEL]],
    pub x: &'a PackedRows<T>,
    pub input: usize,
    pub accumulate: Accumulate,
}

impl<T: Real> WeightGradient<'_, T> {
    /// Adds the gradient to a tile, or overwrites it.
    #[inline]
    pub fn add_to<I: Interleave>(self, kernel: Kernel, tile: &mut Tile<T>, interleave: &mut I) {
        let Self {
            dy,
            x,
            input,
            mut accumulate,
        } = self;
        let count = (x.cols() - input).min(ROW_BLOCK);
        if count == ROW_BLOCK && x.rows() > 0 {
            let operands = Operands {
                a: Blocks {
                    data: &x.as_slice()[input * ROW_BLOCK..],
                    stride: x.cols() * ROW_BLOCK,
                },
                b: dy,
                accumulate,
            };
            T::mul_strided::<ROW_BLOCK, I>(kernel, operands, tile, interleave);
            return;
        }
        // The last inputs of a matrix, padded with zeros to 8.
        for (n, dy) in dy.chunks(ROW_BLOCK).enumerate() {
            let mut edge = [[T::zero(); ROW_BLOCK]; ROW_BLOCK];
            edge[..count].copy_from_slice(&x.block(n)[input..]);
            let operands = one_block(edge.as_flattened(), dy, accumulate);
            T::mul_strided::<ROW_BLOCK, I>(kernel, operands, tile, interleave);
            accumulate = Accumulate::Add;
        }
    }
}
