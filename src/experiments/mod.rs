//! Many trainings that belong together: cross-validation, ablations, retraining, the paper's tables.
//!
//! A [`trial::Trial`] is one training. A [`plan::Plan`] lists trials, a [`schedule::Scheduler`] runs
//! those whose results do not exist yet, side by side, and whatever asked for them summarises the
//! results. Nothing here prints; [`crate::report`] makes tables of what these modules return.

pub mod ablate;
mod attempt;
pub mod baseline;
pub mod certainty;
pub mod comparison;
pub mod cross_validate;
pub mod data_folder;
mod execute;
pub mod executor;
pub mod line_up;
pub mod list;
pub mod log;
mod memory;
pub mod order;
pub mod out_of_fold;
pub mod outcomes;
pub mod paper;
pub mod plan;
pub mod plan_folder;
mod queue;
pub mod repro;
pub mod result;
pub mod retrain;
pub mod schedule;
pub mod score;
pub mod slurm;
pub mod status;
pub mod sweep;
pub mod table_1;
pub mod test_part;
pub mod trial;
pub mod trial_files;
pub mod work;

pub use cross_validate::{Candidate, CrossValidation, Protocol, cross_validate};
pub use data_folder::DataFolder;
pub use executor::Executor;
pub use outcomes::Outcomes;
pub use plan::Plan;
pub use plan_folder::PlanFolder;
pub use schedule::{PlanObserver, Scheduler};
pub use trial::{Trial, TrialKind};
