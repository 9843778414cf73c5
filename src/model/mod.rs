//! The rank-aware fusion network: projections, gate, selection, fusion, heads, domain adversary.

pub mod domain;
pub mod fusion;
pub mod gate;
pub mod heads;
pub mod inference;
pub mod loss;
pub mod network;
pub mod projection;

pub use inference::{Evaluation, Inference};
pub use network::{EncoderShape, Forward, FusionNet, Inputs};
