//! Flags that several commands share.

pub mod clip_files;
pub mod common;
pub mod data;
pub mod decoding;
pub mod encoder_output;
pub mod executor;
pub mod keys;
pub mod plan;
pub mod scored_by;
