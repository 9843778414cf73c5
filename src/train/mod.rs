//! Training: the loop, its schedules, its files.

pub(crate) mod early_stopping;
mod epoch;
mod fit;
mod memory;
mod progress;
mod provenance;
pub mod run;
pub(crate) mod span;
mod span_run;
pub(crate) mod state;
pub(crate) mod step;
pub mod stop;
mod target;
pub mod trained;
mod usability;
pub(crate) mod validation;
mod warnings;

pub use run::{Observer, Options, Outcome, Run};
pub use stop::Stop;
pub use trained::Trained;
