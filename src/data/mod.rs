//! Feature files, metadata, folds and batches.

pub mod batch;
pub mod dataset;
pub mod features;
pub mod filename;
pub mod fingerprint;
#[cfg(test)]
mod fixture;
pub mod folds;
pub mod inspect;
pub mod label;
pub mod metadata;
pub mod part;
pub mod registry;
mod scan;
pub mod standardise;
pub mod synth;
