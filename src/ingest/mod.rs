//! From what other programs write to one feature file per encoder: frames, face analysers' CSV files,
//! and vectors.

pub mod aggregate;
pub mod clip_files;
pub mod encoder_file;
pub mod openface;
pub mod vectors;
