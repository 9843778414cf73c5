//! A batch in which each block of columns counts in some rows only.

use super::PackedRows;
use crate::real::Real;

/// A batch `(rows, blocks · width)`, 0 outside the rows that each block of `width` columns names: what remains
/// of joined parts when each row selects a few of them. Products cost as much as the rows that are named.
#[derive(Clone, Debug)]
pub struct SelectedRows<T> {
    rows: usize,
    width: usize,
    blocks: Vec<SelectedBlock<T>>,
}

/// A block of columns in some rows of a batch.
#[derive(Clone, Debug)]
pub struct SelectedBlock<T> {
    rows: Vec<usize>,
    values: PackedRows<T>,
}

impl<T: Real> SelectedBlock<T> {
    /// Which rows of the batch, ascending, and their values `(count, width)`.
    ///
    /// # Panics
    /// If there is not one row of values for each, or they do not ascend.
    pub fn new(rows: Vec<usize>, values: PackedRows<T>) -> Self {
        assert_eq!(rows.len(), values.rows(), "one row of values for each");
        assert!(rows.is_sorted_by(|a, b| a < b), "rows in ascending order");
        Self { rows, values }
    }

    /// Which rows of the batch, ascending.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The values of these rows `(count, width)`.
    pub fn values(&self) -> &PackedRows<T> {
        &self.values
    }
}

impl<T: Real> SelectedRows<T> {
    /// A batch of so many rows.
    ///
    /// # Panics
    /// If there is no block, blocks differ in width, or a block names a row that there is not.
    pub fn new(rows: usize, blocks: Vec<SelectedBlock<T>>) -> Self {
        let width = blocks.first().expect("at least one block").values.cols();
        for block in &blocks {
            assert_eq!(block.values.cols(), width, "blocks of one width");
            assert!(block.rows.last().is_none_or(|&row| row < rows), "rows");
        }
        Self {
            rows,
            width,
            blocks,
        }
    }

    /// Rows (the batch size).
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of all blocks.
    pub fn cols(&self) -> usize {
        self.width * self.blocks.len()
    }

    /// Columns of a block.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The blocks in the order of their columns.
    pub fn blocks(&self) -> &[SelectedBlock<T>] {
        &self.blocks
    }

    /// Rows of all blocks together.
    pub(crate) fn selected(&self) -> usize {
        self.blocks.iter().map(|block| block.rows.len()).sum()
    }

    /// The same matrix with its zeros.
    pub fn to_packed(&self) -> PackedRows<T> {
        let mut packed = PackedRows::zeros(self.rows, self.cols());
        for (n, block) in self.blocks.iter().enumerate() {
            for (from, &row) in block.rows.iter().enumerate() {
                for col in 0..self.width {
                    let to = packed.index(row, n * self.width + col);
                    packed.as_mut_slice()[to] = block.values.get(from, col);
                }
            }
        }
        packed
    }
}
