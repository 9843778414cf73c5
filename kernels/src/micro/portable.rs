//! Plain Rust that the compiler vectorises: the kernel of processors without one of their own, and
//! of `f64` on all.

use super::{Beside, Blocks, MicroKernel, Pass, STEPS_PER_SHARE, Start, Tile, TileRows};
use crate::layout::{PANEL, ROW_BLOCK};
use crate::real::Real;

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

    fn down<R: TileRows<f32>, B: Beside>(
        self,
        a: &[[f32; ROW_BLOCK]],
        b: &[[f32; PANEL]],
        start: Start,
        tile: &mut R,
        beside: &mut B,
    ) {
        Down::<_, _, _, BASELINE_FUSES, SUB_COLS> {
            a,
            b,
            start,
            tile,
            beside,
        }
        .run();
    }

    fn across<const W: usize, B: Beside>(
        self,
        a: Blocks<'_, f32>,
        b: &[[f32; PANEL]],
        start: Start,
        tile: &mut Tile<f32>,
        beside: &mut B,
    ) {
        Across::<_, _, BASELINE_FUSES, W, SUB_COLS> {
            a,
            b,
            start,
            tile,
            beside,
        }
        .run();
    }

    fn run<P: Pass>(self, pass: P) -> P::Output {
        pass.run()
    }
}

/// [`MicroKernel::down`] for any scalar, in parts of 4 × `C` sums.
pub(crate) struct Down<'a, T, R, B, const FUSES: bool, const C: usize> {
    pub(crate) a: &'a [[T; ROW_BLOCK]],
    pub(crate) b: &'a [[T; PANEL]],
    pub(crate) start: Start,
    pub(crate) tile: &'a mut R,
    pub(crate) beside: &'a mut B,
}

impl<T: Real, R: TileRows<T>, B: Beside, const FUSES: bool, const C: usize> Pass
    for Down<'_, T, R, B, FUSES, C>
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let depth = self.a.len().min(self.b.len());
        let (a, b) = (&self.a[..depth], &self.b[..depth]);
        for row in (0..ROW_BLOCK).step_by(SUB_ROWS) {
            for col in (0..PANEL).step_by(C) {
                let mut part = load::<T, R, C>(self.start, self.tile, row, col);
                let groups = a.chunks(STEPS_PER_SHARE).zip(b.chunks(STEPS_PER_SHARE));
                for (a, b) in groups {
                    for (a, b) in a.iter().zip(b) {
                        let b = &b.as_chunks::<C>().0[col / C];
                        let a = &a.as_chunks::<SUB_ROWS>().0[row / SUB_ROWS];
                        multiply_add::<T, FUSES, C>(&mut part, *a, *b);
                    }
                    if a.len() == STEPS_PER_SHARE {
                        self.beside.share();
                    }
                }
                store(self.tile, row, col, &part);
            }
        }
    }
}

/// [`MicroKernel::across`] for any scalar.
pub(crate) struct Across<'a, T, B, const FUSES: bool, const W: usize, const C: usize> {
    pub(crate) a: Blocks<'a, T>,
    pub(crate) b: &'a [[T; PANEL]],
    pub(crate) start: Start,
    pub(crate) tile: &'a mut Tile<T>,
    pub(crate) beside: &'a mut B,
}

impl<T: Real, B: Beside, const FUSES: bool, const W: usize, const C: usize> Pass
    for Across<'_, T, B, FUSES, W, C>
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for row in (0..ROW_BLOCK).step_by(SUB_ROWS) {
            for col in (0..PANEL).step_by(C) {
                let mut part = load::<T, _, C>(self.start, self.tile, row, col);
                for (n, b) in self.b.as_chunks::<W>().0.iter().enumerate() {
                    let a = self.a.block::<W>(n);
                    for (d, b) in b.iter().enumerate() {
                        let b = &b.as_chunks::<C>().0[col / C];
                        let a = [a[row][d], a[row + 1][d], a[row + 2][d], a[row + 3][d]];
                        multiply_add::<T, FUSES, C>(&mut part, a, *b);
                    }
                    self.beside.share();
                }
                store(self.tile, row, col, &part);
            }
        }
    }
}

/// `part[i][j] += a[i] b[j]`.
#[inline(always)]
fn multiply_add<T: Real, const FUSES: bool, const C: usize>(
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
fn load<T: Real, R: TileRows<T>, const C: usize>(
    start: Start,
    tile: &R,
    row: usize,
    col: usize,
) -> [[T; C]; SUB_ROWS] {
    let mut part = [[T::zero(); C]; SUB_ROWS];
    if start == Start::Zero {
        return part;
    }
    for (i, part) in part.iter_mut().enumerate() {
        part.copy_from_slice(&tile.row(row + i)[col..col + C]);
    }
    part
}

#[inline(always)]
fn store<T: Real, R: TileRows<T>, const C: usize>(
    tile: &mut R,
    row: usize,
    col: usize,
    part: &[[T; C]; SUB_ROWS],
) {
    for (i, part) in part.iter().enumerate() {
        tile.row_mut(row + i)[col..col + C].copy_from_slice(part);
    }
}
