//! The forward product along a stretch of inputs, and what arrives in the caches meanwhile.

use std::ops::Range;

use crate::buffer::ALIGNMENT;
use crate::layout::{PANEL, PackedRows, ROW_BLOCK};
use crate::micro::{self, Beside, Kernel, Pass, STEPS_PER_SHARE, Start, Tile};
use crate::real::Real;

/// What the sums of a product start from, where that is not 0.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'a, T> {
    /// One value for each output.
    Bias(&'a [T]),
    /// What the rows hold: the sums over the inputs before these.
    Sums,
}

/// A stretch of inputs, and their weights to the outputs of one panel.
pub(crate) struct Strip<'a, T> {
    pub x: &'a PackedRows<T>,
    /// Block of `x` that the first row of `Y` belongs to.
    pub first_block: usize,
    pub inputs: Range<usize>,
    pub weights: &'a [[T; PANEL]],
}

impl<T: Real> Strip<'_, T> {
    /// `Y += X Wᵀ` for columns `cols` of `rows`, in the order of the inputs. Meanwhile so many elements
    /// from each place of `far` on arrive in the second-level cache.
    #[inline]
    pub fn multiply<const N: usize>(
        &self,
        kernel: Kernel,
        origin: Option<Origin<'_, T>>,
        rows: &mut [&mut [T]],
        cols: Range<usize>,
        far: [*const T; N],
        far_len: usize,
    ) {
        let blocks = rows.len().div_ceil(ROW_BLOCK);
        let shares = (kernel.parts() * self.inputs.len() / STEPS_PER_SHARE).max(1);
        let lines =
            |values: usize, shares: usize| (values / Arriving::<T, N>::LINE).div_ceil(shares);
        let mut arriving = Arriving {
            near: std::ptr::null(),
            near_lines: lines(self.inputs.len() * ROW_BLOCK, shares),
            far,
            far_lines: lines(far_len, shares * blocks.max(1)),
        };
        let mut tile = Tile([[T::zero(); PANEL]; ROW_BLOCK]);
        for (block, rows) in rows.chunks_mut(ROW_BLOCK).enumerate() {
            let start = match origin {
                None => Start::Zero,
                Some(origin) => {
                    kernel.run(Begin {
                        origin,
                        rows,
                        cols: cols.clone(),
                        tile: &mut tile,
                    });
                    Start::Tile
                }
            };
            let next = if block + 1 < blocks { block + 1 } else { 0 };
            let block_of = |n: usize| &self.x.block(self.first_block + n)[self.inputs.clone()];
            arriving.near = block_of(next).as_ptr().cast();
            T::down(
                kernel,
                block_of(block),
                self.weights,
                start,
                &mut tile,
                &mut arriving,
            );
            let cols = cols.clone();
            kernel.run(End {
                tile: &tile,
                rows,
                cols,
            });
        }
    }
}

/// Fills a tile with what its sums start from. A pass, so that the copies are as wide as the loads of
/// the kernel that comes next.
struct Begin<'a, 'r, T> {
    origin: Origin<'a, T>,
    rows: &'a [&'r mut [T]],
    cols: Range<usize>,
    tile: &'a mut Tile<T>,
}

impl<T: Real> Pass for Begin<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (tile, y) in self.tile.0.iter_mut().zip(self.rows) {
            let from = match self.origin {
                Origin::Bias(bias) => bias,
                Origin::Sums => &y[self.cols.clone()],
            };
            copy_row(from, &mut tile[..self.cols.len()]);
        }
    }
}

/// Writes a tile's sums.
struct End<'a, 'r, T> {
    tile: &'a Tile<T>,
    rows: &'a mut [&'r mut [T]],
    cols: Range<usize>,
}

impl<T: Real> Pass for End<'_, '_, T> {
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

/// What is prefetched beside a product: so many cache lines a share.
struct Arriving<T, const N: usize> {
    // Into the first-level cache.
    near: *const T,
    near_lines: usize,
    // Into the second, from each place.
    far: [*const T; N],
    far_lines: usize,
}

impl<T, const N: usize> Arriving<T, N> {
    const LINE: usize = ALIGNMENT / size_of::<T>();
}

impl<T, const N: usize> Beside for Arriving<T, N> {
    #[inline(always)]
    fn share(&mut self) {
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
