//! Plain Rust that the compiler vectorises: the kernel of processors without one of their own, and
//! of `f64` on all.

use num_traits::Float;

use super::kernel::{Interleave, MicroKernel, STEPS_PER_TICK, SimdTask};
use super::tile::{Accumulate, PackedOperands, StridedOperands, Tile, TileRows};
use crate::shape::{PANEL, ROW_BLOCK};

/// Rows of the part of a tile that is summed at once.
const SUB_ROWS: usize = 4;

/// Columns of that part: 4 × 8 sums fill half of the 16 vector registers of SSE2; NEON has 32.
const SUB_COLS: usize = if cfg!(target_arch = "aarch64") { 16 } else { 8 };

/// Whether the baseline of the target has a fused multiply-add; without it `mul_add` is a slow
/// library call.
pub(crate) const BASELINE_FUSES: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

/// The portable kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portable;

impl MicroKernel for Portable {
    const NAME: &'static str = "portable";
    const PARTS: usize = (ROW_BLOCK / SUB_ROWS) * (PANEL / SUB_COLS);

    fn mul_packed<R: TileRows<f32>, I: Interleave>(
        self,
        operands: PackedOperands<'_, f32>,
        tile: &mut R,
        interleave: &mut I,
    ) {
        MulPacked::<_, _, _, BASELINE_FUSES, SUB_COLS>(operands, tile, interleave).run();
    }

    fn mul_strided<const W: usize, I: Interleave>(
        self,
        operands: StridedOperands<'_, f32>,
        tile: &mut Tile<f32>,
        interleave: &mut I,
    ) {
        MulStrided::<_, _, BASELINE_FUSES, W, SUB_COLS>(operands, tile, interleave).run();
    }

    fn run<S: SimdTask>(self, task: S) -> S::Output {
        task.run()
    }
}

/// [`MicroKernel::mul_packed`] for any scalar, in parts of 4 × `C` sums.
pub(crate) struct MulPacked<'a, T, R, I, const FUSES: bool, const C: usize>(
    pub(crate) PackedOperands<'a, T>,
    pub(crate) &'a mut R,
    pub(crate) &'a mut I,
);

impl<T: Float, R: TileRows<T>, I: Interleave, const FUSES: bool, const C: usize> SimdTask
    for MulPacked<'_, T, R, I, FUSES, C>
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self(PackedOperands { a, b, accumulate }, tile, interleave) = self;
        let depth = a.len().min(b.len());
        let (a, b) = (&a[..depth], &b[..depth]);
        for row in (0..ROW_BLOCK).step_by(SUB_ROWS) {
            for col in (0..PANEL).step_by(C) {
                let mut part = load::<T, R, C>(accumulate, tile, row, col);
                for (a, b) in a.chunks(STEPS_PER_TICK).zip(b.chunks(STEPS_PER_TICK)) {
                    for (a, b) in a.iter().zip(b) {
                        let b = &b.as_chunks::<C>().0[col / C];
                        let a = &a.as_chunks::<SUB_ROWS>().0[row / SUB_ROWS];
                        multiply_add::<T, FUSES, C>(&mut part, *a, *b);
                    }
                    if a.len() == STEPS_PER_TICK {
                        interleave.tick();
                    }
                }
                store(tile, row, col, &part);
            }
        }
    }
}

/// [`MicroKernel::mul_strided`] for any scalar.
pub(crate) struct MulStrided<'a, T, I, const FUSES: bool, const W: usize, const C: usize>(
    pub(crate) StridedOperands<'a, T>,
    pub(crate) &'a mut Tile<T>,
    pub(crate) &'a mut I,
);

impl<T: Float, I: Interleave, const FUSES: bool, const W: usize, const C: usize> SimdTask
    for MulStrided<'_, T, I, FUSES, W, C>
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self(operands, tile, interleave) = self;
        for row in (0..ROW_BLOCK).step_by(SUB_ROWS) {
            for col in (0..PANEL).step_by(C) {
                let mut part = load::<T, _, C>(operands.accumulate, tile, row, col);
                for (n, b) in operands.b.as_chunks::<W>().0.iter().enumerate() {
                    let a = operands.a.block::<W>(n);
                    for (d, b) in b.iter().enumerate() {
                        let b = &b.as_chunks::<C>().0[col / C];
                        let a = [a[row][d], a[row + 1][d], a[row + 2][d], a[row + 3][d]];
                        multiply_add::<T, FUSES, C>(&mut part, a, *b);
                    }
                    interleave.tick();
                }
                store(tile, row, col, &part);
            }
        }
    }
}

/// `part[i][j] += a[i] b[j]`.
#[inline(always)]
fn multiply_add<T: Float, const FUSES: bool, const C: usize>(
    part: &mut [[T; C]; SUB_ROWS],
    a: [T; SUB_ROWS],
    b: [T; C],
) {
    for (sums, a) in part.iter_mut().zip(a) {
        for (sum, b) in sums.iter_mut().zip(b) {
            *sum = if FUSES {
                a.mul_add(b, *sum)
            } else {
                *sum + a * b
            };
        }
    }
}

#[inline(always)]
fn load<T: Float, R: TileRows<T>, const C: usize>(
    accumulate: Accumulate,
    tile: &R,
    row: usize,
    col: usize,
) -> [[T; C]; SUB_ROWS] {
    let mut part = [[T::zero(); C]; SUB_ROWS];
    if accumulate == Accumulate::Overwrite {
        return part;
    }
    for (i, part) in part.iter_mut().enumerate() {
        part.copy_from_slice(&tile.row(row + i)[col..col + C]);
    }
    part
}

#[inline(always)]
fn store<T: Float, R: TileRows<T>, const C: usize>(
    tile: &mut R,
    row: usize,
    col: usize,
    part: &[[T; C]; SUB_ROWS],
) {
    for (i, part) in part.iter().enumerate() {
        tile.row_mut(row + i)[col..col + C].copy_from_slice(part);
    }
}
