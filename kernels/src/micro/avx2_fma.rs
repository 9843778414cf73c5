//! AVX2 with FMA: the tile in four parts of 4 × 16, each in 8 of the 16 vector registers; 8
//! independent sums cover the latency of two fused multiply-adds a cycle.

use std::arch::x86_64::{
    __m256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
};

use super::kernel::{Interleave, MicroKernel, STEPS_PER_TICK, SimdTask, micro_kernel};
use super::tile::{Accumulate, Operands, PackedOperands, StridedOperands, Tile, TileRows};
use crate::shape::{PANEL, ROW_BLOCK};

/// Values in a vector.
const LANES: usize = 8;

/// Rows and columns of a part.
const PART_ROWS: usize = 4;
const PART_COLS: usize = 2 * LANES;

/// A part of the tile in registers.
type Sums = [[__m256; 2]; PART_ROWS];

/// Proof that the processor has AVX2 and FMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx2Fma(());

impl Avx2Fma {
    /// The kernel, if the processor has its instructions.
    pub fn detect() -> Option<Self> {
        let present = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        present.then_some(Self(()))
    }
}

micro_kernel! { Avx2Fma, "avx2", parts: (ROW_BLOCK / PART_ROWS) * (PANEL / PART_COLS) }

#[target_feature(enable = "avx2,fma")]
fn run_task<S: SimdTask>(task: S) -> S::Output {
    task.run()
}

#[target_feature(enable = "avx2,fma")]
fn mul_packed<R: TileRows<f32>, I: Interleave>(
    a: &[[f32; ROW_BLOCK]],
    b: &[[f32; PANEL]],
    accumulate: Accumulate,
    tile: &mut R,
    interleave: &mut I,
) {
    let depth = a.len().min(b.len());
    let (a, b) = (&a[..depth], &b[..depth]);
    for col in 0..PANEL / PART_COLS {
        for row in 0..ROW_BLOCK / PART_ROWS {
            let mut sums = load_part(accumulate, tile, row, col);
            for (a, b) in a.chunks(STEPS_PER_TICK).zip(b.chunks(STEPS_PER_TICK)) {
                for (a, b) in a.iter().zip(b) {
                    let a = a.as_chunks::<PART_ROWS>().0[row];
                    multiply_add(&mut sums, a, part_of(b, col));
                }
                if a.len() == STEPS_PER_TICK {
                    interleave.tick();
                }
            }
            store_part(&sums, tile, row, col);
        }
    }
}

#[target_feature(enable = "avx2,fma")]
fn mul_strided<const W: usize, I: Interleave>(
    operands: StridedOperands<'_, f32>,
    tile: &mut Tile<f32>,
    interleave: &mut I,
) {
    let StridedOperands { a, b, accumulate } = operands;
    for col in 0..PANEL / PART_COLS {
        for row in 0..ROW_BLOCK / PART_ROWS {
            let mut sums = load_part(accumulate, tile, row, col);
            for (n, b) in b.as_chunks::<W>().0.iter().enumerate() {
                let a = &a.block::<W>(n).as_chunks::<PART_ROWS>().0[row];
                for (d, b) in b.iter().enumerate() {
                    let a = [a[0][d], a[1][d], a[2][d], a[3][d]];
                    multiply_add(&mut sums, a, part_of(b, col));
                }
                interleave.tick();
            }
            store_part(&sums, tile, row, col);
        }
    }
}

/// `sums[i][j] += a[i] b[j]`.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn multiply_add(sums: &mut Sums, a: [f32; PART_ROWS], b: &[[f32; LANES]; 2]) {
    let b = [load(&b[0]), load(&b[1])];
    for (sums, a) in sums.iter_mut().zip(a) {
        let a = _mm256_set1_ps(a);
        sums[0] = _mm256_fmadd_ps(a, b[0], sums[0]);
        sums[1] = _mm256_fmadd_ps(a, b[1], sums[1]);
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load_part<R: TileRows<f32>>(accumulate: Accumulate, tile: &R, row: usize, col: usize) -> Sums {
    let mut sums = [[_mm256_setzero_ps(); 2]; PART_ROWS];
    if accumulate == Accumulate::Overwrite {
        return sums;
    }
    for (i, sums) in sums.iter_mut().enumerate() {
        let part = part_of(tile.row(row * PART_ROWS + i), col);
        *sums = [load(&part[0]), load(&part[1])];
    }
    sums
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn store_part<R: TileRows<f32>>(sums: &Sums, tile: &mut R, row: usize, col: usize) {
    for (i, sums) in sums.iter().enumerate() {
        let row = tile.row_mut(row * PART_ROWS + i);
        let part = row.as_chunks_mut::<LANES>().0[2 * col..].iter_mut();
        for (sum, part) in sums.iter().zip(part) {
            // SAFETY: `part` holds 8 values.
            unsafe { _mm256_storeu_ps(part.as_mut_ptr(), *sum) };
        }
    }
}

/// Columns `16 col .. 16 col + 16` of a row.
#[inline(always)]
fn part_of(row: &[f32; PANEL], col: usize) -> &[[f32; LANES]; 2] {
    &row.as_chunks::<LANES>().0.as_chunks::<2>().0[col]
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load(part: &[f32; LANES]) -> __m256 {
    // SAFETY: `part` holds 8 values.
    unsafe { _mm256_loadu_ps(part.as_ptr()) }
}
