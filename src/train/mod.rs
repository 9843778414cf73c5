//! Training: the loop, its schedules, its files.

pub mod early_stopping;
mod epoch;
mod fit;
mod memory;
mod progress;
mod provenance;
pub mod run;
pub mod state;
pub mod step;
pub mod stop;
mod target;
pub mod validation;
mod warnings;

pub use run::{Observer, Options, Outcome, Run};
pub use stop::Stop;
