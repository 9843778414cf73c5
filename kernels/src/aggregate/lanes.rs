//! Vectors of values of neighbouring columns, of every instruction set: what a sorting network asks
//! of them is the smaller and the larger of two.

use crate::micro::{MicroKernel, Portable};
use crate::real::Real;

/// Columns of a tile: a cache line of `f32`.
pub(super) const WIDTH: usize = 16;

/// Part of a row of a tile, in a register.
///
/// A value exists only where the processor has its instructions: it is made of a kernel, which is
/// the proof of that, or of other values.
pub(super) trait Lanes: Copy {
    /// The proof.
    type Kernel: MicroKernel;
    /// One lane.
    type Element: Real;
    /// Vectors that make a row.
    const GROUPS: usize;

    /// Lane values `group` of the row.
    fn load(kernel: Self::Kernel, row: &[Self::Element; WIDTH], group: usize) -> Self;

    /// Writes lane values `group` of the row.
    fn store(self, row: &mut [Self::Element; WIDTH], group: usize);

    /// Lane by lane `if self < other { self } else { other }`.
    fn min(self, other: Self) -> Self;

    /// Lane by lane `if self > other { self } else { other }`.
    fn max(self, other: Self) -> Self;

    /// The smaller and the larger one: a permutation of each lane, whatever it holds (where the two
    /// do not compare, both functions give their second argument).
    #[inline(always)]
    fn exchange(self, other: Self) -> (Self, Self) {
        (self.min(other), other.max(self))
    }
}

/// Values that the compiler puts into vectors of the target's baseline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain<T, const N: usize>([T; N]);

impl<T: Real, const N: usize> Lanes for Plain<T, N> {
    type Kernel = Portable;
    type Element = T;
    const GROUPS: usize = WIDTH / N;

    #[inline(always)]
    fn load(_: Portable, row: &[T; WIDTH], group: usize) -> Self {
        Self(row.as_chunks::<N>().0[group])
    }

    #[inline(always)]
    fn store(self, row: &mut [T; WIDTH], group: usize) {
        row.as_chunks_mut::<N>().0[group] = self.0;
    }

    #[inline(always)]
    fn min(mut self, other: Self) -> Self {
        for (x, y) in self.0.iter_mut().zip(other.0) {
            *x = if *x < y { *x } else { y };
        }
        self
    }

    #[inline(always)]
    fn max(mut self, other: Self) -> Self {
        for (x, y) in self.0.iter_mut().zip(other.0) {
            *x = if *x > y { *x } else { y };
        }
        self
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Ymm32, Ymm64, Zmm32, Zmm64};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m256d, __m512, __m512d, _mm256_loadu_pd, _mm256_loadu_ps, _mm256_max_pd,
        _mm256_max_ps, _mm256_min_pd, _mm256_min_ps, _mm256_storeu_pd, _mm256_storeu_ps,
        _mm512_loadu_pd, _mm512_loadu_ps, _mm512_max_pd, _mm512_max_ps, _mm512_min_pd,
        _mm512_min_ps, _mm512_storeu_pd, _mm512_storeu_ps,
    };

    use super::{Lanes, WIDTH};
    use crate::micro::{Avx2Fma, Avx512};

    macro_rules! lanes {
        ($(#[$doc:meta])* $name:ident: $lanes:literal of $element:ty as $vector:ty, $kernel:ty:
            $load:ident $store:ident $min:ident $max:ident) => {
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub(in crate::aggregate) struct $name($vector);

            impl Lanes for $name {
                type Kernel = $kernel;
                type Element = $element;
                const GROUPS: usize = WIDTH / $lanes;

                #[inline(always)]
                fn load(_: $kernel, row: &[$element; WIDTH], group: usize) -> Self {
                    let part = &row.as_chunks::<$lanes>().0[group];
                    // SAFETY: `part` holds one vector; the kernel proves the instructions.
                    Self(unsafe { $load(part.as_ptr()) })
                }

                #[inline(always)]
                fn store(self, row: &mut [$element; WIDTH], group: usize) {
                    let part = &mut row.as_chunks_mut::<$lanes>().0[group];
                    // SAFETY: `part` holds one vector; `self` proves the instructions.
                    unsafe { $store(part.as_mut_ptr(), self.0) };
                }

                #[inline(always)]
                fn min(self, other: Self) -> Self {
                    // SAFETY: `self` proves the instructions.
                    Self(unsafe { $min(self.0, other.0) })
                }

                #[inline(always)]
                fn max(self, other: Self) -> Self {
                    // SAFETY: `self` proves the instructions.
                    Self(unsafe { $max(self.0, other.0) })
                }
            }
        };
    }

    lanes! {
        /// 8 `f32`.
        Ymm32: 8 of f32 as __m256, Avx2Fma:
            _mm256_loadu_ps _mm256_storeu_ps _mm256_min_ps _mm256_max_ps
    }
    lanes! {
        /// 4 `f64`.
        Ymm64: 4 of f64 as __m256d, Avx2Fma:
            _mm256_loadu_pd _mm256_storeu_pd _mm256_min_pd _mm256_max_pd
    }
    lanes! {
        /// 16 `f32`.
        Zmm32: 16 of f32 as __m512, Avx512:
            _mm512_loadu_ps _mm512_storeu_ps _mm512_min_ps _mm512_max_ps
    }
    lanes! {
        /// 8 `f64`.
        Zmm64: 8 of f64 as __m512d, Avx512:
            _mm512_loadu_pd _mm512_storeu_pd _mm512_min_pd _mm512_max_pd
    }
}
