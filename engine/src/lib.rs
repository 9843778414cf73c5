//! A small training engine for dense networks on the CPU: reverse-mode automatic differentiation over
//! 2-D arrays, layers, Adam and reproducible randomness, on the kernels of `blendfuse-kernels`.
//!
//! A soft-label classifier in a few lines:
//!
//! ```
//! use blendfuse_engine::autograd::Tape;
//! use blendfuse_engine::nn::{Adam, AdamConfig, ForwardPass, Init, Linear, Mode, Params};
//! use ndarray::array;
//!
//! # fn main() -> blendfuse_engine::Result<()> {
//! let x = array![[0.0, 1.0], [1.0, 0.0]]; // (batch, features)
//! let y = array![[0.7, 0.3], [0.0, 1.0]]; // soft labels, (batch, classes)
//! let mut params = Params::<f32>::new();
//! let head = Linear::new(&mut params, "head", 2, 2, Init::Random { seed: 42 });
//! let mut adam = Adam::new(AdamConfig { lr: 0.1, ..AdamConfig::default() });
//! let mut last = f32::INFINITY;
//! for step in 0..50 {
//!     let mut tape = Tape::new();
//!     let x = tape.constant(x.clone());
//!     let mut pass = ForwardPass::new(&mut tape, &params, Mode::Train { seed: 42, step });
//!     let logits = head.forward(&mut pass, x)?; // (batch, classes)
//!     let loss = tape.soft_cross_entropy(logits, y.clone())?; // (1, 1), nats
//!     last = tape.scalar(loss);
//!     adam.step(&mut params, &tape.backward(loss)?);
//! }
//! // The entropy of the labels, (0.611 + 0) / 2, is the least that the loss can be.
//! assert!(last < 0.35);
//! # Ok(())
//! # }
//! ```
//!
//! Ops are in [`autograd::ops`], one file each: see there how to add one. Layers and optimisers are in
//! [`nn`], random streams in [`rng`], the inner loops in [`kernels`].
#![forbid(unsafe_code)]

pub mod autograd;
pub mod error;
pub mod nn;
pub mod prelude;
pub mod rng;

pub use blendfuse_kernels as kernels;
pub use error::{Error, Result};
