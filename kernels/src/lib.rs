//! Numeric kernels of blendfuse: slices in, slices out; the only `unsafe` and the only SIMD.
//!
//! Work is split over outputs and never over a reduction, so results do not depend on the number
//! of threads.

pub mod adam;
pub mod aggregate;
pub mod buffer;
pub mod counter;
pub mod epilogue;
pub mod gemm;
mod gram;
pub mod layout;
pub mod linear;
pub mod micro;
pub mod pack;
mod parallel;
pub mod real;
pub mod reference;
pub mod rowwise;
pub mod view;

pub use real::Real;
pub use view::{MatMut, MatRef};
