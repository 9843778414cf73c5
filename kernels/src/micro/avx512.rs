//! AVX-512: the whole 8 × 32 tile lives in 16 of the 32 vector registers.

use std::arch::asm;
use std::arch::x86_64::{
    __m512, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

use super::avx512_adam::{LANES, Sums, steps_with_adam};
use super::kernel::{Interleave, MicroKernel, STEPS_PER_TICK, SimdTask, micro_kernel};
use super::prefetch::prefetch_line;
use super::tile::{Accumulate, Operands, PackedOperands, StridedOperands, Tile, TileRows};
use crate::shape::{PANEL, ROW_BLOCK};

/// Proof that the processor has AVX-512 (F, BW, DQ, VL), AVX2 and FMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx512(());

impl Avx512 {
    /// The kernel, if the processor has its instructions.
    pub fn detect() -> Option<Self> {
        let present = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma");
        present.then_some(Self(()))
    }
}

micro_kernel! { Avx512, "avx512", parts: 1 }

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn run_task<S: SimdTask>(task: S) -> S::Output {
    task.run()
}

#[target_feature(enable = "avx512f")]
fn mul_packed<R: TileRows<f32>, I: Interleave>(
    a: &[[f32; ROW_BLOCK]],
    b: &[[f32; PANEL]],
    accumulate: Accumulate,
    tile: &mut R,
    interleave: &mut I,
) {
    let depth = a.len().min(b.len());
    let (a, last_a) = a[..depth].as_chunks::<STEPS_PER_TICK>();
    let (b, last_b) = b[..depth].as_chunks::<STEPS_PER_TICK>();
    let mut sums = load_tile(accumulate, tile);
    for (a, b) in a.iter().zip(b) {
        for (a, b) in a.iter().zip(b) {
            multiply_add(&mut sums, *a, b);
        }
        interleave.tick();
    }
    for (a, b) in last_a.iter().zip(last_b) {
        multiply_add(&mut sums, *a, b);
    }
    store_tile(&sums, tile);
}

// No more features than these: with gathers of narrow vectors LLVM would load the broadcast values
// by one of them and shuffle, at half the speed.
#[target_feature(enable = "avx512f")]
fn mul_strided<const W: usize, I: Interleave>(
    operands: StridedOperands<'_, f32>,
    tile: &mut Tile<f32>,
    interleave: &mut I,
) {
    let StridedOperands { a, b, accumulate } = operands;
    let mut sums = load_tile(accumulate, tile);
    for (n, b) in b.as_chunks::<W>().0.iter().enumerate() {
        let rows: [&[f32; W]; ROW_BLOCK] = a.block::<W>(n).each_ref().map(opaque);
        // The next tile probably takes what follows the block.
        let following = a.data.as_ptr().wrapping_add(n * a.stride + ROW_BLOCK * W);
        for line in (0..ROW_BLOCK * W).step_by(LANES) {
            prefetch_line::<true, f32>(following.wrapping_add(line));
        }
        // Where there is one, Adam's slow arithmetic is spread over the whole block.
        if let (Some(rows), Ok(b)) = (whole_block(a.block::<W>(n)), b.as_slice().try_into())
            && let Some(adam) = interleave.tick_but_adam()
        {
            steps_with_adam(&mut sums, rows, b, adam);
            continue;
        }
        for (d, b) in b.iter().enumerate() {
            multiply_add(&mut sums, rows.map(|row| row[d]), b);
        }
        interleave.tick();
    }
    store_tile(&sums, tile);
}

/// A block of as many steps as are between two ticks; None for a narrower one.
#[inline(always)]
fn whole_block<const W: usize>(
    rows: &[[f32; W]; ROW_BLOCK],
) -> Option<&[[f32; STEPS_PER_TICK]; ROW_BLOCK]> {
    rows.as_flattened().as_chunks().0.try_into().ok()
}

/// The same row, with its address hidden from the compiler. If it knew that the rows of a narrow block
/// are adjacent, it would load a column by masked loads of all of them and shuffles, at half the speed
/// of eight broadcasts from memory.
#[inline(always)]
fn opaque<const W: usize>(row: &[f32; W]) -> &[f32; W] {
    let mut address: *const [f32; W] = row;
    // SAFETY: no instruction is emitted.
    unsafe {
        asm!("/* {0} */", inout(reg) address, options(pure, readonly, nostack, preserves_flags));
    }
    // SAFETY: the register has kept its value, which is a row's.
    unsafe { &*address }
}

/// `sums[i][j] += a[i] b[j]`.
#[inline]
#[target_feature(enable = "avx512f")]
fn multiply_add(sums: &mut Sums, a: [f32; ROW_BLOCK], b: &[f32; PANEL]) {
    let b = halves(b);
    let b = [load(&b[0]), load(&b[1])];
    for (sums, a) in sums.iter_mut().zip(a) {
        let a = _mm512_set1_ps(a);
        sums[0] = _mm512_fmadd_ps(a, b[0], sums[0]);
        sums[1] = _mm512_fmadd_ps(a, b[1], sums[1]);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_tile<R: TileRows<f32>>(accumulate: Accumulate, tile: &R) -> Sums {
    let mut sums = [[_mm512_setzero_ps(); PANEL / LANES]; ROW_BLOCK];
    if accumulate == Accumulate::Overwrite {
        return sums;
    }
    for (i, sums) in sums.iter_mut().enumerate() {
        let row = halves(tile.row(i));
        *sums = [load(&row[0]), load(&row[1])];
    }
    sums
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_tile<R: TileRows<f32>>(sums: &Sums, tile: &mut R) {
    for (i, sums) in sums.iter().enumerate() {
        let row = tile.row_mut(i).as_chunks_mut::<LANES>().0;
        for (sum, part) in sums.iter().zip(row) {
            // SAFETY: `part` holds 16 values.
            unsafe { _mm512_storeu_ps(part.as_mut_ptr(), *sum) };
        }
    }
}

#[inline(always)]
fn halves(row: &[f32; PANEL]) -> &[[f32; LANES]] {
    row.as_chunks::<LANES>().0
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(part: &[f32; LANES]) -> __m512 {
    // SAFETY: `part` holds 16 values.
    unsafe { _mm512_loadu_ps(part.as_ptr()) }
}
