//! Studies: cross-validation, sweeps, ablations, baselines, the paper's tables.
//!
//! A [`study::Study`] says which trials it needs and how to conclude from their outcomes; a
//! [`study_run::StudyRun`] is a study with its folder, which runs the trials here, submits or lists them,
//! or collects their results. [`crate::plan`] executes trials. Nothing here prints; `report` makes
//! tables from the results.

pub mod ablate;
pub mod baselines;
pub mod comparison;
pub mod cross_validate;
pub mod cross_validation;
pub mod measures;
pub(crate) mod out_of_fold;
pub(crate) mod paper;
pub mod repro;
pub mod retrain;
pub mod score;
pub mod significance;
pub mod study;
pub mod study_run;
pub mod sweep;
pub(crate) mod table_1;
pub(crate) mod test_part;
pub mod trivial;

pub use ablate::Ablate;
pub use baselines::CompareBaselines;
pub use cross_validate::CrossValidate;
pub use cross_validation::{Candidate, CrossValidation, Protocol};
pub use repro::Reproduce;
pub use study::{Setup, Study};
pub use study_run::{StudyRun, Submission};
pub use sweep::{Sweep, Tune};
