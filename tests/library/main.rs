//! The library through its public interface: golden values, properties, and files of every kind.
//!
//! One program of tests, since linking takes longer than most of them; `cargo test --test library
//! golden::` runs those of one file.

mod readers;

mod damaged_weights;
mod data_folders;
mod decode_properties;
mod fuzz_corpus;
mod golden;
mod inference;
mod model_gradients;
mod non_finite;
mod npz;
mod official;
mod official_cases;
mod openface;
mod optimizers;
mod reader_robustness;
mod round_trips;
