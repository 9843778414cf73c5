//! Training: the loop, its schedules, its files.

pub(crate) mod early_stopping;
mod ending;
mod epoch;
mod fit;
mod in_memory;
mod memory;
mod progress;
mod provenance;
pub mod run;
mod scores;
pub(crate) mod span;
mod span_run;
pub(crate) mod state;
pub(crate) mod step;
pub mod stop;
mod target;
mod usability;
pub(crate) mod validation;
mod warnings;

pub use run::{Observer, Options, Outcome, Run, RunScores, SavedWeights, Trained};
pub use stop::Stop;
