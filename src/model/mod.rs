//! The rank-aware fusion network: projections, gate, selection, fusion, heads, domain adversary.

mod builder;
pub(crate) mod domain;
pub(crate) mod fusion;
pub(crate) mod gate;
pub(crate) mod heads;
pub mod inference;
pub(crate) mod inputs;
pub(crate) mod loss;
pub mod network;
pub(crate) mod projection;

pub use inference::{Evaluation, FoldedLayers, Inference};
pub use inputs::Inputs;
pub use network::{Forward, FusionNet};
