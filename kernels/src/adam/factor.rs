//! The factors of a weight's gradient.

use std::borrow::Cow;

use crate::layout::{ColumnPanels, PackedRows, SelectedRows};
use crate::linear::gather;
use crate::parallel;
use crate::real::Real;
use crate::shape::ROW_BLOCK;
use crate::view::MatRef;

/// One factor pair of a weight gradient `dYᵀ X`.
#[derive(Clone, Copy, Debug)]
pub struct Factor<'a, T> {
    /// `(B, outputs)`.
    pub dy: MatRef<'a, T>,
    /// `(B, inputs)`.
    pub x: FactorInput<'a, T>,
}

/// The input of a layer.
#[derive(Clone, Copy, Debug)]
pub enum FactorInput<'a, T> {
    /// All rows of all columns.
    Packed(&'a PackedRows<T>),
    /// Blocks of columns that count in some rows only.
    Selected(&'a SelectedRows<T>),
}

impl<'a, T: Real> FactorInput<'a, T> {
    /// Rows (the batch size).
    pub fn rows(&self) -> usize {
        match self {
            FactorInput::Packed(x) => x.rows(),
            FactorInput::Selected(x) => x.rows(),
        }
    }

    /// Columns.
    pub fn cols(&self) -> usize {
        match self {
            FactorInput::Packed(x) => x.cols(),
            FactorInput::Selected(x) => x.cols(),
        }
    }

    /// All rows of all columns, zeros included.
    pub fn to_packed(self) -> Cow<'a, PackedRows<T>> {
        match self {
            FactorInput::Packed(x) => Cow::Borrowed(x),
            FactorInput::Selected(x) => Cow::Owned(x.to_packed()),
        }
    }
}

/// The factors by blocks of inputs, so that each block has those rows only that count there.
pub(super) struct FactorBlocks<'a, T: Real> {
    /// Inputs of a block.
    pub width: usize,
    /// For each block the factors of its part of the gradient.
    pub blocks: Vec<Vec<BlockFactor<'a, T>>>,
}

/// dY and X in the rows that count.
pub(super) struct BlockFactor<'a, T: Real> {
    pub dy: ColumnPanels<T>,
    pub x: Cow<'a, PackedRows<T>>,
}

impl<'a, T: Real> FactorBlocks<'a, T> {
    /// Those of a weight with so many inputs.
    pub fn new(factors: &[Factor<'a, T>], inputs: usize) -> Self {
        if let [
            Factor {
                dy,
                x: FactorInput::Selected(x),
            },
        ] = *factors
        {
            return Self::selected(dy, x);
        }
        // Factors that select different rows have no blocks in common.
        let factors = factors.iter().filter(|factor| factor.x.rows() > 0);
        let whole = factors.map(|factor| BlockFactor {
            dy: ColumnPanels::pack(factor.dy, ROW_BLOCK),
            x: factor.x.to_packed(),
        });
        Self {
            width: inputs,
            blocks: vec![whole.collect()],
        }
    }

    fn selected(dy: MatRef<'a, T>, x: &'a SelectedRows<T>) -> Self {
        let work = x.selected() * dy.cols();
        let blocks = parallel::map(work, x.blocks().iter().collect(), |block| {
            let rows = block.rows();
            if rows.is_empty() {
                return Vec::new();
            }
            let dy_rows = gather(dy, rows);
            let dy = MatRef::row_major(&dy_rows, rows.len(), dy.cols());
            vec![BlockFactor {
                dy: ColumnPanels::pack(dy, ROW_BLOCK),
                x: Cow::Borrowed(block.values()),
            }]
        });
        Self {
            width: x.width(),
            blocks,
        }
    }

    /// Rows behind an entry of the gradient, on average.
    pub fn depth(&self) -> usize {
        let rows = self.blocks.iter().flatten().map(|factor| factor.x.rows());
        rows.sum::<usize>().div_ceil(self.blocks.len())
    }
}
