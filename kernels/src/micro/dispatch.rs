//! The micro-kernels of each scalar type, so that the loops around them are written once.

use super::kernel::Interleave;
use super::portable::{BASELINE_FUSES, MulPacked, MulStrided};
use super::select::Kernel;
use super::tile::{PackedOperands, StridedOperands, Tile, TileRows};
use super::transpose::{as_bytes, transpose8, transpose8_f32_le};
use crate::shape::{ROW_BLOCK, STAGED};

/// Columns of eight values, `[columns][8]`.
type Columns<T> = [[T; ROW_BLOCK]];

/// The micro-kernels of a scalar type: `f32` has its own for each instruction set; `f64` compiles the
/// portable one for each.
pub trait Dispatch: Sized {
    /// [`crate::micro::MicroKernel::mul_packed`].
    fn mul_packed<R: TileRows<Self>, I: Interleave>(
        kernel: Kernel,
        operands: PackedOperands<'_, Self>,
        tile: &mut R,
        interleave: &mut I,
    );

    /// [`crate::micro::MicroKernel::mul_strided`].
    fn mul_strided<const W: usize, I: Interleave>(
        kernel: Kernel,
        operands: StridedOperands<'_, Self>,
        tile: &mut Tile<Self>,
        interleave: &mut I,
    );

    /// `out[c][r] = rows[r][c]`, widened where `Self` is wider.
    fn transpose8(kernel: Kernel, rows: &[[f32; STAGED]; ROW_BLOCK], out: &mut Columns<Self>);

    /// `out[c][r] = rows[r][c]` for as many columns as the kernel has instructions for; returns how
    /// many were done.
    ///
    /// # Panics
    /// If a row is shorter than `out`.
    fn transpose8_rows(_: Kernel, _: [&[Self]; ROW_BLOCK], _: &mut Columns<Self>) -> usize {
        0
    }

    /// The same straight from eight stored rows, standardised by mean and 1 / deviation; returns how
    /// many columns were done, possibly none.
    fn transpose8_f32_le(
        _: Kernel,
        _: &[&[[u8; 4]]; ROW_BLOCK],
        _: Option<(&[f32], &[f32])>,
        _: &mut Columns<Self>,
    ) -> usize {
        0
    }
}

impl Dispatch for f32 {
    #[inline]
    fn mul_packed<R: TileRows<f32>, I: Interleave>(
        kernel: Kernel,
        operands: PackedOperands<'_, f32>,
        tile: &mut R,
        interleave: &mut I,
    ) {
        kernel.mul_packed(operands, tile, interleave);
    }

    #[inline]
    fn mul_strided<const W: usize, I: Interleave>(
        kernel: Kernel,
        operands: StridedOperands<'_, f32>,
        tile: &mut Tile<f32>,
        interleave: &mut I,
    ) {
        kernel.mul_strided::<W, I>(operands, tile, interleave);
    }

    #[inline]
    fn transpose8(kernel: Kernel, rows: &[[f32; STAGED]; ROW_BLOCK], out: &mut Columns<f32>) {
        transpose8(kernel, rows, out);
    }

    fn transpose8_rows(kernel: Kernel, rows: [&[f32]; ROW_BLOCK], out: &mut Columns<f32>) -> usize {
        transpose8_f32_le(kernel, &rows.map(as_bytes), None, out)
    }

    #[inline]
    fn transpose8_f32_le(
        kernel: Kernel,
        rows: &[&[[u8; 4]]; ROW_BLOCK],
        standardise: Option<(&[f32], &[f32])>,
        out: &mut Columns<f32>,
    ) -> usize {
        transpose8_f32_le(kernel, rows, standardise, out)
    }
}

// Of four rows of f64, as many columns as half of the vector registers hold: 32 with the 32 registers of
// AVX-512, 8 or 4 with 16.
impl Dispatch for f64 {
    fn mul_packed<R: TileRows<f64>, I: Interleave>(
        kernel: Kernel,
        operands: PackedOperands<'_, f64>,
        tile: &mut R,
        interleave: &mut I,
    ) {
        match kernel.vector_bits() {
            512 => kernel.run(MulPacked::<_, _, _, true, 32>(operands, tile, interleave)),
            256 => kernel.run(MulPacked::<_, _, _, true, 8>(operands, tile, interleave)),
            _ => kernel.run(MulPacked::<_, _, _, BASELINE_FUSES, 4>(
                operands, tile, interleave,
            )),
        }
    }

    fn mul_strided<const W: usize, I: Interleave>(
        kernel: Kernel,
        operands: StridedOperands<'_, f64>,
        tile: &mut Tile<f64>,
        interleave: &mut I,
    ) {
        match kernel.vector_bits() {
            512 => kernel.run(MulStrided::<_, _, true, W, 32>(operands, tile, interleave)),
            256 => kernel.run(MulStrided::<_, _, true, W, 8>(operands, tile, interleave)),
            _ => kernel.run(MulStrided::<_, _, BASELINE_FUSES, W, 4>(
                operands, tile, interleave,
            )),
        }
    }

    fn transpose8(_: Kernel, rows: &[[f32; STAGED]; ROW_BLOCK], out: &mut Columns<f64>) {
        for (c, out) in out.iter_mut().enumerate() {
            for (out, row) in out.iter_mut().zip(rows) {
                *out = f64::from(row[c]);
            }
        }
    }
}
