//! Rank-aware multi-encoder fusion for blended emotion recognition: which emotions does a clip show
//! (presence), and in what proportion (salience)? Training, prediction, decoding and the official
//! scores, on a hand-written autodiff engine whose kernels stand in `blendfuse-kernels`.
//!
//! The engine alone: a soft-label classifier in a few lines.
//!
//! ```
//! use blendfuse::autograd::Tape;
//! use blendfuse::nn::{Adam, AdamConfig, ForwardPass, Init, Linear, Mode, Params};
//! use ndarray::array;
//!
//! # fn main() -> blendfuse::Result<()> {
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
//! A trained run: [`train::Predictor`]. A data folder: [`data::dataset::Dataset`]. Scores:
//! [`eval::metrics`]. Many trainings and their tables: [`experiments`].
//! What a model learned: [`analysis`]. Modules use only what stands
//! to their left: `kernels ← error, rng, atomic, lock, nearest ← autograd ← nn ← model ← data ← eval ← train ←
//! export ← experiments ← analysis ← report ← cli`, and `data` and `eval` use none of `autograd`, `nn` and `model`.
#![forbid(unsafe_code)]

pub mod analysis;
pub mod atomic;
#[cfg(feature = "cli")]
pub mod cli;
pub mod data;
pub mod error;
pub mod eval;
pub mod experiments;
#[cfg(feature = "cli")]
pub mod export;
pub mod lock;
pub mod model;
pub mod nearest;
pub mod report;
pub mod train;

pub use blendfuse_engine::{autograd, nn, rng};
pub use blendfuse_kernels as kernels;
pub use error::{Error, Result};
