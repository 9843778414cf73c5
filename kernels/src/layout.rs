//! The two packed layouts that every matrix product of the model streams in order.
//!
//! Both are independent of the micro-kernel in use, so parameters, moments and batches never
//! need repacking when the instruction set changes.

use crate::real::Real;
use crate::view::MatRef;

/// Rows that a [`PackedRows`] block interleaves: the height of a micro-tile.
pub const ROW_BLOCK: usize = 8;

/// Outputs that a [`Panels`] panel interleaves: the width of a micro-tile.
pub const PANEL: usize = 32;

/// A batch `(rows, cols)` packed as `[ceil(rows / 8)][cols][8]`; absent rows of the last block are 0.
///
/// The forward product reads it down `cols`, the weight gradient across rows; no other copy of a
/// batch exists.
#[derive(Clone, Debug, PartialEq)]
pub struct PackedRows<T> {
    rows: usize,
    cols: usize,
    data: Vec<T>,
}

impl<T: Real> PackedRows<T> {
    /// All zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        let data = vec![T::zero(); rows.div_ceil(ROW_BLOCK) * ROW_BLOCK * cols];
        Self { rows, cols, data }
    }

    /// Packs a matrix of any strides.
    pub fn from_view(x: MatRef<'_, T>) -> Self {
        let mut packed = Self::zeros(x.rows(), x.cols());
        for r in 0..x.rows() {
            for c in 0..x.cols() {
                let at = packed.index(r, c);
                packed.data[at] = x.get(r, c);
            }
        }
        packed
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
        &self.data
    }

    /// The packed storage; padding must stay 0.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// Where `(row, col)` stands in the storage.
    #[inline(always)]
    pub fn index(&self, row: usize, col: usize) -> usize {
        (row / ROW_BLOCK * self.cols + col) * ROW_BLOCK + row % ROW_BLOCK
    }

    /// One entry.
    #[inline(always)]
    pub fn get(&self, row: usize, col: usize) -> T {
        self.data[self.index(row, col)]
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
    data: Vec<T>,
}

impl<T: Real> Panels<T> {
    /// All zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        let data = vec![T::zero(); rows.div_ceil(PANEL) * PANEL * cols];
        Self { rows, cols, data }
    }

    /// Packs a row-major matrix.
    ///
    /// # Panics
    /// If `values.len() != rows * cols`.
    pub fn from_row_major(values: &[T], rows: usize, cols: usize) -> Self {
        assert_eq!(values.len(), rows * cols, "a {rows} × {cols} matrix");
        let mut panels = Self::zeros(rows, cols);
        for r in 0..rows {
            for c in 0..cols {
                let at = panels.index(r, c);
                panels.data[at] = values[r * cols + c];
            }
        }
        panels
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

    /// Where `(row, col)` stands in the storage.
    #[inline(always)]
    pub fn index(&self, row: usize, col: usize) -> usize {
        (row / PANEL * self.cols + col) * PANEL + row % PANEL
    }

    /// One entry.
    #[inline(always)]
    pub fn get(&self, row: usize, col: usize) -> T {
        self.data[self.index(row, col)]
    }

    /// The same matrix in row-major order, as files hold it.
    pub fn to_row_major(&self) -> Vec<T> {
        let mut out = Vec::with_capacity(self.rows * self.cols);
        for r in 0..self.rows {
            out.extend((0..self.cols).map(|c| self.get(r, c)));
        }
        out
    }
}
