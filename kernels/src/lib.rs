//! Numeric kernels of blendfuse: slices in, slices out; the only `unsafe` and the only SIMD.
//!
//! | Layer | Modules |
//! |---|---|
//! | operations of a training step | [`linear`], [`epilogue`], [`rowwise`], [`adam`], [`pack`], [`gemm`] |
//! | layers of a trained network | [`inference`] |
//! | means, percentiles, … of frames over time | [`aggregate`] |
//! | what they stream | [`layout`] (packed batches and weights), [`view`], [`buffer`], [`map`] (files) |
//! | inner loops, one file per instruction set | [`micro`] |
//! | the same once more, slow and obvious | [`mod@reference`] |
//!
//! **Determinism.** Work is split over outputs and never over a reduction, so results do not depend
//! on the number of threads. They differ in the last bits between micro-kernels, since a fused
//! multiply-add rounds once: [`micro::kernel_name`] belongs in a manifest.
//!
//! **Choice of kernel.** The widest that the processor has, unless the environment variable
//! `BLENDFUSE_KERNEL` names another. A program calls [`micro::select`] first and reports its error;
//! a kernel that is called under an invalid name panics with the same message.
//!
//! ```
//! use blendfuse_kernels::layout::{PackedRows, Panels};
//! use blendfuse_kernels::linear::linear_forward;
//! use blendfuse_kernels::{MatMut, MatRef};
//!
//! let x = PackedRows::from_view(MatRef::row_major(&[1.0_f32, 2.0], 1, 2)); // (batch, inputs)
//! let w = Panels::from_row_major(&[3.0, 4.0, 5.0, 6.0, 7.0, 8.0], 3, 2); // (outputs, inputs)
//! let mut y = [0.0; 3];
//! linear_forward(&x, &w, Some(&[0.5, 0.0, 0.0]), MatMut::row_major(&mut y, 1, 3));
//! assert_eq!(y, [11.5, 17.0, 23.0]);
//! ```

pub mod adam;
pub mod aggregate;
pub mod buffer;
pub mod counter;
pub mod epilogue;
pub mod gemm;
mod gram;
pub mod inference;
pub mod layout;
pub mod linear;
pub mod map;
pub mod micro;
pub mod pack;
mod parallel;
pub mod peak;
pub mod real;
pub mod reference;
pub mod rowwise;
mod shape;
pub mod view;

pub use real::Real;
pub use view::{MatMut, MatRef};
