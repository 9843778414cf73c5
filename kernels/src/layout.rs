//! The packed layouts that every matrix product of the model streams in order.
//!
//! They are independent of the micro-kernel in use, so parameters, moments and batches never
//! need repacking when the instruction set changes.

mod selected;

use crate::buffer::Buffer;
use crate::parallel;
use crate::real::Real;
use crate::view::MatRef;

pub use crate::shape::{PANEL, ROW_BLOCK};
pub use selected::{SelectedBlock, SelectedRows};

/// A batch `(rows, cols)` packed as `[ceil(rows / 8)][cols][8]`; absent rows of the last block are 0.
///
/// The forward product reads it down `cols`, the weight gradient across rows; no other copy of a
/// batch exists.
#[derive(Clone, Debug)]
pub struct PackedRows<T> {
    rows: usize,
    cols: usize,
    // May have room for more rows.
    data: Buffer<T>,
}

impl<T: Real> PartialEq for PackedRows<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.rows, self.cols) == (other.rows, other.cols) && self.as_slice() == other.as_slice()
    }
}

impl<T: Real> PackedRows<T> {
    /// All zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        let data = Buffer::zeros(rows.div_ceil(ROW_BLOCK) * ROW_BLOCK * cols);
        Self { rows, cols, data }
    }

    /// Packs a matrix of any strides.
    pub fn from_view(x: MatRef<'_, T>) -> Self {
        let (rows, cols) = (x.rows(), x.cols());
        let mut packed = Self::zeros(rows, cols);
        let blocks = packed.data.as_chunks_mut::<ROW_BLOCK>().0;
        let tasks = blocks.chunks_mut(cols.max(1)).enumerate().collect();
        parallel::for_each(rows * cols, tasks, |(n, block)| {
            let first = n * ROW_BLOCK;
            interleave(x.part(first..rows.min(first + ROW_BLOCK), 0..cols), block);
        });
        packed
    }

    /// Takes another number of rows, all zeros, if the memory that it had at first has room for them:
    /// the last batch of an epoch is shorter, and giving memory back for it would leave holes.
    pub fn reset(&mut self, rows: usize) -> bool {
        let len = rows.div_ceil(ROW_BLOCK) * ROW_BLOCK * self.cols;
        let fits = len <= self.data.len();
        if fits {
            self.rows = rows;
            self.as_mut_slice().fill(T::zero());
        }
        fits
    }

    /// Rows (the batch size), without padding.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The packed storage, `[ceil(rows / 8)][cols][8]`.
    pub fn as_slice(&self) -> &[T] {
        &self.data[..self.rows.div_ceil(ROW_BLOCK) * ROW_BLOCK * self.cols]
    }

    /// The packed storage; padding must stay 0.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.data[..self.rows.div_ceil(ROW_BLOCK) * ROW_BLOCK * self.cols]
    }

    /// Index of `(row, col)` in the storage.
    #[inline(always)]
    pub fn index(&self, row: usize, col: usize) -> usize {
        (row / ROW_BLOCK * self.cols + col) * ROW_BLOCK + row % ROW_BLOCK
    }

    /// One entry.
    #[inline(always)]
    pub fn get(&self, row: usize, col: usize) -> T {
        self.data[self.index(row, col)]
    }

    /// The values of a row.
    pub fn row(&self, row: usize) -> Vec<T> {
        (0..self.cols).map(|c| self.get(row, c)).collect()
    }

    /// Replaces the values of a row.
    ///
    /// # Panics
    /// If there is no such row, or it has another number of values.
    pub fn set_row(&mut self, row: usize, values: &[T]) {
        assert_eq!(values.len(), self.cols, "one value per column");
        assert!(row < self.rows, "row {row} of {}", self.rows);
        for (c, value) in values.iter().enumerate() {
            let at = self.index(row, c);
            self.data[at] = *value;
        }
    }

    /// Block `n`: rows `8 n .. 8 n + 8`, `[cols][8]`.
    #[inline(always)]
    pub(crate) fn block(&self, n: usize) -> &[[T; ROW_BLOCK]] {
        &self.data.as_chunks::<ROW_BLOCK>().0[n * self.cols..][..self.cols]
    }

    /// The same matrix in row-major order.
    pub fn to_row_major(&self) -> Vec<T> {
        let mut out = Vec::with_capacity(self.rows * self.cols);
        for r in 0..self.rows {
            out.extend((0..self.cols).map(|c| self.get(r, c)));
        }
        out
    }
}

/// A weight matrix `(rows, cols)` = (outputs, inputs) packed as `[ceil(rows / 32)][cols][32]`;
/// absent outputs of the last panel are 0 and stay 0 under Adam.
#[derive(Clone, Debug, PartialEq)]
pub struct Panels<T> {
    rows: usize,
    cols: usize,
    data: Buffer<T>,
}

impl<T: Real> Panels<T> {
    /// All zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        let data = Buffer::zeros(rows.div_ceil(PANEL) * PANEL * cols);
        Self { rows, cols, data }
    }

    /// Packs a row-major matrix.
    ///
    /// # Panics
    /// If `values.len() != rows * cols`.
    pub fn from_row_major(values: &[T], rows: usize, cols: usize) -> Self {
        assert_eq!(values.len(), rows * cols, "a {rows} × {cols} matrix");
        let mut panels = Self::zeros(rows, cols);
        let w = MatRef::row_major(values, rows, cols);
        let tasks = panels.data.as_chunks_mut::<PANEL>().0;
        let tasks = tasks.chunks_mut(cols.max(1)).enumerate().collect();
        parallel::for_each(values.len(), tasks, |(n, panel)| {
            let first = n * PANEL;
            interleave(w.part(first..rows.min(first + PANEL), 0..cols), panel);
        });
        panels
    }

    /// Packs a matrix in the place of this one, some of its rows at a time: `read` puts the rows from
    /// the given one on into a row-major slice `(up to 32, cols)`.
    ///
    /// # Errors
    /// The first that `read` gives, in the order of the rows; the matrix is then undefined.
    pub fn fill<E: Send>(
        &mut self,
        read: impl Fn(usize, &mut [T]) -> Result<(), E> + Send + Sync,
    ) -> Result<(), E> {
        let (rows, cols) = (self.rows, self.cols);
        let panels = self.data.as_chunks_mut::<PANEL>().0;
        let panels: Vec<_> = panels.chunks_mut(cols.max(1)).enumerate().collect();
        let filled = parallel::map(rows * cols, panels, |(n, panel)| {
            let first = n * PANEL;
            let count = PANEL.min(rows - first);
            let mut values = vec![T::zero(); count * cols];
            read(first, &mut values)?;
            interleave(MatRef::row_major(&values, count, cols), panel);
            Ok(())
        });
        filled.into_iter().collect()
    }

    /// Outputs, without padding.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The packed storage, `[ceil(rows / 32)][cols][32]`.
    pub fn as_slice(&self) -> &[T] {
        &self.data
    }

    /// The packed storage; padding must stay 0.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// Index of `(row, col)` in the storage.
    #[inline(always)]
    pub fn index(&self, row: usize, col: usize) -> usize {
        (row / PANEL * self.cols + col) * PANEL + row % PANEL
    }

    /// One entry.
    #[inline(always)]
    pub fn get(&self, row: usize, col: usize) -> T {
        self.data[self.index(row, col)]
    }

    /// Panel `n`: the inputs' weights for outputs `32 n .. 32 n + 32`, `[cols][32]`.
    #[inline(always)]
    pub(crate) fn panel(&self, n: usize) -> &[[T; PANEL]] {
        &self.data.as_chunks::<PANEL>().0[n * self.cols..][..self.cols]
    }

    /// The same matrix in row-major order, as files hold it.
    pub fn to_row_major(&self) -> Vec<T> {
        let mut out = vec![T::zero(); self.rows * self.cols];
        let tasks = out.chunks_mut((PANEL * self.cols).max(1)).enumerate();
        parallel::for_each(self.data.len(), tasks.collect(), |(n, rows)| {
            self.panel_rows(n, rows);
        });
        out
    }

    /// The rows of panel `n`, row-major: rows `32 n .. 32 n + 32`, or as many as there are.
    ///
    /// # Panics
    /// If there is no such panel.
    pub fn panel_rows(&self, n: usize, rows: &mut [T]) {
        // Rows are written side by side while their part of the panel is in the cache.
        for (start, part) in self.panel(n).chunks(CACHED_ROWS).enumerate() {
            for (r, row) in rows.chunks_mut(self.cols).take(PANEL).enumerate() {
                for (value, w) in row[start * CACHED_ROWS..].iter_mut().zip(part) {
                    *value = w[r];
                }
            }
        }
    }
}

/// Rows of a panel that are transposed at once: one cache line of each of the 32 columns.
const CACHED_ROWS: usize = 16;

/// `out[c][i] = x(i, c)`; entries beyond the rows of `x` keep their values.
///
/// # Panics
/// If `x` has more than `N` rows or not `out.len()` columns.
pub(crate) fn interleave<T: Real, const N: usize>(x: MatRef<'_, T>, out: &mut [[T; N]]) {
    let rows = x.rows();
    assert!(rows <= N && x.cols() == out.len(), "one column for each");
    if rows == 0 {
        return;
    }
    if x.row_stride() == 1 {
        for (c, out) in out.iter_mut().enumerate() {
            out[..rows].copy_from_slice(&x.data()[c * x.col_stride()..][..rows]);
        }
        return;
    }
    for (n, out) in out.chunks_mut(CACHED_ROWS).enumerate() {
        for i in 0..rows {
            let start = i * x.row_stride() + n * CACHED_ROWS * x.col_stride();
            let row = x.data()[start..].iter().step_by(x.col_stride().max(1));
            if x.col_stride() == 0 {
                out.iter_mut().for_each(|out| out[i] = x.data()[start]);
            } else {
                out.iter_mut().zip(row).for_each(|(out, &x)| out[i] = x);
            }
        }
    }
}

/// A matrix `(rows, cols)` packed as `[ceil(cols / 32)][depth][32]`, where `depth` is `rows` rounded
/// up: the streamed operand of a tile. Absent rows and columns are 0.
pub(crate) struct ColumnPanels<T> {
    depth: usize,
    data: Buffer<T>,
}

impl<T: Real> ColumnPanels<T> {
    /// Packs a matrix of any strides, with its rows rounded up to a multiple of `round`.
    pub(crate) fn pack(x: MatRef<'_, T>, round: usize) -> Self {
        let mut panels = Self::with_capacity(x.rows().next_multiple_of(round), x.cols());
        panels.write(x);
        panels
    }

    /// Room for a matrix of that size.
    pub(crate) fn with_capacity(depth: usize, cols: usize) -> Self {
        Self {
            depth,
            data: Buffer::zeros(depth * cols.next_multiple_of(PANEL)),
        }
    }

    /// Packs another matrix, that must not be larger than the room; absent columns keep what was
    /// there before.
    pub(crate) fn refill(&mut self, x: MatRef<'_, T>) {
        self.depth = x.rows();
        self.write(x);
    }

    fn write(&mut self, x: MatRef<'_, T>) {
        let (rows, cols) = (x.rows(), x.cols());
        let panels = self.data.as_chunks_mut::<PANEL>().0;
        if x.col_stride() == 1 && cols > 0 {
            for r in 0..rows {
                let row = &x.data()[r * x.row_stride()..][..cols];
                let (whole, last) = row.as_chunks::<PANEL>();
                let mut places = panels[r..].chunks_mut(self.depth);
                for (part, place) in whole.iter().zip(places.by_ref()) {
                    place[0] = *part;
                }
                if let Some(place) = places.next().filter(|_| !last.is_empty()) {
                    place[0][..last.len()].copy_from_slice(last);
                }
            }
            return;
        }
        for (n, first) in (0..cols).step_by(PANEL).enumerate() {
            let last = cols.min(first + PANEL);
            let panel = &mut panels[n * self.depth..][..rows];
            interleave(x.part(0..rows, first..last).transposed(), panel);
        }
    }

    /// Panel `n`, `[depth][32]`.
    #[inline(always)]
    pub(crate) fn panel(&self, n: usize) -> &[[T; PANEL]] {
        &self.data.as_chunks::<PANEL>().0[n * self.depth..][..self.depth]
    }
}
