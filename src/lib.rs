//! Rank-aware multi-encoder fusion for blended emotion recognition: which emotions does a clip show
//! (presence), and in what proportion (salience)? Training, prediction, decoding and the official
//! scores, on a hand-written autodiff engine whose kernels are in `blendfuse-kernels`.
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
//! A trained run: [`predict::Predictor`]. A data folder: [`data::dataset::Dataset`]. Scores:
//! [`eval::metrics`]. Many runs and their tables: [`plan`] and [`experiments`]. What a model learned:
//! [`analysis`].
//!
//! Two stacks share the same base and meet in `artifact`:
//!
//! ```text
//! kernels ← error, encoders, suggest, files, rng ← config ←┬─ autograd ← nn ← model ─────────┬─ artifact ←
//!                                                          └─ formats ← data ← eval, ingest ─┘
//!    predict ← train ← baseline, bench, export ← plan ← experiments ← analysis ← report ← cli
//! ```
//!
//! A module uses only what is to its left, and neither stack uses the other.
//!
//! | looking for | see |
//! |---|---|
//! | configuration keys such as `train.lr` | [`config::Config`]; used in [`train`] |
//! | percentiles of frames | [`kernels::aggregate`] |
//! | names of a trial's files | [`plan::store::trial_files`] |
//! | how to add an op | [`autograd::ops`] |
//! | what can go wrong | [`Error`]; details in [`mod@error`] |
#![forbid(unsafe_code)]
// Some of what the command line uses is used by nothing else.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports))]

pub mod analysis;
pub mod artifact;
pub mod baseline;
mod bench;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod config;
pub mod data;
pub mod encoders;
pub mod error;
pub mod eval;
pub mod experiments;
#[cfg(feature = "cli")]
mod export;
mod files;
mod formats;
pub mod ingest;
pub mod model;
pub mod plan;
pub mod predict;
mod report;
mod suggest;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod testing;
pub mod train;

pub use blendfuse_engine::{autograd, nn, rng};
pub use blendfuse_kernels as kernels;
pub use error::{Error, Result};
