//! Reverse-mode automatic differentiation over 2-D arrays, rows = batch, generic over f32 and f64.
//!
//! A [`Tape`] records one forward pass; [`Tape::backward`] consumes it and gives the gradient of
//! every leaf. One operation is one file under [`ops`]: forward, backward, gradient check.

pub mod anomaly;
mod broadcast;
pub mod gradcheck;
pub mod gradient;
pub mod op;
pub mod ops;
pub mod tape;
pub mod value;

pub use gradcheck::{Input, gradcheck, gradcheck_against};
pub use gradient::{Gradient, Gradients};
pub use op::{Backward, Op};
pub use tape::Tape;
pub use value::{Tensor, Var};

use blendfuse_kernels::Real;

/// The engine's scalars: `f32` trains, `f64` checks gradients.
pub trait Scalar: Real + ndarray::LinalgScalar + ndarray::ScalarOperand {}

impl<T: Real + ndarray::LinalgScalar + ndarray::ScalarOperand> Scalar for T {}
