//! Feature files, metadata, folds and batches.

pub mod aggregate;
pub mod batch;
pub mod clip_files;
mod csv_rows;
pub mod dataset;
pub mod dtype;
pub mod encoder_file;
pub mod features;
pub mod filename;
pub mod fingerprint;
#[cfg(test)]
mod fixture;
pub mod folds;
pub mod inspect;
pub mod label;
pub mod metadata;
mod metadata_labels;
pub mod npy;
pub mod npy_header;
mod npy_order;
pub mod npz;
pub mod npz_write;
pub mod openface;
pub mod part;
pub mod registry;
mod scan;
pub mod standardise;
mod stored;
pub mod synth;
pub(crate) mod table;
pub mod vectors;
