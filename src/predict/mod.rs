//! Predictions of a trained model: scores, decoded emotions, explanations.

pub mod clip_scores;
pub mod decoding;
pub mod explain;
mod memory_rows;
pub mod predictor;
pub mod score;

pub use predictor::Predictor;
pub use score::Scores;
