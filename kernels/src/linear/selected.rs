//! A linear layer over a batch in which each block of columns counts in some rows only: the same bits as over
//! the whole batch with its zeros, at the cost of the rows that count.

use super::{INPUTS_PER_TASK, Init, PANELS_PER_TASK, STRIP, Strip, Upcoming, backward_input_part};
use crate::layout::{ColumnPanels, Panels, SelectedBlock, SelectedRows};
use crate::micro::{self, Kernel};
use crate::parallel;
use crate::real::Real;
use crate::shape::{DEPTH, PANEL};
use crate::view::{MatMut, MatRef, Rectangle};

/// `Y = X Wᵀ`: `X (B, I)`, `W (O, I)`, `Y (B, O)`. `Y` is written, never read.
///
/// # Panics
/// If shapes differ.
pub fn selected_forward<T: Real>(x: &SelectedRows<T>, w: &Panels<T>, mut y: MatMut<'_, T>) {
    assert_eq!(
        (x.cols(), x.rows(), w.rows()),
        (w.cols(), y.rows(), y.cols()),
        "selected_forward: inputs, batch, outputs"
    );
    for row in 0..y.rows() {
        y.row_mut(row).fill(T::zero());
    }
    let kernel = micro::active();
    let work = x.selected() * x.width() * w.rows();
    let panels = w.rows().div_ceil(PANEL);
    // Every task streams all of X, so there are no more of them than threads.
    let group = (panels / parallel::threads(work)).clamp(1, PANELS_PER_TASK);
    let tasks = y.rectangles(usize::MAX, group * PANEL);
    parallel::for_each(work, tasks, |y| forward_part(kernel, x, w, y));
}

/// Some columns of `Y`, which hold 0.
fn forward_part<T: Real>(
    kernel: Kernel,
    x: &SelectedRows<T>,
    w: &Panels<T>,
    mut y: Rectangle<'_, T>,
) {
    let (first_panel, width) = (y.first_col / PANEL, y.width());
    for (n, block) in x.blocks().iter().enumerate() {
        if block.rows().is_empty() {
            continue;
        }
        let mut rows = rows_of(&mut y.rows, block);
        for from in (0..x.width()).step_by(DEPTH) {
            let inputs = from..x.width().min(from + DEPTH);
            let first_input = n * x.width() + from;
            for col in (0..width).step_by(PANEL) {
                let panel = first_panel + col / PANEL;
                let weights = &w.panel(panel)[first_input..][..inputs.len()];
                // The next weights arrive while these multiply: of the next panel, or of the next inputs.
                let next = if col + PANEL < width {
                    &w.panel(panel + 1)[first_input..][..inputs.len()]
                } else {
                    let left = &w.panel(first_panel)[first_input + inputs.len()..];
                    &left[..left.len().min(inputs.len())]
                };
                let strip = Strip {
                    x: block.values(),
                    first_block: 0,
                    inputs: inputs.clone(),
                    weights,
                };
                let upcoming = Upcoming {
                    addresses: [next.as_ptr().cast::<T>()],
                    len: next.len() * PANEL,
                };
                let cols = col..width.min(col + PANEL);
                strip.multiply(kernel, Some(Init::Partial), &mut rows, cols, upcoming);
            }
        }
    }
}

/// The rows that a block counts in.
fn rows_of<'r, T>(rows: &'r mut [&mut [T]], block: &SelectedBlock<impl Real>) -> Vec<&'r mut [T]> {
    let mut wanted = block.rows().iter().peekable();
    let named = |(row, _): &(usize, _)| wanted.next_if(|&wanted| wanted == row).is_some();
    let rows = rows.iter_mut().enumerate().filter(named);
    rows.map(|(_, row)| &mut **row).collect()
}

/// `dX = dY W` in the rows that count: for each block of `x` a row-major matrix `(count, width)`. `dY (B, O)`,
/// `W (O, I)`; of `x`, only which rows count is read.
///
/// # Panics
/// If shapes differ.
pub fn selected_backward_input<T: Real>(
    dy: MatRef<'_, T>,
    w: &Panels<T>,
    x: &SelectedRows<T>,
) -> Vec<Vec<T>> {
    assert_eq!(
        (dy.rows(), dy.cols(), w.cols()),
        (x.rows(), w.rows(), x.cols()),
        "selected_backward_input: batch, outputs, inputs"
    );
    let kernel = micro::active();
    let width = x.width();
    let work = x.selected() * width * w.rows();
    let dys = parallel::map(work, x.blocks().iter().collect(), |block| {
        let rows = gather(dy, block.rows());
        let rows = MatRef::row_major(&rows, block.rows().len(), dy.cols());
        ColumnPanels::pack(rows.transposed(), PANEL)
    });
    let zeros = |block: &SelectedBlock<T>| vec![T::zero(); block.rows().len() * width];
    let mut dxs: Vec<Vec<T>> = x.blocks().iter().map(zeros).collect();
    let inputs = x.cols().div_ceil(parallel::wanted_tasks(work));
    let inputs = inputs.clamp(1, INPUTS_PER_TASK).next_multiple_of(STRIP);
    let mut tasks = Vec::new();
    for (n, (dx, dy)) in dxs.iter_mut().zip(&dys).enumerate() {
        let count = x.blocks()[n].rows().len();
        for mut dx in MatMut::row_major(dx, count, width).rectangles(usize::MAX, inputs) {
            dx.first_col += n * width;
            tasks.push((dy, dx));
        }
    }
    parallel::for_each(work, tasks, |(dy, dx)| {
        backward_input_part(kernel, dy, w, dx);
    });
    dxs
}

/// Some rows of a matrix, row-major.
pub(crate) fn gather<T: Real>(x: MatRef<'_, T>, rows: &[usize]) -> Vec<T> {
    let (mut gathered, mut scratch) = (Vec::with_capacity(rows.len() * x.cols()), Vec::new());
    for &row in rows {
        gathered.extend_from_slice(x.row(row, &mut scratch));
    }
    gathered
}
