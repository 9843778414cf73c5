//! General matrix product for matrices that are not kept packed.

use std::ops::Range;
use std::ptr;

use crate::buffer::Buffer;
use crate::layout::{ColumnPanels, interleave};
use crate::micro::{self, Accumulate, Interleave, Kernel, Operands, PackedOperands, Tile};
use crate::parallel;
use crate::real::Real;
use crate::shape::{CACHE_LINE, DEPTH, PANEL, ROW_BLOCK};
use crate::view::{MatMut, MatRef, Rectangle};

/// Columns of a strip of `C` that one task takes: its packed part of `B` (384 KiB a pass) stays in the
/// second-level cache.
const MAX_COLS: usize = 256;

/// Rows whose packed part of `A` fits there too.
const GROUP_ROWS: usize = 256;

/// The smallest part worth packing for.
const MIN_ROWS: usize = 32;
const MIN_COLS: usize = 2 * PANEL;

/// Elements of `A` that are packed at once, unless one pass needs more: a buffer of 4 MiB costs fewer
/// page faults than one for all of `A`, and the last cache holds it.
const PACKED_A: usize = 1 << 20;

/// `C = alpha A B + beta C` with `A (m, k)`, `B (k, n)`, `C (m, n)`; `beta == 0` never reads `C`.
///
/// # Panics
/// If inner or outer dimensions differ.
pub fn gemm<T: Real>(alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, beta: T, mut c: MatMut<'_, T>) {
    assert_eq!(
        (a.cols(), a.rows(), b.cols()),
        (b.rows(), c.rows(), c.cols()),
        "gemm: k, m, n"
    );
    let kernel = micro::active();
    let (m, n, k) = (c.rows(), c.cols(), a.cols());
    let padded = m.next_multiple_of(ROW_BLOCK);
    let deepest = (PACKED_A / padded.max(1)).max(DEPTH) / DEPTH * DEPTH;
    let mut packed = Buffer::zeros(padded * k.min(deepest));
    for from in (0..k.max(1)).step_by(deepest) {
        let depth = from..k.min(from + deepest);
        let work = m * n * depth.len().max(1);
        let (a, b) = (a.part(0..m, depth.clone()), b.part(depth, 0..n));
        let packed = &mut packed[..padded * a.cols()];
        pack_rows(kernel, alpha, a, packed);
        let packed = &*packed;
        let (height, width) = part_size(m, n, parallel::wanted_tasks(work));
        let parts = c.reborrow().rectangles(height, width);
        parallel::for_each(work, parts, |mut c| {
            let accumulate = match from {
                0 => scale(beta, &mut c),
                _ => Accumulate::Add,
            };
            multiply_part(kernel, (packed, padded), b, accumulate, c);
        });
    }
}

/// Multiplies `C` by `beta`, for the product to be added to; `beta == 0` must not read it, for it may be
/// NaN.
fn scale<T: Real>(beta: T, c: &mut Rectangle<'_, T>) -> Accumulate {
    if beta == T::zero() {
        return Accumulate::Overwrite;
    }
    if beta != T::one() {
        for row in &mut c.rows {
            row.iter_mut().for_each(|c| *c *= beta);
        }
    }
    Accumulate::Add
}

/// `packed[pass][block][step of the pass][row of the block] = alpha A`.
fn pack_rows<T: Real>(kernel: Kernel, alpha: T, a: MatRef<'_, T>, packed: &mut [T]) {
    let (m, k) = (a.rows(), a.cols());
    let padded = m.next_multiple_of(ROW_BLOCK);
    let mut tasks = Vec::new();
    for (pass, packed) in packed.chunks_mut((padded * DEPTH).max(1)).enumerate() {
        let depth = pass * DEPTH..k.min((pass + 1) * DEPTH);
        let size = MIN_ROWS * depth.len();
        for (group, packed) in packed.chunks_mut(size).enumerate() {
            tasks.push((group * MIN_ROWS, depth.clone(), packed));
        }
    }
    parallel::for_each(m * k, tasks, |(first, depth, packed)| {
        let blocks = packed.as_chunks_mut::<ROW_BLOCK>().0;
        for (n, block) in blocks.chunks_mut(depth.len()).enumerate() {
            let row = first + n * ROW_BLOCK;
            let part = a.part(row..m.min(row + ROW_BLOCK), depth.clone());
            let done = transpose_whole(kernel, part, block);
            let (rows, left) = (part.rows(), done..part.cols());
            interleave(part.part(0..rows, left), &mut block[done..]);
        }
        if alpha != T::one() {
            packed.iter_mut().for_each(|a| *a *= alpha);
        }
    });
}

/// Interleaves eight whole contiguous rows for as many columns as the kernel has instructions for;
/// returns how many were done.
fn transpose_whole<T: Real>(
    kernel: Kernel,
    rows: MatRef<'_, T>,
    out: &mut [[T; ROW_BLOCK]],
) -> usize {
    if rows.rows() < ROW_BLOCK || rows.col_stride() != 1 {
        return 0;
    }
    let row = |i: usize| &rows.data()[i * rows.row_stride()..][..rows.cols()];
    T::transpose8_rows(kernel, std::array::from_fn(row), out)
}

/// Rows and columns of the parts of `C`, so that there are about as many as wanted. The order of
/// every sum is the same in all of them.
fn part_size(m: usize, n: usize, wanted: usize) -> (usize, usize) {
    let (mut rows, mut cols) = (
        m.next_multiple_of(ROW_BLOCK).max(ROW_BLOCK),
        n.min(MAX_COLS).next_multiple_of(PANEL).max(PANEL),
    );
    while m.div_ceil(rows) * n.div_ceil(cols) < wanted {
        if cols > MIN_COLS {
            cols = (cols / 2).next_multiple_of(PANEL);
        } else if rows > MIN_ROWS {
            rows = (rows / 2).next_multiple_of(ROW_BLOCK);
        } else {
            break;
        }
    }
    (rows, cols)
}

/// A part of `C`: adds the product to it, or overwrites it.
fn multiply_part<T: Real>(
    kernel: Kernel,
    (packed, padded): (&[T], usize),
    b: MatRef<'_, T>,
    mut accumulate: Accumulate,
    mut c: Rectangle<'_, T>,
) {
    let (n, k) = (c.width(), b.rows());
    // Columns that pad the last tiles may hold the values of an earlier pass: their sums are not stored.
    let mut panels = ColumnPanels::with_capacity(k.min(DEPTH), n);
    for from in (0..k.max(1)).step_by(DEPTH) {
        let depth = from..k.min(from + DEPTH);
        let blocks = &packed[from * padded..][..padded * depth.len()];
        let blocks = blocks.as_chunks::<ROW_BLOCK>().0;
        panels.refill(b.part(depth.clone(), c.first_col..c.first_col + n));
        for (group, rows) in c.rows.chunks_mut(GROUP_ROWS).enumerate() {
            let first = (c.first_row + group * GROUP_ROWS) / ROW_BLOCK;
            let blocks = &blocks[first * depth.len()..];
            for (panel, col) in (0..n).step_by(PANEL).enumerate() {
                let panel = panels.panel(panel);
                let cols = col..n.min(col + PANEL);
                let mut below = rows.chunks_mut(ROW_BLOCK).enumerate().peekable();
                while let Some((block, rows)) = below.next() {
                    let block = &blocks[block * depth.len()..][..depth.len()];
                    let next = below.peek().map_or(&[][..], |(_, rows)| &**rows);
                    let mut next = NextTile::at(next, col);
                    let operands = Operands {
                        a: block,
                        b: panel,
                        accumulate,
                    };
                    add_tile(kernel, operands, (rows, cols.clone()), &mut next);
                }
            }
        }
        accumulate = Accumulate::Add;
    }
}

/// One tile of `C`, of at most eight rows and 32 columns.
fn add_tile<T: Real>(
    kernel: Kernel,
    operands: PackedOperands<'_, T>,
    (rows, cols): (&mut [&mut [T]], Range<usize>),
    next: &mut NextTile<T>,
) {
    if rows.len() == ROW_BLOCK && cols.len() == PANEL {
        let mut rows = rows.iter_mut();
        let mut whole = std::array::from_fn::<_, ROW_BLOCK, _>(|_| {
            let row = rows.next().expect("eight rows");
            (&mut row[cols.clone()]).try_into().expect("32 columns")
        });
        T::mul_packed(kernel, operands, &mut whole, next);
        return;
    }
    let mut tile = Tile([[T::zero(); PANEL]; ROW_BLOCK]);
    for (tile, row) in tile.0.iter_mut().zip(rows.iter()) {
        tile[..cols.len()].copy_from_slice(&row[cols.clone()]);
    }
    T::mul_packed(kernel, operands, &mut tile, next);
    for (tile, row) in tile.0.iter().zip(rows) {
        row[cols.clone()].copy_from_slice(&tile[..cols.len()]);
    }
}

/// The prefetches that a tile of `C` interleaves: the next tile, one row a tick.
struct NextTile<T> {
    rows: [*const T; ROW_BLOCK],
    row: usize,
}

impl<T> NextTile<T> {
    fn at(rows: &[&mut [T]], col: usize) -> Self {
        let row = |i: usize| rows.get(i).map_or(ptr::null(), |row| row[col..].as_ptr());
        Self {
            rows: std::array::from_fn(row),
            row: 0,
        }
    }
}

impl<T> Interleave for NextTile<T> {
    #[inline(always)]
    fn tick(&mut self) {
        if let Some(row) = self.rows.get(self.row) {
            self.row += 1;
            let line = CACHE_LINE / size_of::<T>();
            // A row that starts within a line ends in one more.
            for at in (0..=PANEL).step_by(line) {
                micro::prefetch_line::<true, T>(row.wrapping_add(at.min(PANEL - 1)));
            }
        }
    }
}
