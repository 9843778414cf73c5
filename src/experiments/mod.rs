//! Studies: cross-validation, sweeps, ablations, baselines, the paper's tables.
//!
//! A study says which runs it needs; [`crate::plan`] executes those that have no result yet, and the
//! study summarises the results. Nothing here prints; [`crate::report`] makes tables of what these
//! modules return.

pub mod ablate;
pub(crate) mod certainty;
pub mod comparison;
pub mod cross_validate;
pub(crate) mod line_up;
pub(crate) mod out_of_fold;
pub(crate) mod paper;
pub mod repro;
pub mod retrain;
pub mod score;
pub mod sweep;
pub(crate) mod table_1;
pub(crate) mod test_part;

pub use cross_validate::{Candidate, CrossValidation, Protocol, cross_validate};
