//! What a micro-kernel multiplies and where its sums go.

use crate::shape::{PANEL, ROW_BLOCK};

/// The sums that a micro-kernel holds in registers, `[8][32]`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
pub struct Tile<T>(pub [[T; PANEL]; ROW_BLOCK]);

/// Eight rows of 32 sums: a [`Tile`], or rows of a matrix.
pub trait TileRows<T> {
    /// Row `i` of 8.
    fn row(&self, i: usize) -> &[T; PANEL];
    /// Row `i` of 8.
    fn row_mut(&mut self, i: usize) -> &mut [T; PANEL];
}

impl<T> TileRows<T> for Tile<T> {
    #[inline(always)]
    fn row(&self, i: usize) -> &[T; PANEL] {
        &self.0[i]
    }

    #[inline(always)]
    fn row_mut(&mut self, i: usize) -> &mut [T; PANEL] {
        &mut self.0[i]
    }
}

impl<T> TileRows<T> for [&mut [T; PANEL]; ROW_BLOCK] {
    #[inline(always)]
    fn row(&self, i: usize) -> &[T; PANEL] {
        self[i]
    }

    #[inline(always)]
    fn row_mut(&mut self, i: usize) -> &mut [T; PANEL] {
        self[i]
    }
}

/// What the sums of a reduction start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accumulate {
    /// Zero. The tile is written and never read: zeros just stored by narrower vectors than the
    /// kernel's would stall its loads until they are in the cache.
    Overwrite,
    /// The values in the tile.
    Add,
}

/// Blocks `[8][W]` that start `stride` elements apart in `data`.
#[derive(Clone, Copy, Debug)]
pub struct Blocks<'a, T> {
    /// Holds the blocks, beginning with the first.
    pub data: &'a [T],
    /// From the start of one block to that of the next, in elements.
    pub stride: usize,
}

impl<'a, T> Blocks<'a, T> {
    /// Block `index`.
    ///
    /// # Panics
    /// If the block leaves the data.
    #[inline(always)]
    pub fn block<const W: usize>(self, index: usize) -> &'a [[T; W]; ROW_BLOCK] {
        let block = &self.data[index * self.stride..][..ROW_BLOCK * W];
        block
            .as_chunks::<W>()
            .0
            .try_into()
            .expect("8 rows of W elements")
    }
}

/// The operands of a reduction, with `A` the layout of `a`.
#[derive(Clone, Copy, Debug)]
pub struct Operands<'a, T, A> {
    /// Eight values for each step.
    pub a: A,
    /// 32 values for each step.
    pub b: &'a [[T; PANEL]],
    /// What the sums start from.
    pub accumulate: Accumulate,
}

/// Operands of [`mul_packed`](super::MicroKernel::mul_packed): the eight values of a step are
/// contiguous.
pub type PackedOperands<'a, T> = Operands<'a, T, &'a [[T; ROW_BLOCK]]>;

/// Operands of [`mul_strided`](super::MicroKernel::mul_strided): the eight values of a step are one
/// column of a block.
pub type StridedOperands<'a, T> = Operands<'a, T, Blocks<'a, T>>;
