//! The rank-aware fusion network: projections, gate, selection, fusion, heads, domain adversary.

pub mod config;
mod config_check;
mod config_file;
pub mod config_overrides;
pub mod domain;
pub mod fusion;
pub mod gate;
pub mod heads;
pub mod inference;
pub mod loss;
pub mod network;
pub mod projection;

pub use config::Config;
pub use inference::{Evaluation, Inference};
pub use network::{EncoderShape, Forward, FusionNet, Inputs};
