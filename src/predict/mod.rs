//! What a trained model says of clips: scores, decoded emotions, explanations.

pub mod clip_scores;
pub mod decoding;
pub mod explain;
mod memory_rows;
pub mod predictor;
pub mod score;

pub use predictor::Predictor;
pub use score::Scores;
