//! blendfuse: rank-aware multi-encoder fusion for blended emotion recognition.
#![forbid(unsafe_code)]

pub mod atomic;
pub mod autograd;
pub mod data;
pub mod error;
pub mod eval;
pub mod model;
pub mod nn;
pub mod rng;
pub mod train;

pub use blendfuse_kernels as kernels;
pub use error::{Error, Result};
