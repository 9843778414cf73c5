//! Zeroed memory aligned to a cache line, in huge pages where it is large.
//!
//! A step streams gigabytes of parameters and moments; with 4 KiB pages the walks of the page
//! table, not the memory, would set its pace.

use std::alloc::{Layout, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::real::Real;
use crate::shape::CACHE_LINE;

/// Size of a huge page in bytes; buffers of at least this size are aligned to it.
const HUGE_PAGE: usize = 2 << 20;

/// Of a buffer, the fraction 1/8 may be added to it for whole huge pages.
const MOST_UNUSED: usize = 8;

/// A fixed number of scalars, 0 at first, 64-byte aligned; dereferences to a slice.
pub struct Buffer<T> {
    start: NonNull<T>,
    len: usize,
    owns: PhantomData<T>,
}

// SAFETY: a buffer owns its memory alone, as a Vec does.
unsafe impl<T: Send> Send for Buffer<T> {}
// SAFETY: a shared buffer gives out shared slices only, as a Vec does.
unsafe impl<T: Sync> Sync for Buffer<T> {}

impl<T> Buffer<T> {
    /// The layout of `len` elements. Sizes that no allocator could serve panic here.
    fn layout(len: usize) -> Layout {
        let array = Layout::array::<T>(len).expect("a buffer larger than the address space");
        // Only whole huge pages are huge: a last one that is nearly full is taken whole too.
        let whole = array.size().next_multiple_of(HUGE_PAGE);
        let (size, alignment) = if whole - array.size() <= array.size() / MOST_UNUSED {
            (whole, HUGE_PAGE)
        } else if array.size() >= HUGE_PAGE {
            (array.size(), HUGE_PAGE)
        } else {
            (array.size(), CACHE_LINE)
        };
        Layout::from_size_align(size, alignment).expect("a buffer larger than the address space")
    }
}

impl<T> Buffer<T> {
    /// Memory for `len` elements, not yet written.
    fn allocate(len: usize) -> NonNull<T> {
        let layout = Self::layout(len);
        if layout.size() == 0 {
            return NonNull::dangling();
        }
        // SAFETY: the layout's size is not 0.
        let start = unsafe { std::alloc::alloc(layout) };
        let Some(start) = NonNull::new(start.cast::<T>()) else {
            handle_alloc_error(layout)
        };
        // The advice must come before the first touch.
        if layout.size() >= HUGE_PAGE {
            advise_huge_pages(start.cast(), layout.size());
        }
        start
    }
}

impl<T: Real> Buffer<T> {
    /// `len` zeros.
    ///
    /// # Panics
    /// If `len` elements exceed the address space. Running out of memory aborts, as it does in `Vec`.
    pub fn zeros(len: usize) -> Self {
        let start = Self::allocate(len);
        // SAFETY: the allocation holds len elements, and all-zero bits are the number 0 in f32 and
        // f64, the only implementors of the sealed trait Real.
        unsafe { start.write_bytes(0, len) };
        Self {
            start,
            len,
            owns: PhantomData,
        }
    }
}

/// Asks the kernel to back the memory by huge pages; a refusal costs speed only.
#[cfg(all(target_os = "linux", not(miri)))]
fn advise_huge_pages(start: NonNull<u8>, bytes: usize) {
    // SAFETY: the range was just allocated, starts on a page boundary (aligned to 2 MiB), and this
    // advice never changes contents.
    let _refused = unsafe { libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn advise_huge_pages(_start: NonNull<u8>, _bytes: usize) {}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        let layout = Self::layout(self.len);
        if layout.size() > 0 {
            // SAFETY: allocated in `allocate` with this very layout; f32 and f64 have no destructor.
            unsafe { std::alloc::dealloc(self.start.as_ptr().cast(), layout) };
        }
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `start` holds `len` initialised elements (or is dangling and len is 0).
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; the exclusive borrow of self covers the slice.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

// Bounded as the derives of the packed layouts are; what exists is `Copy`, since `zeros` alone makes
// a buffer and asks for `Real`.
impl<T: Clone> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        let start = Self::allocate(self.len);
        // SAFETY: both hold `len` elements, a fresh allocation overlaps no other, and T is f32 or
        // f64, which are Copy.
        unsafe { self.start.copy_to_nonoverlapping(start, self.len) };
        Self {
            start,
            len: self.len,
            owns: PhantomData,
        }
    }
}

impl<T: PartialEq> PartialEq for Buffer<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: fmt::Debug> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_zeroed_and_aligned_at_every_size() {
        for len in [0, 1, 15, 16, 1000, HUGE_PAGE / 4 - 1, HUGE_PAGE / 4 + 3] {
            let mut buffer = Buffer::<f32>::zeros(len);
            assert_eq!(buffer.len(), len);
            assert!(buffer.iter().all(|&x| x.to_bits() == 0));
            if len > 0 {
                assert_eq!(buffer.as_ptr() as usize % CACHE_LINE, 0);
                buffer[len - 1] = 3.0;
            }
            assert_eq!(buffer.clone(), buffer);
        }
    }

    #[test]
    fn compares_and_prints_as_its_slice() {
        let mut buffer = Buffer::<f64>::zeros(2);
        assert_eq!(format!("{buffer:?}"), "[0.0, 0.0]");
        let other = buffer.clone();
        buffer[1] = 1.0;
        assert_ne!(buffer, other);
    }
}
