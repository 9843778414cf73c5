//! Training: the loop, its schedules, its files.

pub mod benchmark;
pub mod benchmark_aggregate;
pub mod benchmark_predict;
pub mod checkpoint;
pub mod decoding;
pub mod early_stopping;
mod epoch;
pub mod explain;
mod files;
mod fit;
pub mod history;
pub mod manifest;
mod memory;
mod memory_rows;
pub mod open;
mod origin;
pub mod predict;
mod progress;
pub mod run;
pub mod score;
pub mod state;
pub mod step;
pub mod stop;
mod target;
pub mod validation;
mod warnings;
pub mod weights_file;

pub use predict::Predictor;
pub use run::{Observer, Options, Outcome, Run};
pub use score::Scores;
pub use stop::Stop;
