//! Products of the rows of two packed batches, for norms of factored gradients.

use crate::layout::PackedRows;
use crate::micro::{self, Accumulate, Kernel, Operands, Tile};
use crate::parallel;
use crate::real::Real;
use crate::shape::{DEPTH, PANEL, ROW_BLOCK};
use crate::view::{MatMut, Rectangle};

/// `A Bᵀ` of `A (R, D)` and `B (S, D)`, row-major `(R, S)`. Sums run in `T` over 384 columns and in
/// `f64` beyond, since a norm may sum 57,344 of them.
pub(crate) fn gram<T: Real>(a: &PackedRows<T>, b: &PackedRows<T>) -> Vec<f64> {
    let kernel = micro::active();
    let mut out = vec![0.0; a.rows() * b.rows()];
    let tasks = MatMut::row_major(&mut out, a.rows(), b.rows()).rectangles(PANEL, PANEL);
    let work = a.rows() * b.rows() * a.cols();
    parallel::for_each(work, tasks, |out| gram_part(kernel, a, b, out));
    out
}

/// The products of at most 32 rows of `A` and 32 of `B`.
fn gram_part<T: Real>(
    kernel: Kernel,
    a: &PackedRows<T>,
    b: &PackedRows<T>,
    mut out: Rectangle<'_, f64>,
) {
    let first_a = out.first_row / ROW_BLOCK;
    let blocks_b = (out.first_col..out.first_col + out.width()).step_by(ROW_BLOCK);
    let mut panel = [[T::zero(); PANEL]; DEPTH];
    for from in (0..a.cols()).step_by(DEPTH) {
        let depth = from..a.cols().min(from + DEPTH);
        // Four blocks of B side by side make a panel.
        for (n, row) in blocks_b.clone().enumerate() {
            let block = &b.block(row / ROW_BLOCK)[depth.clone()];
            for (panel, block) in panel.iter_mut().zip(block) {
                panel[n * ROW_BLOCK..][..ROW_BLOCK].copy_from_slice(block);
            }
        }
        for (n, rows) in out.rows.chunks_mut(ROW_BLOCK).enumerate() {
            let mut tile = Tile([[T::zero(); PANEL]; ROW_BLOCK]);
            let a = &a.block(first_a + n)[depth.clone()];
            let operands = Operands {
                a,
                b: &panel,
                accumulate: Accumulate::Overwrite,
            };
            T::mul_packed(kernel, operands, &mut tile, &mut ());
            for (out, tile) in rows.iter_mut().zip(&tile.0) {
                for (out, &tile) in out.iter_mut().zip(tile) {
                    *out += tile.as_f64();
                }
            }
        }
    }
}
