//! Prefetches: hints to the memory system that change no result.

use crate::shape::CACHE_LINE;

/// Asks for values that are wanted soon, so that memory works while the registers do: into the
/// first-level cache if `NEAR`, else into the second.
#[inline(always)]
pub(crate) fn prefetch<const NEAR: bool, T>(values: &[T]) {
    for line in values.chunks(CACHE_LINE / size_of::<T>()) {
        prefetch_line::<NEAR, T>(line.as_ptr());
    }
}

/// Asks for the cache line at an address, as [`prefetch`]; nothing is read, so any address will do.
#[inline(always)]
pub(crate) fn prefetch_line<const NEAR: bool, T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        let line = address.cast();
        if NEAR {
            // SAFETY: a prefetch never faults, wherever it points, and SSE is part of x86-64.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
        } else {
            // SAFETY: as above.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(line) };
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}
