//! What a micro-kernel is: the interface that each instruction set implements.

use std::fmt;

use super::adam_row::AdamRow;
use super::tile::{PackedOperands, StridedOperands, Tile, TileRows};

/// A loop that is compiled once for each instruction set: see [`MicroKernel::run`].
///
/// `run` must be `#[inline(always)]`, else it is compiled for the baseline alone.
pub trait SimdTask {
    /// What the loop returns.
    type Output;
    /// Runs the loop.
    fn run(self) -> Self::Output;
}

/// Work that a micro-kernel interleaves with a reduction, one tick after every few steps: prefetches
/// of what comes next, which would stall the processor if all were issued at once, or slow arithmetic
/// on an earlier tile, which the multiply-adds hide.
///
/// `tick` must be `#[inline(always)]`, else it is compiled for the baseline alone. It must not rely
/// on how often it is called: short reductions have fewer ticks.
pub trait Interleave {
    /// One portion of the work.
    fn tick(&mut self);

    /// In place of a tick, all of a portion but a step of Adam on 32 elements, which is left to the kernel: it can
    /// put each instruction of it where it costs least. `None`: a tick is due.
    #[inline(always)]
    fn tick_but_adam(&mut self) -> Option<AdamRow<'_>> {
        None
    }
}

/// No work.
impl Interleave for () {
    #[inline(always)]
    fn tick(&mut self) {}
}

/// Steps of a reduction between two ticks of the interleaved work.
pub const STEPS_PER_TICK: usize = 8;

/// The inner loops for one instruction set. A value of an implementing type exists only where the
/// processor has that instruction set, so every method is safe.
pub trait MicroKernel: Copy + fmt::Debug + Send + Sync {
    /// The name that [`KERNEL_VARIABLE`](super::KERNEL_VARIABLE) accepts for it.
    const NAME: &'static str;

    /// Parts of a tile, each of which passes over the whole reduction.
    const PARTS: usize;

    /// `tile[i][j] = init[i][j] + Σ_k a[k][i] b[k][j]`, over the shorter of `a` and `b`, in the order of
    /// k, with a tick after every [`STEPS_PER_TICK`] whole steps of each part. `init` is 0 or the tile,
    /// as `accumulate` says.
    fn mul_packed<R: TileRows<f32>, I: Interleave>(
        self,
        operands: PackedOperands<'_, f32>,
        tile: &mut R,
        interleave: &mut I,
    );

    /// `tile[i][j] = init[i][j] + Σ_n Σ_d a_n[i][d] b[n W + d][j]` over `b.len() / W` blocks, in that
    /// order, with a tick after each block of each part. `init` is 0 or the tile, as `accumulate` says.
    ///
    /// # Panics
    /// If a block leaves the data of `a`.
    fn mul_strided<const W: usize, I: Interleave>(
        self,
        operands: StridedOperands<'_, f32>,
        tile: &mut Tile<f32>,
        interleave: &mut I,
    );

    /// Runs a task compiled for this instruction set.
    fn run<S: SimdTask>(self, task: S) -> S::Output;
}

/// Implements [`MicroKernel`] for a proof of instructions by the functions `mul_packed`,
/// `mul_strided` and `run_task` of its file, which are compiled for those instructions. The first takes
/// its slices as parameters: as fields, LLVM would not unroll its loop.
#[cfg(target_arch = "x86_64")]
macro_rules! micro_kernel {
    ($proof:ty, $name:literal, parts: $parts:expr) => {
        impl MicroKernel for $proof {
            const NAME: &'static str = $name;
            const PARTS: usize = $parts;

            #[inline]
            fn mul_packed<R: TileRows<f32>, I: Interleave>(
                self,
                operands: PackedOperands<'_, f32>,
                tile: &mut R,
                interleave: &mut I,
            ) {
                let Operands { a, b, accumulate } = operands;
                // SAFETY: a value of this type proves that the features are there.
                unsafe { mul_packed(a, b, accumulate, tile, interleave) }
            }

            #[inline]
            fn mul_strided<const W: usize, I: Interleave>(
                self,
                operands: StridedOperands<'_, f32>,
                tile: &mut Tile<f32>,
                interleave: &mut I,
            ) {
                // SAFETY: a value of this type proves that the features are there.
                unsafe { mul_strided::<W, I>(operands, tile, interleave) }
            }

            #[inline]
            fn run<S: SimdTask>(self, task: S) -> S::Output {
                // SAFETY: a value of this type proves that the features are there.
                unsafe { run_task(task) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
pub(super) use micro_kernel;
