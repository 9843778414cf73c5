//! Feature files, metadata, folds and batches.

pub mod batch;
pub mod dataset;
pub(crate) mod equal_rows;
mod feature_arrays;
pub mod features;
pub(crate) mod filename;
pub(crate) mod fingerprint;
#[cfg(test)]
pub(crate) mod fixture;
pub mod folds;
pub(crate) mod inspect;
pub mod label;
pub mod metadata;
pub(crate) mod near_names;
pub mod part;
pub mod provenance;
pub(crate) mod registry;
mod scan;
pub(crate) mod standardise;
pub mod synth;
pub mod task;
