//! From probabilities to emotions and from emotions to scores: alignment, decoding, threshold
//! search, the official metrics, and the files that carry probabilities and predictions.
//!
//! Uses `config`, `error`, `rng` and `data` only, so that metrics and files are independent of the rest.

pub mod align;
pub(crate) mod ceiling;
pub(crate) mod confusion;
pub mod decode;
pub mod decoder;
mod decoding_steps;
pub mod distribution;
pub mod evaluation;
pub(crate) mod filename;
pub(crate) mod frequency;
pub mod grid;
pub(crate) mod join;
pub mod measures;
pub mod metrics;
pub mod mixtures;
pub mod objective;
mod ordered_json;
pub(crate) mod overlap;
pub mod probabilities;
mod ranked;
pub mod rules;
pub mod statistics;
pub mod submission;
pub(crate) mod submission_check;
pub mod thresholds;
mod trace;
pub(crate) mod truth;
