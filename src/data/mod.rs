//! Feature files, metadata, folds and batches.

pub mod label;
