//! Feature files, metadata, folds and batches.

pub mod features;
pub mod filename;
pub mod label;
pub mod npy;
pub mod npy_header;
pub mod npz;
