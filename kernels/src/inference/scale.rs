//! Blocks of columns of a batch, each multiplied by a factor of its own in every row.

use crate::layout::PackedRows;
use crate::parallel;
use crate::shape::ROW_BLOCK;
use crate::view::MatRef;

/// Multiplies, in each row r, columns `m width .. (m + 1) width` by `factors[m](r)`: `x (B, M width)`.
/// A part whose factor is 0 becomes 0, whatever it held.
///
/// # Panics
/// If `factors` is not `(B, M)`.
pub fn scale_blocks(x: &mut PackedRows<f32>, width: usize, factors: MatRef<'_, f32>) {
    assert_eq!(
        (factors.rows(), factors.cols() * width),
        (x.rows(), x.cols()),
        "scale_blocks: one factor per row and part"
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
