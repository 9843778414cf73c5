//! What a run leaves in its folder: weights, checkpoint, manifest, history.

pub mod checkpoint;
pub mod description;
pub mod fault;
mod foreign;
pub mod history;
pub mod manifest;
pub(crate) mod run_dir;
pub(crate) mod stored_decoding;
pub mod weights_file;
