//! Turns eight rows into columns of eight: the step by which a gathered batch becomes packed.

use crate::layout::ROW_BLOCK;
use crate::micro::Kernel;

/// `out[c][r] = rows[r][c]` for as many columns as `out` has.
///
/// # Panics
/// If `out` has more columns than the rows.
#[inline]
pub(crate) fn turn<const N: usize>(
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
            unsafe { avx2::turn_squares(rows, out) }
        }
    };
    for (c, out) in out.iter_mut().enumerate().skip(done) {
        for (out, row) in out.iter_mut().zip(rows) {
            *out = row[c];
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256, _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
        _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    };

    use crate::layout::ROW_BLOCK;

    /// As [`super::turn`], eight columns at a time; gives how many columns were turned.
    #[target_feature(enable = "avx2")]
    pub(super) fn turn_squares<const N: usize>(
        rows: &[[f32; N]; ROW_BLOCK],
        out: &mut [[f32; ROW_BLOCK]],
    ) -> usize {
        let squares = out.as_chunks_mut::<ROW_BLOCK>().0;
        let count = squares.len();
        for (n, square) in squares.iter_mut().enumerate() {
            let row = |r: usize| load(&rows[r].as_chunks::<ROW_BLOCK>().0[n]);
            // Pairs of rows, then fours, then the halves of all eight.
            let pairs = [(0, 1), (2, 3), (4, 5), (6, 7)].map(|(a, b)| {
                let (a, b) = (row(a), row(b));
                [_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)]
            });
            let fours = [(0, 1), (2, 3)].map(|(a, b)| {
                let [a, b] = [pairs[a], pairs[b]];
                [
                    _mm256_shuffle_ps::<0x44>(a[0], b[0]),
                    _mm256_shuffle_ps::<0xEE>(a[0], b[0]),
                    _mm256_shuffle_ps::<0x44>(a[1], b[1]),
                    _mm256_shuffle_ps::<0xEE>(a[1], b[1]),
                ]
            });
            for c in 0..ROW_BLOCK / 2 {
                let (top, bottom) = (fours[0][c], fours[1][c]);
                store(_mm256_permute2f128_ps::<0x20>(top, bottom), &mut square[c]);
                store(
                    _mm256_permute2f128_ps::<0x31>(top, bottom),
                    &mut square[c + 4],
                );
            }
        }
        count * ROW_BLOCK
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(part: &[f32; ROW_BLOCK]) -> __m256 {
        // SAFETY: `part` holds 8 values.
        unsafe { _mm256_loadu_ps(part.as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store(values: __m256, part: &mut [f32; ROW_BLOCK]) {
        // SAFETY: `part` holds 8 values.
        unsafe { _mm256_storeu_ps(part.as_mut_ptr(), values) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_turns_any_number_of_columns() {
        let rows: [[f32; 40]; ROW_BLOCK] =
            std::array::from_fn(|r| std::array::from_fn(|c| (100 * r + c) as f32));
        for kernel in Kernel::supported() {
            for columns in [0, 1, 7, 8, 9, 16, 39, 40] {
                let mut out = vec![[f32::NAN; ROW_BLOCK]; columns];
                turn(kernel, &rows, &mut out);
                for (c, out) in out.iter().enumerate() {
                    for (r, &x) in out.iter().enumerate() {
                        assert_eq!(x, rows[r][c], "{} of {columns}", kernel.name());
                    }
                }
            }
        }
    }
}
