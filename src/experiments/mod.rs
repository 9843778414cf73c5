//! Studies: cross-validation, sweeps, ablations, baselines, the paper's tables.
//!
//! A study says which runs it needs; [`crate::plan`] executes those that have no result yet, and the
//! study summarises the results. Nothing here prints; [`crate::report`] makes tables of what these
//! modules return.

pub mod ablate;
pub mod certainty;
pub mod comparison;
pub mod cross_validate;
pub mod line_up;
pub mod out_of_fold;
pub mod paper;
pub mod repro;
pub mod retrain;
pub mod score;
pub mod sweep;
pub mod table_1;
pub mod test_part;

pub use cross_validate::{Candidate, CrossValidation, Protocol, cross_validate};
