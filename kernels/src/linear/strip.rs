//! The forward product over a range of inputs, with prefetches of what comes next.

use std::ops::Range;

use crate::layout::PackedRows;
use crate::micro::{
    self, Accumulate, Interleave, Kernel, Operands, STEPS_PER_TICK, SimdTask, Tile,
};
use crate::real::Real;
use crate::shape::{CACHE_LINE, PANEL, ROW_BLOCK};

/// What the sums of a product start from if not from 0.
#[derive(Clone, Copy)]
pub(crate) enum Init<'a, T> {
    /// One value for each output.
    Bias(&'a [T]),
    /// The sums over the inputs before these, which the rows hold.
    Partial,
}

/// What is needed next: `len` elements from each address on.
#[derive(Clone, Copy)]
pub(crate) struct Upcoming<T, const N: usize> {
    pub addresses: [*const T; N],
    pub len: usize,
}

/// A range of inputs, and their weights to the outputs of one panel.
pub(crate) struct Strip<'a, T> {
    pub x: &'a PackedRows<T>,
    /// Block of `x` that the first row of `Y` belongs to.
    pub first_block: usize,
    pub inputs: Range<usize>,
    pub weights: &'a [[T; PANEL]],
}

impl<T: Real> Strip<'_, T> {
    /// `Y = init + X Wᵀ` for columns `cols` of `rows`, in the order of the inputs; `upcoming` is prefetched
    /// into the second-level cache meanwhile.
    #[inline]
    pub fn multiply<const N: usize>(
        &self,
        kernel: Kernel,
        init: Option<Init<'_, T>>,
        rows: &mut [&mut [T]],
        cols: Range<usize>,
        upcoming: Upcoming<T, N>,
    ) {
        let blocks = rows.len().div_ceil(ROW_BLOCK);
        let ticks = (kernel.parts() * self.inputs.len() / STEPS_PER_TICK).max(1);
        let lines = |values: usize, ticks: usize| (values / Prefetch::<T, N>::LINE).div_ceil(ticks);
        let mut prefetch = Prefetch {
            near: std::ptr::null(),
            near_lines: lines(self.inputs.len() * ROW_BLOCK, ticks),
            far: upcoming.addresses,
            far_lines: lines(upcoming.len, ticks * blocks.max(1)),
        };
        let mut tile = Tile([[T::zero(); PANEL]; ROW_BLOCK]);
        for (block, rows) in rows.chunks_mut(ROW_BLOCK).enumerate() {
            let accumulate = match init {
                None => Accumulate::Overwrite,
                Some(init) => {
                    kernel.run(LoadTile {
                        init,
                        rows,
                        cols: cols.clone(),
                        tile: &mut tile,
                    });
                    Accumulate::Add
                }
            };
            let next = if block + 1 < blocks { block + 1 } else { 0 };
            let block_of = |n: usize| &self.x.block(self.first_block + n)[self.inputs.clone()];
            prefetch.near = block_of(next).as_ptr().cast();
            let operands = Operands {
                a: block_of(block),
                b: self.weights,
                accumulate,
            };
            T::mul_packed(kernel, operands, &mut tile, &mut prefetch);
            let cols = cols.clone();
            kernel.run(StoreTile {
                tile: &tile,
                rows,
                cols,
            });
        }
    }
}

/// Fills a tile with what its sums start from. A task, so that the copies are as wide as the loads of
/// the kernel that follows.
struct LoadTile<'a, 'r, T> {
    init: Init<'a, T>,
    rows: &'a [&'r mut [T]],
    cols: Range<usize>,
    tile: &'a mut Tile<T>,
}

impl<T: Real> SimdTask for LoadTile<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (tile, y) in self.tile.0.iter_mut().zip(self.rows) {
            let from = match self.init {
                Init::Bias(bias) => bias,
                Init::Partial => &y[self.cols.clone()],
            };
            copy_row(from, &mut tile[..self.cols.len()]);
        }
    }
}

/// Writes a tile's sums.
struct StoreTile<'a, 'r, T> {
    tile: &'a Tile<T>,
    rows: &'a mut [&'r mut [T]],
    cols: Range<usize>,
}

impl<T: Real> SimdTask for StoreTile<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (tile, y) in self.tile.0.iter().zip(self.rows) {
            copy_row(&tile[..self.cols.len()], &mut y[self.cols.clone()]);
        }
    }
}

/// Copies a row of a tile; a whole one goes through registers.
#[inline(always)]
fn copy_row<T: Real>(from: &[T], to: &mut [T]) {
    match (
        <&[T; PANEL]>::try_from(from),
        <&mut [T; PANEL]>::try_from(&mut *to),
    ) {
        (Ok(from), Ok(to)) => *to = *from,
        _ => to.copy_from_slice(from),
    }
}

/// The prefetches that a product interleaves: `near_lines` and `far_lines` cache lines a tick.
struct Prefetch<T, const N: usize> {
    // Into the first-level cache.
    near: *const T,
    near_lines: usize,
    // Into the second, from each address.
    far: [*const T; N],
    far_lines: usize,
}

impl<T, const N: usize> Prefetch<T, N> {
    const LINE: usize = CACHE_LINE / size_of::<T>();
}

impl<T, const N: usize> Interleave for Prefetch<T, N> {
    #[inline(always)]
    fn tick(&mut self) {
        for _ in 0..self.near_lines {
            micro::prefetch_line::<true, T>(self.near);
            self.near = self.near.wrapping_add(Self::LINE);
        }
        for _ in 0..self.far_lines {
            for far in &mut self.far {
                micro::prefetch_line::<false, T>(*far);
                *far = far.wrapping_add(Self::LINE);
            }
        }
    }
}
