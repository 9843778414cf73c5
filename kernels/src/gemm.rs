//! General matrix product for matrices that are not kept packed.

use crate::buffer::Buffer;
use crate::layout::{ColumnPanels, PANEL, ROW_BLOCK, interleave};
use crate::linear::DEPTH;
use crate::micro::{self, Kernel, Start, Tile};
use crate::parallel;
use crate::real::Real;
use crate::view::{MatMut, MatRef, Rectangle};

/// The largest part of `C` that one task takes: for each pass its packed parts of `A` (768 KiB)
/// and `B` (1.5 MiB) stay near the core, and packing them costs little beside using them.
const MAX_ROWS: usize = 512;
const MAX_COLS: usize = 1024;

/// The smallest part worth packing for.
const MIN_ROWS: usize = 32;
const MIN_COLS: usize = 2 * PANEL;

/// `C = alpha A B + beta C` with `A (m, k)`, `B (k, n)`, `C (m, n)`; `beta == 0` never reads `C`.
///
/// # Panics
/// If inner or outer dimensions differ.
pub fn gemm<T: Real>(alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, beta: T, c: MatMut<'_, T>) {
    assert_eq!(
        (a.cols(), a.rows(), b.cols()),
        (b.rows(), c.rows(), c.cols()),
        "gemm: k, m, n"
    );
    let kernel = micro::active();
    let (m, n) = (c.rows(), c.cols());
    let work = m * n * a.cols().max(1);
    let (height, width) = part_size(m, n, parallel::wanted_tasks(work));
    parallel::for_each(work, c.rectangles(height, width), |c| {
        multiply_part(kernel, alpha, a, b, beta, c);
    });
}

/// Rows and columns of the parts of `C`, so that there are about as many as wanted. The order of
/// every sum is the same in all of them.
fn part_size(m: usize, n: usize, wanted: usize) -> (usize, usize) {
    let (mut rows, mut cols) = (
        m.min(MAX_ROWS).next_multiple_of(ROW_BLOCK).max(ROW_BLOCK),
        n.min(MAX_COLS).next_multiple_of(PANEL).max(PANEL),
    );
    while m.div_ceil(rows) * n.div_ceil(cols) < wanted {
        if cols >= rows && cols > MIN_COLS {
            cols = (cols / 2).next_multiple_of(PANEL);
        } else if rows > MIN_ROWS {
            rows = (rows / 2).next_multiple_of(ROW_BLOCK);
        } else if cols > MIN_COLS {
            cols = (cols / 2).next_multiple_of(PANEL);
        } else {
            break;
        }
    }
    (rows, cols)
}

fn multiply_part<T: Real>(
    kernel: Kernel,
    alpha: T,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    beta: T,
    mut c: Rectangle<'_, T>,
) {
    let (m, n, k) = (c.rows.len(), c.width(), a.cols());
    let deepest = k.min(DEPTH);
    let mut packed_a = Buffer::zeros(m.next_multiple_of(ROW_BLOCK) * deepest);
    let mut packed_b = ColumnPanels::with_capacity(deepest, n);
    // Rows and columns that pad the last tiles may hold the values of a former pass: their sums are
    // not stored.
    for from in (0..k.max(1)).step_by(DEPTH) {
        let depth = from..k.min(from + DEPTH);
        let blocks = packed_a.as_chunks_mut::<ROW_BLOCK>().0;
        for (block, row) in (0..m).step_by(ROW_BLOCK).enumerate() {
            let rows = c.first_row + row..c.first_row + m.min(row + ROW_BLOCK);
            let block = &mut blocks[block * depth.len()..][..depth.len()];
            interleave(a.part(rows, depth.clone()), block);
        }
        let cols = c.first_col..c.first_col + n;
        packed_b.refill(b.part(depth.clone(), cols));
        let blocks = packed_a.as_chunks::<ROW_BLOCK>().0;
        for (panel, col) in (0..n).step_by(PANEL).enumerate() {
            let panel = packed_b.panel(panel);
            let cols = col..n.min(col + PANEL);
            for (block, rows) in c.rows.chunks_mut(ROW_BLOCK).enumerate() {
                let mut tile = Tile([[T::zero(); PANEL]; ROW_BLOCK]);
                let block = &blocks[block * depth.len()..][..depth.len()];
                T::down(kernel, block, panel, Start::Zero, &mut tile, &mut ());
                for (c, tile) in rows.iter_mut().zip(&tile.0) {
                    let beta = if from > 0 { T::one() } else { beta };
                    merge(alpha, &tile[..cols.len()], beta, &mut c[cols.clone()]);
                }
            }
        }
    }
}

/// `C = alpha tile + beta C` along one row; `beta == 0` must not read C, which may be NaN.
fn merge<T: Real>(alpha: T, tile: &[T], beta: T, c: &mut [T]) {
    if beta == T::zero() {
        for (c, &tile) in c.iter_mut().zip(tile) {
            *c = alpha * tile;
        }
    } else {
        for (c, &tile) in c.iter_mut().zip(tile) {
            *c = alpha * tile + beta * *c;
        }
    }
}
