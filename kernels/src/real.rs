//! The scalar types that the kernels accept.

use std::fmt::{Debug, Display};
use std::iter::Sum;

use num_traits::{Float, NumAssign};

/// `f32` (training) or `f64` (gradient checks). Sealed: the kernels know both by name.
pub trait Real:
    Float + NumAssign + Sum + Default + Debug + Display + Send + Sync + sealed::Tiles + 'static
{
    /// The nearest value to `x`.
    fn of(x: f64) -> Self;
    /// This value, widened without loss.
    fn as_f64(self) -> f64;
}

impl Real for f32 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn as_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn as_f64(self) -> f64 {
        self
    }
}

pub(crate) mod sealed {
    use crate::layout::{PANEL, ROW_BLOCK};
    use crate::micro::portable::{Across, BASELINE_FUSES, Down};
    use crate::micro::{Beside, Blocks, Kernel, Start, Tile, TileRows};
    use crate::pack::STAGED;
    use crate::turn::{as_bytes, turn, turn_stored};

    /// What the blocked loops ask of a scalar: the two micro-kernels, so that the loops around them
    /// are written once. `f32` has kernels of its own for each instruction set; `f64` compiles the
    /// portable one for it.
    pub trait Tiles: Sized {
        /// [`crate::micro::MicroKernel::down`].
        fn down<R: TileRows<Self>, B: Beside>(
            kernel: Kernel,
            a: &[[Self; ROW_BLOCK]],
            b: &[[Self; PANEL]],
            start: Start,
            tile: &mut R,
            beside: &mut B,
        );

        /// [`crate::micro::MicroKernel::across`].
        fn across<const W: usize, B: Beside>(
            kernel: Kernel,
            a: Blocks<'_, Self>,
            b: &[[Self; PANEL]],
            start: Start,
            tile: &mut Tile<Self>,
            beside: &mut B,
        );

        /// `out[c][r] = rows[r][c]`, widened where `Self` is wider.
        fn turn(kernel: Kernel, rows: &[[f32; STAGED]; ROW_BLOCK], out: &mut [[Self; ROW_BLOCK]]);

        /// `out[c][r] = rows[r][c]`, as far as this processor has a way of its own; gives how many
        /// columns were done.
        ///
        /// # Panics
        /// If a row is shorter than `out`.
        fn turn_rows(
            _: Kernel,
            _rows: [&[Self]; ROW_BLOCK],
            _out: &mut [[Self; ROW_BLOCK]],
        ) -> usize {
            0
        }

        /// The same straight from eight stored rows, standardised by mean and 1 / deviation; gives
        /// how many columns were done, which may be none.
        fn turn_stored(
            _: Kernel,
            _: &[&[[u8; 4]]; ROW_BLOCK],
            _: Option<(&[f32], &[f32])>,
            _: &mut [[Self; ROW_BLOCK]],
        ) -> usize {
            0
        }
    }

    impl Tiles for f32 {
        #[inline]
        fn turn_stored(
            kernel: Kernel,
            rows: &[&[[u8; 4]]; ROW_BLOCK],
            standardise: Option<(&[f32], &[f32])>,
            out: &mut [[f32; ROW_BLOCK]],
        ) -> usize {
            turn_stored(kernel, rows, standardise, out)
        }

        #[inline]
        fn down<R: TileRows<f32>, B: Beside>(
            kernel: Kernel,
            a: &[[f32; ROW_BLOCK]],
            b: &[[f32; PANEL]],
            start: Start,
            tile: &mut R,
            beside: &mut B,
        ) {
            kernel.down(a, b, start, tile, beside);
        }

        #[inline]
        fn across<const W: usize, B: Beside>(
            kernel: Kernel,
            a: Blocks<'_, f32>,
            b: &[[f32; PANEL]],
            start: Start,
            tile: &mut Tile<f32>,
            beside: &mut B,
        ) {
            kernel.across::<W, B>(a, b, start, tile, beside);
        }

        #[inline]
        fn turn(kernel: Kernel, rows: &[[f32; STAGED]; ROW_BLOCK], out: &mut [[f32; ROW_BLOCK]]) {
            turn(kernel, rows, out);
        }

        fn turn_rows(
            kernel: Kernel,
            rows: [&[f32]; ROW_BLOCK],
            out: &mut [[f32; ROW_BLOCK]],
        ) -> usize {
            turn_stored(kernel, &rows.map(as_bytes), None, out)
        }
    }

    // Four rows of so many columns of f64 fill eight vectors.
    impl Tiles for f64 {
        fn down<R: TileRows<f64>, B: Beside>(
            kernel: Kernel,
            a: &[[f64; ROW_BLOCK]],
            b: &[[f64; PANEL]],
            start: Start,
            tile: &mut R,
            beside: &mut B,
        ) {
            match kernel.vector_bits() {
                512 => kernel.run(Down::<_, _, _, true, 16> {
                    a,
                    b,
                    start,
                    tile,
                    beside,
                }),
                256 => kernel.run(Down::<_, _, _, true, 8> {
                    a,
                    b,
                    start,
                    tile,
                    beside,
                }),
                _ => kernel.run(Down::<_, _, _, BASELINE_FUSES, 4> {
                    a,
                    b,
                    start,
                    tile,
                    beside,
                }),
            }
        }

        fn across<const W: usize, B: Beside>(
            kernel: Kernel,
            a: Blocks<'_, f64>,
            b: &[[f64; PANEL]],
            start: Start,
            tile: &mut Tile<f64>,
            beside: &mut B,
        ) {
            match kernel.vector_bits() {
                512 => kernel.run(Across::<_, _, true, W, 16> {
                    a,
                    b,
                    start,
                    tile,
                    beside,
                }),
                256 => kernel.run(Across::<_, _, true, W, 8> {
                    a,
                    b,
                    start,
                    tile,
                    beside,
                }),
                _ => kernel.run(Across::<_, _, BASELINE_FUSES, W, 4> {
                    a,
                    b,
                    start,
                    tile,
                    beside,
                }),
            }
        }

        fn turn(_: Kernel, rows: &[[f32; STAGED]; ROW_BLOCK], out: &mut [[f64; ROW_BLOCK]]) {
            for (c, out) in out.iter_mut().enumerate() {
                for (out, row) in out.iter_mut().zip(rows) {
                    *out = f64::from(row[c]);
                }
            }
        }
    }
}
