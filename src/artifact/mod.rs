//! What a run leaves in its folder: weights, checkpoint, manifest, history.

pub mod checkpoint;
pub mod description;
pub mod fault;
mod foreign;
pub mod history;
pub mod manifest;
pub(crate) mod run_dir;
pub mod weights_file;
