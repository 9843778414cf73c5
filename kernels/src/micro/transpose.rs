//! Transposes eight rows into columns of eight: the step by which a gathered batch becomes packed.

use super::select::Kernel;
use crate::shape::ROW_BLOCK;

/// `out[c][r] = rows[r][c]` for as many columns as `out` has.
///
/// # Panics
/// If `out` has more columns than the rows.
#[inline]
pub(crate) fn transpose8<const N: usize>(
    kernel: Kernel,
    rows: &[[f32; N]; ROW_BLOCK],
    out: &mut [[f32; ROW_BLOCK]],
) {
    let columns = out.len();
    assert!(columns <= N, "columns of a staged row");
    let done = match kernel {
        Kernel::Portable(_) => 0,
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2Fma(_) | Kernel::Avx512(_) => {
            // SAFETY: a value of either variant proves that AVX2 is there.
            unsafe { avx2::transpose8_squares(rows, out) }
        }
    };
    for (c, out) in out.iter_mut().enumerate().skip(done) {
        for (out, row) in out.iter_mut().zip(rows) {
            *out = row[c];
        }
    }
}

/// `out[c][r] = (rows[r][c] − mean[c]) · inv_std[c]` straight from eight rows of bytes, little-endian
/// `f32` at any address; without `standardise` the values as they are. Returns how many columns were
/// done, a multiple of eight; 0 if the kernel has no instructions for it.
///
/// # Panics
/// If a slice is shorter than `out` asks for.
#[inline]
pub(crate) fn transpose8_f32_le(
    kernel: Kernel,
    rows: &[&[[u8; 4]]; ROW_BLOCK],
    standardise: Option<(&[f32], &[f32])>,
    out: &mut [[f32; ROW_BLOCK]],
) -> usize {
    let columns = out.len();
    assert!(
        rows.iter().all(|row| row.len() >= columns),
        "columns of a row"
    );
    if let Some((mean, inv_std)) = standardise {
        assert!(mean.len().min(inv_std.len()) >= columns, "columns of a row");
    }
    match kernel {
        Kernel::Portable(_) => 0,
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2Fma(_) | Kernel::Avx512(_) => {
            // SAFETY: a value of either variant proves that AVX2 is there.
            unsafe { avx2::transpose8_f32_le(rows, standardise, out) }
        }
    }
}

// No closures in here: a closure does not inherit the instruction set, and vectors would travel
// through memory.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256, _mm256_loadu_ps, _mm256_mul_ps, _mm256_permute2f128_ps, _mm256_setzero_ps,
        _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_sub_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    };

    use crate::shape::ROW_BLOCK;

    /// As [`super::transpose8`], eight columns at a time; returns how many columns were transposed.
    #[target_feature(enable = "avx2")]
    pub(super) fn transpose8_squares<const N: usize>(
        rows: &[[f32; N]; ROW_BLOCK],
        out: &mut [[f32; ROW_BLOCK]],
    ) -> usize {
        let squares = out.as_chunks_mut::<ROW_BLOCK>().0;
        let count = squares.len();
        for (n, square) in squares.iter_mut().enumerate() {
            let mut x = [_mm256_setzero_ps(); ROW_BLOCK];
            for (x, row) in x.iter_mut().zip(rows) {
                *x = load(&row.as_chunks::<ROW_BLOCK>().0[n]);
            }
            transpose8x8(x, square);
        }
        count * ROW_BLOCK
    }

    /// As [`super::transpose8_f32_le`].
    #[target_feature(enable = "avx2")]
    pub(super) fn transpose8_f32_le(
        rows: &[&[[u8; 4]]; ROW_BLOCK],
        standardise: Option<(&[f32], &[f32])>,
        out: &mut [[f32; ROW_BLOCK]],
    ) -> usize {
        let squares = out.as_chunks_mut::<ROW_BLOCK>().0;
        let count = squares.len();
        for (n, square) in squares.iter_mut().enumerate() {
            let mut x = [_mm256_setzero_ps(); ROW_BLOCK];
            for (x, row) in x.iter_mut().zip(rows) {
                *x = load_stored(&row.as_chunks::<ROW_BLOCK>().0[n]);
            }
            if let Some((mean, inv_std)) = standardise {
                let mean = load(&mean.as_chunks::<ROW_BLOCK>().0[n]);
                let inv_std = load(&inv_std.as_chunks::<ROW_BLOCK>().0[n]);
                for x in &mut x {
                    *x = _mm256_mul_ps(_mm256_sub_ps(*x, mean), inv_std);
                }
            }
            transpose8x8(x, square);
        }
        count * ROW_BLOCK
    }

    /// Transposes eight rows of eight: pairs of rows, then fours, then the halves of all eight.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn transpose8x8(x: [__m256; ROW_BLOCK], out: &mut [[f32; ROW_BLOCK]; ROW_BLOCK]) {
        let mut fours = [[_mm256_setzero_ps(); 4]; 2];
        for (four, x) in fours.iter_mut().zip(x.as_chunks::<4>().0) {
            let (a, b) = (
                [
                    _mm256_unpacklo_ps(x[0], x[1]),
                    _mm256_unpackhi_ps(x[0], x[1]),
                ],
                [
                    _mm256_unpacklo_ps(x[2], x[3]),
                    _mm256_unpackhi_ps(x[2], x[3]),
                ],
            );
            *four = [
                _mm256_shuffle_ps::<0x44>(a[0], b[0]),
                _mm256_shuffle_ps::<0xEE>(a[0], b[0]),
                _mm256_shuffle_ps::<0x44>(a[1], b[1]),
                _mm256_shuffle_ps::<0xEE>(a[1], b[1]),
            ];
        }
        for c in 0..4 {
            let (top, bottom) = (fours[0][c], fours[1][c]);
            store(_mm256_permute2f128_ps::<0x20>(top, bottom), &mut out[c]);
            store(_mm256_permute2f128_ps::<0x31>(top, bottom), &mut out[c + 4]);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(part: &[f32; ROW_BLOCK]) -> __m256 {
        // SAFETY: `part` holds 8 values.
        unsafe { _mm256_loadu_ps(part.as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_stored(part: &[[u8; 4]; ROW_BLOCK]) -> __m256 {
        // SAFETY: `part` holds 32 bytes, this processor is little-endian, and the load asks for no
        // alignment.
        unsafe { _mm256_loadu_ps(part.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store(values: __m256, part: &mut [f32; ROW_BLOCK]) {
        // SAFETY: `part` holds 8 values.
        unsafe { _mm256_storeu_ps(part.as_mut_ptr(), values) };
    }
}

/// The bytes of values in memory, in the byte order of this machine.
pub(crate) fn as_bytes(values: &[f32]) -> &[[u8; 4]] {
    // SAFETY: an f32 is four bytes, all of them initialised; an array of bytes needs no alignment.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_transposes_any_number_of_columns() {
        let rows: [[f32; 40]; ROW_BLOCK] =
            std::array::from_fn(|r| std::array::from_fn(|c| (100 * r + c) as f32));
        for kernel in Kernel::supported() {
            for columns in [0, 1, 7, 8, 9, 16, 39, 40] {
                let mut out = vec![[f32::NAN; ROW_BLOCK]; columns];
                transpose8(kernel, &rows, &mut out);
                for (c, out) in out.iter().enumerate() {
                    for (r, &x) in out.iter().enumerate() {
                        assert_eq!(x, rows[r][c], "{} of {columns}", kernel.name());
                    }
                }
            }
        }
    }
}
