//! Converts the output of other programs into one feature file per encoder: frame-level features, CSV
//! files of face-analysis programs, and vectors.

pub mod aggregate;
pub mod clip_files;
pub mod encoder_file;
pub mod openface;
pub mod vectors;
